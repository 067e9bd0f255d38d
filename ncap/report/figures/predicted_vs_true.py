"""Predicted against true accuracy, and the predicted order beside the true one."""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ncap.report.figures import canvas
from ncap.report.figures.drawing import Content, Drawing
from ncap.report.truth import Truth, rho_text

RIVAL = "last_seen"  # drawn beside the ranking's own rule


def draw(content: Content) -> Figure | None:
    """Left: a scatter with the diagonal, numbered by predicted rank. Right: the two orders with every name, crossing where they differ."""
    if content.truth is None or content.truth.rows.empty:
        return None
    truth, count = content.truth, len(content.truth.rows)
    height = max(4.9 if not content.apart else 4.0, 0.26 * count + 1.2)
    figure, (scatter, orders) = canvas.pair(height, (1.15, 1), apart=3.0 * content.apart)
    _scatter(scatter, truth, content.colours, content.metric.words)
    _orders(orders, truth, content.colours, 16 if content.apart else 20)
    _describe(scatter, orders, truth)
    rhos = ", ".join(f"{rule} {rho_text(rho)}" for rule, rho in truth.rhos.items())
    title = f"Spearman's rho with the true order ({count} candidate{'s'[: count != 1]}): {rhos}"
    rival = ("last_seen", {"marker": "o", "linestyle": "", "markersize": 6, "markerfacecolor": "white"})
    canvas.legend(
        figure,
        [
            (f"{truth.rule} ± std, numbered by rank", {"marker": "o", "linestyle": "", "markersize": 9}),
            *([rival] if _has_rival(truth) else []),
            ("predicted = true", {"linewidth": 1.0, "linestyle": "--", "color": canvas.FAINT}),
        ],
        title=textwrap.fill(title, 118),
    )
    return figure


def _describe(scatter: Axes, orders: Axes, truth: Truth) -> None:
    rows = truth.rows.to_dict("records")
    pairs = "; ".join(f"{row['candidate']} {row['value']:.3g} and {row['true_accuracy']:.3f}" for row in rows)
    canvas.describe(scatter, f"Predicted by {truth.rule} and true: {pairs}.")
    best = sorted(rows, key=lambda row: -row["true_accuracy"])
    names = (", ".join(str(row["candidate"]) for row in order) for order in (rows, best))
    canvas.describe(orders, "Predicted order: {}. True order: {}.".format(*names))


def _has_rival(truth: Truth) -> bool:
    return RIVAL in truth.rules and truth.rule != RIVAL and _accuracies(truth)


def _accuracies(truth: Truth) -> bool:
    return bool(truth.rows["is_accuracy"].all())


def _scatter(ax: Axes, truth: Truth, colours: dict[str, str], metric: str) -> None:
    rows = truth.rows
    size = 12 if len(rows) <= 12 else 9
    rival = truth.beside[truth.beside["rule"] == RIVAL].set_index("candidate")["value"] if _has_rival(truth) else None
    for row in reversed(rows.to_dict("records")):  # the best ones on top
        colour, true, predicted = colours[str(row["candidate"])], row["true_accuracy"], row["value"]
        if rival is not None and row["candidate"] in rival.index:
            other = rival[row["candidate"]]
            ax.plot([true, true], [other, predicted], color=colour, linewidth=0.8, linestyle=":", zorder=2)
            ax.plot(
                true, other, "o", color=colour, markerfacecolor="white", markersize=6, markeredgewidth=1.3, zorder=3
            )
        std = row["std"]
        ax.errorbar(true, predicted, std if std == std else None, color=colour, elinewidth=1.2, capsize=3, zorder=4)
        ax.plot(
            true, predicted, "o", color=colour, markersize=size, markeredgecolor="white", markeredgewidth=0.8, zorder=5
        )
        ax.annotate(
            f"{row['rank']:.0f}", (true, predicted), color=canvas.on_colour(colour), fontsize=0.62 * size, fontweight="bold",
            ha="center", va="center_baseline", zorder=6,
        )  # fmt: skip
    ax.set_xlim(*_limits([rows["true_accuracy"]]))
    if not _accuracies(truth):
        ax.set(xlabel=f"true {metric}", ylabel=f"{canvas.label(truth.rule, 30)}: a score that orders")
        return
    ax.axline((0.0, 0.0), slope=1.0, color=canvas.FAINT, linewidth=1.0, linestyle="--", zorder=1)
    ax.set_ylim(*_limits([rows["value"], rows["true_accuracy"], *([] if rival is None else [rival])]))
    ax.set(xlabel=f"true {metric}", ylabel=f"predicted {metric} (validation)")


def _limits(columns: "list[pd.Series[float]]") -> tuple[float, float]:
    """All values and a little air; two hundredths of accuracy at least, so that equal values do not blow up."""
    low, high = min(float(values.min()) for values in columns), max(float(values.max()) for values in columns)
    air = max(0.02, 0.1 * (high - low))
    return low - air, high + air


def _orders(ax: Axes, truth: Truth, colours: dict[str, str], room: int) -> None:
    rows = truth.rows
    places = rows["true_accuracy"].rank(ascending=False, method="first").astype(int)  # ties one below the other
    for place, true_place, row in zip(range(1, len(rows) + 1), places, rows.to_dict("records"), strict=True):
        colour, name = colours[str(row["candidate"])], canvas.label(row["candidate"], room)
        ax.plot([0, 1], [place, true_place], color=colour, linewidth=1.8, marker="o", markersize=5, clip_on=False)
        ax.text(-0.06, place, f"{name}  {row['rank']:.0f}", ha="right", va="center", fontsize=8.5, parse_math=False)
        ax.text(
            1.06, true_place, f"{row['true_rank']:.0f}  {name}", ha="left", va="center", fontsize=8.5, parse_math=False
        )
    ax.set(xlim=(-1.0, 2.0), ylim=(len(rows) + 0.7, 0.0))
    ax.text(0, 0.25, "predicted order", ha="center", fontweight="bold")
    ax.text(1, 0.25, "true order", ha="center", fontweight="bold")
    ax.set_axis_off()


DRAWING = Drawing(
    "predicted_vs_true",
    "",
    "In the plot of predicted against true {metric}, a marker on the dashed diagonal is a perfect prediction; the filled marker is the "
    "rule of this ranking, the hollow one the last-seen {metric}. Between the two orders, lines that cross are a pair in the wrong order.",
    draw,
)
