"""Degrees and beta_eff of a network without P, which is quadratic in the weights (T0)."""

from math import isfinite
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array
from ncap.reference.interaction.graph import by_layer
from ncap.reference.interaction.matrix import interaction_matrix
from ncap.reference.loss import error_cancellation, read_targets, softmax
from ncap.reference.mlp.backpropagation import families
from ncap.reference.mlp.closed_form import explicit_degrees, explicit_sums
from ncap.reference.mlp.hessian import hessian_degrees
from ncap.reference.mlp.norm_nodes import chain_degrees, chain_shapes, norm_sums
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.mlp.second_order import full_hessian_degrees, linearised, norm_hessian_degrees, parameter_shapes
from ncap.reference.shared_weights import cnn
from ncap.reference.shared_weights.closed_form import shared_degrees, shared_sums
from ncap.reference.shared_weights.cnn import CNN, check_network, kernels_of
from ncap.reference.sums import Degrees, Sums, degree_moments
from ncap.reference.verdict import FULL_HESSIAN, Capacitance, Reading, judge, read, structural_reason


def capacitance(
    net: MLP | CNN,
    x: ArrayLike,
    y: ArrayLike,
    interaction: str = "explicit",
    strength: str = "signed",
    weighting: str = "unit",
    eps: float = 0.0,
    nodes: str = "kernels",
) -> Capacitance:
    """Neural capacitance of a network on data: beta_eff with its error, its cancellation and its verdict.

        beta_eff = A / D,   A = sum_{l=2..L-1} <delta_out(l), delta_in(l)>,   D = sum_{l<L} mean_n Z_{l-1} (sum_i s_l) G_{l+1}

    with G_l = sum_k g_l[:,k] and Z_l = sum_j z_l[:,j]; for weighting "relative" as degrees_from says. Standard error over the
    samples (delta method): psi_n = (<out, in_n> + <out_n, in> - 2A) / D - beta (D_n - D) / D, s.e. = sd(psi) / sqrt(N), sd with
    ddof = 1. Shared weights of a CNN: the same A and D, with convolutions for the products (ncap.reference.junction).

    Args:
        net: an MLP or a CNN. x: (N, n_0), or (N, *input_shape). y: integer labels (N,) or targets (N, n_L).
        interaction, strength, weighting, nodes: the reading, as in interaction_matrix; "full_hessian" has |H 1|^2 / 1'H 1, which lies
            between 1'H 1 / n and the largest eigenvalue where H >= 0, n being the number of parameters.
        eps: signed D becomes D + sgn(D) eps; magnitude needs none.

    Returns: Capacitance; it warns with CapacitanceWarning when the reading is degenerate.

    Raises: ValueError for unknown readings, bad data, negative eps. Source: Eq. 2; MATHEMATICS.md, sections 3 and 5.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> c = capacitance(net, [[1.0]], [[5.0]])     # P has entries 1 and 2: A = 2 * 1, D = 1 + 2
    >>> c.numerator, c.denominator, c.beta_eff
    (2.0, 3.0, 0.6666666666666666)
    """
    reading = read(interaction, strength, weighting, nodes)
    check_network(net)
    if not isinstance(eps, Real) or not isfinite(eps) or eps < 0:
        raise ValueError(f"eps must be at least 0, got {eps!r:.80}; pass a finite number")
    sums = _sums(net, x, y, reading)
    return judge(
        sums.moments,
        reading,
        structural=structural_reason(net.depth, net.loss, reading),
        magnitude=sums.magnitude,
        standard_error=sums.standard_error,
        n_samples=sums.n_samples,
        interior_weights=_interior_nodes(net, reading),
        rounding=float(np.finfo(np.float64).eps),
        eps=eps,
        errors=sums.errors,
    )


