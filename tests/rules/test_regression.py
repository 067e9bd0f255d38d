"""The predictor against scripted sequences, an independent least squares, and scikit-learn's own checks."""

from math import ceil

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import BayesianRidge
from sklearn.utils.estimator_checks import parametrize_with_checks

from ncap.rules.regression import CONSTANT, CapacitancePredictor, bic, choose_t0

pytestmark = pytest.mark.filterwarnings("error")


@parametrize_with_checks([CapacitancePredictor(), CapacitancePredictor(t0=1)])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


# --- the prediction -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beta", "accuracy", "at_zero", "extrapolation"),
    [
        pytest.param([4, 3, 2, 1], [0.5, 0.6, 0.7, 0.8], 0.9, 1 / 3, id="falling towards 0"),
        pytest.param([-4, -3, -2, -1], [0.5, 0.6, 0.7, 0.8], 0.9, 1 / 3, id="rising towards 0"),
        pytest.param([-2, -1, 1, 3], [0.4, 0.5, 0.7, 0.9], 0.6, 0.0, id="0 inside"),
        pytest.param([3, 2, 1, 0], [0.3, 0.5, 0.7, 0.9], 0.9, 0.0, id="0 reached"),
        pytest.param([4, 3, 2, 1], [0.7, 0.7, 0.7, 0.7], 0.7, 1 / 3, id="flat accuracy"),
    ],
)
def test_a_straight_line_is_continued_to_zero(beta, accuracy, at_zero, extrapolation):
    model = CapacitancePredictor(t0=0).fit(np.array(beta)[:, None], accuracy)
    assert model.status_ == "ok"
    # The ridge's priors of 1e-6 shrink an exact line a little: 1.3e-5 of the slope in these cases.
    assert model.accuracy_ == pytest.approx(at_zero, abs=1e-4)
    assert model.extrapolation_ == pytest.approx(extrapolation, rel=1e-12)  # two subtractions and a division
    assert (model.clipped_, model.note_) == (False, "")


def test_two_features_add_up():
    u, v = np.array([5.0, 4, 3, 2, 1]), np.array([1.0, -1, 2, -2, 3])
    model = CapacitancePredictor(t0=0).fit(np.column_stack([u, 100 * v]), 0.9 - 0.05 * u + 0.02 * v)
    assert model.accuracy_ == pytest.approx(0.9, abs=1e-4)  # as above
    assert model.scale_.tolist() == [5, 300]
    assert model.extrapolation_ == pytest.approx(1 / 4)  # of u; 0 lies inside v


def test_the_ridge_sees_scaled_rows_from_t0_on():
    rng = np.random.default_rng(0)
    beta, accuracy = rng.uniform(10, 30, (8, 1)), rng.uniform(0.4, 0.6, 8)
    model = CapacitancePredictor(t0=3).fit(beta, accuracy)
    scale = beta[3:].max()
    expected = BayesianRidge().fit(beta[3:] / scale, accuracy[3:])
    mean, std = expected.predict([[0.0]], return_std=True)
    assert (model.t0_, model.scale_.item()) == (3, scale)
    assert (model.accuracy_, model.std_) == (mean[0], std[0])
    grid = np.linspace(0, 40, 5)[:, None]
    np.testing.assert_array_equal(model.predict(grid, return_std=True), expected.predict(grid / scale, return_std=True))


def test_only_accuracy_is_clipped():
    model = CapacitancePredictor().fit([[4.0], [3], [2], [1]], [0.4, 0.6, 0.8, 1.0])
    assert (model.accuracy_, model.clipped_) == (1.0, True)
    assert model.note_ == "h(0) = 1.2 clipped to 1"
    assert model.predict([[0.0]])[0] == pytest.approx(1.2, abs=1e-4)  # shrinkage, as above
    model.fit([[4.0], [3], [2], [1]], [0.7, 0.5, 0.3, 0.1])
    assert (model.accuracy_, model.clipped_) == (0.0, True)
    assert model.note_ == "accuracy rises with beta, so that h falls on the way to 0; h(0) = -0.1 clipped to 0"


