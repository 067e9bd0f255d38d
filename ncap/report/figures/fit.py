"""The fit of accuracy on beta_eff per candidate, as the prediction carries it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ncap.report import numbers
from ncap.report.figures import canvas
from ncap.report.figures.drawing import Content, Drawing
from ncap.report.series import Series
from ncap.rules.contract import Fit


def draw(content: Content) -> Figure | None:
    """The points, h(beta) with its band, and the prediction with its standard deviation where h was read."""
    shown = [s for s in content.series if s.fit is not None]
    if not shown:
        return None
    figure, axes = canvas.panels(len(shown), height=2.1, share_x=False, apart=content.apart)
    for ax, one in zip(axes, shown, strict=True):
        _panel(ax, one, content.colours[one.candidate])
        ax.xaxis.set_major_locator(MaxNLocator(3))
        canvas.short_numbers(ax.xaxis)
    axes[0].set_ylim(*_limits(shown))
    figure.supxlabel("beta_eff (own scale per panel)")
    figure.supylabel(f"validation {content.metric.words}")
    later = any(len(s.points_afterwards()) for s in shown)
    label = next((s.fit.label for s in shown if s.fit and s.fit.line), "h")
    diamond = {"marker": "D", "linestyle": "", "markersize": 5, "markeredgecolor": canvas.INK}
    canvas.legend(
        figure,
        [
            ("in the fit", {"marker": "o", "linestyle": ""}),
            ("left out by t0", {"marker": "o", "linestyle": "", "markerfacecolor": "white"}),
            ("h(beta_eff) ± std", {"linewidth": 1.6}),
            (f"prediction {label} ± std", diamond),
            *([("afterwards, not read", {"marker": ".", "linestyle": "", "color": canvas.PALE})] if later else []),
        ],
    )
    return figure


def _panel(ax: Axes, one: Series, colour: str) -> None:
    fit = one.fit
    assert fit is not None
    canvas.heading(ax, one.summary["rank"], one.candidate)
    canvas.describe(ax, _words(one, fit))
    if fit.line is None:
        canvas.remark(ax, "fallback: last-seen accuracy", "top")
    elif fit.remark:
        canvas.remark(ax, fit.remark, "top")
    ax.axvline(0.0, color=canvas.FAINT, linewidth=0.8, zorder=1)
    later = one.points_afterwards()
    ax.plot(later["beta_eff"], later["val_accuracy"], ".", color=canvas.PALE, markersize=3, zorder=2)
    for part, inside in ((slice(0, fit.t0), "white"), (slice(fit.t0, None), colour)):
        ax.plot(fit.beta[part], fit.accuracy[part], "o", color=colour, markerfacecolor=inside, markersize=4.5, zorder=4)
    predicted, std = one.summary["predicted_accuracy"], one.summary["predicted_std"]
    if fit.line is None:
        ax.axhline(predicted, color=colour, linewidth=1.2, linestyle=":", zorder=3)
    else:
        _line(ax, fit, colour)
    if np.isfinite(predicted):
        ax.errorbar(
            fit.at, predicted, std if np.isfinite(std) else None, color=colour, marker="D", markersize=5,
            markeredgecolor=canvas.INK, markeredgewidth=0.8, ecolor=canvas.INK, elinewidth=1.0, capsize=3, zorder=5,
        )  # fmt: skip


def _words(one: Series, fit: Fit) -> str:
    predicted = numbers.with_deviation(one.summary["predicted_accuracy"], one.summary["predicted_std"])
    points = f"{len(fit.beta)} points, beta_eff {numbers.beta(fit.beta[0])} to {numbers.beta(fit.beta[-1])}"
    if fit.line is None:
        return f"{one.candidate}: {points}; no line could be fitted, and {predicted} is the last one seen."
    left_out = f", {fit.t0} of them left out" if fit.t0 else ""
    return f"{one.candidate}: {points}{left_out}; {fit.label} = {predicted}, read at beta_eff {numbers.beta(fit.at)}."


def _line(ax: Axes, fit: Fit, colour: str) -> None:
    """Draw h with its band over the points, 0 and where it was read."""
    assert fit.line is not None
    ends = [0.0, fit.at, *fit.beta]
    grid = np.linspace(min(ends), max(ends), 60)
    accuracy, std = fit.line(grid)
    ax.plot(grid, accuracy, color=colour, linewidth=1.6, zorder=3)
    ax.fill_between(grid, accuracy - std, accuracy + std, color=colour, alpha=0.15, linewidth=0, zorder=0)


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


DRAWING = Drawing(
    "fit",
    "The fit of {metric} on beta_eff",
    "{Metric} against beta_eff, mean over runs. The line h is continued to the beta_eff at which the rule reads it; its value there, the "
    "diamond, is the prediction. The wider the gap between the points and the diamond, the less the diamond rests on data.",
    draw,
)
