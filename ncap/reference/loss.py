"""The loss at the top of a network: softmax, and the targets that its outputs are compared with."""

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array, as_array, described, finite

LOSSES = ("cross_entropy", "squared_error")


def softmax(a: Array) -> Array:
    """exp(a) / sum exp(a) over the last axis, shifted so that nothing overflows.

    >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]
    """
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def read_targets(y: ArrayLike, n: int, classes: int, loss: str) -> Array:
    """The targets as float64 of shape (n, classes): integer labels become one-hot, float targets are checked.

    Raises: ValueError for labels outside 0..classes-1, fractional labels, wrong shapes, NaN, and for cross_entropy
    targets that are negative or do not sum to 1.

    >>> read_targets([1, 0], 2, 2, "cross_entropy").tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    labels = as_array("y", y)
    if labels.shape == (n, 1) and classes > 1:
        labels = labels[:, 0]  # a column of labels, as some loaders give them
    if labels.ndim == 1 and len(labels) == n:
        if labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels y must be integers, got dtype {labels.dtype}; {_label_remedy(labels)}, or targets of shape ({n}, {classes})"
            )
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(
                f"labels y must lie in 0..{classes - 1}, one for each output, got {labels.min()}..{labels.max()}"
            )
        return np.asarray(np.eye(classes)[labels])
    if labels.shape != (n, classes):
        raise ValueError(
            f"y must be integer labels of shape ({n},) or targets of shape ({n}, {classes}), got {described(y, labels)}"
        )
    targets = finite("y", labels)
    if loss == "cross_entropy":
        if targets.min() < 0:
            raise ValueError(f"cross_entropy targets y must be at least 0, got {targets.min()}")
        worst = int(np.abs(targets.sum(axis=1) - 1).argmax())
        if abs(targets[worst].sum() - 1) > 1e-6:  # float32 one-hot and softened labels pass, percentages do not
            raise ValueError(
                f"cross_entropy targets y must sum to 1 in every row, row {worst} sums to "
                f"{targets[worst].sum():.8g}; divide by the row sums"
            )
    return targets


def _label_remedy(labels: Array) -> str:
    if labels.dtype.kind not in "bf":
        return "number the classes, y = np.unique(y, return_inverse=True)[1]"
    fractional = labels[~np.isin(labels % 1, 0)] if labels.dtype.kind == "f" else labels[:0]
    return "pass y.astype(int)" + (f" once they are whole numbers, {fractional[0]} is not" if len(fractional) else "")
