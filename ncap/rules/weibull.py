"""The Weibull curve: alpha - (alpha - beta) exp(-(kappa t)^delta)."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ncap.rules.contract import FloatArray
from ncap.rules.parametric import Parametric


class Weibull(Parametric):
    """y(t) = alpha - (alpha - beta) exp(-(kappa t)^delta), kappa in 0.001..10, delta in 0.1..5, read off at the horizon.

    alpha is the asymptote and alpha - beta the distance from it at t = 0; t counts in first epochs seen. Bounds, search and fallback as in
    `Parametric`, with c = alpha and a = alpha - beta. Domhan's exp4, c - exp(-a t^alpha + b), is the same curve.

    >>> from ncap.rules.contract import Curve
    >>> t = np.arange(1.0, 9.0)
    >>> round(Weibull().predict(Curve.of(val_accuracy=0.9 - 0.6 * np.exp(-((0.3 * t) ** 0.8)), horizon=1e9), {}).value, 3)
    0.9
    """

    name: ClassVar[str] = "weibull"
    summary: ClassVar[str] = "The Weibull growth curve at the horizon."
    source: ClassVar[str] = "Domhan et al. 2015, IJCAI, table 1 (Weibull)"
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta", "kappa", "delta")
    low: ClassVar[tuple[float, ...]] = (0.001, 0.1)
    high: ClassVar[tuple[float, ...]] = (10.0, 5.0)

    @staticmethod
    def shape(t: FloatArray, theta: Sequence[FloatArray]) -> FloatArray:
        """exp(-(kappa t)^delta)."""
        kappa, delta = theta
        return np.asarray(np.exp(-((kappa * t) ** delta)))
