"""The power law of three parameters: c - a t^-alpha."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ncap.rules.contract import FloatArray
from ncap.rules.parametric import Parametric


class Pow3(Parametric):
    """y(t) = c - a t^-alpha, alpha in 0.01..5, read off at the horizon.

    t counts in first epochs seen: a is what is missing there. Bounds, search and fallback as in `Parametric`.

    >>> from ncap.rules.contract import Curve
    >>> t = np.arange(1.0, 9.0)
    >>> round(Pow3().predict(Curve.of(val_accuracy=0.9 - 0.5 / t, horizon=1e9), {}).value, 3)
    0.9
    """

    name: ClassVar[str] = "pow3"
    summary: ClassVar[str] = "A power law of three parameters, c - a t^-alpha, at the horizon."
    source: ClassVar[str] = "Domhan et al. 2015, IJCAI, table 1 (pow3)"
    parameters: ClassVar[tuple[str, ...]] = ("c", "a", "alpha")
    low: ClassVar[tuple[float, ...]] = (0.01,)
    high: ClassVar[tuple[float, ...]] = (5.0,)

    @staticmethod
    def shape(t: FloatArray, theta: Sequence[FloatArray]) -> FloatArray:
        """t^-alpha."""
        (alpha,) = theta
        return np.asarray(t**-alpha)
