"""What every score keeps.

Laws, tested over every member by `ncap.testing.scores.check_score`:

1. A score is a plain function of arrays, or of a model and a batch, that returns a Python float: the larger, the better the network
   should end. A published number whose sign is the other way is negated, and its summary says so.
2. It returns NaN where it is not defined, and `Score.value` says why; it never returns infinity.
3. The same inputs give the same number, and are not changed.
4. Neither the order of the samples nor the numbering of the classes matters, beyond rounding.
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
    "model": "the body, images (n, h, w, c) and labels (n,)",
}


class Value(NamedTuple):
    """A score, NaN where it is not defined, and why it is not; "" where it is."""

    value: float
    note: str = ""


@dataclass(frozen=True)
class Score:
    """One score: its function and what a table says of it.

    Attributes:
        name: of the function, and of the score in every table.
        needs: "features", "source_probabilities" or "model": what `function` is called with (NEEDS).
        source: the publication.
        summary: what it measures, in a sentence.
        function: the plain function; a float, NaN where the score is not defined.
        undefined: called with the same arguments, says why the score is not defined for them; "" where it is.

    Raises: ValueError for another kind of `needs`.
    """

    name: str
    needs: str
    source: str
    summary: str
    function: Callable[..., float]
    undefined: Callable[..., str]

    def __post_init__(self) -> None:
        """Check the kind."""
        if self.needs not in NEEDS:
            raise ValueError(f"needs must be one of {', '.join(NEEDS)}, got {self.needs!r:.80}")

    def value(self, *inputs: Any) -> Value:
        """The score of the inputs, or NaN and why."""
        reason = self.undefined(*inputs)
        if reason:
            return Value(math.nan, reason)
        value = self.function(*inputs)
        return Value(value, "" if math.isfinite(value) else f"the score came out as {value}")
