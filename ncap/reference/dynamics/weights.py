"""Dynamics B (Eq. 6, 8): the weights of an MLP under gradient flow, gradient descent, and the linear form with P."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from ncap.reference.arguments import Array, positive, whole_number
from ncap.reference.dynamics.solver import Derivative, check_room, read_times, solve
from ncap.reference.dynamics.trajectory import EdgeTrajectory
from ncap.reference.interaction.graph import by_layer, in_node_order
from ncap.reference.interaction.linear_operator import interaction_operator
from ncap.reference.loss import read_targets
from ncap.reference.mlp.backpropagation import forward, gradients
from ncap.reference.mlp.perceptron import MLP
from ncap.reference.shared_weights.cnn import kernels_of


def edge_dynamics(net: MLP, x: ArrayLike, y: ArrayLike) -> Derivative:
    """Right-hand side of the edge dynamics B (Eq. 6): gradient flow of the kernels on all of the data.

        dW_l/dt = -F_l(W_{l+1}) = -dC/dW_l = -z_{l-1}^T g_l / N

    Args:
        net: the network, whose biases and norms stay. x: (N, n_0). y: integer labels (N,) or targets (N, n_L).

    Returns: a function of (t, state), as scipy's solvers take it; t is ignored. The state is the n_E weights in the node
        order of the line graph: the kernels (n_{l-1}, n_l) one after another, each in C order.

    Raises: TypeError or ValueError for bad data. Source: MATHEMATICS.md, section 1.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> edge_dynamics(net, [[1.0]], [[5.0]])(0.0, np.array([2.0, 3.0, 1.0])).tolist()     # minus the gradients
    [-3.0, -2.0, -6.0]
    """
    _gradient_at_start(net, x, y)  # what is wrong with the arguments is said before a solver runs

    def derivative(t: float, state: Array) -> Array:
        return -in_node_order(gradients(_moved(net, state), x, y))

    return derivative


def simulate_edges(
    net: MLP,
    x: ArrayLike,
    y: ArrayLike,
    times: ArrayLike,
    rtol: float = 1e-4,
    method: str = "RK23",
) -> EdgeTrajectory:
    """The edge dynamics B in time (Eq. 6), from the kernels of the network on: gradient flow, along which the loss never rises.

        dC/dt = -sum_l |dC/dW_l|^2

    The right-hand side jumps where a sample switches a relu, and a flow pushed against such a kink from both sides slides along
    it: a solution in Filippov's sense, whose velocity is minus a Clarke subgradient, so that the loss falls there too. A step
    over a kink is as short as the tolerance asks for, whatever the order of the method, and a slide takes about 1 / rtol
    evaluations: hence the low order and the loose tolerance. On 100 digits with 64-16-16-10 and cross-entropy, until t = 5,
    they err by 7e-4 of the way in 1,103 evaluations; "RK45" needs 5,858 for 8e-4. The tolerance applies to the weights, not
    to the way they have gone: lower it to look closely at short times.

    Args:
        net: the network, whose biases and norms stay. x: (N, n_0). y: integer labels (N,) or targets (N, n_L).
        times: (T,), increasing from 0; k steps of gradient descent last k learning_rate.
        rtol: relative tolerance of a step, 1e-13..1; the absolute one is rtol / 1000. method: "RK23", "RK45" or "DOP853", the
            explicit ones of scipy.integrate.solve_ivp.

    Raises: TypeError or ValueError for bad data or too many numbers, ArithmeticError where the solution cannot be followed.
    Source: MATHEMATICS.md, section 1.

    >>> net = MLP([[[0.5]], [[0.5]]], loss="squared_error")     # u = W_1 W_2 obeys du/dt = 2 u (1 - u)
    >>> W_1, W_2 = simulate_edges(net, [[1.0]], [[1.0]], [0.0, 2.0]).kernels
    >>> bool(abs(W_1[1, 0, 0] * W_2[1, 0, 0] - 1 / (1 + 3 * np.exp(-4))) < 1e-2)
    True
    """
    derivative = edge_dynamics(net, x, y)
    moments, states = solve(derivative, in_node_order(kernels_of(net)), times, rtol, method)
    return _edge_trajectory(net, x, y, moments, states)


def gradient_descent(net: MLP, x: ArrayLike, y: ArrayLike, learning_rate: float, steps: int) -> EdgeTrajectory:
    """Gradient descent on all of the data: Euler's method for the edge dynamics B (Eq. 6), t = k learning_rate after k steps.

        W_l <- W_l - learning_rate dC/dW_l

    Args:
        net: the network, whose biases and norms stay. x: (N, n_0). y: integer labels (N,) or targets (N, n_L).
        learning_rate: above 0. steps: at least 0.

    Returns: EdgeTrajectory of steps + 1 times, the first being 0.

    Raises: TypeError or ValueError for bad data, too many numbers, ArithmeticError where the weights overflow.

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    >>> descent = gradient_descent(net, [[1.0]], [[5.0]], 1 / 64, steps=1)
    >>> descent.weights.tolist(), descent.loss.round(4).tolist()     # the gradients are 3, 2 and 6
    ([[2.0, 3.0, 1.0], [1.953125, 2.96875, 0.90625]], [0.5, 0.0324])
    """
    derivative = edge_dynamics(net, x, y)
    positive("learning_rate", learning_rate)
    steps = whole_number("steps", steps)
    start = in_node_order(kernels_of(net))
    check_room("steps", steps + 1, len(start))
    states = np.tile(start, (steps + 1, 1))
    for k in range(steps):
        with np.errstate(over="ignore", invalid="ignore"):
            states[k + 1] = states[k] + learning_rate * derivative(0.0, states[k])
        if not np.isfinite(states[k + 1]).all():
            raise ArithmeticError(f"gradient descent diverged at step {k + 1}; lower learning_rate, {learning_rate}")
    return _edge_trajectory(net, x, y, learning_rate * np.arange(steps + 1), states)


def linearised_edges(net: MLP, x: ArrayLike, y: ArrayLike, times: ArrayLike) -> EdgeTrajectory:
    """The edge dynamics B in the form of Eq. 1 (Eq. 8): z, s and g frozen at the start w*, where P is read (explicit, signed).

        dw/dt = -F(w*) - P (w - w*),      w(t) = w* - sum_{m=0..L-1} t^(m+1) / (m+1)! (-P)^m F(w*)

    which is -P w for l < L, F being P w* there (T5); layer L, which receives nothing, keeps -F_L(w*). P leads from each layer
    to the one below, so P^L = 0, exp(-P t) is a polynomial, and this solution is exact; P itself is not formed.

    Until a sample switches a relu, its error against B is t^2 / 2 (H - P) F(w*) + O(t^3), H the Hessian of C: P holds the direct
    impact of W_{l+1} on F_l and no more. It stays below a tenth of the way until about t = |F| / (5 |(H - P) F|); trusted_until
    finds the time. On 300 digits, 64-32-16-10 at eight draws of He's initial weights, that was 0.06 (0.026 to 0.105) for
    cross-entropy and 0.005 (0.003 to 0.021) for squared error, about an eighth of the largest stable learning rate, and 1 to
    11 % longer than without P, straight along -F.

    Args:
        net: the network at w*. x: (N, n_0). y: integer labels (N,) or targets (N, n_L). times: (T,), increasing from 0.

    Returns: EdgeTrajectory; its loss is that of the network with these weights, and far out it may overflow to infinity or NaN.

    Raises: TypeError or ValueError for bad data or too many numbers. Source: MATHEMATICS.md, sections 1 and 4 (T5).

    >>> net = MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")     # F = 3, 2, 6; P has entries 1 and 2
    >>> linearised_edges(net, [[1.0]], [[5.0]], [0.0, 1.0]).weights.tolist()     # -3t + t^2 - 2t^3, -2t + 6t^2, -6t
    [[2.0, 3.0, 1.0], [-2.0, 7.0, -5.0]]
    """
    V, P = _gradient_at_start(net, x, y), interaction_operator(net, x, y)
    moments = read_times(times, len(V))
    states = np.tile(in_node_order(kernels_of(net)), (len(moments), 1))
    factor = moments
    for m in range(1, net.depth + 1):  # P^L = 0 ends the series
        states -= factor[:, None] * V
        V, factor = -(P @ V), factor * moments / (m + 1)
    return _edge_trajectory(net, x, y, moments, states)


def _gradient_at_start(net: MLP, x: ArrayLike, y: ArrayLike) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        F = in_node_order(gradients(net, x, y))
    if not np.isfinite(F).all():
        raise ArithmeticError("the gradient at the start overflows; lower the weights of net, or the inputs x")
    return F


def _edge_trajectory(net: MLP, x: ArrayLike, y: ArrayLike, times: Array, states: Array) -> EdgeTrajectory:
    with np.errstate(over="ignore", invalid="ignore"):
        loss = np.array([_mean_loss(_moved(net, state), x, y) for state in states])
    return EdgeTrajectory(times, by_layer(states, _kernel_shapes(net)), loss)


def _mean_loss(net: MLP, x: ArrayLike, y: ArrayLike) -> float:
    """C, the mean over the samples."""
    a = forward(net, x)[2]
    targets = read_targets(y, len(a), net.widths[-1], net.loss)
    if net.loss == "squared_error":
        return float(((a - targets) ** 2).sum() / 2 / len(a))
    return float((logsumexp(a, axis=1) - (targets * a).sum(axis=1)).mean())


def _moved(net: MLP, state: Array) -> MLP:
    """The network with the kernels of a state."""
    return replace(net, kernels=by_layer(state, _kernel_shapes(net)))


def _kernel_shapes(net: MLP) -> list[tuple[int, int]]:
    return list(pairwise(net.widths))
