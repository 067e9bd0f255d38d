"""Regularised H-score: the H-score with a shrunk covariance (Ibrahim et al., ECML PKDD 2022).

    H_a = tr(S^+ (1 - a) cov(class means)),    S = (1 - a) F^T F / n + a m I,

with F centred, m the mean variance of its columns, a the shrinkage of Ledoit and Wolf, and the covariance of the class means taken over
the samples, each standing for its class, with n - 1 below.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.decomposition import centre, decomposed, present
from ncap.scores.samples import one_class, one_hot, samples


def regularized_h_score(features: ArrayLike, y: ArrayLike) -> float:
    """Regularised H-score of features (n, d) and labels (n,), at least 0; larger is better, as published.

    With many samples, where the shrinkage goes to 0, it goes to the H-score; with few it stays below, where the H-score of more features
    than samples is C - 1 whatever they are. 0 for constant features, NaN where all samples are of one class. It does not change when
    features are shifted, rotated or scaled by one factor.

    Raises: ValueError as `samples` does.

    >>> round(regularized_h_score([[0.0], [0.0], [1.0], [1.0]], [0, 0, 1, 1]), 12)      # one feature is not shrunk: n / (n - 1)
    1.333333333333
    """
    z, classes = samples(features, y)
    if not classes.max():
        return math.nan
    n, d = z.shape
    centred = centre(z)
    scale = np.abs(centred).max()
    if not scale:
        return 0.0
    hot = one_hot(classes)
    parts = decomposed(centred, hot)
    a, variance = shrinkage(parts.s, ((centred / scale) ** 2).sum(axis=1), d)
    between = (parts.energy / hot.sum(axis=0)).sum(axis=1) * parts.s / (n - 1)
    kept = present(parts.s, n, d)
    return float((1 - a) * (between[kept] / ((1 - a) * parts.s[kept] / n + a * variance)).sum())


def shrinkage(s: np.ndarray, squares: np.ndarray, d: int) -> tuple[float, float]:
    """The shrinkage of Ledoit and Wolf (2004), and the mean variance that the covariance is shrunk to.

    s: the squared singular values of the centred features; squares (n,): each sample's squared length. As
    `sklearn.covariance.ledoit_wolf_shrinkage`, which needs two products of d x n x d for what the singular values tell at once.
    """
    n = len(squares)
    variance = s.sum() / (n * d)
    if d == 1:
        return 0.0, float(variance)
    size = (s**2).sum() / n**2
    spread = ((squares**2).sum() / n - size) / (n * d)
    distance = (size - d * variance**2) / d
    if distance <= 4 * np.finfo(float).eps * size:  # the covariance is m I already: any shrinkage gives it
        return 0.0, float(variance)
    return float(min(max(spread, 0.0), distance) / distance), float(variance)


SCORE = Score(
    name="regularized_h_score",
    needs="features",
    source="Ibrahim et al., ECML PKDD 2022",
    summary="H-score with the covariance shrunk as Ledoit and Wolf do",
    function=regularized_h_score,
    undefined=one_class,
)
