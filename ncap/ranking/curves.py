"""From the tables of a job to what a rule reads of each candidate: the mean over the runs that did not fail."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ncap.arguments import suggestion
from ncap.ranking.doubts import is_dead
from ncap.records.schema import OBSERVATIONS
from ncap.records.tables import Records
from ncap.rules.contract import HORIZON, Curve

if TYPE_CHECKING:
    import pandas as pd

KEY = list(OBSERVATIONS.key)


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known of one candidate, in all its runs or in one.

    Attributes:
        candidate: its name.
        curve: the mean over the runs that did not fail; over all where all failed.
        rows: its observations joined with one reading, as `joined` makes them.
        failures: run -> why it failed; runs without a row included.
        scores: score -> value.
        target: what it was trained on; "" where no table says.
    """

    candidate: str
    curve: Curve
    rows: "pd.DataFrame"
    failures: dict[int, str]
    scores: dict[str, float]
    target: str = ""

    @property
    def finished(self) -> "pd.DataFrame":
        """The rows of the runs that did not fail."""
        return self.rows[~self.rows["run"].isin(list(self.failures))]

    @property
    def failed(self) -> bool:
        """Whether runs failed and none is left to predict from; a candidate that was never trained may still have scores."""
        return bool(self.failures) and self.finished.empty


def checked_reading(records: Records, reading: str | None) -> str:
    """The reading to read: the one named, or the job's first; "" where nothing was read.

    Raises: TypeError for what is no text, ValueError for a reading that the records do not hold, with the nearest that they do.
    """
    if reading is None:
        return records.reading
    if not isinstance(reading, str):
        raise TypeError(f"reading must be the name of a reading or None, got {reading!r:.80}")
    held = list(dict.fromkeys(records.readings["reading"]))
    if reading not in held:
        raise ValueError(
            f"reading: the records hold no {reading!r:.80}; {suggestion(reading, held)}they hold {', '.join(held) or 'none'}"
        )
    return reading


def joined(observations: "pd.DataFrame", readings: "pd.DataFrame", reading: str) -> "pd.DataFrame":
    """The observations, each with its beta_eff, beta_eff_error, reason and seconds_beta in one reading, and whether the tick was read.

    Where it was not, the numbers are NaN and the reason is "".
    """
    taken = readings.loc[readings["reading"] == reading, [*KEY, "beta_eff", "beta_eff_error", "reason", "seconds"]]
    rows = observations.merge(taken.rename(columns={"seconds": "seconds_beta"}), on=KEY, how="left", indicator="read")
    return rows.assign(
        read=rows["read"] == "both", reason=rows["reason"].astype(object).where(rows["reason"].notna(), "")
    )


def seconds_of_readings(rows: "pd.DataFrame") -> float:
    """The sum of `seconds_beta` over joined rows; NaN where a reading's time is not known. A tick that was not read took none."""
    return float(rows.loc[rows["read"], "seconds_beta"].sum(skipna=False))


