"""Dynamics of an MLP: its neurons (A, Eq. 3) and its weights (B, Eq. 6 and 8) as differential equations, solved by scipy.

    A: dz_l/dt = -z_l + f_l(z_{l-1}),   f_l the map of layer l: relu and norm for l < L, linear for l = L; z_0 = x is held
    B: dW_l/dt = -F_l = -dC/dW_l,       gradient flow; gradient descent is Euler's method for it

Time has no unit. In A the relaxation time of a neuron is 1; in B one step of gradient descent lasts learning_rate.
B moves the kernels alone, the nodes of the line graph; biases and norms stay as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp
from scipy.special import logsumexp

from ncap.reference.arguments import array_list, choose, finite, positive, relative_tolerance, whole_number
from ncap.reference.cnn import kernels_of
from ncap.reference.graph import by_layer, in_node_order
from ncap.reference.linear_operator import interaction_operator
from ncap.reference.mlp import MLP, Array, Layer, check_net, forward, gradients, read_inputs, read_targets

Derivative = Callable[[float, Array], Array]
# Explicit ones: an implicit method spends n_E evaluations on each Jacobian, which jumps at every kink of a relu.
METHODS = ("RK23", "RK45", "DOP853")
ATOL_OF_RTOL = 1e-3  # near 0, what a state of size 0.001 would get
MAX_NUMBERS = 200_000_000  # 1.6 GB of states


class NodeTrajectory(NamedTuple):
    """The neurons in time: times (T,), and z = [z_1..z_L], each (T, N, n_l); z_L is the output before softmax."""

    times: Array
    z: list[Array]


class EdgeTrajectory(NamedTuple):
    """The weights in time: times (T,), kernels = [W_1..W_L], each (T, n_{l-1}, n_l), and the mean loss (T,)."""

    times: Array
    kernels: list[Array]
    loss: Array

    @property
    def weights(self) -> Array:
        """(T, n_E): the kernels in the node order of the line graph."""
        return np.concatenate([kernel.reshape(len(self.times), -1) for kernel in self.kernels], axis=1)


def node_dynamics(net: MLP, x: ArrayLike) -> Derivative:
    """Right-hand side of the node dynamics A (Eq. 3, our reading of it).

        dz_l/dt = -z_l + relu(z_{l-1} W_l + b_l)   for l < L,      dz_L/dt = -z_L + z_{L-1} W_L + b_L,      z_0 = x

    with the norm after the relu or before it, as the network has it. The forward pass is its only fixed point.

    Args:
        net: the network. x: (N, n_0).

    Returns: a function of (t, state), as scipy's solvers take it; t is not read. The state is z_1, ..., z_L one after
        another, each (N, n_l) in C order.

    Raises: TypeError or ValueError for bad data. Source: MATHEMATICS.md, section 1.

    >>> net = MLP([[[2.0]], [[3.0]]], loss="squared_error")
    >>> derivative = node_dynamics(net, [[1.0]])
    >>> derivative(0.0, np.array([0.0, 0.0])).tolist(), derivative(0.0, np.array([2.0, 6.0])).tolist()
    ([2.0, 0.0], [0.0, 0.0])
    """
    check_net(net)
    inputs = read_inputs(x, net.widths[0])

    def derivative(t: float, state: Array) -> Array:
        below = [inputs, *by_layer(state, _node_shapes(net, len(inputs)))[:-1]]
        return in_node_order([_layer_map(net, layer, z) for layer, z in zip(net.layers, below, strict=True)]) - state

    return derivative


def simulate_nodes(
    net: MLP,
    x: ArrayLike,
    times: ArrayLike,
    z_start: Sequence[ArrayLike] | None = None,
    rtol: float = 1e-6,
    method: str = "RK45",
) -> NodeTrajectory:
    """The node dynamics A in time (Eq. 3): from any start it converges to the forward pass.

    A layer waits for the one below it, so its error e_l = z_l - forward falls as exp(-t) times a polynomial. Entry by entry,
    with k_l the scale of the norm (1 where there is none, and for l = L),

        |e_l(t)| <= exp(-t) sum_{m=1..l} t^(l-m) / (l-m)! |e_m(0)| |W_{m+1}| |k_{m+1}| ... |W_l| |k_l|

    with equality where every relu is on and nothing is negative.

    Args:
        net: the network. x: (N, n_0), held for all time.
        times: (T,), increasing from 0; the relaxation time of a neuron is 1.
        z_start: [z_1..z_L], each (N, n_l), at time 0; None for zeros.
        rtol: relative tolerance of a step, 1e-13..1; the absolute one is rtol / 1000. method: "RK23", "RK45" or "DOP853", the
            explicit ones of scipy.integrate.solve_ivp.

    Raises: TypeError or ValueError for bad data or too many numbers, ArithmeticError where the solution cannot be followed.
    Source: MATHEMATICS.md, section 1.

    >>> net = MLP([[[2.0]], [[3.0]]], loss="squared_error")
    >>> z_1, z_2 = simulate_nodes(net, [[1.0]], [0.0, 2.0]).z     # 2 (1 - exp(-t)) and 6 (1 - (1 + t) exp(-t))
    >>> bool(abs(z_1[1, 0, 0] - 2 * (1 - np.exp(-2))) < 1e-5), bool(abs(z_2[1, 0, 0] - 6 * (1 - 3 * np.exp(-2))) < 1e-5)
    (True, True)
    """
    derivative = node_dynamics(net, x)
    shapes = _node_shapes(net, len(read_inputs(x, net.widths[0])))
    start = [np.zeros(shape) for shape in shapes] if z_start is None else _read_start(z_start, shapes)
    moments, states = _solve(derivative, in_node_order(start), times, rtol, method)
    return NodeTrajectory(moments, by_layer(states, shapes))


def edge_dynamics(net: MLP, x: ArrayLike, y: ArrayLike) -> Derivative:
    """Right-hand side of the edge dynamics B (Eq. 6): gradient flow of the kernels on all of the data.

        dW_l/dt = -F_l(W_{l+1}) = -dC/dW_l = -z_{l-1}^T g_l / N

    Args:
        net: the network, whose biases and norms stay. x: (N, n_0). y: integer labels (N,) or targets (N, n_L).

    Returns: a function of (t, state), as scipy's solvers take it; t is not read. The state is the n_E weights in the node
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
    they err by 7e-4 of the way in 1,103 evaluations; "RK45" needs 5,858 for 8e-4. The tolerance is one of the weights, not of
    the way they have gone: lower it to look closely at short times.

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
    moments, states = _solve(derivative, in_node_order(kernels_of(net)), times, rtol, method)
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
    _check_room("steps", steps + 1, len(start))
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

    Until a sample switches a relu, its error against B is t^2 / 2 (H - P) F(w*) + O(t^3), H the Hessian of C: P holds W_{l+1}'s
    direct impact on F_l and no more. It stays below a tenth of the way until about t = |F| / (5 |(H - P) F|); trusted_until
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
    moments = _read_times(times, len(V))
    states = np.tile(in_node_order(kernels_of(net)), (len(moments), 1))
    factor = moments
    for m in range(1, net.depth + 1):  # P^L = 0 ends the series
        states -= factor[:, None] * V
        V, factor = -(P @ V), factor * moments / (m + 1)
    return _edge_trajectory(net, x, y, moments, states)


