"""The accuracy of the k nearest neighbours on the features, each sample told by the others.

In a comparison of 23 scores over 42,000 runs (arXiv 2503.18528) none was good throughout, and this one was the best.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ncap.arguments import whole_number
from ncap.scores.contract import Score
from ncap.scores.samples import one_class, own_order, samples

NEIGHBOURS = 5
MOST = 4096  # samples that are told; their neighbours are sought among all


def knn_accuracy(features: ArrayLike, y: ArrayLike, k: int = NEIGHBOURS) -> float:
    """Share of samples, features (n, d), whose class most of their k nearest neighbours have, themselves left out; larger is better.

    Neighbours are nearest in Euclidean distance; of classes with equally many the one with the nearer neighbours wins. Of more than 4,096
    samples as many are told, those that their own values choose. NaN where all samples are of one class, or where there are fewer than
    two. It does not change when features are shifted, rotated or scaled by one factor; samples at equal distances may take turns.

    Raises: ValueError as `samples` does, and for k below 1.

    >>> knn_accuracy([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], [0, 0, 0, 1, 1, 1], k=2)
    1.0
    """
    k = whole_number("k", k, least=1)
    z, classes = samples(features, y)
    if not classes.max():
        return math.nan
    order = own_order(z)
    z, classes = z[order], classes[order]
    told = min(len(z), MOST)
    near = _others(z, told, min(k, len(z) - 1))
    # An extra below 1 in all, larger for nearer ones, breaks ties and nothing else.
    weights = 1 + 0.5 ** np.arange(1, near.shape[1] + 1)
    votes = np.zeros((told, classes.max() + 1))
    np.add.at(votes, (np.arange(told)[:, None], classes[near]), weights)
    return float((votes.argmax(axis=1) == classes[:told]).mean())


def _others(z: np.ndarray, told: int, k: int) -> np.ndarray:
    """The k nearest of the samples z (n, d) to each of the first `told`, nearest first, itself left out: (told, k)."""
    from sklearn.neighbors import NearestNeighbors

    z = z / (np.abs(z).max() or 1.0)  # so that squares neither overflow nor vanish
    found = NearestNeighbors(algorithm="brute").fit(z).kneighbors(z[:told], k + 1, return_distance=False)
    others = found != np.arange(told)[:, None]
    others[others.all(axis=1), -1] = False  # among more than k copies of itself a sample may be missing
    return found[others].reshape(told, k)


SCORE = Score(
    name="knn_accuracy",
    needs="features",
    source="Fix and Hodges, 1951; as a score arXiv 2503.18528",
    summary="accuracy of the 5 nearest neighbours, each sample told by the others",
    function=knn_accuracy,
    undefined=one_class,
)
