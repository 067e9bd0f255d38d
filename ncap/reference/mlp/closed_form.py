"""Degrees, their sums and the standard error in closed form: O(L) matrix products, never P (T0, T7)."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array, array_list, choose, finite, real_array
from ncap.reference.kernels import for_dtype, row_dots, row_sums, scaled_rows
from ncap.reference.mlp.backpropagation import Families
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.sums import Degrees, Sums
from ncap.reference.verdict import STRENGTHS, WEIGHTINGS, Moments, Reading


def degrees_from(
    z: Sequence[ArrayLike],
    s: Sequence[ArrayLike],
    g: Sequence[ArrayLike],
    strength: str = "signed",
    weighting: str = "unit",
    kernels: Sequence[ArrayLike] | None = None,
) -> Degrees:
    """Degrees of the explicit reading from families z, s, g of any source, in floats or in exact fractions (T0, T7).

        delta_in (l; j->i)   = mean_n s_l[n,i] z_{l-1}[n,j] G_{l+1}[n],   G_l[n] = sum_k g_l[n,k]     l = 1..L-1
        delta_out(l+1; i->k) = mean_n s_l[n,i] Z_{l-1}[n] g_{l+1}[n,k],   Z_l[n] = sum_j z_l[n,j]     l = 1..L-1

    and for weighting "relative", whose P is diag(w) P diag(w),

        delta_in (l)   = W_l * mean_n z_{l-1} (s_l * (g_{l+1} W_{l+1}^T))
        delta_out(l+1) = W_{l+1} * mean_n (s_l * (z_{l-1} W_l)) g_{l+1}

    with |.| of every factor, inside the sums too, for strength "magnitude".

    Args:
        z: [z_0..z_{L-2}]. s: [s_1..s_{L-1}]. g: [g_2..g_L]; each (N, n_l). Object arrays are computed exactly.
        kernels: [W_1..W_L], each (n_{l-1}, n_l), needed for weighting "relative" only.

    Returns: two lists of L arrays (n_{l-1}, n_l); zeros for delta_in of layer L and delta_out of layer 1.

    Raises: ValueError when the families do not fit one another or are not finite, or for unknown readings.

    >>> from fractions import Fraction
    >>> third = np.array([[Fraction(1, 3)]])
    >>> delta_in, delta_out = degrees_from([third, third], [3 * third, 3 * third], [third, third])
    >>> delta_in[1][0, 0], delta_out[1][0, 0]     # s_2 z_1 g_3 and s_1 z_0 g_2
    (Fraction(1, 9), Fraction(1, 9))
    """
    choose("strength", strength, STRENGTHS)
    choose("weighting", weighting, WEIGHTINGS)
    if weighting == "relative" and kernels is None:
        raise ValueError("weighting='relative' multiplies P by the weights; pass kernels=[W_1, ..., W_L]")
    z, s, g, weights = _one_type(z=z, s=s, g=g, kernels=[] if kernels is None else kernels)
    _check_families(z, s, g)
    if kernels is not None:
        _check_kernels(weights, [array.shape[1] for array in (*z, s[-1], g[-1])])
    return _explicit_degrees(_blocks(z, s, g, weights if weighting == "relative" else None), strength)


def explicit_degrees(net: MLP, values: Families, reading: Reading) -> Degrees:
    """Degrees of an MLP in an explicit reading, from its families."""
    if net.depth == 1:
        return [np.zeros_like(net.layers[0].kernel)], [np.zeros_like(net.layers[0].kernel)]
    return _explicit_degrees(_blocks(values.z[:-1], values.s, values.g, _weights(net, reading)), reading.strength)


def explicit_sums(net: MLP, values: Families, reading: Reading) -> Sums:
    """What capacitance judges, for an MLP in an explicit reading, from its families."""
    strength, n = reading.strength, len(values.p)
    blocks = _blocks(values.z[:-1], values.s, values.g, _weights(net, reading)) if net.depth > 1 else []
    degrees_of = {name: _interior_degrees(blocks, name) for name in dict.fromkeys((strength, "magnitude"))}
    moments_of = {name: _explicit_moments(blocks, own, name) for name, own in degrees_of.items()}
    moments, error = moments_of[strength], np.nan
    if n > 1 and moments.denominator:
        error = _standard_error(blocks, degrees_of[strength], moments, strength)
    return Sums(moments, moments_of["magnitude"], error, n)


class _Block(NamedTuple):
    """What P's block from the weights of layer l+1 to those of layer l is made of; the kernels for relative weighting only."""

    z: Array  # z_{l-1}
    s: Array  # s_l
    g: Array  # g_{l+1}
    receiving: Array | None  # W_l
    sending: Array | None  # W_{l+1}


