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
from ncap.reference.mlp.backpropagation import Families, families
from ncap.reference.mlp.hessian import curved
from ncap.reference.mlp.norm_nodes import chain_shapes, check_norms
from ncap.reference.mlp.perceptron import MLP, Layer
from ncap.reference.sums import Degrees

MAX_NODES = 2_000  # of a P that is built: one product with H a node


class _Hidden(NamedTuple):
    """A hidden layer's pass: h = relu', u what its scale multiplies, e = dC/dz_l, each (N, n_l); outer and inner as above."""

    h: Array
    u: Array
    e: Array
    outer: Array
    inner: Array


def hessian_product(net: MLP, x: ArrayLike, y: ArrayLike, direction: Sequence[Layer]) -> list[Layer]:
    """H V, the derivative of the gradient of the mean loss along V, by all parameters; O(L) matrix products.

    Args:
        net: the network. x: (N, n_0). y: labels (N,) or targets (N, n_L).
        direction: V, of each layer kernel, bias, scale and shift. Of the last layer, and of one without a norm, scale and shift are left
            out of account; a bias that is not there is one like any other.

    Returns: the product, one Layer for each layer; scale and shift of the last are 0.

    >>> net = MLP([[[2.0]]], loss="squared_error")     # C = (2 x + b - y)^2 / 2, so that H = ((x^2, x), (x, 1))
    >>> (product,) = hessian_product(net, [[3.0]], [[1.0]], [Layer(*map(np.atleast_1d, ([[1.0]], 0.0, 0.0, 0.0)))])
    >>> product.kernel, product.bias
    (array([[9.]]), array([3.]))
    """
    values = families(net, x, y)
    passes, n = _hidden_passes(net, values), len(values.p)
    R_z, R_u = [np.zeros_like(values.z[0])], []
    for l, (layer, V) in enumerate(zip(net.layers, direction, strict=True)):
        R_a = R_z[-1] @ layer.kernel + values.z[l] @ V.kernel + V.bias
        if l + 1 < net.depth:
            of, norm = passes[l], net.norms[l]
            R_u.append(of.inner * R_a / norm.deviation)
            R_z.append(of.outer * (norm.scale * R_u[-1] + V.scale * of.u + V.shift))
    R_g = curved(values.p, R_a) if net.loss == "cross_entropy" else R_a
    products = [_of_last_layer(values, R_z[-1], R_g, net.depth)]
    for l in range(net.depth - 2, -1, -1):
        of, norm = passes[l], net.norms[l]
        R_e = R_g @ net.layers[l + 1].kernel.T + values.g[l] @ direction[l + 1].kernel.T
        of_scale = of.outer * (R_u[l] * of.e + of.u * R_e)
        R_g = of.h * (norm.scale * R_e + direction[l].scale * of.e) / norm.deviation
        g = of.h * norm.scale * of.e / norm.deviation
        kernel = (R_z[l].T @ g + values.z[l].T @ R_g) / n
        products.insert(0, Layer(kernel, R_g.mean(axis=0), of_scale.mean(axis=0), (of.outer * R_e).mean(axis=0)))
    return products


def full_hessian_degrees(net: MLP, x: ArrayLike, y: ArrayLike) -> Degrees:
    """H 1 by every parameter that the network was given, as delta_in and, H being symmetric, delta_out.

    Returns: twice the same list, of each layer kernel, bias (1, n_l) and norm (2, n_l), those that are there.

    >>> net = MLP([[[2.0]]], biases=[[0.0]], loss="squared_error")     # H = ((9, 3), (3, 1))
    >>> [d.tolist() for d in full_hessian_degrees(net, [[3.0]], [[1.0]])[0]]
    [[[12.0]], [[4.0]]]
    """
    product = _parts(
        net, hessian_product(net, x, y, _direction(net, [np.ones(shape) for shape in parameter_shapes(net)]))
    )
    return product, product


def norm_hessian_degrees(net: MLP, x: ArrayLike, y: ArrayLike) -> Degrees:
    """Degrees of the hessian reading of the chain with the norms' scales and shifts as nodes: one product with H a layer of the chain.

    Returns: two lists of 2L - 1 arrays of the shapes of chain_shapes; zeros for delta_in of W_L and delta_out of W_1.

    Raises: ValueError for a network that lacks a norm, or has it in front of the relu.

    >>> net = MLP([[[2.0]], [[3.0]]], scales=[[1.0]], loss="squared_error")     # C = (3 (2 k + c) - 5)^2 / 2
    >>> [d.ravel().tolist() for d in norm_hessian_degrees(net, [[1.0]], [[5.0]])[0]]     # by w k, w c; k W, c W; with all ones in turn
    [[30.0], [14.0, 7.0], [0.0]]
    """
    check_norms(net)
    shapes = chain_shapes(net)
    delta_in, delta_out = ([np.zeros(shape) for shape in shapes] for _ in range(2))
    for m in range(len(shapes)):
        V = [np.ones(shape) if l == m else np.zeros(shape) for l, shape in enumerate(shapes)]
        product = _chain(hessian_product(net, x, y, _of_chain(net, V)))
        if m > 0:
            delta_in[m - 1] = product[m - 1]
        if m + 1 < len(shapes):
            delta_out[m + 1] = product[m + 1]
    return delta_in, delta_out


def full_hessian_matrix(net: MLP, x: ArrayLike, y: ArrayLike) -> Array:
    """H itself, column by column, the nodes in the order of full_hessian_degrees; ValueError above 2,000 of them."""
    shapes = parameter_shapes(net)
    return _columns(shapes, lambda V: _parts(net, hessian_product(net, x, y, _direction(net, V))))


def norm_hessian_blocks(net: MLP, x: ArrayLike, y: ArrayLike) -> list[Array]:
    """The blocks of H between every layer of the chain and the next; ValueError above 2,000 nodes."""
    check_norms(net)
    shapes = chain_shapes(net)
    H = _columns(shapes, lambda V: _chain(hessian_product(net, x, y, _of_chain(net, V))))
    ends = np.cumsum([0, *(a * b for a, b in shapes)])
    return [H[ends[l] : ends[l + 1], ends[l + 1] : ends[l + 2]] for l in range(len(shapes) - 1)]


def _hidden_passes(net: MLP, values: Families) -> list[_Hidden]:
    passes = []
    for l, norm in enumerate(net.norms):
        layer = net.layers[l]
        a = values.z[l] @ layer.kernel + layer.bias
        after = net.norm == "after"
        h = (a if after else layer.scale * a + layer.shift) > 0
        u = ((np.maximum(a, 0) if after else a) - norm.mean) / norm.deviation
        on = np.ones_like(a)
        e = values.g[l] @ net.layers[l + 1].kernel.T
        passes.append(_Hidden(h, u, e, *((on, h) if after else (h, on))))
    return passes


def _of_last_layer(values: Families, R_z: Array, R_g: Array, depth: int) -> Layer:
    kernel = (R_z.T @ values.g[-1] + values.z[depth - 1].T @ R_g) / len(R_g)
    none = np.zeros(R_g.shape[1])
    return Layer(kernel, R_g.mean(axis=0), none, none)


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
