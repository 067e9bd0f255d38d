"""The tables of the ranking in a terminal.

Every cell is a rich Text, which knows no markup: a candidate named "[red]" is printed as "[red]".
"""

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from ncap.report.numbers import accuracy, beta, seconds, whole, with_deviation

if TYPE_CHECKING:
    import pandas as pd

_STATUS_STYLE = {"ok": "green", "fallback": "yellow", "failed": "red"}


def ranking_table(table: "pd.DataFrame") -> Table:
    """The ranking as a rich table, one line per candidate and within 80 columns; the notes stand below it.

    best_seen_accuracy, epochs, runs and the reading are in ranking.csv and on the page only.
    """
    shown = _table("Predicted order", ["rank", "predicted", "last seen", "beta_eff", "train s", "beta s"])
    shown.add_column("status", no_wrap=True, vertical="bottom")
    for row in table.to_dict("records"):
        shown.add_row(
            Text(whole(row["rank"])),
            Text(str(row["candidate"])),
            Text(with_deviation(row["predicted_accuracy"], row["predicted_std"])),
            Text(accuracy(row["last_seen_accuracy"])),
            Text(beta(row["beta_eff"])),
            Text(seconds(row["seconds_train"])),
            Text(seconds(row["seconds_beta"])),
            Text(str(row["status"]), style=_STATUS_STYLE.get(str(row["status"]), "")),
        )
    notes = [
        f"{row['candidate']}: {row['note']}"
        for row in table.to_dict("records")
        if isinstance(row["note"], str) and row["note"]
    ]
    shown.caption = Text("\n".join(notes)) if notes else None
    return shown


def truth_table(table: "pd.DataFrame", truth: "pd.DataFrame") -> Table:
    """The predicted order beside the true one, in predicted order.

    `truth` has the columns candidate, true_accuracy, true_epochs; raises ValueError as `ncap.report.comparison.compare` does.
    """
    from ncap.report.comparison import compare

    shown = _table(
        "Predicted beside true order", ["predicted rank", "predicted", "last seen", "true", "true rank", "true epochs"]
    )
    for row in compare(table, truth).rows.to_dict("records"):
        shown.add_row(
            Text(whole(row["rank"])),
            Text(str(row["candidate"])),
            Text(with_deviation(row["predicted_accuracy"], row["predicted_std"])),
            Text(accuracy(row["last_seen_accuracy"])),
            Text(accuracy(row["true_accuracy"])),
            Text(whole(row["true_rank"])),
            Text(whole(row["true_epochs"])),
        )
    return shown


def truth_summary(table: "pd.DataFrame", truth: "pd.DataFrame") -> str:
    """Spearman's rho of ncap and of last-seen accuracy with the true order, whichever is higher, and how little that proves."""
    from ncap.report.comparison import compare

    return compare(table, truth).summary


def _table(title: str, headings: list[str]) -> Table:
    """Right-aligned columns, broken into short lines, with the candidate's name after the first."""
    shown = Table(
        title=title, box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left", header_style="bold",
        collapse_padding=True, pad_edge=False,
    )  # fmt: skip
    for place, heading in enumerate(headings):
        shown.add_column(heading.replace(" ", "\n", 1), justify="right", no_wrap=True, vertical="bottom")
        if place == 0:
            shown.add_column("candidate", overflow="fold", min_width=10, vertical="bottom")
    return shown
