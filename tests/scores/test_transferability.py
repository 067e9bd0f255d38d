"""Each score against a naive implementation of its published definition, edge cases with a known value, and what leaves it unchanged."""

import math
import warnings

import numpy as np
import pytest
from drawn_features import chances, drawn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf, ledoit_wolf_shrinkage
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from ncap import scores
from ncap.scores import SCORES
from ncap.scores.decomposition import decomposed, principal
from ncap.scores.samples import own_order
from ncap.scores.transferability import nearest_neighbours, pairwise_distances
from ncap.scores.transferability.shrunk_covariance import shrinkage

SHAPES = [(60, 7, 3, {}), (45, 8, 4, {"signal": 3.0}), (24, 40, 3, {}), (40, 10, 2, {"rank": 3}), (30, 1, 3, {})]
OF_FEATURES = [name for name in scores.names() if SCORES.get(name).needs == "features"]


def indicator(y):
    return [(np.asarray(y) == c) for c in np.unique(y)]


# What is computed from the source's answers.


def naive_leep(theta, y):
    """The published sums, one sample and one class at a time."""
    n, sources = theta.shape
    total = 0.0
    for i in range(n):
        likelihood = 0.0
        for z in range(sources):
            of_source = sum(theta[j, z] for j in range(n))
            if of_source:
                likelihood += sum(theta[j, z] for j in range(n) if y[j] == y[i]) / of_source * theta[i, z]
        total += math.log(likelihood)
    return total / n


@pytest.mark.parametrize("seed", range(3))
def test_leep_is_its_sums(seed):
    theta, y = chances(25, 6, 3, seed)
    assert scores.leep(theta, y) == pytest.approx(naive_leep(theta, y), rel=1e-12)


@pytest.mark.parametrize("classes", [2, 5])
def test_leep_of_a_perfect_and_of_a_silent_source(classes):
    y = np.arange(10 * classes) % classes
    assert scores.leep(np.eye(classes)[y], y) == 0
    assert scores.leep(np.full((len(y), 7), 1 / 7), y) == pytest.approx(math.log(1 / classes))


def test_a_class_of_the_source_that_never_occurs_adds_nothing_to_leep():
    theta, y = chances(20, 4, 3)
    assert scores.leep(np.c_[theta, np.zeros(20)], y) == scores.leep(theta, y)


def test_leep_stays_finite_where_likelihoods_vanish():
    """The one sample of class 1 has the smallest number that float64 knows as its share of a class of the source."""
    theta = np.array([[1.0, 0.0]] * 9 + [[1.0, 5e-324]])
    value = scores.leep(theta, [0] * 9 + [1])
    assert math.isfinite(value)


def test_nce_is_leep_of_certain_answers():
    theta, y = chances(60, 5, 3, sharp=0.5)
    source = theta.argmax(axis=1)
    assert scores.nce(source, y) == pytest.approx(scores.leep(np.eye(5)[source], y), rel=1e-12)
    assert scores.nce(7 * source - 3, y) == scores.nce(source, y)


def test_nce_is_a_negative_conditional_entropy():
    """H(Y | Z) = H(Y, Z) - H(Z), by the entropies of frequencies."""
    source, y = np.random.default_rng(0).integers(0, 4, (2, 50))

    def entropy(labels):
        shares = np.unique(labels, return_counts=True)[1] / len(labels)
        return -(shares * np.log(shares)).sum()

    assert scores.nce(source, y) == pytest.approx(entropy(source) - entropy(10 * y + source))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[0.5, 0.6]], "sum to 1 in every row, but row 0 holds 0.5 to 0.6 with the sum 1.1"),
        ([[-0.5, 1.5]], "at least 0"),
        ([[math.nan, 1.0]], "sum to 1"),
        ([0.5, 0.5], "must have the shape"),
        (np.zeros((1, 0)), "must have the shape"),
    ],
)
def test_only_probabilities_are_taken_for_probabilities(wrong, message):
    with pytest.raises(ValueError, match=message):
        scores.leep(wrong, [0])


@pytest.mark.parametrize(
    ("source", "y", "message"),
    [
        ([0.5, 1.0], [0, 1], "source_labels must be whole numbers"),
        ([], [], "source_labels must hold one label at least"),
        (3, [0], "source_labels must be whole numbers"),
        ([0, 1], [0], "source_labels has 2 samples, but y has 1 labels"),
    ],
)
def test_only_labels_are_taken_for_labels(source, y, message):
    with pytest.raises(ValueError, match=message):
        scores.nce(source, y)


