"""The fit of accuracy on beta_eff per candidate, and its extrapolation to beta_eff = 0."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ncap.leaderboard import mean_over_runs
from ncap.predict import FAR, CapacitancePredictor
from ncap.report.figures import canvas
from ncap.report.series import Series


def draw(series: Sequence[Series], colours: dict[str, str]) -> Figure | None:
    """I against beta_eff (mean over runs), h(beta) with its band, I* = h(0) with its standard deviation."""
    shown = [s for s in series if s.summary["status"] != "failed" and len(points(s.observed))]
    if not shown:
        return None
    figure, axes = canvas.panels(len(shown), height=2.1, share_x=False)
    for ax, one in zip(axes, shown, strict=True):
        _panel(ax, one, colours[one.candidate])
        ax.xaxis.set_major_locator(MaxNLocator(3))
        canvas.short_numbers(ax.xaxis)
    axes[0].set_ylim(*_limits(shown))
    figure.supxlabel("beta_eff (own scale per panel)")
    figure.supylabel("validation accuracy I")
    later = any(len(points(s.afterwards)) for s in shown)
    canvas.legend(
        figure,
        [
            ("epochs in the fit", {"marker": "o", "linestyle": ""}),
            ("left out by t0", {"marker": "o", "linestyle": "", "markerfacecolor": "white"}),
            ("h(beta_eff) ± std", {"linewidth": 1.6}),
            (
                "prediction I* = h(0) ± std",
                {"marker": "D", "linestyle": "", "markersize": 5, "markeredgecolor": canvas.INK},
            ),
            *([("afterwards, not read", {"marker": ".", "linestyle": "", "color": "#bdbdbd"})] if later else []),
        ],
    )
    return figure


def points(rows: pd.DataFrame) -> pd.DataFrame:
    """beta_eff and val_accuracy per epoch, mean over runs, without the epochs that a run lacks: what `ncap.leaderboard` fits."""
    return mean_over_runs(rows).dropna()


def _panel(ax: Axes, one: Series, colour: str) -> None:
    used = points(one.observed)
    later = points(one.afterwards)
    fallback = one.summary["status"] == "fallback"
    canvas.heading(ax, one.summary["rank"], one.candidate)
    if fallback:
        canvas.remark(ax, "fallback: last-seen accuracy", "top")
    ax.axvline(0.0, color=canvas.FAINT, linewidth=0.8, zorder=1)
    ax.plot(later["beta_eff"], later["val_accuracy"], ".", color="#bdbdbd", markersize=3, zorder=2)
    first = 0 if fallback else _line(ax, used, colour)
    ax.plot(*_columns(used[:first]), "o", color=colour, markerfacecolor="white", markersize=4.5, zorder=4)
    ax.plot(*_columns(used[first:]), "o", color=colour, markersize=4.5, zorder=4)
    predicted, std = one.summary["predicted_accuracy"], one.summary["predicted_std"]
    if fallback:
        ax.axhline(predicted, color=colour, linewidth=1.2, linestyle=":", zorder=3)
    if np.isfinite(predicted):
        ax.errorbar(
            0.0, predicted, std if np.isfinite(std) else None, color=colour, marker="D", markersize=5,
            markeredgecolor=canvas.INK, markeredgewidth=0.8, ecolor=canvas.INK, elinewidth=1.0, capsize=3, zorder=5,
        )  # fmt: skip


def _line(ax: Axes, used: pd.DataFrame, colour: str) -> int:
    """Draw h from 0 to the farthest observation; return the index of the first row in the fit."""
    beta = used[["beta_eff"]].to_numpy()
    predictor = CapacitancePredictor().fit(beta, used["val_accuracy"].to_numpy())
    ends = (min(0.0, float(beta.min())), max(0.0, float(beta.max())))
    grid = np.linspace(*ends, 60)
    accuracy, std = predictor.predict(grid[:, None], return_std=True)
    ax.plot(grid, accuracy, color=colour, linewidth=1.6, zorder=3)
    ax.fill_between(grid, accuracy - std, accuracy + std, color=colour, alpha=0.15, linewidth=0, zorder=0)
    if predictor.clipped_:
        canvas.remark(ax, f"h(0) = {predictor.predict([[0.0]])[0]:.2f}, clipped", "top")
    elif predictor.extrapolation_ >= FAR:
        canvas.remark(ax, f"0 lies {predictor.extrapolation_:.2g} ranges away", "top")
    return int(predictor.t0_)


def _columns(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return rows["beta_eff"], rows["val_accuracy"]


def _limits(shown: Sequence[Series]) -> tuple[float, float]:
    """All points and predictions with their deviations, within 0..1 and a little air."""
    values = [v for s in shown for v in s.rows["val_accuracy"]]
    for s in shown:
        std = s.summary["predicted_std"] if np.isfinite(s.summary["predicted_std"]) else 0.0
        values += [s.summary["predicted_accuracy"] - std, s.summary["predicted_accuracy"] + std]
    finite = [v for v in values if np.isfinite(v)]
    low, high = max(0.0, min(finite)), min(1.0, max(finite))
    air = max(0.02, 0.08 * (high - low))
    return low - air, high + 2.2 * air  # more air on top: room for a remark
