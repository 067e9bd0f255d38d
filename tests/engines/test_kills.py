"""A process that is killed at any moment loses no finished epoch, and the next one repeats none."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import tiny
from logged_job import events, start
from tiny import ranked, without_times
from waiting import end_by_kill, wait_for

import ncap.records.store
from ncap.cli.interrupt import exit_on_interrupt
from ncap.records.schema import OBSERVATIONS, READINGS
from ncap.records.store import Store

RUN = ["candidate", "run"]


def kill_after(process, log, count, delay):
    """Wait until the process has logged `count` events, and `delay` seconds more; kill it, and name what it was doing."""
    wait_for(lambda: len(events(log, process)) >= count, process, every=0.002)
    time.sleep(delay)
    end_by_kill(process)
    return events(log, process)[-1:] or [("starting",)]


def check_store(path, before):
    """The rows in the store: every run's are without a gap, and hold those of before, times included."""
    if not path.exists():
        return before
    with Store(path) as store:
        rows = store.table(OBSERVATIONS)
        readings = store.table(READINGS)
    assert readings[[*RUN, "tick"]].equals(rows[[*RUN, "tick"]])  # committed together
    for _, run in rows.groupby(RUN):
        assert run["tick"].tolist() == list(range(1, len(run) + 1))
    if before is not None:
        kept = before[[*RUN, "tick"]].merge(rows, how="left")[before.columns]
        pd.testing.assert_frame_equal(kept, before, check_exact=True)
    return rows


def check_log(log):
    """No epoch is trained again once its checkpoint was saved; returns how many trainings the kills cost."""
    saved, trained = set(), Counter()
    for event, *epoch in events(log):
        if event == "train":
            assert tuple(epoch) not in saved
            trained[tuple(epoch)] += 1
        elif event == "saved":
            saved.add(tuple(epoch))
    return trained.total() - len(trained)


@pytest.mark.filterwarnings(tiny.RAW)
@pytest.mark.parametrize(
    ("kills", "epochs", "runs"), [(2, 6, 1), pytest.param(20, 15, 2, marks=pytest.mark.heavy, id="heavy")]
)
def test_a_job_killed_at_random_moments_equals_the_undisturbed_one(tmp_path, kills, epochs, runs):
    rng = np.random.default_rng(0)
    store, log, rows, moments = tmp_path / "runs.db", tmp_path / "log", None, Counter()
    for kill in range(kills):
        # every sixth while the process still starts, the others within the next few epochs of four events each
        count, delay = (0, rng.uniform(0, 6)) if kill % 6 == 5 else (rng.integers(1, 17), rng.uniform(0, 0.03))
        ((moment, *_),) = kill_after(start(store, log, epochs, runs), log, count, delay)
        moments[moment] += 1
        rows = check_store(store, rows)
    last = start(store, log, epochs, runs)
    assert last.communicate(timeout=500)[0]
    assert last.returncode == 0
    rows = check_store(store, rows)
    print(f"killed after: {dict(moments)}; trainings repeated: {check_log(log)}; rows: {len(rows)}")

    undisturbed = ranked(tmp_path / "undisturbed.db", tiny.TWO, epochs=epochs, runs=runs)
    resumed = ranked(store, tiny.TWO, epochs=epochs, runs=runs)
    pd.testing.assert_frame_equal(resumed.observations, rows)  # complete: nothing was trained now
    for table in ("observations", "readings", "table", "runs"):
        pd.testing.assert_frame_equal(
            *(without_times(getattr(ranking, table)) for ranking in (resumed, undisturbed)), check_exact=True
        )
    kinds = Counter(path.suffix for path in tmp_path.joinpath("runs.db.checkpoints").rglob("*.*"))
    assert kinds == {".h5": 2 * runs, ".lock": 2 * runs}  # no temporary file is left


def test_a_checkpoint_is_on_the_disk_before_its_row(tmp_path, monkeypatch):
    """The order that a power cut can cut at any place: what a later step relies on was flushed before it."""
    trace = []
    fsync, replace, connect = os.fsync, os.replace, ncap.records.store.sqlite3.connect

    def traced_fsync(descriptor):
        trace.append("flush folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "flush file")
        fsync(descriptor)

    def traced_replace(source, target):
        trace.append("rename")
        replace(source, target)

    def traced_connect(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_trace_callback(lambda sql: trace.append(sql.split()[0]))
        return connection

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(os, "replace", traced_replace)
    monkeypatch.setattr(ncap.records.store.sqlite3, "connect", traced_connect)
    ranked(tmp_path / "runs.db", epochs=2, runs=1)
    first = trace.index("flush file")
    # the observation, its reading, the body; then the store is asked what it has
    steps = ["flush file", "rename", "flush folder", "BEGIN", "INSERT", "INSERT", "INSERT", "COMMIT", "SELECT"]
    assert trace[first : first + 18] == steps * 2
    assert not {"flush file", "rename"} & set(trace[first + 18 :])


def test_a_store_waits_for_the_disk_at_every_commit(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        extra = 3  # SQLite's number for synchronous=EXTRA: the folder is flushed too when the journal is deleted
        assert store._db.execute("PRAGMA synchronous").fetchone() == (extra,)
        assert store._db.execute("PRAGMA journal_mode").fetchone() == ("delete",)


SWALLOWING = """
import time
from ncap.cli.interrupt import exit_on_interrupt
with exit_on_interrupt():
    print("ready", flush=True)
    while True:
        try:
            time.sleep(600)
        except BaseException:  # what a library, or a callback of the garbage collector, does with a KeyboardInterrupt
            pass
"""


def test_ctrl_c_is_never_swallowed():
    with subprocess.Popen(
        [sys.executable, "-c", SWALLOWING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert message == "\nError: interrupted; run the same command again to continue\n"


def test_the_handler_of_ctrl_c_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with exit_on_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
