"""Gaussian-process extrapolation with the freeze-thaw kernel, after Swersky, Snoek and Adams 2014."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import ClassVar, NamedTuple

import numpy as np

from ncap.rules.contract import Curve, FloatArray, Prediction, Rule


class Setting(NamedTuple):
    """Hyperparameters of the process; standard deviations in units of accuracy."""

    alpha: float
    beta: float
    amplitude: float
    asymptote: float
    noise: float


# Over which predictions are averaged, each by the probability of what was seen.
SETTINGS = tuple(
    Setting(*values)
    for values in product((0.5, 1.0, 2.0), (0.3, 1.0, 3.0, 10.0), (0.1, 0.3, 1.0), (0.05, 0.2), (0.003, 0.01, 0.03))
)


class GaussianProcess(Rule):
    """I(t) = I_k + m + f(t) + noise, m ~ N(0, s^2), f ~ GP(0, a^2 k), k(t, t') = beta^alpha / (t + t' + beta)^alpha, read at the horizon.

    k is the freeze-thaw kernel: a mixture of exponential decays with rates from a Gamma(alpha, beta), so that curves level off at the
    asymptote I_k + m, which lies about the last-seen accuracy I_k. t is the epoch; a tick at a negative epoch is left out. Alpha, beta, a,
    s and the noise take the 216 values of `SETTINGS`, and mean and variance are averaged over them by the marginal likelihood; the source
    draws them by slice sampling, and joins the asymptotes of all candidates by a second process over hyperparameters, which networks from
    anywhere do not have.

    The kernel matrices belong to the epochs and not to the candidate, so that they are factored once for all candidates;
    `sklearn.gaussian_process` factors them for each, which takes minutes for a thousand. A test holds mean, variance and likelihood
    against it.

    A flat curve stays where it is:

    >>> round(GaussianProcess().predict(Curve.of(val_accuracy=[0.5, 0.5, 0.5, 0.5]), {}).value, 2)
    0.5
    """

    name: ClassVar[str] = "gaussian_process"
    summary: ClassVar[str] = "A Gaussian process with the freeze-thaw kernel, at the horizon."
    needs: ClassVar[tuple[str, ...]] = ("epoch", "val_accuracy", "horizon")
    source: ClassVar[str] = "Swersky, Snoek and Adams 2014, arXiv 1406.3896"

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate; the scores are not read."""
        return self.predict_many([curve], [scores])[0]

    def predict_many(self, curves: Sequence[Curve], scores: Sequence[Mapping[str, float]]) -> list[Prediction]:
        """The predictions for several candidates: those seen at the same epochs share their kernel matrices."""
        seen = [_from_zero(curve.having("epoch", "val_accuracy")) for curve in curves]
        groups: dict[tuple[float, ...], list[int]] = {}
        for i, curve in enumerate(seen):
            if len(curve) > 1:
                groups.setdefault((*curve.epoch.tolist(), float(curve.horizon)), []).append(i)
        made: dict[int, tuple[float, float]] = {}
        for (*epochs, horizon), members in groups.items():
            y = np.array([seen[i].val_accuracy for i in members])
            mean, std = posterior(np.array(epochs), y, horizon)
            made |= zip(members, zip(mean.tolist(), std.tolist(), strict=True), strict=True)
        return [
            Prediction.of_accuracy(made[i][0], curve, made[i][1])
            if i in made
            else Prediction.fallback(curves[i], f"last-seen accuracy: {len(curve)} ticks, 2 needed")
            for i, curve in enumerate(seen)
        ]


def freeze_thaw(s: FloatArray, t: FloatArray, alpha: float, beta: float) -> FloatArray:
    """k(s, t) = (beta / (s + t + beta))^alpha; both sides broadcast.

    >>> float(freeze_thaw(np.array(1.0), np.array(2.0), alpha=2.0, beta=3.0))
    0.25
    """
    return np.asarray((beta / (s + t + beta)) ** alpha)


def posterior(t: FloatArray, y: FloatArray, horizon: float) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation at the horizon, shape (n,), averaged over `SETTINGS`; t has shape (k,), y shape (n, k).

    The standard deviation is of the curve, without the noise of one epoch.
    """
    each = [conditioned(setting, t, y, horizon) for setting in SETTINGS]
    means, variances, likelihoods = (np.stack(parts) for parts in zip(*each, strict=True))
    weights = np.exp(likelihoods - likelihoods.max(0))
    weights /= weights.sum(0)
    mean = (weights * means).sum(0)
    variance = (weights * (variances + (means - mean) ** 2)).sum(0)
    return mean, np.sqrt(variance)


def conditioned(
    setting: Setting, t: FloatArray, y: FloatArray, horizon: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, variance and log marginal likelihood of every row under one setting, each of shape (n,)."""
    alpha, beta, amplitude, asymptote, noise = setting
    kernel = asymptote**2 + amplitude**2 * freeze_thaw(t[:, None], t[None], alpha, beta)
    to_end = asymptote**2 + amplitude**2 * freeze_thaw(t, np.array(horizon), alpha, beta)
    at_end = asymptote**2 + amplitude**2 * freeze_thaw(np.array(horizon), np.array(horizon), alpha, beta)
    factor = np.linalg.cholesky(kernel + noise**2 * np.eye(len(t)))
    last = y[:, -1]
    white = np.linalg.solve(factor, (y - last[:, None]).T)
    white_end = np.linalg.solve(factor, to_end)
    mean = last + white_end @ white
    variance = max(float(at_end - white_end @ white_end), 0.0)
    likelihood = -0.5 * (white**2).sum(0) - np.log(np.diag(factor)).sum() - 0.5 * len(t) * np.log(2 * np.pi)
    return mean, np.full(len(y), variance), likelihood


def _from_zero(curve: Curve) -> Curve:
    return curve.at(curve.epoch >= 0)
