"""Parametric curves: exact ones are recovered, noisy ones fitted as well as by a solver from scipy, many at once as one by one."""

import numpy as np
import pytest
from scipy.optimize import least_squares, lsq_linear

from ncap.rules import resolve
from ncap.rules.contract import Curve
from ncap.rules.parametric import fit, linear_part

pytestmark = pytest.mark.filterwarnings("error")

FAMILIES = ["pow3", "pow4", "mmf", "weibull", "exp"]
T = np.arange(1.0, 21.0)
# Curves inside the bounds of each family, and what they reach at epoch 100.
EXACT = {
    "pow3": lambda t: 0.8 - 0.2 * t**-0.7,
    "pow4": lambda t: 0.8 - (3.0 * t + 2.0) ** -0.6,
    "mmf": lambda t: 0.8 - 0.7 / (1 + (0.4 * t) ** 1.3),
    "weibull": lambda t: 0.8 - 0.7 * np.exp(-((0.2 * t) ** 0.9)),
    "exp": lambda t: 0.8 - 0.7 * np.exp(-0.15 * t),
}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("first", [1.0, 0.25])
def test_an_exact_curve_is_recovered(name, first):
    """Whatever the first epoch is, though time is counted in it."""
    t = first * T
    made = resolve(name).predict(Curve.of(epoch=t, val_accuracy=EXACT[name](t), horizon=100), {})
    # A shape of two parameters has a flat valley, in which the search stops at a residual of 1e-7; beyond the data that is more.
    assert made.value == pytest.approx(EXACT[name](100.0), abs=1e-6 if name in ("pow3", "exp") else 2e-3)
    assert (made.status, made.note) == ("ok", "")


@pytest.mark.parametrize("name", FAMILIES)
def test_the_fit_is_as_good_as_that_of_another_solver(name):
    """Ten noisy curves; scipy's trust region from eight random starts, over all parameters at once."""
    rule, rng, k = resolve(name), np.random.default_rng(0), 8
    t = np.arange(1.0, k + 1)
    y = np.clip(0.7 - 0.4 * t ** -rng.uniform(0.3, 1.5, (10, 1)) + rng.normal(0, 0.02, (10, k)), 0, 1)
    theta, c, a = fit(rule, t, y)
    low, high = np.log(rule.low), np.log(rule.high)
    bounds = (np.r_[0, 0, low], np.r_[1, 1, high])
    for row in range(10):

        def residual(x, row=row):
            return x[0] - x[1] * rule.shape(t, np.exp(x[2:])) - y[row]

        starts = [np.r_[rng.random(2), rng.uniform(low, high)] for _ in range(8)]
        naive = min(2 * least_squares(residual, start, bounds=bounds, xtol=1e-12).cost for start in starts)
        mine = (residual(np.r_[c[row], a[row], np.log(theta[row])]) ** 2).sum()
        assert mine <= 1.001 * naive + 1e-12


def test_the_linear_part_is_the_bounded_least_squares():
    rng = np.random.default_rng(1)
    for _ in range(200):
        g, y = rng.random(5), rng.uniform(-1, 2, 5)
        mine = linear_part(g, y)
        naive = lsq_linear(np.stack([np.ones(5), -g], axis=1), y, bounds=(0, 1)).x
        errors = [((c - a * g - y) ** 2).sum() for c, a in (mine, naive)]
        assert errors[0] <= errors[1] + 1e-9
        assert all(0 <= value <= 1 for value in mine)


@pytest.mark.parametrize("name", FAMILIES)
def test_many_curves_are_fitted_as_each_alone(name):
    rng = np.random.default_rng(2)
    curves = [Curve.of(val_accuracy=rng.random(int(rng.integers(1, 9)))) for _ in range(30)]
    rule = resolve(name)
    together = rule.predict_many(curves, [{}] * 30)
    alone = [rule.predict(curve, {}) for curve in curves]
    assert [made.order for made in together] == pytest.approx([made.order for made in alone], abs=1e-9)
    assert {made.status for made in together} == {"ok", "fallback"}


@pytest.mark.parametrize("name", FAMILIES)
def test_falling_accuracies_are_fitted_by_their_mean(name):
    made = resolve(name).predict(Curve.of(val_accuracy=[0.9, 0.8, 0.7, 0.6, 0.5]), {})
    assert made.value == pytest.approx(0.7, abs=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_cannot_be_fitted_says_so(name):
    rule = resolve(name)
    few = rule.predict(Curve.of(val_accuracy=[0.5, 0.6]), {})
    assert (few.value, few.status) == (0.6, "fallback")
    assert few.note == f"last-seen accuracy: 2 ticks, and {name} has {len(rule.parameters)} parameters"
    begun = rule.predict(Curve.of(epoch=[0, 0, 1, 2], val_accuracy=[0.1, 0.1, 0.5, 0.6]), {})
    assert begun.status == "fallback"
    early = rule.predict(Curve.of(val_accuracy=[0.5, 0.6, 0.7, 0.7], horizon=2), {})
    assert early.note == "epoch 2 lies before epoch 4, which was seen"