@pytest.mark.parametrize(
    ("beta", "accuracy", "note"),
    [
        pytest.param([1.0, 0.99, 0.98, 0.97], [0.50, 0.51, 0.50, 0.51], "0 lies 32 beta ranges away", id="far"),
        pytest.param([4.0, 1, 1, 4], [0.5, 0.6, 0.5, 0.6], "h is flat, I* is about the mean accuracy", id="flat"),
        pytest.param([4, 3, 2, 1], [50, 60, 70, 80], "pass fractions, not percent", id="percent"),
        pytest.param([4, 3, 2, 1], [0.8, 0.9, 1.0, 1.1], "outside [0, 1]", id="above 1"),
        pytest.param([4, 3, 2, 1], [-0.1, 0.1, 0.2, 0.3], "outside [0, 1]", id="below 0"),
    ],
)
def test_the_note_names_what_makes_the_prediction_weak(beta, accuracy, note):
    model = CapacitancePredictor(t0=0).fit(np.array(beta)[:, None], accuracy)
    assert model.status_ == "ok"
    assert note in model.note_


def test_accuracies_of_0_and_1_are_fractions():
    assert "outside" not in CapacitancePredictor().fit([[4.0], [3], [2], [1]], [0.0, 0.4, 0.7, 1.0]).note_


@pytest.mark.parametrize(("beta", "far"), [([10, 9.7, 9.3, 9], True), ([9.5, 9.2, 8.8, 8.5], False)])
def test_far_begins_where_beta_varies_by_a_tenth_of_itself(beta, far):
    model = CapacitancePredictor(t0=0).fit(np.array(beta)[:, None], [0.50, 0.51, 0.52, 0.53])
    assert ("beta ranges away" in model.note_) == far


@pytest.mark.parametrize(("span", "accuracy"), [(1e-3, 1.0), (5e-5, 0.65)], ids=["a clipped bound", "the mean"])
def test_a_small_range_predicts_a_bound_or_the_mean(span, accuracy):
    """The class docstring's warning: one exact line of four rows, 0.5 to 0.8, over two ranges of beta."""
    model = CapacitancePredictor().fit(1 - span * np.linspace(0, 1, 4)[:, None], [0.5, 0.6, 0.7, 0.8])
    assert model.accuracy_ == pytest.approx(accuracy, abs=1e-3)  # what is left of the slope, times a distance of 2e4
    assert "beta ranges away" in model.note_


@pytest.mark.parametrize("rows", [4, 10, 100])
def test_no_range_called_constant_would_have_had_a_slope(rows):
    """Just above the threshold even an exact line is answered with the mean, so the fallback costs no prediction."""
    u = np.linspace(0, 1, rows)
    model = CapacitancePredictor(t0=0).fit(1 - 1.01 * CONSTANT * u[:, None], 0.4 + 0.3 * u)
    assert model.status_ == "ok"
    # h may still vary by a millionth of the accuracy's range over beta's; times a distance of 1e6 that is up to 0.3,
    # so it is the fit over the observed beta that is compared.
    assert np.ptp(model.predict(1 - 1.01 * CONSTANT * u[:, None])) < 1e-4
    assert "h is flat" in model.note_


# --- fallback -------------------------------------------------------------------------------------------------------

