"""Norms as nodes between the kernels: P by hand and in fractions, by definition, in closed form; where it is 0, and what it needs."""

import itertools
import os
from fractions import Fraction

import exact
import numpy as np
import pytest
from agreement import ROUNDINGS, assert_close, sums
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import cases, inputs_for, mlps

from ncap import reference as ref
from ncap.reference.mlp.norm_nodes import NormFamilies, chain_shapes, norm_degrees
from ncap.reference.rounding import uncancelled_degrees

EPS = np.finfo(np.float64).eps
READINGS = [("explicit", "signed"), ("explicit", "magnitude"), ("hessian", "signed")]
every_reading = pytest.mark.parametrize("reading", READINGS, ids="-".join)
few = settings() if "NCAP_HYPOTHESIS" in os.environ else settings(max_examples=15)  # exact differences by the thousand
SMALL = {"norms": ("after",), "max_depth": 4, "max_width": 4}

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


def test_a_network_of_one_unit_a_layer_by_hand():
    # x = 1: a_1 = 2, u_1 = (2 - 1) / 2 = 1/2, z_1 = 4 u_1 + 1 = 3; a_2 = 9, u_2 = 9, z_2 = 9 - 3 = 6; a_3 = 6, y = 5, so g_3 = 1.
    net = ref.MLP(
        [[[2.0]], [[3.0]], [[1.0]]],
        scales=[[4.0], None],
        shifts=[[1.0], [-3.0]],
        means=[[1.0], None],
        deviations=[[2.0], None],
        loss="squared_error",
    )
    # e_2 = 1, g_2 = 1 * e_2 = 1; e_1 = 3 g_2 = 3, over sd: r_1 = 3/2. Nodes W_1; k_1, c_1; W_2; k_2, c_2; W_3.
    want = np.zeros((7, 7))
    want[0, 1] = 1 * 3 / 2  # z_0 r_1: from k_1, and nothing from c_1
    want[1, 3], want[2, 3] = 1 / 2 * 1, 1  # u_1 g_2, g_2
    want[3, 4] = 3 * 1  # z_1 r_2
    want[4, 6], want[5, 6] = 9 * 1, 1  # u_2 g_3, g_3
    P = ref.interaction_matrix(net, [[1.0]], [[5.0]], nodes="norms").toarray()
    np.testing.assert_array_equal(P, want)
    # delta_in = 3/2; 1/2, 1; 3; 9, 1; 0 and delta_out = 0; 3/2, 0; 3/2; 3, 0; 10: A = 3/4 + 9/2 + 27, D = 16
    got = ref.capacitance(net, [[1.0]], [[5.0]], nodes="norms")
    assert (got.numerator, got.denominator, got.beta_eff) == (32.25, 16, 32.25 / 16)
    assert (got.nodes, ref.beta_eff(P)) == ("norms", got.beta_eff)


def families_of(net, x, error):
    """The families of the chain in fractions, [n][i] by layer."""
    z, s, _ = exact.forward(net, x)
    g, on = exact.errors(net, s, error), exact.on_off(net, x)
    u, r = {}, {}
    for l in on:
        rows = exact.affine(net, l, z[l - 1])
        u[l] = [net.normed(l, [a if a > 0 else Fraction(0) for a in row]) for row in rows]
        e = [[exact.dot(g_n, above) for above in net.W[l + 1]] for g_n in g[l + 1]]
        d = net.d.get(l, [Fraction(1)] * len(net.b[l]))
        r[l] = [
            [gate * value / of for gate, value, of in zip(*row, d, strict=True)] for row in zip(on[l], e, strict=True)
        ]
    last = net.depth
    return NormFamilies(
        exact.arrays(z, 0, last - 2),
        exact.arrays(u, 1, last - 1),
        exact.arrays(r, 1, last - 1),
        exact.arrays(g, 2, last),
    )


@given(exact.cases(statistics=True), st.sampled_from(["signed", "magnitude"]))
def test_degrees_in_fractions_are_the_sums_of_p(case, strength):
    """T0 of the chain: equal, not close."""
    net, x, error = case
    net = net._replace(norm="after")
    P = exact.interaction_with_norms(net, x, error, strength)
    got_in, got_out = norm_degrees(families_of(net, x, error), strength)
    for got, want in ((got_in, exact.row_sums(P)), (got_out, exact.column_sums(P))):
        assert [value for layer in got for value in layer.ravel()] == [
            want[node] for layer in exact.chain(net) for node in layer
        ]
    A = sum((d_in * d_out).sum() for d_in, d_out in zip(got_in, got_out, strict=True))
    assert exact.two_steps(P) == A


