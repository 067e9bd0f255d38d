"""One job of the benchmark as contestants meet it: its candidates, run by run, after some epochs, and how they ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.evidence.contestants import Contestant
from ncap.ranking.curves import Seen, by_candidate
from ncap.ranking.prediction import rule_predictions
from ncap.ranking.trial import History, Trial
from ncap.records.benchmark import Benchmark, finals
from ncap.records.loading import load
from ncap.records.tables import Records
from ncap.rules.contract import Rule
from ncap.training.seeds import derived_seed

LEAST = 3  # candidates, below which no order is judged
FloatArray = NDArray[np.float64]


@dataclass(eq=False)
class Race:
    """The candidates of one target under one kind of probe.

    tier, probe, target: which job. records: of it, all runs. ends: candidate x run -> final test accuracy; NaN where that run failed.
    history: what rules that learn may learn from. test, classes: test images and classes of the target.
    """

    tier: str
    probe: str
    target: str
    records: Records
    ends: pd.DataFrame
    history: History
    test: int = 0
    classes: int = 0
    _records: dict[tuple[int, str], Records] = field(default_factory=dict)
    _seen: dict[tuple[int, float, str], list[Seen]] = field(default_factory=dict)
    _trials: dict[int, Trial] = field(default_factory=dict)
    _rules: dict[str, Rule] = field(default_factory=dict)
    _seconds: dict[str, "pd.Series[float]"] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """Tier, probe and target."""
        return self.tier, self.probe, self.target

    @property
    def candidates(self) -> list[str]:
        """In order of name."""
        return list(self.ends.index)

    @property
    def runs(self) -> list[int]:
        """The runs that every candidate has."""
        return list(self.ends.columns)

    @property
    def mean_run(self) -> int:
        """What stands in place of a run for the mean curve of all n: -n, as it is another curve when there is one more."""
        return -len(self.runs)

    def forget(self) -> None:
        """Forget what rules have learned, so that it is timed."""
        self._trials.clear()
        self._rules.clear()

    def runs_with(self, contestant: Contestant) -> list[int]:
        """The runs in which there is what a contestant reads: its reading, or its score of some candidate."""
        if contestant.group == "score":
            known = self.records.scores
            named = known.loc[known["score"] == contestant.name, "value"]
            return self.runs if np.isfinite(named).any() else []
        if not contestant.reading:
            return self.runs
        readings = self.records.readings
        read = set(readings.loc[readings["reading"] == contestant.reading, "run"])
        return [run for run in self.runs if run in read]

    @cached_property
    def truth(self) -> FloatArray:
        """Final accuracy of every candidate, mean over the runs that did not fail, shape (n,)."""
        return self.ends.mean(axis=1).to_numpy(dtype=np.float64)

    @cached_property
    def last_epoch(self) -> float:
        """The epoch at which training ended, which rules that extrapolate predict for."""
        return float(self.records.observations["epoch"].max())

    def orders(self, contestant: Contestant, run: int, epochs: float, draw: int = 0) -> pd.DataFrame:
        """What a contestant predicts of every candidate from the first epochs of one run.

        Returns: indexed by candidate: order (by which candidates are ordered; NaN where there is no prediction), value, is_accuracy,
        status.
        """
        seen = self.seen(run, epochs, contestant.reading)
        if contestant.change is not None:
            seed = derived_seed(0, f"{contestant.name} {self.target} {run} {epochs:g} {draw}")
            curves = contestant.change([one.curve for one in seen], seed)
            seen = [replace(one, curve=curve) for one, curve in zip(seen, curves, strict=True)]
        if contestant.rule.learns and self.history.source_for(self.target) == "candidates":
            _, made = self._trial(run).predictions(contestant.rule, seen)
        else:
            rule = self._fitted(contestant.rule) if contestant.rule.learns else contestant.rule
            made = dict(zip((one.candidate for one in seen), rule_predictions(seen, rule), strict=True))
        rows = [(name, one.order, one.value, one.is_accuracy, one.status) for name, one in made.items()]
        table = pd.DataFrame(rows, columns=["candidate", "order", "value", "is_accuracy", "status"])
        return table.set_index("candidate").reindex(self.candidates)

    def seen(self, run: int, epochs: float, reading: str) -> list[Seen]:
        """What is known of every candidate, in order of name."""
        key = (run, epochs, reading)
        if key not in self._seen:
            cut = self._of(run, reading).of(epochs=epochs)
            self._seen[key] = by_candidate(cut, reading, self.last_epoch)
        return self._seen[key]

    def seconds(self, reading: str = "") -> "pd.Series[float]":
        """Seconds of training, or of one reading, of all candidates up to every tick, by epoch; mean over the runs that have it."""
        if reading not in self._seconds:
            rows, key = self.records.observations, ["candidate", "run", "tick"]
            if reading:
                read = self.records.readings[self.records.readings["reading"] == reading]
                rows = read.merge(rows[[*key, "epoch"]], on=key)
            by_epoch = rows.groupby("epoch")["seconds" if reading else "seconds_train"].sum().sort_index()
            self._seconds[reading] = by_epoch.cumsum() / max(rows["run"].nunique(), 1)
        return self._seconds[reading]

    def _of(self, run: int, reading: str) -> Records:
        """The records of one run, with one reading."""
        if (run, reading) not in self._records:
            parts = {}
            for name in ("observations", "readings", "failures"):
                rows = getattr(self.records, name)
                kept = rows["candidate"].isin(self.candidates)
                kept &= rows["run"].isin(self.runs) if run < 0 else rows["run"] == run
                if name == "readings":
                    kept &= rows["reading"] == reading
                parts[name] = rows[kept]
            scores = self.records.scores
            parts["scores"] = scores[scores["candidate"].isin(self.candidates)]
            self._records[run, reading] = Records(
                **parts, settings=self.records.settings, target=self.target, first_reading=reading
            )
        return self._records[run, reading]

    def _fitted(self, rule: Rule) -> Rule:
        """A rule that has learned from the other targets, once for all runs."""
        if rule.name not in self._rules:
            judged = [(self.target, candidate) for candidate in self.candidates]
            ends = self.history.of_others(self.records, "beta_eff" in rule.needs)
            self._rules[rule.name] = rule.fit(ends, judged)
        return self._rules[rule.name]

    def _trial(self, run: int) -> Trial:
        """Its candidates in parts, each of which is predicted by a rule that has learned from the others."""
        if run not in self._trials:
            truth = pd.Series(self.truth, self.ends.index)
            self._trials[run] = Trial(self._of(run, ""), truth, None, self.history)
        return self._trials[run]


def races(benchmark: Benchmark) -> Iterator[Race]:
    """Every job with candidates enough, in the order of tier, probe and target; what rules learn from is the same tier and probe."""
    ended = _by_job(finals(benchmark.observations))
    tables = {name: _by_job(rows) for name, rows in benchmark.records.items()}
    jobs = benchmark.jobs.sort_values(["tier", "probe", "target"], kind="stable")
    for (tier, probe), group in jobs.groupby(["tier", "probe"], sort=True):
        kept = group[["settings", "target"]]
        seen = {name: benchmark.records[name].merge(kept, on=list(kept)) for name in ("observations", "failures")}
        history = History(seen)
        found: list[Race] = []
        for job in group.to_dict("records"):
            place = job["settings"], job["target"]
            mine = {name: rows.get(place, benchmark.records[name].iloc[:0]) for name, rows in tables.items()}
            ends = complete(ended[place], mine["failures"]) if place in ended else pd.DataFrame()
            if len(ends) >= LEAST:
                sizes = {"test": job["n_test"], "classes": job["classes"]}
                found.append(Race(tier, probe, job["target"], load(_judged(mine, ends)), ends, history, **sizes))
        yield from with_mean_rank(found)


def _by_job(rows: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    return dict(list(rows.groupby(["settings", "target"], sort=False)))


def with_mean_rank(found: list[Race]) -> list[Race]:
    """The races with one more score of their candidates, their mean place on the other targets: 1 for the best, 0 for the last."""
    places = {race.target: _places(race) for race in found}
    made = []
    for race in found:
        others = pd.DataFrame({target: place for target, place in places.items() if target != race.target})
        mean = others.mean(axis=1).reindex(race.candidates).dropna()
        row = {
            "settings": race.records.settings,
            "target": race.target,
            "score": "mean_rank",
            "seconds": 0.0,
            "note": "",
        }
        rows = pd.DataFrame({**row, "candidate": list(mean.index), "value": mean.to_numpy()})
        known = race.records.scores
        scores = pd.concat([known[known["score"] != "mean_rank"], rows[list(known.columns)]]) if len(rows) else known
        made.append(replace(race, records=replace(race.records, scores=scores.reset_index(drop=True))))
    return made


def _places(race: Race) -> "pd.Series[float]":
    return pd.Series(race.truth, race.candidates).rank().sub(1) / max(len(race.candidates) - 1, 1)


def complete(ended: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    """Final accuracies, candidate x run: the candidates of the first run, and the runs that all of these have finished, or failed in.

    >>> rows = pd.DataFrame({"candidate": ["a", "b", "a"], "run": [0, 0, 1], "accuracy": [0.5, 0.6, 0.7]})
    >>> complete(rows, pd.DataFrame({"candidate": [], "run": []})).to_dict()
    {0: {'a': 0.5, 'b': 0.6}}
    """
    table = ended.pivot_table(index="candidate", columns="run", values="accuracy", sort=True)
    lost = set(zip(failures["candidate"], failures["run"], strict=True))

    def done(run: int) -> "pd.Series[bool]":
        return table[run].notna() | pd.Series([(name, run) in lost for name in table.index], table.index, dtype=bool)

    if table.empty:
        return table
    table = table[done(min(table.columns))]
    return table[[run for run in table.columns if done(run).all()]].dropna(how="all")


def _judged(tables: Mapping[str, pd.DataFrame], ends: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of the candidates and runs that are judged."""
    made = {}
    for name, rows in tables.items():
        kept = rows["candidate"].isin(ends.index)
        made[name] = rows[kept & rows["run"].isin(ends.columns)] if "run" in rows else rows[kept]
    return made
