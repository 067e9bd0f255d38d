"""T0, T1 and T3 to T7 of MATHEMATICS.md: in exact fractions where nothing but arithmetic is needed, else in floats. T2: test_bounds."""

import json
from fractions import Fraction
from itertools import accumulate, product
from operator import mul
from pathlib import Path
from types import SimpleNamespace

import exact
import numpy as np
import pytest
from agreement import ROUNDINGS, assert_close, sums, uncancelled, uncancelled_families
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import Case, cases

from ncap import reference as ref
from ncap.reference.loss import softmax
from ncap.reference.mlp.hessian import hessian_degrees

EPS = np.finfo(np.float64).eps
COUNTEREXAMPLES = json.loads(Path(ref.__file__).with_name("counterexamples.json").read_text())
STRENGTHS = ("signed", "magnitude")

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


def degrees(net, values, strength="signed", weighting="unit"):
    """ref.degrees_from in fractions, as two dictionaries by weight."""
    L = net.depth
    families = exact.arrays(values.z, 0, L - 2), exact.arrays(values.s, 1, L - 1), exact.arrays(values.g, 2, L)
    return by_weight(net, ref.degrees_from(*families, strength, weighting, exact.arrays(net.W, 1, L)))


def by_weight(net, sides):
    return [{w: side[w.l - 1][w.j, w.i] for w in net.weights} for side in sides]


def moments(delta_in, delta_out):
    """A and D."""
    return sum(delta_out[w] * delta_in[w] for w in delta_in), sum(delta_in.values())


# What the theorems speak about: the definitions in fractions are those of the code


def in_fractions(array):
    return np.vectorize(Fraction, otypes=[object])(array).tolist()


def as_exact(net):
    kernels, biases, scales, shifts = (
        {l: in_fractions(part) for l, part in enumerate(parts, 1)} for parts in zip(*net.layers, strict=True)
    )
    return exact.Network(kernels, biases, scales, shifts, net.norm)


@pytest.mark.parametrize("strength", STRENGTHS)
@given(data=st.data())
def test_floats_give_the_exact_families_interactions_and_gradients(strength, data):
    """Equal, not close: dyadic numbers of this depth and width and one, two or four samples fit into the 53 bits of float64."""
    case = data.draw(cases(losses=("squared_error",), max_depth=5, max_width=4))
    n = 2 ** (len(case.x).bit_length() - 1)
    x, y = case.x[:n], case.y[:n]
    got = ref.families(case.net, x, y)
    net = as_exact(case.net)
    values = exact.families(net, in_fractions(x), in_fractions(got.p - np.eye(got.p.shape[1])[y]))
    L = net.depth
    assert [z.tolist() for z in got.z] == [values.z[l] for l in range(L)]
    assert [s.tolist() for s in got.s] == [values.s[l] for l in range(1, L)]
    assert [g.tolist() for g in got.g] == [values.g[l] for l in range(2, L + 1)]
    assert got.p.tolist() == values.a
    assert [dW.ravel().tolist() for dW in ref.gradients(case.net, x, y)] == [
        [value for w, value in exact.gradient(net, values.z, values.g).items() if w.l == l] for l in range(1, L + 1)
    ]
    P = ref.interaction_matrix(case.net, x, y, strength=strength)
    want = exact.interaction(values.z, values.s, values.g, strength)
    assert P.nnz == sum(map(bool, want.values()))
    node = {w: index for index, w in enumerate(net.weights)}
    assert all(P[node[receiver], node[sender]] == value for (receiver, sender), value in want.items())


# T0


@pytest.mark.parametrize("weighting", ["unit", "relative"])
@pytest.mark.parametrize("strength", STRENGTHS)
@given(data=st.data())
def test_t0_closed_form_is_the_definition_for_arbitrary_families(strength, weighting, data):
    """Degrees, D, and A = 1'PP1, of families that no network has to have made."""
    net, x, error = data.draw(exact.cases())
    n, widths = len(x), {0: len(x[0])} | {l: len(b) for l, b in net.b.items()}
    z, s, g = (
        {l: data.draw(exact.rows(n, widths[l])) for l in range(first, last)}
        for first, last in ((0, net.depth - 1), (1, net.depth), (2, net.depth))
    )
    P = exact.interaction(z, s, g | {net.depth: error}, strength)
    if weighting == "relative":
        P = exact.relative(P, net.weights, strength)
    delta_in, delta_out = degrees(net, exact.Families(z, s, g | {net.depth: error}, None), strength, weighting)
    want_in, want_out = exact.row_sums(P), exact.column_sums(P)
    assert delta_in == {w: want_in[w] for w in net.weights}
    assert delta_out == {w: want_out[w] for w in net.weights}
    assert moments(delta_in, delta_out) == (exact.two_steps(P), sum(P.values()))


