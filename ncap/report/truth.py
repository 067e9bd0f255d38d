"""The predictions of several rules beside what came true."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ncap.ranking.comparison import beside, check_common, checked_truth, rhos, rules_beside_truth
from ncap.ranking.order import Ranking
from ncap.rules.contract import Rule

# What a ranking is compared with unless told otherwise: few enough for one table.
USUAL = ("capacitance", "capacitance_forecast", "last_seen", "best_seen", "mean_seen")


@dataclass(frozen=True, eq=False)
class Truth:
    """Rule by candidate, in one long table.

    Attributes:
        rule: the rule of the ranking.
        beside: the columns of `ncap.ranking.comparison.rules_beside_truth`; the ranking's rule comes first.
        rhos: rule -> Spearman's rho with the true order; NaN where it is not defined: fewer than two candidates, or all equal.
    """

    rule: str
    beside: pd.DataFrame
    rhos: "pd.Series[float]"

    @property
    def rules(self) -> list[str]:
        """The names of the rules that were compared."""
        return list(self.rhos.index)

    @property
    def rows(self) -> pd.DataFrame:
        """What the ranking's rule says beside the truth, one row per candidate, best first."""
        return self.beside[self.beside["rule"] == self.rule].reset_index(drop=True)

    @property
    def by_candidate(self) -> list[dict[Any, Any]]:
        """One entry per candidate: its row of `rows`, and under "rules" the row of every rule."""
        cells = {(row["rule"], row["candidate"]): row for row in self.beside.to_dict("records")}
        rows = self.rows.to_dict("records")
        return [row | {"rules": [cells.get((rule, row["candidate"])) for rule in self.rules]} for row in rows]

    @property
    def summary(self) -> str:
        """The rho of every rule, which is the highest, and how little that proves."""
        count = len(self.rows)
        evidence = (
            "1 model is an example, not evidence." if count == 1 else f"{count} models are an example, not evidence."
        )
        values = ", ".join(f"{rho_text(rho)} for {rule}" for rule, rho in self.rhos.items())
        words = f"Spearman's rho with the true order: {values}"
        defined = self.rhos.dropna()
        if len(defined) < 2:
            return f"{words}. {evidence}"
        best = [str(rule) for rule in defined.index[np.isclose(defined, defined.max())]]
        if len(best) == len(defined):
            return f"{words}: {'both' if len(best) == 2 else 'all'} order these models equally well. {evidence}"
        ends = "orders" if len(best) == 1 else "order"
        return f"{words}: {joined_words(best)} {ends} these models best. {evidence}"


def truth_of(ranking: Ranking, truth: pd.DataFrame, rules: Sequence[str | Rule] | None = None) -> Truth:
    """A ranking, and the rules that are compared with its own, beside what the networks really ended with.

    Args:
        truth: columns candidate, true_accuracy (0..1), true_epochs, one row per candidate; candidates without a prediction, or without a
            row here, are left out.
        rules: what to compare with; None takes the rules in USUAL.

    Raises: TypeError or ValueError for a truth or a rule that cannot be used.
    """
    others = [rule for rule in (USUAL if rules is None else rules) if getattr(rule, "name", rule) != ranking.rule]
    known = checked_truth(truth)
    order = ranking.table["candidate"]
    check_common(order.tolist(), known["candidate"].tolist())
    made = {name: ranking.predictions[name] for name in order if name in ranking.predictions}
    own = beside({ranking.rule: made}, known)
    ranks = ranking.table.set_index("candidate")["rank"]  # ties broken, and those that are left out counted
    tables = [own.assign(rank=own["candidate"].map(ranks).astype(int))]
    if others and ranking.records is not None:
        table = rules_beside_truth(ranking.records, truth, others, ranking.reading or None, ranking.horizon)
        tables.append(table[table["candidate"].isin(order)])
    together = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    values = rhos(together)
    if ranking.rule not in values.index:
        values = pd.Series({ranking.rule: float("nan"), **values}, name="rho")
    return Truth(ranking.rule, together, values)


def rho_text(value: float) -> str:
    """The correlation with two decimals.

    >>> rho_text(0.8095), rho_text(float("nan"))
    ('0.81', 'not defined')
    """
    return "not defined" if np.isnan(value) else f"{value:.2f}"


def joined_words(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    >>> joined_words(["a"]), joined_words(["a", "b"]), joined_words(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))
