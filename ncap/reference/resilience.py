"""Eq. 2 on any network: the effective interaction strength of its one-dimensional reduction."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from ncap.reference.arguments import as_array, finite


def beta_eff(P: "ArrayLike | sparse.sparray | sparse.spmatrix") -> float:
    """Effective interaction strength of a weighted directed network (Eq. 2).

        beta_eff = 1'PP1 / 1'P1 = <delta_out, delta_in> / sum(delta_in),   delta_in = P 1,   delta_out = 1'P

    The row receives, the column sends. With L_P(v) = 1'Pv / 1'P1 it is L_P(delta_in), the in-degree of the sender
    averaged over the links by their weights; for signed weights the denominator can vanish.

    Args:
        P: square matrix, dense or scipy.sparse, of finite numbers.

    Returns: a float; 0.0 for an empty matrix and for 0/0, infinity with the numerator's sign for a/0.

    Raises: ValueError for anything but a square matrix of finite numbers.

    >>> beta_eff([[0, 1, 0], [0, 0, 2], [0, 0, 0]])     # in-degrees 1, 2, 0, out-degrees 0, 1, 2: 2 / 3
    0.6666666666666666
    """
    given: Any = P if sparse.issparse(P) else as_array("P", P)
    if np.iscomplexobj(given):
        raise ValueError("P must hold real weights, got complex numbers")
    if given.ndim != 2 or given.shape[0] != given.shape[1]:
        raise ValueError(
            f"P must be a square matrix, got shape {given.shape} ({type(P).__name__}); pass it dense or as scipy.sparse"
        )
    matrix: Any = given.tocsr().astype(np.float64) if sparse.issparse(P) else finite("P", given)
    if sparse.issparse(P):
        finite("P", matrix.data)
    delta_in, delta_out = (np.asarray(matrix.sum(axis=axis), dtype=np.float64).ravel() for axis in (1, 0))
    return ratio(float(delta_out @ delta_in), float(delta_in.sum()))


def ratio(numerator: float, denominator: float, eps: float = 0.0) -> float:
    """A / (D + sgn(D) eps) with sgn(0) = +1 and 0/0 = 0 (section 3).

    >>> ratio(0.0, 0.0), ratio(-1.0, 0.0), ratio(1.0, -0.5, eps=0.5)
    (0.0, -inf, -1.0)
    """
    regularised = denominator + (eps if denominator >= 0 else -eps)
    if regularised == 0:
        return 0.0 if numerator == 0 else float(np.copysign(np.inf, numerator))
    return float(numerator / regularised)