# What is computed from features.


@pytest.mark.parametrize("seed", range(3))
def test_n_leep_is_leep_of_a_mixture(seed):
    """The mixture of scikit-learn on samples in the score's own order, their principal components by another route."""
    features, y = drawn(200, 12, 3, seed, signal=2.0)
    order = own_order(features)
    z = features[order] - features.mean(axis=0)
    u, s, _ = np.linalg.svd(z, full_matrices=False)
    kept = np.searchsorted(np.cumsum(s**2) / (s**2).sum(), 0.8) + 1
    reduced = principal(z, share=0.8)
    assert reduced.shape == (200, kept)
    np.testing.assert_allclose(np.abs(reduced * np.abs(z).max()), np.abs(u * s)[:, :kept], atol=1e-8)
    scaled = reduced / np.sqrt(reduced.var(axis=0).mean())
    mixture = GaussianMixture(15, covariance_type="diag", init_params="k-means++", max_iter=50, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        posterior = mixture.fit(scaled).predict_proba(scaled)
    assert scores.n_leep(features, y) == pytest.approx(scores.leep(posterior, y[order]), rel=1e-6)


def test_n_leep_of_classes_that_lie_apart_and_of_none():
    y = np.arange(80) % 4
    noise = np.random.default_rng(0).normal(size=(80, 4))
    assert scores.n_leep(50 * np.eye(4)[y] + noise, y) == pytest.approx(0, abs=1e-9)
    assert scores.n_leep(np.ones((80, 4)), y) == pytest.approx(math.log(1 / 4))


def naive_h_score(features, y):
    """tr(cov(F)^+ cov(class means, one per sample)), as in the published code."""
    means = np.empty_like(features)
    for of_class in indicator(y):
        means[of_class] = features[of_class].mean(axis=0)
    covariances = [np.atleast_2d(np.cov(z, rowvar=False)) for z in (features, means)]
    return np.trace(np.linalg.pinv(covariances[0], rcond=1e-12) @ covariances[1])


@pytest.mark.parametrize(("n", "d", "classes", "options"), SHAPES)
def test_h_score_is_its_trace(n, d, classes, options):
    features, y = drawn(n, d, classes, **options)
    assert scores.h_score(features, y) == pytest.approx(naive_h_score(features, y), rel=1e-6)
    assert 0 <= scores.h_score(features, y) <= min(d, classes - 1) + 1e-9


def test_h_score_does_not_feel_any_affine_map():
    features, y = drawn(60, 5, 3)
    turned = features @ np.random.default_rng(0).normal(size=(5, 5)) + 7
    assert scores.h_score(turned, y) == pytest.approx(scores.h_score(features, y), rel=1e-9)


def test_h_score_of_more_features_than_samples_tells_nothing():
    features, y = drawn(20, 50, 4, signal=0.0)
    assert scores.h_score(features, y) == pytest.approx(3)
    assert scores.regularized_h_score(features, y) < 2


@pytest.mark.parametrize(("n", "d", "classes", "options"), SHAPES)
def test_the_shrunk_h_score_is_its_trace(n, d, classes, options):
    features, y = drawn(n, d, classes, **options)
    covariance, a = ledoit_wolf(features)
    means = np.empty_like(features)
    for of_class in indicator(y):
        means[of_class] = features[of_class].mean(axis=0)
    between = np.atleast_2d(np.cov(means, rowvar=False))
    expected = np.trace(np.linalg.pinv(covariance, rcond=1e-12) @ ((1 - a) * between))
    assert scores.regularized_h_score(features, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(50, 5), (10, 30), (200, 3), (40, 1)])
def test_the_shrinkage_is_that_of_ledoit_and_wolf(n, d):
    features, y = drawn(n, d, 2)
    centred = features - features.mean(axis=0)
    centred /= np.abs(centred).max()  # the unit of the decomposition
    found, variance = shrinkage(decomposed(centred, np.eye(2)[y]).s, (centred**2).sum(axis=1), d)
    assert found == pytest.approx(ledoit_wolf_shrinkage(centred), rel=1e-9)
    assert variance == pytest.approx((centred**2).mean())


def naive_trans_rate(features, y):
    def rate(z):
        return np.linalg.slogdet(np.eye(z.shape[1]) + z.T @ z / (1e-4 * len(z)))[1] / 2

    centred = features - features.mean(axis=0)
    return rate(centred) - np.mean([rate(centred[of_class]) for of_class in indicator(y)])


