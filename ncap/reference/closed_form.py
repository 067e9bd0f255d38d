"""Degrees and beta_eff in closed form: O(L) matrix products, never P, which is quadratic in the weights (T0)."""

from collections.abc import Sequence
from fractions import Fraction
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import array_list, choose, finite, real_array
from ncap.reference.graph import weight_offsets
from ncap.reference.hessian import hessian_degrees
from ncap.reference.interaction import interaction_matrix, read
from ncap.reference.kernels import for_dtype, row_dots, row_sums, scaled_rows
from ncap.reference.mlp import MLP, Array, Families, families
from ncap.reference.verdict import STRENGTHS, WEIGHTINGS, Capacitance, Moments, judge, structural_reason

Degrees = tuple[list[Array], list[Array]]


def capacitance(
    net: MLP,
    x: ArrayLike,
    y: ArrayLike,
    interaction: str = "explicit",
    strength: str = "signed",
    weighting: str = "unit",
    eps: float = 0.0,
) -> Capacitance:
    """Neural capacitance of a network on data: beta_eff with its error, its cancellation and its verdict.

        beta_eff = A / D,   A = sum_{l=2..L-1} <delta_out(l), delta_in(l)>,   D = sum_{l<L} mean_n Z_{l-1} (sum_i s_l) G_{l+1}

    with G_l = sum_k g_l[:,k] and Z_l = sum_j z_l[:,j]. Standard error over the samples (delta method):
    psi_n = (<out, in_n> + <out_n, in> - 2A) / D - beta (D_n - D) / D, s.e. = sd(psi) / sqrt(N), sd with ddof = 1.

    Args:
        net: the network. x: (N, n_0). y: integer labels (N,) or targets (N, n_L).
        interaction, strength, weighting: the reading, as in interaction_matrix.
        eps: signed D becomes D + sgn(D) eps; magnitude needs none.

    Returns: Capacitance; it warns with CapacitanceWarning when the reading is degenerate.

    Raises: ValueError for unknown readings, bad data, negative eps. Source: Eq. 2; MATHEMATICS.md, sections 3 and 5.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> c = capacitance(net, [[1.0]], [[5.0]])     # P has entries 1 and 2: A = 2 * 1, D = 1 + 2
    >>> c.numerator, c.denominator, c.beta_eff
    (2.0, 3.0, 0.6666666666666666)
    """
    reading = read(interaction, strength, weighting)
    if not isinstance(eps, Real) or not isfinite(eps) or eps < 0:
        raise ValueError(f"eps must be at least 0, got {eps!r:.80}; pass a finite number")
    values = families(net, x, y)
    magnitude, standard_error = None, np.nan
    if interaction == "explicit":
        degrees_of = {name: _interior_degrees(values, name) for name in dict.fromkeys((strength, "magnitude"))}
        moments_of = {name: _explicit_moments(net.depth, values, own, name) for name, own in degrees_of.items()}
        moments, magnitude = moments_of[strength], moments_of["magnitude"]
        if len(values.p) > 1 and moments.denominator:
            standard_error = _standard_error(values, degrees_of[strength], moments, strength)
    else:
        of_p = hessian_degrees(net, values) if strength == "signed" else degrees(net, x, y, *reading)
        moments = _moments(*of_p)
    return judge(
        moments,
        reading,
        structural=structural_reason(net.depth, net.loss, reading),
        magnitude=magnitude,
        standard_error=standard_error,
        n_samples=len(values.p),
        interior_weights=sum(layer.kernel.size for layer in net.layers[1:-1]),
        rounding=float(np.finfo(np.float64).eps),
        eps=eps,
    )


def degrees(
    net: MLP,
    x: ArrayLike,
    y: ArrayLike,
    interaction: str = "explicit",
    strength: str = "signed",
    weighting: str = "unit",
) -> Degrees:
    """In- and out-degrees delta_in = P 1, delta_out = 1'P of every weight, without forming P (T0; Eq. 7).

    Returns: two lists of L arrays (n_{l-1}, n_l); zeros for delta_in of layer L and delta_out of layer 1.

    Raises: ValueError as interaction_matrix, which alone builds P for hessian with magnitude, at most 2,000 weights.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> delta_in, delta_out = degrees(net, [[1.0]], [[5.0]])
    >>> [float(d[0, 0]) for d in delta_in], [float(d[0, 0]) for d in delta_out]
    ([1.0, 2.0, 0.0], [0.0, 1.0, 2.0])
    """
    reading = read(interaction, strength, weighting)
    if reading.interaction == "explicit":
        values = families(net, x, y)
        if net.depth == 1:
            return [np.zeros_like(net.layers[0].kernel)], [np.zeros_like(net.layers[0].kernel)]
        return _explicit_degrees(values.z[:-1], values.s, values.g, strength == "magnitude")
    if reading.strength == "signed":
        return hessian_degrees(net, families(net, x, y))
    P = interaction_matrix(net, x, y, *reading)
    cuts = weight_offsets(net.widths)[1:-1]
    shapes = [layer.kernel.shape for layer in net.layers]

    def by_layer(sums: Array) -> list[Array]:
        return [part.reshape(shape) for part, shape in zip(np.split(sums, cuts), shapes, strict=True)]

    return by_layer(np.asarray(P.sum(axis=1)).ravel()), by_layer(np.asarray(P.sum(axis=0)).ravel())


