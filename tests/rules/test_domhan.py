"""The sampled ensemble: its posterior against a plain one, and what its samples say of curves that are known."""

import sys

import numpy as np
import pytest
from scipy.stats import norm

from ncap.rules.contract import Curve
from ncap.rules.domhan import FAMILIES, Domhan, Ensemble

pytestmark = pytest.mark.filterwarnings("error")

T = np.arange(1.0, 9.0)


def test_without_the_sampler_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "emcee", None)
    made = Domhan().predict(Curve.of(val_accuracy=0.8 - 0.5 / T), {})
    assert made.value == pytest.approx(0.8 - 0.5 / 8)
    assert made.note == "last-seen accuracy: the rule needs emcee, pip install 'ncap[mcmc]'"


def test_families_are_those_of_the_source_at_a_point():
    """By hand at t = 4, with parameters that make round numbers."""
    at = {
        "vapor_pressure": ((0.0, 4.0, 0.5), np.e * 2),
        "pow3": ((0.9, 0.8, 0.5), 0.5),
        "log_log_linear": ((0.0, np.e), 1.0),
        "hill3": ((0.8, 1.0, 4.0), 0.4),
        "log_power": ((0.8, np.log(4.0), -2.0), 0.4),
        "pow4": ((0.9, 1.0, 0.0, 0.5), 0.4),
        "mmf": ((0.9, 0.1, 0.25, 3.0), 0.5),
        "weibull": ((0.9, 0.1, 0.25, 2.0), 0.9 - 0.8 / np.e),
        "ilog2": ((0.9, np.log(5.0)), -0.1),
    }
    assert set(at) == set(FAMILIES)
    for name, (theta, value) in at.items():
        assert FAMILIES[name].formula(np.array([4.0]), np.array(theta))[0] == pytest.approx(value), name
        assert len(FAMILIES[name].start) == len(theta)


@pytest.fixture(name="ensemble")
def _ensemble():
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        return Ensemble.fitted(T, 0.8 - 0.5 / T + rng.normal(0, 0.01, 8), 50.0)


def test_the_posterior_is_the_likelihood_where_the_prior_allows(ensemble):
    rng = np.random.default_rng(1)
    points = ensemble.start * (1 + 0.02 * rng.normal(size=(40, len(ensemble.start))))
    found = ensemble.log_posterior(points)
    count, naive = len(ensemble.names), []
    for point in points:
        weights = point[-count - 1 : -1]

        def f(t, point=point, weights=weights):
            i, made = 0, 0.0
            for name, weight in zip(ensemble.names, weights, strict=True):
                p = len(FAMILIES[name].start)
                made, i = made + weight * FAMILIES[name].formula(np.array([t]), point[i : i + p])[0], i + p
            return made / weights.sum()

        sigma = np.exp(point[-1])
        total = sum(norm.logpdf(y, f(t), sigma) for t, y in zip(T, ensemble.y, strict=True))
        allowed = (weights >= 0).all() and f(1.0) <= f(50.0) and 0 <= f(50.0) <= 1 and sigma < 1
        naive.append(total + 4 * np.log(2 * np.pi) if allowed else -np.inf)
    np.testing.assert_allclose(found, naive, rtol=1e-9, atol=1e-9)
    assert np.isfinite(found).any()
    assert np.isinf(
        ensemble.log_posterior(
            np.where(np.arange(len(ensemble.start)) == len(ensemble.start) - 1, 0.1, ensemble.start)[None]
        )
    )


def test_the_least_squares_start_fits(ensemble):
    with np.errstate(all="ignore"):
        assert np.abs(ensemble.values(ensemble.start[None], T)[0] - ensemble.y).mean() < 0.02


@pytest.mark.parametrize(("curve", "end", "near"), [(0.8 - 0.5 / T, 0.79, 0.05), (np.full(8, 0.5), 0.5, 0.03)])
def test_known_curves_are_continued_within_their_interval(curve, end, near):
    pytest.importorskip("emcee", reason="the rule domhan needs emcee: pip install 'ncap[mcmc]'")
    rule = Domhan(steps=300, burn_in=150)
    made = rule.predict(Curve.of(val_accuracy=curve, horizon=50), {})
    assert made.status == "ok"
    assert made.value == pytest.approx(end, abs=near)
    assert made.low <= end <= made.high
    assert rule.predict(Curve.of(val_accuracy=curve, horizon=50), {}) == made


def test_few_ticks_and_curves_that_fall_are_left_to_the_last_seen():
    few = Domhan().predict(Curve.of(val_accuracy=[0.1, 0.2, 0.3]), {})
    assert few.note == "last-seen accuracy: 3 ticks, 4 needed"
