"""Dynamics A (Eq. 3): the neurons of an MLP relax, layer by layer, to its forward pass."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ncap.reference.arguments import Array, array_list, finite
from ncap.reference.dynamics.solver import Derivative, solve
from ncap.reference.interaction.graph import by_layer, in_node_order
from ncap.reference.mlp.backpropagation import read_inputs
from ncap.reference.mlp.perceptron import MLP, Layer, check_net


class NodeTrajectory(NamedTuple):
    """The neurons in time: times (T,), and z = [z_1..z_L], each (T, N, n_l); z_L is the output before softmax."""

    times: Array
    z: list[Array]


def node_dynamics(net: MLP, x: ArrayLike) -> Derivative:
    """Right-hand side of the node dynamics A (Eq. 3, our reading of it).

        dz_l/dt = -z_l + relu(z_{l-1} W_l + b_l)   for l < L,      dz_L/dt = -z_L + z_{L-1} W_L + b_L,      z_0 = x

    with the norm before or after the relu, as in the network. The forward pass is its only fixed point.

    Args:
        net: the network. x: (N, n_0).

    Returns: a function of (t, state), as scipy's solvers take it; t is ignored. The state is z_1, ..., z_L one after
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
    moments, states = solve(derivative, in_node_order(start), times, rtol, method)
    return NodeTrajectory(moments, by_layer(states, shapes))


def _read_start(z_start: Sequence[ArrayLike], shapes: list[tuple[int, int]]) -> list[Array]:
    start = [finite(f"z_start[{i}]", z) for i, z in enumerate(array_list("z_start", z_start))]
    if [z.shape for z in start] != shapes:
        raise ValueError(f"z_start must hold z_1..z_L of shapes {shapes}, got {[z.shape for z in start]}")
    return start


def _layer_map(net: MLP, layer: Layer, z: Array) -> Array:
    """f_l(z_{l-1})."""
    a = np.asarray(z @ layer.kernel + layer.bias)
    if layer is net.layers[-1]:
        return a
    if net.norm == "before":
        return np.asarray(np.maximum(layer.scale * a + layer.shift, 0))
    return np.asarray(layer.scale * np.maximum(a, 0) + layer.shift)


def _node_shapes(net: MLP, n: int) -> list[tuple[int, int]]:
    return [(n, width) for width in net.widths[1:]]
