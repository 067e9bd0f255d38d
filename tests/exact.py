"""The definitions in exact fractions, by loops, and rational networks to try them on; no code of ncap.

Letters and formulas are those of ncap.reference, by layer number: W[l][j][i], z[l][n][i], s[l][n][i], g[l][n][i]. A weight
W_l[j, i] is a node Weight(l, j, i); P is a dictionary by (receiver, sender).
"""

import itertools
from collections import defaultdict
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

NUMBERS = [Fraction(n, d) for n, d in ((0, 1), (1, 1), (-1, 1), (1, 2), (-2, 1), (2, 3), (-1, 3), (3, 1))]
POSITIVE = [Fraction(n, d) for n, d in ((1, 1), (2, 1), (1, 2), (3, 1), (2, 3))]


class Weight(NamedTuple):
    l: int
    j: int
    i: int


class Unit(NamedTuple):
    """A bias "b", a scale "k" or a shift "c" of neuron i of layer l, as a node."""

    what: str
    l: int
    i: int


class Network(NamedTuple):
    """Kernels, biases, and the scales k and shifts c of frozen norms, which the last layer has not, by layer number.

    A norm centres by m and divides by d, its statistics, before it scales and shifts.
    """

    W: dict
    b: dict
    k: dict
    c: dict
    norm: str = "after"
    m: dict = {}  # noqa: RUF012
    d: dict = {}  # noqa: RUF012

    def normed(self, l, row):
        """(a - m) / d of a row of layer l."""
        zero, one = [Fraction(0)] * len(row), [Fraction(1)] * len(row)
        return [(a - m) / d for a, m, d in zip(row, self.m.get(l, zero), self.d.get(l, one), strict=True)]

    def slopes(self, l):
        """k / d of layer l."""
        return [k / d for k, d in zip(self.k[l], self.d.get(l, [Fraction(1)] * len(self.k[l])), strict=True)]

    @property
    def depth(self):
        return len(self.W)

    @property
    def weights(self):
        return {
            Weight(l, j, i): value
            for l, kernel in self.W.items()
            for j, row in enumerate(kernel)
            for i, value in enumerate(row)
        }

    @property
    def parameters(self):
        """Every weight, bias, scale and shift as a node, layer after layer."""
        nodes = []
        for l in self.W:
            nodes += [weight for weight in self.weights if weight.l == l]
            nodes += [Unit("b", l, i) for i in range(len(self.b[l]))]
            if l < self.depth:
                nodes += [Unit(what, l, i) for what in "kc" for i in range(len(self.b[l]))]
        return nodes

    def moved(self, changes):
        """The network with changes, a dictionary, added to some weights, biases, scales and shifts."""
        W = {l: [list(row) for row in kernel] for l, kernel in self.W.items()}
        vectors = {what: {l: list(row) for l, row in getattr(self, what).items()} for what in "bkc"}
        for node, change in changes.items():
            if isinstance(node, Unit):
                vectors[node.what][node.l][node.i] += change
            else:
                W[node.l][node.j][node.i] += change
        return self._replace(W=W, **vectors)


class Families(NamedTuple):
    """z_0..z_{L-1}, s_1..s_{L-1} and g_1..g_L by layer number, and a_L, each [n][i]."""

    z: dict
    s: dict
    g: dict
    a: list

    def scaled_errors(self, t):
        return self._replace(g={l: [[t * value for value in row] for row in g_l] for l, g_l in self.g.items()})


def bias_free(kernels):
    """A network of kernels alone."""
    W = dict(enumerate(kernels, 1))
    zeros = {l: [Fraction(0)] * len(kernel[0]) for l, kernel in W.items()}
    return Network(W, zeros, {l: [Fraction(1)] * len(row) for l, row in zeros.items()}, zeros)


def families(net, x, error):
    """Forward from x, backward from g_L = error."""
    z, s, a = forward(net, x)
    return Families(z, s, errors(net, s, error), a)


