"""The store: real SQLite files, and the checkpoints beside them."""

import math
import sqlite3

import numpy as np
import pytest

from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS, RECORDS, SCORES, RunKey
from ncap.records.store import Store, StoreWriteError, UnusableStoreError

KEY = RunKey("s", "digits", "mlp", 0)
UNIT = "explicit/magnitude/unit"


def blank(table, **values):
    """A row of a table without its run."""
    return {name: {str: "text", int: 0, float: 0.1}[kind] for name, kind in list(table.types.items())[4:]} | values


def observation(tick=1, **values):
    return blank(OBSERVATIONS, tick=tick, epoch=float(tick)) | values


def reading(tick=1, name=UNIT, **values):
    return blank(READINGS, tick=tick, reading=name) | values


def add(store, tick=1, key=KEY, **values):
    of_reading = {
        name: values.pop(name) for name in list(values) if name in READINGS.names and name not in OBSERVATIONS.names
    }
    return store.add(key, observation(tick, **values), [reading(tick, **of_reading)])


@pytest.fixture(name="store")
def _store(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        yield store


def test_the_tables_have_the_columns_of_the_design(store):
    run = "settings target candidate run"
    columns = {
        "observations": f"{run} tick epoch train_accuracy train_loss val_accuracy val_loss test_accuracy seconds_train",
        "readings": f"{run} tick reading beta_eff beta_eff_error numerator denominator cancellation reason n_samples seconds",
        "scores": "settings target candidate score value seconds note",
        "failures": "settings target candidate run epoch reason",
    }
    for table in RECORDS:
        assert list(store.table(table).columns) == columns[table.name].split()
    add(store)
    for table in RECORDS:
        assert list(store.table(table).columns) == columns[table.name].split()


def test_values_survive_closing_exactly(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        add(
            store,
            key=KEY._replace(run=np.int64(3)),
            test_accuracy=math.nan,
            train_loss=np.float32(0.1),
            beta_eff=0.1 + 0.2,
            beta_eff_error=math.nan,
            cancellation=math.inf,
            reason="zero",
        )
    with Store(tmp_path / "runs.db", create=False) as store:
        (seen,), (read,) = (store.table(table).to_dict("records") for table in (OBSERVATIONS, READINGS))
    assert math.isnan(read["beta_eff_error"])
    assert math.isnan(seen["test_accuracy"])
    assert read["beta_eff"] == 0.1 + 0.2
    assert (read["cancellation"], read["reason"], read["run"]) == (math.inf, "zero", 3)
    assert seen["train_loss"] == float(np.float32(0.1))


def test_dtypes_do_not_depend_on_the_rows(store):
    empty = [store.table(table).dtypes.to_dict() for table in RECORDS]
    add(store, beta_eff=math.nan, cancellation=1)
    assert [store.table(table).dtypes.to_dict() for table in RECORDS] == empty


def test_a_tick_is_written_once_and_what_is_kept_is_returned(store):
    assert add(store, val_loss=1.0, beta_eff=1.0)["val_loss"] == 1.0
    assert add(store, val_loss=2.0, beta_eff=2.0)["val_loss"] == 1.0
    assert store.table(OBSERVATIONS)["val_loss"].tolist() == [1.0]
    assert store.table(READINGS)["beta_eff"].tolist() == [1.0]


def test_a_tick_is_written_whole_or_not_at_all(store):
    with pytest.raises(ValueError, match="a row of readings has the columns"):
        store.add(KEY, observation(1), [reading(1), {"tick": 1}])
    assert store.table(OBSERVATIONS).empty


def test_one_tick_has_many_readings_in_the_order_of_the_job(store):
    names = [UNIT, "gradient", "explicit/signed/unit"]
    for tick in (1, 2):
        store.add(KEY, observation(tick), [reading(tick, name) for name in names])
    assert store.table(READINGS)["reading"].tolist() == names * 2
    key = KEY._replace(settings=store.add_settings({}, {}))
    store.add(key, observation(1), [reading(1, name) for name in names[1:]])
    store.add(key._replace(candidate="a"), observation(1), [reading(1, UNIT)])
    assert store.records().first_reading == "gradient"  # written first, whatever the order of the names


def test_how_far_a_run_has_come_depends_on_what_is_to_be_read(store):
    for tick in (1, 2, 3, 5):
        store.add(KEY, observation(tick), [reading(tick), *([reading(tick, "gradient")] if tick < 3 else [])])
    assert store.done(KEY, [UNIT]) == 3  # the fifth lies behind a gap
    assert store.done(KEY, ["gradient", UNIT]) == 2
    assert store.done(KEY, ["explicit/signed/unit"]) == 0
    assert store.done(KEY._replace(run=1), [UNIT]) == 0


def test_rows_come_sorted_and_of_one_job(store):
    for settings, tick in (("b", 2), ("a", 1), ("b", 1)):
        add(store, tick, KEY._replace(settings=settings))
    assert store.table(OBSERVATIONS)[["settings", "tick"]].values.tolist() == [["a", 1], ["b", 1], ["b", 2]]
    assert store.table(OBSERVATIONS, settings="b")["tick"].tolist() == [1, 2]
    assert store.table(OBSERVATIONS, settings="b", target="cifar10").empty


def test_names_are_data(store):
    name = "x'); DROP TABLE observations; --"
    add(store, key=KEY._replace(candidate=name))
    assert store.table(OBSERVATIONS)["candidate"].tolist() == [name]


def test_a_row_with_other_columns_is_refused(store):
    with pytest.raises(ValueError, match="a row of observations has the columns"):
        store.add(KEY, {"tick": 1}, [])


def test_scores_are_replaced(store):
    row = dict(zip(SCORES.names, ("s", "digits", "mlp", "log_me", 0.5, 1.0, ""), strict=True))
    store.add_scores([row, row | {"score": "knn"}])
    store.add_scores([row | {"value": math.nan, "note": "one class"}])
    scores = store.table(SCORES).set_index("score")
    assert math.isnan(scores.loc["log_me", "value"])
    assert scores["note"].to_dict() == {"knn": "", "log_me": "one class"}


def test_settings_are_named_by_their_content(store):
    first = store.add_settings({"seed": 0, "learning_rate": 1e-3}, {"keras": "1"})
    with pytest.warns(UserWarning, match=rf"job {first} continues in another environment \(keras 1 -> 2\)"):
        assert store.add_settings({"learning_rate": 1e-3, "seed": 0}, {"keras": "2"}) == first
    assert store.add_settings({"learning_rate": 1e-3, "seed": 0}, {"keras": "1"}) == first
    assert store.add_settings({"learning_rate": 1e-3, "seed": 1}, {}) != first
    add(store, key=KEY._replace(settings=first))
    (job,) = store.jobs()
    assert job["parameters"] == {"seed": 0, "learning_rate": 1e-3}
    assert job["environment"] == {"keras": "1"}  # of the first use


def test_settings_keep_their_name_for_ever(store):
    """A later version finds the jobs of this one only while the same settings have the same hash."""
    assert store.add_settings({"seed": 0, "learning_rate": 1e-3}, {}) == "150a403aa72f"


def test_settings_without_a_value_in_json_are_refused(store):
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.add_settings({"learning_rate": math.nan}, {})


def test_the_last_written_job_is_the_default(store):
    old, new, failed = (store.add_settings({"seed": seed}, {}) for seed in range(3))
    store.add_failure(RunKey(failed, "digits", "mlp", 0), 1, "no weights")
    add(store, key=KEY._replace(settings=new))
    add(store, key=KEY._replace(settings=old))
    assert store.job()["settings"] == old
    assert store.job(settings=failed)["target"] == "digits"
    with pytest.raises(ValueError, match=f"no job with settings 'nonsense'; it holds .*{new} on digits"):
        store.job(settings="nonsense")


def test_an_empty_store_has_no_job_to_report(store):
    with pytest.raises(ValueError, match="holds no job to report; it holds none yet"):
        store.job()


def test_failures_are_replaced_and_forgotten(store):
    key = RunKey("s", "digits", "mlp", 0)
    store.add_failure(key, 1, "first")
    store.add_failure(key, 3, "second")
    assert store.table(FAILURES)[["epoch", "reason"]].values.tolist() == [[3, "second"]]
    store.clear_failure(key, 2)  # done again up to an epoch before the one that failed: nothing is known of that one
    assert len(store.table(FAILURES)) == 1
    store.clear_failure(key, 3)
    assert store.table(FAILURES).empty


def test_the_body_of_a_run_is_the_first_one(store):
    assert store.body(KEY) == ""
    for tick, body in ((1, "abc"), (2, "abd")):
        store.add(KEY, observation(tick), [], body)
    assert store.body(KEY) == "abc"


def foreign_database(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE observations (candidate TEXT)")
    db.close()


def newer_store(path, version=3):
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()


def much_newer_store(path):
    newer_store(path, 1 << 24)


def unknown_store(path):
    newer_store(path, 0)


def text_file(path):
    path.write_text("candidate,epoch\nmlp,1\n")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (foreign_database, "not an ncap store"),
        (text_file, "not an ncap store"),
        (newer_store, "a newer ncap .schema 3, this one reads 1 to 2"),
        (much_newer_store, "schema 16777216"),
        (unknown_store, "an unknown ncap .schema 0"),
    ],
)
@pytest.mark.parametrize("create", [True, False])
def test_a_foreign_file_is_refused_and_untouched(tmp_path, make, message, create):
    path = tmp_path / "runs.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(UnusableStoreError, match=message):
        Store(path, create=create)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["runs.db"]


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(UnusableStoreError, match="cannot be read"):
        Store(tmp_path)
    with pytest.raises(UnusableStoreError, match="no such store"):
        Store(tmp_path / "missing.db", create=False)
    with pytest.raises(UnusableStoreError, match="pass a path in a writable folder"):
        Store(tmp_path / "missing" / "runs.db")


def test_the_header_says_what_the_file_is(tmp_path):
    """As `file` and later versions read it: SQLite's application id and user version."""
    Store(tmp_path / "runs.db").close()
    header = (tmp_path / "runs.db").read_bytes()[:100]
    assert (header[68:72], header[60:64]) == (b"ncap", b"\0\0\0\2")


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "runs.db").touch()  # what a crash before the first commit leaves
    with Store(tmp_path / "runs.db") as store:
        add(store)


