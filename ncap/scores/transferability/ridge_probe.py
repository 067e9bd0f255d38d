"""The accuracy of a linear probe in closed form: ridge regression on one-hot labels, each sample told by the others.

For centred features F, labels Y and penalty a, the fit is H Y + mean with H = F (F^T F + a I)^-1 F^T. Leaving sample i out changes its
residual from r_i to r_i / (1 - H_ii - 1/n), without another fit.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh

from ncap.scores.contract import Score
from ncap.scores.decomposition import centre
from ncap.scores.samples import one_class, one_hot, samples

PENALTIES = np.logspace(-6, 3, 10)  # in units of the mean squared singular value
_TIE = 1e-9  # fitted labels closer than that are equal


def linear_probe_accuracy(features: ArrayLike, y: ArrayLike) -> float:
    """Share of samples, features (n, d), that a ridge regression on the others gives their class (n,); larger is better.

    The penalty is the one of ten, 1e-6 to 1e3 times the mean squared singular value of the centred features, with the least squared error
    on the samples left out. A class fitted equally well as others is right in the share that is its own. Constant features leave the
    frequencies of the others' labels: the most frequent class is told, and with equal frequencies no sample is told right. NaN where all
    samples are of one class. It does not change when features are shifted, rotated or scaled by one factor.

    Raises: ValueError as `samples` does.

    >>> linear_probe_accuracy([[0.0, 1.0], [0.1, 1.0], [0.2, 0.9], [1.0, 0.0], [0.9, 0.1], [1.0, 0.2]], [0, 0, 0, 1, 1, 1])
    1.0
    """
    z, classes = samples(features, y)
    if not classes.max():
        return math.nan
    left_out = _left_out(centre(z), one_hot(classes))
    best = left_out >= left_out.max(axis=1, keepdims=True) - _TIE
    return float((best[np.arange(len(z)), classes] / best.sum(axis=1)).mean())


def _left_out(centred: np.ndarray, hot: np.ndarray) -> np.ndarray:
    """What each sample's labels (n, classes) are predicted as by the others, with the penalty whose squared error is least."""
    n, mean = len(hot), hot.mean(axis=0)
    values, directions = _directions(centred)
    squares, along = directions**2, directions.T @ hot
    best, least = hot, math.inf
    for penalty in PENALTIES * (values.mean() if len(values) else 1.0):
        kept = values / (values + penalty)
        residual = hot - mean - directions @ (kept[:, None] * along)
        residual /= np.maximum(1 - squares @ kept - 1 / n, np.finfo(float).eps)[:, None]
        error = float((residual**2).sum())
        if error < least:
            best, least = hot - residual, error
    return best


def _directions(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The squared singular values (k,) of centred features (n, d), those that are rounding left out, and their left vectors (n, k)."""
    z = centred / (np.abs(centred).max() or 1.0)
    n, d = z.shape
    values, vectors = eigh(z.T @ z if n > d else z @ z.T)
    kept = values > values[-1] * max(n, d) * np.finfo(float).eps
    values, vectors = values[kept], vectors[:, kept]
    return values, z @ vectors / np.sqrt(values) if n > d else vectors


SCORE = Score(
    name="linear_probe_accuracy",
    needs="features",
    source="ridge regression, Hoerl and Kennard, 1970; left-one-out residuals, Allen, 1974",
    summary="accuracy of a linear probe (ridge regression), each sample told by the others",
    function=linear_probe_accuracy,
    undefined=one_class,
)
