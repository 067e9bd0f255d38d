"""The Hessian of the loss by every parameter: products with it, and the two readings made of them.

    full_hessian: P = H over all kernels, biases, scales and shifts, so that H 1 is one product;
    hessian with nodes="norms": the blocks of H between neighbouring layers of the chain kernel, norm, kernel, ..., norm, kernel.

R is the derivative along a direction V of all parameters (Pearlmutter's R-operator). With the statistics of the norms fixed and
relu'' = 0, a norm behind its relu (outer = 1, inner = h) or in front of it (outer = h, inner = 1) has forward

    R a_l = R z_{l-1} W_l + z_{l-1} V_W + V_b,   R u_l = inner R a_l / sd,   R z_l = outer (k R u_l + V_k u_l + V_c),

at the top R g_L = H_L R a_L with H_L = diag(p) - pp' or I, and backward, e_l = g_{l+1} W_{l+1}',

    R e_l = R g_{l+1} W_{l+1}' + g_{l+1} V_W',   R g_l = h (k R e_l + V_k e_l) / sd.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array
from ncap.reference.mlp.backpropagation import families
from ncap.reference.mlp.hessian import curved
from ncap.reference.mlp.norm_nodes import chain_shapes, check_norms
from ncap.reference.mlp.perceptron import MLP, Layer
from ncap.reference.sums import Degrees

MAX_NODES = 2_000  # of a P that is built: one product with H a node


class Hidden(NamedTuple):
    """A hidden layer's pass: h = relu', u what its scale multiplies, e = dC/dz_l, each (N, n_l); outer and inner as above."""

    h: Array
    u: Array
    e: Array
    outer: Array
    inner: Array


class Linearised(NamedTuple):
    """What products with H are made of: the network, its z and g, the passes of its hidden layers, and v -> H_L v at the top."""

    net: MLP
    z: list[Array]
    g: list[Array]
    hidden: list[Hidden]
    curvature: Callable[[Array], Array]


def linearised(net: MLP, x: ArrayLike, y: ArrayLike) -> Linearised:
    """The network on data, x (N, n_0) and y labels (N,) or targets (N, n_L), as products with its Hessian see it."""
    values = families(net, x, y)
    hidden = []
    for l, norm in enumerate(net.norms):
        layer, after = net.layers[l], net.norm == "after"
        a = values.z[l] @ layer.kernel + layer.bias
        h = (a if after else layer.scale * a + layer.shift) > 0
        u = ((np.maximum(a, 0) if after else a) - norm.mean) / norm.deviation
        e, on = values.g[l] @ net.layers[l + 1].kernel.T, np.ones_like(a)
        hidden.append(Hidden(h, u, e, *((on, h) if after else (h, on))))

    def curvature(v: Array) -> Array:
        return curved(values.p, v) if net.loss == "cross_entropy" else v

    return Linearised(net, values.z, values.g, hidden, curvature)


def hessian_product(of: Linearised, direction: Sequence[Layer]) -> list[Layer]:
    """H V, the derivative of the gradient of the mean loss along V, by all parameters; O(L) matrix products.

    Args:
        of: the network on data. direction: V, of each layer kernel, bias, scale and shift; scale and shift of the last, which has no
            norm, are left out of account.

    Returns: the product, one Layer for each layer; scale and shift of the last are 0.

    >>> net = MLP([[[2.0]]], loss="squared_error")     # C = (2 x + b - y)^2 / 2, so that H = ((x^2, x), (x, 1))
    >>> ones = Layer(*map(np.atleast_1d, ([[1.0]], 0.0, 0.0, 0.0)))
    >>> hessian_product(linearised(net, [[3.0]], [[1.0]]), [ones])[0][:2]
    (array([[9.]]), array([3.]))
    """
    R_z, R_u, R_a = _forward(of, direction)
    R_g, n, none = of.curvature(R_a), len(R_a), np.zeros(R_a.shape[1])
    kernel = (R_z[-1].T @ of.g[-1] + of.z[-1].T @ R_g) / n
    products = [Layer(kernel, R_g.mean(axis=0), none, none)]
    for l, (h, u, e, outer, _) in reversed(list(enumerate(of.hidden))):
        scale, deviation = of.net.norms[l].scale, of.net.norms[l].deviation
        R_e = R_g @ of.net.layers[l + 1].kernel.T + of.g[l] @ direction[l + 1].kernel.T
        R_g = h * (scale * R_e + direction[l].scale * e) / deviation
        kernel = (R_z[l].T @ (h * scale * e / deviation) + of.z[l].T @ R_g) / n
        norm = (outer * (R_u[l] * e + u * R_e)).mean(axis=0), (outer * R_e).mean(axis=0)
        products.append(Layer(kernel, R_g.mean(axis=0), *norm))
    return products[::-1]


def _forward(of: Linearised, direction: Sequence[Layer]) -> tuple[list[Array], list[Array], Array]:
    """[R z_0..R z_{L-1}], [R u_1..R u_{L-1}] and R a_L."""
    R_z, R_u = [np.zeros_like(of.z[0])], []
    for l, (_, u, _, outer, inner) in enumerate(of.hidden):
        V, norm = direction[l], of.net.norms[l]
        R_a = R_z[-1] @ of.net.layers[l].kernel + of.z[l] @ V.kernel + V.bias
        R_u.append(inner * R_a / norm.deviation)
        R_z.append(outer * (norm.scale * R_u[-1] + V.scale * u + V.shift))
    return R_z, R_u, R_z[-1] @ of.net.layers[-1].kernel + of.z[-1] @ direction[-1].kernel + direction[-1].bias


def full_hessian_degrees(of: Linearised) -> Degrees:
    """H 1 by every parameter that the network was given, as delta_in and, H being symmetric, delta_out.

    Returns: twice the same list, of each layer kernel, bias (1, n_l) and norm (2, n_l), those that are there.

    >>> net = MLP([[[2.0]]], biases=[[0.0]], loss="squared_error")     # H = ((9, 3), (3, 1))
    >>> [d.tolist() for d in full_hessian_degrees(linearised(net, [[3.0]], [[1.0]]))[0]]
    [[[12.0]], [[4.0]]]
    """
    ones = [np.ones(shape) for shape in parameter_shapes(of.net)]
    product = _parts(of.net, hessian_product(of, _direction(of.net, ones)))
    return product, product


def norm_hessian_degrees(of: Linearised) -> Degrees:
    """Degrees of the hessian reading of the chain with the norms' scales and shifts as nodes: one product with H a layer of the chain.

    Returns: two lists of 2L - 1 arrays of the shapes of chain_shapes; zeros for delta_in of W_L and delta_out of W_1.

    Raises: ValueError for a network that lacks a norm, or has it in front of the relu.

    >>> net = MLP([[[2.0]], [[3.0]]], scales=[[1.0]], loss="squared_error")     # C = (3 (2 k + c) - 5)^2 / 2
    >>> [d.ravel().tolist() for d in norm_hessian_degrees(linearised(net, [[1.0]], [[5.0]]))[0]]     # d2C / dw dk + d2C / dw dc, ...
    [[30.0], [14.0, 7.0], [0.0]]
    """
    check_norms(of.net)
    shapes = chain_shapes(of.net)
    delta_in, delta_out = ([np.zeros(shape) for shape in shapes] for _ in range(2))
    for m in range(len(shapes)):
        V = [np.ones(shape) if l == m else np.zeros(shape) for l, shape in enumerate(shapes)]
        product = _chain(hessian_product(of, _of_chain(of.net, V)))
        if m > 0:
            delta_in[m - 1] = product[m - 1]
        if m + 1 < len(shapes):
            delta_out[m + 1] = product[m + 1]
    return delta_in, delta_out


def full_hessian_matrix(of: Linearised) -> Array:
    """H itself, column by column, the nodes in the order of full_hessian_degrees; ValueError above 2,000 of them."""
    net = of.net
    return _columns(parameter_shapes(net), lambda V: _parts(net, hessian_product(of, _direction(net, V))))


def norm_hessian_blocks(of: Linearised) -> list[Array]:
    """The blocks of H between every layer of the chain and the next; ValueError above 2,000 nodes."""
    check_norms(of.net)
    shapes = chain_shapes(of.net)
    H = _columns(shapes, lambda V: _chain(hessian_product(of, _of_chain(of.net, V))))
    ends = np.cumsum([0, *(a * b for a, b in shapes)])
    return [H[ends[l] : ends[l + 1], ends[l + 1] : ends[l + 2]] for l in range(len(shapes) - 1)]


def parameter_shapes(net: MLP) -> list[tuple[int, int]]:
    """Shapes of all parameters that the network was given, in the order of full_hessian_degrees."""
    return [part.shape for part in _parts(net, net.layers)]


def _parts(net: MLP, layers: Sequence[Layer]) -> list[Array]:
    """What the layers hold of the parameters that the network was given: kernel, bias (1, n_l), norm (2, n_l)."""
    parts = []
    for l, (kernel, bias, scale, shift) in enumerate(layers):
        normed = l + 1 < net.depth and net.norms[l].there
        parts += [kernel, *[bias[None]] * net.biased[l], *[np.stack([scale, shift])] * normed]
    return parts


def _direction(net: MLP, parts: Sequence[Array]) -> list[Layer]:
    """The direction whose `_parts` these are, 0 by what the network was not given."""
    rest, direction = list(parts), []
    for l, layer in enumerate(net.layers):
        none = np.zeros_like(layer.bias)
        kernel = rest.pop(0)
        bias = rest.pop(0)[0] if net.biased[l] else none
        scale, shift = rest.pop(0) if l + 1 < net.depth and net.norms[l].there else (none, none)
        direction.append(Layer(kernel, bias, scale, shift))
    return direction


def _chain(layers: Sequence[Layer]) -> list[Array]:
    """Kernels and norms in turn, as chain_shapes has them."""
    parts = [part for layer in layers for part in (layer.kernel, np.stack([layer.scale, layer.shift]))]
    return parts[:-1]


def _of_chain(net: MLP, parts: Sequence[Array]) -> list[Layer]:
    """The direction whose `_chain` these are, 0 by the biases."""
    none = np.zeros((2, net.widths[-1]))
    norms = [*parts[1::2], none]
    return [Layer(kernel, np.zeros(kernel.shape[1]), *norm) for kernel, norm in zip(parts[::2], norms, strict=True)]


def _columns(shapes: Sequence[tuple[int, int]], product: Callable[[list[Array]], list[Array]]) -> Array:
    """The matrix of a linear map of parts of these shapes, from its products with every unit vector."""
    nodes = sum(map(prod, shapes))
    if nodes > MAX_NODES:
        raise ValueError(
            f"P of second derivatives is built from one product a node, for at most {MAX_NODES:,} nodes; this network has {nodes:,}; "
            "ncap.reference.degrees and capacitance need no P"
        )
    ends = list(accumulate(map(prod, shapes), initial=0))
    columns = np.empty((nodes, nodes))
    for node, unit in enumerate(np.eye(nodes)):
        parts = [unit[a:b].reshape(shape) for a, b, shape in zip(ends[:-1], ends[1:], shapes, strict=True)]
        columns[:, node] = np.concatenate([part.ravel() for part in product(parts)])
    return columns
