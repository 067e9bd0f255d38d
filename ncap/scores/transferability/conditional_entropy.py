"""NCE: how well the source's hard answers tell the labels, as a negative conditional entropy (Tran et al., ICCV 2019).

    NCE = -H(Y | Z) = sum_{y, z} P(y, z) log P(y | z),

with P the frequencies of pairs of a label y and the class z that the source takes the sample for.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.samples import labels_of_source, one_class_of_labels


def nce(source_labels: ArrayLike, y: ArrayLike) -> float:
    """NCE of the classes that the source takes the samples for (n,) and their labels (n,), in nats; at most 0.

    0 where each class of the source has one label only, -H(Y) where the two are independent. NaN where all samples are of one class.
    Larger is better, as published. Equal to LEEP of the same answers, given as certain probabilities.

    Raises: ValueError for anything but whole numbers of one length.

    >>> nce([3, 3, 8, 8], [0, 0, 1, 1])
    0.0
    >>> bool(np.isclose(nce([3, 3, 8, 8], [0, 1, 0, 1]), np.log(1 / 2)))
    True
    """
    source, classes = labels_of_source(source_labels, y)
    if not classes.max():
        return math.nan
    counts = np.zeros((classes.max() + 1, source.max() + 1))
    np.add.at(counts, (classes, source), 1)
    conditional = counts / counts.sum(axis=0)  # every class of the source that is listed occurs
    occurring = counts > 0
    return float((counts[occurring] * np.log(conditional[occurring])).sum() / len(classes)) + 0.0


SCORE = Score(
    name="nce",
    needs="source_labels",
    source="Tran et al., ICCV 2019",
    summary="negative conditional entropy of the labels given the source's answers",
    function=nce,
    undefined=one_class_of_labels,
)
