"""Drawn networks, and one network in every form that ncap.reference reads."""

import networkx
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

# Small dyadic weights: their sums and products are exact. Zeros are drawn more often, so that parts come loose.
MATRICES = st.integers(0, 6).flatmap(
    lambda n: hnp.arrays(np.float64, (n, n), elements=st.sampled_from([0.0, 0.0, 1.0, -2.0, 0.5]))
)
FORMS = {
    "dense": np.asarray,
    "sparse": sparse.csr_array,
    # networkx's own matrix has the sender as the row.
    "networkx": lambda P: networkx.from_numpy_array(np.transpose(P), create_using=networkx.DiGraph),
}


def ring(n, *weights):
    """(n, n), directed: node i receives from the nodes before it, with these weights; all degrees are their sum."""
    return sum(weight * np.roll(np.eye(n), step, axis=0) for step, weight in enumerate(weights, 1))


def star(n):
    """(n + 1, n + 1), undirected: node 0 and its n leaves."""
    P = np.zeros((n + 1, n + 1))
    P[0, 1:] = P[1:, 0] = 1
    return P
