"""Scores: how well a pre-trained network suits a data set, from one pass over it and without training.

Plain functions of arrays: `scores.log_me(features, y)`. `ncap.score` computes them for candidates and targets. A new score is a file here
with the function and its `SCORE`, and one line below.

>>> from ncap import scores
>>> scores.names()
['log_me']
"""

from collections.abc import Callable

from ncap.registry import Registry
from ncap.scores.contract import Score, Value

SCORES: Registry[Score] = Registry(
    "score",
    {
        "log_me": "ncap.scores.maximum_evidence:SCORE",
    },
)

__all__ = ["SCORES", "Score", "Value", "names", *SCORES.names()]


def names() -> list[str]:
    """The scores that can be named."""
    return SCORES.names()


def __getattr__(name: str) -> Callable[..., float]:
    if name not in SCORES:
        raise AttributeError(f"module 'ncap.scores' has no attribute {name!r}; scores: {', '.join(names())}")
    return SCORES.get(name).function


def __dir__() -> list[str]:
    return sorted(__all__)
