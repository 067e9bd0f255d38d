"""Degrees and beta_eff in closed form where weights are shared: convolutions with kernels of ones, never P (T0).

With V_l of ones, or V_l = W_l for weighting "relative", every sum over P's entries is a product of junctions:

    delta_in(l) = V_l * P V_{l+1},   delta_out(l+1) = V_{l+1} * P' V_l,   D = sum_{l<L} V_l' P V_{l+1},

and those of one sample are needed only as products with V or with the degrees themselves, one number each.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array, as_array
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.shared_weights.cnn import CNN, kernels_of
from ncap.reference.shared_weights.junction import Junction, check_explicit, junctions, read_junctions
from ncap.reference.sums import Degrees, Sums, degree_moments
from ncap.reference.verdict import Moments, Reading


def shared_degrees(net: CNN, x: ArrayLike, y: ArrayLike, reading: Reading) -> Degrees:
    """Degrees of the explicit reading, two lists of L arrays of the kernels' shapes.

    >>> from ncap.reference.shared_weights.convolution import Dense
    >>> net = CNN([Dense([[2.0]]), Dense([[3.0]]), Dense([[1.0]])], input_shape=(1,), loss="squared_error")
    >>> delta_in, delta_out = shared_degrees(net, [[1.0]], [[5.0]], Reading("explicit", "signed", "unit"))
    >>> [float(d[0, 0]) for d in delta_in], [float(d[0, 0]) for d in delta_out]
    ([1.0, 2.0, 0.0], [0.0, 1.0, 2.0])
    """
    check_explicit(reading)
    return _degrees(read_junctions(junctions(net, x, y), reading.strength), weights_of(net, reading))


def shared_sums(net: CNN, x: ArrayLike, y: ArrayLike, reading: Reading) -> Sums:
    """A and D with the standard error over the samples, as ncap.reference.capacitance says."""
    check_explicit(reading)
    signed, n = junctions(net, x, y), len(as_array("x", x))
    meetings, V = read_junctions(signed, reading.strength), weights_of(net, reading)
    own = _degrees(meetings, V)
    moments = magnitude = degree_moments(*own)
    if reading.strength == "signed":
        sized = reading._replace(strength="magnitude")
        magnitude = degree_moments(*_degrees(read_junctions(signed, "magnitude"), weights_of(net, sized)))
    error = _standard_error(meetings, V, own, moments) if n > 1 and moments.denominator else np.nan
    return Sums(moments, magnitude, error, n)


def weights_of(net: MLP | CNN, reading: Reading) -> list[Array]:
    """V_1..V_L: ones, or for weighting "relative" the weights, |.| of them for magnitude."""
    if reading.weighting == "unit":
        return [np.ones_like(kernel) for kernel in kernels_of(net)]
    return [np.abs(kernel) if reading.strength == "magnitude" else kernel for kernel in kernels_of(net)]


def _degrees(meetings: list[Junction], V: list[Array]) -> Degrees:
    delta_in = [
        below * junction.in_product(above) / len(junction.s) for junction, below, above in _between(meetings, V)
    ]
    delta_out = [
        above * junction.out_product(below) / len(junction.s) for junction, below, above in _between(meetings, V)
    ]
    return [*delta_in, np.zeros_like(V[-1])], [np.zeros_like(V[0]), *delta_out]


def _between(meetings: list[Junction], V: list[Array]) -> Iterator[tuple[Junction, Array, Array]]:
    return zip(meetings, V[:-1], V[1:], strict=True)


def _standard_error(meetings: list[Junction], V: list[Array], degrees: Degrees, moments: Moments) -> float:
    """sd(psi) / sqrt(N): <out, in_n> = (V out)' P_n V and <out_n, in> = V' P_n (V in), without the P_n of sample n."""
    delta_in, delta_out = degrees
    beta, psi = moments.numerator / moments.denominator, np.zeros(len(meetings[0].s))
    for l, (junction, below, above) in enumerate(_between(meetings, V)):
        psi += junction.sample_products((delta_out[l] - beta) * below, above)
        psi += junction.sample_products(below, above * delta_in[l + 1])
    return float(psi.std(ddof=1) / np.sqrt(len(psi)) / abs(moments.denominator))
