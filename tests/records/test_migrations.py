"""Stores that ncap 0.1 made (tests/records/v1), opened by this version: nothing lost, nothing changed, a copy beside them.

runs.db holds four jobs of 0.1: magnitude and relative differ in the reading alone, hessian has other candidates, seed1 another seed.
The .csv files are the rankings that 0.1 made of them. demo.db is the store of its demo.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS, RunKey
from ncap.records.store import Store, StoreWriteError, UnusableStoreError
from ncap.training import checkpoint

V1 = Path(__file__).with_name("v1")
MAGNITUDE, RELATIVE, HESSIAN, SEED1 = "ab1254f69478", "eb18b3aba445", "e5e60d4ef2fd", "3d371999fd60"
TRAINED = ["train_accuracy", "train_loss", "val_accuracy", "val_loss", "test_accuracy", "seconds_train"]


@pytest.fixture(name="path")
def _path(tmp_path):
    shutil.copytree(V1, tmp_path, dirs_exist_ok=True)
    return tmp_path / "runs.db"


def rows_of_0_1(path):
    db = sqlite3.connect(path)
    rows = pd.read_sql("SELECT * FROM observations ORDER BY rowid", db)
    db.close()
    return rows


def change(path, statement):
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()


def test_every_number_of_every_row_is_there(path):
    before = rows_of_0_1(path)
    with Store(path) as store:
        renamed = {old: store.job(old)["settings"] for old in pd.unique(before["settings"])}
        observations, readings = store.table(OBSERVATIONS), store.table(READINGS)
    run = ["settings", "target", "candidate", "run", "tick"]
    before = before.assign(
        tick=before["epoch"], settings=before["settings"].map(renamed), epoch=before["epoch"].astype(float)
    )
    expected = before.rename(columns={"seconds_beta": "seconds"}).sort_values([*run, "reading"])
    expected["reason"] = expected["degenerate"].map({0: "", 1: "unknown"})
    read = ["reading", "beta_eff", "beta_eff_error", "cancellation", "reason", "seconds"]
    pd.testing.assert_frame_equal(
        readings.sort_values([*run, "reading"])[[*run, *read]].reset_index(drop=True), expected[[*run, *read]].reset_index(drop=True),
        check_exact=True, check_index_type=False, check_dtype=False,
    )  # fmt: skip
    first = before.drop_duplicates(run).sort_values(run)  # of two jobs that became one, what the first wrote
    columns = [*run, "epoch", *TRAINED]
    pd.testing.assert_frame_equal(
        observations[columns], first[columns].reset_index(drop=True), check_exact=True, check_dtype=False
    )
    assert readings[["numerator", "denominator"]].isna().all(axis=None)
    assert (readings["n_samples"] == 0).all()


def test_jobs_that_differ_in_the_reading_alone_become_one_where_their_accuracies_agree(path):
    with Store(path) as store:
        named = {store.job(old)["settings"] for old in (MAGNITUDE, RELATIVE, HESSIAN)}
        assert len(named) == 1
        assert store.job(SEED1)["settings"] not in named
        records = store.records(RELATIVE)
        assert records.reading == "explicit/magnitude/relative"  # the old hash names its reading, too
        assert store.records(*named).reading == "explicit/magnitude/unit"
        of_tiny = records.readings[records.readings["candidate"] == "tiny"]
        assert set(of_tiny["reading"]) == {"explicit/magnitude/unit", "explicit/magnitude/relative"}
        assert len(of_tiny) == 2 * 2 * 6  # readings, runs, epochs
        assert store.table(FAILURES)["candidate"].tolist() == ["failing", "failing"]
        assert {job["settings"] for job in store.jobs()} == {*named, store.job(SEED1)["settings"]}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE observations SET val_loss = val_loss + 1e-9 WHERE settings = '{0}' AND candidate = 'tiny' AND epoch = 3",
        "UPDATE observations SET test_accuracy = NULL WHERE settings = '{0}' AND epoch = 1",
        "UPDATE bodies SET fingerprint = 'another' WHERE settings = '{0}' AND candidate = 'tiny'",
        "INSERT INTO failures VALUES ('{0}', 'digits', 'tiny', 0, 7, 'ValueError: no reading')",
    ],
)
def test_jobs_that_do_not_agree_stay_apart(path, statement):
    change(path, statement.format(RELATIVE))
    before = rows_of_0_1(path).query(f"settings == '{RELATIVE}'")
    with Store(path) as store:
        one, other = (store.job(old)["settings"] for old in (MAGNITUDE, RELATIVE))
        assert one != other
        assert store.job(HESSIAN)["settings"] == one
        assert store.job(RELATIVE)["parameters"]["apart"] == RELATIVE
        for settings, reading in ((one, "explicit/magnitude/unit"), (other, "explicit/magnitude/relative")):
            assert store.records(settings).reading == reading
        kept = store.table(OBSERVATIONS, settings=other)
        assert sorted(kept["val_accuracy"]) == sorted(before["val_accuracy"])


def test_the_present_settings_have_the_hash_of_the_migrated_job(path):
    """So that the job goes on where 0.1 left it."""
    with Store(path) as store:
        job = store.job(MAGNITUDE)
        removed = {"interaction", "strength", "weighting", "beta_samples"}
        assert not removed & set(job["parameters"])
        assert store.add_settings(job["parameters"], job["environment"]) == job["settings"]


def test_the_copy_is_the_old_file_and_a_second_opening_changes_nothing(path):
    before = path.read_bytes()
    Store(path).close()
    assert (path.with_name("runs.db.v1")).read_bytes() == before
    after = path.read_bytes()
    Store(path).close()
    Store(path, create=False).close()
    assert path.read_bytes() == after
    with Store(path.with_name("runs.db.v1"), create=False) as store:  # the copy is a store of 0.1 itself
        assert len(store.table(READINGS)) == len(rows_of_0_1(V1 / "runs.db"))


def test_another_file_of_the_copys_name_is_not_overwritten(path):
    copy = path.with_name("runs.db.v1")
    copy.write_text("mine")
    before = path.read_bytes()
    with pytest.raises(UnusableStoreError, match=r"runs\.db\.v1 exists already and is a different file; move it away"):
        Store(path)
    assert (path.read_bytes(), copy.read_text()) == (before, "mine")


def test_a_store_that_cannot_be_written_is_read_all_the_same(path, monkeypatch):
    monkeypatch.setattr(Store, "_writable", lambda _: False)  # root may write what nobody else may
    before = path.read_bytes()
    with Store(path, create=False) as store:
        assert store.records(RELATIVE).reading == "explicit/magnitude/relative"
    assert path.read_bytes() == before
    assert not path.with_name("runs.db.v1").exists()


def test_a_full_disk_leaves_the_old_store(path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreWriteError, match="No space left on device"):
        Store(path)
    assert path.read_bytes() == before


def test_checkpoints_of_0_1_are_found_and_say_what_the_tables_say(path):
    with Store(path) as store:
        settings = store.job(MAGNITUDE)["settings"]
        for candidate in ("tiny", "narrow"):
            key = RunKey(settings, "digits", candidate, 1)
            found = [tick for path in store.checkpoint_paths(key) if (tick := checkpoint.load(path, key)) is not None]
            assert {tick.readings[0]["reading"] for tick in found} == {
                "explicit/magnitude/unit",
                "explicit/magnitude/relative",
            }
            for tick in found:
                assert tick.number == 6
                assert tick.state.body == store.body(key)
                recorded = store.table(OBSERVATIONS, **key._asdict(), tick=6).iloc[0].to_dict()
                same = [name for name in OBSERVATIONS.names[4:] if name != "seconds_train"]
                assert {name: tick.observation[name] for name in same} == {name: recorded[name] for name in same}
            assert checkpoint.load(store.checkpoint_path(key._replace(settings=MAGNITUDE)), key._replace(run=0)) is None


KILLED = """
import sqlite3, sys, time
from pathlib import Path
from ncap.records import migrations, store
moment = int(sys.argv[2])
step = 0
def wait(*_):
    global step
    step += 1
    if step == moment:
        print("now", flush=True)
        time.sleep(600)
