"""H-score: how much of the whitened features' variance lies between the classes (Bao et al., ICIP 2019).

    H = tr(cov(F)^+ cov(E[F | y])) = sum_i sum_c (u_i^T y_c)^2 / n_c,

with F centred, u_i its left singular vectors, y_c in {0, 1}^n the samples of class c, and n_c their number.
"""

import math

from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.decomposition import centre, decomposed, present
from ncap.scores.samples import one_class, one_hot, samples


def h_score(features: ArrayLike, y: ArrayLike) -> float:
    """H-score of features (n, d) and labels (n,): in 0..min(d, C - 1) for C classes; larger is better, as published.

    C - 1 where the features fit the labels exactly, as any do that have n - 1 independent columns; 0 for constant ones. NaN where all
    samples are of one class. It does not change under any invertible affine map of the features. The pseudo-inverse leaves out singular
    values below max(n, d) times the rounding of float64, relative to the largest.

    Raises: ValueError as `samples` does.

    >>> round(h_score([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 1, 1]), 12)
    1.0
    >>> round(h_score([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]), 12)
    0.0
    """
    z, classes = samples(features, y)
    if not classes.max():
        return math.nan
    hot = one_hot(classes)
    centred = centre(z)
    if not centred.any():
        return 0.0
    parts = decomposed(centred, hot)
    between = (parts.energy / hot.sum(axis=0)).sum(axis=1)
    return float(between[present(parts.s, *z.shape)].sum())


SCORE = Score(
    name="h_score",
    needs="features",
    source="Bao et al., ICIP 2019",
    summary="share of the whitened features' variance that lies between the classes",
    function=h_score,
    undefined=one_class,
)