def after_the_first(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Rows in order of run and time, without the first of a run that has others: it includes compilation."""
    runs = rows.groupby("run")["run"]
    return rows[(runs.cumcount() > 0) | (runs.transform("size") == 1)]


def mean_over_runs(rows: "pd.DataFrame", columns: list[str]) -> "pd.DataFrame":
    """The columns at every tick, averaged over the runs in `rows`, indexed by tick; NaN where a run has none.

    Over all runs or not at all: a mean over some of them would jump where one could not be read.
    """
    ticks = rows.groupby("tick", sort=True)[columns]
    return ticks.mean().where(ticks.count() == rows["run"].nunique())


def mean_curves(rows: "pd.DataFrame", reading: str, horizon: float = HORIZON) -> dict[str, Curve]:
    """The mean of each candidate's joined rows over its runs in them; a network whose features have died has no reading.

    Raises: ValueError, with the candidate, for an epoch that is infinite. Other infinite numbers count as missing.
    """
    if (endless := np.isinf(rows["epoch"])).any():
        raise ValueError(
            f"observations.epoch of candidate {rows.loc[endless, 'candidate'].iloc[0]!r} is infinite in some row; pass the epochs trained, "
            "such as 2.5"
        )
    numbers = [name for name in Curve.columns() if name not in ("epoch", "seconds")]
    living = rows.assign(beta_eff=rows["beta_eff"].mask(is_dead(rows)))
    ticks = living.groupby(["candidate", "tick"], sort=True)
    runs = rows.groupby("candidate")["run"].nunique()
    columns = ticks[[*numbers, "seconds_train"]]
    mean, count = columns.mean(), columns.count()
    candidate = mean.index.get_level_values("candidate")
    mean = mean.where(count.eq(runs.reindex(candidate).to_numpy(), axis=0))
    given = living.loc[living["reason"] != "", ["candidate", "tick", "reason"]].drop_duplicates(["candidate", "tick"])
    reasons = given.set_index(["candidate", "tick"])["reason"].reindex(mean.index, fill_value="")
    columns_of = {name: mean[name].to_numpy(dtype=np.float64) for name in numbers} | {
        "tick": mean.index.get_level_values("tick").to_numpy(dtype=np.int64),
        "epoch": ticks["epoch"].mean().to_numpy(dtype=np.float64),
        "seconds": mean["seconds_train"].to_numpy(dtype=np.float64),
    }
    texts: list[str] = reasons.tolist()
    made: dict[str, Curve] = {}
    first = np.flatnonzero(~candidate.duplicated())
    for start, stop in pairwise([*first, len(mean)]):
        name, part = str(candidate[start]), {column: values[start:stop] for column, values in columns_of.items()}
        made[name] = Curve(name, reading, **part, reason=tuple(map(str, texts[start:stop])), horizon=horizon)
    return made


def by_candidate(records: Records, reading: str, horizon: float = HORIZON) -> list[Seen]:
    """What is known of every candidate, in order of name."""
    rows = joined(records.observations, records.readings, reading)
    failures: dict[str, dict[int, str]] = {}
    for row in records.failures.to_dict("records"):
        failures.setdefault(row["candidate"], {})[row["run"]] = f"epoch {row['epoch']}: {row['reason']}"
    scores: dict[str, dict[str, float]] = {}
    for row in records.scores.to_dict("records"):
        scores.setdefault(row["candidate"], {})[row["score"]] = row["value"]
    groups = dict(list(rows.groupby("candidate")))
    curves = _curves(rows, failures, reading, horizon)
    nothing = Curve.of(reading=reading, horizon=horizon)
    return [
        Seen(
            name,
            curves[name] if name in curves else replace(nothing, candidate=name),
            groups.get(name, rows[:0]),
            failures.get(name, {}),
            scores.get(name, {}),
            records.target,
        )
        for name in records.candidates
    ]


def unequal_ends(seen: Sequence[Seen]) -> str:
    """Which candidate's curve ends first and which last, where they end after different numbers of epochs; "" where they do not.

    Failed candidates are left out. Of several runs, each counts at the last tick that all of them have.
    """
    ends: dict[str, list[float]] = {}
    for one in seen:
        curve = one.curve.having("val_accuracy")
        if len(curve) and not one.failed:
            epochs = one.finished.loc[one.finished["tick"] == curve.tick[-1], "epoch"].dropna()
            ends[one.candidate] = epochs.tolist()
    known = [(epoch, name) for name, epochs in ends.items() for epoch in epochs]
    if len({epoch for epoch, _ in known}) < 2:
        return ""
    (least, first), (most, last) = min(known), max(known)
    return f"{first!r:.80} after {least:g} epochs and {last!r:.80} after {most:g}"


def by_run(seen: Seen) -> dict[int, Seen]:
    """The same for each of its runs alone."""
    one, alone = seen.curve, {}
    for run in sorted({*seen.rows["run"], *seen.failures}):
        rows = seen.rows[seen.rows["run"] == run]
        made = mean_curves(rows, one.reading, one.horizon).get(seen.candidate)
        curve = made if made is not None else Curve.of(seen.candidate, one.reading, one.horizon)
        failures = {run: seen.failures[run]} if run in seen.failures else {}
        alone[run] = replace(seen, curve=curve, rows=rows, failures=failures)
    return alone


def _curves(
    rows: "pd.DataFrame", failures: dict[str, dict[int, str]], reading: str, horizon: float
) -> dict[str, Curve]:
    """The curve of every candidate: the mean over the runs that did not fail, over all where all failed."""
    lost = {(name, run) for name, runs in failures.items() for run in runs}
    if lost:
        failed = np.array([pair in lost for pair in zip(rows["candidate"], rows["run"], strict=True)], dtype=bool)
        alive = set(rows.loc[~failed, "candidate"])
        rows = rows[~failed | ~rows["candidate"].isin(alive).to_numpy()]
    return mean_curves(rows, reading, horizon)
