"""Honest numbers (section 5): every reason with its value, its warning and its figures."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from strategies import cases

from ncap import reference as ref
from ncap.reference.verdict import Moments, Reading, judge

SIGNED = Reading("explicit", "signed", "unit")


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


@pytest.mark.parametrize(("cancellation", "reason"), [(1e5, ""), (1e7, "rounding")])
def test_the_threshold_follows_the_dtype_and_the_number_of_terms(cancellation, reason):
    # 1 / (10 * 1.19e-7 * log2(2 * 1000 * 100)) = 4.8e4 for float32; 1 / (10 * 2.2e-16 * 17.6) = 2.6e13 for float64
    arguments = {"structural": "", "standard_error": 0.1, "n_samples": 1000, "interior_weights": 100}
    magnitude = Moments(cancellation, 1.0, False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ref.CapacitanceWarning)
        in_float64 = judge(Moments(1.0, 1.0, False), SIGNED, magnitude=magnitude, rounding=2.2e-16, **arguments)
        in_float32 = judge(Moments(1.0, 1.0, False), SIGNED, magnitude=magnitude, rounding=1.19e-7, **arguments)
        in_between = judge(
            Moments(1.0, 1.0, False), SIGNED, magnitude=magnitude, rounding=1 / (10 * 17.6 * 1e6), **arguments
        )
    assert in_float64.reason == ""
    assert in_float32.reason == "rounding"
    assert in_between.reason == reason


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
        ({"interaction": "implicit"}, "interaction must be one of 'explicit', 'hessian', got 'implicit'"),
        ({"strength": "absolute"}, "strength must be one of 'signed', 'magnitude', got 'absolute'"),
        ({"weighting": "none"}, "weighting must be one of 'unit', got 'none'"),
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
    ],
)
def test_families_that_do_not_fit_are_refused(z, s, g, message):
    with pytest.raises(ValueError, match=message):
        ref.degrees_from(z, s, g)
