"""What is known of a candidate besides its records, as a job's store keeps it for the ranking and the page."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

KEY = "candidates"  # of a job's facts: candidate -> what is known of it


@dataclass(frozen=True)
class CandidateFacts:
    """What the check before training found out about one candidate.

    Attributes:
        family: its architecture, such as "ResNet"; "" where it is not known.
        source: the data set that it was trained on; "" where it is not known.
        input_shape: (h, w, c) of the images that it was given in this job.
        parameters: number of weights of the body.
        multiply_adds: of one image through the body; None where they could not be counted.
        milliseconds: per image through the body, on the job's machine; None where it was not measured.
        licence: of the weights; "" where it is not known.
        notes: how the body was made, such as where a head was cut off; "" for nothing to say.
        doubts: what makes its records worth little, such as images that are not normalised; "" for none.

    >>> facts = {"candidates": {"mlp": CandidateFacts(parameters=51488).values()}}
    >>> CandidateFacts.of(facts, "mlp").parameters, CandidateFacts.of(facts, "cnn")
    (51488, None)
    """

    family: str = ""
    source: str = ""
    input_shape: tuple[int, ...] = ()
    parameters: int | None = None
    multiply_adds: int | None = None
    milliseconds: float | None = None
    licence: str = ""
    notes: str = ""
    doubts: str = ""

    def values(self) -> dict[str, Any]:
        """As JSON values, without what is not known."""
        known = {name: value for name, value in asdict(self).items() if value not in (None, "", ())}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in known.items()}

    @classmethod
    def of(cls, facts: Mapping[str, Any], candidate: str) -> Self | None:
        """From the facts of a job; None where they do not tell, as for a job of an older version or tables put together by hand."""
        known = facts.get(KEY)
        own = known.get(candidate) if isinstance(known, Mapping) else None
        if not isinstance(own, Mapping):
            return None
        kinds = {each.name: _KINDS[each.name] for each in fields(cls)}
        fitting = {name: value for name, value in own.items() if name in kinds and isinstance(value, kinds[name])}
        shape = fitting.pop("input_shape", ())
        return cls(**fitting, input_shape=tuple(side for side in shape if isinstance(side, int)))


_KINDS: dict[str, Any] = {
    **dict.fromkeys(("family", "source", "licence", "notes", "doubts"), str),
    **dict.fromkeys(("parameters", "multiply_adds"), int),
    "milliseconds": int | float,
    "input_shape": list,
}
