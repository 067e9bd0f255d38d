"""The laws of `ncap.engines.contract.Engine`, for any engine: runs that are told in advance, a real store, no framework."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ncap.engines.contract import Engine, Train
from ncap.engines.ledger import Ledger
from ncap.engines.progress import JobProgress
from ncap.job import Job
from ncap.records.schema import OBSERVATIONS, READINGS, RunKey
from ncap.records.sql import SETTINGS, insert, storable
from ncap.records.store import Store
from ncap.training.failure import TrainingFailedError
from ncap.training.tick import Start, State, Tick

TICKS = 3
RUNS = tuple(RunKey("s", "digits", candidate, run) for candidate in ("a", "failing", "b") for run in (0, 1))


def scripted_tick(key: RunKey, number: int) -> Tick:
    """A tick whose numbers and state say which run and tick it is."""
    value = number + 10 * key.run
    observation = dict.fromkeys(OBSERVATIONS.names[4:], float(value)) | {"tick": number, "epoch": float(number)}
    reading = dict.fromkeys(READINGS.names[4:], 1.0 / value) | {
        "tick": number,
        "reading": Job().readings[0],
        "reason": "",
        "n_samples": 1,
    }
    return Tick(observation, [reading], State(f"body of {key.candidate}", [np.array([value])], [], []))


def scripted_run(key: RunKey, start: Start) -> Iterator[Tick]:
    """Ticks up to TICKS; the candidate "failing" fails in its second epoch. Told apart from training by nothing that an engine sees."""
    first = 1 if start.last is None else start.last.number + 1
    if start.last is not None:
        yield start.last
    for number in range(first, TICKS + 1):
        if (key.candidate, number) == ("failing", 2):
            raise TrainingFailedError(2, "sensor lost")
        yield scripted_tick(key, number)


def check_engine(make: Callable[[], Engine]) -> None:
    """Raise AssertionError where an engine breaks a law: all runs, in full; then again, with nothing left to do; then from half way."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        ended = run_scripted(make(), path)
        assert sorted(ended) == sorted({key.candidate for key in RUNS}), f"every candidate ends once, got {ended}"
        _check_complete(path)
        before = path.read_bytes()
        run_scripted(make(), path)
        assert path.read_bytes() == before, "what is recorded was recorded again"
        _forget_after(path, tick=1)
        run_scripted(make(), path)
        _check_complete(path)


def run_scripted(engine: Engine, path: Path, train: Train = scripted_run, runs: Sequence[RunKey] = RUNS) -> list[str]:
    """Have the engine do runs of TICKS ticks on a store; the candidates in the order in which they ended."""
    ended: list[str] = []

    class Listening(JobProgress):
        def end_candidate(self, candidate: str, outcome: str) -> None:
            ended.append(candidate)

    with Store(path) as store, Listening(TICKS, 2, quiet=True) as progress:
        if not store.jobs():
            _name_settings(store)
        engine.run(runs, train, Ledger(store, Job(epochs=TICKS, runs=2), runs, progress))
    return ended


def _name_settings(store: Store) -> None:
    row = {"hash": "s", "parameters": "{}", "environment": "{}", "first_used": ""}
    store._write([(insert(SETTINGS), storable(SETTINGS, row))])


def _check_complete(path: Path) -> None:
    with Store(path, create=False) as store:
        observations, readings = store.table(OBSERVATIONS), store.table(READINGS)
        failures = [(key, store.failure(key)) for key in RUNS]
        bodies = [store.body(key) for key in RUNS]
    ticks = {key: 1 if key.candidate == "failing" else TICKS for key in RUNS}
    expected = sorted((key.candidate, key.run, tick) for key, last in ticks.items() for tick in range(1, last + 1))
    for table in (observations, readings):
        found = list(table[["candidate", "run", "tick"]].itertuples(index=False, name=None))
        assert found == expected, f"every tick of every run once: expected {expected}, got {found}"
    values = (observations["tick"] + 10 * observations["run"]).astype(float)
    assert (observations["val_loss"] == values).all(), "a tick's row belongs to another run"
    for key, failure in failures:
        wanted = (2, "sensor lost") if key.candidate == "failing" else None
        assert failure == wanted, f"{key}: expected failure {wanted}, got {failure}"
    assert bodies == [f"body of {key.candidate}" for key in RUNS], f"the bodies that runs began from: got {bodies}"


def _forget_after(path: Path, tick: int) -> None:
    """As if the disk had lost the newest rows, and every checkpoint: the runs start over."""
    with Store(path) as store:
        with store._transaction() as db:
            for table in (OBSERVATIONS.name, READINGS.name):
                db.execute(f"DELETE FROM {table} WHERE tick > ?", (tick,))
        for key in RUNS:
            store.checkpoint_path(key).unlink(missing_ok=True)
