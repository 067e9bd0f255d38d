"""The scale of rounding errors: by how much two correct implementations of the degrees may differ."""

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array
from ncap.reference.loss import one_hot_rows, read_targets, softmax_errors
from ncap.reference.mlp.backpropagation import Families, families, forward
from ncap.reference.mlp.closed_form import degrees_from
from ncap.reference.mlp.norm_nodes import NormFamilies, norm_degrees
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.mlp.second_order import Linearised, full_hessian_degrees, linearised, norm_hessian_degrees
from ncap.reference.sums import Degrees

# A dot product of n terms, in any order, errs by less than n eps times the sum of its absolute values (Higham, Accuracy
# and Stability, section 3.1). Chains of L products, widths and the softmax multiply that; this allows for all, many times.
ROUNDINGS = 256


def uncancelled_families(net: MLP, x: ArrayLike, y: ArrayLike) -> Families:
    """Families |z|, |s|, |g| with every sum inside them taken over absolute values.

    z_l = |s_l| (z_{l-1} |W_l| + |b_l|) + |c_l|,   g_L = p (1 + 2 max z_L) + |y| or z_L + |y|,   g_l = |s_l| (g_{l+1} |W_{l+1}|')

    p errs by eps times the size of what is exponentiated, hence its factor. Of one-hot targets g_true is the sum of the other p.

    >>> net = MLP([[[2.0]], [[-3.0]], [[1.0]]], loss="squared_error")
    >>> [float(g_l[0, 0]) for g_l in uncancelled_families(net, [[-1.0]], [[5.0]]).g]     # the relu is off: output 0, and |0| + |5|
    [0.0, 5.0]
    """
    z_exact, s, _ = forward(net, x)
    s = [np.abs(s_l) for s_l in s]
    z = [np.abs(z_exact[0])]
    for layer, norm, s_l in zip(net.layers[:-1], net.norms, s, strict=True):
        reach = z[-1] @ np.abs(layer.kernel) + np.abs(layer.bias)
        # A folded shift is a difference, c - k mean / deviation.
        z.append(s_l * reach + np.abs(norm.shift) + np.abs(layer.scale * norm.mean))
    p = families(net, x, y).p
    targets = read_targets(y, p.shape[0], p.shape[1], net.loss)
    output = p * _softmax_error(net, z) if net.loss == "cross_entropy" else _reach(net, z)
    g = [output + np.abs(targets)]
    if net.loss == "cross_entropy":
        g = [np.where(one_hot_rows(targets), np.abs(softmax_errors(output, targets)), g[0])]
    for layer, s_l in zip(net.layers[:1:-1], s[:0:-1], strict=True):
        g.append(s_l * (g[-1] @ np.abs(layer.kernel.T)))
    return Families(z, s, g[::-1], p)


def uncancelled_degrees(
    net: MLP, x: ArrayLike, y: ArrayLike, interaction: str = "explicit", weighting: str = "unit", nodes: str = "kernels"
) -> Degrees:
    """Degrees with every sum taken over absolute values: ROUNDINGS eps of them bound an entry's rounding error.

    Returns: two lists of arrays, as ncap.reference.degrees.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> [float(d[0, 0]) for d in uncancelled_degrees(net, [[1.0]], [[5.0]])[0]]     # g_3 = 6 + 5, where degrees has 6 - 5
    [11.0, 22.0, 0.0]
    """
    if interaction == "full_hessian" or nodes == "norms":
        of = _uncancelled(net, x, y)
        if interaction != "explicit":
            return full_hessian_degrees(of) if interaction == "full_hessian" else norm_hessian_degrees(of)
        r = [hidden.h * hidden.e / norm.deviation for hidden, norm in zip(of.hidden, net.norms, strict=True)]
        return norm_degrees(NormFamilies(of.z[:-1], [hidden.u for hidden in of.hidden], r, of.g))
    z, s, g, p = uncancelled_families(net, x, y)
    W = [np.abs(layer.kernel) for layer in net.layers]
    delta_in, delta_out = degrees_from(z[:-1], s, g, "magnitude", weighting, W)
    if interaction == "explicit":
        return delta_in, delta_out
    V = W if weighting == "relative" else [np.ones_like(kernel) for kernel in W]
    for l in range(1, net.depth):
        curvature = W[l] @ _curvature(net, z, s, p, l + 1)
        # mean_n s_l[n,i] z_{l-1}[n,j] z_l[n,m] curvature[n,i,k], times V of either end, summed over (m, k) and over (j, i)
        received = s[l - 1] * np.einsum("nik,nk->ni", curvature, z[l] @ V[l])
        sent = np.einsum("ni,nik->nk", s[l - 1] * (z[l - 1] @ V[l - 1]), curvature)
        delta_in[l - 1] = delta_in[l - 1] + V[l - 1] * (z[l - 1].T @ received) / len(p)
        delta_out[l] = delta_out[l] + V[l] * (z[l].T @ sent) / len(p)
    return delta_in, delta_out


