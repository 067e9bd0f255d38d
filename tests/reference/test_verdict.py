"""Honest numbers (section 5): every reason with its value, its warning and its figures."""

import itertools
import math
import warnings
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from strategies import cases

from ncap import reference as ref
from ncap.reference.verdict import Moments, Reading, judge

SIGNED = Reading("explicit", "signed", "unit")
EPS = np.finfo(np.float64).eps


def random_net(*sizes, loss="cross_entropy", seed=0):
    rng = np.random.default_rng(seed)
    return ref.MLP([rng.normal(size=(a, b)) for a, b in itertools.pairwise(sizes)], loss=loss)


@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2)])
@pytest.mark.parametrize("interaction", ["explicit", "hessian"])
def test_depth(sizes, interaction):
    with pytest.warns(ref.CapacitanceWarning, match=r"\(depth\).*at least two hidden layers"):
        got = ref.capacitance(random_net(*sizes), np.ones((2, 3)), [0, 1], interaction)
    assert (got.beta_eff, got.degenerate, got.reason) == (0, True, "depth")


def test_softmax():
    with pytest.warns(ref.CapacitanceWarning, match=r"\(softmax\).*read strength='magnitude'"):
        got = ref.capacitance(random_net(3, 4, 4, 2), np.random.default_rng(0).normal(size=(5, 3)), [0, 1, 0, 1, 1])
    assert (got.beta_eff, got.numerator, got.reason, got.cancellation) == (0, 0, "softmax", np.inf)


def test_zero():
    net = random_net(3, 4, 4, 2, loss="squared_error")
    x = np.ones((2, 3))
    with pytest.warns(ref.CapacitanceWarning, match=r"\(zero\)"):
        got = ref.capacitance(net, x, ref.forward(net, x)[2])
    assert (got.beta_eff, got.degenerate, got.reason, got.standard_error, got.cancellation) == (0, True, "zero", 0, 1)


@pytest.mark.parametrize(
    ("x", "errors", "reason"),
    [
        ([[1.0], [1.0]], [[1.0, 2.0], [-1.0, -2.0]], "zero"),  # over the samples, in every entry of P
        ([[1.0]], [[1.0, -1.0]], "rounding"),  # over the outputs: P is not 0, only its sums are
    ],
)
def test_what_cancels_to_exactly_0_is_zero_only_where_p_is(x, errors, reason):
    net = ref.MLP([np.ones((1, 2)), np.ones((2, 2)), np.eye(2)], loss="squared_error")
    y = ref.forward(net, x)[2] - errors
    with pytest.warns(ref.CapacitanceWarning):
        got = ref.capacitance(net, x, y)
    assert (got.numerator, got.denominator, got.reason) == (0, 0, reason)
    assert (ref.interaction_matrix(net, x, y).nnz == 0) == (reason == "zero")


def test_rounding():
    """Errors of a pair cancel in P but not in magnitude: what is left of the signed sums is noise, and the value NaN."""
    net = random_net(3, 4, 5, 4, 2, loss="squared_error", seed=1)
    x = np.repeat(np.random.default_rng(0).normal(size=(4, 3)), 2, axis=0)
    residuals = np.random.default_rng(1).normal(size=(4, 2)).repeat(2, axis=0)
    residuals[1::2] *= -1
    y = ref.forward(net, x)[2] - residuals
    with pytest.warns(ref.CapacitanceWarning, match=r"\(rounding\).*NaN"):
        got = ref.capacitance(net, x, y)
    assert np.isnan(got.beta_eff)
    assert np.isnan(got.standard_error)
    assert got.degenerate
    assert got.cancellation > 1e12
    assert ref.capacitance(net, x, y, strength="magnitude").beta_eff > 0


@pytest.mark.parametrize(("bits", "reason"), [(22, ""), (23, "rounding")])
def test_the_terms_of_a_sum_are_the_samples_times_the_interior_weights(bits, reason):
    """m = 2 * 16, so rounding explains a cancellation above 1 / (10 eps log2(64)) = 2^46.1; here it is 2^(2 bits + 2)."""
    net = ref.MLP([np.ones((64, 4)), np.ones((4, 4)), np.ones((4, 1))], loss="squared_error")
    x, error = np.full((2, 64), 2.0**-10), np.array([[1.0], [-(1 - 2.0**-bits)]])  # every output is 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ref.CapacitanceWarning)
        got = ref.capacitance(net, x, 1 - error)
    assert got.cancellation == pytest.approx(
        4 * 4.0**bits, rel=1e-5
    )  # both errors, of nearly 1, against 2^-bits, squared
    assert got.reason == reason