@pytest.mark.parametrize(("n", "d", "classes", "options"), SHAPES)
def test_trans_rate_is_its_determinants(n, d, classes, options):
    features, y = drawn(n, d, classes, **options)
    assert scores.trans_rate(features, y) == pytest.approx(naive_trans_rate(features, y), rel=1e-9)


def test_trans_rate_counts_classes_not_samples():
    """In uneven classes the mean over classes and the one over samples differ."""
    rng = np.random.default_rng(0)
    features, y = np.r_[rng.normal(size=(30, 2)), 9 * rng.normal(size=(5, 2))], np.repeat([0, 1], [30, 5])
    assert scores.trans_rate(features, y) == pytest.approx(naive_trans_rate(features, y), rel=1e-9)
    value = SCORES.get("trans_rate").value(1e200 * features, y)
    assert value.note == "the features are so large that their squares overflow"


def naive_gbc(features, y, diagonal):
    """Between every two classes in turn, on all components."""
    centred = features - features.mean(axis=0)
    components = centred @ np.linalg.svd(centred, full_matrices=False)[2].T
    components = components[:, components.std(axis=0) > 1e-9]
    floor = 1e-4 * components.var(axis=0).mean()
    total = 0.0
    for one in indicator(y):
        for other in indicator(y):
            if (one == other).all():
                continue
            v = [components[of].var(axis=0) for of in (one, other)]
            v = [np.maximum(each if diagonal else np.full_like(each, each.mean()), floor) for each in v]
            gap = components[one].mean(axis=0) - components[other].mean(axis=0)
            mean = (v[0] + v[1]) / 2
            distance = (gap**2 / mean).sum() / 8 + np.log(mean / np.sqrt(v[0] * v[1])).sum() / 2
            total -= math.exp(-distance)
    return total


@pytest.mark.parametrize("covariance", ["spherical", "diagonal"])
@pytest.mark.parametrize(("n", "d", "classes", "options"), SHAPES)
def test_gbc_is_its_sum_over_pairs(n, d, classes, options, covariance):
    features, y = drawn(n, d, classes, **options)
    expected = naive_gbc(features, y, covariance == "diagonal")
    # On components all but without variance, a class's own is rounding.
    assert scores.gbc(features, y, covariance) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_gbc_of_classes_that_lie_apart_and_of_one_gaussian():
    y = np.arange(60) % 3
    noise = np.random.default_rng(0).normal(size=(60, 3))
    assert scores.gbc(300 * np.eye(3)[y] + noise, y) == 0
    assert scores.gbc(np.ones((60, 3)), y) == -6
    with pytest.raises(ValueError, match="covariance must be"):
        scores.gbc(noise, y, "full")


def naive_parc(features, y):
    from scipy.stats import spearmanr

    pairs = np.triu_indices(len(y), 1)
    with np.errstate(invalid="ignore"):
        distances = [
            1 - np.corrcoef(rows) for rows in (StandardScaler().fit_transform(features), np.eye(y.max() + 1)[y])
        ]
    # Rounding must not order pairs that are equal.
    return spearmanr(*(each[pairs].round(12) for each in distances)).statistic


@pytest.mark.parametrize(("n", "d", "classes", "options"), SHAPES[:4])
def test_parc_is_a_rank_correlation_over_pairs(n, d, classes, options):
    features, y = drawn(n, d, classes, **options)
    assert scores.parc(features, y) == pytest.approx(naive_parc(features, y), rel=1e-6)


def test_parc_of_classes_that_are_one_point_each():
    """Within classes the distance is 0, between them it is larger: the ranks agree but for the ties among the latter."""
    y = np.arange(12) % 3
    assert scores.parc(np.eye(3)[y], y) == pytest.approx(1)
    value = SCORES.get("parc").value([[1.0], [2.0]], [0, 1])
    assert (math.isnan(value.value), value.note) == (True, "no class has two samples")


def naive_neighbours(features, y, k):
    right = 0
    for i in range(len(y)):
        distances = ((features - features[i]) ** 2).sum(axis=1)
        distances[i] = math.inf
        near = y[np.argsort(distances)[:k]]
        counts = np.bincount(near, minlength=y.max() + 1)
        first = next(c for c in near if counts[c] == counts.max())
        right += first == y[i] if (counts == counts.max()).sum() == 1 else 0.5
    return right / len(y)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_neighbours_vote(k):
    """With two classes and an odd k there are no ties."""
    features, y = drawn(80, 4, 2, signal=1.0)
    assert scores.knn_accuracy(features, y, k) == pytest.approx(naive_neighbours(features, y, k))
    rows = range(len(y))
    told = [
        KNeighborsClassifier(k).fit(np.delete(features, i, 0), np.delete(y, i)).predict(features[[i]]) for i in rows
    ]
    assert scores.knn_accuracy(features, y, k) == pytest.approx(np.mean(np.concatenate(told) == y))