FALLBACKS = {
    "one row": ("bic", [[2.0]], [0.3], 0, "1 rows to fit, 4 needed"),
    "n = d + 2": ("bic", [[3.0], [2], [1]], [0.3, 0.4, 0.5], 0, "3 rows to fit, 4 needed"),
    "d = 2, n = d + 2": ("bic", [[3.0, 1], [2, 4], [1, 0], [0, 3]], [0.3, 0.4, 0.5, 0.6], 0, "4 rows to fit, 5 needed"),
    "t0 leaves too few": (2, [[5.0], [4], [3], [2], [1]], [0.1, 0.2, 0.3, 0.4, 0.5], 2, "3 rows to fit, 4 needed"),
    "t0 behind the end": (9, [[4.0], [3], [2], [1]], [0.1, 0.2, 0.3, 0.4], 9, "0 rows to fit, 4 needed"),
    "constant": ("bic", [[2.0]] * 4, [0.1, 0.2, 0.3, 0.4], 0, "beta is constant"),
    "zero": ("bic", [[0.0]] * 4, [0.1, 0.2, 0.3, 0.4], 0, "beta is constant"),
    "constant to float32": ("bic", [[2.0], [2.0000004], [2], [2]], [0.1, 0.2, 0.3, 0.4], 0, "beta is constant"),
    "one feature of two": ("bic", [[t, 7.0] for t in range(5)], [0.1, 0.2, 0.3, 0.4, 0.5], 0, "feature 1 is constant"),
    "8 float32 roundings": ("bic", [[1.0], [1], [1], [1 - 2.0**-20]], [0.1, 0.2, 0.3, 0.4], 0, "beta is constant"),
    "two features of three": ("bic", [[7.0, t, 7] for t in range(6)], [0.1] * 6, 0, "feature 0 is constant"),
    "constant where bic starts": (
        "bic",
        [[6.0], [5], [2], [2], [2], [2], [2]],
        [0.1, 0.4, 0.2, 0.5, 0.5, 0.5, 0.5],
        3,
        "beta is constant",
    ),
    "constant from t0 on": (1, [[9.0], [2], [2], [2], [2]], [0.1, 0.2, 0.3, 0.4, 0.5], 1, "beta is constant"),
}


@pytest.mark.parametrize(("t0", "beta", "accuracy", "first", "why"), FALLBACKS.values(), ids=FALLBACKS.keys())
def test_fallback_to_last_seen_names_its_reason(t0, beta, accuracy, first, why):
    model = CapacitancePredictor(t0=t0).fit(beta, accuracy)
    assert (model.status_, model.accuracy_, model.t0_) == ("fallback", accuracy[-1], first)
    assert model.note_ == f"last-seen accuracy: {why}"
    assert np.isnan([model.std_, model.extrapolation_]).all()
    assert (model.ridge_, model.scale_) == (None, None)
    mean, std = model.predict(beta, return_std=True)
    assert (mean == accuracy[-1]).all()
    assert np.isnan(std).all()


def test_nine_float32_roundings_are_no_constant():
    """The threshold is 8 of them, 2^-20 = 9.5e-7 of max |beta|, and part of the contract."""
    assert CapacitancePredictor().fit([[1.0], [1], [1], [1 - 9 / 8 * 2.0**-20]], [0.1, 0.2, 0.3, 0.4]).status_ == "ok"


def test_refitting_leaves_nothing_of_a_fallback():
    model = CapacitancePredictor().fit([[2.0]] * 4, [0.1, 0.2, 0.3, 0.4])
    model.fit([[4.0], [3], [2], [1]], [0.5, 0.6, 0.7, 0.8])
    assert (model.status_, model.note_) == ("ok", "")
    assert model.predict([[1.0]])[0] == pytest.approx(0.8, abs=1e-4)  # shrinkage, as above


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 8), st.integers(0, 10), st.integers(0, 2**32 - 1))
def test_fallback_exactly_below_d_plus_3_rows(d, n, t0, seed):
    rng = np.random.default_rng(seed)
    beta, accuracy = rng.uniform(1, 2, (n, d)), rng.uniform(0, 1, n)
    assert CapacitancePredictor(t0=t0).fit(beta, accuracy).status_ == ("ok" if n - t0 >= d + 3 else "fallback")
    assert CapacitancePredictor().fit(beta, accuracy).status_ == ("ok" if n >= d + 3 else "fallback")