@pytest.mark.parametrize("create", [True, False])
def test_tables_that_are_not_those_of_the_schema_are_refused_when_the_store_is_opened(tmp_path, create):
    path = tmp_path / "runs.db"
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE readings")
    db.close()
    before = path.read_bytes()
    with pytest.raises(
        UnusableStoreError, match="cannot be read as a store: its table readings is missing; left untouched"
    ):
        Store(path, create=create)
    assert path.read_bytes() == before


@pytest.mark.parametrize("create", [True, False])
def test_a_damaged_store_is_refused(tmp_path, create):
    path = tmp_path / "runs.db"
    Store(path).close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 4000)
    with (
        pytest.raises(UnusableStoreError, match=r"cannot be (read|used) as a store"),
        Store(path, create=create) as store,
    ):
        store.table(OBSERVATIONS)


def test_a_page_damaged_while_the_store_is_open_is_no_failure_to_write(store):
    add(store, 1)
    pages = bytearray(store.path.read_bytes())
    pages[24:28] = b"\xff" * 4  # SQLite's count of changes: what it remembers of the file is no longer true
    pages[4096:] = b"\xff" * len(pages[4096:])
    store.path.write_bytes(pages)
    with pytest.raises(UnusableStoreError, match="can no longer be used as a store"):
        add(store, 2)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk is full")])
