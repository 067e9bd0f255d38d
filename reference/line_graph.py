"""Draw a network G_A and the line graph G_B of its weights.

python reference/line_graph.py draws reference/line_graph.png, of a 2-3-2-1 network; reference/tour.py draws its own with the same
functions.
"""

import itertools
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ncap import reference as ref

WIDTHS = (2, 3, 2, 1)
COLOURS = ("#0072b2", "#d55e00", "#009e73")  # one for the weights of each layer
POSITIVE, NEGATIVE = "#b2182b", "#2166ac"  # links of P
WIDEST = 9  # points
DOT = 170  # area of a node without a name, in square points


def neuron_places(widths):
    """Position of every neuron, by layer, neuron 0 on top."""
    return [[(l * 1.5, (n - 1) / 2 - i) for i in range(n)] for l, n in enumerate(widths)]


def weight_places(widths):
    """Position of every weight as a node of the line graph, in node order, a column for each layer."""
    sizes = [a * b for a, b in itertools.pairwise(widths)]
    return [(l * 2.2, ((n - 1) / 2 - i) * 4.2 / max(1, n - 1)) for l, n in enumerate(sizes) for i in range(n)]


def layer_colours(widths):
    """The colour of every weight, in node order."""
    return [COLOURS[l] for l, (a, b) in enumerate(itertools.pairwise(widths)) for _ in range(a * b)]


def draw_network(axes, widths, size=260):
    """The neurons, `size` the area of their circles in square points, and an arrow for every weight."""
    layers = neuron_places(widths)
    for l, (starts, ends) in enumerate(itertools.pairwise(layers)):
        for start, end in itertools.product(starts, ends):
            arrow = {"arrowstyle": "->", "color": COLOURS[l], "shrinkA": _edge(size), "shrinkB": _edge(size)}
            axes.annotate("", end, start, arrowprops=arrow)
    for layer in layers:
        axes.scatter(*zip(*layer, strict=True), s=size, color="white", edgecolor="black", zorder=3)
    axes.set_title("$G_A$: neurons, joined by weights\nforward pass left to right", fontsize=11)


def draw_line_graph(axes, widths, names=None, receiver=None, P=None):
    """The weights as dots, or as boxes with their names, and the links between them.

    Links into node `receiver` are black; with P (n_E, n_E) given, all are as wide as its entries, dotted where those are 0.
    """
    place = weight_places(widths)
    boxes = _dots(axes, widths) if names is None else _boxes(axes, widths, names)
    shrink = _edge(DOT) if names is None else 0
    largest = 1 if P is None or not P.any() else np.abs(P).max()
    for row, column in zip(*ref.line_graph(widths).nonzero(), strict=True):
        if P is not None:
            style = _strength(P[row, column] / largest)
            style["shrinkA"] = shrink + style["lw"] / 2  # its round end stays outside the sender
        else:
            style = {"color": "black", "lw": 2.2} if row == receiver else {"color": "0.55", "lw": 0.9}
        ends = {"patchA": boxes[column], "patchB": boxes[row], "shrinkA": shrink, "shrinkB": shrink}
        axes.annotate("", place[row], place[column], arrowprops={"arrowstyle": "->"} | ends | style)
    for l in range(len(widths) - 1):
        axes.text(l * 2.2, -2.75, f"$W_{l + 1}$", color=COLOURS[l], ha="center", fontsize="large")
    axes.set_title("$G_B$: weights, joined where they share a neuron\nthe error flows right to left", fontsize=11)


def _dots(axes, widths):
    axes.scatter(*zip(*weight_places(widths), strict=True), s=DOT, color=layer_colours(widths), zorder=4)
    return [None] * len(weight_places(widths))  # no patch that an arrow would end at


def _boxes(axes, widths, names):
    axes.update_datalim(weight_places(widths))  # which text does not do
    boxes = []
    for name, place, colour in zip(names, weight_places(widths), layer_colours(widths), strict=True):
        look = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": colour, "linewidth": 2.5}
        boxes.append(axes.text(*place, name, ha="center", va="center", bbox=look, zorder=2).get_bbox_patch())
    return boxes


def _strength(share):
    """How a link looks that is this share of the largest, -1..1."""
    if not share:
        return {"color": "0.55", "lw": 1.6, "ls": ":"}
    width = WIDEST * abs(share)
    head = f"-|>,head_width={0.15 + 0.03 * width},head_length={0.3 + 0.06 * width}"
    return {"color": POSITIVE if share > 0 else NEGATIVE, "lw": width, "arrowstyle": head}


def _edge(size):
    """Where an arrow ends, in points from the centre of a circle of this area in square points."""
    return int(np.sqrt(size) / 2) + 1


def main():
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for axes, draw in zip(figure.subplots(1, 2), (draw_network, draw_line_graph), strict=True):
        draw(axes, WIDTHS)
        axes.set_axis_off()
        axes.margins(0.12)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