def degrees_from(
    z: Sequence[ArrayLike],
    s: Sequence[ArrayLike],
    g: Sequence[ArrayLike],
    strength: str = "signed",
    weighting: str = "unit",
) -> Degrees:
    """Degrees of the explicit reading from families z, s, g of any origin, in floats or in exact fractions (T0).

        delta_in (l; j->i)   = mean_n s_l[n,i] z_{l-1}[n,j] G_{l+1}[n],   G_l[n] = sum_k g_l[n,k]     l = 1..L-1
        delta_out(l+1; i->k) = mean_n s_l[n,i] Z_{l-1}[n] g_{l+1}[n,k],   Z_l[n] = sum_j z_l[n,j]     l = 1..L-1

    with |.| of every factor, inside the sums too, for strength "magnitude".

    Args:
        z: [z_0..z_{L-2}]. s: [s_1..s_{L-1}]. g: [g_2..g_L]; each (N, n_l). Object arrays are computed exactly.

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
    z, s, g = _one_type(z=z, s=s, g=g)
    _check_families(z, s, g)
    return _explicit_degrees(z, s, g, strength == "magnitude")


def _explicit_degrees(z: list[Array], s: list[Array], g: list[Array], magnitude: bool) -> Degrees:
    n = len(s[0])
    delta_in = [
        _in_product(z_below, s_l, g_above, magnitude) / n for z_below, s_l, g_above in zip(z, s, g, strict=True)
    ]
    delta_out = [
        _out_product(z_below, s_l, g_above, magnitude) / n for z_below, s_l, g_above in zip(z, s, g, strict=True)
    ]
    first, last = (z[0].shape[1], s[0].shape[1]), (s[-1].shape[1], g[-1].shape[1])
    return [*delta_in, np.zeros(last, s[0].dtype)], [np.zeros(first, s[0].dtype), *delta_out]


def _received(s: Array, g_above: Array, magnitude: bool) -> Array:
    """[n, i] = s_l[n,i] G_{l+1}[n], the factor of delta_in(l) beside z_{l-1}."""
    G = for_dtype(row_sums, g_above)(g_above, magnitude)
    return for_dtype(scaled_rows, s)(s, G, magnitude)


def _sent(z_below: Array, s: Array, magnitude: bool) -> Array:
    """[n, i] = Z_{l-1}[n] s_l[n,i], the factor of delta_out(l+1) beside g_{l+1}."""
    Z = for_dtype(row_sums, z_below)(z_below, magnitude)
    return for_dtype(scaled_rows, s)(s, Z, magnitude)


def _in_product(z_below: Array, s: Array, g_above: Array, magnitude: bool) -> Array:
    """N delta_in(l)."""
    return np.asarray((np.abs(z_below) if magnitude else z_below).T @ _received(s, g_above, magnitude))


def _out_product(z_below: Array, s: Array, g_above: Array, magnitude: bool) -> Array:
    """N delta_out(l+1)."""
    return np.asarray(_sent(z_below, s, magnitude).T @ (np.abs(g_above) if magnitude else g_above))


def _interior_degrees(values: Families, strength: str) -> Degrees:
    """Both degrees of layers 2..L-1, the only ones that meet in A."""
    z, s, g, p = values
    magnitude = strength == "magnitude"
    interior = range(2, len(z))
    delta_in = [_in_product(z[l - 1], s[l - 1], g[l - 1], magnitude) / len(p) for l in interior]
    delta_out = [_out_product(z[l - 2], s[l - 2], g[l - 2], magnitude) / len(p) for l in interior]
    return delta_in, delta_out


def _sample_denominators(values: Families, strength: str) -> Array:
    """D_n = sum_{l<L} Z_{l-1}[n] (sum_i s_l[n,i]) G_{l+1}[n], shape (N,)."""
    magnitude = strength == "magnitude"
    terms = [
        row_sums(z, magnitude) * row_sums(s, magnitude) * row_sums(g, magnitude)
        for z, s, g in zip(values.z, values.s, values.g, strict=False)
    ]
    return np.asarray(sum(terms, np.zeros(len(values.p))))


def _explicit_moments(depth: int, values: Families, interior: Degrees, strength: str) -> Moments:
    D_n = _sample_denominators(values, strength)
    A = sum(float((d_out * d_in).sum()) for d_in, d_out in zip(*interior, strict=True))
    D = float(D_n.mean())
    # Only where both sums are 0 do the outermost layers' degrees have to be looked at.
    vanishes = A == D == 0 and (
        depth == 1 or _vanish(*_explicit_degrees(values.z[:-1], values.s, values.g, strength == "magnitude"))
    )
    return Moments(A, D, vanishes)


def _moments(delta_in: list[Array], delta_out: list[Array]) -> Moments:
    A = sum(float((d_out * d_in).sum()) for d_in, d_out in zip(delta_in, delta_out, strict=True))
    D = float(sum(d.sum() for d in delta_in))
    return Moments(A, D, _vanish(delta_in, delta_out))


def _vanish(delta_in: list[Array], delta_out: list[Array]) -> bool:
    """Whether every degree is exactly 0: all of P that beta_eff can see."""
    return not any(d.any() for d in (*delta_in, *delta_out))


def _standard_error(values: Families, interior: Degrees, moments: Moments, strength: str) -> float:
    """sd(psi) / sqrt(N): every sample's degrees are of rank one, so their products with the degrees need no new pass."""
    z, s, g, p = values
    magnitude = strength == "magnitude"
    A, D, _ = moments
    A_n = np.zeros(len(p))
    for l, d_in, d_out in zip(range(2, len(z)), *interior, strict=True):
        below = np.abs(z[l - 1]) if magnitude else z[l - 1]
        A_n += row_dots(below @ d_out, _received(s[l - 1], g[l - 1], magnitude), False)
        A_n += row_dots(_sent(z[l - 2], s[l - 2], magnitude) @ d_in, g[l - 2], magnitude)
    psi = (A_n - (A / D) * _sample_denominators(values, strength)) / D  # up to a constant, which sd does not see
    return float(psi.std(ddof=1) / np.sqrt(len(p)))


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
