"""Predicted against true accuracy, and the predicted order beside the true one."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ncap.report.comparison import Comparison, rho_text
from ncap.report.figures import canvas


def draw(comparison: Comparison, colours: dict[str, str]) -> Figure | None:
    """Left: a scatter with the diagonal, numbered by predicted rank. Right: the two orders with every name, crossing where they differ."""
    if comparison.rows.empty:
        return None
    count = len(comparison.rows)
    figure = canvas.sheet(10.5, max(4.9, 0.26 * count + 1.2))
    scatter, orders = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _scatter(scatter, comparison, colours)
    _orders(orders, comparison, colours)
    canvas.legend(
        figure,
        [
            ("predicted ± std, numbered by predicted rank", {"marker": "o", "linestyle": "", "markersize": 9}),
            ("last seen", {"marker": "o", "linestyle": "", "markersize": 6, "markerfacecolor": "white"}),
            ("predicted = true", {"linewidth": 1.0, "linestyle": "--", "color": canvas.FAINT}),
        ],
        title=f"Spearman's rho with the true order: ncap {rho_text(comparison.rho_predicted)}, last-seen accuracy "
        f"{rho_text(comparison.rho_last_seen)} ({count} candidate{'s'[: count != 1]})",
    )
    return figure


def _scatter(ax: Axes, comparison: Comparison, colours: dict[str, str]) -> None:
    size = 12 if len(comparison.rows) <= 12 else 9
    for row in reversed(comparison.rows.to_dict("records")):  # the best ones on top
        colour, true, predicted = colours[str(row["candidate"])], row["true_accuracy"], row["predicted_accuracy"]
        last_seen, std = row["last_seen_accuracy"], row["predicted_std"]
        ax.plot([true, true], [last_seen, predicted], color=colour, linewidth=0.8, linestyle=":", zorder=2)
        ax.plot(
            true, last_seen, "o", color=colour, markerfacecolor="white", markersize=6, markeredgewidth=1.3, zorder=3
        )
        ax.errorbar(true, predicted, std if std == std else None, color=colour, elinewidth=1.2, capsize=3, zorder=4)
        ax.plot(
            true, predicted, "o", color=colour, markersize=size, markeredgecolor="white", markeredgewidth=0.8, zorder=5
        )
        ax.annotate(
            f"{row['rank']:.0f}", (true, predicted), color=canvas.on_colour(colour), fontsize=0.62 * size, fontweight="bold",
            ha="center", va="center_baseline", zorder=6,
        )  # fmt: skip
    ax.axline((0.0, 0.0), slope=1.0, color=canvas.FAINT, linewidth=1.0, linestyle="--", zorder=1)
    ax.set_xlim(*_limits(comparison.rows[["true_accuracy"]]))
    ax.set_ylim(*_limits(comparison.rows[["predicted_accuracy", "last_seen_accuracy", "true_accuracy"]]))
    ax.set(xlabel="true accuracy", ylabel="predicted or last-seen accuracy (validation)")


def _limits(values: pd.DataFrame) -> tuple[float, float]:
    """All values and a little air; two hundredths of accuracy at least, so that equal values do not blow up."""
    low, high = float(values.min().min()), float(values.max().max())
    air = max(0.02, 0.1 * (high - low))
    return low - air, high + air


def _orders(ax: Axes, comparison: Comparison, colours: dict[str, str]) -> None:
    rows = comparison.rows
    places = rows["true_accuracy"].rank(ascending=False, method="first").astype(int)  # ties one below the other
    for place, true_place, row in zip(range(1, len(rows) + 1), places, rows.to_dict("records"), strict=True):
        colour, name = colours[str(row["candidate"])], canvas.label(row["candidate"], 20)
        ax.plot([0, 1], [place, true_place], color=colour, linewidth=1.8, marker="o", markersize=5, clip_on=False)
        ax.text(-0.06, place, f"{name}  {row['rank']:.0f}", ha="right", va="center", fontsize=8.5, parse_math=False)
        ax.text(
            1.06, true_place, f"{row['true_rank']:.0f}  {name}", ha="left", va="center", fontsize=8.5, parse_math=False
        )
    ax.set(xlim=(-1.0, 2.0), ylim=(len(rows) + 0.7, 0.0))
    ax.text(0, 0.25, "predicted order", ha="center", fontweight="bold")
    ax.text(1, 0.25, "true order", ha="center", fontweight="bold")
    ax.set_axis_off()
