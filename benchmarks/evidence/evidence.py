"""The evidence: the table, the races in it, who competes, and every verdict, each made once."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from benchmarks.evidence.contestants import Contestant, contestants
from benchmarks.evidence.judging import verdicts
from benchmarks.evidence.predictions import Predictions
from benchmarks.evidence.protocol import FILE
from benchmarks.evidence.race import Race, races
from ncap.records.benchmark import Benchmark, load_benchmark

TABLE = Path(__file__).with_name("table")


@dataclass(eq=False)
class Evidence:
    """What exhibits are made from.

    benchmark: the jobs of one role. evaluation: the protocol's section. predictions: those that are kept.
    """

    benchmark: Benchmark
    evaluation: dict[str, object]
    predictions: Predictions = field(default_factory=Predictions)

    @classmethod
    def load(cls, role: str = "development", table: Path = TABLE, folder: Path | None = None) -> "Evidence":
        """From the committed table. `role` is development unless the held-out targets are asked for, which are scored once."""
        import tomllib

        evaluation = tomllib.loads(FILE.read_text(encoding="utf-8"))["evaluation"]
        predictions = Predictions.read() if folder is None else Predictions.read(folder)
        return cls(load_benchmark(table, role=role), evaluation, predictions)

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
        """The table of `judging.verdicts`."""
        return verdicts(self.races, self.contestants, self.epochs, self.predictions)

    def race(self, tier: str, probe: str, target: str) -> Race | None:
        """The race of that place, None where the table has none."""
        return next((race for race in self.races if race.key == (tier, probe, target)), None)
