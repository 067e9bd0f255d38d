"""Disks that fill up in the middle of a job, and stores that are damaged: a clear error, and nothing lost."""

import contextlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tiny
from commands import NCAP, call
from tiny import ranked, without_times

from ncap.arguments import make_folder
from ncap.records.schema import FAILURES, OBSERVATIONS
from ncap.records.sql import insert, storable
from ncap.records.store import Store, StoreWriteError, UnusableStoreError

EPOCHS = 3


@pytest.fixture(scope="module", name="images")
def _images(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("images") / "noise.npz"
    np.savez(path, x=rng.integers(0, 256, (60, 8, 8), dtype=np.uint8), y=np.arange(60) % 3)
    return path


@pytest.fixture(scope="module", name="job")
def _job(tmp_path_factory, images):
    """The words of `ncap rank` with the smallest candidate, for a store and a number of epochs."""
    out = tmp_path_factory.mktemp("out")

    def words(store, epochs):
        given = {"candidates": "mlp", "target": images, "hidden": "8,6", "out": out, "store": store, "epochs": epochs}
        return ["rank", *(str(word) for name, value in given.items() for word in (f"--{name}", value))]

    return words


def rows(store):
    with Store(store, create=False) as opened:
        assert opened.table(FAILURES).empty  # a full disk is no candidate's fault
        return opened.table(OBSERVATIONS)


@pytest.fixture(scope="module", name="one_epoch")
def _one_epoch(tmp_path_factory, job):
    folder = tmp_path_factory.mktemp("one_epoch")
    assert call(*job(folder / "runs.db", 1)).exit_code == 0
    return folder


@pytest.fixture(scope="module", name="undisturbed")
def _undisturbed(tmp_path_factory, job):
    store = tmp_path_factory.mktemp("undisturbed") / "runs.db"
    assert call(*job(store, EPOCHS)).exit_code == 0
    return without_times(rows(store))


# disks that are full


def test_a_quota_reached_by_a_checkpoint(tmp_path, one_epoch, job, undisturbed):
    shutil.copytree(one_epoch, tmp_path, dirs_exist_ok=True)
    store = tmp_path / "runs.db"
    before = rows(store)
    (saved,) = tmp_path.rglob("*.h5")
    # The checkpoint before stays and is all there; only the limit makes this one fail.
    limit = saved.stat().st_size // 2
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); {NCAP[-1]}"
    done = subprocess.run([*NCAP[:-1], limited, *job(store, EPOCHS)], capture_output=True, text=True)
    assert done.returncode == 3
    assert f"{saved}: could not be written (File too large)" in done.stderr
    assert "check the space, quota and permissions there and repeat the command to continue" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.rglob("*.tmp"))
    pd.testing.assert_frame_equal(rows(store), before)
    assert call(*job(store, EPOCHS)).exit_code == 0
    pd.testing.assert_frame_equal(without_times(rows(store)), undisturbed, check_exact=True)


