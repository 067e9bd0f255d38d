"""What the functions of features, or of a source's answers, and labels take, checked once."""

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike

from ncap.arguments import numbers

_SUM = 0.01  # how far probabilities in half precision may sum from 1


def samples(features: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, d) as finite float64, and the class of each sample as an index (n,) into the classes that occur.

    y: any whole numbers; only which samples share one matters. Raises ValueError for other shapes, for a value that is NaN or infinite,
    and where the two differ in length.

    >>> samples([[1, 2], [3, 4]], [7, 5])
    (array([[1., 2.],
           [3., 4.]]), array([1, 0]))
    """
    given = numbers("features", features)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(
            f"features must have the shape (n, d), neither of them 0, got {given.shape}; pool maps over their pixels first"
        )
    classes = _classes("y", y, "features", len(given))
    z = given.astype(np.float64)
    if not np.isfinite(z).all():
        raise ValueError(
            f"features must be finite, but {np.count_nonzero(~np.isfinite(z))} of {z.size} are NaN or infinite"
        )
    return z, classes


def probabilities(source_probabilities: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, source classes) as float64 whose rows sum to 1, and the class of each sample as in `samples`.

    Raises: ValueError for other shapes, for values below 0, NaN or infinite, and for rows whose sum is not 1 within 0.01.

    >>> probabilities([[0.25, 0.75]], [7])
    (array([[0.25, 0.75]]), array([0]))
    """
    given = numbers("source_probabilities", source_probabilities)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(
            f"source_probabilities must have the shape (n, source classes), neither of them 0, got {given.shape}"
        )
    classes = _classes("y", y, "source_probabilities", len(given))
    p = given.astype(np.float64)
    sums = p.sum(axis=1, keepdims=True)
    wrong = ~((p >= 0).all(axis=1) & (np.abs(sums[:, 0] - 1) <= _SUM))
    if wrong.any():
        first = int(wrong.argmax())
        raise ValueError(
            f"source_probabilities must be at least 0 and sum to 1 in every row, but row {first} holds {p[first].min():.3g} to "
            f"{p[first].max():.3g} with the sum {sums[first, 0]:.6g}; pass logits through a softmax first"
        )
    return p / sums, classes


def labels_of_source(source_labels: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The source's class of each sample and its own, both as indices (n,) into those that occur.

    Raises: ValueError for anything but whole numbers of one length.

    >>> labels_of_source([4, 9, 4], [1, 0, 0])
    (array([0, 1, 0]), array([1, 0, 0]))
    """
    given = numbers("source_labels", source_labels)
    if not given.size:
        raise ValueError("source_labels must hold one label at least, got none")
    source = _classes("source_labels", given, "source_labels", len(given) if given.ndim else 0)
    return source, _classes("y", y, "source_labels", len(given))


def _classes(name: str, y: ArrayLike, other: str, n: int) -> np.ndarray:
    """Whole numbers (n,) as indices into those that occur, for the n samples of the argument called `other`."""
    labels = numbers(name, y)
    if labels.ndim != 1 or labels.dtype.kind not in "ui":
        raise ValueError(
            f"{name} must be whole numbers of the shape (n,), got dtype {labels.dtype} of shape {labels.shape}"
        )
    if len(labels) != n:
        raise ValueError(f"{other} has {n} samples, but {name} has {len(labels)} labels")
    return np.unique(labels, return_inverse=True)[1]


def own_order(z: np.ndarray) -> np.ndarray:
    """An order (n,) of the samples (n, d) that their values alone decide, as if they had been shuffled.

    A score that fits something from a random start, or holds samples out, takes them in this order, and so gives the same number in
    whatever order they come.

    >>> z = np.arange(6.0).reshape(3, 2)
    >>> bool(np.array_equal(z[own_order(z)], z[::-1][own_order(z[::-1])]))
    True
    """
    rows = np.ascontiguousarray(z + 0.0)  # -0 becomes 0
    digests = b"".join(blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    return np.argsort(np.frombuffer(digests, np.uint64), kind="stable")


def one_hot(classes: np.ndarray) -> np.ndarray:
    """Which class (classes,) each sample is of: (n, classes), 0 and 1.

    >>> one_hot(np.array([1, 0]))
    array([[0., 1.],
           [1., 0.]])
    """
    return np.eye(classes.max() + 1)[classes]


def one_class(features: ArrayLike, y: ArrayLike) -> str:
    """Why a score that tells classes apart is not defined: "" where y has two classes at least."""
    _, classes = samples(features, y)
    return _one(classes)


def one_class_of_probabilities(source_probabilities: ArrayLike, y: ArrayLike) -> str:
    """The same for a score of the source's probabilities."""
    return _one(probabilities(source_probabilities, y)[1])


def one_class_of_labels(source_labels: ArrayLike, y: ArrayLike) -> str:
    """The same for a score of the source's labels."""
    return _one(labels_of_source(source_labels, y)[1])


def _one(classes: np.ndarray) -> str:
    return "" if classes.max() else "all samples are of one class"
