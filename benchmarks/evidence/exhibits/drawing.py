"""What the figures of the exhibits share, in the style of the report's."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ncap.report.figures import canvas

# Drawn in a colour of their own; the others are grey.
STRONG = {
    "last_seen": ("#222222", "-"),
    "capacitance": ("#D55E00", "-"),
    "capacitance_forecast": ("#0072B2", "-"),
    "mean_seen": ("#009E73", "--"),
    "best_seen": ("#E69F00", "--"),
    "affine_curves": ("#56B4E9", "--"),
    "baker": ("#882255", "--"),
    "exp": ("#CC79A7", "--"),
    "capacitance[shuffled over epochs]": ("#D55E00", ":"),
    "capacitance_forecast[shuffled over epochs]": ("#56B4E9", ":"),
    "capacitance_forecast[training loss]": ("#332288", "-."),
    "capacitance_forecast[t^-0.7]": ("#E69F00", "-."),
}
TITLES = {"trained": "probe trained", "frozen": "probe frozen"}


def lines(rows: pd.DataFrame, measure: str, label: str, panel: str = "probe") -> Figure | None:
    """A measure against the epochs observed: one panel for each value of `panel` and each tier, the strong ones with their intervals."""
    if rows.empty:
        return None
    groups = list(rows.groupby(["tier", panel], sort=True))
    figure, axes = canvas.panels(len(groups), height=2.4)
    entries = {}
    for ax, ((tier, name), group) in zip(axes, groups, strict=True):
        for contestant, line in group.groupby("contestant", sort=False):
            key = str(contestant).removesuffix("[whole epochs]")
            colour, style = STRONG.get(key, (canvas.GRID, "-"))
            strong = key in STRONG
            ax.plot(line["epochs"], line[measure], style, color=colour if strong else canvas.FAINT,
                    linewidth=1.8 if strong else 0.6, marker="o" if strong else "", markersize=3.5,
                    zorder=3 if strong else 1)  # fmt: skip
            if strong:
                entries[key] = {"color": colour, "linestyle": style, "linewidth": 1.8}
                if style == "-":
                    ax.fill_between(line["epochs"], line[f"{measure}_low"], line[f"{measure}_high"], color=colour,
                                    alpha=0.10, linewidth=0)  # fmt: skip
        ax.set_title(f"{tier}, {TITLES.get(str(name), name)} ({cells(group)})")
        ax.set_xscale("log")
        canvas.logarithmic(ax.xaxis, 1, 10)
    figure.supxlabel("epochs observed (in brackets: candidates x targets x runs)")
    figure.supylabel(label)
    canvas.legend(figure, list(entries.items()))
    return figure


def cells(rows: pd.DataFrame) -> str:
    """What a panel is of: candidates x targets x runs."""
    first = rows.iloc[0]
    return f"{first['candidates']:g} x {first['targets']:g} x {first['runs']:g}"


def scatter(ax: Axes, rows: pd.DataFrame, title: str) -> None:
    """Predicted against final accuracy with the diagonal."""
    ax.axline((0, 0), slope=1, color=canvas.FAINT, linewidth=0.9, linestyle="--", zorder=1)
    ax.plot(rows["true_accuracy"], rows["predicted"], "o", color="#D55E00", markersize=5, zorder=3)
    ax.plot(rows["true_accuracy"], rows["last_seen"], "o", color="#222222", markersize=4, fillstyle="none", zorder=2)
    every = np.concatenate([rows["true_accuracy"], rows["last_seen"]])
    low, high = every.min(), every.max()
    air = max(0.02, 0.15 * (high - low))
    ax.set_xlim(low - air, high + air)
    ax.set_ylim(
        *np.clip([min(low, rows["predicted"].min()) - air, max(high, rows["predicted"].max()) + air], -0.02, 1.02)
    )
    ax.set_title(title)


def scatters(rows: pd.DataFrame) -> Figure | None:
    """A panel for every tier and target."""
    if rows.empty:
        return None
    groups = list(rows.groupby(["tier", "target"], sort=True))
    figure, axes = canvas.panels(len(groups), height=2.6, share_x=False, share_y=False)
    for ax, ((tier, target), group) in zip(axes, groups, strict=True):
        scatter(
            ax,
            group,
            f"{tier}, {target}: rho {group['rho'].iloc[0]:.2f} (last seen {group['rho_last_seen'].iloc[0]:.2f})",
        )
    figure.supxlabel("final test accuracy")
    figure.supylabel("predicted accuracy")
    dot = {"marker": "o", "linestyle": ""}
    canvas.legend(
        figure, [("capacitance, h(0)", dot | {"color": "#D55E00"}), ("last seen", dot | {"fillstyle": "none"})]
    )
    return figure