@contextlib.contextmanager
def file_size_limit(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.filterwarnings(tiny.RAW)
def test_a_quota_reached_by_the_store(tmp_path):
    """A store that has grown larger than a checkpoint takes a few more rows, and then no page more."""
    store, candidates, epochs, page = tmp_path / "runs.db", {"narrow": tiny.narrow}, 12, 512
    ranked(store, candidates, runs=1, epochs=1)
    fill(store, 500)
    with sqlite3.connect(store) as db:
        db.execute(f"PRAGMA page_size = {page}")  # two rows a page, so that few epochs need several
        db.execute("VACUUM")
    db.close()
    limit = store.stat().st_size + 2 * page
    with file_size_limit(limit), pytest.raises(StoreWriteError, match=r"runs\.db: could not be written"):
        ranked(store, candidates, runs=1, epochs=epochs)
    kept = rows(store).query("candidate == 'narrow'")
    assert kept["tick"].tolist() == list(range(1, len(kept) + 1))
    assert 1 < len(kept) < epochs
    resumed = ranked(store, candidates, runs=1, epochs=epochs).observations
    pd.testing.assert_frame_equal(resumed.head(len(kept)), kept.reset_index(drop=True))
    undisturbed = ranked(tmp_path / "undisturbed.db", candidates, runs=1, epochs=epochs).observations
    pd.testing.assert_frame_equal(without_times(resumed), without_times(undisturbed), check_exact=True)


def fill(store, count):
    """Rows of another job, in one transaction."""
    blank = {name: {str: "filler", int: 0, float: 0.1}[kind] for name, kind in OBSERVATIONS.types.items()}
    with Store(store) as opened, opened._transaction() as db:
        for tick in range(count):
            db.execute(insert(OBSERVATIONS), storable(OBSERVATIONS, blank | {"tick": tick}))


@contextlib.contextmanager
def mounted(folder, *options):
    """A file system of its own on a folder; a test without the right to mount one is skipped."""
    done = subprocess.run(["mount", *options, folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_fills_up(tmp_path, job, undisturbed):
    """Another program leaves room for the store's rows, not for a second checkpoint beside the first."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=3m", "tmpfs"):
        store = disk / "runs.db"
        assert call(*job(store, 1)).exit_code == 0
        (disk / "other").write_bytes(bytes(shutil.disk_usage(disk).free - 200_000))
        done = call(*job(store, EPOCHS))
        assert done.exit_code == 3
        assert ".h5: could not be written (No space left on device)" in done.stderr
        assert rows(store)["tick"].tolist() == [1]
        subprocess.run(["mount", "-o", "remount,size=6m", disk], check=True)
        assert call(*job(store, EPOCHS)).exit_code == 0
        pd.testing.assert_frame_equal(without_times(rows(store)), undisturbed, check_exact=True)


def test_a_disk_that_the_checkpoints_will_not_fit_on(tmp_path, job, undisturbed):
    """It has room for one checkpoint, not for the second one beside the first, which is known before anything trains."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=900k", "tmpfs"):
        store = disk / "runs.db"
        done = call(*job(store, EPOCHS))
        assert done.exit_code == 3
        assert "the checkpoints of this job need 1.2 MB, the most for mlp (0.6 MB a run), and 0." in done.stderr
        assert rows(store).empty
        assert not list(disk.rglob("*.h5"))
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        assert call(*job(store, EPOCHS)).exit_code == 0
        pd.testing.assert_frame_equal(without_times(rows(store)), undisturbed, check_exact=True)


def test_a_disk_that_is_full_from_the_start(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=16k", "tmpfs"):
        with pytest.raises(StoreWriteError, match=r"runs\.db: could not be written"):
            Store(disk / "runs.db")
        subprocess.run(["mount", "-o", "remount,size=1m", disk], check=True)
        with Store(disk / "runs.db") as store:
            assert store.table(OBSERVATIONS).empty


# stores that are damaged


@pytest.fixture(name="store")
def _store(tmp_path):
    path = tmp_path / "runs.db"
    fill(path, 200)
    return path


def assert_refused(path, create):
    before = path.read_bytes()
    with pytest.raises(UnusableStoreError, match=r"runs\.db: (damaged|not an ncap store|cannot be read as a store)"):
        Store(path, create=create)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("left", [60, 100, 4096, 20000, -4096, -1])
def test_a_truncated_store_is_refused_and_untouched(store, left, create):
    store.write_bytes(store.read_bytes()[:left])
    assert_refused(store, create)


@pytest.mark.parametrize("garbage", [bytes(4096), np.random.default_rng(0).bytes(4096)], ids=["zeros", "noise"])
def test_a_store_with_a_damaged_page_is_refused_when_it_is_opened(store, garbage):
    whole = store.read_bytes()
    with Store(store) as opened:
        assert opened._db.execute("PRAGMA page_size").fetchone() == (len(garbage),)
    for start in range(0, len(whole), len(garbage)):
        store.write_bytes(whole[:start] + garbage + whole[start + len(garbage) :])
        assert_refused(store, create=False)


def test_a_store_damaged_in_the_middle_of_a_job_is_no_candidates_fault(tmp_path):
    path = tmp_path / "runs.db"

    def destroying():
        path.write_bytes(b"another program's".ljust(8192))
        return tiny.body()

    with pytest.raises(UnusableStoreError, match="can no longer be used as a store"):
        ranked(path, {"tiny": destroying}, runs=1, epochs=1)


def test_a_transaction_cut_off_by_a_kill_is_rolled_back(store):
    """The process dies with half of a transaction in the file itself: the journal beside it undoes that."""
    with Store(store) as opened:
        before = opened.table(OBSERVATIONS)
    whole = store.read_bytes()
    cut_off = (
        "import os, signal, sys; from ncap.records.store import Store\n"
        "with Store(sys.argv[1]) as store, store._transaction() as db:\n"
        "    db.execute('PRAGMA cache_size = 2')  # so few pages of memory that changed ones go into the file\n"
        "    db.execute('UPDATE observations SET candidate = candidate || tick')\n"
        f"    os.kill(os.getpid(), {int(signal.SIGKILL)})"
    )
    assert subprocess.run([sys.executable, "-c", cut_off, store]).returncode == -signal.SIGKILL
    assert store.read_bytes() != whole
    assert store.with_name("runs.db-journal").stat().st_size > 0
    with Store(store, create=False) as opened:
        pd.testing.assert_frame_equal(opened.table(OBSERVATIONS), before)
    assert [file.name for file in store.parent.iterdir()] == ["runs.db"]


def test_a_store_that_can_only_be_read_is_reported_and_not_trained_on(store, tmp_path):
    with mounted(tmp_path, "--bind", tmp_path):
        subprocess.run(["mount", "-o", "remount,bind,ro", tmp_path], check=True)
        with Store(store, create=False) as opened:
            assert len(opened.table(OBSERVATIONS)) == 200
        with pytest.raises(
            UnusableStoreError, match=r"cannot be used as a store \(attempt to write a readonly database\)"
        ):
            Store(store)
        with pytest.raises(UnusableStoreError, match="pass a path in a writable folder"):
            Store(tmp_path / "new.db")
        with pytest.raises(ValueError, match="out must be a folder that can be written, got"):
            make_folder("out", tmp_path)