def displacement_error(exact: EdgeTrajectory, approximate: EdgeTrajectory) -> Array:
    """How far one trajectory is from another, as a fraction of the way that the other has gone: |v - w| / |w - w(0)|.

    Args:
        exact: w. approximate: v, at the same times and from the same start.

    Returns: (T,), 0 where both numbers are 0, as at the start, and infinity where only the way is.

    Raises: TypeError for anything but trajectories of weights, ValueError where they do not fit one another.

    >>> times, loss = np.array([0.0, 1.0]), np.zeros(2)
    >>> w, v = (EdgeTrajectory(times, [np.array([[[0.0]], [[end]]])], loss) for end in (2.0, 3.0))
    >>> displacement_error(w, v).tolist()
    [0.0, 0.5]
    """
    for name, given in (("exact", exact), ("approximate", approximate)):
        if not isinstance(given, EdgeTrajectory):
            raise TypeError(
                f"{name} must be an EdgeTrajectory, as simulate_edges returns it, got {type(given).__name__}"
            )
    w, v = exact.weights, approximate.weights
    if w.shape != v.shape or not np.array_equal(exact.times, approximate.times) or not np.array_equal(w[0], v[0]):
        raise ValueError(
            "exact and approximate must have the same times and start at the same weights, got "
            f"{w.shape[0]} times of {w.shape[1]} weights and {v.shape[0]} of {v.shape[1]}"
        )
    way, error = np.linalg.norm(w - w[0], axis=1), np.linalg.norm(v - w, axis=1)
    return np.asarray(np.divide(error, way, out=np.where(error > 0, np.inf, 0.0), where=way > 0))


