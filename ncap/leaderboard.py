"""The ranking of candidates, made from the table of observations alone: no training, no deep-learning framework."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ncap.store import Store

if TYPE_CHECKING:
    import pandas as pd

# What a ranking reads of a table of observations and of one of failures; `ncap.store` holds more.
OBSERVED = [
    "candidate",
    "run",
    "epoch",
    "beta_eff",
    "val_accuracy",
    "degenerate",
    "seconds_train",
    "seconds_beta",
    "reading",
]
FAILED = ["candidate", "run", "epoch", "reason"]

# Columns of ranking.csv.
COLUMNS = [
    "rank", "candidate", "predicted_accuracy", "predicted_std", "last_seen_accuracy", "best_seen_accuracy", "beta_eff", "epochs",
    "runs", "seconds_train", "seconds_beta", "reading", "status", "note",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ranking:
    """Candidates in the order of their predicted accuracies.

    Attributes:
        table: one row per candidate, best first, with the columns of ranking.csv; predicted from the mean over its runs. Accuracies
            lie in 0..1, seconds are sums over runs and epochs, failed candidates come last without a prediction.
        runs: the same per run, with a column `run`, ranked within each run.
        observations: the rows of the store that belong to the job, one per candidate, run and epoch (counted from 1).
        target: name of the data set.
        facts: settings, versions and device of the job.
    """

    table: "pd.DataFrame"
    runs: "pd.DataFrame"
    observations: "pd.DataFrame"
    target: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def candidates(self) -> list[str]:
        """The names, best first."""
        return self.table["candidate"].tolist()

    def __repr__(self) -> str:
        """The first columns of the table."""
        return f"Ranking of {len(self.table)} candidates on {self.target}\n" + self.table[COLUMNS[:6]].to_string(
            index=False
        )


def from_store(
    store: Store,
    settings: str,
    target: str,
    candidates: Sequence[str] | None = None,
    epochs: int | None = None,
    runs: int | None = None,
) -> Ranking:
    """The ranking of one job in a store, without training; None takes all candidates, epochs or runs that are there.

    Raises: ValueError for a job that the store does not hold.
    """
    job = store.job(settings, target)
    observations, failures = store.observations(settings, target), store.failures(settings, target)
    if candidates is not None:
        observations = observations[observations["candidate"].isin(candidates)]
        failures = failures[failures["candidate"].isin(candidates)]
    if runs is not None:
        observations, failures = observations[observations["run"] < runs], failures[failures["run"] < runs]
    if epochs is not None:
        observations, failures = observations[observations["epoch"] <= epochs], failures[failures["epoch"] <= epochs]
    facts = {"settings": settings, "store": str(store.path), **job["parameters"], **job["environment"]}
    return from_observations(observations.reset_index(drop=True), failures, target, facts)


def from_observations(
    observations: "pd.DataFrame",
    failures: "pd.DataFrame | None" = None,
    target: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Ranking:
    """The ranking that a table of observations gives, whoever made it.

    A prediction reads the columns beta_eff and val_accuracy only. Rows are averaged over the runs of a candidate that did not fail,
    epoch by epoch; epochs that a run lacks, or where beta_eff is NaN, are dropped before h is fitted. Equal predictions are ordered
    by name.

    Args:
        observations: columns of `ncap.store.OBSERVATION`, of one job.
        failures: columns candidate, run, epoch, reason of the runs that failed; None for none.

    Raises: TypeError or ValueError for what is no table, lacks a column, or has a row twice, as tables of two jobs together have.

    >>> import pandas as pd
    >>> rows = [{"candidate": name, "run": 0, "epoch": t, "beta_eff": 5 - t, "val_accuracy": top - 0.1 * (5 - t), "degenerate": False,
    ...          "seconds_train": 1.0, "seconds_beta": 0.1, "reading": "explicit/magnitude/unit"}
    ...         for name, top in [("a", 0.8), ("b", 0.9)] for t in range(1, 5)]
    >>> from_observations(pd.DataFrame(rows)).table[["rank", "candidate", "predicted_accuracy"]].round(3).values.tolist()
    [[1, 'b', 0.9], [2, 'a', 0.8]]
    """
    import pandas as pd

    _check_table("observations", observations, OBSERVED, unique=OBSERVED[:3])
    if failures is not None:
        _check_table("failures", failures, FAILED, unique=FAILED[:2])
    if not isinstance(target, str):
        raise TypeError(f"target must be a text, the name of the data set, got {target!r:.80}")
    if facts is not None and not isinstance(facts, Mapping):
        raise TypeError(f"facts must be a mapping of names to values, got {facts!r:.80}")
    failed: dict[tuple[str, int], str] = {}
    if failures is not None:
        failed = {
            (row["candidate"], row["run"]): f"epoch {row['epoch']}: {row['reason']}"
            for row in failures.to_dict("records")
        }
    names = sorted({*observations["candidate"], *(candidate for candidate, _ in failed)})
    lines, run_lines = [], []
    for name in names:
        rows = observations[observations["candidate"] == name]
        reasons = {run: reason for (candidate, run), reason in failed.items() if candidate == name}
        lines.append(_line(name, rows, reasons))
        for run in sorted({*rows["run"], *reasons}):
            own = {run: reasons[run]} if run in reasons else {}
            run_lines.append({"run": run, **_line(name, rows[rows["run"] == run], own)})
    per_run = [_ranked(lines) for _, lines in pd.DataFrame(run_lines, columns=["run", *COLUMNS[1:]]).groupby("run")]
    return Ranking(
        table=_ranked(pd.DataFrame(lines, columns=COLUMNS[1:])),
        runs=pd.concat(per_run, ignore_index=True) if per_run else pd.DataFrame(columns=["rank", "run", *COLUMNS[1:]]),
        observations=observations,
        target=target,
        facts=dict(facts or {}),
    )


def _check_table(name: str, table: Any, columns: Sequence[str], unique: Sequence[str]) -> None:
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"{name} must be a pandas DataFrame, got {type(table).__name__}; make one: pd.DataFrame(rows)")
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"{name}: missing {missing}; pass the columns {', '.join(columns)}")
    texts = [c for c in ("beta_eff", "val_accuracy") if c in columns and not pd.api.types.is_numeric_dtype(table[c])]
    if texts and len(table):
        raise ValueError(
            f"{name}: {texts[0]} must hold numbers, got dtype {table[texts[0]].dtype}; convert it with pd.to_numeric"
        )
    nameless = table[list(unique)].isna().any(axis=1)
    if nameless.any():
        raise ValueError(
            f"{name}: {', '.join(unique)} must be given in every row, row {table.index[nameless][0]} lacks one"
        )
    twice = table.duplicated(list(unique))
    if twice.any():
        row = ", ".join(map(str, table.loc[twice, list(unique)].iloc[0]))
        raise ValueError(f"{name}: one row per {', '.join(unique)}, got several for {row}; pass the rows of one job")


def mean_over_runs(rows: "pd.DataFrame") -> "pd.DataFrame":
    """beta_eff and val_accuracy of every epoch, averaged over the runs in `rows`; NaN where a run has none.

    Over all runs or not at all: a mean over some of them would jump where one could not be read.
    """
    epochs = rows.groupby("epoch", sort=True)[["beta_eff", "val_accuracy"]]
    return epochs.mean().where(epochs.count() == rows["run"].nunique())


def _line(candidate: str, rows: "pd.DataFrame", failures: Mapping[int, str]) -> dict[str, Any]:
    """One candidate's line of the table; `failures` maps a failed run to its reason."""
    finished = rows[~rows["run"].isin(list(failures))]
    seen = rows if finished.empty else finished
    mean = mean_over_runs(seen).dropna(subset="val_accuracy")
    line = {
        "candidate": candidate,
        "last_seen_accuracy": mean["val_accuracy"].iloc[-1] if len(mean) else math.nan,
        "best_seen_accuracy": mean["val_accuracy"].max(),
        "beta_eff": mean["beta_eff"].iloc[-1] if len(mean) else math.nan,
        "epochs": len(mean),
        "runs": finished["run"].nunique(),
        "seconds_train": rows["seconds_train"].sum(),
        "seconds_beta": rows["seconds_beta"].sum(),
        "reading": rows["reading"].iloc[0] if len(rows) else "",
    }
    several = len({*rows["run"], *failures}) > 1
    notes = [f"{f'run {run} ' if several else ''}failed in {reason}" for run, reason in sorted(failures.items())]
    if finished.empty:
        return line | {
            "predicted_accuracy": math.nan,
            "predicted_std": math.nan,
            "status": "failed",
            "note": "; ".join(notes),
        }
    degenerate = int(finished["degenerate"].sum())
    if degenerate:
        notes.insert(0, f"{degenerate} of {len(finished)} readings degenerate")
    prediction = _predict(mean)
    notes.insert(0, prediction["note"])
    return line | prediction | {"note": "; ".join(note for note in notes if note)}


