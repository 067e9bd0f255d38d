"""LogME against the evidence of its definition, maximised by brute force, and what leaves it unchanged."""

import numpy as np
import pytest
from drawn_features import drawn
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from ncap import scores
from ncap.scores.transferability.maximum_evidence import SMALLEST


def naive(features, y):
    """Mean over classes of max log N(y; 0, I / beta + F F^T / alpha) / N, dense, over log alpha and log beta, from several starts."""
    n = len(y)
    best = []
    for c in np.unique(y):
        hot = (y == c).astype(float)

        def loss(logs, hot=hot):
            covariance = np.eye(n) * np.exp(-logs[1]) + features @ features.T * np.exp(-logs[0])
            try:
                return -multivariate_normal.logpdf(hot, np.zeros(n), covariance)
            except np.linalg.LinAlgError:  # so little noise that the covariance is singular in float64
                return 1e6

        starts = [(a, b) for a in (-4.0, 0.0, 4.0, 8.0) for b in (0.0, 3.0)]
        found = [
            minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-11, "maxiter": 4000})
            for start in starts
        ]
        best.append(-min(one.fun for one in found) / n)
    return np.mean(best)


@pytest.mark.parametrize(
    ("n", "d", "classes", "options"),
    [
        (30, 5, 2, {}),
        (40, 8, 3, {"signal": 3.0}),
        (40, 8, 3, {"signal": 0.0}),
        (12, 20, 2, {}),  # fewer samples than features
        (24, 10, 4, {"rank": 3, "signal": 0.0}),  # features that depend on each other
        (9, 1, 3, {}),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_largest_evidence(n, d, classes, options, seed):
    features, y = drawn(n, d, classes, seed, **options)
    assert scores.log_me(features, y) == pytest.approx(naive(features, y), rel=1e-6, abs=1e-7)


def test_repeated_samples_count_as_samples():
    features, y = drawn(15, 4, 3)
    twice = np.repeat(features, 2, axis=0), np.repeat(y, 2)
    assert scores.log_me(*twice) == pytest.approx(naive(*twice), rel=1e-6)
    assert scores.log_me(*twice) != pytest.approx(scores.log_me(features, y), rel=1e-3)


def published(features, y, steps=20_000):
    """The fixed point of You et al. (Algorithm 3 of the JMLR paper), alpha and beta in turn, for one class after the other."""
    n, d = features.shape
    u, singular, _ = np.linalg.svd(features, full_matrices=False)
    s = singular**2
    evidences = []
    for c in np.unique(y):
        hot = (y == c).astype(float)
        z = u.T @ hot
        alpha, beta = 1.0, 1.0
        for _ in range(steps):
            m2 = (beta**2 * s * z**2 / (alpha + beta * s) ** 2).sum()
            rest = (alpha**2 * z**2 / (alpha + beta * s) ** 2).sum() + hot @ hot - z @ z
            gamma = (beta * s / (alpha + beta * s)).sum()
            alpha, beta = gamma / m2, (n - gamma) / rest
        m2 = (beta**2 * s * z**2 / (alpha + beta * s) ** 2).sum()
        rest = (alpha**2 * z**2 / (alpha + beta * s) ** 2).sum() + hot @ hot - z @ z
        log_det = np.log(alpha + beta * s).sum() + (d - len(s)) * np.log(alpha)
        evidence = (
            n / 2 * np.log(beta)
            + d / 2 * np.log(alpha)
            - n / 2 * np.log(2 * np.pi)
            - beta / 2 * rest
            - alpha / 2 * m2
            - log_det / 2
        )
        evidences.append(evidence / n)
    return np.mean(evidences)


@pytest.mark.parametrize(("n", "d"), [(60, 7), (40, 15)])
def test_it_is_the_published_fixed_point(n, d):
    features, y = drawn(n, d, 3, signal=2.0)
    assert scores.log_me(features, y) == pytest.approx(published(features, y), rel=1e-9)


def first_published(features, y, steps=20_000):
    """The algorithm of the ICML paper: the weights' posterior from F^T F, alpha and beta from it, in turn."""
    n, d = features.shape
    values, vectors = np.linalg.eigh(features.T @ features)
    evidences = []
    for c in np.unique(y):
        hot = (y == c).astype(float)
        alpha, beta = 1.0, 1.0
        for _ in range(steps):
            gamma = (beta * values / (alpha + beta * values)).sum()
            m = beta * vectors @ ((vectors.T @ (features.T @ hot)) / (alpha + beta * values))
            residual = ((features @ m - hot) ** 2).sum()
            alpha, beta = gamma / (m @ m), (n - gamma) / residual
        m = beta * vectors @ ((vectors.T @ (features.T @ hot)) / (alpha + beta * values))
        residual = ((features @ m - hot) ** 2).sum()
        evidences.append(
            n / 2 * np.log(beta)
            + d / 2 * np.log(alpha)
            - n / 2 * np.log(2 * np.pi)
            - beta / 2 * residual
            - alpha / 2 * (m @ m)
            - np.log(alpha + beta * values).sum() / 2
        )
    return np.mean(evidences) / n


@pytest.mark.parametrize(("n", "d"), [(60, 7), (40, 15)])
def test_both_published_algorithms_end_where_it_is(n, d):
    features, y = drawn(n, d, 3, signal=2.0)
    assert scores.log_me(features, y) == pytest.approx(first_published(features, y, 2000), rel=1e-5)
    assert first_published(features, y, 2000) == pytest.approx(published(features, y, 2000), rel=1e-5)


@given(
    n=st.integers(3, 30),
    d=st.integers(1, 40),
    classes=st.integers(2, 4),
    seed=st.integers(0, 2**16),
    factor=st.floats(1e-6, 1e6),
)
def test_what_leaves_it_unchanged(n, d, classes, seed, factor):
    features, y = drawn(n, d, classes, seed)
    rng = np.random.default_rng(seed)
    value = scores.log_me(features, y)
    order, rotation = rng.permutation(n), np.linalg.qr(rng.normal(size=(d, d)))[0]
    # the search ends 1e-6 from the best log t, where the evidence is flat; the values are of order 1
    same = pytest.approx(value, rel=1e-7, abs=1e-7)
    assert scores.log_me(features[order], y[order]) == same
    assert scores.log_me(features, 7 - 2 * y.astype(np.int64)) == same
    assert scores.log_me(features @ rotation, y) == same
    assert scores.log_me(factor * features, y) == same
    assert scores.log_me(np.c_[features, np.zeros(n)], y) == same


def test_shifting_the_features_changes_it():
    features, y = drawn(30, 4, 2)
    assert abs(scores.log_me(features + 5, y) - scores.log_me(features, y)) > 1e-3


def test_features_without_any_signal_give_the_evidence_of_noise():
    y = np.arange(10) % 2
    # beta = N / |y|^2 = 2: (10/2 log 2 - 10/2 log 2 pi - 10/2) / 10
    assert scores.log_me(np.zeros((10, 3)), y) == pytest.approx((np.log(2) - np.log(2 * np.pi) - 1) / 2)
    constant = np.full((10, 3), 4.0)
    assert scores.log_me(constant, y) == pytest.approx(naive(constant, y), rel=1e-6)


def test_labels_that_are_fitted_exactly_stay_finite():
    """Two samples are one, and there are more features than samples: the evidence has no maximum, the bound on alpha / beta holds it."""
    features, y = drawn(8, 20, 2)
    once = scores.log_me(features, y)
    repeated = scores.log_me(np.r_[features, features[:1]], np.r_[y, y[0]])
    assert np.isfinite(repeated)
    # one sample whose noise is the smallest adds log(1 / SMALLEST) / 2 to the evidence at most
    assert once < repeated < once + np.log(1 / SMALLEST) / 2
    perfect = scores.log_me(np.eye(2)[y], y)
    assert np.isfinite(perfect)
    assert perfect > once


def test_one_class_has_no_evidence_to_compare():
    assert np.isnan(scores.log_me([[1.0], [2.0]], [1, 1]))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_squares_neither_overflow_nor_vanish(scale):
    features, y = drawn(20, 3, 2)
    assert scores.log_me(scale * features, y) == pytest.approx(scores.log_me(features, y), rel=1e-7)
