"""Real trainings, several at a time: the table of one after another, whatever is killed on the way."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress

import numpy as np
import pandas as pd
import psutil
import pytest
import tiny
from logged_job import events, start
from tiny import ranked, without_times

from ncap.engines.progress import JobProgress
from ncap.pipeline import NothingRankedError
from ncap.records.loading import load

pytestmark = pytest.mark.filterwarnings(tiny.RAW)
TABLES = ("observations", "readings", "table", "runs")


def assert_equal(one, other):
    for table in TABLES:
        pd.testing.assert_frame_equal(
            *(without_times(getattr(ranking, table)) for ranking in (one, other)), check_exact=True
        )


def workers(pid=None):
    return [child for child in psutil.Process(pid).children() if child.status() != psutil.STATUS_ZOMBIE]


def test_two_at_a_time_give_the_table_of_one_although_a_process_was_killed(tmp_path, monkeypatch):
    undisturbed = ranked(tmp_path / "undisturbed.db", tiny.TWO, runs=1)
    end_tick, killed = JobProgress.end_tick, []

    def kill_after_the_first(progress, candidate, *rest):
        end_tick(progress, candidate, *rest)
        if candidate == "narrow" and not killed:  # which alone is trained now, or else both have ended
            killed.extend(workers())
            for worker in killed:
                worker.kill()

    monkeypatch.setattr(JobProgress, "end_tick", kill_after_the_first)
    store = tmp_path / "runs.db"
    ranking_of = {"out": None, "runs": 1, "jobs": 2}
    with suppress(NothingRankedError):  # where both were killed
        ranked(store, tiny.TWO, **ranking_of)
    assert killed
    failures = load(store).failures
    assert "narrow" in set(failures["candidate"])
    assert failures["reason"].str.startswith("its process was killed (SIGKILL)").all()
    assert_equal(ranked(store, tiny.TWO, **ranking_of), undisturbed)


THREADS = """
from ncap import framework
framework.load()
import keras
first = framework.limit_threads(None), framework.limit_threads(1), framework.limit_threads(1)
keras.ops.ones(2) + 1
print(*first, framework.limit_threads(1), framework.limit_threads(2), framework.limit_threads(None))
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_the_number_of_threads_is_decided_once_in_a_process(backend):
    environment = {name: value for name, value in os.environ.items() if "THREADS" not in name and name != "NPROC"}
    environment["KERAS_BACKEND"] = backend
    done = subprocess.run([sys.executable, "-c", THREADS], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True", "True", "False", "False"]


@pytest.mark.heavy
@pytest.mark.parametrize("kills", [100])
def test_jobs_whose_workers_or_driver_are_ended_at_random_moments(tmp_path, kills):
    """Counted as they come: `kills` signals to workers and to drivers, over as many jobs as it takes."""
    rng, count, jobs, moments = np.random.default_rng(0), 0, 0, Counter()
    undisturbed = ranked(tmp_path / "undisturbed.db", tiny.TWO, epochs=15, runs=2)
    while count < kills:
        jobs += 1
        store, log = tmp_path / f"{jobs}.db", tmp_path / f"{jobs}.log"
        for _ in range(rng.integers(1, 6)):
            moments[_end_something(start(store, log, 15, 2, jobs=2), log, rng)] += 1
            count += 1
        last = start(store, log, 15, 2, jobs=2)
        last.communicate(timeout=500)
        assert last.returncode == 0
        # A run whose worker was killed has failed, until the same call is made again.
        assert_equal(ranked(store, tiny.TWO, epochs=15, runs=2, jobs=2), undisturbed)
    print(f"{count} signals over {jobs} jobs: {dict(moments)}")


def _end_something(process, log, rng):
    """Send a signal to the driver, or kill one of its workers and let the job end; what was done."""
    seen, enough, deadline = len(events(log)), rng.integers(1, 20), time.monotonic() + 120
    while len(events(log)) < seen + enough and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.03))
    if rng.random() < 0.5 and process.poll() is None and (found := workers(process.pid)):
        rng.choice(np.array(found, dtype=object)).kill()
        process.communicate(timeout=500)
        assert process.returncode in (0, 1)  # 1: every candidate has failed
        return "worker"
    found = workers(process.pid) if process.poll() is None else []
    number = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    process.send_signal(number)
    process.communicate(timeout=120)
    assert not psutil.wait_procs(found, timeout=30)[1]
    return signal.Signals(number).name
