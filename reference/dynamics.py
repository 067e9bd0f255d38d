"""Draw reference/dynamics.png: the neurons of a network on their way to the forward pass, and its weights in training.

The weights follow gradient flow (B), its Euler steps, which are gradient descent, and the flow linearised with P (Eq. 8). How far each
is from the flow is a fraction of the way that the flow has gone; beyond a tenth, the dotted lines, none is trusted here.

python reference/dynamics.py
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from ncap import reference as ref

WIDTHS = (64, 32, 16, 10)
TOLERANCE = 0.1
LAYERS = ("#0072b2", "#d55e00", "#009e73")  # one for each, as in the line graph
LEARNING_RATES = {0.1: "#56b4e9", 0.4: "#e69f00"}
LINEARISED, COLOUR = "linearised with $P$", "#cc3377"
FIRST, END = 0.01, 10  # of the times drawn


def network():
    """A network at He's initial weights, with the first 300 digits and their labels."""
    rng = np.random.default_rng(0)
    images, labels = load_digits(return_X_y=True)
    kernels = [rng.normal(size=(a, b)) * np.sqrt(2 / a) for a, b in pairwise(WIDTHS)]
    return ref.MLP(kernels), images[:300] / 16, labels[:300]


def straight_edges(net, x, y, times):
    """The tangent to the flow at its start: what is left of Eq. 8 without P."""
    start = ref.linearised_edges(net, x, y, times)
    kernels = [
        kernel[0] - times[:, None, None] * F for kernel, F in zip(start.kernels, ref.gradients(net, x, y), strict=True)
    ]
    return start._replace(kernels=kernels)


def draw_nodes(axes, net, x):
    times = np.linspace(0, 20, 201)
    z, _, a = ref.forward(net, x)
    path = ref.simulate_nodes(net, x, times, rtol=1e-10)
    for l, (moving, rest, colour) in enumerate(zip(path.z, [*z[1:], a], LAYERS, strict=True), 1):
        error = np.linalg.norm(moving - rest, axis=(1, 2)) / np.linalg.norm(rest)
        axes.semilogy(times, error, color=colour, label=f"layer {l}")
    axes.semilogy(times, np.exp(-times), ":", color="black", label=r"$\exp(-t)$")
    axes.set(
        xlabel="time, in relaxation times of a neuron", ylabel="distance to the forward pass, relative", ylim=(1e-8, 3)
    )
    axes.set_title("Node dynamics A, from rest\nlayer $l$ falls as $t^{\\,l-1}\\exp(-t)$", fontsize=12)


def edge_paths(net, x, y):
    """By name: (style, trajectory of the weights)."""
    steps = {rate: ref.gradient_descent(net, x, y, rate, round(END / rate)) for rate in LEARNING_RATES}
    moments = np.unique(np.concatenate([np.geomspace(FIRST, END, 161), *(path.times for path in steps.values())]))
    flow = ref.simulate_edges(net, x, y, moments, rtol=1e-5)  # of the weights: early on, they have hardly moved
    dots = {"marker": ".", "ms": 5, "lw": 0.8}
    return {
        "flow $B$": ({"color": "black", "lw": 2.5}, flow),
        **{f"Euler steps of {rate}": (dots | {"color": LEARNING_RATES[rate]}, path) for rate, path in steps.items()},
        LINEARISED: ({"color": COLOUR, "lw": 2}, ref.linearised_edges(net, x, y, moments)),
        "straight along $-F$": ({"color": "0.6", "lw": 2, "ls": "--"}, straight_edges(net, x, y, moments)),
    }


def at(path, times):
    """A trajectory at some of its times."""
    chosen = np.isin(path.times, times)
    return ref.EdgeTrajectory(path.times[chosen], [kernel[chosen] for kernel in path.kernels], path.loss[chosen])


def draw_loss(axes, paths):
    for name, (style, path) in paths.items():
        if not name.startswith("straight"):  # which lies on the linearised one until both are wrong
            axes.semilogx(path.times[1:], path.loss[1:], **style, label=name)
    axes.set(ylabel="mean loss", ylim=(0, 3.2))
    axes.set_title("Edge dynamics B: training\nthe flow never climbs", fontsize=12)


def draw_error(axes, paths):
    (_, flow), *others = paths.values()
    for name, (style, path) in zip(list(paths)[1:], others, strict=True):
        axes.loglog(path.times[1:], ref.displacement_error(at(flow, path.times), path)[1:], **style, label=name)
    axes.axhline(TOLERANCE, color="black", lw=0.8, ls=":")
    axes.set(ylabel="distance to the flow, over the way it has gone", ylim=(0.008, 10))
    axes.set_title("How long a stand-in can be trusted\none tenth of the way off: the dotted lines", fontsize=12)


def draw(net, x, y):
    paths = edge_paths(net, x, y)
    trusted = ref.trusted_until(paths["flow $B$"][1], paths[LINEARISED][1], TOLERANCE)
    figure = Figure(figsize=(15, 5), layout="constrained")
    nodes, loss, error = figure.subplots(1, 3)
    draw_nodes(nodes, net, x)
    draw_loss(loss, paths)
    draw_error(error, paths)
    for axes in (loss, error):
        axes.axvline(trusted, color=COLOUR, ls=":")
        axes.set(xlabel="time: learning rate times steps", xlim=(FIRST, END))
    error.text(trusted * 1.12, 0.01, f"linearised: until t = {trusted:.2f}", color=COLOUR)
    for axes in (nodes, loss, error):
        axes.legend(loc=(0.33, 0.02) if axes is loss else "upper right", frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def main():
    draw(*network()).savefig(Path(__file__).with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
