"""What the figures of studies share: a panel per target with a line per rule, over some number that was varied."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ncap.report.figures import canvas

MOST_PANELS = 12
_MARK: dict[str, Any] = {"color": canvas.FAINT, "linewidth": 1.6}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # a figure never tells by colour alone
_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (8, 2)), (0, (1, 3)), (0, (5, 1, 1, 1, 1, 1)), (0, (3, 5, 1, 5)))


def draw_lines(
    table: pd.DataFrame, x: str, label: str, kind: str | None = None, mark: tuple[float, str] | None = None
) -> Figure:
    """rho over a column of the table.

    Args:
        x: the column; label: what it is, for the axis.
        kind: a column whose values are drawn in lines of different dashes.
        mark: where a grey line marks what the paper found, and what that is; None for no line.
    """
    shown = averaged(table.assign(kind=table[kind] if kind else ""), ["rule", "kind", x])
    targets, styles = list(dict.fromkeys(shown["target"])), rule_style(shown)
    dashes = {kind: _DASHES[place % len(_DASHES)] for place, kind in enumerate(dict.fromkeys(shown["kind"]))}
    figure, axes = canvas.panels(len(targets), height=2.1)
    for ax, target in zip(axes, targets, strict=True):
        _panel(ax, shown[shown["target"] == target], x, styles, dashes)
        if mark is not None:
            ax.axvline(mark[0], **_MARK, zorder=1)
        canvas.heading(ax, np.nan, target)
    axes[0].set_ylim(*_limits(shown))
    _axis(axes, shown[x])
    figure.supxlabel(label)
    figure.supylabel("Spearman's rho")
    entries: list[canvas.Entry] = [(rule, style | {"markersize": 4}) for rule, style in styles.items()]
    if len(dashes) > 1:
        entries += [(word, {"linestyle": dash, "linewidth": 1.6}) for word, dash in dashes.items()]
    canvas.legend(figure, entries if mark is None else [*entries, (mark[1], _MARK)])
    return figure


def averaged(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The table, or where it has more targets than panels have room, its means over them, as one target.

    >>> table = pd.DataFrame({"target": [f"t{i}" for i in range(20)], "rule": "last_seen", "rho": [0.0, 1.0] * 10})
    >>> averaged(table, ["rule"])[["target", "rho"]].values.tolist()
    [['mean over 20 targets', 0.5]]
    """
    count = table["target"].nunique()
    if count <= MOST_PANELS:
        return table
    measures = [name for name in ("rho", "rho_low", "rho_high") if name in table]
    means = table.groupby(list(keys), sort=False, as_index=False)[measures].mean()
    return means.assign(target=f"mean over {count} targets")


def rule_style(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Colour and marker of every rule in a table."""
    colours = canvas.colours(list(dict.fromkeys(table["rule"])))
    return {
        rule: {"color": colour, "marker": _MARKERS[place % len(_MARKERS)]}
        for place, (rule, colour) in enumerate(colours.items())
    }


def _panel(ax: Axes, rows: pd.DataFrame, x: str, styles: dict[str, dict[str, Any]], dashes: dict[str, Any]) -> None:
    for rule, kind in dict.fromkeys(rows[["rule", "kind"]].itertuples(index=False, name=None)):
        own = rows[(rows["rule"] == rule) & (rows["kind"] == kind)]
        line, first = own.sort_values(x), rule == next(iter(styles)) and kind == next(iter(dashes))
        ax.plot(
            line[x], line["rho"], **styles[rule], linestyle=dashes[kind], linewidth=1.6, markersize=4,
            zorder=4 if first else 3,
        )  # fmt: skip
        if first:
            ax.fill_between(
                line[x],
                line["rho_low"],
                line["rho_high"],
                color=styles[rule]["color"],
                alpha=0.12,
                linewidth=0,
                zorder=0,
            )


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """All lines, and of the bands what lies above 0 or above the lowest line."""
    low = float(rows["rho"].min())
    floor = min(low, max(float(rows["rho_low"].min()), 0.0)) if np.isfinite(low) else 0.0
    return max(floor - 0.05, -1.05), 1.05


def _axis(axes: Sequence[Axes], values: "pd.Series[float]") -> None:
    """A little air on both sides; whole numbers where all are."""
    low, high = float(values.min()), float(values.max())
    air = 0.04 * (high - low) or 0.5
    whole = bool((values % 1 == 0).all()) and high > 1
    for ax in axes:
        ax.set_xlim(low - air, high + air)
        ax.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10), integer=whole, min_n_ticks=1))
