"""What a job will cost, before it begins: two batches of every candidate are timed, and nothing is trained."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.job import Job, with_settings

if TYPE_CHECKING:
    import pandas as pd

    from ncap.candidates import Candidate
    from ncap.candidates.limits import Limits
    from ncap.targets import Target
    from ncap.training.run import Training

COLUMNS = ["candidate", "runs", "ticks", "seconds", "memory_mb", "note"]
_LOOK = 0.02  # seconds between two looks at the memory


@dataclass(frozen=True)
class Plan:
    """The runs that a job has left to do, and what they will take.

    Attributes:
        table: a row per candidate. runs: those that are not complete. ticks: what these have left to train; missing where a budget ends
            them. seconds: of all of these runs, one after another. memory_mb: the most that a process which trains one has in memory, in
            10^6 bytes. note: why the candidate will fail, where that is known.
        at_a_time: how many runs are trained at a time.
    """

    table: "pd.DataFrame"
    at_a_time: int

    @property
    def seconds(self) -> float:
        """What the job will take: the sum over the runs that are trained at a time, or the longest run, whichever is more."""
        runs = self.table[self.table["runs"] > 0]
        longest = (runs["seconds"] / runs["runs"]).max() if len(runs) else 0.0
        return max(float(runs["seconds"].sum()) / self.at_a_time, float(longest))

    def summary(self) -> str:
        """One line: how many runs, how long, and when it would end if it began now."""
        from ncap.engines.prospect import clock_time

        runs = int(self.table["runs"].sum())
        if not runs:
            return "nothing to train"
        at_a_time, end = min(self.at_a_time, runs), clock_time(self.seconds)
        memory = self.table["memory_mb"].max() * at_a_time
        return (
            f"{runs} {'run' if runs == 1 else 'runs'}, {at_a_time} at a time: {in_words(self.seconds)}, end at {end} if it begins now; "
            f"up to {memory:,.0f} MB of memory"
        )


@with_settings
def plan(
    candidates: Any,
    target: Any,
    *,
    store: str | Path = "runs.db",
    jobs: int | None = None,
    memory: int | str | None = None,
    max_parameters: int | str | None = None,
    max_multiply_adds: int | str | None = None,
    max_milliseconds: float | None = None,
    licences: Any = None,
    **settings: Any,
) -> Plan:
    """What the same call of `ncap.rank` would cost: every candidate is built and two of its batches are timed; nothing is written.

    Args:
        candidates, target, max_parameters, max_multiply_adds, licences: as in `ncap.rank`; where only the built network tells whether a
            candidate is within them, it is built once more. max_milliseconds is not applied, as the check before training measures it.
        store: what it has already is not counted, but for runs that are not complete and whose checkpoints were removed: they begin anew.
            A file that is missing is not created.
        jobs, memory: as in `ncap.rank`.
        {settings}

    Returns: Plan. It is as good as two batches tell: other work on the machine, and runs that share its memory, make it longer.

    Raises: ValueError or TypeError as `ncap.rank` does.
    """
    import pandas as pd

    from ncap import framework
    from ncap.candidates.limits import Limits
    from ncap.engines.contract import Resources
    from ncap.pipeline import named

    job, resources = Job(**settings), Resources(jobs, memory)
    limits = Limits(max_parameters, max_multiply_adds, max_milliseconds, licences)
    kept, _, load = named(candidates, target, job, limits)
    framework.load()
    from ncap.training.environment import check_backend

    check_backend()
    framework.limit_threads(job.threads)
    loaded = load()
    limits, left = replace(limits, max_milliseconds=None), _left(job, loaded, list(kept), Path(store))
    with framework.quiet_tracing():
        why = {name: _beyond(limits, job, candidate, loaded) for name, candidate in kept.items()}
        left_out = {name: reason for name, reason in why.items() if reason}
        kept = {name: candidate for name, candidate in kept.items() if name not in left_out}
        limits.check_any(kept, left_out)
        lines = [_line(job, name, candidate, loaded, left[name]) for name, candidate in kept.items()]
        lines += [_NOTHING | {"candidate": name, "note": f"left out, {reason}"} for name, reason in left_out.items()]
    return Plan(pd.DataFrame(lines, columns=COLUMNS), resources.at_a_time)


def in_words(seconds: float) -> str:
    """A time for a person.

    >>> in_words(42), in_words(600), in_words(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@dataclass
class Costs:
    """What the parts of a run take, in seconds: measured on two batches, of which the first compiles.

    Attributes: start: building, and compiling on the first batch; batch, reading, evaluation: of one
    batch of training, and of all samples at a tick; memory: bytes of this process at most meanwhile.
    """

    start: float = 0.0
    batch: float = 0.0
    reading: float = 0.0
    evaluation: float = 0.0
    memory: list[int] = field(default_factory=list)

    def of_run(self, batches: float, ticks: int) -> float:
        """Seconds of a run that has so many batches and ticks left.

        >>> Costs(start=10, batch=0.1, reading=1, evaluation=2).of_run(batches=100, ticks=5)
        35.0
        """
        return self.start + batches * self.batch + ticks * (self.reading + self.evaluation)


def measure(job: Job, candidate: "Candidate", target: "Target") -> Costs:
    """Build a candidate as its first run will, time two batches of everything that a run does, and forget it again.

    Raises: whatever the candidate raises.
    """
    from ncap.framework import clear_session, settings
    from ncap.training.run import Training

    chosen, costs = settings(), Costs()
    try:
        with _memory(costs.memory):
            started = time.perf_counter()
            training = Training(job, candidate, target)
            costs.batch = _batch(training)
            costs.reading, costs.evaluation = _reading(training), _evaluation(training)
            costs.start = time.perf_counter() - started
    finally:
        clear_session(chosen)
    return costs


def _batch(training: "Training") -> float:
    """Seconds of a batch of training, reading its images included."""
    numbers = iter((0, min(1, len(training.batches) - 1)))
    return _second(lambda: training.model.train_on_batch(*training.batches[next(numbers)]))


def _reading(training: "Training") -> float:
    """Seconds of the readings of a tick."""
    import warnings

    from ncap.measure.measurement import take
    from ncap.reference.verdict import CapacitanceWarning
    from ncap.training.run import EVALUATION_BATCH

    images, labels = training.samples
    few, known = images[:EVALUATION_BATCH], labels[:EVALUATION_BATCH]

    def once() -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=CapacitanceWarning)
            take(training.model, few, known, training.job.readings, batch_size=EVALUATION_BATCH)

    return _second(once) * len(labels) / len(known)