def forward(net, x):
    """z_0..z_{L-1}, s_1..s_{L-1} and a_L."""
    z, s = {0: x}, {}
    for l in range(1, net.depth):
        z[l], s[l] = [], []
        for row in affine(net, l, z[l - 1]):
            if net.norm == "before":
                row = [k * a + c for k, a, c in zip(net.k[l], net.normed(l, row), net.c[l], strict=True)]
            s[l].append([slope * (a > 0) for slope, a in zip(net.slopes(l), row, strict=True)])
            active = [a if a > 0 else Fraction(0) for a in row]
            if net.norm == "after":
                active = [k * a + c for k, a, c in zip(net.k[l], net.normed(l, active), net.c[l], strict=True)]
            z[l].append(active)
    return z, s, affine(net, net.depth, z[net.depth - 1])


def affine(net, l, z):
    """z W_l + b_l, by sample."""
    columns = list(zip(*net.W[l], strict=True))
    return [[dot(row, column) + b for column, b in zip(columns, net.b[l], strict=True)] for row in z]


def errors(net, s, error):
    """g_l = s_l * (g_{l+1} W_{l+1}') from g_L = error down to g_1."""
    g = {net.depth: error}
    for l in range(net.depth - 1, 0, -1):
        g[l] = [
            [s_ni * dot(row, above) for s_ni, row in zip(s_n, net.W[l + 1], strict=True)]
            for s_n, above in zip(s[l], g[l + 1], strict=True)
        ]
    return g


def gradient(net, z, g):
    """dC/dW_l[j, i] = mean_n z_{l-1}[n, j] g_l[n, i], of every weight."""
    samples = range(len(z[0]))
    return {w: mean(z[w.l - 1][n][w.j] * g[w.l][n][w.i] for n in samples) for w in net.weights}


def interaction(z, s, g, strength="signed"):
    """P[(l; j->i), (l+1; i->k)] = mean_n s_l[n, i] z_{l-1}[n, j] g_{l+1}[n, k], |.| inside the mean for magnitude (Eq. 7)."""
    size = abs if strength == "magnitude" else lambda value: value
    P = {}
    for l in s:
        n_in, n, n_out = len(z[l - 1][0]), len(s[l][0]), len(g[l + 1][0])
        for j, i, k in itertools.product(range(n_in), range(n), range(n_out)):
            terms = zip(s[l], z[l - 1], g[l + 1], strict=True)
            P[Weight(l, j, i), Weight(l + 1, i, k)] = mean(size(s_n[i] * z_n[j] * g_n[k]) for s_n, z_n, g_n in terms)
    return P


def relative(P, weights, strength="signed"):
    """diag(w) P diag(w), with |w| for magnitude."""
    size = abs if strength == "magnitude" else lambda value: value
    return {(a, b): size(weights[a]) * value * size(weights[b]) for (a, b), value in P.items()}


def hessian(net, z, s, a, error, curvature):
    """d2C / dW_l dW_{l+1} for adjacent layers, from exact second differences of the loss.

    The loss is <g_L, d> + d' H d / 2, d = a_L(W) - a_L, of the same first and second derivatives as any loss with error g_L and
    curvature H at a_L. With the slopes as they are it is quadratic in each weight, so central differences are its derivatives.
    """

    def loss(changes):
        moved = moved_outputs(net, z, s, changes)
        d = [[u - v for u, v in zip(new, old, strict=True)] for new, old in zip(moved, a, strict=True)]
        return mean(
            dot(g_n, d_n) + dot(d_n, [dot(row, d_n) for row in H_n]) / 2
            for g_n, d_n, H_n in zip(error, d, curvature, strict=True)
        )

    P = {}
    for receiver, sender in itertools.product(net.weights, repeat=2):
        if sender.l == receiver.l + 1:
            signs = itertools.product((1, -1), repeat=2)
            P[receiver, sender] = sum(u * v * loss({receiver: u, sender: v}) for u, v in signs) / Fraction(4)
    return P


