"""How many observations a rule needs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ncap.records.schema import Column, Table
from ncap.studies.case import Case
from ncap.studies.contract import LADDER, RULE, TARGET, TICKS, Asked, Study, judged, measured

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Observations(Study):
    """rho after 1, 2, 3, ... ticks, of every rule, as `ncap.compare` computes it."""

    name: ClassVar[str] = "observations"
    summary: ClassVar[str] = "How well does each rule order the candidates after so many observations?"
    shows: ClassVar[str] = "Table 1, Fig. S1"
    caption: ClassVar[str] = (
        "Spearman's rho between the order that a rule predicts after so many observations and the order in which the candidates ended. "
        "The band is the 95 % interval of the first rule over resampled candidates."
    )
    lacks: ClassVar[str] = "observation"
    table: ClassVar[Table] = judged(
        (TARGET, RULE, TICKS),
        "observations",
        "how well rules order the candidates, by the number of ticks",
        (Column("epoch", float, "epochs", "epochs trained at the last of these ticks, mean over runs and candidates"),),
    )

    def rows(self, cases: Sequence[Case], asked: Asked) -> list[dict[str, Any]]:
        """A row per target, rule and number of ticks."""
        made = []
        for case in cases:
            trial = case.trial(asked.horizon)
            epochs = case.records.observations.groupby("tick")["epoch"].mean()
            counts = asked.counts(LADDER, case.last)
            made += [
                {"target": case.target, "rule": rule.name, "ticks": count, "epoch": epochs[count]}
                | measured(trial.row(rule, count))
                for rule in asked.rules
                for count in counts
            ]
        return made

    def draw(self, table: "pd.DataFrame") -> "Figure":
        """A panel per target, a line per rule."""
        from ncap.studies.lines import draw_lines

        return draw_lines(table, "ticks", "observations")
