"""The checked tables of one job, which every rule, ranking and report reads."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any

from ncap.arguments import suggestion
from ncap.records.schema import OBSERVATIONS, RECORDS, Column, RunKey, Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Records:
    """What is known of the candidates of one job.

    observations, readings, scores, failures: tables as `ncap.records.schema` describes them, in the order of their keys.
    settings, target: which job. first_reading: the reading written first; "" stands for the one in the first row of `readings`.
    facts: the job's parameters, versions and device, for people to read.
    """

    observations: "pd.DataFrame"
    readings: "pd.DataFrame"
    scores: "pd.DataFrame"
    failures: "pd.DataFrame"
    settings: str = ""
    target: str = ""
    first_reading: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def candidates(self) -> list[str]:
        """The names of all candidates in any table, in alphabetical order."""
        tables = (self.observations, self.scores, self.failures)
        return sorted({name for table in tables for name in table["candidate"]})

    def runs(self) -> list[RunKey]:
        """Every run that has an observation."""
        seen = self.observations[list(RunKey._fields)].drop_duplicates()
        return [RunKey(*row) for row in seen.itertuples(index=False, name=None)]

    @property
    def reading(self) -> str:
        """The job's first reading, which a rule uses unless another is named; "" if there is none."""
        if self.first_reading or not len(self.readings):
            return self.first_reading
        return str(self.readings["reading"].iloc[0])

    def truth(self) -> "pd.DataFrame":
        """How the networks have ended so far: target, candidate, test accuracy at the last tick (mean over runs), and its epoch.

        Runs that failed are left out, and with them a candidate that has no other. It is meant for judging predictions; no rule is given
        it. Warns where the runs have not all been trained equally long.
        """
        lost = self.failures[["candidate", "run"]].drop_duplicates()
        merged = self.observations.merge(lost, on=["candidate", "run"], how="left", indicator="failed")
        kept = self.observations[(merged["failed"] == "left_only").to_numpy()]
        last = kept.groupby(["target", "candidate", "run"]).tail(1).dropna(subset="test_accuracy")
        if last["epoch"].nunique() > 1:
            ends = last.groupby("candidate")["epoch"]
            warnings.warn(
                f"the candidates' runs have ended after different numbers of epochs, {unequal(ends.min(), ends.max())}: their last "
                "accuracies do not compare; train all to the same epoch, or pass the accuracies that they really reach",
                stacklevel=2,
            )
        ended = last.groupby(["target", "candidate"])[["test_accuracy", "epoch"]].mean().dropna(subset="test_accuracy")
        return ended.reset_index().rename(columns={"test_accuracy": "accuracy", "epoch": "epochs"})

    def of(
        self,
        candidates: "list[str] | None" = None,
        runs: int | None = None,
        epochs: float | None = None,
        ticks: int | None = None,
    ) -> "Records":
        """The rows of some candidates, or of the first runs, epochs or ticks; None takes all."""
        observations, failures, scores = self.observations, self.failures, self.scores
        if candidates is not None:
            observations, failures, scores = (
                table[table["candidate"].isin(candidates)] for table in (observations, failures, scores)
            )
        if runs is not None:
            observations, failures = observations[observations["run"] < runs], failures[failures["run"] < runs]
        if epochs is not None:
            observations, failures = (
                observations[observations["epoch"] <= epochs],
                failures[failures["epoch"] <= epochs],
            )
        if ticks is not None:
            # A run that was observed at the last of these ticks can only have failed later.
            seen = observations.loc[observations["tick"] >= ticks, ["candidate", "run"]].drop_duplicates()
            later = failures.merge(seen, on=["candidate", "run"], how="left", indicator=True)["_merge"] == "both"
            failures = failures[~later.to_numpy()]
            observations = observations[observations["tick"] <= ticks]
        kept = observations[list(OBSERVATIONS.key)]
        readings = self.readings.merge(kept, on=list(OBSERVATIONS.key), how="inner")
        return replace(
            self,
            observations=observations.reset_index(drop=True),
            readings=readings,
            scores=scores.reset_index(drop=True),
            failures=failures.reset_index(drop=True),
        )

    def upto(self, ticks: Mapping[RunKey, int]) -> "Records":
        """The first ticks of every run, so many as are given for it; a failure that a run had only after them is left out."""
        run = list(RunKey._fields)
        keys = [RunKey(*row) for row in self.observations[run].itertuples(index=False, name=None)]
        kept = self.observations.groupby(run).cumcount().to_numpy() < [ticks.get(key, 0) for key in keys]
        ends = self.observations[kept].groupby(run)["epoch"].max().to_dict()
        cut = {key for key, one in zip(keys, kept, strict=True) if not one}
        within = [
            RunKey(*key) not in cut or epoch <= ends.get(tuple(key), 0)
            for *key, epoch in self.failures[[*run, "epoch"]].itertuples(index=False, name=None)
        ]
        return replace(self, observations=self.observations[kept], failures=self.failures.loc[within]).of()


def unequal(least: "pd.Series[float]", most: "pd.Series[float]") -> str:
    """A candidate that was trained briefly and one that was trained for long, in words."""
    return f"{least.idxmin()} after {least.min():g} and {most.idxmax()} after {most.max():g}"