def moved_outputs(net, z, s, changes):
    """a_L with some weights changed and every unit as active as it was."""
    moved, below = net.moved(changes), z[0]
    for l in range(1, net.depth):
        changed = zip(z[l], s[l], affine(moved, l, below), affine(net, l, z[l - 1]), strict=True)
        below = [[v + slope * (new - old) for v, slope, new, old in zip(*of_n, strict=True)] for of_n in changed]
    return affine(moved, net.depth, below)


def on_off(net, x):
    """[n][i], by layer: whether the relu is on."""
    z, on = {0: x}, {}
    for l in range(1, net.depth):
        rows = affine(net, l, z[l - 1])
        if net.norm == "before":
            rows = [[k * a + c for k, a, c in zip(net.k[l], net.normed(l, row), net.c[l], strict=True)] for row in rows]
        on[l] = [[a > 0 for a in row] for row in rows]
        z[l] = gated(net, l, z[l - 1], on[l])
    return on


def gated(net, l, below, on):
    """z_l with the relus on or off as told: a polynomial in the parameters."""
    found = []
    for row, gates in zip(affine(net, l, below), on, strict=True):
        if net.norm == "before":
            row = [k * a + c for k, a, c in zip(net.k[l], net.normed(l, row), net.c[l], strict=True)]
        row = [a * gate for a, gate in zip(row, gates, strict=True)]
        if net.norm == "after":
            row = [k * a + c for k, a, c in zip(net.k[l], net.normed(l, row), net.c[l], strict=True)]
        found.append(row)
    return found


def second_derivatives(net, x, error, curvature, pairs):
    """d2C by pairs of parameters, from exact second differences of the loss <g_L, d> + d' H d / 2, d = a_L(parameters) - a_L.

    With the relus as they are, d is linear in every single parameter, so that the loss is quadratic in each: the differences are exact.
    """
    on = on_off(net, x)

    def outputs(changes):
        moved, z = net.moved(changes), x
        for l in range(1, net.depth):
            z = gated(moved, l, z, on[l])
        return affine(moved, net.depth, z)

    a = outputs({})

    def loss(changes):
        d = [[u - v for u, v in zip(new, old, strict=True)] for new, old in zip(outputs(changes), a, strict=True)]
        return mean(
            dot(g_n, d_n) + dot(d_n, [dot(row, d_n) for row in H_n]) / 2
            for g_n, d_n, H_n in zip(error, d, curvature, strict=True)
        )

    one = Fraction(1)
    P = {}
    for p, q in pairs:
        if p == q:
            P[p, q] = loss({p: one}) + loss({p: -one})  # loss({}) is 0
        else:
            P[p, q] = sum(u * v * loss({p: u * one, q: v * one}) for u in (1, -1) for v in (1, -1)) / Fraction(4)
    return P


def chain(net):
    """The nodes of the chain of kernels and norms, layer after layer: W_1, then k_1 and c_1, ..., W_L."""
    layers = []
    for l in net.W:
        layers.append([weight for weight in net.weights if weight.l == l])
        if l < net.depth:
            layers.append([Unit(what, l, i) for what in "kc" for i in range(len(net.b[l]))])
    return layers


def interaction_with_norms(net, x, error, strength="signed"):
    """P of the explicit reading on the chain (MATHEMATICS.md, section 2): held fixed is what Eq. 7 holds fixed."""
    size = abs if strength == "magnitude" else lambda value: value
    z, s, _ = forward(net, x)
    g, on, samples = errors(net, s, error), on_off(net, x), range(len(x))
    P = {}
    for l in range(1, net.depth):
        d = net.d.get(l, [Fraction(1)] * len(net.b[l]))
        u = [net.normed(l, [a if a > 0 else Fraction(0) for a in row]) for row in affine(net, l, z[l - 1])]
        for i in range(len(net.b[l])):
            e = [dot(g_n, net.W[l + 1][i]) for g_n in g[l + 1]]
            for j in range(len(z[l - 1][0])):
                terms = (size(z[l - 1][n][j] * on[l][n][i] * e[n] / d[i]) for n in samples)
                P[Weight(l, j, i), Unit("k", l, i)] = mean(terms)
            for q in range(len(g[l + 1][0])):
                P[Unit("k", l, i), Weight(l + 1, i, q)] = mean(size(u[n][i] * g[l + 1][n][q]) for n in samples)
                P[Unit("c", l, i), Weight(l + 1, i, q)] = mean(size(g[l + 1][n][q]) for n in samples)
    return P


