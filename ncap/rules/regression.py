"""From a few epochs to a prediction: I = h(beta), the first row t0, and I* = h(0) (MATHEMATICS.md, section 6).

The paper's argument is that beta_eff falls towards 0 while training converges, so the accuracy at convergence is
h(0). h is a Bayesian ridge regression from scikit-learn; here are its scaling, the choice of the rows it sees, and
what is reported when it cannot be trusted.
"""

from math import ceil, log
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import BayesianRidge
from sklearn.utils.validation import check_is_fitted, validate_data

from ncap.arguments import as_array, check_same_index, numbers

FloatArray = NDArray[np.float64]

# A feature is constant when its range is at most this part of max |beta|: a device measures beta in float32, and
# change at its rounding is no observation. Nothing is lost: the ridge rejects a slope over so small a range anyway.
CONSTANT = 8 * float(np.finfo(np.float32).eps)
# Mean squared residual below which all fits count as equally exact (section 6).
RSS_FLOOR = 1e-12
# Distance of 0, in observed ranges, from which the result is noted: there beta varies by a tenth of itself.
FAR = 9.0
# h is noted as flat when it varies over the rows by less than this part of the accuracies' own range.
FLAT = 0.01
# A mean below this part of max |beta| is 0 but for the rounding of float32.
CENTRED = 1e-6


def bic(rss: float, rows: int, features: int) -> float:
    """Bayesian information criterion per row: ln(RSS / m) + (d + 2) ln(m) / m, lower is better.

    d slopes, the intercept and the noise make d + 2 parameters. RSS is floored at 1e-12 m, so that exact fits tie on
    their residuals (section 6).

    >>> bic(0.04, rows=4, features=1) == log(0.01) + 3 * log(4) / 4
    True
    """
    return log(max(rss / rows, RSS_FLOOR)) + (features + 2) * log(rows) / rows


def choose_t0(X: FloatArray, y: FloatArray) -> int:
    """First row of the suffix with the lowest `bic` of the fitted ridge; ties go to the longer suffix.

    Suffixes have m >= max(d + 3, ceil(n / 2)) rows. Each is scaled by its own max |beta|, so the choice, like the
    prediction, sees only ratios of beta.

    Args:
        X: Finite beta, shape (n, d) with n >= d + 3, in epoch order.
        y: Accuracies, shape (n,).

    A learner that jumps once and then follows 0.9 - beta / 10 (nine rows; the fit starts after the jump):

    >>> beta = np.arange(9.0, 0.0, -1.0)[:, None]
    >>> accuracy = 0.9 - beta[:, 0] / 10
    >>> accuracy[:2] = 0.5
    >>> choose_t0(beta, accuracy)
    2
    """
    n, d = X.shape
    shortest = max(d + 3, ceil(n / 2))
    scores = []
    for t0 in range(n - shortest + 1):
        rows, seen = X[t0:] / max_abs(X[t0:]), y[t0:]
        residual = seen - BayesianRidge().fit(rows, seen).predict(rows)
        scores.append(bic(float(residual @ residual), len(seen), d))
    return int(np.argmin(scores))  # argmin takes the first of equals, which is the longest suffix


def max_abs(X: FloatArray) -> FloatArray:
    """Largest |beta| per feature, shape (d,); 1 for a feature that is 0 throughout, which then stays 0.

    >>> max_abs(np.array([[1.0, 0.0], [-4.0, 0.0]]))
    array([4., 1.])
    """
    largest = np.max(np.abs(X), axis=0)
    return np.where(largest == 0, 1.0, largest)


def distance_of_zero(X: FloatArray) -> float:
    """How far 0 lies outside the observed beta, in units of the observed range; 0 when it lies inside.

    max over features of max(min beta, -max beta, 0) / (max beta - min beta); no feature may be constant.

    >>> distance_of_zero(np.array([[3.0], [2.0], [1.0]])), distance_of_zero(np.array([[1.0], [-1.0]]))
    (0.5, 0.0)
    """
    low, high = X.min(axis=0), X.max(axis=0)
    return float(np.max(np.maximum(np.maximum(low, -high), 0.0) / (high - low)))


