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


def softmax_errors(p: Array, y: Array) -> Array:
    """g_L = p - y of softmax and cross-entropy, shape (N, n_L), without the cancellation of a saturated softmax.

    Where a row of y is one-hot, g_k = p_k of the other classes and g_true = -(sum of the other p): p_true - 1 would lose its digits
    as p_true nears 1. Targets that are soft keep p - y (`error_cancellation` says what is left of it).

    >>> softmax_errors(np.array([[1.0, 1e-30]]), np.array([[1.0, 0.0]])).tolist()
    [[-1e-30, 1e-30]]
    """
    others = p * (1 - y)
    return np.where(one_hot_rows(y), others - y * others.sum(axis=1, keepdims=True), p - y)


def one_hot_rows(y: Array) -> Array:
    """Whether every entry of a row is 0 or 1, shape (N, 1): integer labels, whatever they were passed as."""
    return np.asarray((y * (1 - y) == 0).all(axis=1, keepdims=True))


def error_cancellation(p: Array, y: Array, loss: str) -> float:
    """sum (|p| + |y|) / sum |p - y|: how far outputs and targets cancel in the errors; 1.0 where labels leave nothing to cancel.

    Infinite where every error is 0. MATHEMATICS.md, section 5: from 1 / (10 eps log2(2m)) on rounding explains the errors.

    >>> error_cancellation(np.array([[0.75, 0.25]]), np.array([[0.5, 0.5]]), "cross_entropy")
    4.0
    """
    if loss == "cross_entropy" and one_hot_rows(y).all():
        return 1.0
    left = float(np.abs(p - y).sum())
    return float((np.abs(p) + np.abs(y)).sum()) / left if left else np.inf


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