def test_what_could_not_be_written_says_why(tmp_path, error):
    words = str(StoreWriteError.at(tmp_path / "runs.db", error))
    assert f"runs.db: could not be written ({error.args[-1]}); the epochs committed before are safe" in words


def add_ticks(store, ticks):
    for tick in ticks:
        add(store, tick, reason="x" * 200)


def test_a_full_disk_is_an_error_of_its_own_and_keeps_what_was_committed(store):
    add(store, 1)
    # SQLite's own limit makes the same error as a disk without space.
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreWriteError, match="full"):
        add_ticks(store, range(2, 200))
    for table in (OBSERVATIONS, READINGS):
        written = store.table(table)["tick"].tolist()
        assert written == list(range(1, len(written) + 1))
    store._db.execute("PRAGMA max_page_count = 10000")
    add(store, len(written) + 1)


def test_two_processes_share_a_store(store):
    with Store(store.path) as other:
        add(other, 1)
        add(store, 2)
        assert other.table(OBSERVATIONS)["tick"].tolist() == [1, 2]


def test_checkpoint_paths_are_safe_and_distinct(store):
    names = ["a/b", "a_b", "../../etc/passwd", ".", "", "x" * 300, "naïve"]
    paths = [store.checkpoint_path(RunKey("s", "digits", name, 0)) for name in names]
    assert len(set(paths)) == len(names)
    assert all(path.parent == store.path.parent / "runs.db.checkpoints" / "s" for path in paths)
    assert all(len(path.name) < 100 and path.suffix == ".h5" for path in paths)


def test_checkpoints_keep_their_names_for_ever(store):
    """A job that a later version goes on with finds its checkpoint only by the same name."""
    names = [store.checkpoint_path(RunKey("s", "digits", *rest)).name for rest in (("mlp", 0), ("x" * 300, 3))]
    assert names == ["mlp-0-ce877dffb2df741a.h5", f"{'x' * 40}-3-cbe4448f66f6eca8.h5"]
