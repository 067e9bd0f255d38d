"""Settings that belong together, by name: what a published study trained with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ncap.arguments import one_of


@dataclass(frozen=True)
class Preset:
    """Candidates and settings of a job; whatever else is given takes precedence.

    Attributes:
        candidates: as `ncap.rank` takes them.
        settings: those that the source states, by name; all others keep their defaults.
        source: where they come from, and what it leaves open.
    """

    candidates: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "paper": Preset(
            "paper17",
            MappingProxyType(
                {
                    "epochs": 50,
                    "runs": 20,
                    "batch_size": 64,
                    "learning_rate": 0.001,
                    "frozen": True,
                    "hidden": (256, 128),
                    "dropout": 0.4,
                    "validation": 15_000,
                }
            ),
            "Jiang et al. 2024; its text names no optimizer and no size that the images are brought to",
        ),
    }
)


def preset(name: Any) -> Preset:
    """The preset of that name. Raises ValueError for an unknown one.

    >>> preset("paper").settings["epochs"], preset("paper").candidates
    (50, 'paper17')
    """
    return PRESETS[one_of("preset", name, tuple(PRESETS))]
