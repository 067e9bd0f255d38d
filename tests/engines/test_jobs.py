"""Several runs at a time, each in a process of its own: the laws hold, and no run is lost to the end of another's process."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
import scripted
from scripted import key
from waiting import wait_for

from ncap.engines.contract import Resources
from ncap.engines.local import Local
from ncap.engines.process import in_words
from ncap.engines.processes import device_variables
from ncap.engines.worker import Parcel, Surroundings, Trainer
from ncap.job import Job
from ncap.records.schema import FAILURES, OBSERVATIONS
from ncap.records.store import Store, StoreWriteError
from ncap.testing.engines import TICKS, check_engine, run_scripted
from ncap.training import checkpoint


def engine(jobs=2, memory=None):
    return Local(Resources(jobs, memory))


def tables(path):
    """The ticks and the failures of every candidate."""
    with Store(path, create=False) as store:
        ticks = Counter(store.table(OBSERVATIONS)["candidate"])
        rows = store.table(FAILURES)
    return dict(ticks), {row["candidate"]: (row["epoch"], row["reason"]) for row in rows.to_dict("records")}


def children():
    return [child for child in psutil.Process().children(recursive=True) if child.is_running()]


def test_the_local_engine_keeps_the_laws_with_several_processes():
    check_engine(engine)
    assert not children()


def test_a_run_whose_process_ends_is_recorded_with_how_it_ended_and_the_others_go_on(tmp_path):
    names = ("killed", "well", "crashed", "hungry", "left", "fine")
    run_scripted(engine(memory="1GB"), tmp_path / "runs.db", scripted.dying, list(map(key, names)))
    ticks, failures = tables(tmp_path / "runs.db")
    # what was handed over before the process ended is kept
    assert ticks == {name: TICKS if name in ("well", "fine") else 1 for name in names}
    assert failures.keys() == {"killed", "crashed", "hungry", "left"}
    assert {epoch for epoch, _ in failures.values()} == {2}
    reasons = {name: reason for name, (_, reason) in failures.items()}
    assert reasons["killed"] == "its process was killed (SIGKILL), as the system does where memory runs out"
    assert reasons["crashed"] == "its process crashed in compiled code (SIGSEGV)"
    assert reasons["left"] == "its process ended by itself, with exit code 7"
    assert reasons["hungry"].startswith("it needs more memory than memory=1,000,000,000 bytes: its process had ")
    run_scripted(engine(), tmp_path / "runs.db", scripted.scripted_run, list(map(key, names)))
    assert tables(tmp_path / "runs.db") == (dict.fromkeys(names, TICKS), {})


def test_what_earlier_runs_have_left_in_a_process_is_not_held_against_the_next(tmp_path):
    runs = [key("leaving much", run) for run in range(3)]
    run_scripted(engine(1, "600MB"), tmp_path / "runs.db", scripted.dying, runs)
    assert tables(tmp_path / "runs.db") == ({"leaving much": 3 * TICKS}, {})


def test_a_signal_without_a_name_is_told_by_its_number():
    assert in_words(-63) == "its process was ended (signal 63)"


def driver(tmp_path, name, jobs=2):
    arguments = [tmp_path / "runs.db", tmp_path / "log", jobs, name]
    script = Path(scripted.__file__)
    return subprocess.Popen([sys.executable, script, *map(str, arguments)], stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_driver(tmp_path, number):
    log = tmp_path / "log"
    with driver(tmp_path, "unending") as process:
        wait_for(lambda: log.exists() and len(log.read_text().split()) == 2, process)
        workers = [psutil.Process(int(pid)) for pid in log.read_text().split()]
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode != 0
    psutil.wait_procs(workers, timeout=30)
    assert not any(worker.is_running() for worker in workers)
    assert tables(tmp_path / "runs.db") == ({"a": 2}, {})


def test_ctrl_c_from_python_ends_all_processes_and_loses_nothing(tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv(scripted.LOG, str(log))

    def interrupt():
        wait_for(lambda: log.exists() and len(log.read_text().split()) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_scripted(engine(), tmp_path / "runs.db", scripted.unending, [key("a"), key("b"), key("c")])
    thread.join()
    assert not children()
    assert tables(tmp_path / "runs.db") == ({"a": 1, "b": 1}, {})


def test_two_drivers_with_two_processes_each_train_every_tick_once(tmp_path):
    with driver(tmp_path, "logged") as one, driver(tmp_path, "logged") as other:
        errors = [process.communicate(timeout=120)[1] for process in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], errors
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert Counter(tuple(rest) for _, *rest in lines) == Counter(
        (candidate, str(run), str(tick)) for candidate in "abc" for run in (0, 1) for tick in range(1, TICKS + 1)
    )
    assert tables(tmp_path / "runs.db") == (dict.fromkeys("abc", 2 * TICKS), {})


def test_a_full_disk_ends_the_job_and_its_processes(tmp_path, monkeypatch):
    save = checkpoint.save

    def full(path, tick, run):
        if tick.number == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(path, tick, run)

    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.raises(StoreWriteError, match="No space left on device"):
        run_scripted(engine(), tmp_path / "runs.db", scripted.scripted_run, [key("a"), key("b")])
    assert not children()
    monkeypatch.undo()
    run_scripted(engine(), tmp_path / "runs.db", scripted.scripted_run, [key("a"), key("b")])
    assert tables(tmp_path / "runs.db") == ({"a": TICKS, "b": TICKS}, {})


def test_a_folder_that_cannot_be_written_is_named_before_any_process_starts(tmp_path):
    (tmp_path / "runs.db.checkpoints").touch()  # a file where the folder should be: root may write to every folder
    with pytest.raises(StoreWriteError, match=r"runs\.db\.checkpoints"):
        run_scripted(engine(), tmp_path / "runs.db", scripted.scripted_run, [key("a")])
    assert not children()


def test_a_clock_that_goes_back_changes_nothing(monkeypatch):
    now = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    check_engine(engine)


def test_processes_take_turns_at_the_graphics_devices(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", sys)  # as if it were loaded
    monkeypatch.setattr("ncap.framework.devices", lambda: ["gpu:0", "gpu:1"])
    for chosen, expected in ((None, ["0", "1", "0"]), ("3,5", ["3", "5", "3"])):
        if chosen:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
        assert [device_variables(place)["CUDA_VISIBLE_DEVICES"] for place in range(3)] == expected
    monkeypatch.setattr("ncap.framework.devices", lambda: ["cpu:0"])
    assert device_variables(0) == {}


# what travels


class Stub:
    """A target as far as pickling goes."""

    name = "stub"


def parcel(factory):
    from ncap import candidates

    return Parcel.of(Trainer(Job(), candidates.resolve({"mine": factory}), Stub(), {}), Job())


def test_a_candidate_that_cannot_be_sent_is_named_with_the_remedy():
    lock = threading.Lock()
    with pytest.raises(ValueError, match=r"candidate 'mine' cannot be sent to another process \(.*lock.*pass jobs=1"):
        parcel(lambda: lock)


def test_without_cloudpickle_only_functions_of_modules_travel(monkeypatch):
    assert parcel(lambda: None).open().candidates["mine"].factory() is None
    monkeypatch.setitem(sys.modules, "cloudpickle", None)  # as if it were not installed
    assert parcel(scripted.body).open().candidates["mine"].factory is scripted.body
    with pytest.raises(
        ValueError, match=r"candidate 'mine' cannot be sent to another process .*pip install cloudpickle"
    ):
        parcel(lambda: None)
    monkeypatch.setattr(scripted.body, "__module__", "__main__")
    with pytest.raises(ValueError, match=r"candidate 'mine' .*body is defined in __main__"):
        parcel(scripted.body)


def test_surroundings_are_entered_once_more_without_harm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = Surroundings.here(with_keras=False)
    monkeypatch.chdir("/")
    path = list(sys.path)
    here.enter()
    here.enter()
    assert (Path.cwd(), sys.path) == (tmp_path, path)


def test_float64_on_jax_travels_however_it_was_chosen(monkeypatch):
    import jax

    monkeypatch.delenv("JAX_ENABLE_X64", raising=False)
    before = jax.config.jax_enable_x64
    try:
        jax.config.update("jax_enable_x64", True)
        assert Surroundings.here(with_keras=False).variables()["JAX_ENABLE_X64"] == "1"
        jax.config.update("jax_enable_x64", False)
        assert "JAX_ENABLE_X64" not in Surroundings.here(with_keras=False).variables()
    finally:
        jax.config.update("jax_enable_x64", before)
