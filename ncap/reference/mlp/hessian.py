"""Row and column sums of the hessian reading by products: one directional derivative per layer."""

import numpy as np

from ncap.reference.arguments import Array
from ncap.reference.mlp.backpropagation import Families
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.sums import Degrees


def hessian_degrees(net: MLP, values: Families, weighting: str = "unit") -> Degrees:
    """Degrees of P = d2C / dW_l dW_{l+1} (adjacent layers), without P: L directional derivatives, O(L) products each.

    Let R be the derivative along W_m -> W_m + t V_m in layer m alone: V_m is all ones for weighting "unit", W_m for
    "relative". Forward,

        R a_m = z_{m-1} V_m,   R z_l = s_l * R a_l,   R a_{l+1} = R z_l W_{l+1}   (l >= m),   R a_l = 0 below m,

    at the top R g_L = H_L R a_L with H_L = diag(p) - pp' or I, and backward, the relu's second derivative being 0,

        R g_l = s_l * (R g_{l+1} W_{l+1}' + [l + 1 = m] g_m V_m').

    One such derivative gives the sums of layer m with both its neighbours, the Hessian being symmetric:

        delta_in(m-1)  = V_{m-1} * mean_n z_{m-2} R g_{m-1}               (columns of layer m, summed)
        delta_out(m+1) = V_{m+1} * mean_n (R z_m g_{m+1} + z_m R g_{m+1}) (rows of layer m, summed)

    Shapes: L arrays (n_{l-1}, n_l) each; zeros for delta_in of layer L and delta_out of layer 1.
    Source: MATHEMATICS.md, section 2; the derivative is Pearlmutter's R-operator.

    >>> from ncap.reference.mlp.backpropagation import families
    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")     # z = 1, 2, 6; every g is 1; H_3 = 1, H_2 = W_3^2 = 1
    >>> delta_in, delta_out = hessian_degrees(net, families(net, [[1.0]], [[5.0]]))
    >>> [float(d[0, 0]) for d in delta_in]     # z_0 (g_2 + z_1 W_2 H_2) = 1 + 2 * 3, z_1 (g_3 + z_2 W_3 H_3) = 2 (1 + 6)
    [7.0, 14.0, 0.0]
    """
    n = len(values.p)
    V = [layer.kernel if weighting == "relative" else np.ones_like(layer.kernel) for layer in net.layers]
    delta_in = [np.zeros_like(layer.kernel) for layer in net.layers]
    delta_out = [np.zeros_like(layer.kernel) for layer in net.layers]
    for m in range(1, net.depth + 1):
        R_z, R_g = _directional_derivative(net, values, m, V[m - 1])
        if m > 1:
            delta_in[m - 2] = V[m - 2] * (values.z[m - 2].T @ R_g[m - 1]) / n
        if m < net.depth:
            delta_out[m] = V[m] * (R_z[m].T @ values.g[m - 1] + values.z[m].T @ R_g[m + 1]) / n
    return delta_in, delta_out


def _directional_derivative(net: MLP, values: Families, m: int, V: Array) -> tuple[dict[int, Array], dict[int, Array]]:
    """R z_l for l >= m and R g_l for l >= m - 1, by layer number, along V in layer m."""
    R_z: dict[int, Array] = {}
    R_a = values.z[m - 1] @ V
    for l in range(m, net.depth):
        R_z[l] = values.s[l - 1] * R_a
        R_a = R_z[l] @ net.layers[l].kernel
    R_g = {net.depth: R_a if net.loss == "squared_error" else curved(values.p, R_a)}
    for l in range(net.depth - 1, max(m - 1, 1) - 1, -1):
        R_g[l] = R_g[l + 1] @ net.layers[l].kernel.T
        if l + 1 == m:
            R_g[l] += values.g[m - 2] @ V.T
        R_g[l] *= values.s[l - 1]
    return R_z, R_g


def curved(p: Array, v: Array) -> Array:
    """(diag(p) - pp') v, from v less its entry of the likeliest class: 1 - p of a saturated softmax would lose its digits."""
    v = v - np.take_along_axis(v, p.argmax(axis=1, keepdims=True), axis=1)
    return np.asarray(p * (v - (p * v).sum(axis=1, keepdims=True)))
