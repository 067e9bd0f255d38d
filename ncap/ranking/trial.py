"""One target's trial of rules: what each predicts from some ticks, what that costs, and how well it orders the candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ncap.arguments import one_of, same_name
from ncap.metrics import of_facts
from ncap.ranking import bootstrap
from ncap.ranking.agreement import kendall, regret, spearman, weighted_tau
from ncap.ranking.curves import Seen, by_candidate, checked_reading, seconds_of_readings, unequal_ends
from ncap.ranking.outcomes import outcomes_of
from ncap.ranking.prediction import rule_predictions
from ncap.records.loading import load, targets_of
from ncap.records.tables import Records
from ncap.rules.contract import HORIZON, Curve, Outcome, Prediction, Rule

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]

PARTS = 5  # of the candidates of a target, each predicted from the others
SOURCES = ("targets", "candidates")


@dataclass
class History:
    """The outcomes that rules may learn from.

    Attributes:
        records: a store's path, or its tables.
        source: "targets" or "candidates"; None takes the other targets where there are any.
    """

    records: "str | PathLike[str] | Records | Mapping[str, pd.DataFrame]"
    source: str | None = None
    _known: "dict[tuple[str, str], _Known]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the source."""
        if self.source is not None:
            one_of("learn_from", self.source, SOURCES)

    @cached_property
    def targets(self) -> list[str]:
        """The targets of the records."""
        return targets_of(self.records)

    def source_for(self, target: str) -> str:
        """What a rule that is judged on this target learns from. Raises ValueError where that is targets, and there is no other."""
        others = bool(self.others(target))
        if self.source == "targets" and not others:
            raise ValueError(
                f"learn_from: the records hold no target but {target!r:.80}; pass records of several, or learn_from='candidates'"
            )
        return self.source or ("targets" if others else "candidates")

    def others(self, target: str) -> list[str]:
        """The targets that are another than this, however it is written."""
        return [other for other in self.targets if not same_name(other, target)]

    def of_others(self, job: Records, reads: bool) -> list[Outcome]:
        """The outcomes on every target but a job's, of each the newest job, with the readings that the rule will be asked with.

        reads: whether the rule reads them. Raises ValueError where it does, and the records of a target have none of that name, and where
        the accuracies of a target are values of another metric.
        """
        reading, metric, ends = checked_reading(job, None), of_facts(job.facts).name, []
        for other in self.others(job.target):
            known = self._known_of(other, reading)
            if reads and reading and not known.read:
                raise ValueError(
                    f"learn_from: the records of {other!r:.80} hold no {reading!r:.80}, which the rule reads on {job.target!r:.80}; take "
                    "that reading there too, or pass learn_from='candidates'"
                )
            if known.metric != metric:
                raise ValueError(
                    f"learn_from: the records of {other!r:.80} are of the metric {known.metric}, and those of {job.target!r:.80} of "
                    f"{metric}; pass learn_from='candidates', or records of one metric"
                )
            ends += known.ends
        return ends

    def _known_of(self, other: str, reading: str) -> "_Known":
        if (other, reading) not in self._known:
            job = load(self.records, target=other)
            seen = by_candidate(job, reading)
            read = any(bool(one.rows["read"].any()) for one in seen)
            self._known[other, reading] = _Known(outcomes_of(seen), read, of_facts(job.facts).name)
        return self._known[other, reading]


class _Known(NamedTuple):
    """What can be learned from one target: the outcomes, whether they have the reading, and the name of the metric."""

    ends: list[Outcome]
    read: bool
    metric: str


