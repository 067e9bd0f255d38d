"""Earlier curves, stretched and shifted to fit what was seen, after Chandrashekaran and Lane 2017."""

from typing import ClassVar

import numpy as np

from ncap.rules.contract import FloatArray
from ncap.rules.learned import Beginnings, Learned, Model

NEAREST = 10  # curves of the history that are averaged
MOST_STRETCH = 4.0
FLOOR = 1e-6  # squared error, of a thousandth in accuracy, below which curves fit equally well


class AffineCurves(Learned):
    """CL: mean over the earlier curves that fit best of s_j h_j(end) + d_j, each stretched and shifted by least squares.

    (s_j, d_j) = argmin sum_t (s h_j(t) + d - I_t)^2 over the ticks seen, 0 <= s <= 4; with fewer than three ticks, or a flat h_j, s = 1.
    The ten curves with the least error e_j are averaged with weights 1 / (e_j + 1e-6), e_j the mean square. The standard deviation is that
    of their ends under these weights.

    What is simpler than in the source (Chandrashekaran and Lane 2017, ECML PKDD, "previous builds"):

    1. Only accuracies are mapped, not the axis of epochs.
    2. The source weighs by the likelihood of the fit and takes earlier curves from the same search; here they come from the history, and
       their number is fixed.
    3. The end of a curve is its accuracy after training, and not a forecast of it.

    The history ends 0.2 above its last tick, at half the scale of the candidate:

    >>> from ncap.rules.contract import Curve, Outcome
    >>> curve = Curve.of("c", val_accuracy=[0.1, 0.2, 0.25, 0.3, 0.4])
    >>> fitted = AffineCurves().fit([Outcome("other", curve, {}, 0.5)], [("digits", "candidate")])
    >>> round(fitted.predict(Curve.of(val_accuracy=[0.2, 0.4, 0.5, 0.6]), {}).order, 3)
    1.0
    """

    name: ClassVar[str] = "affine_curves"
    summary: ClassVar[str] = "The mean end of earlier curves, stretched and shifted to what was seen (CL)."
    source: ClassVar[str] = "Chandrashekaran and Lane 2017, ECML PKDD"
    least: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()

    def model(self, known: Beginnings) -> Model:
        """The history itself is the model."""
        return lambda y, _: nearest_ends(known.seen, known.ends, y)


def nearest_ends(history: FloatArray, ends: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted mean and standard deviation of the mapped ends; history (m, k), ends (m,), y (n, k)."""
    k = history.shape[1]
    mean_h, mean_y = history.mean(1), y.mean(1)
    h, c = history - mean_h[:, None], y - mean_y[:, None]
    variance, covariance = (h * h).mean(1), c @ h.T / k
    flat = (variance < FLOOR) | (k < 3)
    stretch = np.where(flat, 1.0, np.clip(covariance / np.where(flat, 1.0, variance), 0.0, MOST_STRETCH))
    error = (c * c).mean(1)[:, None] - 2 * stretch * covariance + stretch**2 * variance
    mapped = mean_y[:, None] + stretch * (ends - mean_h)
    best = np.argsort(error, axis=1, kind="stable")[:, :NEAREST]
    weights = 1 / (np.maximum(np.take_along_axis(error, best, axis=1), 0.0) + FLOOR)
    weights /= weights.sum(1, keepdims=True)
    chosen = np.take_along_axis(mapped, best, axis=1)
    made = (weights * chosen).sum(1)
    return made, np.sqrt((weights * (chosen - made[:, None]) ** 2).sum(1))
