"""The rungs of the oracle: hand-computed, exact fractions, P by definition, the closed form; each against the one below."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from agreement import ROUNDINGS, assert_close, assert_degrees_agree, sums, uncancelled
from hypothesis import given
from hypothesis import strategies as st
from strategies import cases

from ncap import reference as ref

EPS = np.finfo(np.float64).eps
READINGS = list(itertools.product(["explicit", "hessian"], ["signed", "magnitude"], ["unit", "relative"]))
every_reading = pytest.mark.parametrize("reading", READINGS, ids="-".join)

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


def test_a_network_with_two_units_a_layer_by_hand():
    # x = (1, 2): a_1 = (1, -1) so z_1 = (1, 0); a_2 = (2, 1) so z_2 = (2, 1); a_3 = 3, y = 1, so g_3 = 2.
    net = ref.MLP([[[1, 1], [0, -1]], [[2, 1], [5, 5]], [[1], [1]]], loss="squared_error")
    P = ref.interaction_matrix(net, [[1, 2]], [[1.0]]).toarray()
    # g_2 = (2, 2). Layer 1 receives s_1 z_0 g_2, neuron 1 only: from W_2[0,:]. Layer 2 receives s_2 z_1 g_3 = 2 z_1.
    want = np.zeros((10, 10))
    want[0, 4:6] = 1 * 2  # (1; 1->1) from (2; 1->1), (2; 1->2)
    want[2, 4:6] = 2 * 2  # (1; 2->1)
    want[4, 8] = 1 * 2  # (2; 1->1) from (3; 1->1)
    want[5, 9] = 1 * 2  # (2; 1->2) from (3; 2->1)
    np.testing.assert_array_equal(P, want)
    # delta_in of layer 2 = (2, 2, 0, 0), delta_out = (6, 6, 0, 0): A = 24, D = 12 + 4
    assert ref.beta_eff(P) == ref.capacitance(net, [[1, 2]], [[1.0]]).beta_eff == 24 / 16


def test_one_kernel_interacts_with_nothing():
    net = ref.MLP([np.ones((3, 2))])
    P = ref.interaction_matrix(net, np.ones((1, 3)), [0])
    assert (P.shape, P.nnz) == ((6, 6), 0)
    for side in ref.degrees(net, np.ones((1, 3)), [0]):
        np.testing.assert_array_equal(side, np.zeros((1, 3, 2)))


@given(cases(norms=("none",), biases=False, losses=("squared_error",)))
def test_exact_fractions_equal_the_definition(case):
    """Rung two: degrees in fractions, by loops, from families computed in fractions."""
    to_fractions = np.vectorize(Fraction, otypes=[object])
    kernels = [to_fractions(layer.kernel) for layer in case.net.layers]
    z, s = [to_fractions(case.x)], []
    for kernel in kernels[:-1]:
        a = z[-1] @ kernel
        s.append(np.vectorize(lambda v: Fraction(v > 0), otypes=[object])(a))
        z.append(s[-1] * a)
    g = [z[-1] @ kernels[-1] - to_fractions(np.eye(case.net.widths[-1])[case.y])]
    for kernel, s_l in zip(kernels[:1:-1], s[:0:-1], strict=True):
        g.append(s_l * (g[-1] @ kernel.T))
    g.reverse()
    got_in, got_out = ref.degrees_from(z[:-1], s, g)
    P, offsets = ref.interaction_matrix(case.net, case.x, case.y).toarray(), ref.weight_offsets(case.net.widths)
    for l, (d_in, d_out) in enumerate(zip(got_in, got_out, strict=True)):
        rows = slice(offsets[l], offsets[l + 1])
        assert all(isinstance(value, Fraction | int) for value in d_in.ravel())
        # Dyadic values: the sums over samples are exact in float64, the mean over N rounds once an entry of P.
        assert_close(d_in.ravel(), P[rows].sum(axis=1), 8 * EPS * np.abs(P[rows]).sum(axis=1), f"delta_in {l + 1}")
        assert_close(
            d_out.ravel(), P[:, rows].sum(axis=0), 8 * EPS * np.abs(P[:, rows]).sum(axis=0), f"delta_out {l + 1}"
        )


@pytest.mark.parametrize("s", [[[1]], [[True]], [[1.0]]])
def test_families_of_mixed_types_are_exact_where_one_holds_fractions(s):
    third = [[Fraction(1, 3)], [Fraction(2, 3)], [Fraction(1, 3)]]
    families = (
        [np.array(third, dtype=object)] * 2,
        [np.array(s * 3)] * 2,
        [np.array([[1], [1], [2]]), np.array([[1], [1], [2]])],
    )
    delta_in, delta_out = ref.degrees_from(*families)
    assert delta_in[0][0, 0] == delta_out[1][0, 0] == Fraction(5, 9)  # (1/3 + 2/3 + 2/3) / 3
    assert all(isinstance(d[0, 0], Fraction) for d in (delta_in[0], delta_in[1], delta_out[1], delta_out[2]))


def test_whole_numbers_in_object_arrays_are_averaged_exactly():
    ones = np.array([[1], [1], [2]], dtype=object)
    delta_in, _ = ref.degrees_from([ones, ones], [ones, ones], [ones, ones])
    assert delta_in[0][0, 0] == Fraction(10, 3)


def drawn_for(interaction):
    """Networks whose P of this interaction has at most some thousand entries."""
    small = interaction == "hessian"
    return cases(max_depth=5 if small else 6, max_width=5 if small else 8)


@every_reading
@given(data=st.data())
def test_degrees_in_closed_form_are_the_sums_of_p(reading, data):
    """T0, floats: T0 is exact for any families, so the difference is rounding alone."""
    interaction, _, weighting = reading
    case = data.draw(drawn_for(interaction))
    P = ref.interaction_matrix(case.net, case.x, case.y, *reading)
    got = ref.degrees(case.net, case.x, case.y, *reading)
    want_in, want_out = np.asarray(P.sum(axis=1)).ravel(), np.asarray(P.sum(axis=0)).ravel()
    offsets = ref.weight_offsets(case.net.widths)
    want = [[d[a:b] for a, b in itertools.pairwise(offsets)] for d in (want_in, want_out)]
    scale = uncancelled(case, interaction, weighting)
    flat = [[d.ravel() for d in side] for side in got]
    assert_degrees_agree(flat, want, [[d.ravel() for d in side] for side in scale], EPS, "/".join(reading))


@every_reading
@given(data=st.data())
def test_capacitance_is_beta_eff_of_p(reading, data):
    interaction, _, weighting = reading
    case = data.draw(drawn_for(interaction))
    got = ref.capacitance(case.net, case.x, case.y, *reading)
    want_A, want_D = sums(ref.degrees(case.net, case.x, case.y, *reading))
    scale_A, scale_D = sums(uncancelled(case, interaction, weighting))
    if got.reason not in ("softmax", "depth"):
        assert_close(got.numerator, want_A, ROUNDINGS * EPS * scale_A, "A")
    assert_close(got.denominator, want_D, ROUNDINGS * EPS * scale_D, "D")
    if not got.degenerate:
        assert got.beta_eff == got.numerator / got.denominator
        P = ref.interaction_matrix(case.net, case.x, case.y, *reading)
        relative = scale_A / abs(want_A) + scale_D / abs(want_D) if want_A else np.inf
        if relative < 1e8:
            assert ref.beta_eff(P) == pytest.approx(got.beta_eff, rel=ROUNDINGS * EPS * relative)


@pytest.mark.parametrize("interaction", ["explicit", "hessian"])
@given(data=st.data())
def test_relative_p_is_p_between_the_weights(interaction, data):
    """diag(w) P diag(w), with |w| for magnitude, entry by entry."""
    case = data.draw(drawn_for(interaction))
    w = np.concatenate([layer.kernel.ravel() for layer in case.net.layers])
    for strength, weights in (("signed", w), ("magnitude", np.abs(w))):
        P, relative = (
            ref.interaction_matrix(case.net, case.x, case.y, interaction, strength, weighting).toarray()
            for weighting in ("unit", "relative")
        )
        np.testing.assert_array_equal(relative, P * weights[:, None] * weights)  # weights are powers of two: exact


@given(cases())
def test_the_gradient_form_sums_up_weights_times_their_gradients(case):
    got = ref.gradient_capacitance(case.net, case.x, case.y)
    q = [layer.kernel * dW for layer, dW in zip(case.net.layers, ref.gradients(case.net, case.x, case.y), strict=True)]
    A, D = sum((q_l**2).sum() for q_l in q[1:-1]), sum(np.abs(q_l).sum() for q_l in q[:-1])
    assert (got.numerator, got.denominator) == pytest.approx((A, D), rel=ROUNDINGS * EPS)
    assert got.reason == ("" if D else "zero")
    assert got.beta_eff == (got.numerator / got.denominator if D else 0)
    assert (got.interaction, got.strength, got.weighting) == ("gradient", "magnitude", "relative")
    assert got.n_samples == len(case.x)
    uncancelled_D = sum(d.sum() for d in ref.degrees(case.net, case.x, case.y, "explicit", "magnitude", "relative")[0])
    if D:
        assert got.cancellation == pytest.approx(max(1, uncancelled_D / D), rel=ROUNDINGS * EPS)


@given(cases(min_depth=1, max_depth=2))
def test_the_gradient_form_needs_a_layer_between_two_others(case):
    got = ref.gradient_capacitance(case.net, case.x, case.y)
    assert (got.beta_eff, got.numerator, got.reason) == (0, 0, "depth")


@given(cases())
def test_the_gradient_form_is_made_of_the_relative_in_degrees(case):
    """Another way to it: delta_in of diag(w) P diag(w) is w dC/dw, with biases and norms too (T7)."""
    got = ref.gradient_capacitance(case.net, case.x, case.y)
    delta_in, _ = ref.degrees(case.net, case.x, case.y, weighting="relative")
    scale, _ = uncancelled(case, weighting="relative")
    assert_close(
        got.numerator,
        sum((d**2).sum() for d in delta_in[1:]),
        2 * ROUNDINGS * EPS * sum((d**2).sum() for d in scale[1:]),
        "A",
    )
    assert_close(
        got.denominator, sum(np.abs(d).sum() for d in delta_in), ROUNDINGS * EPS * sum(d.sum() for d in scale), "D"
    )


@given(cases(norms=("none", "after", "before")))
def test_standard_error_is_that_of_the_samples_own_degrees(case):
    """The delta method, with every sample's P by definition; a sample alone is a data set of one."""
    n = len(case.x)
    for strength, weighting in itertools.product(("signed", "magnitude"), ("unit", "relative")):
        got = ref.capacitance(case.net, case.x, case.y, "explicit", strength, weighting)
        if n == 1:
            assert np.isnan(got.standard_error)
            continue
        if got.degenerate:
            assert got.standard_error == 0 or np.isnan(got.standard_error)
            continue
        P = [
            ref.interaction_matrix(case.net, case.x[i : i + 1], case.y[i : i + 1], "explicit", strength, weighting)
            for i in range(n)
        ]
        d_in = np.array([np.asarray(p.sum(axis=1)).ravel() for p in P])
        d_out = np.array([np.asarray(p.sum(axis=0)).ravel() for p in P])
        A, D = d_out.mean(0) @ d_in.mean(0), d_in.sum(1).mean()
        psi = (d_in @ d_out.mean(0) + d_out @ d_in.mean(0) - 2 * A) / D - A / D * (d_in.sum(1) - D) / D
        scale_A, scale_D = sums(uncancelled(case, weighting=weighting))
        # psi is of the order of A / D times the cancellation of either, and its error relative to that.
        bound = ROUNDINGS * EPS * n * (scale_A / abs(D)) * (scale_D / abs(D)) * (1 + scale_D / abs(D))
        assert_close(got.standard_error, psi.std(ddof=1) / np.sqrt(n), bound, f"standard error, {strength}/{weighting}")


