"""Hypothesis strategies for networks and data, composed upward: widths, arrays, an MLP, a case (an MLP with data).

Bounds are drawn first, so that a failure shrinks to the tiniest network. Values are small dyadic rationals: sums and
products of them are exact in float64, so ties at 0 (relu's kink) fall on the same side in every implementation.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ncap import reference as ref

DYADIC = [0.0, 0.5, -0.5, 1.0, -1.0]
LIVELY = [0.5, 1.0, 0.5, 1.0, -0.5]  # few relus are off, so that most networks interact
SCALES = [1.0, 0.5, 2.0, -1.0]
DEVIATIONS = [1.0, 0.5, 2.0]


@dataclass(frozen=True)
class Case:
    """A network with data, and whether every intermediate value below softmax is exact."""

    net: ref.MLP
    x: np.ndarray
    y: np.ndarray

    def __repr__(self):
        layers = [tuple(part.tolist() for part in layer) for layer in self.net.layers]
        return f"Case({self.net!r}, layers={layers}, x={self.x.tolist()}, y={self.y.tolist()})"

    def replace(self, **changes):
        return Case(changes.get("net", self.net), changes.get("x", self.x), changes.get("y", self.y))


def arrays(shape, values=tuple(DYADIC)):
    return hnp.arrays(np.float64, shape, elements=st.sampled_from(values), fill=st.sampled_from(values))


def widths(min_depth=3, max_depth=6, max_width=8):
    return st.lists(st.integers(1, max_width), min_size=min_depth + 1, max_size=max_depth + 1)


@st.composite
def mlps(
    draw,
    norms=("none", "after", "before"),
    losses=("squared_error", "cross_entropy"),
    biases=True,
    values=tuple(DYADIC),
    **bounds,
):
    sizes = draw(widths(**bounds))
    loss, norm = draw(st.sampled_from(losses)), draw(st.sampled_from(norms))
    kernels = [draw(arrays((a, b), values)) for a, b in itertools.pairwise(sizes)]
    b = [draw(arrays(n)) for n in sizes[1:]] if biases and draw(st.booleans()) else None
    hidden = sizes[1:-1]
    scales = [draw(arrays(n, SCALES)) for n in hidden] if norm != "none" else None
    shifts = [draw(arrays(n)) for n in hidden] if norm != "none" else None
    means = deviations = None
    if norm != "none" and draw(st.booleans()):
        means = [draw(arrays(n)) for n in hidden]
        deviations = [draw(arrays(n, DEVIATIONS)) for n in hidden]
    return ref.MLP(kernels, b, scales, shifts, "before" if norm == "before" else "after", loss, means, deviations)


@st.composite
def inputs_for(draw, net, max_samples=6, values=tuple(DYADIC)):
    """x (N, n_0), with zero inputs and repeated samples more often than chance would have it."""
    n = draw(st.integers(1, max_samples))
    x = draw(arrays((n, net.widths[0]), values))
    if draw(st.booleans()):
        x = x[draw(hnp.arrays(np.intp, n, elements=st.integers(0, n - 1)))]
    return x


@st.composite
def cases(draw, **bounds):
    """Two draws in three are of LIVELY numbers: of the others most have no interaction, which is worth testing, but not alone."""
    values = tuple(draw(st.sampled_from([DYADIC, LIVELY, LIVELY])))
    net = draw(mlps(values=values, **bounds))
    x = draw(inputs_for(net, values=values))
    labels = st.integers(0, net.widths[-1] - 1)
    y = draw(hnp.arrays(np.int64, len(x), elements=labels))
    return Case(net, x, y)
