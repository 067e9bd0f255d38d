"""The gradient form (T7 b): relative capacitance from the gradient alone, without a pole and 0 at every stationary point."""

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array
from ncap.reference.kernels import row_dots
from ncap.reference.loss import error_cancellation, read_targets
from ncap.reference.mlp.backpropagation import all_errors, families
from ncap.reference.mlp.closed_form import explicit_degrees
from ncap.reference.mlp.perceptron import MLP, check_net
from ncap.reference.verdict import GRADIENT_FORM, Capacitance, Moments, Reading, judge, structural_reason


def gradient_capacitance(net: MLP, x: ArrayLike, y: ArrayLike) -> Capacitance:
    """Gradient form of neural capacitance: beta_eff of what relative changes of the weights would do to the loss (T7 b).

        beta_eff = sum_{l=2..L-1} sum q_l^2 / sum_{l<L} sum |q_l|,   q_l = W_l * dC/dW_l

    q is the in-degree of diag(w) P diag(w), and its out-degree too without bias and shift: A is that of weighting "relative",
    D takes |.| of every degree, so that no pole is left. It lies in [0, max |q|], is 0 at every stationary point, and does
    not change when relu units are rescaled. Standard error over the samples (delta method), q_n being sample n's own q:
    psi_n = (2 <q, q_n> - 2A) / D - beta (<sgn q, q_n> - D) / D, s.e. = sd(psi) / sqrt(N), sd with ddof = 1.

    Args:
        net: the network. x: (N, n_0). y: integer labels (N,) or targets (N, n_L).

    Returns: Capacitance of interaction "gradient"; it warns with CapacitanceWarning for L <= 2 and where every q is 0.

    Raises: TypeError or ValueError for bad data.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> c = gradient_capacitance(net, [[1.0]], [[5.0]])     # gradients 3, 2, 6: q_1 = 6, q_2 = 6
    >>> c.numerator, c.denominator, c.beta_eff
    (36.0, 12.0, 3.0)
    """
    check_net(net)
    values = families(net, x, y)
    z, g = values.z[:-1], all_errors(net, values)[:-1]
    q = [layer.kernel * (z_l.T @ g_l / len(g_l)) for layer, z_l, g_l in zip(net.layers[:-1], z, g, strict=True)]
    A, D = sum(float((q_l**2).sum()) for q_l in q[1:]), sum(float(np.abs(q_l).sum()) for q_l in q)
    uncancelled, _ = explicit_degrees(net, values, Reading("explicit", "magnitude", "relative"))
    return judge(
        Moments(A, D, not any(q_l.any() for q_l in q)),
        GRADIENT_FORM,
        structural=structural_reason(net.depth, net.loss, GRADIENT_FORM),
        magnitude=Moments(A, sum(float(q_l.sum()) for q_l in uncancelled), False),
        standard_error=_standard_error(net, z, g, q, A, D) if len(values.p) > 1 and D else np.nan,
        n_samples=len(values.p),
        interior_weights=sum(layer.kernel.size for layer in net.layers[1:-1]),
        rounding=float(np.finfo(np.float64).eps),
        errors=error_cancellation(values.p, read_targets(y, values.p.shape[0], values.p.shape[1], net.loss), net.loss),
    )


def _standard_error(net: MLP, z: list[Array], g: list[Array], q: list[Array], A: float, D: float) -> float:
    """sd(psi) / sqrt(N): <V, q_n> = z_{l-1} (V * W_l) g_l for sample n, of rank one times W_l."""
    A_n, D_n = np.zeros((2, len(z[0])))
    for l, (layer, q_l, z_l, g_l) in enumerate(zip(net.layers[:-1], q, z, g, strict=True)):
        D_n += row_dots(z_l @ (np.sign(q_l) * layer.kernel), g_l, False)
        if l:
            A_n += 2 * row_dots(z_l @ (q_l * layer.kernel), g_l, False)
    psi = (A_n - (A / D) * D_n) / D  # up to a constant, which sd does not see
    return float(psi.std(ddof=1) / np.sqrt(len(psi)))