def as_fractions(net):
    """An MLP in fractions, with the norms that its hidden layers have or do without."""

    def vectors(parts):
        return {l: [Fraction(value) for value in part] for l, part in enumerate(parts, 1)}

    W = {l: [[Fraction(value) for value in row] for row in layer.kernel] for l, layer in enumerate(net.layers, 1)}
    of_norm = ([getattr(norm, name) for norm in net.norms] for name in ("scale", "shift", "mean", "deviation"))
    k, c, m, d = map(vectors, of_norm)
    return exact.Network(W, vectors([layer.bias for layer in net.layers]), k, c, net.norm, m, d)


def exact_of(case):
    """A drawn network of squared error in fractions: the network, its inputs and its errors p - y."""
    net = as_fractions(case.net)
    x = [[Fraction(value) for value in row] for row in case.x]
    *_, a = exact.forward(net, x)
    return net, x, [[value - (k == label) for k, value in enumerate(row)] for row, label in zip(a, case.y, strict=True)]


def flat(exact_values, order):
    nodes = [node for layer in order for node in layer]
    return np.array([[float(exact_values.get((p, q), 0)) for q in nodes] for p in nodes])


def identities(error):
    """H_L of squared error."""
    n = len(error[0])
    return [[[Fraction(i == j) for j in range(n)] for i in range(n)] for _ in error]


@every_reading
@few
@given(data=st.data())
def test_p_by_definition_is_that_of_exact_fractions(reading, data):
    case = data.draw(cases(**SMALL | {"max_width": 3}, losses=("squared_error",)))
    net, x, error = exact_of(case)
    layers = exact.chain(net)
    if reading[0] == "explicit":
        P = exact.interaction_with_norms(net, x, error, reading[1])
    else:
        pairs = [pair for below, above in itertools.pairwise(layers) for pair in itertools.product(below, above)]
        P = exact.second_derivatives(net, x, error, identities(error), pairs)
    got = ref.interaction_matrix(case.net, case.x, case.y, *reading, nodes="norms").toarray()
    want = flat(P, layers)
    assert_close(got, want, ROUNDINGS * EPS * np.abs(want).max(), "P")


@few
@given(cases(norms=("none", "after", "before"), losses=("squared_error",), max_depth=3, max_width=2, min_depth=1))
def test_the_full_hessian_is_that_of_exact_fractions(case):
    net, x, error = exact_of(case)
    there = [
        node
        for node in net.parameters
        if not isinstance(node, exact.Unit)
        or (case.net.biased[node.l - 1] if node.what == "b" else case.net.norms[node.l - 1].there)
    ]
    P = exact.second_derivatives(net, x, error, identities(error), itertools.product(there, repeat=2))
    got = ref.interaction_matrix(case.net, case.x, case.y, "full_hessian").toarray()
    want = flat(P, [there])
    assert_close(got, want, ROUNDINGS * EPS * np.abs(want).max(), "H")


ALL = [*((*reading, "unit", "norms") for reading in READINGS), ("full_hessian", "signed", "unit", "kernels")]


@pytest.mark.parametrize("reading", ALL, ids="-".join)
@given(data=st.data())
def test_degrees_and_beta_eff_in_closed_form_are_those_of_p(reading, data):
    norms = ("after",) if "norms" in reading else ("none", "after", "before")
    case = data.draw(cases(**SMALL | {"norms": norms}))
    P = ref.interaction_matrix(case.net, case.x, case.y, *reading)
    degrees = ref.degrees(case.net, case.x, case.y, *reading)
    scales = uncancelled_degrees(case.net, case.x, case.y, reading[0], nodes=reading[3])
    for axis, got, scale in zip((1, 0), degrees, scales, strict=True):
        want = np.asarray(P.sum(axis=axis)).ravel()
        got, scale = (np.concatenate([layer.ravel() for layer in side]) for side in (got, scale))
        assert_close(got, want, ROUNDINGS * EPS * scale, f"sums along axis {axis}")
    got = ref.capacitance(case.net, case.x, case.y, *reading[:3], nodes=reading[3])
    A, D = sums(degrees)
    if not got.reason:
        assert (got.numerator, got.denominator) == pytest.approx((A, D), rel=ROUNDINGS * EPS)
        assert got.beta_eff == got.numerator / got.denominator


