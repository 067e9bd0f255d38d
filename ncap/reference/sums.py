"""Degrees of the weights, and the sums over them that beta_eff is made of."""

from typing import NamedTuple

import numpy as np

from ncap.reference.arguments import Array
from ncap.reference.verdict import Moments

Degrees = tuple[list[Array], list[Array]]


class Sums(NamedTuple):
    """What capacitance judges: A and D as the reading has them, those of magnitude (None where a method has none), beta_eff's error, N."""

    moments: Moments
    magnitude: Moments | None
    standard_error: float
    n_samples: int


def degree_moments(delta_in: list[Array], delta_out: list[Array]) -> Moments:
    """A, D and whether every degree is exactly 0, from all degrees."""
    A = sum(float(np.vdot(out, into)) for into, out in zip(delta_in, delta_out, strict=True))
    D = float(sum(into.sum() for into in delta_in))
    return Moments(A, D, not any(d.any() for d in (*delta_in, *delta_out)))
