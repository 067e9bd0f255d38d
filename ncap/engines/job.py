"""What one job is: the settings that change its numbers, and the seeds derived from them."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.arguments import hidden_widths, rate, seed_number, switch, whole_number
from ncap.reference.interaction import read

if TYPE_CHECKING:
    from ncap.targets import Target

BETA_SAMPLES = 4096  # training samples that beta_eff is read on, at most


@dataclass(frozen=True)
class Job:
    """How every candidate of a job is trained and read; all but `epochs` and `runs` changes the numbers of a single row.

    `optimizer` is the name of a Keras optimizer or Keras' own description of one, {"class_name": ..., "config": {...}}.

    Raises: ValueError for a value outside its range, TypeError for an optimizer of another kind.

    >>> Job(epochs=0)
    Traceback (most recent call last):
    ValueError: epochs must be a whole number of at least 1, got 0
    """

    epochs: int = 5
    runs: int = 1
    seed: int = 0
    optimizer: str | Mapping[str, Any] = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 64
    frozen: bool = True
    hidden: Sequence[int] = (256, 128)
    dropout: float = 0.4
    batch_norm: bool = True
    norm_momentum: float = 0.9
    interaction: str = "explicit"
    strength: str = "magnitude"
    weighting: str = "unit"

    def __post_init__(self) -> None:
        """Check the ranges, and turn numpy scalars into what JSON can hold."""
        plain: dict[str, Any] = {
            name: whole_number(name, getattr(self, name), least=1) for name in ("epochs", "runs", "batch_size")
        }
        plain |= {name: switch(name, getattr(self, name)) for name in ("frozen", "batch_norm")}
        plain |= {name: rate(name, getattr(self, name)) for name in ("dropout", "norm_momentum")}
        plain |= {"seed": seed_number(self.seed), "hidden": hidden_widths(self.hidden)}
        plain["learning_rate"] = _learning_rate(self.learning_rate)
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        if not isinstance(self.optimizer, str) and not (
            isinstance(self.optimizer, Mapping) and "class_name" in self.optimizer
        ):
            raise TypeError(
                "optimizer must be a name such as 'adam' or keras.optimizers.serialize(optimizer), which can be written into a "
                f"store, got {self.optimizer!r:.80}"
            )
        read(self.interaction, self.strength, self.weighting)
        if self.method == "autodiff" and self.strength != "signed":
            raise ValueError(
                f"interaction={self.interaction!r} can be read with strength='signed' only, got {self.strength!r}"
            )

    @property
    def reading(self) -> str:
        """The reading of beta_eff, such as "explicit/magnitude/unit"."""
        return f"{self.interaction}/{self.strength}/{self.weighting}"

    @property
    def method(self) -> str:
        """The cheapest method of `ncap.capacitance` that gives the reading."""
        return "closed_form" if self.interaction == "explicit" else "autodiff"

    def parameters(self, target: "Target", backend: str) -> dict[str, Any]:
        """All that changes a row, as JSON values; not `epochs` and `runs`, so that a job can be trained on."""
        own = {name: value for name, value in asdict(self).items() if name not in ("epochs", "runs")}
        return own | {"beta_samples": BETA_SAMPLES, "backend": backend, "target": target.fingerprint}


def _learning_rate(value: Any) -> float:
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) < math.inf:
        raise ValueError(f"learning_rate must be positive and finite, got {value!r:.80}")
    return float(value)


def fingerprint(arrays: Iterable[Any]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of arrays, their shapes and types; None stands for an absent one.

    >>> fingerprint([np.zeros(2)]) == fingerprint([np.zeros(2)]), fingerprint([np.zeros(2)]) == fingerprint([np.zeros((2, 1))])
    (True, False)
    """
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"absent")
            continue
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data.cast("B") if array.size else b"")
    return digest.hexdigest()[:16]


def derived_seed(*parts: str | int) -> int:
    """A seed in [0, 2^31) that depends on every part and on their order, the same in every process.

    Python's hash() of a text differs from process to process, and seed + epoch would repeat other runs' seeds.

    >>> derived_seed(0, "mlp", 1), derived_seed(1, "mlp", 0)
    (1626052742, 1774074900)
    """
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:4]) >> 1
