"""Rules that fit a parametric learning curve and read it off at the horizon: y(t) = c - a g(t; theta).

All of them are linear in the asymptote c and the distance a that is left at g = 1, and nonlinear in theta, one or two shape parameters.
So the fit is separable (Golub and Pereyra 1973): for every theta the best c and a within their bounds are known in closed form, and only
theta is searched for, from the best points of a grid, by Levenberg-Marquardt steps inside its bounds. Many curves are fitted at once.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from ncap.rules.contract import Curve, FloatArray, Prediction, Rule

STARTS = 3  # the best points of the grid, from each of which the search goes on
STEPS = 60  # at most, of each search
ENOUGH = 1e-13  # a mean squared residual below which a fit is as good as exact
STILL = 1e-10  # a search ends where a step gains less than this part of the residual, three times in a row


class Parametric(Rule):
    """A rule that fits y(t) = c - a g(t; theta), 0 <= a <= 1, 0 <= c <= 1, by least squares and predicts y at the horizon.

    t is the epoch, and epochs that are not positive are left out. a >= 0 makes the curve one that rises, so that accuracies that fall
    are fitted by their mean. Where fewer ticks are seen than the curve has parameters, the last-seen accuracy stands in.

    A subclass has, beside the attributes of a rule:
        parameters: of the curve, c and a included; as many ticks must be seen.
        low, high: the bounds of theta, searched on a logarithmic scale.
        grid: the number of starts along each part of theta.
    """

    needs: ClassVar[tuple[str, ...]] = ("epoch", "val_accuracy", "horizon")
    parameters: ClassVar[tuple[str, ...]]
    low: ClassVar[tuple[float, ...]]
    high: ClassVar[tuple[float, ...]]
    grid: ClassVar[int] = 13

    @staticmethod
    @abstractmethod
    def shape(t: FloatArray, theta: Sequence[FloatArray]) -> FloatArray:
        """g(t; theta), between 0 and 1 and falling in t; t counts in first epochs seen, t >= 1, and both sides broadcast."""

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate; the scores are not read."""
        return self.predict_many([curve], [scores])[0]

    def predict_many(self, curves: Sequence[Curve], scores: Sequence[Mapping[str, float]]) -> list[Prediction]:
        """The predictions for several candidates: those seen at the same epochs are fitted together."""
        seen = [_positive(curve.having("epoch", "val_accuracy")) for curve in curves]
        groups: dict[tuple[float, ...], list[int]] = {}
        for i, curve in enumerate(seen):
            if len(curve) >= len(self.parameters) and np.isfinite(curve.horizon):
                groups.setdefault((*curve.epoch, curve.horizon), []).append(i)
        made: dict[int, float] = {}
        for (*epochs, horizon), members in groups.items():
            t, y = np.array(epochs), np.array([seen[i].val_accuracy for i in members])
            made |= zip(members, map(float, self.fitted_at(t, y, horizon)), strict=True)
        return [self._prediction(curves[i], curve, made.get(i)) for i, curve in enumerate(seen)]

    def fitted_at(self, t: FloatArray, y: FloatArray, horizon: float) -> FloatArray:
        """The fitted curves at the horizon, shape (n,), from epochs t, shape (k,), and accuracies y, shape (n, k)."""
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            u = t / t[0]
            theta, c, a = fit(self, u, y)
            at_end = self.shape(np.array([[horizon / t[0]]]), [part[:, None] for part in theta.T])[:, 0]
        return c - a * at_end

    def _prediction(self, curve: Curve, seen: Curve, value: float | None) -> Prediction:
        if value is None:
            return Prediction.fallback(
                curve, f"last-seen accuracy: {len(seen)} ticks, and {self.name} has {len(self.parameters)} parameters"
            )
        early = curve.horizon < seen.epoch[-1]
        note = f"epoch {curve.horizon:g} lies before epoch {seen.epoch[-1]:g}, which was seen" if early else ""
        return Prediction.of_accuracy(value, seen, note=note)


