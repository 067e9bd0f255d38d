"""LEEP: the log-likelihood of the labels under a classifier made from the source's probabilities (Nguyen et al., ICML 2020).

With theta_z(x) the probability that the source gives its class z,

    P(y, z) = 1/n sum_i theta_z(x_i) [y_i = y],    P(y | z) = P(y, z) / sum_y' P(y', z),
    LEEP = 1/n sum_i log sum_z P(y_i | z) theta_z(x_i).
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.samples import one_class_of_probabilities, one_hot, probabilities


def leep(source_probabilities: ArrayLike, y: ArrayLike) -> float:
    """LEEP of the source's probabilities (n, source classes) and labels (n,), in nats; at most 0.

    0 where every class of the source has one label, and is certain; the mean log frequency of the labels, log(1 / C) for C equally
    frequent ones, where the source's answers tell nothing. A class of the source that has no probability anywhere adds nothing. NaN
    where all samples are of one class. Larger is better, as published.

    Raises: ValueError for anything but probabilities whose rows sum to 1, and for labels that are not whole numbers.

    >>> leep([[1, 0], [1, 0], [0, 1], [0, 1]], [0, 0, 1, 1])
    0.0
    >>> bool(np.isclose(leep([[0.5, 0.5]] * 4, [0, 1, 0, 1]), np.log(1 / 2)))
    True
    """
    theta, classes = probabilities(source_probabilities, y)
    return expected_prediction(theta, classes) if classes.max() else math.nan


def expected_prediction(theta: np.ndarray, classes: np.ndarray) -> float:
    """LEEP of checked probabilities."""
    joint = one_hot(classes).T @ theta
    of_source = joint.sum(axis=0)
    conditional = np.divide(joint, of_source, out=np.zeros_like(joint), where=of_source > 0)
    likelihood = np.einsum("nz,nz->n", theta, conditional[classes])
    # A probability of 1e-320 squared is 0 in float64, which is no reason for an infinite score.
    return float(np.log(np.clip(likelihood, np.finfo(float).tiny, 1)).mean())


SCORE = Score(
    name="leep",
    needs="source_probabilities",
    source="Nguyen et al., ICML 2020",
    summary="log-likelihood of the labels under the source's own predictions",
    function=leep,
    undefined=one_class_of_probabilities,
)
