"""Candidates: the pre-trained networks that are ranked.

A new source of them is a file here, or anywhere, with `names()` and `candidate(name)`, and one line below; its name stands for all its
candidates.

>>> from ncap import candidates
>>> list(candidates.resolve("residual,mlp"))
['residual', 'mlp']
"""

from ncap.candidates.contract import Source
from ncap.registry import Registry

SOURCES: Registry[Source] = Registry(
    "collection of candidates",
    {
        "mini": "ncap.candidates.mini:MINI",
        "backbones": "ncap.candidates.backbones:BACKBONES",
    },
)

from ncap.candidates.catalog import describe, list_candidates, names, resolve  # noqa: E402  reads the registry above
from ncap.candidates.contract import Candidate  # noqa: E402
from ncap.candidates.factory import FactoryCandidate  # noqa: E402

__all__ = ["Candidate", "FactoryCandidate", "Source", "describe", "list_candidates", "names", "resolve"]