# --- refused input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("t0", [-1, 1.0, True, None, "BIC", "aic", np.array([1, 2])], ids=repr)
def test_a_bad_t0_is_refused_with_the_rule(t0):
    with pytest.raises(ValueError, match=r't0 must be "bic" or an int >= 0.*got t0='):
        CapacitancePredictor(t0=t0).fit([[3.0], [2], [1], [0]], [0.1, 0.2, 0.3, 0.4])


def test_numpy_integers_are_ints():
    assert CapacitancePredictor(t0=np.int64(1)).fit([[4.0], [3], [2], [1], [0]], [0.1, 0.2, 0.3, 0.4, 0.5]).t0_ == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_even_where_it_would_not_be_used(bad):
    beta, accuracy = np.arange(6.0)[:, None], np.linspace(0.1, 0.6, 6)
    with pytest.raises(ValueError, match="Input X contains"):
        CapacitancePredictor(t0=2).fit(np.where(beta == 0, bad, beta), accuracy)
    with pytest.raises(ValueError, match="Input y contains"):
        CapacitancePredictor(t0=2).fit(beta, np.where(accuracy == 0.1, bad, accuracy))


def test_the_first_row_that_is_not_finite_is_named():
    with pytest.raises(ValueError, match=r"in row 1 \(2 in all\)"):
        CapacitancePredictor().fit([[4.0], [np.nan], [2.0], [np.inf], [1.0]], [0.1, 0.2, 0.3, 0.4, 0.5])


def test_one_dimensional_beta_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"(?s)Expected 2D array, got 1D array.*Reshape your data"):
        CapacitancePredictor().fit([3.0, 2, 1, 0], [0.1, 0.2, 0.3, 0.4])


# --- t0 -------------------------------------------------------------------------------------------------------------


def test_bic_by_hand():
    assert bic(4 * np.e, rows=4, features=2) == pytest.approx(1 + 4 * np.log(4) / 4)
    assert bic(0.0, rows=5, features=1) == bic(4e-12, rows=5, features=1)  # both under the floor of 5e-12


def _line(n, jumps=()):
    """0.9 - beta / 10 over beta = n..1, except at the first rows, where `jumps` stand."""
    beta = np.arange(float(n), 0, -1)
    accuracy = 0.9 - beta / 10
    accuracy[: len(jumps)] = jumps
    return beta, accuracy


# Scripted sequences and the row at which the fit must start.
SEQUENCES = {
    "one line: the longest": (*_line(8), 0),
    "constant accuracy: all fits are exact, the longest": (_line(8)[0], np.full(8, 0.7), 0),
    "one warm-up row": (*_line(8, [0.9]), 1),
    "three warm-up rows of nine": (*_line(9, [0.9, 0.1, 0.8]), 3),
    "four of eight: half of the rows may go": (*_line(8, [0.9, 0.1, 0.8, 0.2]), 4),
    "five of eight: the shortest suffix still has four rows": (*_line(8, [0.9, 0.1, 0.8, 0.2, 0.9]), 4),
    "four of nine: the shortest has ceil(9 / 2) = 5": (*_line(9, [0.9, 0.1, 0.8, 0.2]), 4),
    "five of nine: one stays": (*_line(9, [0.9, 0.1, 0.9, 0.1, 0.9]), 4),
    "n = 5: d + 3 rows leave two choices": (*_line(5, [0.1]), 1),
    "two of five: one stays": (*_line(5, [0.9, 0.2]), 1),
    "a first beta of another magnitude": (np.array([1e6, 7, 6, 5, 4, 3, 2, 1]), _line(8)[1], 1),
    "n = 4: no choice": (*_line(4, [0.1]), 0),
}


@pytest.mark.parametrize(("beta", "accuracy", "t0"), SEQUENCES.values(), ids=SEQUENCES.keys())
def test_t0_on_scripted_sequences(beta, accuracy, t0):
    model = CapacitancePredictor().fit(beta[:, None], accuracy)
    assert model.t0_ == t0
    assert model.scale_.item() == beta[t0]  # scaled by the rows used, not by all