@pytest.mark.parametrize("strength", ["signed", "magnitude"])
def test_the_standard_error_is_that_of_the_delta_method(strength):
    rng = np.random.default_rng(0)
    widths, n = (3, 5, 4, 4, 3), 40
    vectors = [[rng.normal(size=width) for width in widths[1:-1]] for _ in range(3)]
    kernels = [rng.normal(size=pair) for pair in itertools.pairwise(widths)]
    deviations = [rng.uniform(0.5, 2, width) for width in widths[1:-1]]
    net = ref.MLP(kernels, None, vectors[0], vectors[1], means=vectors[2], deviations=deviations)
    x, y = rng.normal(size=(n, 3)), rng.integers(0, 3, n)
    reading = "explicit", strength, "unit"
    whole = ref.capacitance(net, x, y, *reading, nodes="norms")
    into, out = ref.degrees(net, x, y, *reading, "norms")
    psi = []
    for i in range(n):
        in_n, out_n = ref.degrees(net, x[i : i + 1], y[i : i + 1], *reading, "norms")
        A_n = sum((o * a).sum() + (b * d).sum() for o, a, b, d in zip(out, in_n, out_n, into, strict=True))
        D_n = sum(d.sum() for d in in_n)
        psi.append((A_n - 2 * whole.numerator - whole.beta_eff * (D_n - whole.denominator)) / whole.denominator)
    assert whole.standard_error == pytest.approx(np.std(psi, ddof=1) / np.sqrt(n), rel=1e-10)


@every_reading
@given(data=st.data())
def test_nothing_reaches_the_last_norm_through_softmax(reading, data):
    """T3: what the last kernel sends sums to 0 in the signed readings, so that a single norm leaves beta_eff at 0."""
    case = data.draw(cases(**SMALL, losses=("cross_entropy",)))
    delta_in, _ = ref.degrees(case.net, case.x, case.y, *reading, nodes="norms")
    scale, _ = uncancelled_degrees(case.net, case.x, case.y, reading[0], nodes="norms")
    if reading[1] == "signed":
        assert_close(delta_in[-2], 0, ROUNDINGS * EPS * scale[-2], "delta_in of the last norm")


@pytest.mark.parametrize(("depth", "loss", "strength", "reason"), [
    (1, "squared_error", "signed", "depth"),
    (1, "cross_entropy", "magnitude", "depth"),
    (2, "cross_entropy", "signed", "softmax"),
    (2, "cross_entropy", "magnitude", ""),
    (2, "squared_error", "signed", ""),
    (3, "cross_entropy", "signed", ""),
])  # fmt: skip
def test_where_the_chain_is_too_short(depth, loss, strength, reason):
    rng = np.random.default_rng(1)
    widths = (*(2, 4, 5, 3)[:depth], 3)
    kernels, ones = [rng.normal(size=pair) for pair in itertools.pairwise(widths)], [np.ones(n) for n in widths[1:-1]]
    net, x, y = ref.MLP(kernels, scales=ones, loss=loss), rng.normal(size=(20, 2)), rng.integers(0, 3, 20)
    got = ref.capacitance(net, x, y, strength=strength, nodes="norms")
    assert (got.reason, got.beta_eff == 0) == (reason, bool(reason))


def test_a_network_without_errors_reads_zero():
    """T1 of the chain: no error, no interaction."""
    net = ref.MLP([[[2.0]], [[3.0]], [[1.0]]], scales=[[1.0], [1.0]], loss="squared_error")
    got = ref.capacitance(net, [[1.0]], [[6.0]], nodes="norms")
    assert (got.beta_eff, got.reason) == (0, "zero")


@given(
    mlps(losses=("squared_error",), norms=("none", "after", "before"), min_depth=1, max_depth=4, max_width=4), st.data()
)
def test_the_full_hessian_without_errors_lies_between_its_mean_and_its_largest_eigenvalue(net, data):
    """Squared error without an error left: H = J'J / N >= 0, and 1'H1 / n <= beta_eff <= the largest eigenvalue."""
    x = data.draw(inputs_for(net))
    *_, y = ref.forward(net, x)
    H = ref.interaction_matrix(net, x, y, "full_hessian").toarray()
    got = ref.capacitance(net, x, y, "full_hessian")
    if got.reason:
        assert got.reason == "zero"
        assert not H.sum(axis=1).any()
        return
    eigenvalues = np.linalg.eigvalsh(H)
    slack = 1e-12 * eigenvalues[-1]
    assert eigenvalues[0] >= -slack
    assert H.sum() / len(H) - slack <= got.beta_eff <= eigenvalues[-1] + slack


