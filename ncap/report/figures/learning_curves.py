"""Validation accuracy over the epochs, one panel per candidate, the others faint behind it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ncap.report.figures import canvas
from ncap.report.series import Series


def draw(series: Sequence[Series], colours: dict[str, str]) -> Figure | None:
    """Runs thin, their mean thick; epochs after the observed ones dashed and lighter; the prediction as a dotted line and its band."""
    shown = [s for s in series if s.rows["val_accuracy"].notna().any()]
    if not shown:
        return None
    figure, axes = canvas.panels(len(shown))
    means = [np.column_stack((mean.index, mean)) for mean in (s.mean("val_accuracy") for s in shown)]
    for place, (ax, one) in enumerate(zip(axes, shown, strict=True)):
        others = means[:place] + means[place + 1 :]
        ax.add_collection(LineCollection(others, colors=canvas.GRID, linewidths=0.8, zorder=1))
        _panel(ax, one, colours[one.candidate])
    canvas.epoch_axis(axes, int(max(s.rows["epoch"].max() for s in shown)))
    axes[0].set_ylim(*_limits(shown))
    figure.supxlabel("epoch")
    figure.supylabel("validation accuracy")
    canvas.legend(figure, _entries(shown))
    return figure


def _entries(shown: Sequence[Series]) -> list[canvas.Entry]:
    """The legend, without what no panel shows."""
    several, later = any(len(s.runs()) > 1 for s in shown), any(len(s.afterwards) for s in shown)
    entries: list[tuple[bool, str, dict[str, Any]]] = [
        (True, "observed" + " (mean over runs)" * several, {"linewidth": 2.2}),
        (several, "single runs", {"linewidth": 0.7, "alpha": 0.6}),
        (later, "afterwards", {"linewidth": 1.6, "linestyle": "--", "alpha": 0.5}),
        (True, "predicted ± std", {"linewidth": 1.2, "linestyle": ":"}),
        (len(shown) > 1, "other candidates", {"linewidth": 1.2, "color": "#cfcfcf"}),
    ]
    return [(text, properties) for present, text, properties in entries if present]


def _panel(ax: Axes, one: Series, colour: str) -> None:
    canvas.heading(ax, one.summary["rank"], one.candidate)
    if one.summary["status"] != "ok":
        canvas.remark(ax, str(one.summary["status"]), "bottom")
    if len(one.runs()) > 1:
        for run in one.runs():
            early, late = run[run["epoch"] <= one.last_observed], run[run["epoch"] >= one.last_observed]
            ax.plot(early["epoch"], early["val_accuracy"], color=colour, linewidth=0.7, alpha=0.6, zorder=2)
            ax.plot(late["epoch"], late["val_accuracy"], color=colour, linewidth=0.5, alpha=0.25, zorder=2)
    mean = one.mean("val_accuracy")
    observed, afterwards = mean[mean.index <= one.last_observed], mean[mean.index >= one.last_observed]
    ax.plot(observed.index, observed, color=colour, linewidth=2.2, marker="o", markersize=3, zorder=4)
    if len(afterwards) > 1:
        ax.plot(afterwards.index, afterwards, color=colour, linewidth=1.6, linestyle="--", alpha=0.5, zorder=3)
        ax.axvline(one.last_observed, color=canvas.FAINT, linewidth=0.8, zorder=1)
    predicted, std = one.summary["predicted_accuracy"], one.summary["predicted_std"]
    if np.isfinite(predicted):
        ax.axhline(predicted, color=colour, linewidth=1.2, linestyle=":", zorder=3)
        if np.isfinite(std):
            ax.axhspan(predicted - std, predicted + std, color=colour, alpha=0.12, linewidth=0, zorder=0)


def _limits(shown: Sequence[Series]) -> tuple[float, float]:
    """All accuracies and predictions, a little air, and nothing outside 0..1."""
    values = [v for s in shown for v in (*s.rows["val_accuracy"], s.summary["predicted_accuracy"]) if np.isfinite(v)]
    low, high = min(values), max(values)
    air = max(0.02, 0.08 * (high - low))
    return max(-0.02, low - air), min(1.02, high + air)
