"""The predicted order beside the true one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ncap.ranking import spearman


@dataclass(frozen=True)
class Comparison:
    """The candidates that have both a prediction and a true accuracy, in predicted order, and the two rank correlations.

    `rows` has the columns of ranking.csv and true_accuracy, true_epochs, true_rank (1 is the best; equal accuracies share the
    better rank). A rho is NaN where it is not defined: fewer than two candidates, or all values equal.
    """

    rows: pd.DataFrame
    rho_predicted: float
    rho_last_seen: float

    @property
    def summary(self) -> str:
        """Both rhos, which of them is higher, and how little that proves."""
        models = _count(len(self.rows), "model")
        evidence = f"{models} {'is' if len(self.rows) == 1 else 'are'} an example, not evidence."
        rhos = (
            f"Spearman's rho with the true order: {rho_text(self.rho_predicted)} for ncap, "
            f"{rho_text(self.rho_last_seen)} for last-seen accuracy"
        )
        if np.isnan(self.rho_predicted) or np.isnan(self.rho_last_seen):
            return f"{rhos}. {evidence}"
        if np.isclose(self.rho_predicted, self.rho_last_seen):
            return f"{rhos}: both order these models equally well. {evidence}"
        winner = "ncap" if self.rho_predicted > self.rho_last_seen else "last-seen accuracy"
        return f"{rhos}: {winner} orders these models better. {evidence}"


def compare(table: pd.DataFrame, truth: pd.DataFrame) -> Comparison:
    """Join the ranking with the accuracies that the networks really ended with.

    `truth` has the columns candidate, true_accuracy and true_epochs, one row per candidate; candidates without a prediction, or
    without a row in `truth`, are left out. Raises TypeError for what is no table; ValueError for a missing column, a candidate named
    twice, and accuracies that are not fractions.

    >>> table = pd.DataFrame({"rank": [1, 2], "candidate": ["a", "b"], "predicted_accuracy": [0.9, 0.8],
    ...                       "last_seen_accuracy": [0.5, 0.6]})
    >>> truth = pd.DataFrame({"candidate": ["b", "a"], "true_accuracy": [0.7, 0.8], "true_epochs": 30})
    >>> c = compare(table, truth)
    >>> c.rows[["candidate", "true_accuracy", "true_rank"]].values.tolist()
    [['a', 0.8, 1], ['b', 0.7, 2]]
    >>> round(c.rho_predicted, 6), round(c.rho_last_seen, 6)
    (1.0, -1.0)
    """
    columns = ["candidate", "true_accuracy", "true_epochs"]
    if not isinstance(truth, pd.DataFrame):
        raise TypeError(f"truth must be a pandas DataFrame with the columns {columns}, got {type(truth).__name__}")
    missing = [column for column in columns if column not in truth.columns]
    if missing:
        raise ValueError(f"truth: missing {missing}; pass the columns {columns}, got {list(truth.columns)}")
    if truth["candidate"].duplicated().any():
        twice = truth.loc[truth["candidate"].duplicated(), "candidate"].tolist()
        raise ValueError(f"truth: pass one row per candidate, got several for {twice}")
    accuracies = pd.to_numeric(truth["true_accuracy"], errors="coerce")
    odd = truth["true_accuracy"][~accuracies.between(0, 1) & truth["true_accuracy"].notna()].tolist()
    if odd:
        raise ValueError(f"truth: true_accuracy must be numbers in 0..1, got {odd[0]!r}; pass fractions, not percent")
    rows = table.merge(truth[columns], on="candidate", how="inner")
    rows = rows.dropna(subset=["predicted_accuracy", "true_accuracy"]).sort_values("rank")
    rows = rows.assign(true_rank=rows["true_accuracy"].rank(ascending=False, method="min").astype(int))
    return Comparison(
        rows.reset_index(drop=True),
        rho(rows["predicted_accuracy"], rows["true_accuracy"]),
        rho(rows["last_seen_accuracy"], rows["true_accuracy"]),
    )


def rho(predicted: pd.Series, true: pd.Series) -> float:
    """Spearman's rho over the pairs without NaN; NaN where it is not defined."""
    both = predicted.notna() & true.notna()
    return spearman(predicted[both], true[both])


def rho_text(value: float) -> str:
    """The correlation with two decimals.

    >>> rho_text(0.8095), rho_text(float("nan"))
    ('0.81', 'not defined')
    """
    return "not defined" if np.isnan(value) else f"{value:.2f}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
