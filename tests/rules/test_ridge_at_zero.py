"""T8 in exact fractions, and that the rule's ridge is the one that it speaks about: h(0) beside the value at 0 of a line."""

from fractions import Fraction

import exact
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import ncap

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