def _uncancelled(net: MLP, x: ArrayLike, y: ArrayLike) -> Linearised:
    """The network on data with every number in absolute value, as products with its Hessian see it."""
    absolute = _absolute(net)
    z, _, g, p = uncancelled_families(net, x, y)
    targets = read_targets(y, p.shape[0], p.shape[1], net.loss)
    hidden = []
    for l, (of, norm) in enumerate(zip(linearised(net, x, y).hidden, net.norms, strict=True)):
        reach = z[l] @ absolute.layers[l].kernel + absolute.layers[l].bias
        u = (reach * of.inner + np.abs(norm.mean)) / norm.deviation
        hidden.append(of._replace(u=u, e=g[l] @ absolute.layers[l + 1].kernel.T))

    def curvature(v: Array) -> Array:
        if net.loss == "squared_error":
            return v
        curved = p * (v + (p * v).sum(axis=1, keepdims=True)) * _softmax_error(net, z)
        # Of one-hot targets g_true is minus the sum of the others, and so is its derivative, however small it is itself.
        return np.asarray(np.where(one_hot_rows(targets) & (targets == 1), curved.sum(axis=1, keepdims=True), curved))

    return Linearised(absolute, z, g, hidden, curvature)


def _absolute(net: MLP) -> MLP:
    """The network with every parameter in absolute value, and without those that it has not."""
    kernels, biases, _, _ = zip(*net.layers, strict=True)
    own = [None if not bias else np.abs(value) for bias, value in zip(net.biased, biases, strict=True)]
    norms = [norm if norm.there else None for norm in net.norms]
    scales, shifts, deviations = (
        [None if norm is None else np.abs(getattr(norm, name)) for norm in norms]
        for name in ("scale", "shift", "deviation")
    )
    return MLP([np.abs(W) for W in kernels], own, scales, shifts, net.norm, net.loss, None, deviations)


def _reach(net: MLP, z: list[Array]) -> Array:
    """a_L over absolute values, shape (N, n_L)."""
    return np.asarray(z[-1] @ np.abs(net.layers[-1].kernel) + np.abs(net.layers[-1].bias))


def _softmax_error(net: MLP, z: list[Array]) -> Array:
    """1 + 2 max |a_L|, shape (N, 1): how many times its eps softmax errs by, since |a_L| eps is the error of its exponents."""
    return np.asarray(1 + 2 * _reach(net, z).max(axis=1, keepdims=True))


def _curvature(net: MLP, z: list[Array], s: list[Array], p: Array, l: int) -> Array:
    """H_l over absolute values, shape (N, n_l, n_l): diag(p) + pp' at the top, times what p errs by, or I."""
    kernels = [np.abs(layer.kernel) for layer in net.layers]
    if net.loss == "cross_entropy":
        H = p[:, :, None] * np.eye(p.shape[1]) + p[:, :, None] * p[:, None, :]
        H *= _softmax_error(net, z)[:, :, None]
    else:
        H = np.broadcast_to(np.eye(p.shape[1]), (*p.shape, p.shape[1]))
    for m in range(net.depth - 1, l - 1, -1):
        H = s[m - 1][:, :, None] * (kernels[m] @ H @ kernels[m].T) * s[m - 1][:, None, :]
    return np.asarray(H)
