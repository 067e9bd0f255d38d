"""The norms' scales and shifts as nodes of their own between the kernels (nodes="norms"): P, its degrees and their sums.

The chain is that of Keras' layers, dense, norm, dense, norm, dense: W_1, (k_1, c_1), W_2, ..., (k_{L-1}, c_{L-1}), W_L. With the
statistics mu, sd of a norm behind its relu fixed, and g as everywhere,

    u_l = (relu(a_l) - mu_l) / sd_l,   z_l = k_l u_l + c_l,   e_l = g_{l+1} W_{l+1}^T,   r_l = relu'(a_l) e_l / sd_l,   g_l = k_l r_l.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array, as_array
from ncap.reference.kernels import for_dtype, row_dots, row_sums, scaled_rows
from ncap.reference.mlp.backpropagation import families
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.sums import Degrees, Sums, degree_moments
from ncap.reference.verdict import Reading


class NormFamilies(NamedTuple):
    """What P of the chain is made of: z = [z_0..z_{L-2}], u = [u_1..u_{L-1}], r = [r_1..r_{L-1}], g = [g_2..g_L], each (N, n_l)."""

    z: list[Array]
    u: list[Array]
    r: list[Array]
    g: list[Array]

    def sizes(self) -> "NormFamilies":
        """|.| of all of them, the families of strength "magnitude"."""
        return NormFamilies(*([np.abs(array) for array in family] for family in self))

    def in_strength(self, strength: str) -> "NormFamilies":
        """The families as a strength reads them."""
        return self.sizes() if strength == "magnitude" else self


def check_norms(net: MLP) -> None:
    """Raise ValueError unless every hidden layer has a norm, and behind its relu.

    >>> check_norms(MLP([[[1.0]], [[1.0]]]))
    Traceback (most recent call last):
    ValueError: nodes='norms' needs a norm in every hidden layer, and layer 1 has none; pass scales or shifts, or use nodes='kernels'
    """
    for l, norm in enumerate(net.norms, 1):
        if not norm.there:
            raise ValueError(
                f"nodes='norms' needs a norm in every hidden layer, and layer {l} has none; pass scales or shifts, or use nodes='kernels'"
            )
    if net.norm == "before":
        raise ValueError(
            "nodes='norms' needs the norms behind the relus, and norm='before' puts them in front; use norm='after', or nodes='kernels'"
        )


def chain_shapes(net: MLP) -> list[tuple[int, int]]:
    """Shapes of the chain's 2L - 1 layers: (n_{l-1}, n_l) of a kernel, (2, n_l) of a norm, its scale above its shift.

    >>> chain_shapes(MLP([np.ones((2, 3)), np.ones((3, 1))]))
    [(2, 3), (2, 3), (3, 1)]
    """
    shapes = [shape for layer in net.layers for shape in (layer.kernel.shape, (2, layer.kernel.shape[1]))]
    return [(int(a), int(b)) for a, b in shapes[:-1]]


def norm_families(net: MLP, x: ArrayLike, y: ArrayLike) -> NormFamilies:
    """The families of the chain, from one forward pass and one pass of errors. Raises: ValueError as check_norms, and for bad data.

    >>> net = MLP([[[2.0]], [[3.0]]], shifts=[[1.0]], loss="squared_error")     # a_1 = 2, z_1 = 2 + 1, a_2 = 9
    >>> [float(family[0][0, 0]) for family in norm_families(net, [[1.0]], [[5.0]])]     # z_0, u_1, r_1 = g_2 W_2, g_2 = 9 - 5
    [1.0, 2.0, 12.0, 4.0]
    """
    check_norms(net)
    values = families(net, x, y)
    u, r = [], []
    for l, norm in enumerate(net.norms):
        a = values.z[l] @ net.layers[l].kernel + net.layers[l].bias
        u.append((np.maximum(a, 0) - norm.mean) / norm.deviation)
        r.append((a > 0) * (values.g[l] @ net.layers[l + 1].kernel.T) / norm.deviation)
    return NormFamilies(values.z[:-1], u, r, values.g[: net.depth - 1] if net.depth > 1 else [])


def norm_blocks(net: MLP, values: NormFamilies, strength: str) -> list[Array]:
    """P between every layer of the chain and the next, by definition, as matrices of the nodes in C order.

    P[(l; j->i), k_l[i]] = mean_n z_{l-1}[n,j] r_l[n,i],   P[k_l[i], (l+1; i->q)] = mean_n u_l[n,i] g_{l+1}[n,q],
    P[c_l[i], (l+1; i->q)] = mean_n g_{l+1}[n,q],   and nothing from a shift, whose impact the gradient of W_l does not contain.
    """
    blocks, shapes = [], chain_shapes(net)
    for l, (z, u, r, g) in enumerate(zip(*values.in_strength(strength), strict=True)):
        n, (n_in, width), n_out = len(z), shapes[2 * l], g.shape[1]
        units = np.arange(width)
        receives = np.zeros((n_in, width, 2, width))
        receives[:, units, 0, units] = np.einsum("nj,ni->ij", z, r).T / n
        sends = np.zeros((2, width, width, n_out))
        sends[0, units, units] = np.einsum("ni,nq->iq", u, g) / n
        sends[1, units, units] = g.mean(axis=0)
        blocks += [receives.reshape(n_in * width, 2 * width), sends.reshape(2 * width, width * n_out)]
    return blocks


def norm_degrees(values: NormFamilies, strength: str = "signed") -> Degrees:
    """Degrees of the chain without P, in floats or exact fractions.

        delta_in:  W_l  mean_n z_{l-1} r_l;   k_l  mean_n u_l G_{l+1};   c_l  mean_n G_{l+1},     G_l[n] = sum_k g_l[n,k]
        delta_out: k_l  mean_n Z_{l-1} r_l;   c_l  0;   W_{l+1}  mean_n (u_l + 1) g_{l+1},        Z_l[n] = sum_j z_l[n,j]

    Returns: two lists of 2L - 1 arrays of the shapes of chain_shapes; zeros for delta_in of W_L and delta_out of W_1.

    >>> ones = [np.ones((1, 1))]
    >>> delta_in, delta_out = norm_degrees(NormFamilies(ones, ones, [np.full((1, 1), 2.0)], [np.full((1, 1), 3.0)]))
    >>> [d.ravel().tolist() for d in delta_in], [d.ravel().tolist() for d in delta_out]     # W_1; k_1 and c_1; W_2
    ([[2.0], [3.0, 3.0], [0.0]], [[0.0], [2.0, 0.0], [6.0]])
    """
    z, u, r, g = values.in_strength(strength)
    delta_in: list[Array] = []
    delta_out: list[Array] = [z[0].T @ r[0] * 0]
    for z_l, u_l, r_l, g_l in zip(z, u, r, g, strict=True):
        n = len(z_l)
        G, Z = (for_dtype(row_sums, a)(a, False) for a in (g_l, z_l))
        scale = for_dtype(scaled_rows, u_l)(u_l, G, False).sum(axis=0) / n
        sent = for_dtype(scaled_rows, r_l)(r_l, Z, False).sum(axis=0) / n
        delta_in += [z_l.T @ r_l / n, np.stack([scale, 0 * scale + G.sum() / n])]
        delta_out += [np.stack([sent, 0 * sent]), (u_l + 1).T @ g_l / n]
    return [*delta_in, 0 * delta_out[-1]], delta_out


def chain_degrees(net: MLP, x: ArrayLike, y: ArrayLike, strength: str = "signed") -> Degrees:
    """Degrees of the explicit reading of the chain, as norm_degrees; one kernel alone interacts with nothing."""
    values = norm_families(net, x, y)
    if net.depth > 1:
        return norm_degrees(values, strength)
    return [np.zeros_like(net.layers[0].kernel)], [np.zeros_like(net.layers[0].kernel)]


def norm_sums(net: MLP, x: ArrayLike, y: ArrayLike, reading: Reading) -> Sums:
    """What capacitance judges, with the standard error over the samples (delta method)."""
    values, own = norm_families(net, x, y), chain_degrees(net, x, y, reading.strength)
    moments, magnitude, n = (
        degree_moments(*own),
        degree_moments(*chain_degrees(net, x, y, "magnitude")),
        len(as_array("x", x)),
    )
    error = np.nan
    if n > 1 and moments.denominator:
        A_n, D_n = _sample_shares(values.in_strength(reading.strength), own)
        psi = (A_n - moments.numerator / moments.denominator * D_n) / moments.denominator
        error = float(psi.std(ddof=1) / np.sqrt(n))
    return Sums(moments, magnitude, error, n)


def _sample_shares(values: NormFamilies, degrees: Degrees) -> tuple[Array, Array]:
    """<out, in_n> + <out_n, in> and D_n of every sample, (N,) each: a sample's own degrees are of rank one."""
    delta_in, delta_out = degrees
    A_n, D_n = np.zeros((2, len(values.z[0])))
    for l, (z, u, r, g) in enumerate(zip(*values, strict=True)):
        G, Z = row_sums(g, False), row_sums(z, False)
        D_n += Z * row_sums(r, False) + G * (row_sums(u, False) + u.shape[1])
        kernel, norm, above = 2 * l, 2 * l + 1, 2 * l + 2
        A_n += row_dots(z @ delta_out[kernel], r, False)
        A_n += G * (u @ delta_out[norm][0]) + Z * (r @ delta_in[norm][0])
        A_n += row_dots((u + 1) @ delta_in[above], g, False)
    return A_n, D_n
