"""Stores that were damaged, changed, locked or set up by other programs: refused by name when they are opened, and left as they were."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ncap.records.store
from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS, RunKey
from ncap.records.sql import TABLES
from ncap.records.store import Store, UnusableStoreError

V1 = Path(__file__).with_name("v1")
NAMES = ("alpha", "beta", "gamma")


@pytest.fixture(name="path")
def _path(tmp_path):
    path = tmp_path / "runs.db"
    with Store(path) as store:
        settings = store.add_settings({"seed": 0}, {"ncap": "0.2"})
        for name in NAMES:
            key = RunKey(settings, "digits", name, 0)
            observation = dict.fromkeys(OBSERVATIONS.names[4:], 0.5) | {"tick": 1, "epoch": 1.0}
            reading = dict.fromkeys(READINGS.names[4:], 0.25) | {"tick": 1, "reading": "gradient", "reason": ""}
            store.add(key, observation, [reading], "body")
        store.add_failure(key, 2, "no memory")
        row = {
            "settings": settings,
            "target": "digits",
            "candidate": "beta",
            "score": "knn",
            "value": 0.5,
            "seconds": 1.0,
        }
        store.add_scores([row | {"note": ""}])
        store.add_scores([row | {"note": "again", "value": 0.75}])
    return path


def change(path, *statements):
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def assert_refused(path, message):
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(UnusableStoreError, match=message) as refused:
            Store(path, create=create)
        assert str(refused.value).startswith(f"{path}: ")
        assert "untouched" in str(refused.value)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_damaged_index_is_found(path):
    """The rows are all there, and by the index, which finds a candidate, one is not: nothing that quick_check looks at."""
    pages, size = bytearray(path.read_bytes()), 4096
    for start in range(0, len(pages), size):
        if pages[start] == 0x0A:  # a leaf of an index
            pages[start : start + size] = pages[start : start + size].replace(b"beta", b"betb")
    path.write_bytes(pages)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    assert db.execute("SELECT candidate FROM observations WHERE candidate = 'beta' AND settings > ''").fetchall() == []
    db.close()
    assert_refused(path, r"damaged \(row 2 missing from index sqlite_autoindex_[a-z]*_1\)")


CHANGES = [
    ("observations", "val_loss = 0.5000000000000001", "candidate 'beta', run 0, tick 1"),
    ("observations", "test_accuracy = NULL", "candidate 'beta', run 0, tick 1"),
    ("readings", "beta_eff = -beta_eff", "candidate 'beta', run 0, tick 1, reading 'gradient'"),
    ("readings", "reason = 'softmax'", "candidate 'beta', run 0, tick 1, reading 'gradient'"),
    ("readings", "candidate = CAST(X'62ff' AS TEXT)", r"candidate 'b\\udcff', run 0"),
    ("scores", "value = 1e-300", "candidate 'beta', score 'knn'"),
    ("failures", "epoch = 3", "candidate 'gamma', run 0"),
    ("bodies", "fingerprint = 'other'", "candidate 'beta', run 0"),
    ("settings", "parameters = '{\"seed\":1}'", "hash '"),
    ("settings", "parameters = '{\"seed\":'", "hash '"),
    ("settings", "environment = X'00'", "hash '"),
]


@pytest.mark.parametrize(("table", "value", "row"), CHANGES)
def test_a_value_that_has_changed_is_found_and_its_row_named(path, table, value, row):
    beta = " WHERE candidate = 'beta'" if table not in ("settings", "failures") else ""
    change(path, f"UPDATE {table} SET {value}{beta}")
    assert_refused(path, rf"damaged \(in its table {table} the row .*{row}.* has changed since it was written\)")


def test_every_way_to_write_leaves_rows_that_are_sound(path):
    with Store(path) as store:
        assert store.table(TABLES["scores"])["note"].tolist() == ["again"]
        tables = {name: (table, store.table(table)) for name, table in TABLES.items()}
    copy = path.with_name("copy.db")
    with Store(copy) as store:
        store.merge(tables)
    with Store(copy, create=False) as store:
        assert all(store.table(table).equals(rows) for table, rows in tables.values())


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE observations SET val_loss = 'low' WHERE epoch = 1", "observations .* has val_loss 'low'"),
        ("UPDATE observations SET val_accuracy = 1.5 WHERE epoch = 1", r"observations .* has val_accuracy 1\.5"),
        ("UPDATE observations SET seconds_train = -0.1 WHERE epoch = 1", r"observations .* has seconds_train -0\.1"),
        ("UPDATE observations SET epoch = -1 WHERE epoch = 1", "observations .* has epoch -1"),
        ("UPDATE observations SET settings = 'other' WHERE rowid = 1", "observations .* has settings of no job"),
        ("UPDATE observations SET reading = 'other' WHERE epoch = 1", "observations .* has reading 'other'"),
        (
            "UPDATE observations SET candidate = CAST(X'ff' AS TEXT) WHERE rowid = 1",
            r"observations .* has candidate '.udcff'",
        ),
        ("UPDATE settings SET parameters = '{'", "settings .* has parameters or an environment"),
        ("UPDATE settings SET parameters = '[1]'", "settings .* has parameters or an environment"),
        ("UPDATE settings SET environment = '1'", "settings .* has parameters or an environment"),
        ("UPDATE bodies SET fingerprint = X'00'", "bodies .* has fingerprint b"),
        ("UPDATE failures SET epoch = 'two'", "failures .* has epoch 'two'"),
    ],
)
def test_what_0_1_cannot_have_written_is_refused_before_anything_is_moved(tmp_path, statement, message):
    path = tmp_path / "runs.db"
    shutil.copy(V1 / "runs.db", path)
    change(path, statement)
    assert_refused(path, rf"damaged \(in its table {message}.*, which ncap 0.1 did not write\)")


def test_a_migration_that_cannot_end_leaves_no_copy(tmp_path, monkeypatch):
    path = tmp_path / "runs.db"
    shutil.copy(V1 / "runs.db", path)

    def failing(db):
        db.execute("SELECT missing FROM observations")

    monkeypatch.setattr(ncap.records.migrations, "_move_rows", failing)
    before = path.read_bytes()
    with pytest.raises(UnusableStoreError, match="no such column: missing"):
        Store(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["runs.db"]


def test_a_store_in_wal_mode_is_refused_with_the_way_back(path):
    change(path, "PRAGMA journal_mode = WAL")
    assert path.read_bytes()[18:20] == b"\2\2"
    with pytest.raises(UnusableStoreError, match="WAL mode") as refused:
        Store(path)
    assert_refused(path, "WAL mode, in which ncap opens no store; left untouched. Close that program and set it back")
    _, remedy = str(refused.value).split("python -c ")
    subprocess.run([sys.executable, "-c", remedy.strip('"')], check=True)
    with Store(path, create=False) as store:
        assert store.table(OBSERVATIONS)["candidate"].tolist() == list(NAMES)


def test_reading_does_not_touch_the_file(path):
    before, times = path.read_bytes(), path.stat()
    with Store(path, create=False) as store:
        store.records()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, times.st_mtime_ns)


@pytest.mark.parametrize("create", [True, False])
def test_a_locked_store_is_said_to_be_locked(path, monkeypatch, create):
    monkeypatch.setattr(ncap.records.store, "_PATIENCE", 0)
    monkeypatch.setattr(ncap.records.store, "_LOOK", 0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UnusableStoreError, match="locked by another program, for more than 0 s; repeat the command"):
        Store(path, create=create)
    other.execute("ROLLBACK")
    with Store(path, create=create) as store:
        assert len(store.table(OBSERVATIONS)) == len(NAMES)
    other.close()


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "


@pytest.mark.parametrize("table", ["observations", "settings"])
def test_a_view_in_place_of_a_table_is_refused_and_not_read(path, table):
    columns = ", ".join(f"i AS {name}" for name in (*TABLES[table].names, "checksum"))
    change(path, f"DROP TABLE {table}", f"CREATE VIEW {table} AS {ENDLESS} {columns} FROM n")
    assert_refused(path, f"cannot be read as a store: its view {table} is not the table of schema 2; left untouched")


def test_a_trigger_is_refused(path):
    trigger = "CREATE TRIGGER 'mine' AFTER INSERT ON observations BEGIN DELETE FROM readings; END"
    change(path, trigger)
    assert_refused(path, "it holds a trigger, 'mine'")


def test_a_table_declared_otherwise_is_refused(tmp_path):
    path = tmp_path / "runs.db"
    Store(path).close()
    change(
        path, "DROP TABLE failures", "CREATE TABLE failures (settings, target, candidate, run, epoch, reason, checksum)"
    )
    assert_refused(path, "its table failures is not the table of schema 2")


def test_what_a_user_has_put_beside_the_tables_is_no_damage(path):
    change(path, "CREATE VIEW best AS SELECT max(val_accuracy) FROM observations", "CREATE TABLE notes (text)")
    with Store(path) as store:
        assert len(store.table(OBSERVATIONS)) == len(NAMES)


INTERRUPTED = f"""
import sys
from ncap.records.store import Store
with Store(sys.argv[1]) as store:
    print("now", flush=True)
    try:
        store._query({ENDLESS + "count(*) FROM n"!r})
    except KeyboardInterrupt:
        print("interrupted")