def test_a_tied_vote_goes_to_the_nearer_class_whatever_its_number():
    features, y = np.array([[0.0], [1.0], [1.9], [4.0]]), np.array([0, 0, 1, 1])
    # 0: of (1, class 0) and (1.9, class 1) the nearer; 1: (1.9, 1), wrong; 1.9: (1, 0), wrong; 4: (1.9, 1)
    assert scores.knn_accuracy(features, y, k=2) == scores.knn_accuracy(features, 1 - y, k=2) == 0.5


def test_copies_of_a_sample_are_its_neighbours_and_the_sample_itself_is_not():
    twenty_copies = np.repeat([[0.0], [1.0]], 20, axis=0)
    assert scores.knn_accuracy(twenty_copies, np.repeat([0, 1], 20)) == 1
    assert scores.knn_accuracy([[0.0], [0.0]], [0, 1], k=1) == 0  # each is told by the other


def test_of_many_samples_some_are_told(monkeypatch):
    """The samples that are told are chosen by their own values, and tell the same as all but for chance."""
    features, y = drawn(600, 5, 3, signal=1.0)
    order = np.random.default_rng(1).permutation(600)
    for module, function in ((nearest_neighbours, scores.knn_accuracy), (pairwise_distances, scores.parc)):
        whole = function(features, y)
        monkeypatch.setattr(module, "MOST", 200)
        some = function(features, y)
        assert some != whole
        assert some == pytest.approx(whole, abs=0.15)
        assert function(features[order], y[order]) == pytest.approx(some, rel=1e-9)


@pytest.mark.parametrize(("n", "d", "classes", "options"), SHAPES)
def test_the_linear_probe_leaves_one_out(n, d, classes, options):
    """Scikit-learn's ridge regression, fitted anew without each sample, for every penalty."""
    features, y = drawn(n, d, classes, **options)
    hot = np.eye(classes)[y]
    squares = np.linalg.svd(features - features.mean(axis=0), compute_uv=False) ** 2
    least = math.inf
    for penalty in np.logspace(-6, 3, 10) * squares[squares > 1e-9 * squares[0]].mean():
        told = np.array(
            [
                Ridge(penalty, solver="svd")
                .fit(np.delete(features, i, 0), np.delete(hot, i, 0))
                .predict(features[[i]])[0]
                for i in range(n)
            ]
        )
        if (error := ((told - hot) ** 2).sum()) < least:
            least, accuracy = error, np.mean(told.argmax(axis=1) == y)
    assert scores.linear_probe_accuracy(features, y) == pytest.approx(accuracy)


def test_the_linear_probe_of_constant_features_tells_the_most_frequent_class():
    constant = np.ones((10, 3))
    assert scores.linear_probe_accuracy(constant, np.repeat([0, 1], [7, 3])) == 0.7
    assert (
        scores.linear_probe_accuracy(constant, np.arange(10) % 2) == 0
    )  # without the sample, its class is the rarer one


def test_the_logistic_probe_is_fitted_to_four_fifths():
    features, y = drawn(100, 6, 3, signal=1.0)
    order = own_order(features)
    z, classes = StandardScaler().fit_transform(features)[order], y[order]
    held_out = np.zeros(100, bool)
    for of_class in indicator(classes):
        held_out[np.flatnonzero(of_class)[1::5]] = True
    assert held_out.sum() == 21  # of 34, 33 and 33
    fitted = LogisticRegression(max_iter=1000).fit(z[~held_out], classes[~held_out])
    assert scores.logistic_probe_accuracy(features, y) == fitted.score(z[held_out], classes[held_out])
    value = SCORES.get("logistic_probe_accuracy").value([[1.0], [2.0]], [0, 1])
    assert (math.isnan(value.value), value.note) == (True, "no class has two samples")


# What every score of features keeps.

SHIFTED = {"h_score", "regularized_h_score", "trans_rate", "gbc", "parc", "linear_probe_accuracy", "knn_accuracy"}
ROTATED = SHIFTED - {"parc"} | {"log_me"}
SCALED = SHIFTED - {"trans_rate"} | {"log_me"}


