"""Validation accuracy over the epochs, one panel per candidate, the others faint behind it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ncap.report import numbers
from ncap.report.figures import canvas
from ncap.report.figures.drawing import Content, Drawing
from ncap.report.series import Series


def draw(content: Content) -> Figure | None:
    """Runs thin, their mean thick; ticks after those read dashed and lighter; the prediction as a dotted line and its band."""
    shown = [s for s in content.series if s.rows["val_accuracy"].notna().any()]
    if not shown:
        return None
    figure, axes = canvas.panels(len(shown), apart=content.apart)
    means = [s.mean("val_accuracy").to_numpy() for s in shown]
    for place, (ax, one) in enumerate(zip(axes, shown, strict=True)):
        others = means[:place] + means[place + 1 :]
        if content.apart:  # all of them, once: the other panels show the same lines, under their own
            others = means if place == 0 and len(means) > 1 else []
        ax.add_collection(LineCollection(others, colors=canvas.GRID, linewidths=0.8, zorder=1, gid=canvas.COMMON))
        _panel(ax, one, content.colours[one.candidate])
    canvas.epoch_axis(axes, [s.rows["epoch"] for s in shown])
    axes[0].set_ylim(*_limits(shown))
    figure.supxlabel("epoch")
    figure.supylabel(f"validation {content.metric.words}")
    canvas.legend(figure, _entries(shown))
    return figure


def _entries(shown: Sequence[Series]) -> list[canvas.Entry]:
    """The legend, without what no panel shows."""
    several, later = any(len(s.runs()) > 1 for s in shown), any(len(s.afterwards) for s in shown)
    entries: list[tuple[bool, str, dict[str, Any]]] = [
        (True, "read" + " (mean over runs)" * several, {"linewidth": 2.2}),
        (several, "single runs", {"linewidth": 0.7, "alpha": 0.6}),
        (later, "afterwards, not read", {"linewidth": 1.6, "linestyle": "--", "alpha": 0.5}),
        (True, "predicted ± std", {"linewidth": 1.2, "linestyle": ":"}),
        (len(shown) > 1, "other candidates", {"linewidth": 1.2, "color": canvas.PALE}),
    ]
    return [(text, properties) for present, text, properties in entries if present]


def _panel(ax: Axes, one: Series, colour: str) -> None:
    canvas.heading(ax, one.summary["rank"], one.candidate)
    canvas.describe(ax, _words(one))
    if one.summary["status"] != "ok":
        canvas.remark(ax, str(one.summary["status"]), "bottom")
    if len(one.runs()) > 1:
        for run in one.runs():
            late = one.from_the_last_read(run)
            early = run[run["tick"] <= max(one.ticks, default=0)]
            ax.plot(early["epoch"], early["val_accuracy"], color=colour, linewidth=0.7, alpha=0.6, zorder=2)
            ax.plot(late["epoch"], late["val_accuracy"], color=colour, linewidth=0.5, alpha=0.25, zorder=2)
    read = one.mean("val_accuracy", one.observed)
    ax.plot(read["epoch"], read["val_accuracy"], color=colour, linewidth=2.2, marker="o", markersize=3, zorder=4)
    later = one.mean("val_accuracy", one.from_the_last_read(one.rows))
    if len(later) > 1:
        ax.plot(later["epoch"], later["val_accuracy"], color=colour, linewidth=1.6, linestyle="--", alpha=0.5, zorder=3)
        if one.ticks:
            ax.axvline(one.last_read, color=canvas.FAINT, linewidth=0.8, zorder=1)
    predicted, std = one.summary["predicted_accuracy"], one.summary["predicted_std"]
    if np.isfinite(predicted):
        ax.axhline(predicted, color=colour, linewidth=1.2, linestyle=":", zorder=3)
        if np.isfinite(std):
            ax.axhspan(predicted - std, predicted + std, color=colour, alpha=0.12, linewidth=0, zorder=0)


def _words(one: Series) -> str:
    said = []
    for words, curve in (
        ("read", one.mean("val_accuracy", one.observed)),
        ("afterwards", one.mean("val_accuracy", one.afterwards)),
    ):
        values = curve.dropna()
        if len(values):
            (first, start), (last, end) = values.iloc[0], values.iloc[-1]
            course = f"{numbers.accuracy(start)} at epoch {first:g}"
            said.append(
                f"{words} {course}" + (f" to {numbers.accuracy(end)} at epoch {last:g}" if last > first else "")
            )
    predicted, std = one.summary["predicted_accuracy"], one.summary["predicted_std"]
    if np.isfinite(predicted):
        said.append(f"predicted {numbers.with_deviation(predicted, std)}")
    return f"{one.candidate}: {'; '.join(said)}."


def _limits(shown: Sequence[Series]) -> tuple[float, float]:
    """All accuracies and predictions, a little air, and nothing outside 0..1."""
    values = [v for s in shown for v in (*s.rows["val_accuracy"], s.summary["predicted_accuracy"]) if np.isfinite(v)]
    low, high = min(values), max(values)
    air = max(0.02, 0.08 * (high - low))
    return max(-0.02, low - air), min(1.02, high + air)


DRAWING = Drawing(
    "learning_curves",
    "Learning curves",
    "Validation {metric} by epoch, one panel per candidate in predicted order. The thick line is what the rule read, and the dotted line "
    "what it predicts; where training went on, compare that with the end of the dashed line.",
    draw,
)
