"""The singular values of features, and how much of the labels lies along each of their directions."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh, svd


class Decomposition(NamedTuple):
    """Of features F = U S V^T (n, d) and labels Y (n, classes); k = min(n, d).

    Attributes:
        s: (k,), the squared singular values, largest first, in units of the square of F's largest entry.
        energy: (k, classes), the squares of U^T Y.
        rest: (classes,), |y|^2 of what lies outside the span of U.
    """

    s: np.ndarray
    energy: np.ndarray
    rest: np.ndarray


def centre(features: np.ndarray) -> np.ndarray:
    """Features (n, d) less their means; exactly 0 where a column is constant but for rounding.

    >>> centre(np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]])).tolist()
    [[0.0, -1.0], [0.0, 0.0], [0.0, 1.0]]
    """
    constant = np.ptp(features, axis=0) <= 4 * np.finfo(float).eps * np.abs(features).max(axis=0)
    return np.where(constant, 0.0, features - features.mean(axis=0))


def decomposed(features: np.ndarray, labels: np.ndarray) -> Decomposition:
    """The decomposition of features (n, d) and labels (n, classes), both float64, without U itself.

    With F = Q R and R = W S V^T, U^T Y = W^T Q^T Y. The factor of (F, Y) holds R and Q^T Y side by side, and below them what is left of Y,
    so that the singular value decomposition is one of d x d, and `rest` is no difference of large numbers.

    >>> one = decomposed(np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), np.array([[1.0], [2.0], [2.0]]))
    >>> (one.s * 9).round(9).tolist(), one.energy.round(9).tolist(), one.rest.round(9).tolist()
    ([9.0, 1.0], [[1.0], [4.0]], [4.0])
    """
    scale = np.abs(features).max()  # so that squares neither overflow nor vanish
    z = features / scale if scale else features
    n, d = z.shape
    if n <= d:
        u, singular, _ = svd(_triangle(z.T).T, full_matrices=False)
        return Decomposition(singular**2, (u.T @ labels) ** 2, np.zeros(labels.shape[1]))
    factor = _triangle(np.hstack([z, labels]))
    u, singular, _ = svd(factor[:d, :d], full_matrices=False)
    return Decomposition(singular**2, (u.T @ factor[:d, d:]) ** 2, (factor[d:, d:] ** 2).sum(axis=0))


def _triangle(matrix: np.ndarray) -> np.ndarray:
    """R of matrix = Q R, with as many rows as R needs."""
    return np.asarray(np.linalg.qr(matrix, mode="r"))


def present(s: np.ndarray, n: int, d: int) -> np.ndarray:
    """Which of the squared singular values of features (n, d) are more than rounding."""
    return np.sqrt(s) > np.sqrt(s.max()) * max(n, d) * np.finfo(float).eps


def principal(centred: np.ndarray, most: int | None = None, share: float = 1.0) -> np.ndarray:
    """The scores (n, k) of centred features (n, d) on their first principal components, in units of the features' largest entry.

    k: as few as hold `share` of the variance, at most `most`; directions without variance are left out, so that k may be 0.

    >>> principal(np.array([[2.0, 1.0], [-2.0, 1.0], [0.0, -2.0]]), most=1).round(9).tolist()
    [[1.0], [-1.0], [0.0]]
    """
    scale = np.abs(centred).max()
    z = centred / scale if scale else centred
    n, d = z.shape
    tall = n > d
    k = min(n, d) if most is None else min(n, d, most)
    values, vectors = eigh(z.T @ z if tall else z @ z.T, subset_by_index=(min(n, d) - k, min(n, d) - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    whole = float((z**2).sum())
    kept = values > whole * max(n, d) * np.finfo(float).eps
    enough = np.cumsum(values) - values < share * whole * (1 - 1e-12)
    values, vectors = values[kept & enough], vectors[:, kept & enough]
    vectors = vectors * np.where(vectors.sum(axis=0) < 0, -1, 1)
    return z @ vectors if tall else vectors * np.sqrt(values)