def fit(model: Parametric, u: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The least squares fit of every row of y, shape (n, k): theta, shape (n, p), c and a, shape (n,)."""
    low, high = np.log(model.low), np.log(model.high)
    axes = [np.linspace(*ends, model.grid) for ends in zip(low, high, strict=True)]
    grid = np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)
    n, starts = len(y), min(STARTS, len(grid))
    errors = _grid_errors(model, u, y, grid)
    best = np.argsort(errors, axis=1, kind="stable")[:, :starts]
    x = grid[best].reshape(n * starts, -1)
    x, error = _search(model, u, np.repeat(y, starts, axis=0), x, low, high)
    winner = np.argmin(error.reshape(n, starts), axis=1) + starts * np.arange(n)
    theta = x[winner]
    _, c, a = _residuals(model, u, y, theta)
    return np.exp(theta), c, a


def _grid_errors(model: Parametric, u: FloatArray, y: FloatArray, grid: FloatArray) -> FloatArray:
    """The squared residual of every row at every point of the grid, shape (n, points)."""
    g = model.shape(u[None], [part[:, None] for part in np.exp(grid).T])
    c, a = linear_part(g[None], y[:, None])
    return ((c[..., None] - a[..., None] * g - y[:, None]) ** 2).sum(-1)


def _residuals(
    model: Parametric, u: FloatArray, y: FloatArray, x: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """c - a g - y at the best c and a for ln theta = x, one row each; and c and a."""
    g = model.shape(u[None], [part[:, None] for part in np.exp(x).T])
    c, a = linear_part(g, y)
    return c[:, None] - a[:, None] * g - y, c, a


def _search(
    model: Parametric, u: FloatArray, y: FloatArray, x: FloatArray, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Levenberg-Marquardt in x = ln theta inside its bounds, each row by itself; x at the end, and its squared residual."""
    x, damping, idle = x.copy(), np.full(len(x), 1e-2), np.zeros(len(x), dtype=int)
    residual = _residuals(model, u, y, x)[0]
    error = (residual**2).sum(1)
    for _ in range(STEPS):
        going = np.flatnonzero((idle < 3) & (error > ENOUGH * len(u)))
        if not going.size:
            break
        here, r = x[going], residual[going]
        slope = _slopes(model, u, y[going], here)
        proposal = np.clip(here - _damped_step(slope, r, damping[going]), low, high)
        there = _residuals(model, u, y[going], proposal)[0]
        reached = (there**2).sum(1)
        gain = error[going] - reached
        better = gain > 0
        small = np.where(better, gain <= STILL * error[going], damping[going] > 1e6)
        idle[going] = np.where(small, idle[going] + 1, 0)
        damping[going] = np.clip(damping[going] * np.where(better, 0.2, 8.0), 1e-10, 1e8)
        won = going[better]
        x[won], residual[won], error[won] = proposal[better], there[better], reached[better]
    return x, error


def _slopes(model: Parametric, u: FloatArray, y: FloatArray, x: FloatArray, h: float = 1e-5) -> FloatArray:
    """The derivative of the residuals along each part of x, by central differences, shape (n, k, p)."""
    parts = []
    for i in range(x.shape[1]):
        step = np.zeros(x.shape[1])
        step[i] = h
        ahead, behind = (_residuals(model, u, y, x + sign * step)[0] for sign in (1, -1))
        parts.append((ahead - behind) / (2 * h))
    return np.stack(parts, axis=-1)


def _damped_step(slope: FloatArray, residual: FloatArray, damping: FloatArray) -> FloatArray:
    """(J'J + damping diag(J'J))^-1 J'r of every row, shape (n, p)."""
    normal = np.einsum("nki,nkj->nij", slope, slope)
    p = normal.shape[-1]
    diagonal = np.einsum("nii->ni", normal)
    floor = 1e-12 + 1e-9 * diagonal.max(1, keepdims=True)  # a part of theta on which nothing depends stays where it is
    normal = normal + (damping[:, None] * diagonal + floor)[:, :, None] * np.eye(p)
    right = np.einsum("nki,nk->ni", slope, residual)
    step: FloatArray = np.linalg.solve(normal, right[..., None])[..., 0]
    return step


def linear_part(g: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """c and a in 0..1 with the least sum over the last axis of (c - a g - y)^2.

    The sum is convex: its least value is the unbounded one where that lies inside, and else on one of the four edges, along each of which
    it is a parabola.

    >>> g = np.array([1.0, 0.5, 0.25])
    >>> c, a = linear_part(g, 0.75 - 0.5 * g)
    >>> round(float(c), 12), round(float(a), 12)
    (0.75, 0.5)
    """
    gm, ym = g.mean(-1), y.mean(-1)
    gg, gy = (g * g).mean(-1), (g * y).mean(-1)
    yy = (y * y).mean(-1)
    spread = gg - gm * gm
    with np.errstate(invalid="ignore", divide="ignore"):
        a_free = np.where(spread > 1e-14, -(gy - gm * ym) / spread, 0.0)
        a_top, a_bottom = (np.where(gg > 0, (c * gm - gy) / gg, 0.0) for c in (1.0, 0.0))
    candidates = [(ym + a_free * gm, a_free)]
    candidates += [(np.clip(ym + a * gm, 0, 1), np.full(ym.shape, a)) for a in (0.0, 1.0)]
    candidates += [(np.full(ym.shape, c), np.clip(a, 0, 1)) for c, a in ((1.0, a_top), (0.0, a_bottom))]
    errors = []
    for c, a in candidates:
        inside = (c >= 0) & (c <= 1) & (a >= 0) & (a <= 1)
        errors.append(np.where(inside, c * c - 2 * c * (a * gm + ym) + a * a * gg + 2 * a * gy + yy, np.inf))
    best = np.argmin(errors, axis=0)
    c, a = (np.choose(best, side) for side in zip(*candidates, strict=True))
    return c, a


def _positive(curve: Curve) -> Curve:
    return curve.at(curve.epoch > 0)
