"""T8 in exact fractions, and that the rule's ridge is the one that it speaks about: h(0) beside the value at 0 of a line."""

from fractions import Fraction

import exact
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import ncap
from ncap.rules.capacitance import Capacitance
from ncap.rules.contract import Curve
from ncap.rules.regression import distance_from_line

numbers = st.sampled_from(exact.NUMBERS)


def ridge(beta, accuracies, penalty):
    """Slope and h(0) of the line that is least in sum (I - c - slope (beta - mean))^2 + penalty slope^2."""
    middle = exact.mean(beta)
    off = [b - middle for b in beta]
    slope = exact.dot(off, accuracies) / (exact.dot(off, off) + penalty)
    return slope, exact.mean(accuracies) - slope * middle


def squares(beta, accuracies, penalty, slope, level):
    middle = exact.mean(beta)
    return (
        sum((i - level - slope * (b - middle)) ** 2 for b, i in zip(beta, accuracies, strict=True)) + penalty * slope**2
    )


@st.composite
def lines(draw):
    """beta, alpha - kappa beta + e, its parts, and a penalty with which the ridge has one solution."""
    beta = draw(st.lists(numbers, min_size=1, max_size=5))
    e = draw(st.lists(numbers, min_size=len(beta), max_size=len(beta)))
    alpha, kappa, penalty = draw(numbers), draw(numbers), abs(draw(numbers))
    assume(penalty > 0 or len(set(beta)) > 1)
    return beta, [alpha - kappa * b + e_t for b, e_t in zip(beta, e, strict=True)], (alpha, kappa, e), penalty


@given(lines(), numbers, numbers)
def test_t8_is_about_the_line_of_least_squares(line, other_slope, other_level):
    beta, accuracies, _, penalty = line
    slope, at_zero = ridge(beta, accuracies, penalty)
    level = at_zero + slope * exact.mean(beta)
    assert squares(beta, accuracies, penalty, slope, level) <= squares(
        beta, accuracies, penalty, other_slope, other_level
    )


@given(lines())
def test_t8_error_bound_and_slope_in_fractions(line):
    beta, accuracies, (alpha, kappa, e), penalty = line
    slope, at_zero = ridge(beta, accuracies, penalty)
    middle, eta = exact.mean(beta), max(map(abs, e))
    off = [b - middle for b in beta]
    spread, along, deviations = exact.dot(off, off), exact.dot(off, e), sum(map(abs, off))
    total = spread + penalty
    assert at_zero - alpha == exact.mean(e) - middle * (kappa * penalty + along) / total
    assert abs(at_zero - alpha) <= eta * (1 + abs(middle) * deviations / total) + abs(kappa * middle) * penalty / total
    if spread:
        assert abs(kappa) <= (abs(slope) * total + eta * deviations) / spread


def test_t8_the_slope_bound_is_reached():
    """Two ticks whose errors flatten the fitted line: the steeper one is as steep as the bound allows, without a penalty."""
    beta, e = [Fraction(1), Fraction(3)], [Fraction(-1), Fraction(1)]
    slope, _ = ridge(beta, [5 - 2 * b + e_t for b, e_t in zip(beta, e, strict=True)], Fraction(0))
    spread, deviations = 2, 2
    assert slope == -1
    assert (abs(slope) * spread + 1 * deviations) / Fraction(spread) == 2


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_t8_speaks_about_the_ridge_of_the_rule(scale):
    """scikit-learn's penalty is lambda_ / alpha_ on beta / max |beta|."""
    beta = scale * np.array([4.0, 2.9, 2.1, 1.6, 1.2])
    accuracies = np.array([0.41, 0.5, 0.58, 0.6, 0.66])
    model = ncap.CapacitancePredictor(t0=0).fit(beta[:, None], accuracies)
    penalty = model.ridge_.lambda_ / model.ridge_.alpha_
    _, at_zero = ridge(
        [Fraction(b) for b in beta / beta.max()], [Fraction(i) for i in accuracies], Fraction(float(penalty))
    )
    assert model.unclipped_ == pytest.approx(float(at_zero), rel=1e-9)


@given(lines())
def test_the_distance_of_the_code_is_that_of_t8_and_holds(line):
    """In fractions: no line whose errors stay within eta has a value at 0 farther from h(0)."""
    beta, accuracies, (alpha, _, e), penalty = line
    assume(len(set(beta)) > 1)
    slope, at_zero = ridge(beta, accuracies, penalty)
    middle, eta = exact.mean(beta), max(map(abs, e))
    spread, deviations = sum((b - middle) ** 2 for b in beta), sum(abs(b - middle) for b in beta)
    total = spread + penalty
    steepest = (abs(slope) * total + eta * deviations) / spread
    bound = eta * (1 + abs(middle) * deviations / total) + abs(steepest * middle) * penalty / total
    got = distance_from_line(np.array(beta, dtype=float), float(slope), float(penalty), float(eta))
    assert got == pytest.approx(float(bound), rel=1e-9, abs=1e-12)
    assert abs(at_zero - alpha) <= bound


@pytest.mark.parametrize("eta", [0.0, 0.03])
def test_the_rules_interval_is_as_wide_as_t8_says_and_its_deviation_stays(eta):
    """A line with errors of up to 0.03, whose value at 0 the interval holds, and scikit-learn's two deviations do not reach."""
    beta = np.array([4.0, 2.9, 2.1, 1.6, 1.2])
    errors = np.array([0.02, -0.03, -0.01, 0.02, 0.03])
    curve = Curve.of(beta_eff=beta, val_accuracy=0.75 - 0.08 * beta + errors)
    prediction = Capacitance().predict(curve, {})
    allowed = prediction.allowing(eta)
    reach = prediction.fit.reach(eta)
    assert allowed.high - allowed.value == pytest.approx(reach) == allowed.value - allowed.low
    assert reach > 1.96 * prediction.std
    assert allowed.std == prediction.std
    if eta:
        assert allowed.low <= 0.75 <= allowed.high
        assert (allowed.low, allowed.high) != (prediction.low, prediction.high)


def test_no_reach_without_a_line_or_with_several_features():
    several = np.random.default_rng(0).random((8, 2))
    assert np.isnan(ncap.CapacitancePredictor().fit(several, np.linspace(0.1, 0.9, 8)).reach())
    assert np.isnan(ncap.CapacitancePredictor().fit([[1.0]] * 5, np.linspace(0.1, 0.9, 5)).reach())