@given(cases())
def test_standard_error_of_the_gradient_form_is_that_of_the_samples_own_gradients(case):
    n = len(case.x)
    got = ref.gradient_capacitance(case.net, case.x, case.y)
    if n == 1 or got.degenerate:
        assert np.isnan(got.standard_error) if n == 1 else got.standard_error == 0
        return
    weights = [layer.kernel for layer in case.net.layers[:-1]]

    def flat(x, y):
        return np.concatenate([(W * dW).ravel() for W, dW in zip(weights, ref.gradients(case.net, x, y), strict=False)])

    q_n = np.array([flat(case.x[i : i + 1], case.y[i : i + 1]) for i in range(n)])
    q = flat(case.x, case.y)
    interior = np.arange(len(q)) >= weights[0].size
    A, D = (q[interior] ** 2).sum(), np.abs(q).sum()
    psi = (2 * (q_n * q)[:, interior].sum(1) - 2 * A) / D - A / D * (q_n @ np.sign(q) - D) / D
    alone = [
        uncancelled(case.replace(x=case.x[i : i + 1], y=case.y[i : i + 1]), weighting="relative") for i in range(n)
    ]
    scale = max(sum(d.sum() for d in delta_in) for delta_in, _ in alone)
    # A degree that rounds about 0 has no certain sign, and |q| no derivative there: a kink of D, as wide as rounding.
    if np.abs(q[q != 0]).min() > ROUNDINGS * EPS * scale:
        bound = ROUNDINGS * EPS * n * (scale / D) ** 2 * scale * 4
        assert_close(got.standard_error, psi.std(ddof=1) / np.sqrt(n), bound, "standard error")


def test_standard_error_is_the_spread_of_beta_eff_over_resampled_data():
    """What the delta method promises, checked without its formula: bootstrap of a drawn net, 400 samples."""
    rng = np.random.default_rng(0)
    sizes = (5, 8, 6, 7, 4)
    net = ref.MLP([rng.normal(size=(a, b)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)])
    x, y = rng.normal(size=(400, 5)), rng.integers(0, 4, 400)
    draws = [rng.integers(0, 400, 400) for _ in range(300)]
    forms = [
        lambda x, y: ref.capacitance(net, x, y, strength="magnitude"),
        lambda x, y: ref.capacitance(net, x, y, strength="magnitude", weighting="relative"),
        lambda x, y: ref.capacitance(net, x, y, weighting="relative"),  # D is far from 0 here
        lambda x, y: ref.gradient_capacitance(net, x, y),
    ]
    for form in forms:
        spread = np.std([form(x[i], y[i]).beta_eff for i in draws], ddof=1)
        # 300 draws give a standard deviation to 1 / sqrt(600) = 4 %; four of those.
        assert form(x, y).standard_error == pytest.approx(spread, rel=0.16)