def _blocks(z: list[Array], s: list[Array], g: list[Array], weights: Sequence[Array] | None) -> list[_Block]:
    pairs = pairwise(weights) if weights else [(None, None)] * len(z)
    return [_Block(z_l, s_l, g_l, *kernels) for z_l, s_l, g_l, kernels in zip(z, s, g, pairs, strict=True)]


def _weights(net: MLP, reading: Reading) -> list[Array] | None:
    return [layer.kernel for layer in net.layers] if reading.weighting == "relative" else None


def _explicit_degrees(blocks: list[_Block], strength: str) -> Degrees:
    magnitude, n = strength == "magnitude", len(blocks[0].s)
    delta_in = [_in_product(block, magnitude) / n for block in blocks]
    delta_out = [_out_product(block, magnitude) / n for block in blocks]
    first, last = np.zeros_like(delta_in[0]), np.zeros_like(delta_out[-1])
    return [*delta_in, last], [first, *delta_out]


def _received(block: _Block, magnitude: bool) -> Array:
    """[n, i], the factor of delta_in(l) beside z_{l-1}: s_l G_{l+1}, or s_l * (g_{l+1} W_{l+1}^T)."""
    if block.sending is None:
        G = for_dtype(row_sums, block.g)(block.g, magnitude)
        return for_dtype(scaled_rows, block.s)(block.s, G, magnitude)
    s, g, W = (_sized(a, magnitude) for a in (block.s, block.g, block.sending))
    return np.asarray(s * (g @ W.T))


def _sent(block: _Block, magnitude: bool) -> Array:
    """[n, i], the factor of delta_out(l+1) beside g_{l+1}: s_l Z_{l-1}, or s_l * (z_{l-1} W_l)."""
    if block.receiving is None:
        Z = for_dtype(row_sums, block.z)(block.z, magnitude)
        return for_dtype(scaled_rows, block.s)(block.s, Z, magnitude)
    s, z, W = (_sized(a, magnitude) for a in (block.s, block.z, block.receiving))
    return np.asarray(s * (z @ W))


def _in_product(block: _Block, magnitude: bool) -> Array:
    """N delta_in(l)."""
    product = np.asarray(_sized(block.z, magnitude).T @ _received(block, magnitude))
    return product if block.receiving is None else product * _sized(block.receiving, magnitude)


def _out_product(block: _Block, magnitude: bool) -> Array:
    """N delta_out(l+1)."""
    product = np.asarray(_sent(block, magnitude).T @ _sized(block.g, magnitude))
    return product if block.sending is None else product * _sized(block.sending, magnitude)


def _sized(a: Array, magnitude: bool) -> Array:
    return np.abs(a) if magnitude else a


def _interior_degrees(blocks: list[_Block], strength: str) -> Degrees:
    """Both degrees of layers 2..L-1, the only ones that meet in A: from the block above each, and from the one below."""
    magnitude = strength == "magnitude"
    delta_in = [_in_product(block, magnitude) / len(block.s) for block in blocks[1:]]
    delta_out = [_out_product(block, magnitude) / len(block.s) for block in blocks[:-1]]
    return delta_in, delta_out


def _sample_denominators(blocks: list[_Block], strength: str) -> Array:
    """D_n = sum_{l<L} Z_{l-1}[n] (sum_i s_l[n,i]) G_{l+1}[n], or sum_{l<L} <z_{l-1} W_l, s_l * (g_{l+1} W_{l+1}^T)>, shape (N,)."""
    magnitude = strength == "magnitude"
    return np.asarray(
        sum(
            row_sums(block.z, magnitude) * row_sums(block.s, magnitude) * row_sums(block.g, magnitude)
            if block.receiving is None
            else row_dots(
                _sized(block.z, magnitude) @ _sized(block.receiving, magnitude), _received(block, magnitude), magnitude
            )
            for block in blocks
        )
    )