@pytest.mark.parametrize("name", OF_FEATURES)
@given(n=st.integers(8, 40), d=st.integers(2, 50), classes=st.integers(2, 4), seed=st.integers(0, 2**16))
def test_what_leaves_it_unchanged(name, n, d, classes, seed):
    features, y = drawn(n, d, classes, seed)
    function, rng = getattr(scores, name), np.random.default_rng(seed)
    same = pytest.approx(function(features, y), rel=1e-6, abs=1e-7)
    order, rotation = rng.permutation(n), np.linalg.qr(rng.normal(size=(d, d)))[0]
    assert function(features[order], y[order]) == same
    assert function(features, 7 - 2 * y.astype(np.int64)) == same
    if name in SHIFTED:
        assert function(features + 3, y) == same
    if name in ROTATED:
        assert function(features @ rotation, y) == same
    if name in SCALED:
        assert function(1000 * features, y) == same


@pytest.mark.parametrize("name", ["leep", "nce"])
@given(n=st.integers(2, 40), source=st.integers(1, 9), classes=st.integers(2, 4), seed=st.integers(0, 2**16))
def test_what_leaves_scores_of_the_sources_answers_unchanged(name, n, source, classes, seed):
    theta, y = chances(n, source, classes, seed)
    rng = np.random.default_rng(seed)
    inputs = theta if name == "leep" else theta.argmax(axis=1)
    function, order, renamed = getattr(scores, name), rng.permutation(n), rng.permutation(source)
    value = function(inputs, y)
    assert value <= 0
    same = pytest.approx(value, rel=1e-9, abs=1e-12)
    assert function(inputs[order], y[order]) == same
    assert function(inputs, 7 - 2 * y.astype(np.int64)) == same
    assert function(theta[:, renamed] if name == "leep" else renamed[inputs], y) == same
    twice = np.repeat(inputs, 2, axis=0), np.repeat(y, 2)
    assert function(*twice) == same


@pytest.mark.parametrize("name", ["h_score", "gbc", "trans_rate"])
def test_repeated_samples_change_nothing_where_only_moments_count(name):
    features, y = drawn(40, 6, 3)
    twice = np.repeat(features, 2, axis=0), np.repeat(y, 2)
    assert getattr(scores, name)(*twice) == pytest.approx(getattr(scores, name)(features, y), rel=1e-9)


EDGES = {
    "one sample": ([[1.0, 2.0]], [0]),
    "one class": ([[1.0, 2.0], [3.0, 4.0]], [1, 1]),
    "a class of one sample": ([[1.0, 2.0], [3.0, 4.0], [3.5, 4.5]], [0, 1, 1]),
    "two samples": ([[1.0, 2.0], [3.0, 4.0]], [0, 1]),
    "constant": (np.full((12, 3), 0.1), np.arange(12) % 3),
    "a constant column": (np.c_[np.full(12, 0.1), np.arange(12.0)], np.arange(12) % 3),
    "one column": (np.arange(12.0)[:, None], np.arange(12) % 3),
    "fewer samples than features": (np.random.default_rng(0).normal(size=(6, 30)), np.arange(6) % 3),
    "samples that are one": (np.repeat([[1.0, 2.0], [3.0, 5.0], [0.0, 1.0]], 4, axis=0), np.repeat([0, 1, 2], 4)),
    "one sample with every label": (np.repeat([[1.0, 2.0], [3.0, 5.0]], 6, axis=0), np.arange(12) % 3),
    "zeros": (np.zeros((12, 3)), np.arange(12) % 3),
    "tiny": (1e-200 * np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 3),
    "huge": (1e200 * np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 3),
    "far from 0": (1e9 + np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 3),
    "whole numbers": (np.arange(24, dtype=np.uint8).reshape(12, 2), np.arange(12, dtype=np.uint8) % 3),
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", OF_FEATURES)
def test_an_edge_gives_a_number_or_a_reason_and_never_a_warning(name, edge):
    """Warnings are errors here, as in all tests."""
    value, note = SCORES.get(name).value(*EDGES[edge])
    assert not math.isinf(value)
    assert math.isnan(value) == bool(note)
    assert "came out" not in note
    assert math.isnan(value) == math.isnan(getattr(scores, name)(*EDGES[edge]))


@pytest.mark.parametrize("name", OF_FEATURES)
def test_more_signal_scores_more(name):
    values = [getattr(scores, name)(*drawn(300, 10, 3, signal=signal)) for signal in (0.0, 1.0, 4.0)]
    assert values == sorted(values)
    assert values[0] < values[2]
