"""GBC: how little Gaussians of the classes overlap (Pándy et al., CVPR 2022).

    GBC = -sum_{c != c'} exp(-D(c, c')),    over ordered pairs, so that each pair counts twice, as in the published code,
    D(c, c') = 1/8 |(m_c - m_c') / v^(1/2)|^2 + 1/2 sum_j log(v_j / (v_cj v_c'j)^(1/2)),    v = (v_c + v_c') / 2,

with m_c the mean and v_c the variances of the features of class c on the first 64 principal components of all.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ncap.arguments import one_of
from ncap.scores.contract import Score
from ncap.scores.decomposition import centre, principal
from ncap.scores.samples import one_class, samples

COMPONENTS = 64
_FLOOR = 1e-4  # of a variance, in units of the mean variance of the components over all samples


def gbc(features: ArrayLike, y: ArrayLike, covariance: str = "spherical") -> float:
    """GBC of features (n, d) and labels (n,), in -C (C - 1)..0 for C classes; larger is better, as published.

    covariance: "spherical", one variance for all components of a class (their mean), or "diagonal". No variance is below 1e-4 of the mean
    variance of the components; in the published code it is 1e-4 as such, which depends on the features' scale. 0 where the classes lie
    apart; -C (C - 1) where they have the same Gaussian, so for constant features. NaN where all samples are of one class. It does not
    change when features are shifted, rotated or scaled by one factor.

    Raises: ValueError as `samples` does, and for another covariance.

    Means 2 apart, variance 1 in both classes: D = 2^2 / 8.

    >>> bool(np.isclose(gbc([[-1.0], [1.0], [1.0], [3.0]], [0, 0, 1, 1]), -2 * np.exp(-0.5)))
    True
    """
    one_of("covariance", covariance, ("spherical", "diagonal"))
    z, classes = samples(features, y)
    if not classes.max():
        return math.nan
    count = int(classes.max()) + 1
    reduced = principal(centre(z), COMPONENTS)
    if not reduced.size:
        return float(-count * (count - 1))
    reduced /= np.sqrt(reduced.var(axis=0).mean())
    means = np.array([reduced[classes == c].mean(axis=0) for c in range(count)])
    variances = np.array([reduced[classes == c].var(axis=0) for c in range(count)])
    if covariance == "spherical":
        variances = np.broadcast_to(variances.mean(axis=1, keepdims=True), variances.shape)
    overlaps = np.exp(-_distances(means, np.maximum(variances, _FLOOR)))
    return float(-(overlaps.sum() - np.trace(overlaps)))


def _distances(means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """D between every two classes: (C, C) from means and variances (C, k)."""
    logs = np.log(variances).sum(axis=1) / 2
    found = np.zeros((len(means), len(means)))
    for c, (mean, variance) in enumerate(zip(means, variances, strict=True)):
        between = (variance + variances) / 2
        determinant = np.log(between).sum(axis=1) - logs[c] - logs
        found[c] = ((mean - means) ** 2 / between).sum(axis=1) / 8 + determinant / 2
    return found


SCORE = Score(
    name="gbc",
    needs="features",
    source="Pándy et al., CVPR 2022",
    summary="how little Gaussians of the classes overlap",
    function=gbc,
    undefined=one_class,
)