move, rows = migrations.keep_copy, migrations._move_rows
def keep_copy(*arguments):
    wait()                      # before the copy
    copy = move(*arguments)
    wait()                      # after it
    return copy
def move_rows(db):
    wait()                      # the new tables are made
    rows(db)
    wait()                      # and filled, the old ones not dropped yet
migrations.keep_copy, migrations._move_rows = keep_copy, move_rows
opened = store.Store(sys.argv[1])
wait()                          # committed
"""


@pytest.mark.parametrize("moment", [1, 2, 3, 4, 5])
def test_a_migration_that_is_killed_loses_nothing(path, moment):
    before = path.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), str(moment)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with Store(path) as store:
        migrated = [store.table(table) for table in (OBSERVATIONS, READINGS, FAILURES)]
    assert path.with_name("runs.db.v1").read_bytes() == before
    undisturbed = path.with_name("undisturbed.db")
    shutil.copy(V1 / "runs.db", undisturbed)
    with Store(undisturbed) as store:
        for one, table in zip(migrated, (OBSERVATIONS, READINGS, FAILURES), strict=True):
            pd.testing.assert_frame_equal(one, store.table(table), check_exact=True)


def test_a_migration_killed_while_it_writes_its_pages_is_rolled_back(path):
    """With a cache of one page SQLite writes changed pages before the commit: the journal beside the file brings them back."""
    code = KILLED.replace("moment = int", "connect = sqlite3.connect\nmoment = int").replace(
        "opened = ",
        "def spilling(*a, **k):\n    db = connect(*a, **k)\n    db.execute('PRAGMA cache_size = 1')\n    return db\n"
        "sqlite3.connect = store.sqlite3.connect = spilling\nopened = ",
    )
    before = path.read_bytes()
    with subprocess.Popen([sys.executable, "-c", code, str(path), "4"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "now\n"
        journal = path.with_name("runs.db-journal")
        assert journal.exists()
        assert path.read_bytes() != before  # half migrated on the disk
        process.kill()
    with Store(path) as store:
        assert len(store.table(READINGS)) == len(rows_of_0_1(V1 / "runs.db"))
    assert not journal.exists()


def test_two_processes_may_open_an_old_store_at_once(path):
    code = "import sys; from ncap.records.store import Store; Store(sys.argv[1]).close()"
    opening = [
        subprocess.Popen([sys.executable, "-c", code, str(path)], stderr=subprocess.PIPE, env=os.environ)
        for _ in range(3)
    ]
    assert [(process.communicate()[1], process.returncode) for process in opening] == [(b"", 0)] * 3