def _predict(mean: "pd.DataFrame") -> dict[str, Any]:
    """I* of the rows beta_eff and val_accuracy, in epoch order; the last accuracy seen where h cannot be fitted."""
    from ncap.predict import CapacitancePredictor

    if mean.empty:
        note = "no epoch that every run has"
        return {"predicted_accuracy": math.nan, "predicted_std": math.nan, "status": "fallback", "note": note}
    readable = mean.dropna()
    fallback = {"predicted_accuracy": mean["val_accuracy"].iloc[-1], "predicted_std": math.nan, "status": "fallback"}
    if readable.empty:
        return fallback | {"note": "last-seen accuracy: no epoch has a beta_eff"}
    fitted = CapacitancePredictor().fit(readable[["beta_eff"]].to_numpy(), readable["val_accuracy"].to_numpy())
    if fitted.status_ == "fallback":
        return fallback | {"note": fitted.note_}  # the last accuracy of all epochs, not of those with a reading only
    return {
        "predicted_accuracy": fitted.accuracy_,
        "predicted_std": fitted.std_,
        "status": fitted.status_,
        "note": fitted.note_,
    }


def _ranked(lines: "pd.DataFrame") -> "pd.DataFrame":
    ordered = lines.sort_values(["predicted_accuracy", "candidate"], ascending=[False, True], na_position="last")
    ranked = ordered.assign(rank=range(1, len(ordered) + 1))
    return ranked[["rank", *lines.columns]].reset_index(drop=True)
