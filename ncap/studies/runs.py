"""Whether averaging over runs orders candidates better than a single run of each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ncap.records.schema import Column, Table
from ncap.records.tables import Records
from ncap.studies.case import Case
from ncap.studies.contract import RULE, TARGET, TICKS, Asked, Study, judged, measured

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

USUAL = 5  # ticks
MEAN = "mean"


class Runs(Study):
    """rho of the mean over runs beside rho of every run alone, which has one training per candidate.

    The truth of both is how the candidates ended in the mean over all runs; `rho_own` judges a single run by its own end instead.
    """

    name: ClassVar[str] = "runs"
    summary: ClassVar[str] = "Does the mean over the runs order the candidates better than a single run?"
    shows: ClassVar[str] = "Fig. S2"
    caption: ClassVar[str] = (
        "Spearman's rho of every single run (small), and of the mean over the runs (large), with the order in which the candidates ended "
        "in the mean over all runs."
    )
    lacks: ClassVar[str] = "job with two runs of its candidates"
    table: ClassVar[Table] = judged(
        (TARGET, RULE, TICKS, Column("run", str, "", "number of the run, or mean: all of them averaged")),
        "runs",
        "how well rules order the candidates from single runs and from their mean",
        (Column("rho_own", float, "", "rho with how the candidates ended in this run alone; of the mean, rho itself"),),
    )

    def rows(self, cases: Sequence[Case], asked: Asked) -> list[dict[str, Any]]:
        """A row per target, rule and number of ticks for the mean, and one for every run."""
        made = []
        for case in cases:
            numbers = sorted(set(case.records.observations["run"]))
            if len(numbers) < 2:
                continue
            whole, alone = case.trial(asked.horizon), {}
            for run in numbers:
                own = case.ends[case.ends["run"] == run].set_index("candidate")["accuracy"]
                part = one_run(case.records, run)
                alone[run] = case.trial(asked.horizon, part), case.trial(asked.horizon, part, own)
            for rule in asked.rules:
                for count in asked.counts((USUAL,), case.last):
                    known = {"target": case.target, "rule": rule.name, "ticks": count}
                    mean = whole.row(rule, count)
                    made.append(known | {"run": MEAN} | measured(mean) | {"rho_own": mean["rho"]})
                    for run, (judged_by_all, judged_by_own) in alone.items():
                        row, own_rho = judged_by_all.row(rule, count), judged_by_own.row(rule, count)["rho"]
                        made.append(known | {"run": str(run)} | measured(row) | {"rho_own": own_rho})
        return made

    def draw(self, table: "pd.DataFrame") -> "Figure":
        """A panel per target; a column of points per rule and number of ticks."""
        from ncap.report.figures import canvas
        from ncap.studies.lines import averaged, rule_style

        shown = averaged(table, ["rule", "ticks", "run"])
        targets = list(dict.fromkeys(shown["target"]))
        figure, axes = canvas.panels(len(targets), height=2.1)
        for ax, target in zip(axes, targets, strict=True):
            _panel(ax, shown[shown["target"] == target], rule_style(shown))
            canvas.heading(ax, np.nan, target)
        low = float(shown["rho"].min())
        axes[0].set_ylim((low if np.isfinite(low) else 0.0) - 0.05, 1.05)
        figure.supylabel("Spearman's rho")
        points = {"marker": "o", "linestyle": ""}
        canvas.legend(
            figure,
            [
                ("a single run", points | {"markersize": 4, "alpha": 0.55}),
                ("mean over the runs", points | {"markersize": 9, "markerfacecolor": "none"}),
            ],
        )
        return figure


def _panel(ax: "Axes", rows: "pd.DataFrame", styles: dict[str, dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(rows[["rule", "ticks"]].itertuples(index=False, name=None)))
    for place, (rule, ticks) in enumerate(columns):
        own = rows[(rows["rule"] == rule) & (rows["ticks"] == ticks)]
        alone = own.loc[own["run"] != MEAN, "rho"].to_numpy()
        style = styles[rule] | {"linestyle": ""}
        # Side by side, because single runs often have the same rho.
        aside = 0.22 * (np.arange(len(alone)) - (len(alone) - 1) / 2) / max(len(alone) - 1, 1)
        ax.plot(place + aside, alone, **style | {"markersize": 4, "alpha": 0.55})
        ax.plot(
            [place],
            own.loc[own["run"] == MEAN, "rho"],
            **style | {"markersize": 9, "markerfacecolor": "none"},
            zorder=4,
        )
    several = rows["ticks"].nunique() > 1
    names = [f"{rule}\n{ticks} ticks" if several else rule for rule, ticks in columns]
    ax.set_xticks(range(len(columns)), names, rotation=30, ha="right", parse_math=False)
    ax.set_xlim(-0.6, len(columns) - 0.4)
    ax.grid(visible=False, axis="x")


def one_run(records: Records, run: int) -> Records:
    """The rows of one run of every candidate.

    >>> import pandas as pd
    >>> from ncap.records.loading import load
    >>> seen = pd.DataFrame({"settings": "s", "target": "t", "candidate": "a", "run": [0, 1], "tick": 1, "epoch": 1.0})
    >>> one_run(load({"observations": seen}), 1).observations["run"].tolist()
    [1]
    """
    kept = {
        name: table[table["run"] == run].reset_index(drop=True)
        for name in ("observations", "readings", "failures")
        for table in [getattr(records, name)]
    }
    return replace(records, **kept)
