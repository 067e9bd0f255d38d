"""A weighted ensemble of parametric curves, sampled by Markov chain Monte Carlo, after Domhan, Springenberg and Hutter 2015."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ncap.rules.contract import Curve, FloatArray, Prediction, Rule

WALKERS = 100
STEPS = 800
BURN_IN = 400
THIN = 10
LEAST = 4  # ticks
MOST_SIGMA = 1.0


class Family(NamedTuple):
    """One family of curves: its formula, for parameters of shape (w, p) and epochs of shape (k,), and where the fit starts."""

    formula: Callable[[FloatArray, Any], FloatArray]
    start: tuple[float, ...]


# Table 1 of the source. Its exp4 and Janoschek are the Weibull curve with other letters, and are not sampled twice more.
FAMILIES = {
    "vapor_pressure": Family(lambda t, p: np.exp(p[0] + p[1] / t + p[2] * np.log(t)), (-0.622, -0.63, 0.043)),
    "pow3": Family(lambda t, p: p[0] - p[1] * t ** -p[2], (0.84, 0.52, 0.5)),
    "log_log_linear": Family(lambda t, p: np.log(p[0] * np.log(t) + p[1]), (0.2, 1.5)),
    "hill3": Family(lambda t, p: p[0] * t ** p[1] / (p[2] ** p[1] + t ** p[1]), (0.7, 1.0, 1.0)),
    "log_power": Family(lambda t, p: p[0] / (1 + (t / np.exp(p[1])) ** p[2]), (0.77, 2.98, -0.51)),
    "pow4": Family(lambda t, p: p[0] - (p[1] * t + p[2]) ** -p[3], (0.84, 1.0, 1.0, 0.7)),
    "mmf": Family(lambda t, p: p[0] - (p[0] - p[1]) / (1 + (p[2] * t) ** p[3]), (0.7, 0.1, 0.5, 1.0)),
    "weibull": Family(lambda t, p: p[0] - (p[0] - p[1]) * np.exp(-((p[2] * t) ** p[3])), (0.7, 0.1, 0.3, 1.0)),
    "ilog2": Family(lambda t, p: p[0] - p[1] / np.log(t + 1), (0.78, 0.43)),
}


class Domhan(Rule):
    """E f(T): f(t) = sum_k w_k f_k(t | theta_k), sampled from its posterior given what was seen, T the horizon.

    I_t = f(t) + noise of standard deviation sigma, sigma up to 1. The prior is flat, and 0 where a weight is negative, where f(T) is no
    accuracy, and where f(T) lies below f at the first epoch seen. The weights are normalised. Value and standard deviation are those of
    f(T) over the samples, which takes about a second a candidate; the seed is fixed. It needs emcee: `pip install 'ncap[mcmc]'`.

    Fewer than four ticks, epochs that are not positive, and curves that no family fits, leave the last-seen accuracy.

    What is simpler than in the source (Domhan, Springenberg and Hutter 2015, IJCAI):

    1. Nine families, as two of its eleven are the Weibull curve once more.
    2. Families whose least squares fit breaks the prior by itself are left out; there they start, and may come back.
    3. 800 steps of 100 walkers, of which the second half counts, whether they have converged or not; there 2,500.
    4. The expectation is reported, and not the probability of beating the best candidate, which is what it stops runs by.
    """

    name: ClassVar[str] = "domhan"
    summary: ClassVar[str] = "A weighted ensemble of nine parametric curves at the horizon, by MCMC."
    needs: ClassVar[tuple[str, ...]] = ("epoch", "val_accuracy", "horizon")
    source: ClassVar[str] = "Domhan, Springenberg and Hutter 2015, IJCAI"
    cost: ClassVar = "high"

    def __init__(self, steps: int = STEPS, burn_in: int = BURN_IN) -> None:
        self.steps, self.burn_in = steps, burn_in

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate; the scores are not read."""
        seen = curve.having("epoch", "val_accuracy")
        seen = seen.at(seen.epoch > 0)
        if len(seen) < LEAST:
            return Prediction.fallback(curve, f"last-seen accuracy: {len(seen)} ticks, {LEAST} needed")
        try:
            import emcee  # noqa: F401
        except ImportError:
            return Prediction.fallback(curve, "last-seen accuracy: the rule needs emcee, pip install 'ncap[mcmc]'")
        with np.errstate(all="ignore"):
            ensemble = Ensemble.fitted(seen.epoch, seen.val_accuracy, curve.horizon)
            if ensemble is None:
                return Prediction.fallback(curve, "last-seen accuracy: no family of curves fits within the prior")
            ends = ensemble.sampled_ends(self.steps, self.burn_in)
        return Prediction.of_accuracy(float(ends.mean()), seen, float(ends.std()))