def trusted_until(exact: EdgeTrajectory, approximate: EdgeTrajectory, tolerance: float = 0.1) -> float:
    """Time at which displacement_error first exceeds the tolerance, interpolated between the times given.

    Args:
        exact, approximate: as for displacement_error. tolerance: above 0; a fraction of the way.

    Returns: a float, in the units of the times; infinity where the error stays below the tolerance at all of them.

    Raises: TypeError or ValueError as displacement_error, and for a tolerance that is no number above 0.

    >>> times, loss = np.array([0.0, 1.0]), np.zeros(2)
    >>> w, v = (EdgeTrajectory(times, [np.array([[[0.0]], [[end]]])], loss) for end in (2.0, 3.0))
    >>> trusted_until(w, v)     # the error grows from 0 to 0.5
    0.2
    """
    positive("tolerance", tolerance)
    error, times = displacement_error(exact, approximate), exact.times
    beyond = np.flatnonzero(error > tolerance)
    if not len(beyond):
        return float("inf")
    i = beyond[0]  # at least 1: both start at the same weights
    return float(times[i - 1] + (times[i] - times[i - 1]) * (tolerance - error[i - 1]) / (error[i] - error[i - 1]))


def _solve(derivative: Derivative, start: Array, times: ArrayLike, rtol: Any, method: Any) -> tuple[Array, Array]:
    """The times as they were read, and the states (T, n) at them."""
    moments = _read_times(times, len(start))
    choose("method", method, METHODS)
    rtol = relative_tolerance(rtol)
    if len(moments) == 1:  # the start alone, which scipy would answer with nothing
        return moments, start[None]
    with np.errstate(over="ignore", invalid="ignore"):  # what stays wrong is said below
        solution = solve_ivp(
            derivative, (0.0, moments[-1]), start, method, moments, rtol=rtol, atol=ATOL_OF_RTOL * rtol
        )
    if not solution.success:
        raise ArithmeticError(f"{method} stopped at t = {solution.t[-1]:.6g}: {solution.message}")
    return moments, solution.y.T


def _read_times(times: ArrayLike, numbers: int) -> Array:
    """Times (T,) that increase from 0, few enough for states of so many numbers each."""
    moments = finite("times", times)
    if moments.ndim != 1 or not len(moments) or moments[0] != 0 or (np.diff(moments) <= 0).any():
        raise ValueError(f"times must be a list that increases from 0, the moment of the start, got {times!r:.80}")
    _check_room("times", len(moments), numbers)
    return moments


def _check_room(name: str, moments: int, numbers: int) -> None:
    if moments * numbers > MAX_NUMBERS:
        raise ValueError(
            f"{name} ask for {moments:,} states of {numbers:,} numbers each, more than {MAX_NUMBERS:,} in all; "
            f"take fewer {name} at once and start the next ones where they end"
        )


def _read_start(z_start: Sequence[ArrayLike], shapes: list[tuple[int, int]]) -> list[Array]:
    start = [finite(f"z_start[{i}]", z) for i, z in enumerate(array_list("z_start", z_start))]
    if [z.shape for z in start] != shapes:
        raise ValueError(f"z_start must hold z_1..z_L of shapes {shapes}, got {[z.shape for z in start]}")
    return start


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


def _layer_map(net: MLP, layer: Layer, z: Array) -> Array:
    """f_l(z_{l-1})."""
    a = np.asarray(z @ layer.kernel + layer.bias)
    if layer is net.layers[-1]:
        return a
    if net.norm == "before":
        return np.asarray(np.maximum(layer.scale * a + layer.shift, 0))
    return np.asarray(layer.scale * np.maximum(a, 0) + layer.shift)


def _moved(net: MLP, state: Array) -> MLP:
    """The network with the kernels of a state."""
    return replace(net, kernels=by_layer(state, _kernel_shapes(net)))


def _node_shapes(net: MLP, n: int) -> list[tuple[int, int]]:
    return [(n, width) for width in net.widths[1:]]


def _kernel_shapes(net: MLP) -> list[tuple[int, int]]:
    return list(pairwise(net.widths))
