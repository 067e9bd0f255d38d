"""Draw reference/line_graph.png: a 2-3-2-1 network G_A and, beside it, the line graph G_B of its weights.

python reference/line_graph.py
"""

import itertools
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ncap import reference as ref

WIDTHS = (2, 3, 2, 1)
COLOURS = ("#0072b2", "#d55e00", "#009e73")  # one for the weights of each layer


def neurons():
    """Position of every neuron, by layer."""
    return [[(l * 1.5, i - (n - 1) / 2) for i in range(n)] for l, n in enumerate(WIDTHS)]


def weights():
    """(layer, start, end) of every weight, in the node order of the line graph."""
    place = neurons()
    return [(l, a, b) for l in range(len(WIDTHS) - 1) for a in place[l] for b in place[l + 1]]


def draw_network(axes):
    for l, (x0, y0), (x1, y1) in weights():
        axes.annotate(
            "", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "->", "color": COLOURS[l], "shrinkA": 9, "shrinkB": 9}
        )
    for layer in neurons():
        axes.scatter(*zip(*layer, strict=True), s=260, color="white", edgecolor="black", zorder=3)
    axes.set_title("$G_A$: neurons, joined by weights\nforward pass left to right", fontsize=11)


def draw_line_graph(axes):
    sizes = [a * b for a, b in itertools.pairwise(WIDTHS)]
    place = [(l * 2.2, (n - 1) / 2 - i) for l, n in enumerate(sizes) for i in range(n)]
    place = [
        (x, y * 4.2 / max(1, sizes[l] - 1))
        for (x, y), l in zip(place, np.repeat(range(len(sizes)), sizes), strict=True)
    ]
    for receiver, sender in zip(*ref.line_graph(WIDTHS).nonzero(), strict=True):
        arrow = {"arrowstyle": "->", "color": "0.55", "lw": 0.9, "shrinkA": 7, "shrinkB": 7}
        axes.annotate("", place[receiver], place[sender], arrowprops=arrow)
    colours = [COLOURS[l] for l in np.repeat(range(len(sizes)), sizes)]
    axes.scatter(*zip(*place, strict=True), s=170, color=colours, zorder=3)
    for l, _ in enumerate(sizes):
        axes.text(l * 2.2, -2.75, f"$W_{l + 1}$", color=COLOURS[l], ha="center", fontsize=12)
    axes.set_title("$G_B$: weights, joined where they share a neuron\nthe error flows right to left", fontsize=11)


def main():
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for axes, draw in zip(figure.subplots(1, 2), (draw_network, draw_line_graph), strict=True):
        draw(axes)
        axes.set_axis_off()
        axes.margins(0.12)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
