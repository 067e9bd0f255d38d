"""The tables of the ranking in a terminal.

Every cell is a rich Text, which knows no markup: a candidate named "[red]" is printed as "[red]".
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from ncap.metrics import METRICS, Metric
from ncap.ranking.order import Ranking, score_columns, ties
from ncap.report.numbers import accuracy, beta, score, seconds, whole, with_deviation
from ncap.rules.contract import Rule
from ncap.terminal import name_cell

if TYPE_CHECKING:
    import pandas as pd

_STATUS_STYLE = {"ok": "green", "fallback": "yellow", "failed": "red"}


def ranking_table(table: "pd.DataFrame", metric: Metric = METRICS["accuracy"]) -> Table:
    """The ranking as a rich table, one line per candidate and within 80 columns; ties and notes stand below it.

    metric: what its accuracies are; one that is not plain accuracy stands in the heading.

    best_seen_accuracy, epochs and runs are in ranking.csv and on the page only.
    """
    shown = _table(_title(table, metric), ["rank", "predicted", "last seen", "beta_eff", "train s", "beta s"])
    shown.add_column("status", no_wrap=True, vertical="bottom")
    for row in table.to_dict("records"):
        shown.add_row(
            Text(whole(row["rank"])),
            name_cell(row["candidate"]),
            Text(with_deviation(row["predicted_accuracy"], row["predicted_std"])),
            Text(accuracy(row["last_seen_accuracy"])),
            Text(beta(row["beta_eff"])),
            Text(seconds(row["seconds_train"])),
            Text(seconds(row["seconds_beta"])),
            Text(str(row["status"]), style=_STATUS_STYLE.get(str(row["status"]), "")),
        )
    remarks = [f"predicted the same: {', '.join(names)}" for names in ties(table)]
    remarks += [
        f"{row['candidate']}: {row['note']}"
        for row in table.to_dict("records")
        if isinstance(row["note"], str) and row["note"]
    ]
    shown.caption = name_cell("\n".join(remarks)) if remarks else None
    return shown


def scores_table(table: "pd.DataFrame") -> Table | None:
    """The scores beside the predicted accuracy, in the ranking's order; None where the records hold none."""
    names = score_columns(table)
    if not names:
        return None
    shown = _table("Scores before training; the larger the better", ["rank", "predicted", *map(_words, names.values())])
    for row in table.to_dict("records"):
        shown.add_row(
            Text(whole(row["rank"])),
            name_cell(row["candidate"]),
            Text(accuracy(row["predicted_accuracy"])),
            *(Text(score(row[name])) for name in names),
        )
    return shown


def _words(name: str) -> str:
    return name.replace("_", " ")


def truth_table(ranking: Ranking, truth: "pd.DataFrame", rules: Sequence[str | Rule] | None = None) -> Table:
    """What every rule predicts beside the true accuracy, in the ranking's order, with the rho of each rule below.

    `truth` and `rules` as in `ncap.report.truth.truth_of`, which also says what is refused.
    """
    from ncap.report.truth import rho_text, truth_of

    known = truth_of(ranking, truth, rules)
    epochs = sorted({whole(row["true_epochs"]) for row in known.by_candidate}, key=len)
    after = f" after {epochs[0]} epochs" if len(epochs) == 1 else ""
    names = [rule.replace("_", " ") for rule in known.rules]
    shown = _table(f"Predicted beside true accuracy{after}", ["rank", *names, "true", "true rank"], padding=0)
    for row in known.by_candidate:
        shown.add_row(
            Text(whole(row["rank"])),
            name_cell(row["candidate"]),
            *(Text(_value(cell)) for cell in row["rules"]),
            Text(accuracy(row["true_accuracy"])),
            Text(whole(row["true_rank"])),
        )
    shown.add_section()
    shown.add_row("", Text("Spearman's rho"), *(Text(rho_text(rho)) for rho in known.rhos), "", "")
    return shown


def truth_summary(ranking: Ranking, truth: "pd.DataFrame", rules: Sequence[str | Rule] | None = None) -> str:
    """Spearman's rho of every rule with the true order, which is the highest, and how little that proves."""
    from ncap.report.truth import truth_of

    return truth_of(ranking, truth, rules).summary


def _value(cell: "dict[str, object] | None") -> str:
    """An accuracy, or a score in three digits."""
    if cell is None:
        return accuracy(float("nan"))
    value = float(cell["value"])  # type: ignore[arg-type]
    return accuracy(value) if cell["is_accuracy"] else beta(value)


def _title(table: "pd.DataFrame", metric: Metric) -> str:
    """The heading with the metric, and rule and reading where they are the same for all, as in a ranking."""
    rules, readings = sorted(set(table["rule"])), sorted({reading for reading in table["reading"] if reading})
    words = [f"rule {rule}" for rule in rules] + [f"reading {reading}" for reading in readings]
    order = "Predicted order" if metric.name == "accuracy" else f"Predicted order by {metric.words}"
    return f"{order}: {', '.join(words)}" if words else order


def _table(title: str, headings: list[str], padding: int = 1) -> Table:
    """Right-aligned columns, broken into short lines, with the candidate's name after the first."""
    shown = Table(
        title=name_cell(title), box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left", header_style="bold",
        title_style="italic", collapse_padding=True, pad_edge=False, padding=(0, padding),
    )  # fmt: skip
    for place, heading in enumerate(headings):
        shown.add_column(Text(heading.replace(" ", "\n", 1)), justify="right", no_wrap=True, vertical="bottom")
        if place == 0:
            shown.add_column("candidate", overflow="fold", min_width=10, vertical="bottom")
    return shown
