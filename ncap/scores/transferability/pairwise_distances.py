"""PARC: do samples of one class have like features? (Bolya et al., NeurIPS 2021)

Between every two samples there are two distances: 1 - the correlation of their features, each column of which is scaled to mean 0 and
variance 1 first, and 1 - the correlation of their one-hot labels, which has one value within a class and another between classes. PARC
is Spearman's rank correlation of the two over all pairs.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from ncap.scores.contract import Score
from ncap.scores.decomposition import centre
from ncap.scores.samples import one_class, own_order, samples

MOST = 2048  # samples: 2 million pairs
_DIGITS = 12  # of a correlation; the rest is rounding, and would order pairs that are equal


def parc(features: ArrayLike, y: ArrayLike) -> float:
    """PARC of features (n, d) and labels (n,), in -1..1; larger is better. The published code multiplies it by 100.

    Of more than 2,048 samples as many are taken, those that their own values choose, so that the order does not matter. A sample whose
    features are all alike has the correlation 0 with every other. NaN where all samples are of one class, or of classes of one sample
    each, and where all pairs lie equally far apart, as with constant features. It does not change when columns are shifted or scaled.

    Raises: ValueError as `samples` does.

    >>> round(parc([[0.0, 1.0], [0.1, 1.2], [1.0, 0.0], [1.2, 0.1]], [0, 0, 1, 1]), 3)       # 2 pairs lie below the other 4
    1.0
    """
    return _parc(*_chosen(features, y))


def _parc(z: np.ndarray, classes: np.ndarray) -> float:
    rows = _directions(z)
    pairs = np.triu_indices(len(rows), 1)
    ranks = rankdata(np.round(1 - (rows @ rows.T)[pairs], _DIGITS))
    apart = classes[pairs[0]] != classes[pairs[1]]
    if not apart.any() or apart.all() or not np.ptp(ranks):
        return math.nan
    return float(np.corrcoef(ranks, apart)[0, 1])


def _directions(z: np.ndarray) -> np.ndarray:
    """Rows whose products are the samples' correlations: (n, d), 0 for a sample whose scaled features are all alike."""
    columns = centre(z / (np.abs(z).max() or 1.0))
    deviation = columns.std(axis=0)
    rows = np.divide(columns, deviation, out=np.zeros_like(columns), where=deviation > 0)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows -= rows.mean(axis=1, keepdims=True)
    rows[np.abs(rows) <= 1e-13 * largest] = 0
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


def _chosen(features: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    z, classes = samples(features, y)
    if len(z) > MOST:
        rows = own_order(z)[:MOST]
        z, classes = z[rows], classes[rows]
    return z, classes


def _undefined(features: ArrayLike, y: ArrayLike) -> str:
    z, classes = _chosen(features, y)
    if reason := one_class(z, classes):
        return reason
    if np.bincount(classes).max() == 1:
        return "no class has two samples"
    return "" if _directions(z).any() else "the features of a sample are all alike, once each column is scaled"


SCORE = Score(
    name="parc",
    needs="features",
    source="Bolya et al., NeurIPS 2021",
    summary="rank correlation of the distances of features and of labels over pairs of samples",
    function=parc,
    undefined=_undefined,
)
