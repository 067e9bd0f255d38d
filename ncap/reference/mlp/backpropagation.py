"""The forward pass, the errors carried back, and the gradients of the kernels (Eq. 5)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array, finite
from ncap.reference.loss import read_targets, softmax, softmax_errors
from ncap.reference.mlp.perceptron import MLP, check_net


class Families(NamedTuple):
    """What one forward pass and one pass of errors leave behind, each entry (N, n_l).

    z = [z_0..z_{L-1}], s = [s_1..s_{L-1}], g = [g_2..g_L] (for L = 1: [g_1]), p = the output, softmax(a_L) or a_L.
    """

    z: list[Array]
    s: list[Array]
    g: list[Array]
    p: Array


def forward(net: MLP, x: ArrayLike) -> tuple[list[Array], list[Array], Array]:
    """The forward pass: activations [z_0..z_{L-1}], derivatives [s_1..s_{L-1}] and the last pre-activation a_L.

    Shapes: x (N, n_0); every z_l and s_l (N, n_l); a_L (N, n_L).

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> z, s, a = forward(net, [[1.0]])
    >>> [float(z_l[0, 0]) for z_l in z], [float(s_l[0, 0]) for s_l in s], float(a[0, 0])
    ([1.0, 2.0, 6.0], [1.0, 1.0], 6.0)
    """
    check_net(net)
    z, s = [read_inputs(x, net.widths[0])], []
    for layer in net.layers[:-1]:
        a = z[-1] @ layer.kernel
        a += layer.bias
        if net.norm == "before":
            a *= layer.scale
            a += layer.shift
        active = a > 0
        s.append(active * layer.scale)
        np.maximum(a, 0, out=a)
        if net.norm == "after":
            a *= layer.scale
            a += layer.shift
        z.append(a)
    return z, s, z[-1] @ net.layers[-1].kernel + net.layers[-1].bias


def families(net: MLP, x: ArrayLike, y: ArrayLike) -> Families:
    """The families z, s, g of T0: everything that the interaction matrix P is made of.

    Shapes: x (N, n_0); y integer labels (N,), or floats (N, n_L), which for cross_entropy are >= 0 and sum to 1 per row.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> [float(g_l[0, 0]) for g_l in families(net, [[1.0]], [[5.0]]).g]     # g_3 = 6 - 5, g_2 = g_3 W_3
    [1.0, 1.0]
    """
    z, s, a = forward(net, x)
    targets = read_targets(y, a.shape[0], a.shape[1], net.loss)
    p = softmax(a) if net.loss == "cross_entropy" else a
    g = [softmax_errors(p, targets) if net.loss == "cross_entropy" else p - targets]
    for layer, s_l in zip(net.layers[:1:-1], s[:0:-1], strict=True):
        g.append(s_l * (g[-1] @ layer.kernel.T))
    return Families(z, s, g[::-1], p)


def gradients(net: MLP, x: ArrayLike, y: ArrayLike) -> list[Array]:
    """Gradients of the mean loss by the kernels (Eq. 5): dC/dW_l = z_{l-1}^T g_l / N, L arrays (n_{l-1}, n_l).

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> [float(dW[0, 0]) for dW in gradients(net, [[1.0]], [[5.0]])]     # g_1 = 3: 1*3, 2*1, 6*1
    [3.0, 2.0, 6.0]
    """
    values = families(net, x, y)
    return [z_l.T @ g_l / len(values.p) for z_l, g_l in zip(values.z, all_errors(net, values), strict=True)]


def all_errors(net: MLP, values: Families) -> list[Array]:
    """[g_1, ..., g_L], each (N, n_l): the families lack g_1, which P does not need."""
    if net.depth == 1:
        return values.g
    return [values.s[0] * (values.g[0] @ net.layers[1].kernel.T), *values.g]


def read_inputs(x: ArrayLike, width: int) -> Array:
    """The inputs as finite float64 of shape (N, width), N at least 1; ValueError otherwise."""
    inputs = finite("x", x)
    if inputs.ndim != 2 or inputs.shape[1] != width or not len(inputs):
        raise ValueError(f"x must have shape (N, {width}), N at least 1: samples are rows; got {inputs.shape}")
    return inputs