# T1


@given(cases(), st.sampled_from(STRENGTHS))
def test_t1_no_error_on_any_sample_means_no_interaction(case, strength):
    _, _, a = ref.forward(case.net, case.x)
    y = softmax(a) if case.net.loss == "cross_entropy" else a
    got = ref.capacitance(case.net, case.x, y, strength=strength)
    assert ref.interaction_matrix(case.net, case.x, y, strength=strength).nnz == 0
    assert (got.beta_eff, got.numerator, got.denominator) == (0, 0, 0)
    assert got.degenerate
    assert got.reason in ("zero", "softmax")


@given(cases(norms=("none", "before")))
def test_t1_vanishing_gradients_of_every_sample_mean_no_interaction(case):
    """A dead last hidden layer stops every gradient, W_L's through z_{L-1} = 0: then s_{L-1} = 0 and P = 0."""
    layers = case.net.layers
    biases = [layer.bias for layer in layers]
    biases[-2] = np.full_like(biases[-2], -1e6) * np.where(layers[-2].scale < 0, -1, 1)
    net = ref.MLP(
        [layer.kernel for layer in layers],
        biases,
        [layer.scale for layer in layers[:-1]],
        [layer.shift for layer in layers[:-1]],
        norm="before",
        loss=case.net.loss,
    )
    assert all((gradient == 0).all() for gradient in ref.gradients(net, case.x, case.y))
    assert ref.interaction_matrix(net, case.x, case.y).nnz == 0


@pytest.mark.parametrize("strength", STRENGTHS)
def test_t1_samples_that_fit_and_samples_that_are_off_have_no_gradient_each(strength):
    """One sample is live and has no error, the other has an error and no unit that is on: neither interacts."""
    net = ref.MLP([[[1, 0.5], [0.5, 1]], [[1, 0.5], [1, 2]], [[0.5, 1], [1, -1]]], loss="squared_error")
    x = [[1.0, 2.0], [-1.0, -2.0]]
    y = ref.forward(net, x)[2] - [[0.0, 0.0], [1.0, 3.0]]
    values = ref.families(net, x, y)
    assert (values.s[0] == [[1, 1], [0, 0]]).all()
    assert (values.g[-1] == [[0, 0], [1, 3]]).all()
    for n in range(2):
        assert all((gradient == 0).all() for gradient in ref.gradients(net, x[n : n + 1], y[n : n + 1]))
    assert ref.interaction_matrix(net, x, y, strength=strength).nnz == 0
    # With the errors exchanged the live sample interacts: the two are not alike.
    assert ref.interaction_matrix(net, x, ref.forward(net, x)[2] - [[1.0, 3.0], [0.0, 0.0]], strength=strength).nnz > 0


def test_t1_fails_with_a_shift_behind_the_relu():
    """Every sample's gradient is 0 and yet beta_eff is 1/4: the shifts make z_1 and z_2 vanish where the units are on."""
    net = ref.MLP([[[1.0]], [[0.0]], [[1.0, 0.0]]], [None, [1.0], None], None, [[-1.0], [-1.0]], loss="squared_error")
    x, y = [[1.0], [2.0]], [[-1.0, 0.0], [0.0, -1.0]]
    for sample in range(2):
        gradients = ref.gradients(net, x[sample : sample + 1], y[sample : sample + 1])
        assert all((gradient == 0).all() for gradient in gradients)
    assert ref.capacitance(net, x, y).beta_eff == 0.25


# T3


@given(exact.cases(flat=True))
def test_t3_errors_that_sum_to_0_in_fractions(case):
    """delta_in of layer L-1 is 0 whatever made the errors, and with three kernels so is A."""
    net, x, error = case
    delta_in, delta_out = degrees(net, exact.families(net, x, error))
    assert not any(value for w, value in delta_in.items() if w.l == net.depth - 1)
    if net.depth == 3:
        assert moments(delta_in, delta_out)[0] == 0


