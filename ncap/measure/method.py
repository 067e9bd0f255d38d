"""The contract of a method: a module with one function, `measure(data, reading, batch_size) -> Sums`.

    A, D = 1'PP1, 1'P1 of the reading,   beta_eff = A / D

What every method promises, and `ncap.testing.methods` tests:

1. A and D are those of `ncap.reference`, within `ncap.reference.rounding.ROUNDINGS` roundings of the uncancelled sums.
2. They are sums over the samples: the batch size changes rounding, time and memory only.
3. The probe's own weights of now are read, in inference mode; nothing is changed.
4. A standard error and sums of magnitudes are given, or said to be absent (NaN, None); never guessed.
5. P is never formed.

A module may also have `measure_each(data, reading, size)`, the Sums of every mini-batch of `size` samples in their order, where it gives
them faster than one call of `measure` a batch does; their standard errors may be NaN.

Of a reading that has a P, the module also gives `degrees(data, reading, batch_size)`: delta_in and delta_out of every weight, two lists of
L float64 arrays (n_{l-1}, n_l). They are what the comparison with the oracle looks at, weight by weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ncap.reference.verdict import Moments, Reading

if TYPE_CHECKING:
    from ncap.measure.probe import Probe


class ProbeData(NamedTuple):
    """What a method reads: the probe, features z_0 (N, n_0) and targets (N, n_L) in the dtype of the computation, and the loss.

    weights: None, or what each sample's loss counts, (N,): its errors g are multiplied by it. Only the closed form is given any.
    """

    probe: Probe
    features: np.ndarray
    targets: np.ndarray
    loss: str
    weights: np.ndarray | None = None

    def rows(self, rows: Any) -> ProbeData:
        """The data of some samples: a slice of them, or their numbers in any order."""
        weights = None if self.weights is None else self.weights[rows]
        return self._replace(features=self.features[rows], targets=self.targets[rows], weights=weights)

    def followed_by(self, more: ProbeData) -> ProbeData:
        """The data of these samples and then of more, of the same probe and loss."""
        weights = None if self.weights is None else np.concatenate([self.weights, more.weights])
        features, targets = (np.concatenate(pair) for pair in zip(self[1:3], more[1:3], strict=True))
        return self._replace(features=features, targets=targets, weights=weights)

    def batches(self, size: int) -> Iterator[ProbeData]:
        """The data in mini-batches of `size` samples, in their order; the last has what is left."""
        for start in range(0, len(self.features), size):
            yield self.rows(slice(start, start + size))


class Sums(NamedTuple):
    """What a method returns.

    moments: A and D of the reading. uncancelled: the same before anything cancels, None where the method has none.
    standard_error: of A / D over the samples, NaN where the method has none.
    """

    moments: Moments
    uncancelled: Moments | None
    standard_error: float


class Measure(Protocol):
    """The function `measure` of a method's module."""

    def __call__(self, data: ProbeData, reading: Reading, batch_size: int) -> Sums:
        """A, D and what is known of them, of `reading` on `data`, `batch_size` samples on the device at a time."""
        ...