"""

WAITING = """
import sys
from ncap.records.store import Store
print("now", flush=True)
try:
    Store(sys.argv[1])
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("code", [INTERRUPTED, WAITING], ids=["a long query", "a lock"])
def test_ctrl_c_ends_what_sqlite_is_doing(path, code):
    other = sqlite3.connect(path, isolation_level=None)
    if code is WAITING:
        other.execute("BEGIN EXCLUSIVE")
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "now\n"
        time.sleep(0.3)  # inside SQLite
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[0] == "interrupted\n"
    other.close()


def test_a_symlink_to_a_store_shares_its_checkpoints(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(path)
    key = RunKey("s", "digits", "mlp", 0)
    with Store(link) as linked, Store(path) as store:
        assert linked.checkpoint_path(key) == store.checkpoint_path(key)
        assert linked.path == link  # what messages call it
        assert linked.table(FAILURES).equals(store.table(FAILURES))


def test_a_migration_through_a_symlink_keeps_its_copy_beside_the_file(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    shutil.copy(V1 / "runs.db", tmp_path / "runs.db")
    link.symlink_to(tmp_path / "runs.db")
    Store(link).close()
    assert (tmp_path / "runs.db.v1").read_bytes() == (V1 / "runs.db").read_bytes()
    assert list(link.parent.iterdir()) == [link]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_in_the_stores_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "runs.db")
    for create in (True, False):
        with pytest.raises(UnusableStoreError, match="not a file; pass the path of a store"):
            Store(tmp_path / "runs.db", create=create)


def test_a_text_that_is_not_unicode_is_refused_by_its_column(path):
    with Store(path) as store, pytest.raises(ValueError, match=r"failures.candidate must be a text .* got '.udcff'"):
        store.add_failure(RunKey("s", "digits", "\udcff", 0), 1, "no name")


def test_parameters_are_what_the_hash_says(path):
    with Store(path) as store:
        (job,) = store.jobs()
        assert json.dumps(job["parameters"]) == '{"seed": 0}'
