"""The store as an engine sees it: which runs are wanted, where each resumes, and what happens to its ticks.

A tick is saved as a checkpoint before its rows are committed, so an interrupted run finds its checkpoint level with the tables or one tick
ahead.
"""

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.records.schema import OBSERVATIONS, READINGS, RunKey
from ncap.records.store import Store, StoreWriteError
from ncap.training.budget import Budget

if TYPE_CHECKING:
    from ncap.engines.progress import JobProgress
    from ncap.job import Job
    from ncap.training.tick import Start, Tick


def to_do(store: Store, job: "Job", key: RunKey) -> float:
    """What is left of a run: ticks, or seconds where the job has a budget of them; all where the run has to begin anew.

    That is where it is not complete, and no checkpoint of it is kept.
    """
    kept, done = any(path.is_file() for path in store.checkpoint_paths(key)), store.done(key, job.readings)
    if job.seconds_per_run is not None:
        budget = Budget(job.seconds_per_run)
        budget.spend(*store.seconds(key))
        return budget.left if kept or not budget.left else job.seconds_per_run
    places = len(job.places())
    return 0 if done >= places else places - done * kept


class Ledger:
    """The runs of one job in a store.

    Args:
        job: how far the runs should go, and what is read.
        runs: all of the job's runs. A run that failed earlier is tried again, but not one that fails in another process meanwhile.
        progress: is notified of runs, ticks and candidates.
    """

    def __init__(self, store: Store, job: "Job", runs: Sequence[RunKey], progress: "JobProgress") -> None:
        self.store, self.job, self.progress = store, job, progress
        self._before = {key: store.failure(key) for key in runs}
        self._left = Counter(key.candidate for key in runs)
        self._loaded: dict[RunKey, int] = {}
        progress.begin({(key.candidate, key.run): to_do(store, job, key) for key in runs})

    def lock_path(self, key: RunKey) -> Path:
        """The file that a process locks while it trains a run."""
        return self.store.lock_path(key)

    def wants(self, key: RunKey) -> bool:
        """Whether a run should be trained; one attempt per call is enough, whichever process makes it."""
        failure = self.store.failure(key)
        return failure is None or failure == self._before[key] or failure[0] > self.job.epochs

    def start(self, key: RunKey) -> "Start":
        """Where a run resumes: at the newest checkpoint that agrees with the tables, in either format."""
        from ncap.training.tick import Start

        done = self.store.done(key, self.job.readings)
        last = self._newest(key, done)
        if last is not None:
            self._loaded[key] = last.number
        places = len(self.job.places())
        self.progress.start_run(
            key.candidate, key.run, min(places, done if done >= places or last is None else last.number)
        )
        return Start(done, last, self.store.body(key), tuple(self.store.seconds(key)[:done]))

    def _newest(self, key: RunKey, done: int) -> "Tick | None":
        from ncap.training import checkpoint

        found = [checkpoint.load(path, key) for path in self.store.checkpoint_paths(key)]
        # Its own rows may still be missing, but not those of the ticks before it.
        agreeing = [
            tick for tick in found if tick is not None and tick.number - 1 <= done and self._has_readings(tick, done)
        ]
        return max(agreeing, key=lambda tick: tick.number, default=None)

    def _has_readings(self, tick: "Tick", done: int) -> bool:
        """Whether the tables or the checkpoint have all of the job's readings at the tick."""
        return tick.number <= done or {reading["reading"] for reading in tick.readings} >= set(self.job.readings)

    def add(self, key: RunKey, tick: "Tick") -> None:
        """Save a tick: its state as the run's checkpoint, then its rows. Raises StoreWriteError."""
        from ncap.training import checkpoint

        if self._loaded.pop(key, None) == tick.number:  # it came from the checkpoint: only its rows may be missing
            self.store.add(key, tick.observation, tick.readings, tick.state.body)
            self._forget_failure(key, tick)
            return
        path = self.store.checkpoint_path(key)
        try:
            checkpoint.save(path, tick, key)
        except OSError as error:
            raise StoreWriteError.at(path, error) from error
        kept = self.store.add(key, tick.observation, tick.readings, tick.state.body)
        self._forget_failure(key, tick)
        self._compare(key, tick, kept)
        beta = tick.readings[0]["beta_eff"] if tick.readings else math.nan
        units = 1.0 if self.job.budget is None else tick.seconds
        self.progress.end_tick(key.candidate, key.run, tick.observation["val_accuracy"], beta, units)

    def _forget_failure(self, key: RunKey, tick: "Tick") -> None:
        """Forget an earlier failure that the run has got past, now and not at its end: it may be interrupted before."""
        failure = self._before.get(key)
        if failure is not None and tick.observation["epoch"] >= failure[0]:
            self.store.clear_failure(key, failure[0])

    def _compare(self, key: RunKey, tick: "Tick", kept: dict[str, Any]) -> None:
        """Warn if a run, trained again for a missing reading, does not reproduce its earlier numbers."""
        for name in ("train_loss", "val_loss", "val_accuracy"):
            before, now = kept[name], tick.observation[name]
            if before is not None and not math.isclose(before, now, rel_tol=1e-6, abs_tol=1e-9):
                warnings.warn(
                    f"{key.candidate} run {key.run}, trained again, has {name} {now} at tick {tick.number}, not {before} as recorded: its "
                    "new readings and its accuracies come from different trainings; pass another store",
                    stacklevel=3,
                )
                return

    def fail(self, key: RunKey, epoch: int, reason: str) -> None:
        """Record that a run cannot finish an epoch."""
        self.store.add_failure(key, epoch, reason)

    def finish(self, key: RunKey) -> None:
        """Record that a run has reached the end of the job; a failure that it has got past is forgotten."""
        self.store.clear_failure(key, self.job.epochs)

    def wait(self, runs: Sequence[RunKey]) -> None:
        """Report that the only runs left are being trained by other processes."""
        self.progress.wait(runs)

    def end(self, key: RunKey) -> None:
        """Close a run; after a candidate's last run, a line says how the candidate ended."""
        self.progress.end_run(key.candidate, key.run)
        self._left[key.candidate] -= 1
        if not self._left[key.candidate]:
            self.progress.end_candidate(key.candidate, self._outcome(key))

    def _outcome(self, key: RunKey) -> str:
        """How the runs of a candidate ended, in a few words."""
        records = self.store.records(key.settings, key.target).of(
            [key.candidate], runs=self.job.runs, epochs=self.job.epochs
        )
        failures = records.failures
        words = [f"failed in epoch {row['epoch']}, {row['reason']}" for row in failures.to_dict("records")]
        observations = records.observations
        at_the_end = observations["epoch"] == self.job.epochs
        if self.job.budget is not None:
            at_the_end = observations["tick"] == observations.groupby("run")["tick"].transform("max")
        last = observations[at_the_end & ~observations["run"].isin(failures["run"])]
        if len(last):
            words.insert(0, self._reached(last, observations, records.readings))
        return "; ".join(words)

    def _reached(self, last: Any, observations: Any, readings: Any) -> str:
        of_job = readings[readings["reading"].isin(self.job.readings)]
        final = of_job[of_job["reading"] == self.job.readings[0]].merge(
            last[list(OBSERVATIONS.key)], on=list(READINGS.key[:5])
        )
        return (
            f"epoch {last['epoch'].mean():g}, val accuracy {last['val_accuracy'].mean():.3f}, beta_eff {final['beta_eff'].mean():.3g}, "
            f"{observations['seconds_train'].sum():.1f} s training, {of_job['seconds'].sum():.1f} s beta_eff"
        )