@pytest.mark.parametrize(("bits", "told"), [(45, True), (46, False)])
def test_the_gradient_form_has_an_error_up_to_the_same_limit_and_a_value_beyond(bits, told):
    """The network and the limit, 2^46.1, of the test before; the gradients of the two samples cancel to 2^(bits + 1)."""
    net = ref.MLP([np.ones((64, 4)), np.ones((4, 4)), np.ones((4, 1))], loss="squared_error")
    x, error = np.full((2, 64), 2.0**-10), np.array([[1.0], [-(1 - 2.0**-bits)]])
    got = ref.gradient_capacitance(net, x, 1 - error)
    assert got.cancellation == pytest.approx(2.0 ** (bits + 1), rel=1e-9)
    assert np.isnan(got.standard_error) != told
    assert got.beta_eff > 0
    assert got.reason == ""


@given(cases(losses=("squared_error",)))
def test_cancellation_is_the_larger_of_both_sums(case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ref.CapacitanceWarning)
        signed, magnitude = (
            ref.capacitance(case.net, case.x, case.y, strength=strength) for strength in ("signed", "magnitude")
        )
    assert magnitude.cancellation == 1
    assert signed.cancellation >= 1
    if not signed.degenerate and signed.numerator:
        ratios = magnitude.numerator / abs(signed.numerator), magnitude.denominator / abs(signed.denominator)
        assert signed.cancellation == max(ratios)


def verdict(moments, reading=SIGNED, **facts):
    defaults = {
        "structural": "",
        "magnitude": None,
        "standard_error": 0.1,
        "n_samples": 5,
        "interior_weights": 1,
        "rounding": EPS,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ref.CapacitanceWarning)
        return judge(moments, reading, **defaults | facts)


@pytest.mark.parametrize(("n", "weights", "bits"), [(1, 1, 1), (3, 0, 1), (2, 4, 4), (16, 32, 10)])
def test_rounding_explains_a_cancellation_above_the_threshold(n, weights, bits):
    """1 / (10 eps log2(2m)), m = max(1, n * weights): with eps a tenth of 2^-20, 2^20 / log2(2m)."""
    facts = {"n_samples": n, "interior_weights": weights, "rounding": 0.1 * 2.0**-20}
    for factor, reason in [(1 - 1e-9, ""), (1 + 1e-9, "rounding")]:
        magnitude = Moments(factor * 2.0**20 / bits, 1.0, False)
        got = verdict(Moments(1.0, 1.0, False), magnitude=magnitude, **facts)
        assert (got.reason, got.cancellation) == (reason, magnitude.numerator)
        assert math.isnan(got.beta_eff) if reason else got.beta_eff == 1
    at_it = verdict(Moments(1.0, 1.0, False), magnitude=Moments(2.0**20, 1.0, False), **facts | {"interior_weights": 0})
    assert at_it.reason == ""


@pytest.mark.parametrize("moments", [(math.inf, 1.0), (1.0, math.nan), (math.nan, math.inf)])
def test_one_sum_that_is_not_finite_is_enough_to_refuse(moments):
    with pytest.raises(ValueError, match="training has diverged, or the inputs are not normalised"):
        verdict(Moments(*moments, False))


@pytest.mark.parametrize(
    ("reading", "n", "vanishes", "standard_error"),
    [
        (SIGNED, 5, False, 0.1),
        (SIGNED, 5, True, 0.0),  # beta_eff is exactly 0
        (SIGNED, 1, False, math.nan),
        (SIGNED, 1, True, math.nan),
        (Reading("hessian", "signed", "unit"), 5, False, math.nan),
        (Reading("hessian", "signed", "unit"), 5, True, math.nan),
    ],
)
def test_a_standard_error_needs_two_samples_and_the_explicit_reading(reading, n, vanishes, standard_error):
    got = verdict(Moments(0.0, 0.0, True) if vanishes else Moments(1.0, 2.0, False), reading, n_samples=n)
    assert (got.reason, got.beta_eff) == (("zero", 0.0) if vanishes else ("", 0.5))
    assert got.standard_error == pytest.approx(standard_error, abs=0, nan_ok=True)


def test_the_warning_points_at_the_line_that_asked():
    with pytest.warns(ref.CapacitanceWarning) as caught:
        got = ref.capacitance(random_net(3, 2), np.ones((2, 3)), [0, 1])
    assert caught[0].filename == __file__
    with pytest.raises(FrozenInstanceError):
        got.beta_eff = 1.0


