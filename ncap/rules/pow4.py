"""The power law of four parameters: c - (a t + b)^-alpha."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ncap.rules.contract import FloatArray
from ncap.rules.parametric import Parametric


class Pow4(Parametric):
    """y(t) = c - a ((t + b) / (1 + b))^-alpha, alpha in 0.01..5, b in 0.001..1,000, read off at the horizon.

    It is c - (a' t + b')^-alpha of the source with a'^-alpha = a (1 + b)^alpha and b' = a' b, so that a is what is missing at the first
    epoch seen, in which t counts. Bounds, search and fallback as in `Parametric`.

    >>> from ncap.rules.contract import Curve
    >>> t = np.arange(1.0, 9.0)
    >>> round(Pow4().predict(Curve.of(val_accuracy=0.9 - (2 * t + 1) ** -1.0, horizon=1e9), {}).value, 3)
    0.9
    """

    name: ClassVar[str] = "pow4"
    summary: ClassVar[str] = "A shifted power law of four parameters, c - (a t + b)^-alpha, at the horizon."
    source: ClassVar[str] = "Domhan et al. 2015, IJCAI, table 1 (pow4)"
    parameters: ClassVar[tuple[str, ...]] = ("c", "a", "alpha", "b")
    low: ClassVar[tuple[float, ...]] = (0.01, 0.001)
    high: ClassVar[tuple[float, ...]] = (5.0, 1000.0)

    @staticmethod
    def shape(t: FloatArray, theta: Sequence[FloatArray]) -> FloatArray:
        """((t + b) / (1 + b))^-alpha."""
        alpha, b = theta
        return np.asarray(((t + b) / (1 + b)) ** -alpha)