def checked_table(table: Table, rows: Any) -> "pd.DataFrame":
    """Rows with the columns, types and order of a table. Missing columns are filled: floats with NaN, texts with "", counts with 0.

    Raises: TypeError for anything but a DataFrame; ValueError for a key that is missing, not given in every row or repeated, for a column
    that seems misspelt, and for values of the wrong type or outside what their unit allows; the message names the column.

    >>> import pandas as pd
    >>> from ncap.records.schema import SCORES
    >>> checked_table(SCORES, pd.DataFrame({"settings": ["s"], "target": ["t"], "candidate": ["a"], "score": ["knn"]}))["note"].tolist()
    ['']
    """
    import pandas as pd

    if not isinstance(rows, pd.DataFrame):
        raise TypeError(
            f"{table.name} must be a pandas DataFrame, got {type(rows).__name__}; make one: pd.DataFrame(rows)"
        )
    if missing := [name for name in table.key if name not in rows.columns]:
        raise ValueError(f"{table.name}: missing {missing}; the columns are {', '.join(table.names)}")
    _check_spelling(table, rows)
    converted = {}
    for name, kind in table.types.items():
        column = rows[name] if name in rows.columns else pd.Series([kind()] * len(rows), index=rows.index, dtype=kind)
        if name not in rows.columns and kind is float:
            column = pd.Series(float("nan"), index=rows.index)
        converted[name] = _converted(f"{table.name}.{name}", column, kind, required=name in table.key)
        _check_span(f"{table.name}.{name}", converted[name], table[name])
    result = pd.DataFrame(converted).reset_index(drop=True)
    if (twice := result.duplicated(list(table.key))).any():
        row = ", ".join(map(str, result.loc[twice, list(table.key)].iloc[0]))
        raise ValueError(f"{table.name}: one row per {', '.join(table.key)}, got several for {row}")
    # The readings of a tick keep their order: the first is the job's own.
    order = [name for name in table.key if name != "reading"]
    result = result.sort_values(order, kind="stable", ignore_index=True)
    if table is OBSERVATIONS:
        _check_order(result)
    return result


def _check_order(observations: "pd.DataFrame") -> None:
    """Refuse ticks of a run that are in another order than its epochs: the last seen would not be the last trained."""
    known = observations[observations["epoch"].abs() < inf]
    falls = known.groupby(list(RunKey._fields), sort=False)["epoch"].diff() < 0
    if falls.any():
        first = known[falls].iloc[0]
        raise ValueError(
            f"observations.epoch must rise with the tick, but falls to {first['epoch']:g} at tick {first['tick']} of candidate "
            f"{first['candidate']!r}, run {first['run']}; number the ticks in the order of training"
        )


def _check_spelling(table: Table, rows: "pd.DataFrame") -> None:
    """Refuse a column that is missing where another has nearly its name, and a table without what it is read for: NaN would stand in."""
    absent = [name for name in table.names if name not in rows.columns]
    of_any = {name for one in RECORDS for name in one.names}
    for given in rows.columns:
        nearest = suggestion(given, absent) if isinstance(given, str) and given not in of_any else ""
        if nearest:
            raise ValueError(f"{table.name}: unknown column {given!r:.80}; {nearest}Rename it, or leave it out")
    if len(rows) and (needed := {"readings": "beta_eff", "truth": "accuracy"}.get(table.name)) in absent:
        raise ValueError(f"{table.name}: missing {[needed]}; the columns are {', '.join(table.names)}")


def _check_span(name: str, values: "pd.Series[Any]", column: Column) -> None:
    """Refuse what no clipping and no counting of ticks would notice: percent for fractions, ticks that count from 0."""
    if column.unit == "0..1" and (odd := values[((values < 0) | (values > 1)) & (values.abs() < inf)]).size:
        raise ValueError(f"{name} must be numbers in 0..1, got {odd.iloc[0]:g}; pass fractions, not percent")
    first = {"run": 0, "tick": 1}.get(column.name, 0)
    if column.name in ("run", "tick") and (odd := values[values < first]).size:
        raise ValueError(f"{name} must be at least {first}, got {odd.iloc[0]}: {column.name}s count from {first}")


def _converted(name: str, column: "pd.Series[Any]", kind: type, required: bool) -> "pd.Series[Any]":
    import pandas as pd

    if kind is not float and column.isna().any():
        if required:
            raise ValueError(f"{name} must be given in every row, row {column.index[column.isna()][0]} lacks one")
        column = column.where(column.notna(), kind())
    if kind is str:
        return column.astype(str)
    if not pd.api.types.is_numeric_dtype(column) and column.dtype != object:
        raise ValueError(f"{name} must hold numbers, got dtype {column.dtype}; convert it with pd.to_numeric")
    try:
        numbers = column.astype(float)
    except (TypeError, ValueError):
        odd = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
        first = (odd if len(odd) else column).iloc[0]
        raise ValueError(f"{name} must hold numbers, got {first!r:.80}; convert it with pd.to_numeric") from None
    if kind is int and not (numbers == numbers.round()).all():
        raise ValueError(f"{name} must hold whole numbers, got {numbers[numbers != numbers.round()].iloc[0]}")
    return numbers.astype(kind)