def test_the_full_hessian_of_one_kernel_before_a_softmax_says_nothing():
    net = ref.MLP([np.eye(2, 3)], biases=[np.zeros(3)])
    got = ref.capacitance(net, np.eye(2), [0, 2], "full_hessian")
    assert (got.beta_eff, got.reason) == (0, "softmax")


def norms(depth=3, **settings):
    kernels = [np.ones((2, 2))] * depth
    return ref.MLP(kernels, scales=[np.ones(2)] * (depth - 1), **settings)


@pytest.mark.parametrize(("net", "reading", "message"), [
    (ref.MLP([np.ones((2, 2))] * 3), {"nodes": "norms"}, "layer 1 has none; pass scales or shifts"),
    (ref.MLP([np.ones((2, 2))] * 3, scales=[np.ones(2), None]), {"nodes": "norms"}, "layer 2 has none"),
    (norms(norm="before"), {"nodes": "norms"}, "norm='before' puts them in front; use norm='after'"),
    (norms(), {"nodes": "layers"}, "nodes must be one of 'kernels', 'norms', got 'layers'"),
    (norms(), {"nodes": "norms", "weighting": "relative"}, "nodes='norms' is read with weighting='unit'"),
    (norms(), {"nodes": "norms", "interaction": "hessian", "strength": "magnitude"}, "with strength='signed' where interaction='hessian'"),
    (norms(), {"interaction": "full_hessian", "strength": "magnitude"}, "strength='signed', weighting='unit' and nodes='kernels'"),
    (norms(), {"interaction": "full_hessian", "nodes": "norms"}, "got 'full_hessian/signed/unit/norms'"),
])  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_remedy(net, reading, message):
    for function in (ref.capacitance, ref.degrees, ref.interaction_matrix):
        with pytest.raises(ValueError, match=message):
            function(net, np.ones((1, 2)), [0], **reading)


def test_shared_weights_have_no_such_reading():
    net = ref.CNN([ref.Dense(np.ones((1, 2))), ref.Dense(np.ones((2, 2)))], input_shape=(1,))
    for reading in ({"nodes": "norms"}, {"interaction": "full_hessian"}):
        with pytest.raises(ValueError, match="is for an MLP"):
            ref.capacitance(net, np.ones((1, 1)), [0], **reading)


@pytest.mark.parametrize("reading", [{"interaction": "hessian", "nodes": "norms"}, {"interaction": "full_hessian"}])
def test_second_derivatives_are_built_for_small_networks_only(reading):
    net = ref.MLP([np.ones((40, 40)), np.ones((40, 40))], scales=[np.ones(40)])
    with pytest.raises(ValueError, match=r"at most 2,000 nodes; this network has 3,\d+"):
        ref.interaction_matrix(net, np.ones((1, 40)), [0], **reading)


@pytest.mark.parametrize(("settings", "message"), [
    ({"deviations": [[1.0, 0.0]]}, r"deviations\[0\] must be above 0.*got 0\.0"),
    ({"means": [[1.0]]}, r"means\[0\] must have shape \(2,\)"),
    ({"deviations": [[1.0, 2.0]] * 2}, "deviations must have 1 entries"),
])  # fmt: skip
def test_statistics_that_no_norm_has(settings, message):
    with pytest.raises(ValueError, match=message):
        ref.MLP([np.ones((2, 2))] * 2, **settings)


@given(mlps(norms=("after", "before")))
def test_statistics_are_folded_into_scale_and_shift(net):
    """The same network, whether its norms centre and divide or not: only the nodes differ."""
    x = np.ones((2, net.widths[0]))
    folded = ref.MLP(
        net.kernels,
        net.biases,
        [layer.scale for layer in net.layers[:-1]],
        [layer.shift for layer in net.layers[:-1]],
        norm=net.norm,
    )
    for got, want in zip(ref.forward(folded, x)[0], ref.forward(net, x)[0], strict=True):
        np.testing.assert_array_equal(got, want)
    assert chain_shapes(net)[1::2] == [(2, n) for n in net.widths[1:-1]]
