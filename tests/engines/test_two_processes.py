"""Two processes on one store: each run is trained by one of them, and both end with the same table."""

import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import tiny
from commands import NCAP, call
from filelock import FileLock, Timeout
from logged_job import events, start
from tiny import EPOCHS, ranked, without_times

from ncap.engines import turns
from ncap.engines.contract import attempt
from ncap.engines.ledger import Ledger
from ncap.engines.progress import JobProgress
from ncap.engines.turns import take_turns
from ncap.job import Job
from ncap.pipeline import observe
from ncap.records.schema import FAILURES, OBSERVATIONS, RunKey
from ncap.records.store import Store, StoreWriteError
from ncap.training.run import train

HOLD = (
    "import sys, time; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire(); print('held', flush=True); "
    "time.sleep(600)"
)


@pytest.fixture(name="store")
def _store(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        yield store


@pytest.fixture(name="keys")
def _keys():
    return [RunKey("s", "digits", "tiny", run) for run in range(3)]


def lock_path(store, key):
    return store.checkpoint_path(key).with_suffix(".lock")


@pytest.fixture(name="hold")
def _hold():
    """Another process that holds the lock of a run until it is killed."""
    holders = []

    def hold(store, key):
        path = lock_path(store, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        holders.append(subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True))
        assert holders[-1].stdout.readline() == "held\n"
        return holders[-1]

    yield hold
    for holder in holders:
        with holder:
            holder.kill()


def test_a_run_that_another_process_holds_is_put_off_and_taken_over_when_it_dies(store, keys, hold, monkeypatch):
    holder, done, told = hold(store, keys[0]), [], []

    def waiting(busy):
        told.append(list(busy))
        assert done == keys[1:]
        holder.kill()

    monkeypatch.setattr(turns, "POLL", 0.01)
    take_turns(keys, partial(lock_path, store), done.append, waiting)
    assert done == [*keys[1:], keys[0]]
    assert told == [[keys[0]]]


def free(store, key):
    try:
        with FileLock(lock_path(store, key)).acquire(blocking=False):
            return True
    except Timeout:
        return False


def test_a_run_is_held_while_it_is_worked_on_and_free_afterwards(store, keys):
    seen = []
    locks = partial(lock_path, store)
    take_turns(keys, locks, lambda _: seen.append([free(store, key) for key in keys]), pytest.fail)
    assert seen == [[False, True, True], [True, False, True], [True, True, False]]
    with pytest.raises(KeyboardInterrupt):
        take_turns(keys, locks, _interrupted, pytest.fail)
    assert free(store, keys[0])


def _interrupted(_):
    raise KeyboardInterrupt


def test_a_lock_that_cannot_be_made_names_its_path(store, keys):
    store.checkpoints.touch()  # a file where the folder should be
    with pytest.raises(
        StoreWriteError, match=r"runs\.db\.checkpoints.*: could not be written \(.*\); .*repeat the command"
    ):
        take_turns(keys, partial(lock_path, store), pytest.fail, pytest.fail)


class Watched(JobProgress):
    """A progress that lets a test step in where a job would wait, and keeps its lines."""

    def __init__(self, job, on_wait):
        super().__init__(len(job.places()), job.runs, quiet=True)
        self.on_wait, self.lines = on_wait, []

    def wait(self, runs):
        super().wait(runs)
        self.on_wait()

    def end_candidate(self, candidate, outcome):
        self.lines.append((candidate, outcome))


JOB = Job(epochs=2, hidden=(8, 6), frozen=False)


def settings_of(store):
    """The hash that the job's settings have, known after a first epoch."""
    target, first = tiny.target(), replace(JOB, epochs=1)
    candidates = tiny.candidates_of({"tiny": tiny.body})
    settings, _ = observe(first, candidates, target, store, Watched(first, pytest.fail))
    return settings, target.name


@pytest.mark.filterwarnings(tiny.RAW)
def test_what_another_process_did_meanwhile_is_not_done_again(store, hold):
    settings, target = settings_of(store)
    failing, complete, killed = (RunKey(settings, target, name, 0) for name in ("failing", "tiny", "narrow"))
    holders = {key: hold(store, key) for key in (failing, complete, killed)}
    made = []

    def finish_others():
        """What the other process has done by the time that it gives its runs up."""
        with Store(store.path) as other:
            other.add_failure(failing, 2, "OSError: no weights")
            ledger = Ledger(other, JOB, [complete], Watched(JOB, pytest.fail))
            candidate = tiny.candidates_of({"tiny": tiny.body})["tiny"]
            attempt(complete, lambda key, start: train(JOB, candidate, tiny.target(), key.run, start), ledger)
        for holder in holders.values():
            holder.kill()
            holder.wait()

    def factory():
        made.append("failing")
        return tiny.body()

    progress = Watched(JOB, finish_others)
    candidates = tiny.candidates_of({"failing": factory, "tiny": tiny.body, "narrow": tiny.narrow})
    observe(JOB, candidates, tiny.target(), store, progress)
    assert made == ["failing"]  # for the check before training, and not for a run
    lines = dict(progress.lines)
    assert lines["failing"] == "failed in epoch 2, OSError: no weights"
    assert lines["tiny"].startswith("epoch 2, ")
    assert lines["narrow"].startswith("epoch 2, ")  # taken over
    assert len(progress.lines) == 3
    observe(JOB, candidates, tiny.target(), store, progress)  # a call of its own tries again
    assert made == ["failing"] * 3  # checked, since it has not begun, and trained
    assert store.table(FAILURES).empty


@pytest.mark.filterwarnings(tiny.RAW)
def test_two_processes_share_the_work_and_agree(tmp_path):
    store, log = tmp_path / "runs.db", tmp_path / "log"
    with start(store, log, EPOCHS, 1) as one, start(store, log, EPOCHS, 1) as other:
        outputs, errors = zip(*(process.communicate(timeout=300) for process in (one, other)), strict=True)
    assert [one.returncode, other.returncode] == [0, 0], errors
    assert outputs[0] == outputs[1]  # the tables, times included
    with Store(store) as opened:
        assert opened.table(FAILURES).empty
        rows = opened.table(OBSERVATIONS)
    trained = sorted((name, int(run), int(epoch)) for event, name, run, epoch in events(log) if event == "train")
    assert trained == [tuple(row) for row in rows[["candidate", "run", "tick"]].values.tolist()]
    assert len(trained) == 2 * EPOCHS
    undisturbed = ranked(tmp_path / "undisturbed.db", tiny.TWO, runs=1)
    pd.testing.assert_frame_equal(without_times(rows), without_times(undisturbed.observations), check_exact=True)


def test_ctrl_c_ends_the_wait_for_another_process(tmp_path, hold):
    job = ["rank", "--candidates", "mlp", "--store", tmp_path / "runs.db", "--out", tmp_path / "out", "--epochs"]
    assert call(*job, 1).exit_code == 0
    with Store(tmp_path / "runs.db") as store:
        known = store.job()
        hold(store, RunKey(known["settings"], known["target"], "mlp", 0))
    with subprocess.Popen(
        [*NCAP, *map(str, job), "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "waiting for another process to finish mlp (Ctrl-C stops waiting)\n"
        process.send_signal(signal.SIGINT)
        output, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in message
    assert "Traceback" not in output + message
