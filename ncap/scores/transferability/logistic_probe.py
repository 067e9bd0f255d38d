"""The accuracy of a linear probe: logistic regression on four fifths of the samples, told the rest."""

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.decomposition import centre
from ncap.scores.samples import one_class, own_order, samples

HELD_OUT = 5  # one in so many of each class
_STEPS = 100


def logistic_probe_accuracy(features: ArrayLike, y: ArrayLike) -> float:
    """Accuracy on a fifth of the samples, features (n, d), of a logistic regression on the other four; larger is better.

    The fifth is stratified by class, and chosen by the samples' own values, so that neither their order nor the seed matters; classes of
    one sample are trained on only. Columns are scaled to variance 1; the penalty is scikit-learn's, |w|^2 / 2 to the sum of the losses,
    and the fit stops after 100 steps, where it is all but done. NaN where all samples are of one class, or no class has two samples.

    Raises: ValueError as `samples` does.

    >>> y = np.arange(20) % 2
    >>> logistic_probe_accuracy(4 * np.eye(2)[y] + np.random.default_rng(0).normal(size=(20, 2)), y)
    1.0
    """
    z, classes = samples(features, y)
    if _undefined(z, classes):
        return math.nan
    order = own_order(z)
    z, classes = centre(z / (np.abs(z).max() or 1.0))[order], classes[order]
    held_out = _held_out(classes)
    deviation = z.std(axis=0)
    scaled = np.divide(z, deviation, out=np.zeros_like(z), where=deviation > 0)
    return _accuracy(scaled, classes, held_out)


def _accuracy(z: np.ndarray, classes: np.ndarray, held_out: np.ndarray) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(max_iter=_STEPS).fit(z[~held_out], classes[~held_out])
    return float((fitted.predict(z[held_out]) == classes[held_out]).mean())


def _held_out(classes: np.ndarray) -> np.ndarray:
    """Of each class the second sample, and then every fifth: (n,), true where it is held out."""
    held_out = np.zeros(len(classes), bool)
    for c in range(classes.max() + 1):
        held_out[np.flatnonzero(classes == c)[1::HELD_OUT]] = True
    return held_out


def _undefined(features: ArrayLike, y: ArrayLike) -> str:
    if reason := one_class(features, y):
        return reason
    counts = np.unique(np.asarray(y), return_counts=True)[1]
    return "" if counts.max() > 1 else "no class has two samples"


SCORE = Score(
    name="logistic_probe_accuracy",
    needs="features",
    source="Alain and Bengio, ICLR workshop 2017",
    summary="accuracy of a linear probe (logistic regression) on a fifth that it was not fitted to",
    function=logistic_probe_accuracy,
    undefined=_undefined,
    cost="fit",
)
