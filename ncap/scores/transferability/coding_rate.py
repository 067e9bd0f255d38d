"""TransRate: how much shorter a code the features of one class have than those of all (Huang et al., ICML 2022).

    R(Z) = 1/2 log det(I + Z^T Z / (e n)),    e = 1e-4,
    TransRate = R(Z) - 1/C sum_c R(Z_c),

with Z centred once, over all samples; Z_c its n_c rows of class c, n_c in place of n; and the mean over the C classes unweighted, as in
the published code; weights by frequency give another number where the classes are uneven.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cholesky

from ncap.scores.contract import Score
from ncap.scores.decomposition import centre
from ncap.scores.samples import one_class, samples

DISTORTION = 1e-4
_LARGEST = 1e148


def trans_rate(features: ArrayLike, y: ArrayLike) -> float:
    """TransRate of features (n, d) and labels (n,), in nats; larger is better, as published.

    0 for constant features, and NaN where all samples are of one class, or where the features are so large that their squares overflow.
    It does not change when features are shifted or rotated; it does when they are scaled, as e is a distance.

    Raises: ValueError as `samples` does.

    Two points, one of each class, at -1 and 1: R(Z) = 1/2 log(1 + 1 / e), and the same for each class.

    >>> trans_rate([[-1.0], [1.0]], [0, 1])
    0.0

    One class on each of two axes: Z^T Z / n is I / 2, and has a 1 alone within a class.

    >>> value = trans_rate([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [0, 0, 1, 1])
    >>> bool(np.isclose(value, np.log(1 + 1 / 2e-4) - np.log(1 + 1 / 1e-4) / 2))
    True
    """
    z, classes = samples(features, y)
    if not classes.max():
        return math.nan
    if _too_large(z):
        return math.nan
    centred = centre(z)
    parts = [_rate(centred[classes == c]) for c in range(classes.max() + 1)]
    return float(_rate(centred) - np.mean(parts))


def _too_large(z: np.ndarray) -> bool:
    return float(np.abs(z).max()) > _LARGEST


def _undefined(features: ArrayLike, y: ArrayLike) -> str:
    reason = one_class(features, y)
    return reason or (
        "the features are so large that their squares overflow" if _too_large(np.asarray(features)) else ""
    )


def _rate(z: np.ndarray) -> float:
    """R(Z), from the smaller of Z^T Z and Z Z^T."""
    n, d = z.shape
    gram = (z.T @ z if n > d else z @ z.T) / (DISTORTION * n)
    gram.flat[:: len(gram) + 1] += 1
    return float(np.log(np.diag(cholesky(gram, overwrite_a=True, check_finite=False))).sum())


SCORE = Score(
    name="trans_rate",
    needs="features",
    source="Huang et al., ICML 2022",
    summary="coding rate of the features less that within the classes",
    function=trans_rate,
    undefined=_undefined,
)