def _evaluation(training: "Training") -> float:
    """Seconds of the evaluation of a tick."""
    from ncap.training.run import EVALUATION_BATCH

    batches = training.target.sequence("val", size=EVALUATION_BATCH, shape=training.shape)
    images = sum(length for part, length in training.target.lengths.items() if part != "train")
    return _second(lambda: training.model.predict_on_batch(batches[0][0])) * images / len(batches[0][1])


def _second(work: Callable[[], Any]) -> float:
    """Seconds of the second time; the first compiles."""
    work()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def _memory(most: list[int]) -> Iterator[None]:
    """Note the most bytes that this process has in memory inside the block."""
    import psutil

    process, ended = psutil.Process(), threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK):
            most[:] = [max(process.memory_info().rss, *most or [0])]

    most[:] = [process.memory_info().rss]
    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _left(job: Job, target: "Target", names: list[str], store: Path) -> Mapping[str, list[float]]:
    """Of every run of every candidate, the ticks that are left to train, or the seconds of its budget."""
    import keras

    from ncap.engines.ledger import to_do
    from ncap.records.migrations import settings_hash
    from ncap.records.schema import RunKey
    from ncap.records.store import Store

    if not store.exists():
        return {name: [job.seconds_per_run or len(job.places())] * job.runs for name in names}
    settings, _ = settings_hash(job.parameters(keras.backend.backend(), target.fingerprint))
    with Store(store, create=False) as opened:
        return {
            name: [to_do(opened, job, RunKey(settings, target.name, name, run)) for run in range(job.runs)]
            for name in names
        }


def _beyond(limits: "Limits", job: Job, candidate: "Candidate", target: "Target") -> str:
    """Why a candidate is left out once it is built; "" where it is not, or cannot be built, which it will be reported as."""
    from ncap.inspection import inspect

    if not limits.measured:
        return ""
    facts = inspect(job, candidate, target).facts
    return "" if facts is None else limits.forbid(facts, built=True)


_NOTHING = {"candidate": "", "runs": 0, "ticks": 0, "seconds": 0.0, "memory_mb": None, "note": ""}


def _line(job: Job, name: str, candidate: "Candidate", target: "Target", left: list[float]) -> dict[str, Any]:
    """The row of a candidate."""
    from ncap.training.failure import describe

    places, left = job.places(), [units for units in left if units > 0]
    if not left:
        return _NOTHING | {"candidate": name, "note": "complete in the store"}
    line = _NOTHING | {"candidate": name, "runs": len(left), "ticks": None}
    try:
        costs = measure(job, candidate, target)
    except (Exception, SystemExit) as error:  # whatever a user's factory or layers raise
        return line | {"runs": 0, "note": f"will fail: {describe(error)}"}
    if job.budget:
        total = sum(costs.start + seconds for seconds in left)
    else:
        batches, ticks = -(-target.lengths["train"] // job.batch_size), [int(units) for units in left]
        line["ticks"] = sum(ticks)
        total = sum(costs.of_run(batches * sum(1 / place.parts for place in places[-one:]), one) for one in ticks)
    return line | {"seconds": total, "memory_mb": max(costs.memory) / 1e6}