def test_suffixes_of_one_score_tie_to_the_longest(monkeypatch):
    monkeypatch.setattr("ncap.rules.regression.bic", lambda rss, rows, features: 0.0)
    beta, accuracy = _line(9, [0.9, 0.1, 0.8])
    assert choose_t0(beta[:, None], accuracy) == 0


@st.composite
def observations(draw, min_rows=4, max_rows=14, max_features=2):
    """beta (n, d) and accuracies (n,): a noisy trend, each feature with a range of at least 5 % of its max |beta|."""
    d = draw(st.integers(1, max_features))
    n = draw(st.integers(max(min_rows, d + 3), max_rows))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    beta = np.sort(rng.uniform(draw(st.sampled_from([-1.0, 0.0, 0.5])), 1, (n, d)), axis=0)[::-1]
    noise = draw(st.sampled_from([0.001, 0.02, 0.2]))
    accuracy = np.clip(0.8 - 0.3 * beta.sum(axis=1) / d + noise * rng.standard_normal(n), 0, 1)
    for feature in beta.T:
        assume(
            min(np.ptp(feature[t:]) / np.abs(feature[t:]).max() for t in range(n - max(d + 3, ceil(n / 2)) + 1)) > 0.05
        )
    return beta, accuracy


def _ridge_by_hand(X, y):
    """Intercept and slopes of the evidence approximation by MacKay's updates (Bishop 2006, 3.91 to 3.95), written anew.

    Start, stop and priors are scikit-learn's defaults; the algebra is normal equations where scikit-learn has an SVD.
    """
    Xc, yc = X - X.mean(axis=0), y - y.mean()
    gram, (m, d) = Xc.T @ Xc, X.shape
    alpha, lam, before = 1 / (yc @ yc / m + np.finfo(float).eps), 1.0, np.full(d, np.inf)
    for _ in range(300):
        w = np.linalg.solve(gram + lam / alpha * np.eye(d), Xc.T @ yc)
        gamma = d - lam * np.trace(np.linalg.inv(alpha * gram + lam * np.eye(d)))
        lam = (gamma + 2e-6) / (w @ w + 2e-6)
        alpha = (m - gamma + 2e-6) / (np.sum((yc - Xc @ w) ** 2) + 2e-6)
        if np.abs(w - before).sum() < 1e-3:
            break
        before = w
    w = np.linalg.solve(gram + lam / alpha * np.eye(d), Xc.T @ yc)
    return y.mean() - X.mean(axis=0) @ w, w


def _scores_by_hand(beta, accuracy):
    """Section 6's score of every allowed suffix, longest first, and the intercept of its fit."""
    n, d = beta.shape
    scores, intercepts = [], []
    for m in range(n, max(d + 3, ceil(n / 2)) - 1, -1):
        X, y = beta[-m:] / np.abs(beta[-m:]).max(axis=0), accuracy[-m:]
        at_zero, w = _ridge_by_hand(X, y)
        rss = max(np.sum((y - at_zero - X @ w) ** 2), 1e-12 * m)
        scores.append(np.log(rss / m) + (d + 2) * np.log(m) / m)
        intercepts.append(at_zero)
    return np.array(scores), intercepts


def _close_call(scores):
    """Whether rounding may decide between the two best suffixes."""
    return len(scores) > 1 and np.diff(np.sort(scores)[:2])[0] < 1e-6


@settings(deadline=None)
@given(observations())
def test_t0_and_prediction_by_brute_force(data):
    beta, accuracy = data
    scores, intercepts = _scores_by_hand(beta, accuracy)
    assume(not _close_call(scores))
    model = CapacitancePredictor().fit(beta, accuracy)
    assert model.t0_ == choose_t0(beta, accuracy) == np.argmin(scores)
    # Normal equations square the condition, at most (1 / 0.05)^2 per centred feature and as much again between two of
    # them, and every one of up to 300 updates rounds once more.
    assert model.predict(np.zeros((1, beta.shape[1])))[0] == pytest.approx(intercepts[model.t0_], abs=1e-7)


