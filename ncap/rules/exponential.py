"""The exponential approach: c - a exp(-kappa t)."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ncap.rules.contract import FloatArray
from ncap.rules.parametric import Parametric


class Exponential(Parametric):
    """y(t) = c - a exp(-kappa (t - 1)), kappa in 0.001..10, read off at the horizon.

    t counts in first epochs seen: a is what is missing there. Bounds, search and fallback as in `Parametric`.

    >>> from ncap.rules.contract import Curve
    >>> t = np.arange(1.0, 9.0)
    >>> round(Exponential().predict(Curve.of(val_accuracy=0.9 - 0.6 * np.exp(-0.4 * t), horizon=1e9), {}).value, 3)
    0.9
    """

    name: ClassVar[str] = "exp"
    summary: ClassVar[str] = "An exponential of three parameters, c - a exp(-kappa t), at the horizon."
    source: ClassVar[str] = "Viering and Loog 2022, IEEE TPAMI, table 1 (exp3)"
    parameters: ClassVar[tuple[str, ...]] = ("c", "a", "kappa")
    low: ClassVar[tuple[float, ...]] = (0.001,)
    high: ClassVar[tuple[float, ...]] = (10.0,)

    @staticmethod
    def shape(t: FloatArray, theta: Sequence[FloatArray]) -> FloatArray:
        """exp(-kappa (t - 1))."""
        (kappa,) = theta
        return np.asarray(np.exp(-kappa * (t - 1)))
