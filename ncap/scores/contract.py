"""What every score keeps.

Laws, tested over every member by `ncap.testing.scores.check_score`:

1. A score is a plain function of arrays, of a model and a batch, or of what is known of a candidate, that returns a Python float: the
   larger, the better the network should end. A published number whose sign is the other way is negated, and its summary says so.
2. It returns NaN where it is not defined, and `Score.value` says why; it never returns infinity, and never warns.
3. The same inputs give the same number, and are not changed.
4. Neither the order of the samples nor the numbering of the classes matters, beyond rounding; of a network whose head is random the
   numbering does, because it says which of the head's columns is whose.
5. An argument that cannot be used raises ValueError, which names it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

# What a function of each kind is called with, in this order.
NEEDS = {
    "features": "features (n, d) and labels (n,)",
    "source_probabilities": "class probabilities of the source (n, source classes) and labels (n,)",
    "source_labels": "the class that the source takes each sample for (n,) and labels (n,)",
    "model": "the body, images (n, h, w, c) and labels (n,)",
    "network": "the body under a linear head that returns logits, a batch of images (n, h, w, c) and labels (n,)",
    "known": "what is known of the candidate (`ncap.scores.static.known.Known`)",
}
# What it takes to have a score, from the cheapest to the dearest.
COSTS = {
    "none": "nothing but what is known of the candidate",
    "forward": "one forward pass over the sample, or a few over one batch, and less than that for the score",
    "fit": "one forward pass over the sample, and a fit to its features that takes seconds",
    "gradient": "forward and backward passes over one batch",
}


class Value(NamedTuple):
    """A score, NaN where it is not defined, and why it is not; "" where it is."""

    value: float
    note: str = ""


def always_defined(*inputs: Any) -> str:
    """No reason, whatever the inputs."""
    return ""


@dataclass(frozen=True)
class Score:
    """One score: its function and what a table says of it.

    Attributes:
        name: of the function, and of the score in every table.
        needs: what `function` is called with, one of NEEDS.
        source: the publication.
        summary: what it measures, in a sentence.
        function: the plain function; a float, NaN where the score is not defined.
        undefined: called with the same arguments, says why the score is not defined for them; "" where it is, as everywhere by default.
        cost: what it takes, one of COSTS.

    Raises: ValueError for another kind of `needs` or `cost`.
    """

    name: str
    needs: str
    source: str
    summary: str
    function: Callable[..., float]
    undefined: Callable[..., str] = always_defined
    cost: str = "forward"

    def __post_init__(self) -> None:
        """Check the kinds."""
        for name, known in (("needs", NEEDS), ("cost", COSTS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r:.80}")

    def value(self, *inputs: Any) -> Value:
        """The score of the inputs, or NaN and why."""
        reason = self.undefined(*inputs)
        if reason:
            return Value(math.nan, reason)
        value = self.function(*inputs)
        return Value(value, "" if math.isfinite(value) else f"the score came out as {value}")
