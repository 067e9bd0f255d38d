"""The evidence: the table, the races in it, who competes, and every verdict, each made once."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from benchmarks.evidence.contestants import Contestant, contestants
from benchmarks.evidence.judging import Judgement, Question, judged, judged_all, verdicts
from benchmarks.evidence.predictions import Predictions
from benchmarks.evidence.protocol import FILE
from benchmarks.evidence.race import Race, races
from ncap.records.benchmark import Benchmark, load_benchmark

TABLE = Path(__file__).with_name("table")


@dataclass(eq=False)
class Evidence:
    """What exhibits are made from.

    benchmark: the jobs of one role. evaluation: the protocol's section. predictions: those that are kept. processes: that share the races.
    """

    benchmark: Benchmark
    evaluation: dict[str, object]
    predictions: Predictions = field(default_factory=Predictions)
    processes: int = 1
    _judged: dict[tuple[str, str, str], dict[Question, Judgement | None]] = field(default_factory=dict)

    @classmethod
    def load(cls, role: str = "development", processes: int = 1) -> "Evidence":
        """From the committed table. `role` is development unless the held-out targets are asked for, which are scored once."""
        import tomllib

        evaluation = tomllib.loads(FILE.read_text(encoding="utf-8"))["evaluation"]
        return cls(load_benchmark(TABLE, role=role), evaluation, Predictions.read(), processes)

    @property
    def reading(self) -> str:
        """The reading of rules that read one, unless a table says another."""
        return str(self.evaluation["reading"])

    @property
    def epochs(self) -> list[float]:
        """How many epochs are observed."""
        return [float(count) for count in self.evaluation["ticks"]]

    @cached_property
    def races(self) -> list[Race]:
        """The jobs with candidates enough."""
        return list(races(self.benchmark))

    @cached_property
    def contestants(self) -> dict[str, Contestant]:
        """Everyone, by name."""
        return contestants(self.reading)

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """The table of `judging.verdicts`, after the epochs of the protocol."""
        if self.processes > 1:
            from joblib import Parallel, delayed

            asked = [
                (race, list(self.contestants.values()), self.epochs, self.reading, self.predictions.of_race(race))
                for race in self.races
            ]
            answers = Parallel(n_jobs=self.processes)(delayed(judged_all)(*each) for each in asked)
            self._judged = {race.key: answer for race, answer in zip(self.races, answers, strict=True)}
        return verdicts(self.races, self.contestants, self.epochs, self.judged)

    def judged(self, race: Race, contestant: Contestant, epochs: float, averaged: bool = False) -> Judgement | None:
        """A contestant in a race, judged once."""
        known, question = self._judged.setdefault(race.key, {}), (contestant.name, epochs, averaged)
        if question not in known:
            known[question] = judged(race, contestant, epochs, self.predictions, averaged)
        return known[question]

    def race(self, tier: str, probe: str, target: str) -> Race | None:
        """The race of that place, None where the table has none."""
        return next((race for race in self.races if race.key == (tier, probe, target)), None)
