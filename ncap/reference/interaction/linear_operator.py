"""P as a linear operator: products with vectors for less than the cost of a gradient, at sizes where P cannot be built."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from ncap.reference.arguments import Array
from ncap.reference.interaction.graph import by_layer, in_node_order
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.shared_weights.closed_form import weights_of
from ncap.reference.shared_weights.cnn import CNN, check_network, kernels_of
from ncap.reference.shared_weights.junction import junctions, read_junctions
from ncap.reference.verdict import read


def interaction_operator(
    net: MLP | CNN, x: ArrayLike, y: ArrayLike, strength: str = "signed", weighting: str = "unit"
) -> LinearOperator:
    """Interaction matrix P of the explicit reading as a scipy LinearOperator: P v and P' u without P.

        (P v)(l) = z_{l-1}' (s_l * (g_{l+1} V_{l+1}')) / N,    (P' u)(l+1) = (s_l * (z_{l-1} U_l))' g_{l+1} / N

    with v and u cut into kernels V_l, U_l, and convolutions for the products where weights are shared. A matrix, in
    `operator @ matrix`, is taken column by column. Memory: the weights, and the inputs, gates and errors of every layer.

    Args:
        net: an MLP or a CNN. x: (N, *input_shape). y: integer labels (N,) or targets (N, n_L).
        strength, weighting: the reading, as in interaction_matrix.

    Returns: LinearOperator (n_E, n_E) of float64; node order, rows and columns as in interaction_matrix.

    Raises: ValueError for unknown readings or bad data.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> P = interaction_operator(net, [[1.0]], [[5.0]])
    >>> (P @ np.ones(3)).tolist(), (P.T @ np.ones(3)).tolist()     # delta_in, delta_out
    ([1.0, 2.0, 0.0], [0.0, 1.0, 2.0])
    """
    reading = read("explicit", strength, weighting)
    check_network(net)
    meetings = read_junctions(junctions(net, x, y), strength)
    W = in_node_order(weights_of(net, reading))
    shapes = [kernel.shape for kernel in kernels_of(net)]

    def product(v: Array) -> Array:
        V = by_layer(W * v.ravel(), shapes)
        parts = [junction.in_product(V_l) / len(junction.s) for junction, V_l in zip(meetings, V[1:], strict=True)]
        return np.asarray(W * in_node_order([*parts, np.zeros(shapes[-1])]))

    def transposed(u: Array) -> Array:
        U = by_layer(W * u.ravel(), shapes)
        parts = [junction.out_product(U_l) / len(junction.s) for junction, U_l in zip(meetings, U[:-1], strict=True)]
        return np.asarray(W * in_node_order([np.zeros(shapes[0]), *parts]))

    return LinearOperator(shape=(W.size, W.size), matvec=product, rmatvec=transposed, dtype=np.dtype(np.float64))