class Ensemble(NamedTuple):
    """The families that fit one curve, and the posterior of their combination.

    A point of it is [theta of every family, a weight for each, ln sigma], in this order.
    """

    names: tuple[str, ...]
    start: FloatArray
    t: FloatArray
    y: FloatArray
    horizon: float

    @classmethod
    def fitted(cls, t: FloatArray, y: FloatArray, horizon: float) -> "Ensemble | None":
        """Every family by itself, by least squares, and then the weights; None where no family fits within the prior."""
        from scipy.optimize import nnls

        thetas = {name: least_squares_fit(family, t, y) for name, family in FAMILIES.items()}
        kept = {name: theta for name, theta in thetas.items() if _is_allowed(FAMILIES[name], theta, t[0], horizon)}
        if not kept:
            return None
        fits = np.stack([FAMILIES[name].formula(t, theta) for name, theta in kept.items()], axis=1)
        weights = np.maximum(nnls(fits, y)[0], 0.02)
        weights /= weights.sum()
        sigma = max(float((fits @ weights - y).std()), 1e-3)
        start = np.concatenate([*kept.values(), weights, [np.log(sigma)]])
        return cls(tuple(kept), start, t, y, horizon)

    def log_posterior(self, points: FloatArray) -> FloatArray:
        """Up to a constant, of shape (w,); -inf where the prior is 0. points has shape (w, d)."""
        count = len(self.names)
        weights, log_sigma = points[:, -count - 1 : -1], points[:, -1]
        at = self.values(points, np.concatenate([self.t, [self.t[0], self.horizon]]))
        residual, first, end = at[:, : len(self.t)] - self.y, at[:, -2], at[:, -1]
        allowed = (weights >= 0).all(1) & (end >= first) & (end >= 0) & (end <= 1) & (log_sigma < np.log(MOST_SIGMA))
        logs = -0.5 * (residual**2).sum(1) * np.exp(-2 * log_sigma) - len(self.t) * log_sigma
        return np.where(allowed & np.isfinite(logs), logs, -np.inf)

    def values(self, points: FloatArray, t: FloatArray) -> FloatArray:
        """f of every point at epochs t, shape (w, k)."""
        count, made, i = len(self.names), np.zeros((len(points), len(t))), 0
        weights = points[:, -count - 1 : -1]
        for k, name in enumerate(self.names):
            family = FAMILIES[name]
            theta = points[:, i : i + len(family.start), None].swapaxes(0, 1)
            made = made + weights[:, k, None] * family.formula(t, theta)
            i += len(family.start)
        return np.asarray(made / weights.sum(1, keepdims=True))

    def sampled_ends(self, steps: int, burn_in: int, seed: int = 0) -> FloatArray:
        """f at the horizon over the samples after the burn-in."""
        import emcee

        rng = np.random.default_rng(seed)
        d = len(self.start)
        walkers = max(WALKERS, 2 * d + 2)
        around = self.start * (1 + 1e-3 * rng.normal(size=(walkers, d))) + 1e-6 * rng.normal(size=(walkers, d))
        around[~np.isfinite(self.log_posterior(around))] = self.start
        sampler = emcee.EnsembleSampler(walkers, d, self.log_posterior, vectorize=True)
        sampler.random_state = np.random.RandomState(seed).get_state()  # what emcee takes
        sampler.run_mcmc(around, steps, skip_initial_state_check=True)
        points = sampler.get_chain(discard=burn_in, thin=THIN, flat=True)
        ends = self.values(points, np.array([self.horizon]))[:, 0]
        return np.asarray(ends[np.isfinite(ends)])


def least_squares_fit(family: Family, t: FloatArray, y: FloatArray) -> FloatArray:
    """The parameters of one family with the least squared residual, from its start."""
    from scipy.optimize import least_squares

    def residual(theta: FloatArray) -> FloatArray:
        return np.clip(np.nan_to_num(family.formula(t, theta) - y, nan=10.0), -10.0, 10.0)

    return np.asarray(least_squares(residual, family.start, max_nfev=200).x)


def _is_allowed(family: Family, theta: FloatArray, first: float, horizon: float) -> bool:
    """Whether a family by itself has a probability under the prior."""
    begins, ends = family.formula(np.array([first, horizon]), theta)
    return bool(np.isfinite(theta).all() and np.isfinite(begins) and begins <= ends and 0 <= ends <= 1)
