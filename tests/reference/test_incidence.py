"""T0 with shared weights in exact fractions: any numbers that say which parameter lies on which connection, and those of a convolution."""

from fractions import Fraction
from itertools import pairwise

import exact
import numpy as np
from cnns import joined
from hypothesis import given
from hypothesis import strategies as st

from ncap import reference as ref


def connections(widths):
    return [exact.Weight(l, j, i) for l, (m, n) in enumerate(pairwise(widths), 1) for j in range(m) for i in range(n)]


def shared_interaction(P, carries, parameters):
    """[u][v], the sum of carries[x][u] P[x, y] carries[y][v] over all pairs of connections: the definition."""
    return [
        [sum((carries[x][u] * value * carries[y][v] for (x, y), value in P.items()), Fraction(0)) for v in parameters]
        for u in parameters
    ]


def closed_form(widths, values, carries, parameters):
    """In-degrees, out-degrees and D of the parameters, never P: every sum counts a connection as often as parameters lie on it."""
    z, s, g, _ = values
    laid, samples = {x: sum(carries[x]) for x in carries}, range(len(z[0]))
    delta_in, delta_out, D = [Fraction(0) for _ in parameters], [Fraction(0) for _ in parameters], Fraction(0)
    for l in range(1, len(widths) - 1):
        js, iis, ks = (range(widths[m]) for m in (l - 1, l, l + 1))
        units = [[sum(z[l - 1][n][j] * laid[l, j, i] for j in js) for i in iis] for n in samples]
        errors = [[sum(g[l + 1][n][k] * laid[l + 1, i, k] for k in ks) for i in iis] for n in samples]
        D += exact.mean(sum(s[l][n][i] * units[n][i] * errors[n][i] for i in iis) for n in samples)
        for u in parameters:
            delta_in[u] += sum(
                carries[l, j, i][u] * exact.mean(s[l][n][i] * z[l - 1][n][j] * errors[n][i] for n in samples)
                for j in js
                for i in iis
            )
            delta_out[u] += sum(
                exact.mean(s[l][n][i] * units[n][i] * g[l + 1][n][k] for n in samples) * carries[l + 1, i, k][u]
                for i in iis
                for k in ks
            )
    return delta_in, delta_out, D


@given(st.data())
def test_t0_shared_degrees_are_the_sums_over_connections_for_any_incidence(data):
    net, x, error = data.draw(exact.cases(max_samples=2, max_width=2))
    widths = [len(x[0]), *(len(b) for b in net.b.values())]
    parameters = range(data.draw(st.integers(1, 4)))
    carries = dict(
        zip(connections(widths), data.draw(exact.rows(len(connections(widths)), len(parameters))), strict=True)
    )
    values = exact.families(net, x, error)
    P = shared_interaction(exact.interaction(values.z, values.s, values.g), carries, parameters)
    want = [sum(row) for row in P], [sum(column) for column in zip(*P, strict=True)], sum(map(sum, P))
    assert closed_form(widths, values, carries, parameters) == want


@given(st.data())
def test_t0_shared_p_is_the_change_of_a_parameters_gradient_by_another(data):
    """z, s and g held fixed, as in Eq. 7; all parameters are moved, each by a number of its own."""
    net, x, error = data.draw(exact.cases(max_samples=2, max_width=2))
    widths = [len(x[0]), *(len(b) for b in net.b.values())]
    parameters = range(3)
    carries = dict(zip(connections(widths), data.draw(exact.rows(len(connections(widths)), 3)), strict=True))
    (moves,) = data.draw(exact.rows(1, 3))
    z, s, g, _ = values = exact.families(net, x, error)

    def received(net, u):
        """The gradient of parameter u over the kernels 1..L-1, as the kernels after them make it."""
        return sum(
            carries[c][u]
            * exact.mean(
                z[c.l - 1][n][c.j] * s[c.l][n][c.i] * exact.dot(g[c.l + 1][n], net.W[c.l + 1][c.i])
                for n in range(len(x))
            )
            for c in carries
            if c.l < net.depth
        )

    P = shared_interaction(exact.interaction(z, s, values.g), carries, parameters)
    moved = net.moved({c: exact.dot(carries[c], moves) for c in carries})
    for u in parameters:
        assert received(moved, u) - received(net, u) == exact.dot(P[u], moves)


def test_t0_shared_degrees_of_a_convolution_are_those_of_the_code():
    """Two convolutions and a dense layer on dyadic numbers, where floats are exact; a connection bears one parameter or none."""
    rng = np.random.default_rng(0)
    shapes = [(4, 4, 1), (3, 3, 2), (2, 2, 1), (4,), (2,)]
    layers = [
        ref.Conv2D(rng.choice([0.5, -1.0, 1.0], (2, 2, 1, 2))),
        ref.Conv2D(rng.choice([0.5, -1.0, 1.0], (2, 2, 2, 1))),
        ref.Flatten(),
        ref.Dense(rng.choice([0.5, -1.0, 1.0], (4, 2))),
    ]
    net = ref.CNN(layers, shapes[0], loss="squared_error")
    x, y = rng.choice([0.5, -0.5, 1.0], (2, *shapes[0])), rng.choice([0.5, -1.0], (2, 2))
    weighted = [(layers[0], shapes[0]), (layers[1], shapes[1]), (layers[3], shapes[3])]
    widths, sizes = [16, 18, 4, 2], [layer.kernel.size for layer, _ in weighted]
    carries = {c: [0] * sum(sizes) for c in connections(widths)}
    for l, (layer, shape) in enumerate(weighted, 1):
        for weight, source, target in joined(layer, shape):
            carries[l, int(source), int(target)][sum(sizes[: l - 1]) + int(weight)] += 1
    assert {sum(row) for row in carries.values()} == {0, 1}
    kernels = [np.zeros((m, n)) for m, n in pairwise(widths)]
    theta = np.concatenate([layer.kernel.ravel() for layer, _ in weighted])
    for (l, j, i), row in carries.items():
        kernels[l - 1][j, i] = np.dot(row, theta)
    got = ref.families(ref.MLP(kernels, loss="squared_error"), x.reshape(2, -1), y)
    values = exact.Families(
        {l: z.tolist() for l, z in enumerate(got.z)},
        {l: s.tolist() for l, s in enumerate(got.s, 1)},
        {l: g.tolist() for l, g in enumerate(got.g, 2)},
        None,
    )
    delta_in, delta_out, D = closed_form(widths, values, carries, range(sum(sizes)))
    want_in, want_out = ref.degrees(net, x, y)
    assert any(delta_in)
    assert delta_in == np.concatenate([d.ravel() for d in want_in]).tolist()
    assert delta_out == np.concatenate([d.ravel() for d in want_out]).tolist()
    assert sum(d.sum() for d in want_in) == D
