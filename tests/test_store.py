"""The store: real SQLite files, and the checkpoints beside them."""

import math
import sqlite3

import numpy as np
import pytest

from ncap.engines import checkpoint
from ncap.engines.checkpoint import Checkpoint
from ncap.store import OBSERVATION, RunKey, Store, StoreWriteError, UnusableStoreError


def row(epoch=1, settings="s", **values):
    base = {name: {str: "text", int: 0, bool: False, float: 0.1}[kind] for name, kind in OBSERVATION.items()}
    return base | {"settings": settings, "target": "digits", "candidate": "mlp", "run": 0, "epoch": epoch} | values


@pytest.fixture(name="store")
def _store(tmp_path):
    with Store(tmp_path / "runs.db") as store:
        yield store


def test_observations_have_the_columns_of_the_design(store):
    columns = (
        "candidate target run epoch beta_eff beta_eff_error cancellation degenerate train_accuracy train_loss val_accuracy val_loss "
        "test_accuracy seconds_train seconds_beta settings reading"
    )
    assert list(store.observations().columns) == columns.split()
    store.add(row())
    assert list(store.observations().columns) == columns.split()


def test_values_survive_closing_exactly(tmp_path):
    values = {
        "beta_eff": 0.1 + 0.2,
        "beta_eff_error": math.nan,
        "cancellation": math.inf,
        "test_accuracy": math.nan,
        "degenerate": True,
    }
    with Store(tmp_path / "runs.db") as store:
        store.add(row(**values, run=np.int64(3), train_loss=np.float32(0.1)))
    with Store(tmp_path / "runs.db", create=False) as store:
        (read,) = store.observations().to_dict("records")
    assert math.isnan(read.pop("beta_eff_error"))
    assert math.isnan(read.pop("test_accuracy"))
    assert read["beta_eff"] == 0.1 + 0.2
    assert read["cancellation"] == math.inf
    assert read["degenerate"] is True
    assert read["run"] == 3
    assert read["train_loss"] == float(np.float32(0.1))


def test_dtypes_do_not_depend_on_the_rows(store):
    empty = store.observations().dtypes
    store.add(row(beta_eff=math.nan, cancellation=1))
    assert store.observations().dtypes.to_dict() == empty.to_dict()


def test_an_epoch_is_written_once(store):
    store.add(row(beta_eff=1.0))
    store.add(row(beta_eff=2.0))
    assert store.observations()["beta_eff"].tolist() == [1.0]


def test_rows_come_sorted_and_of_one_job(store):
    for settings, epoch in (("b", 2), ("a", 1), ("b", 1)):
        store.add(row(epoch, settings))
    assert store.observations()[["settings", "epoch"]].values.tolist() == [["a", 1], ["b", 1], ["b", 2]]
    assert store.observations("b")["epoch"].tolist() == [1, 2]
    assert store.observations("b", target="cifar10").empty
    assert store.epochs(RunKey("b", "digits", "mlp", 0)) == {1, 2}


def test_names_are_data(store):
    name = "x'); DROP TABLE observations; --"
    store.add(row(candidate=name))
    assert store.observations()["candidate"].tolist() == [name]


def test_a_row_with_other_columns_is_refused(store):
    with pytest.raises(ValueError, match="a row of observations has the columns"):
        store.add({"candidate": "mlp"})


def test_settings_are_named_by_their_content(store):
    first = store.add_settings({"seed": 0, "learning_rate": 1e-3}, {"keras": "1"})
    with pytest.warns(UserWarning, match=rf"job {first} goes on in another environment \(keras 1 -> 2\)"):
        assert store.add_settings({"learning_rate": 1e-3, "seed": 0}, {"keras": "2"}) == first
    assert store.add_settings({"learning_rate": 1e-3, "seed": 0}, {"keras": "1"}) == first
    assert store.add_settings({"learning_rate": 1e-3, "seed": 1}, {}) != first
    store.add(row(settings=first))
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
    store.add(row(settings=new))
    store.add(row(settings=old))
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
    assert store.failures()[["epoch", "reason"]].values.tolist() == [[3, "second"]]
    store.clear_failure(key, 2)  # done again up to an epoch before the one that failed: nothing is known of that one
    assert len(store.failures()) == 1
    store.clear_failure(key, 3)
    assert store.failures().empty


def test_a_name_stands_for_one_body(store):
    key = RunKey("s", "digits", "mlp", 0)
    store.check_body(key, "abc")
    store.check_body(key, "abc")
    with pytest.raises(ValueError, match="give it another name or use another store"):
        store.check_body(key, "abd")