def distance_from_line(beta: FloatArray, slope: float, penalty: float, eta: float) -> float:
    """How far the ridge's h(0) can lie from alpha, the value at 0 of a line I = alpha - kappa beta + e with |e| <= eta (T8).

        |h(0) - alpha| <= eta (1 + |m| S / (V + lam)) + |kappa m| lam / (V + lam),   |kappa| <= (|slope| (V + lam) + eta S) / V

    with m = mean(beta), S = sum |beta - m| and V = sum (beta - m)^2. alpha is not the accuracy at the end, unless the accuracies keep to
    the line.

    Args:
        beta: shape (m,), not constant. slope, penalty: of the ridge. eta: bound of the errors.

    >>> beta = np.array([4.0, 3.0, 2.0, 1.0])
    >>> distance_from_line(beta, slope=-0.1, penalty=0.0, eta=0.0), distance_from_line(beta, slope=-0.1, penalty=0.0, eta=0.01)
    (0.0, 0.03)
    """
    m = float(beta.mean())
    S, V = float(np.abs(beta - m).sum()), float(((beta - m) ** 2).sum())
    kappa = (abs(slope) * (V + penalty) + eta * S) / V
    return eta * (1 + abs(m) * S / (V + penalty)) + abs(kappa * m) * penalty / (V + penalty)


def is_flat(fitted: FloatArray, accuracy: FloatArray) -> bool:
    """Whether h, given at the rows that it was fitted to, varies by less than a hundredth of what the accuracies do.

    >>> is_flat(np.array([0.5, 0.5001]), np.array([0.4, 0.6]))
    True
    """
    return bool(np.ptp(fitted) < FLAT * np.ptp(accuracy))


def scaled_by(X: FloatArray) -> str:
    """The mark that a scaler leaves on every feature, in words; "" for beta as measured, and for fewer than 3 rows.

    A capacitance read in magnitude is never negative, and one read with its sign may lie on both sides of 0. But over a few epochs neither
    its mean is 0 to six digits of its max |beta| (StandardScaler), nor its median while its quartiles are 1 apart (RobustScaler), nor are
    its least and greatest values 0 and 1 (MinMaxScaler), unless they were made so.

    >>> [scaled_by(np.array([[-1.0], [middle], [1.0]])) for middle in (0.0, 0.001)]
    ['the mean 0', '']
    >>> scaled_by(np.array([[-0.5], [0.0], [1.5]])), scaled_by(np.array([[1.0], [0.0], [0.3]]))
    ('the median 0', 'the range 0 to 1')
    """
    if len(X) < 3 or not (np.ptp(X, axis=0) > 0).all():
        return ""
    lower, middle, upper = np.quantile(X, [0.25, 0.5, 0.75], axis=0)
    least, most, near = X.min(axis=0), X.max(axis=0), CENTRED * max_abs(X)
    marks = {
        "the mean 0": np.abs(X.mean(axis=0)) <= near,
        "the median 0": (np.abs(middle) <= near) & (np.abs(upper - lower - 1) <= CENTRED),
        "the range 0 to 1": (np.abs(least) <= near) & (np.abs(most - 1) <= CENTRED),
    }
    return next((words for words, found in marks.items() if found.all()), "")


