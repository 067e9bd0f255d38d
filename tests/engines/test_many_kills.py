"""Hundreds of signals to drivers and workers of short jobs: each job ends complete, with nothing lost and nothing counted twice.

With NCAP_KILLS=FILE every job adds a line to that file, `seed signals trained_again`, and a repeated call goes on with the next seed.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
import scripted

from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS
from ncap.records.store import Store
from ncap.testing.engines import TICKS

RUNS = {(candidate, run) for candidate in "abc" for run in (0, 1)}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def driver(folder):
    arguments = [folder / "runs.db", folder / "log", 2, "logged"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, scripted.__file__, *map(str, arguments)], **quiet)


def lines(folder):
    log = folder / "log"
    return [tuple(line.split()[1:]) for line in log.read_text().splitlines()] if log.exists() else []


def disturb(folder, rng):
    """Start a driver, end it or one of its workers at a random moment, and wait until all of them have ended; whether it was in time."""
    process, before = driver(folder), len(lines(folder))
    moment, deadline = before + rng.integers(0, 8), time.monotonic() + 120
    while len(lines(folder)) < moment and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.1))
    in_time = process.poll() is None
    workers = psutil.Process(process.pid).children() if in_time else []
    if workers and rng.random() < 0.4:
        os.kill(int(rng.choice([worker.pid for worker in workers])), signal.SIGKILL)
    else:
        process.send_signal(int(rng.choice(SIGNALS)))
    process.wait(timeout=120)
    assert not psutil.wait_procs(workers, timeout=30)[1]
    return in_time


def check(folder):
    """All runs are complete, each tick is there once with its own numbers, and no run has failed."""
    with Store(folder / "runs.db", create=False) as store:
        observations, readings, failures = (store.table(table) for table in (OBSERVATIONS, READINGS, FAILURES))
    expected = sorted((candidate, run, tick) for candidate, run in RUNS for tick in range(1, TICKS + 1))
    for table in (observations, readings):
        assert list(table[["candidate", "run", "tick"]].itertuples(index=False, name=None)) == expected
    assert (observations["val_loss"] == observations["tick"] + 10 * observations["run"]).all()
    assert failures.empty
    kinds = Counter(path.suffix for path in folder.joinpath("runs.db.checkpoints").rglob("*.*"))
    assert kinds == {".h5": len(RUNS), ".lock": len(RUNS)}


def one_job(folder, seed):
    """Signals until the job is complete, five at most; how many, and how many trainings they cost."""
    rng, signals = np.random.default_rng(seed), 0
    for _ in range(5):
        signals += disturb(folder, rng)
    for _ in range(2):  # the second takes up again what failed when a worker was killed
        assert driver(folder).wait(timeout=120) == 0
    check(folder)
    trained = Counter(lines(folder))
    again = trained.total() - len(trained)
    assert len(trained) == len(RUNS) * TICKS
    assert again <= 2 * signals  # a signal costs the tick that each of the two workers is training
    return signals, again


@pytest.mark.parametrize("least", [pytest.param(100, marks=pytest.mark.heavy, id="heavy")])
def test_jobs_survive_any_number_of_signals(tmp_path, least):
    record = Path(os.environ.get("NCAP_KILLS") or tmp_path / "kills")
    seed = (
        1 + max((int(line.split()[0]) for line in record.read_text().splitlines()), default=-1)
        if record.exists()
        else 0
    )
    count = 0
    while count < least:
        folder = tmp_path / str(seed)
        folder.mkdir()
        signals, again = one_job(folder, seed)
        with record.open("a") as file:
            file.write(f"{seed} {signals} {again}\n")
        count, seed = count + signals, seed + 1
    print(f"{sum(int(line.split()[1]) for line in record.read_text().splitlines())} signals so far")