def _explicit_moments(blocks: list[_Block], interior: Degrees, strength: str) -> Moments:
    if not blocks:
        return Moments(0.0, 0.0, True)
    A = sum(float((d_out * d_in).sum()) for d_in, d_out in zip(*interior, strict=True))
    D = float(_sample_denominators(blocks, strength).mean())
    # Only where both sums are 0 do the outermost layers' degrees have to be looked at.
    return Moments(A, D, A == D == 0 and _vanish(*_explicit_degrees(blocks, strength)))


def _vanish(delta_in: list[Array], delta_out: list[Array]) -> bool:
    """Whether every degree is exactly 0: all of P that beta_eff can see."""
    return not any(d.any() for d in (*delta_in, *delta_out))


def _standard_error(blocks: list[_Block], interior: Degrees, moments: Moments, strength: str) -> float:
    """sd(psi) / sqrt(N): every sample's degrees are of rank one (times w), so their products with the degrees need no new pass."""
    magnitude, n = strength == "magnitude", len(blocks[0].s)
    A, D, _ = moments
    A_n = np.zeros(n)
    for (below, above), d_in, d_out in zip(pairwise(blocks), *interior, strict=True):
        if above.receiving is not None:  # the one kernel W_l of an interior layer, between two blocks
            d_in, d_out = (d * _sized(above.receiving, magnitude) for d in (d_in, d_out))
        A_n += row_dots(_sized(above.z, magnitude) @ d_out, _received(above, magnitude), False)
        A_n += row_dots(_sent(below, magnitude) @ d_in, below.g, magnitude)
    psi = (A_n - (A / D) * _sample_denominators(blocks, strength)) / D  # up to a constant, which sd does not see
    return float(psi.std(ddof=1) / np.sqrt(n))


def _one_type(**families: Sequence[ArrayLike]) -> list[list[Array]]:
    """All arrays as float64, or all as fractions where one holds objects: ints and floats are fractions exactly."""
    arrays = {
        name: [real_array(f"{name}[{i}]", value) for i, value in enumerate(array_list(name, family))]
        for name, family in families.items()
    }
    if not any(array.dtype == object for family in arrays.values() for array in family):
        return [[finite(f"{name}[{i}]", array) for i, array in enumerate(family)] for name, family in arrays.items()]
    as_fractions = np.vectorize(_fraction, otypes=[object])
    return [[as_fractions(array) if array.size else array for array in family] for family in arrays.values()]


def _fraction(value: Any) -> Fraction:
    try:
        return Fraction(value.item() if isinstance(value, np.generic) else value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"object arrays must hold fractions, integers or floats, got {value!r}") from error


def _check_families(z: list[Array], s: list[Array], g: list[Array]) -> None:
    if not len(z) == len(s) == len(g) or not z:
        raise ValueError(
            f"z = [z_0..z_{{L-2}}], s = [s_1..s_{{L-1}}], g = [g_2..g_L] need L - 1 >= 1 arrays each, got {len(z)}, {len(s)}, {len(g)}"
        )
    for name, family in (("z", z), ("s", s), ("g", g)):
        for i, array in enumerate(family):
            if array.ndim != 2 or 0 in array.shape or len(array) != len(s[0]):
                raise ValueError(f"{name}[{i}] must have shape (N, n) with N = {len(s[0])}, got {array.shape}")
    for i in range(1, len(z)):
        if z[i].shape != s[i - 1].shape or g[i - 1].shape != s[i].shape:
            raise ValueError(
                f"z_l, s_l and g_l of one layer must have one shape, got z_{i} {z[i].shape} with s_{i} {s[i - 1].shape}, "
                f"g_{i + 1} {g[i - 1].shape} with s_{i + 1} {s[i].shape}"
            )


def _check_kernels(kernels: list[Array], widths: list[int]) -> None:
    if len(kernels) != len(widths) - 1:
        raise ValueError(f"kernels must hold W_1..W_L, {len(widths) - 1} arrays for these families, got {len(kernels)}")
    for i, (kernel, shape) in enumerate(zip(kernels, pairwise(widths), strict=True)):
        if kernel.shape != shape:
            raise ValueError(f"kernels[{i}] must have shape {shape} for these families, got {kernel.shape}")
