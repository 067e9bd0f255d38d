"""Limits to what a candidate may need, or forbid: candidates beyond one are left out of a job."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ncap.candidates.contract import Candidate
    from ncap.records.candidate_facts import CandidateFacts

_FACTORS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}


@dataclass(frozen=True)
class Limits:
    """The most that a candidate may have, and the licences that it may have; None and () forbid nothing.

    Attributes:
        max_parameters, max_multiply_adds: a number, or a text with a unit, such as "5M" or "300k".
        max_milliseconds: per image through the body, as the check before training measures it.
        licences: of the weights, in a list or separated by commas, in any case; a candidate whose licence is not known has none of them.

    Raises: ValueError or TypeError for a value that cannot be used.

    >>> Limits(max_parameters="50k").max_parameters
    50000
    >>> Limits(max_parameters="many")
    Traceback (most recent call last):
    ValueError: max_parameters must be a positive number, or one with a unit such as 5M or 300k, got 'many'
    """

    max_parameters: int | str | None = None
    max_multiply_adds: int | str | None = None
    max_milliseconds: float | None = None
    licences: str | Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Check every limit and convert it to its plain type."""
        for name in ("max_parameters", "max_multiply_adds"):
            object.__setattr__(self, name, _count(name, getattr(self, name)))
        object.__setattr__(self, "max_milliseconds", _milliseconds(self.max_milliseconds))
        object.__setattr__(self, "licences", _licences(self.licences))

    @property
    def measured(self) -> tuple[str, ...]:
        """The facts that these limits compare, and that only a check of the built body may tell."""
        return tuple(
            fact for fact in ("parameters", "multiply_adds", "milliseconds") if getattr(self, f"max_{fact}") is not None
        )

    def forbid(self, known: "Candidate | CandidateFacts", built: bool = False) -> str:
        """Why a candidate is left out, with its number; "" where nothing that is known so far forbids it.

        built: whether it has been built, after which a number that is not known never will be.
        """
        for fact in self.measured:
            most, value = getattr(self, f"max_{fact}"), getattr(known, fact, None)
            if value is not None and value > most:
                return f"{_written(value)} {_WORDS[fact]}, more than max_{fact}={_written(most)}"
            if value is None and built:
                return f"its {_WORDS[fact]} cannot be told, and max_{fact}={_written(most)}"
        if self.licences and known.licence.lower() not in self.licences:
            return f"licence {known.licence or 'not known'}, not one of licences={','.join(self.licences)}"
        return ""

    def split(self, candidates: "Mapping[str, Candidate]") -> "tuple[dict[str, Candidate], dict[str, str]]":
        """The candidates that nothing known beforehand forbids, and of the others why not; ValueError where none is left."""
        why = {name: self.forbid(one) for name, one in candidates.items()}
        kept = {name: one for name, one in candidates.items() if not why[name]}
        left_out = {name: reason for name, reason in why.items() if reason}
        self.check_any(kept, left_out)
        return kept, left_out

    def check_any(self, kept: Collection[str], left_out: Mapping[str, str]) -> None:
        """Raise ValueError where no candidate is left."""
        if left_out and not kept:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:3])
            more = f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
            raise ValueError(f"candidates: none is within the limits ({reasons}{more}); raise a limit, or name others")


_WORDS = {"parameters": "parameters", "multiply_adds": "multiply-adds", "milliseconds": "ms an image"}


def _written(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _count(name: str, value: Any) -> int | None:
    if value is None:
        return None
    number = value
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([kmgbt]?)\s*", value.lower().replace("_", ""))
        number = float(found[1]) * _FACTORS[found[2]] if found else -1
    if not isinstance(number, Real) or isinstance(number, bool) or not 0 < float(number) < math.inf:
        raise ValueError(f"{name} must be a positive number, or one with a unit such as 5M or 300k, got {value!r:.80}")
    return int(float(number))


def _milliseconds(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) < math.inf:
        raise ValueError(f"max_milliseconds must be a positive number of milliseconds an image, got {value!r:.80}")
    return float(value)


def _licences(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"licences must be a list of licences such as ['MIT', 'Apache-2.0'], got {value!r:.80}")
    words = [word.strip().lower() for text in texts for word in text.split(",")]
    if not all(words):
        raise ValueError(f"licences must name a licence in every place, such as 'MIT,Apache-2.0', got {value!r:.80}")
    return tuple(dict.fromkeys(words))