@given(st.data())
def test_t3_of_the_hessian_in_fractions(data):
    """So too with any probabilities in the place of softmax: the rows of diag(p) - pp' sum to 0."""
    net, x, error = data.draw(exact.cases(flat=True))
    p = data.draw(exact.probabilities(len(x), len(error[0])))
    delta_in, delta_out = hessian_sums(net, exact.families(net, x, error), "cross_entropy", p)
    assert not any(value for w, value in delta_in.items() if w.l == net.depth - 1)
    if net.depth == 3:
        assert moments(delta_in, delta_out)[0] == 0


def of_two(outputs):
    """Softmax with 2^a in place of e^a, which integers keep in fractions."""
    powers = [Fraction(2) ** a for a in outputs]
    return [power / sum(powers) for power in powers]


@given(st.data())
def test_t3_raised_outputs_change_no_gradient_of_any_body_in_fractions(data):
    """Features and how one parameter of the body moves them are any numbers, of any samples: batch norm in training mode, too.

    Raising all that leaves one feature, or all biases, leaves dC/dp as it is: what they send to p sums to 0.
    """
    n, q, m = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)), data.draw(st.integers(2, 3))
    whole = st.integers(-2, 2)
    features, kernel = (
        data.draw(st.lists(st.lists(whole, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
        for rows, columns in ((n, q), (q, m))
    )
    moves, y = data.draw(exact.rows(n, q)), data.draw(exact.probabilities(n, m))

    def slope(raised=None, row_by=0, bias=0):
        """dC/dp = mean_n <p - y, dz K> with `row_by` added to the weights that leave feature `raised`, `bias` to each output."""
        K = [[w + row_by * (j == raised) for w in row] for j, row in enumerate(kernel)]
        columns = list(zip(*K, strict=True))
        outputs = [[exact.dot(z, column) + bias for column in columns] for z in features]
        errors = [[p - t for p, t in zip(of_two(a), y_n, strict=True)] for a, y_n in zip(outputs, y, strict=True)]
        return exact.mean(
            exact.dot(error, [exact.dot(dz, column) for column in columns])
            for error, dz in zip(errors, moves, strict=True)
        )

    by = data.draw(st.integers(1, 3))
    assert slope(bias=by) == slope()
    assert [slope(j, row_by=by) for j in range(q)] == [slope()] * q


@given(st.data())
def test_t3_softmax_on_three_kernels_in_fractions(data):
    """p - y and diag(p) - pp' of one softmax, whatever the slopes: A is 0 in both readings."""
    net, x, error = data.draw(exact.cases(max_depth=3))
    p, y = (data.draw(exact.probabilities(len(x), len(error[0]))) for _ in range(2))
    errors = [[u - v for u, v in zip(p_n, y_n, strict=True)] for p_n, y_n in zip(p, y, strict=True)]
    values = exact.families(net, x, errors)
    assert moments(*degrees(net, values))[0] == 0
    assert moments(*hessian_sums(net, values, "cross_entropy", p))[0] == 0


@pytest.mark.parametrize("interaction", ["explicit", "hessian"])
@given(data=st.data())
def test_t3_softmax_sends_nothing_in_sum_to_the_last_hidden_layer(interaction, data):
    case = data.draw(cases(losses=("cross_entropy",), max_depth=5, max_width=5))
    delta_in, _ = ref.degrees(case.net, case.x, case.y, interaction)
    scale, _ = uncancelled(case, interaction)
    # sum_k p_k rounds to 1 within eps n_L, and the hessian's ones stay ones up to softmax's own error.
    assert_close(delta_in[-2], 0, ROUNDINGS * EPS * scale[-2], "delta_in of layer L-1")


@pytest.mark.parametrize("interaction", ["explicit", "hessian"])
@given(data=st.data())
def test_t3_signed_beta_eff_of_three_kernels_is_zero_by_structure(interaction, data):
    case = data.draw(cases(losses=("cross_entropy",), max_depth=3, max_width=5))
    got = ref.capacitance(case.net, case.x, case.y, interaction)
    assert (got.beta_eff, got.numerator, got.degenerate, got.reason) == (0, 0, True, "softmax")


# The hessian reading: its sums by the R-operator are those of the second derivatives of the loss


def hessian_sums(net, values, loss, p, weighting="unit"):
    """hessian_degrees in fractions: its products take object arrays as they are."""
    L = net.depth
    layers = [SimpleNamespace(kernel=kernel) for kernel in exact.arrays(net.W, 1, L)]
    values = ref.Families(
        exact.arrays(values.z, 0, L - 1),
        exact.arrays(values.s, 1, L - 1),
        exact.arrays(values.g, 2, L),
        np.array(p, dtype=object),
    )
    return by_weight(net, hessian_degrees(SimpleNamespace(layers=layers, depth=L, loss=loss), values, weighting))


@pytest.mark.parametrize("weighting", ["unit", "relative"])
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
@given(data=st.data())
def test_hessian_sums_are_those_of_the_second_derivatives(loss, weighting, data):
    """L directional derivatives against the loss differenced twice by every pair of adjacent weights, exactly."""
    net, x, error = data.draw(exact.cases(max_samples=2, max_width=2))
    values = exact.families(net, x, error)
    if loss == "cross_entropy":
        p = data.draw(exact.probabilities(len(x), len(error[0])))
        curvature = [[[(k == m) * u - u * v for m, v in enumerate(row)] for k, u in enumerate(row)] for row in p]
    else:
        p = values.a
        curvature = [[[Fraction(k == m) for m in range(len(row))] for k in range(len(row))] for row in p]
    P = exact.hessian(net, values.z, values.s, values.a, error, curvature)
    if weighting == "relative":
        P = exact.relative(P, net.weights)
    delta_in, delta_out = hessian_sums(net, values, loss, p, weighting)
    want_in, want_out = exact.row_sums(P), exact.column_sums(P)
    assert delta_in == {w: want_in[w] for w in net.weights}
    assert delta_out == {w: want_out[w] for w in net.weights}


# T4


def fractions(rows):
    return [[Fraction(value) for value in row] for row in rows]


def counterexample(name, t=Fraction(1)):
    """The network in fractions, and its families with errors times t."""
    table = COUNTEREXAMPLES[name]
    net = exact.bias_free([fractions(kernel) for kernel in table["kernels"]])
    return net, exact.families(net, fractions(table["x"]), fractions(table["error"])).scaled_errors(t)


TS = [Fraction(1), Fraction(1, 2), Fraction(1, 5), Fraction(1, 10), Fraction(1, 100)]


@pytest.mark.parametrize("t", TS)
def test_t4_squared_error_exactly(t):
    """Every batch gradient is 0, and beta_eff is 2t."""
    net, values = counterexample("squared_error_2_2_2_2", t)
    assert values.a == COUNTEREXAMPLES["squared_error_2_2_2_2"]["outputs"]
    assert not any(exact.gradient(net, values.z, values.g).values())
    A, D = moments(*degrees(net, values))
    assert (-(t**2) / 3, -t / 6, 2 * t) == (A, D, A / D)


def test_t4_softmax_exactly():
    net, values = counterexample("softmax_2_2_2_2_3")
    assert not any(sum(row) for row in values.g[net.depth])
    assert not any(exact.gradient(net, values.z, values.g).values())
    A, D = moments(*degrees(net, values))
    assert Fraction(COUNTEREXAMPLES["softmax_2_2_2_2_3"]["beta_eff"]) == A / D


@pytest.mark.parametrize("name", sorted(COUNTEREXAMPLES))
def test_t4_no_unit_is_at_its_kink(name):
    net, values = counterexample(name)
    inputs = [value for l in range(1, net.depth) for row in exact.affine(net, l, values.z[l - 1]) for value in row]
    assert inputs
    assert all(inputs)


def slope_at_0(f, h=Fraction(1, 10**4)):
    """f'(0) of a polynomial of degree 6 at most, from its values at six points."""
    (first, second, third) = (f(i * h) - f(-i * h) for i in (1, 2, 3))
    return (45 * first - 9 * second + third) / (60 * h)


@pytest.mark.parametrize("name", sorted(COUNTEREXAMPLES))
@given(data=st.data())
def test_t4_the_loss_has_the_derivative_0_along_every_direction(name, data):
    """Squared error is the loss itself; of softmax, whose derivative is <p - y, da_L>, the outputs a_L are differenced."""
    net, values = counterexample(name)
    x, error, slopes = values.z[0], values.g[net.depth], values.s
    y = [[a - g for a, g in zip(*pair, strict=True)] for pair in zip(values.a, error, strict=True)]
    (direction,) = data.draw(exact.rows(1, len(net.weights)))

    def of_samples(t):
        _, s, outputs = exact.forward(net.moved({w: t * v for w, v in zip(net.weights, direction, strict=True)}), x)
        assert s == slopes  # no kink is near
        if name.startswith("softmax"):
            return [exact.dot(g_n, a_n) for g_n, a_n in zip(error, outputs, strict=True)]
        return [
            sum((u - v) ** 2 for u, v in zip(a_n, y_n, strict=True)) / 2 for a_n, y_n in zip(outputs, y, strict=True)
        ]

    assert slope_at_0(lambda t: exact.mean(of_samples(t))) == 0
    if all(direction):
        assert any(slope_at_0(lambda t, n=n: of_samples(t)[n]) for n in range(len(x)))


@pytest.mark.parametrize("t", [1.0, 0.5, 0.01])
def test_t4_squared_error_in_floats(t):
    table = COUNTEREXAMPLES["squared_error_2_2_2_2"]
    net = ref.MLP(table["kernels"], loss="squared_error")
    y = np.array(table["outputs"]) - t * np.array(table["error"])
    case = Case(net, np.array(table["x"], float), y)
    bounds = uncancelled_families(net, case.x, y)
    scales = [z.T @ g / len(y) for z, g in zip(bounds.z[1:], bounds.g, strict=True)]
    for gradient, scale in zip(ref.gradients(net, case.x, y)[1:], scales, strict=True):
        assert_close(gradient, 0, ROUNDINGS * EPS * scale, "gradient")
    got = ref.capacitance(net, case.x, y)
    scale_A, scale_D = sums(uncancelled(case))
    assert got.beta_eff == pytest.approx(2 * t, rel=ROUNDINGS * EPS * (scale_A / (t**2 / 3) + scale_D / (t / 6)))
    assert not got.degenerate


def test_t4_softmax_in_floats():
    table = COUNTEREXAMPLES["softmax_2_2_2_2_3"]
    net = ref.MLP([np.array(fractions(kernel), float) for kernel in table["kernels"]])
    x = np.array(table["x"], float)
    y = softmax(ref.forward(net, x)[2]) - np.array(fractions(table["error"]), float)
    assert y.min() > 0
    got = ref.capacitance(net, x, y)
    scale_A, scale_D = sums(uncancelled(Case(net, x, y)))
    relative = scale_A / abs(got.numerator) + scale_D / abs(got.denominator)
    assert got.beta_eff == pytest.approx(-24 / 2500, rel=ROUNDINGS * EPS * relative)


# T4, minima: what is left of the squared-error network once no relu can be rescaled, W_1[0,:] and W_2[0,:] being fixed


def slice_of(net):
    return [w for w in net.weights if (w.l, w.j) not in ((1, 0), (2, 0))]


def loss_hessian(net, values, t, along):
    """The Hessian of the mean squared error by pairs of weights, errors times t: Gauss-Newton, and what the residuals add."""
    W = [None, *exact.arrays(net.W, 1, net.depth)]
    s = [None, *exact.arrays(values.s, 1, net.depth - 1), np.ones_like(values.a, dtype=object)]

    def path(n, l, m):
        """[i, k], what z_m[k] gains when a_l[i] grows by 1, a_L for m = L."""
        gain = np.diag(s[l][n])
        for layer in range(l + 1, m + 1):
            gain = gain @ W[layer] @ np.diag(s[layer][n])
        return gain

    def of_sample(n, a, b):
        z_a, z_b = values.z[a.l - 1][n][a.j], values.z[b.l - 1][n][b.j]
        gauss_newton = z_a * z_b * (path(n, a.l, net.depth)[a.i] @ path(n, b.l, net.depth)[b.i])
        residual = z_a * path(n, a.l, b.l - 1)[a.i, b.j] * values.g[b.l][n][b.i] if a.l < b.l else 0
        return gauss_newton + t * residual

    samples = range(len(values.a))
    return [[exact.mean(of_sample(n, *sorted((a, b))) for n in samples) for b in along] for a in along]


def differenced_twice(net, x, y, along, h=Fraction(1, 1000)):
    """The same by central differences of the loss itself, exact as long as no relu turns: it is quadratic in every weight."""

    slopes = exact.forward(net, x)[1]

    def loss(changes):
        _, s, a = exact.forward(net.moved(changes), x)
        assert s == slopes
        d = [[u - v for u, v in zip(*rows, strict=True)] for rows in zip(a, y, strict=True)]
        return exact.mean(exact.dot(row, row) / 2 for row in d)

    def entry(a, b):
        if a == b:
            return (loss({a: h}) - 2 * loss({}) + loss({a: -h})) / h**2
        return sum(u * v * loss({a: u * h, b: v * h}) for u, v in product((1, -1), repeat=2)) / (4 * h**2)

    return [[entry(a, b) for b in along] for a in along]


def leading_minors(matrix):
    """Determinants of the leading blocks: products of the pivots, none of which may be 0."""
    rows, pivots = [list(row) for row in matrix], []
    for k, pivot_row in enumerate(rows):
        pivots.append(pivot_row[k])
        for row in rows[k + 1 :]:
            factor = row[k] / pivots[k]
            row[:] = [u - factor * v for u, v in zip(row, pivot_row, strict=True)]
    return list(accumulate(pivots, mul))


@pytest.mark.parametrize("t", TS)
def test_t4_the_hessian_of_the_slice_is_the_second_difference_of_the_loss(t):
    net, values = counterexample("squared_error_2_2_2_2")
    y = [[a - t * e for a, e in zip(*rows, strict=True)] for rows in zip(values.a, values.g[net.depth], strict=True)]
    along = slice_of(net)
    assert loss_hessian(net, values, t, along) == differenced_twice(net, values.z[0], y, along)


@pytest.mark.parametrize("t", TS[1:])
def test_t4_a_strict_local_minimum_of_the_slice(t):
    """All eight leading minors are positive, and no relu is at its kink: beta_eff = 2t is where training may well end."""
    net, values = counterexample("squared_error_2_2_2_2")
    for l in range(1, net.depth):
        assert all(a for row in exact.affine(net, l, values.z[l - 1]) for a in row)
    minors = leading_minors(loss_hessian(net, values, t, slice_of(net)))
    assert len(minors) == 8
    assert min(minors) > 0


def test_t4_at_full_residuals_a_saddle_of_the_slice():
    """t = 1: the Hessian's pivots, ratios of successive minors, have both signs."""
    net, values = counterexample("squared_error_2_2_2_2")
    minors = leading_minors(loss_hessian(net, values, Fraction(1), slice_of(net)))
    pivots = [b / a for a, b in zip([1, *minors], minors, strict=False)]
    assert min(pivots) < 0 < max(pivots)


# T5


def products_with_the_weights(net, P):
    """P w and w'P, by weight."""
    w = net.weights
    return (
        exact.row_sums({(a, b): value * w[b] for (a, b), value in P.items()}),
        exact.column_sums({(a, b): w[a] * value for (a, b), value in P.items()}),
    )


@given(exact.cases())
def test_t5_in_fractions_with_biases_and_norms(case):
    """P w is the gradient of l < L; w'P that of l > 1 but for the rest mean_n (z_l - s_l * (z_{l-1} W_l)) g_{l+1}."""
    net, x, error = case
    values = exact.families(net, x, error)
    gradient = exact.gradient(net, values.z, values.g)
    Pw, wP = products_with_the_weights(net, exact.interaction(values.z, values.s, values.g))
    without_bias = net._replace(b={l: [Fraction(0)] * len(b) for l, b in net.b.items()})
    carried = {l: exact.affine(without_bias, l, values.z[l - 1]) for l in values.s}
    for w in net.weights:
        if w.l < net.depth:
            assert Pw[w] == gradient[w]
        if w.l > 1:
            l = w.l - 1
            rest = exact.mean(
                (values.z[l][n][w.j] - values.s[l][n][w.j] * carried[l][n][w.j]) * values.g[w.l][n][w.i]
                for n in range(len(x))
            )
            assert wP[w] == gradient[w] - rest


@given(exact.cases(homogeneous=True))
def test_t5_in_fractions_without_bias_and_shift(case):
    net, x, error = case
    values = exact.families(net, x, error)
    gradient = exact.gradient(net, values.z, values.g)
    Pw, wP = products_with_the_weights(net, exact.interaction(values.z, values.s, values.g))
    assert all(Pw[w] == gradient[w] for w in net.weights if w.l < net.depth)
    assert all(wP[w] == gradient[w] for w in net.weights if w.l > 1)


@pytest.mark.parametrize("name", sorted(COUNTEREXAMPLES))
def test_t5_at_a_stationary_point_the_weights_are_null_vectors(name):
    """The weights, and not the ones that beta_eff sums with: P 1 is not 0."""
    net, values = counterexample(name)
    P = exact.interaction(values.z, values.s, values.g)
    assert not any(value for side in products_with_the_weights(net, P) for value in side.values())
    assert any(exact.row_sums(P).values())


@given(exact.cases(), st.sampled_from(exact.NUMBERS))
def test_t5_homogeneity_in_fractions(case, t):
    """Errors times t: degrees, D and beta_eff times t, A times t^2."""
    net, x, error = case
    values = exact.families(net, x, error)
    before, after = degrees(net, values), degrees(net, values.scaled_errors(t))
    assert after == [{w: t * value for w, value in side.items()} for side in before]
    (A, D), (A_t, D_t) = moments(*before), moments(*after)
    assert (A_t, D_t) == (t**2 * A, t * D)
    assert t * D == 0 or A_t / D_t == t * (A / D)


@given(cases())
def test_t5_euler_the_weights_weigh_p_into_the_gradient(case):
    """sum_k P[(l;j->i),(l+1;i->k)] W_{l+1}[i,k] = dC/dW_l[j,i], with biases and norms too."""
    net = case.net
    P = ref.interaction_matrix(net, case.x, case.y)
    w = np.concatenate([layer.kernel.ravel() for layer in net.layers])
    gradient = np.concatenate([dW.ravel() for dW in ref.gradients(net, case.x, case.y)])
    n_last = net.layers[-1].kernel.size
    scale = np.concatenate([d.ravel() for d in uncancelled(case)[0]])  # |W| <= 1 in these draws
    assert_close((P @ w)[:-n_last], gradient[:-n_last], ROUNDINGS * EPS * scale[:-n_last], "P w")


@given(cases())
def test_t5_euler_from_the_senders_side(case):
    """sum_j W_l[j,i] P[(l;j->i),(l+1;i->k)] = dC/dW_{l+1}[i,k] - mean_n (z_l - s_l * (z_{l-1} W_l))[n,i] g_{l+1}[n,k]."""
    net, n = case.net, len(case.x)
    P = ref.interaction_matrix(net, case.x, case.y)
    w = np.concatenate([layer.kernel.ravel() for layer in net.layers])
    offsets = ref.weight_offsets(net.widths)
    z, s, g, _ = ref.families(net, case.x, case.y)
    gradients = ref.gradients(net, case.x, case.y)
    scales = uncancelled(case)[1]
    bounds = uncancelled_families(case.net, case.x, case.y)
    for l in range(1, net.depth):
        rest = (z[l] - s[l - 1] * (z[l - 1] @ net.layers[l - 1].kernel)).T @ g[l - 1] / n
        got = (w @ P)[offsets[l] : offsets[l + 1]].reshape(gradients[l].shape)
        scale = scales[l] + bounds.z[l].T @ bounds.g[l - 1] / n
        assert_close(got, gradients[l] - rest, ROUNDINGS * EPS * scale, f"w P, layer {l + 1}")


# T6


def test_t6_published_networks(shared_data):
    networks = np.load(shared_data / "networks" / "mutualistic.npz", allow_pickle=False)
    published = json.loads((shared_data / "networks" / "published_beta_eff.json").read_text())
    compared = 0
    for name, want in published.items():
        if name in networks:
            assert ref.beta_eff(networks[name]) == pytest.approx(want, rel=1e-12), name
            compared += 1
    assert compared == len(published) > 0


# T7


@given(exact.cases())
def test_t7_relative_in_degrees_in_fractions(case):
    """delta_in of diag(w) P diag(w) is w dC/dw, with biases and norms too."""
    net, x, error = case
    values = exact.families(net, x, error)
    gradient = exact.gradient(net, values.z, values.g)
    delta_in, _ = degrees(net, values, weighting="relative")
    assert delta_in == {w: value * gradient[w] * (w.l < net.depth) for w, value in net.weights.items()}


@given(exact.cases(homogeneous=True))
def test_t7_relative_degrees_and_sums_in_fractions(case):
    """Without bias and shift the out-degrees are w dC/dw too, A is its interior sum of squares, D is (L-1) mean <g_L, a_L>."""
    net, x, error = case
    values = exact.families(net, x, error)
    gradient = exact.gradient(net, values.z, values.g)
    q = {w: value * gradient[w] for w, value in net.weights.items()}
    delta_in, delta_out = degrees(net, values, weighting="relative")
    assert delta_out == {w: value * (w.l > 1) for w, value in q.items()}
    A, D = moments(delta_in, delta_out)
    assert sum(value**2 for w, value in q.items() if 1 < w.l < net.depth) == A
    assert (net.depth - 1) * exact.mean(exact.dot(g, a) for g, a in zip(error, values.a, strict=True)) == D


@given(st.data())
def test_t7_rescaled_units_in_fractions(data):
    """What enters a relu unit times c > 0 and what leaves it over c: outputs, relative degrees and gradient form stay."""
    net, x, error = data.draw(exact.cases(homogeneous=True))
    c = {l: data.draw(exact.rows(1, len(b), exact.POSITIVE))[0] for l, b in net.b.items() if l < net.depth}
    c |= {0: [Fraction(1)] * len(x[0]), net.depth: [Fraction(1)] * len(error[0])}
    rescaled = net._replace(
        W={
            l: [
                [value * into / out_of for value, into in zip(row, c[l], strict=True)]
                for row, out_of in zip(kernel, c[l - 1], strict=True)
            ]
            for l, kernel in net.W.items()
        }
    )
    values, rescaled_values = exact.families(net, x, error), exact.families(rescaled, x, error)
    assert rescaled_values.a == values.a
    for strength in STRENGTHS:
        assert degrees(rescaled, rescaled_values, strength, "relative") == degrees(net, values, strength, "relative")
    forms = [
        exact.gradient_form(n, exact.gradient(n, f.z, f.g)) for n, f in ((net, values), (rescaled, rescaled_values))
    ]
    assert forms[0] == forms[1]


@pytest.mark.parametrize("name", sorted(COUNTEREXAMPLES))
def test_t7_at_the_stationary_points_of_t4(name):
    """Signed relative is 0/0, relative magnitude is not 0, and the gradient form is."""
    net, values = counterexample(name)
    assert moments(*degrees(net, values, weighting="relative")) == (0, 0)
    A, D = moments(*degrees(net, values, "magnitude", "relative"))
    assert A / D > 0
    assert exact.gradient_form(net, exact.gradient(net, values.z, values.g)) == 0


def test_t7_gradient_form_keeps_its_value_at_rounding_and_has_no_error_there():
    """At T4's softmax point in floats: no more than rounding is left, and cancellation says so."""
    table = COUNTEREXAMPLES["softmax_2_2_2_2_3"]
    net = ref.MLP([np.array(in_floats(kernel)) for kernel in table["kernels"]])
    x = np.array(table["x"], float)
    y = softmax(ref.forward(net, x)[2]) - np.array(in_floats(table["error"]))
    got = ref.gradient_capacitance(net, x, y)
    assert 0 < got.beta_eff < ROUNDINGS * EPS * got.denominator * got.cancellation
    assert got.cancellation > 1e10
    assert np.isnan(got.standard_error)
    assert not got.degenerate


def in_floats(rows):
    return [[float(Fraction(value)) for value in row] for row in rows]


@given(cases())
def test_t7_gradient_form_is_a_loop_over_the_gradients(case):
    total = squares = 0.0
    gradients = ref.gradients(case.net, case.x, case.y)
    for l, (layer, dW) in enumerate(zip(case.net.layers[:-1], gradients, strict=False), 1):
        for w, d in zip(layer.kernel.ravel(), dW.ravel(), strict=True):
            total += abs(w * d)
            squares += (w * d) ** 2 if l > 1 else 0
    assume(total)
    got = ref.gradient_capacitance(case.net, case.x, case.y)
    # Sums of the same terms in another order, and none of them is negative.
    assert got.beta_eff == pytest.approx(squares / total, rel=ROUNDINGS * EPS, abs=0)
