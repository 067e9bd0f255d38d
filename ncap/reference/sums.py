"""Degrees of the weights, and the sums over them that beta_eff is made of."""

from typing import NamedTuple

import numpy as np

from ncap.reference.arguments import Array
from ncap.reference.verdict import Moments

Degrees = tuple[list[Array], list[Array]]


class Sums(NamedTuple):
    """What a capacitance is judged by.

    moments: A and D in the reading. magnitude: those of its magnitudes, None where the method has none. standard_error: of
    beta_eff over the samples. n_samples: N. errors: how far outputs and targets cancel in g_L.
    """

    moments: Moments
    magnitude: Moments | None
    standard_error: float
    n_samples: int
    errors: float = 1.0


def degree_moments(delta_in: list[Array], delta_out: list[Array]) -> Moments:
    """A = <delta_out, delta_in>, D = sum(delta_in), and whether every degree is exactly 0.

    >>> zero, one, two = (np.full((1, 1), value) for value in (0.0, 1.0, 2.0))
    >>> degree_moments([one, two, zero], [zero, one, two])
    Moments(numerator=2.0, denominator=3.0, vanishes=False)
    """
    A = float(sum(map(np.vdot, delta_out, delta_in)))
    D = float(sum(into.sum() for into in delta_in))
    return Moments(A, D, not any(d.any() for d in (*delta_in, *delta_out)))