class CapacitancePredictor(RegressorMixin, BaseEstimator):
    """Predict final accuracy as I* = h(0), h the Bayesian ridge of accuracy on beta_eff (MATHEMATICS.md, section 6).

    h(beta) = theta_0 + <theta, beta / scale_>, fitted on the rows t0_, t0_ + 1, ... Every feature is divided by its
    max |beta| over exactly those rows: after the suffix is cut, and for each suffix that the criterion compares. So
    t0_ and I* do not change under beta -> c beta for any c != 0, one c per feature, up to rounding.

    Parameters:
        t0: First row of the fit: "bic" lets `choose_t0` pick it, an int >= 0 sets it.

    Attributes:
        accuracy_: I* = h(0), clipped to [0, 1]; in a fallback the last accuracy seen, clipped too.
        unclipped_: The same before clipping, by which candidates are ordered.
        std_: Predictive standard deviation at 0, before clipping; NaN in a fallback. As scikit-learn computes it: noise
            and slope, not the intercept.
        t0_: 0-based index of the first row used (in a fallback: considered; it may lie behind the last row).
        status_: "ok", or "fallback" when h cannot be fitted: fewer than d + 3 rows from t0_ on, or a feature that is
            constant on them (range <= 8 float32 roundings, 9.5e-7, of its max |beta|): along it nothing was observed.
            Then I* is y[-1], and so is every `predict`.
        extrapolation_: Distance of 0 from the beta used, in units of their range; the largest over the features, 0
            inside, NaN in a fallback.
        clipped_: Whether accuracy_ was clipped. `predict` never clips.
        note_: What a reader of accuracy_ must know, in a short sentence; "" when there is nothing to say.
        ridge_: The fitted `sklearn.linear_model.BayesianRidge` on beta / scale_; None in a fallback.
        scale_: max |beta| per feature over the rows used, shape (d,); None in a fallback.
        n_features_in_: d.

    Raises:
        ValueError: t0 is neither "bic" nor an int >= 0, or X or y has the wrong shape or holds NaN or infinity.

    Beta must come as it was measured: behind a StandardScaler, in a pipeline, 0 is the mean of the training rows, and h(0) their mean
    accuracy; behind a MinMaxScaler it is the least beta seen. A beta that bears such a scaler's mark is noted (`scaled_by`).

    What is not guaranteed: that beta has anything to do with I*. Where it does not, ridge on noise returns the mean of
    the accuracies, which often ranks models well; compare with shuffled beta before crediting beta_eff. Where beta
    varies by less than a tenth of itself (extrapolation_ >= 9), a change seen over one range is carried over many: I* is
    then easily a clipped bound of [0, 1], or, where the ridge rejects the slope (every slope, once the range is
    small enough: below about 1e-4 for four rows), the mean again. std_ trusts the straight line. note_ names these
    cases.

    Accuracy 0.9 - beta / 10, read at beta = 4, 3, 2, 1, is 0.9 at 0, which lies a third of the range below 1:

    >>> beta = [[4.0], [3.0], [2.0], [1.0]]
    >>> model = CapacitancePredictor().fit(beta, [0.5, 0.6, 0.7, 0.8])
    >>> round(model.accuracy_, 3), model.status_, model.t0_, round(model.extrapolation_, 3)
    (0.9, 'ok', 0, 0.333)
    >>> model.predict([[1.0], [0.0]]).round(3)
    array([0.8, 0.9])

    The same accuracies over a beta range of 3e-5 have their mean as prediction, and say so:

    >>> model = CapacitancePredictor().fit([[1.00003], [1.00002], [1.00001], [1.0]], [0.5, 0.6, 0.7, 0.8])
    >>> round(model.accuracy_, 3)
    0.65
    >>> model.note_
    '0 lies 3.3e+04 beta ranges away; h is flat, I* is about the mean accuracy'
    """

    ridge_: BayesianRidge | None
    scale_: FloatArray | None

    def __init__(self, t0: str | int = "bic") -> None:
        """Keep the parameters unchecked, as scikit-learn asks; `fit` checks them."""
        self.t0 = t0

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit h and predict I*.

        Args:
            X: beta_eff, shape (n, 1), or (n, d) with further features that vanish at convergence; rows are epochs in
                order.
            y: Accuracies as fractions, shape (n,).
        """
        t0 = _checked_t0(self.t0)
        for name, given in (("X", X), ("y", y)):
            if np.ma.is_masked(given):  # which scikit-learn reads as if nothing were hidden
                as_array(name, given)
        check_same_index(("X", X), ("y", y))
        beta, accuracy = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_all_finite=False)
        _check_finite(beta)
        accuracy = numbers("y", accuracy).astype(np.float64)
        if t0 is None:
            enough = len(beta) >= beta.shape[1] + 3
            t0 = choose_t0(beta, accuracy) if enough else 0
        self.t0_ = t0
        if obstacle := _obstacle(beta[t0:]):
            self._fall_back(float(accuracy[-1]), obstacle)
        else:
            self._extrapolate(beta[t0:], accuracy[t0:])
        if mark := scaled_by(beta):
            self._note(
                f"beta has {mark}, as a scaler leaves it, so that h(0) is no accuracy at convergence: pass beta as measured"
            )
        if np.any((accuracy < 0) | (accuracy > 1)):
            self._note("observed accuracies lie outside [0, 1]: pass fractions, not percent")
        return self

    def _extrapolate(self, X: FloatArray, y: FloatArray) -> None:
        self.status_, self.note_ = "ok", ""
        self.scale_ = max_abs(X)
        scaled = X / self.scale_
        self.ridge_, self._rows = BayesianRidge().fit(scaled, y), (scaled, y)
        mean, std = self.ridge_.predict(np.zeros((1, X.shape[1])), return_std=True)
        self.std_ = float(std[0])
        self.extrapolation_ = distance_of_zero(scaled)
        if self.extrapolation_ >= FAR:
            self._note(f"0 lies {self.extrapolation_:.2g} beta ranges away")
        if is_flat(self.ridge_.predict(scaled), y):
            self._note("h is flat, I* is about the mean accuracy")
        elif self.extrapolation_ > 0 and mean[0] < y.mean():
            self._note("accuracy rises with beta, so that h falls on the way to 0")
        self._set_accuracy(float(mean[0]), "h(0)")

    def _fall_back(self, last_seen: float, obstacle: str) -> None:
        self.status_, self.note_ = "fallback", f"last-seen accuracy: {obstacle}"
        self.ridge_ = self.scale_ = None
        self.std_ = self.extrapolation_ = float("nan")
        self._last_seen = last_seen
        self._set_accuracy(last_seen, "last-seen accuracy")

    def _set_accuracy(self, value: float, name: str) -> None:
        self.unclipped_ = value
        self.accuracy_ = min(max(value, 0.0), 1.0)
        self.clipped_ = self.accuracy_ != value
        if self.clipped_:
            self._note(f"{name} = {value:.3g} clipped to {self.accuracy_:g}")

    def _note(self, words: str) -> None:
        self.note_ = f"{self.note_}; {words}" if self.note_ else words

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """h(beta), not clipped, shape (n,); with `return_std` a pair with its predictive standard deviation.

        X holds beta as measured, shape (n, d): scaling is done here. After a fallback h is the constant y[-1], with
        standard deviation NaN.
        """
        check_is_fitted(self)
        if np.ma.is_masked(X):
            as_array("X", X)
        beta = validate_data(self, X, dtype=np.float64, reset=False, ensure_all_finite=False)
        _check_finite(beta)
        if self.ridge_ is not None:
            return self.ridge_.predict(beta / self.scale_, return_std=return_std)
        mean = np.full(len(beta), self._last_seen)
        return (mean, np.full(len(beta), np.nan)) if return_std else mean

    def reach(self, eta: float = 0.0) -> float:
        """How far h(0) can lie from the value at 0 of a line that the accuracies keep to within eta, or within the largest residual (T8).

        NaN in a fallback, and for several features, of which T8 does not speak.

        >>> model = CapacitancePredictor().fit([[4.0], [3.0], [2.0], [1.0]], [0.5, 0.62, 0.69, 0.8])
        >>> round(model.reach(), 3), round(model.reach(eta=0.05), 3)
        (0.048, 0.151)
        """
        check_is_fitted(self)
        if self.ridge_ is None or self.n_features_in_ != 1:
            return float("nan")
        beta, accuracy = self._rows
        residual = float(np.abs(accuracy - self.ridge_.predict(beta)).max())
        penalty = float(self.ridge_.lambda_ / self.ridge_.alpha_)
        return distance_from_line(beta[:, 0], float(self.ridge_.coef_[0]), penalty, max(eta, residual))

    def line(self, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """h and its standard deviation along one feature: beta of shape (k,) -> two arrays of shape (k,)."""
        mean, std = self.predict(beta[:, None], return_std=True)
        return mean, std


def _check_finite(X: FloatArray) -> None:
    # scikit-learn's own words recommend other estimators and imputers, neither of which is the remedy here.
    rows = np.flatnonzero(~np.isfinite(X).all(axis=1)).tolist()
    if rows:
        raise ValueError(
            f"Input X contains NaN or infinity, in row {rows[0]} ({len(rows)} in all): leave out epochs without a readable beta_eff"
        )


def _checked_t0(t0: Any) -> int | None:
    """t0 as an int, None for "bic"."""
    if isinstance(t0, str) and t0 == "bic":
        return None
    if isinstance(t0, (int, np.integer)) and not isinstance(t0, bool) and t0 >= 0:
        return int(t0)
    raise ValueError(f't0 must be "bic" or an int >= 0, the index of the first row to fit; got t0={t0!r}')


def _obstacle(X: FloatArray) -> str:
    """Why h cannot be fitted to these rows; "" when it can."""
    m, d = X.shape
    if m < d + 3:
        return f"{m} rows to fit, {d + 3} needed"
    scaled = X / max_abs(X)
    constant = np.flatnonzero(np.ptp(scaled, axis=0) <= CONSTANT)
    if constant.size == 0:
        return ""
    return "beta is constant" if d == 1 else f"feature {constant[0]} is constant"
