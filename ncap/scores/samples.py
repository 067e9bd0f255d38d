"""What the functions of features and labels take, checked once."""

import numpy as np
from numpy.typing import ArrayLike

from ncap.arguments import numbers


def samples(features: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, d) as finite float64, and the class of each sample as an index (n,) into the classes that occur.

    y: any whole numbers; only which samples share one matters. Raises ValueError for other shapes, for a value that is NaN or infinite,
    and where the two differ in length.

    >>> samples([[1, 2], [3, 4]], [7, 5])
    (array([[1., 2.],
           [3., 4.]]), array([1, 0]))
    """
    given, labels = numbers("features", features), numbers("y", y)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(
            f"features must have the shape (n, d), neither of them 0, got {given.shape}; pool maps over their pixels first"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "ui":
        raise ValueError(f"y must be whole numbers of the shape (n,), got dtype {labels.dtype} of shape {labels.shape}")
    if len(labels) != len(given):
        raise ValueError(f"features has {len(given)} samples, but y has {len(labels)} labels")
    z = given.astype(np.float64)
    if not np.isfinite(z).all():
        raise ValueError(
            f"features must be finite, but {np.count_nonzero(~np.isfinite(z))} of {z.size} are NaN or infinite"
        )
    return z, np.unique(labels, return_inverse=True)[1]


def one_class(features: ArrayLike, y: ArrayLike) -> str:
    """Why a score that tells classes apart is not defined: "" where y has two classes at least."""
    _, classes = samples(features, y)
    return "" if classes.max() else "all samples are of one class"