@pytest.mark.parametrize(("rounding", "reason"), [(2.2e-16, ""), (1.19e-7, "rounding")])
def test_the_threshold_follows_the_dtype(rounding, reason):
    # 1 / (10 * 2.2e-16 * log2(2 * 1000 * 100)) = 2.6e13 for float64, and 4.8e4 for float32
    facts = {"n_samples": 1000, "interior_weights": 100, "magnitude": Moments(1e5, 1.0, False)}
    assert verdict(Moments(1.0, 1.0, False), rounding=rounding, **facts).reason == reason


def test_eps_regularises_the_signed_denominator_only():
    net, x, y = (
        random_net(3, 4, 4, 2, loss="squared_error"),
        np.random.default_rng(0).normal(size=(5, 3)),
        [0, 1, 0, 1, 1],
    )
    for strength in ("signed", "magnitude"):
        plain, regularised = (ref.capacitance(net, x, y, strength=strength, eps=eps) for eps in (0.0, 0.5))
        denominator = plain.denominator + (np.copysign(0.5, plain.denominator) if strength == "signed" else 0)
        assert regularised.beta_eff == plain.numerator / denominator
        assert regularised.denominator == plain.denominator


@pytest.mark.filterwarnings("ignore:.*(overflow|invalid value).*:RuntimeWarning")
@pytest.mark.parametrize("strength", ["signed", "magnitude"])
def test_sums_that_overflow_are_refused(strength):
    net = ref.MLP([np.eye(2) * 1e120] * 3, loss="squared_error")
    with pytest.raises(ValueError, match=r"not finite: activations or errors overflow"):
        ref.capacitance(net, [[1, 1]], [[0, 0]], strength=strength)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"interaction": "implicit"},
            "interaction must be one of 'explicit', 'hessian', 'full_hessian', got 'implicit'",
        ),
        ({"strength": "absolute"}, "strength must be one of 'signed', 'magnitude', got 'absolute'"),
        ({"weighting": "none"}, "weighting must be one of 'unit', 'relative', got 'none'"),
        ({"eps": -1.0}, "eps must be at least 0, got -1.0"),
        ({"eps": np.nan}, "eps must be at least 0, got nan"),
    ],
)
def test_unknown_readings_are_refused_by_name(keywords, message):
    with pytest.raises(ValueError, match=message):
        ref.capacitance(random_net(3, 4, 4, 2), np.ones((1, 3)), [0], **keywords)


def test_what_is_too_large_to_build_is_refused_with_the_count():
    with pytest.raises(ValueError, match=r"at most 2,000 weights; this network has 2,144.*interaction='explicit'"):
        ref.capacitance(random_net(32, 32, 32, 3), np.ones((1, 32)), [0], "hessian", "magnitude")
    with pytest.raises(ValueError, match=r"P would have 268,435,456 entries.*need no P"):
        ref.interaction_matrix(random_net(512, 512, 1024), np.ones((1, 512)), [0])


def test_what_is_just_small_enough_is_built(monkeypatch):
    P = ref.interaction_matrix(random_net(998, 1, 1002), np.ones((1, 998)), [0], "hessian", "magnitude")
    assert P.shape == (2000, 2000)
    net, x = random_net(2, 3, 4), np.ones((1, 2))
    monkeypatch.setattr("ncap.reference.interaction.matrix.MAX_ENTRIES", 2 * 3 * 4)
    assert ref.interaction_matrix(net, x, [0]).shape == (18, 18)
    monkeypatch.setattr("ncap.reference.interaction.matrix.MAX_ENTRIES", 2 * 3 * 4 - 1)
    with pytest.raises(ValueError, match="P would have 24 entries, more than 23"):
        ref.interaction_matrix(net, x, [0])


@pytest.mark.parametrize(
    ("z", "s", "g", "message"),
    [
        ([], [], [], "need L - 1 >= 1 arrays each, got 0, 0, 0"),
        ([np.ones((2, 1))], [np.ones((2, 3))], [], "got 1, 1, 0"),
        (
            [np.ones((2, 1))],
            [np.ones((3, 3))],
            [np.ones((3, 1))],
            r"z\[0\] must have shape \(N, n\) with N = 3, got \(2, 1\)",
        ),
        ([np.ones((2, 1))] * 2, [np.ones((2, 3))] * 2, [np.ones((2, 3))] * 2, "of one layer must have one shape"),
        (
            [np.ones((2, n)) for n in (1, 3, 4)],
            [np.ones((2, n)) for n in (3, 4, 5)],
            [np.ones((2, n)) for n in (4, 6, 2)],
            r"got z_2 \(2, 4\) with s_2 \(2, 4\), g_3 \(2, 6\) with s_3 \(2, 5\)$",
        ),
    ],
)
def test_families_that_do_not_fit_are_refused(z, s, g, message):
    with pytest.raises(ValueError, match=message):
        ref.degrees_from(z, s, g)
