"""A process that trains the cells of a tier, one after the other, until none is left; any number of them share a store.

It may be ended at any moment: a tick that was committed is not trained again.
"""

import math
import os
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from benchmarks.evidence import plan
from benchmarks.evidence.protocol import Protocol, Tier
from benchmarks.evidence.run import START_AGAIN
from ncap import candidates, framework
from ncap.engines.contract import attempt
from ncap.engines.ledger import Ledger
from ncap.engines.progress import JobProgress
from ncap.engines.turns import take_turns
from ncap.job import Job, Place
from ncap.records.schema import OBSERVATIONS, RunKey
from ncap.records.store import Store
from ncap.training.environment import environment
from ncap.training.run import Training, train
from ncap.training.tick import Start, Tick

if TYPE_CHECKING:
    from ncap.candidates import Candidate

GIGABYTES = 3  # a process that has grown to this begins anew


class TestedLast(Training):
    """A training whose test images are read in the last epochs only; its test accuracy is NaN before.

    Its seconds are those of the processor, which do not depend on what else the machine does; with one thread they are what it would take
    alone.
    """

    last = 3
    _tested, _seconds = False, 0.0

    def train(self, place: Place) -> dict[str, float]:
        self._tested = place.epoch > self.job.epochs - self.last and place.part == place.parts
        started = time.process_time()
        logs = super().train(place)
        self._seconds = time.process_time() - started
        return logs

    def tick(self, number: int, place: Place) -> Tick:
        tick = super().tick(number, place)
        return replace(tick, observation=tick.observation | {"seconds_train": self._seconds})

    def _readings(self, *tick: int) -> list[dict[str, Any]]:
        wall, processor = time.perf_counter(), time.process_time()
        rows = super()._readings(*tick)
        share = (time.process_time() - processor) / (time.perf_counter() - wall)
        return [row | {"seconds": row["seconds"] * share} for row in rows]

    def _evaluate(self, part: str) -> dict[str, float]:
        if part == "test" and not self._tested:
            return {"accuracy": math.nan, "loss": math.nan}
        return super()._evaluate(part)


class GrownError(Exception):
    """The process holds more memory than it should."""


class Worker:
    """What trains the cells of a tier into a store.

    table: folder of the committed table, whose trainings are not repeated. parent: the process whose end ends this one. retry: whether to
    train again what failed. gigabytes: the memory at which the process that runs this is to begin anew.
    """

    def __init__(
        self,
        protocol: Protocol,
        tier: Tier,
        store: Store,
        table: Path,
        parent: int | None = None,
        retry: bool = False,
        gigabytes: float = math.inf,
    ) -> None:
        if keras.backend.backend() != plan.BACKEND:
            raise ValueError(f"the benchmark is trained on {plan.BACKEND}, got KERAS_BACKEND={keras.backend.backend()}")
        self.protocol, self.tier, self.store, self.parent, self.gigabytes = protocol, tier, store, parent, gigabytes
        columns = plan.columns(protocol, tier)
        for column in columns:
            store.add_settings(column.parameters, plan.circumstances(environment(), column))
        self.cells = plan.keys(tier, columns)
        have = plan.committed(table)
        self.again = {key for key in self.cells if retry and store.failure(key) is not None}
        self.left = [key for key in self.cells if key not in have and not self.is_done(key)]
        self.candidates = candidates.resolve(list(tier.candidates))

    def run(self) -> None:
        """Train what is left. Raises GrownError."""
        with framework.quiet_tracing():
            take_turns(self.left, self.store.lock_path, self.work, lambda busy: None)

    def work(self, key: RunKey) -> None:
        """Train one cell, unless another process did meanwhile, and forget its checkpoint: it is never continued."""
        job = self.job(key)
        if self.parent is not None and os.getppid() != self.parent:
            raise SystemExit("the process that started this one has ended")
        if self.is_done(key):
            return
        self.again.discard(key)
        started = time.perf_counter()
        with JobProgress(len(job.places()), job.runs, quiet=True) as quiet:
            attempt(key, self.train, Ledger(self.store, job, [key], quiet))
        self.store.checkpoint_path(key).unlink(missing_ok=True)
        self._say(key, time.perf_counter() - started)
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > self.gigabytes * 2**20:
            raise GrownError

    def is_done(self, key: RunKey) -> bool:
        """Whether the store has all ticks of a cell, or has it as failed and this process is not to try it again."""
        if self.store.failure(key) is not None:
            return key not in self.again
        return self.store.done(key, ()) >= len(self.cells[key].job.places())

    def train(self, key: RunKey, start: Start) -> Iterator[Tick]:
        """The ticks of one cell."""
        target = plan.target_of(self.protocol, self.tier, key.target)
        return train(self.job(key), self.candidate(key.candidate), target, key.run, start, TestedLast)

    def job(self, key: RunKey) -> Job:
        """How a cell is trained and read."""
        return plan.with_readings(self.tier, self.cells[key].job, key.run)

    def candidate(self, name: str) -> "Candidate":
        """A candidate for images of the tier's size."""
        return self.candidates[name] if self.tier.size is None else self.candidates[name].at_size(self.tier.size)

    def _say(self, key: RunKey, seconds: float) -> None:
        column = self.cells[key]
        failure = self.store.failure(key)
        last = self.store.table(OBSERVATIONS, **key._asdict()).tail(1)
        ended = f"failed in epoch {failure[0]}, {failure[1]}" if failure else f"val {last['val_accuracy'].iloc[0]:.3f}"
        print(
            f"{time.strftime('%H:%M:%S')} {key.target} {column.probe} {key.candidate} run {key.run}: {ended}, {seconds:.0f} s",
            flush=True,
        )
        with Path(f"{self.store.path}.seconds.csv").open("a", encoding="utf-8") as file:
            file.write(f"{self.tier.name},{key.target},{column.probe},{key.candidate},{key.run},{seconds:.1f}\n")


def main(protocol: Protocol, tier: Tier, store: Path, table: Path, parent: int, retry: bool) -> int:
    """Train until nothing is left; the exit status."""
    with Store(store) as opened:
        try:
            Worker(protocol, tier, opened, table, parent, retry, GIGABYTES).run()
        except GrownError:
            return START_AGAIN
    return 0