def degrees(
    net: MLP | CNN,
    x: ArrayLike,
    y: ArrayLike,
    interaction: str = "explicit",
    strength: str = "signed",
    weighting: str = "unit",
    nodes: str = "kernels",
) -> Degrees:
    """In- and out-degrees delta_in = P 1, delta_out = 1'P of every weight, without forming P (T0; Eq. 7).

    Returns: two lists of L arrays of the kernels' shapes; zeros for delta_in of layer L and delta_out of layer 1. With nodes="norms" an
    array (2, n_l) of the scales and, below them, the shifts stands between two kernels: 2L - 1 arrays. For "full_hessian" there is, of
    each layer, one of the kernel's shape, (1, n_l) of its bias and (2, n_l) of its norm, where it has them.

    Raises: ValueError as interaction_matrix, which alone builds P for hessian with magnitude, at most 2,000 weights.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> delta_in, delta_out = degrees(net, [[1.0]], [[5.0]])
    >>> [float(d[0, 0]) for d in delta_in], [float(d[0, 0]) for d in delta_out]
    ([1.0, 2.0, 0.0], [0.0, 1.0, 2.0])
    """
    reading = read(interaction, strength, weighting, nodes)
    check_network(net)
    if isinstance(net, CNN):
        return shared_degrees(net, x, y, reading)
    if reading == FULL_HESSIAN:
        return full_hessian_degrees(linearised(net, x, y))
    if reading.nodes == "norms":
        hessian = reading.interaction == "hessian"
        return norm_hessian_degrees(linearised(net, x, y)) if hessian else chain_degrees(net, x, y, strength)
    if reading.interaction == "explicit":
        return explicit_degrees(net, families(net, x, y), reading)
    if reading.strength == "signed":
        return hessian_degrees(net, families(net, x, y), weighting)
    P = interaction_matrix(net, x, y, *reading)
    shapes = [layer.kernel.shape for layer in net.layers]
    delta_in, delta_out = (by_layer(np.asarray(P.sum(axis=axis)).ravel(), shapes) for axis in (1, 0))
    return delta_in, delta_out


def _sums(net: MLP | CNN, x: ArrayLike, y: ArrayLike, reading: Reading) -> Sums:
    """What capacitance judges."""
    if isinstance(net, CNN):
        return shared_sums(net, x, y, reading)._replace(errors=_error_cancellation(net, y, _outputs(net, x)))
    values = families(net, x, y)
    if reading.interaction == "explicit":
        sums = norm_sums(net, x, y, reading) if reading.nodes == "norms" else explicit_sums(net, values, reading)
        return sums._replace(errors=_error_cancellation(net, y, values.p))
    if reading == FULL_HESSIAN or reading.nodes == "norms":
        return Sums(degree_moments(*degrees(net, x, y, *reading)), None, np.nan, len(values.p))
    signed = reading.strength == "signed"
    of_p = hessian_degrees(net, values, reading.weighting) if signed else degrees(net, x, y, *reading)
    return Sums(degree_moments(*of_p), None, np.nan, len(values.p))  # its curvature does not vanish with the errors


def _interior_nodes(net: MLP | CNN, reading: Reading) -> int:
    """How many nodes there are between the first layer of them and the last; the full Hessian has no such order."""
    if isinstance(net, MLP) and reading.nodes == "norms":
        return sum(a * b for a, b in chain_shapes(net)[1:-1])
    if isinstance(net, MLP) and reading == FULL_HESSIAN:
        return sum(a * b for a, b in parameter_shapes(net))
    return sum(kernel.size for kernel in kernels_of(net)[1:-1])


def _outputs(net: CNN, x: ArrayLike) -> Array:
    """p = softmax(a_L), or a_L."""
    *_, a = cnn.forward(net, x)
    return softmax(a) if net.loss == "cross_entropy" else a


def _error_cancellation(net: MLP | CNN, y: ArrayLike, p: Array) -> float:
    return error_cancellation(p, read_targets(y, p.shape[0], p.shape[1], net.loss), net.loss)