def row_sums(P):
    """delta_in: of every node that receives."""
    sums = defaultdict(Fraction)
    for (receiver, _), value in P.items():
        sums[receiver] += value
    return sums


def column_sums(P):
    """delta_out: of every node that sends."""
    return row_sums({(sender, receiver): value for (receiver, sender), value in P.items()})


def two_steps(P):
    """1'PP1, over every pair of entries that follow one another."""
    sent = defaultdict(list)
    for (receiver, _), value in P.items():
        sent[receiver].append(value)
    return sum((value * further for (_, sender), value in P.items() for further in sent[sender]), Fraction(0))


def gradient_form(net, gradient):
    """sum_{l=2..L-1} sum (w dC/dw)^2 / sum_{l<L} sum |w dC/dw|, 0/0 = 0."""
    q = {w: value * gradient[w] for w, value in net.weights.items()}
    total = sum(abs(value) for w, value in q.items() if w.l < net.depth)
    return sum((value**2 for w, value in q.items() if 1 < w.l < net.depth), Fraction(0)) / (total or 1)


def dot(a, b):
    return sum((u * v for u, v in zip(a, b, strict=True)), Fraction(0))


def mean(values):
    values = list(values)
    return sum(values, Fraction(0)) / len(values)


def arrays(family, first, last):
    """Object arrays of the layers first..last."""
    return [np.array(family[l], dtype=object) for l in range(first, last + 1)]


# Rational networks


def rows(n, width, numbers=tuple(NUMBERS)):
    return st.lists(st.lists(st.sampled_from(numbers), min_size=width, max_size=width), min_size=n, max_size=n)


@st.composite
def networks(draw, max_depth=4, max_width=3, homogeneous=False, statistics=False):
    """Networks with biases and frozen norms, or with scales alone where homogeneous; widths first, so that they shrink."""
    widths = draw(st.lists(st.integers(1, max_width), min_size=4, max_size=max_depth + 1))
    W = {l: draw(rows(*shape)) for l, shape in enumerate(itertools.pairwise(widths), 1)}
    vectors = {l: st.lists(st.sampled_from(NUMBERS), min_size=n, max_size=n) for l, n in enumerate(widths[1:], 1)}
    shifted = not homogeneous and draw(st.booleans())
    b, c = (
        {l: draw(vector) if shifted else [Fraction(0)] * widths[l] for l, vector in vectors.items()} for _ in range(2)
    )
    scaled = draw(st.booleans())
    k = {l: draw(vector) if scaled else [Fraction(1)] * widths[l] for l, vector in vectors.items()}
    net = Network(W, b, k, c, draw(st.sampled_from(["after", "before"])))
    if not statistics:
        return net
    positive = {l: st.lists(st.sampled_from(POSITIVE), min_size=n, max_size=n) for l, n in enumerate(widths[1:], 1)}
    return net._replace(m={l: draw(vectors[l]) for l in vectors}, d={l: draw(positive[l]) for l in positive})


@st.composite
def cases(draw, max_samples=3, flat=False, **bounds):
    """A network with inputs and output errors g_L, whose rows sum to 0 where flat, as softmax minus targets do."""
    net = draw(networks(**bounds))
    n = draw(st.integers(1, max_samples))
    x, error = draw(rows(n, len(net.W[1]))), draw(rows(n, len(net.b[net.depth])))
    if flat:
        error = [[*row[1:], -sum(row[1:], Fraction(0))] for row in error]
    return net, x, error


@st.composite
def probabilities(draw, n, width):
    """Positive rows that sum to 1."""
    return [[value / sum(row) for value in row] for row in draw(rows(n, width, POSITIVE))]