@dataclass
class Trial:
    """The candidates of one job before their judge.

    Attributes:
        job: all of its records.
        truth: the accuracies that came true, by candidate.
        horizon: as `ncap.compare` takes it.
        history: what rules may learn from.
        remarks: what must be known of the rows that were made.
    """

    job: Records
    truth: "pd.Series[float]"
    horizon: float | None
    history: History
    remarks: list[str] = field(default_factory=list)
    _seen: dict[int | None, list[Seen]] = field(default_factory=dict)
    _spending: dict[tuple[int | None, bool], float] = field(default_factory=dict)

    def row(self, rule: Rule, count: int | None, budget: float = np.nan) -> dict[str, Any]:
        """One row of the comparison: a rule after `count` ticks (None: all of the job)."""
        seen = self.seen(count)
        judged = [one for one in seen if one.candidate in self.truth.index and np.isfinite(self.truth[one.candidate])]
        self._remark(count, judged)
        true = np.array([self.truth[one.candidate] for one in judged], dtype=np.float64)
        source, made = self.predictions(rule, seen)
        kept = [made[one.candidate] for one in judged]
        placed = standing(
            np.array([one.is_accuracy for one in kept], dtype=bool), np.array([one.order for one in kept], dtype=float)
        )
        row = {
            "target": self.job.target,
            "rule": rule.name,
            "ticks": last_tick(self.job) if count is None else count,
            "seconds": self._spent(count, seen, _reads(rule)),
            "budget": budget,
            "fallbacks": sum(one.status != "ok" for one in kept),
            "learned_from": source,
        }
        for measure, (low, high) in bootstrap.intervals(placed, true).items():
            row |= {f"{measure}_low": low, f"{measure}_high": high}
        return row | measures(placed, true)

    def seen(self, count: int | None) -> list[Seen]:
        """What is known of every candidate after some ticks, in order of name."""
        if count not in self._seen:
            reading, last = checked_reading(self.job, None), last_tick(self.job)
            cut = self.job if count is None else self.job.of(ticks=max(count, 1))
            rest = (
                (HORIZON if count is None or count >= last else self._last_epoch())
                if self.horizon is None
                else self.horizon
            )
            seen = by_candidate(cut, reading, rest)
            self._seen[count] = [_unseen(one) for one in seen] if count == 0 else seen
        return self._seen[count]

    def _remark(self, count: int | None, judged: Sequence[Seen]) -> None:
        """Keep, once, that candidates are compared which have been trained for different numbers of epochs."""
        if unequal := unequal_ends(judged):
            after = "all ticks" if count is None else f"{count} ticks"
            remark = (
                f"after {after} on {self.job.target!r:.80}, {unequal} are compared: their accuracies do not compare"
            )
            if remark not in self.remarks:
                self.remarks.append(remark)

    def predictions(self, rule: Rule, seen: Sequence[Seen]) -> tuple[str, dict[str, Prediction]]:
        """What the rule learned from, and what it predicts of every candidate."""
        names = [one.candidate for one in seen]
        if not rule.learns or rule.learned_from:
            return "given" if rule.learns else "", dict(zip(names, rule_predictions(seen, rule), strict=True))
        source = self.history.source_for(self.job.target)
        made: dict[str, Prediction] = {}
        for part, ends in self._parts(seen, source, _reads(rule)):
            fitted = rule.fit(ends, [(one.target, one.candidate) for one in part])
            made |= zip((one.candidate for one in part), rule_predictions(part, fitted), strict=True)
        return source, made

    def affordable(self, rule: Rule, budget: float) -> int:
        """How many ticks of all candidates the rule can read for so many seconds; 0 where they do not pay for one.

        Raises: ValueError where the records do not say what a tick took.
        """
        spent = self._cost_with_readings if _reads(rule) else self._cost
        if np.isnan(spent).any():
            raise ValueError(
                f"seconds: the records of {self.job.target!r:.80} do not say what every tick took; compare after ticks instead"
            )
        return int(np.searchsorted(spent, budget * (1 + 1e-12), side="right"))

    def _spent(self, count: int | None, seen: Sequence[Seen], reads_beta: bool) -> float:
        """Seconds of training of all candidates up to a tick, with the readings where they are read."""
        if (count, reads_beta) not in self._spending:
            self._spending[count, reads_beta] = float(sum(_seconds(one.rows, reads_beta) for one in seen))
        return self._spending[count, reads_beta]

    @cached_property
    def _cost(self) -> FloatArray:
        return _seconds_by_tick(self.job.observations, "seconds_train", last_tick(self.job))

    @cached_property
    def _cost_with_readings(self) -> FloatArray:
        readings = self.job.readings
        first = readings[readings["reading"] == checked_reading(self.job, None)]
        return self._cost + _seconds_by_tick(first, "seconds", last_tick(self.job))

    def _parts(self, seen: Sequence[Seen], source: str, reads: bool) -> list[tuple[list[Seen], list[Outcome]]]:
        """Groups of candidates, each with the outcomes that a rule learns from to predict it."""
        if source == "targets":
            return [(list(seen), self.history.of_others(self.job, reads))]
        order = np.random.default_rng(0).permutation(len(seen))
        parts = [[seen[i] for i in sorted(part)] for part in np.array_split(order, min(PARTS, max(len(seen), 1)))]
        made = []
        for part in parts:
            judged = {one.candidate for one in part}
            made.append((part, [end for end in self._own if end.curve.candidate not in judged]))
        return made

    @cached_property
    def _own(self) -> list[Outcome]:
        return outcomes_of(self.seen(None))

    def _last_epoch(self) -> float:
        return float(self.job.observations["epoch"].max())


def last_tick(job: Records) -> int:
    """The highest tick of any run; 0 without one."""
    return int(job.observations["tick"].max()) if len(job.observations) else 0


def standing(is_accuracy: NDArray[np.bool_], order: FloatArray) -> FloatArray:
    """What the candidates of a rule are compared by: `order`; -inf without one, and for an accuracy that stands in among scores.

    >>> standing(np.array([True, False, False]), np.array([0.9, 3.0, np.nan]))
    array([-inf,   3., -inf])
    """
    comparable = np.full(len(order), True) if is_accuracy.all() else ~is_accuracy
    return np.where(comparable & ~np.isnan(order), order, -np.inf)


def measures(predicted: FloatArray, true: FloatArray) -> dict[str, float]:
    """Every measure that a comparison shows."""
    return {
        "rho": spearman(predicted, true),
        "tau": kendall(predicted, true),
        "weighted_tau": weighted_tau(predicted, true),
        "regret_1": regret(predicted, true, k=1),
        "regret_3": regret(predicted, true, k=3),
    }


def _unseen(one: Seen) -> Seen:
    """The candidate before its first tick."""
    curve = Curve.of(one.candidate, one.curve.reading, one.curve.horizon)
    return replace(one, curve=curve, rows=one.rows[:0], failures={})


def _reads(rule: Rule) -> bool:
    """Whether a rule reads anything of the readings, which then must be paid for."""
    return not {"beta_eff", "beta_eff_error", "reason"}.isdisjoint(rule.needs)


def _seconds(rows: "pd.DataFrame", reads_beta: bool) -> float:
    """Seconds of training, with the readings where they count; NaN where a tick's are not known. A tick without a reading took none."""
    readings = seconds_of_readings(rows) if reads_beta else 0.0
    return float(rows["seconds_train"].sum(skipna=False) + readings)


def _seconds_by_tick(rows: "pd.DataFrame", column: str, last: int) -> FloatArray:
    """The seconds of all candidates up to each tick, shape (last,); NaN from the first that is not known."""
    sums = rows.groupby("tick")[column].sum(skipna=False).reindex(range(1, last + 1), fill_value=0.0)
    return np.cumsum(sums.to_numpy(dtype=np.float64))