@settings(deadline=None)
@given(
    observations(),
    st.lists(
        st.one_of(st.sampled_from([-1.0, 1e-8, -1e-8, 1e12]), st.floats(0.1, 10), st.floats(-10, -0.1)),
        min_size=2,
        max_size=2,
    ),
)
def test_nothing_depends_on_the_unit_or_sign_of_beta(data, factors):
    beta, accuracy = data
    c = np.array(factors[: beta.shape[1]])
    assume(not _close_call(_scores_by_hand(beta, accuracy)[0]))
    model, rescaled = CapacitancePredictor().fit(beta, accuracy), CapacitancePredictor().fit(beta * c, accuracy)
    assert (rescaled.status_, rescaled.t0_, rescaled.clipped_) == (model.status_, model.t0_, model.clipped_)
    np.testing.assert_allclose(rescaled.scale_, model.scale_ * np.abs(c), rtol=1e-15)
    # Two roundings per scaled beta, over a range of 5 % or more of it, carried through up to 300 updates.
    for name in ("accuracy_", "std_", "extrapolation_"):
        assert getattr(rescaled, name) == pytest.approx(getattr(model, name), abs=1e-9, rel=1e-9), name
    np.testing.assert_allclose(rescaled.predict(beta * c), model.predict(beta), atol=1e-9)


def test_beta_behind_a_scaler_is_noted():
    """In a pipeline 0 is the mean of the training rows: 0.65 was predicted for 0.9, and nothing was said."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    beta, accuracy = np.array([[4.0], [3], [2], [1]]), [0.5, 0.6, 0.7, 0.8]
    for dtype in (np.float32, np.float64):
        behind = make_pipeline(StandardScaler(), CapacitancePredictor()).fit((beta / 3).astype(dtype), accuracy)
        assert behind[-1].accuracy_ == pytest.approx(0.65, abs=1e-3)
        assert "beta has the mean 0, as a scaler leaves it" in behind[-1].note_
    assert (
        "mean 0" not in CapacitancePredictor().fit([[-0.04], [6.8], [0.08], [-7.0]], accuracy).note_
    )  # a signed reading
    assert "mean 0" not in CapacitancePredictor().fit(beta, accuracy).note_


@pytest.mark.parametrize(
    ("scaler", "mark"), [("MinMaxScaler", "the range 0 to 1"), ("RobustScaler", "the median 0"), ("MaxAbsScaler", None)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_other_scalers_are_noted_where_they_move_0(scaler, mark, dtype):
    from sklearn import preprocessing

    beta, accuracy = np.array([[4.1], [3.2], [2.3], [1.7], [1.3]], dtype), [0.5, 0.6, 0.7, 0.8, 0.82]
    note = CapacitancePredictor().fit(getattr(preprocessing, scaler)().fit_transform(beta), accuracy).note_
    assert (f"beta has {mark}, as a scaler leaves it" in note) if mark else "scaler" not in note


def test_masked_arrays_are_refused_and_not_read_unmasked():
    beta, accuracy = np.array([[4.0], [3], [2], [1]]), np.array([0.5, 0.6, 0.7, 0.8])
    for name, X, y in (("X", np.ma.masked_equal(beta, 1), accuracy), ("y", beta, np.ma.masked_equal(accuracy, 0.8))):
        with pytest.raises(ValueError, match=rf"{name} is a masked array.*pass {name}\.filled\(number\)"):
            CapacitancePredictor().fit(X, y)
    with pytest.raises(ValueError, match="X is a masked array"):
        CapacitancePredictor().fit(beta, accuracy).predict(np.ma.masked_equal(beta, 1))
    CapacitancePredictor().fit(np.ma.masked_equal(beta, 99), accuracy)  # nothing is hidden
