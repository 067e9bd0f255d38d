"""Scores: how well a pre-trained network suits a data set, from one pass over it and without training.

Plain functions of arrays: `scores.log_me(features, y)`. `ncap.score` computes them for candidates and targets. A new score is a file here
with the function and its `SCORE`, and one line below.

>>> from ncap import scores
>>> scores.names()
['log_me']
"""

from typing import TYPE_CHECKING, Any

from ncap.registry import Registry
from ncap.scores.contract import Score, Value

if TYPE_CHECKING:  # for type checkers and editors; loaded on first use
    from ncap.scores.maximum_evidence import log_me as log_me

SCORES: Registry[Score] = Registry(
    "score",
    {
        "log_me": "ncap.scores.maximum_evidence:SCORE",
    },
)

__all__ = ["SCORES", "Score", "Value", "log_me", "names"]


def names() -> list[str]:
    """The scores that can be named."""
    return SCORES.names()


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        if name not in SCORES:
            raise AttributeError(f"module 'ncap.scores' has no attribute {name!r}; scores: {', '.join(names())}")
        return SCORES.get(name).function


def __dir__() -> list[str]:
    return sorted(__all__)