def foreign_database(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE observations (candidate TEXT)")
    db.close()


def newer_store(path, version=2):
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()


def much_newer_store(path):
    newer_store(path, 1 << 24)


def text_file(path):
    path.write_text("candidate,epoch\nmlp,1\n")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (foreign_database, "not an ncap store"),
        (text_file, "not an ncap store"),
        (newer_store, "newer ncap .schema 2"),
        (much_newer_store, "schema 16777216"),
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
    with pytest.raises(UnusableStoreError, match="pass a path in a folder that can be written"):
        Store(tmp_path / "missing" / "runs.db")


def test_the_header_says_what_the_file_is(tmp_path):
    """As `file` and later versions read it: SQLite's application id and user version."""
    Store(tmp_path / "runs.db").close()
    header = (tmp_path / "runs.db").read_bytes()[:100]
    assert (header[68:72], header[60:64]) == (b"ncap", b"\0\0\0\1")


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "runs.db").touch()  # what a crash before the first commit leaves
    with Store(tmp_path / "runs.db") as store:
        store.add(row())


@pytest.mark.parametrize("create", [True, False])
def test_a_damaged_store_is_refused(tmp_path, create):
    path = tmp_path / "runs.db"
    Store(path).close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 4000)
    with (
        pytest.raises(UnusableStoreError, match=r"cannot be (read|used) as a store"),
        Store(path, create=create) as store,
    ):
        store.observations()


def test_a_page_damaged_while_the_store_is_open_is_no_failure_to_write(store):
    store.add(row(1))
    pages = bytearray(store.path.read_bytes())
    pages[24:28] = b"\xff" * 4  # SQLite's count of changes: what it remembers of the file is no longer true
    pages[4096:] = b"\xff" * len(pages[4096:])
    store.path.write_bytes(pages)
    with pytest.raises(UnusableStoreError, match="cannot be used as a store any more"):
        store.add(row(2))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk is full")])
def test_what_could_not_be_written_says_why(tmp_path, error):
    words = str(StoreWriteError.at(tmp_path / "runs.db", error))
    assert f"runs.db: could not be written ({error.args[-1]}); the epochs committed before are safe" in words


def add_epochs(store, epochs):
    for epoch in epochs:
        store.add(row(epoch, reading="x" * 200))


def test_a_full_disk_is_an_error_of_its_own_and_keeps_what_was_committed(store):
    store.add(row(1))
    # SQLite's own limit makes the same error as a disk without space.
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreWriteError, match="full"):
        add_epochs(store, range(2, 200))
    written = store.observations()["epoch"].tolist()
    assert written == list(range(1, len(written) + 1))
    store._db.execute("PRAGMA max_page_count = 10000")
    store.add(row(len(written) + 1))


def test_two_processes_share_a_store(store):
    with Store(store.path) as other:
        other.add(row(1))
        store.add(row(2))
        assert other.observations()["epoch"].tolist() == [1, 2]


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


def test_a_checkpoint_keeps_row_and_arrays(tmp_path):
    saved = Checkpoint(
        row(3, beta_eff=math.nan, val_loss=0.1), "body", [np.arange(3, dtype=np.float32), np.float32(2)], [np.int64(7)]
    )
    path = tmp_path / "a" / "b.h5"
    checkpoint.save(path, saved)
    loaded = checkpoint.load(path)
    assert (loaded.epoch, loaded.body) == (3, "body")
    assert math.isnan(loaded.row.pop("beta_eff"))
    assert loaded.row == {name: value for name, value in saved.row.items() if name != "beta_eff"}
    for before, after in zip(saved.weights + saved.optimizer, loaded.weights + loaded.optimizer, strict=True):
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)
    assert [file.name for file in path.parent.iterdir()] == ["b.h5"]


def test_a_checkpoint_that_cannot_be_read_counts_as_none(tmp_path):
    path = tmp_path / "run.h5"
    assert checkpoint.load(path) is None
    checkpoint.save(path, Checkpoint(row(), "body", [np.ones(1000)], []))
    path.write_bytes(path.read_bytes()[:1000])
    assert checkpoint.load(path) is None


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "run.h5"
    checkpoint.save(path, Checkpoint(row(1), "body", [np.ones(2)], []))
    with pytest.raises(TypeError):
        checkpoint.save(path, Checkpoint(row(2), "body", [np.array([object()])], []))
    assert checkpoint.load(path).epoch == 1
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5"]
