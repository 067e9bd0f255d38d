"""The Ray engine on a cluster of two machines: whatever is killed, and whenever, the table is that of an undisturbed job."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import psutil
import pytest
import raylets
import scripted
from scripted import RUNS, key
from waiting import wait_for

from ncap.engines.contract import Resources
from ncap.engines.ledger import Ledger
from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS
from ncap.records.store import Store
from ncap.testing.engines import TICKS, check_engine, run_scripted

ray = pytest.importorskip("ray", reason="make ray tests what needs Ray")

from ncap.engines.ray import Ray  # noqa: E402

HEALTH = {"initial_delay_ms": 2000, "period_ms": 1000, "timeout_ms": 2000, "failure_threshold": 3}


@pytest.fixture(scope="module")
def cluster():
    with raylets.two_machines() as cluster:
        yield cluster


@pytest.fixture
def engine(cluster):
    """The engine with a session on the cluster, as in a notebook; a machine that a test has ended is back for the next."""
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield lambda **resources: Ray(Resources(**resources))
    ray.shutdown()
    if not cluster.worker_nodes:
        raylets.add_machine(cluster)


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setenv(scripted.LOG, str(tmp_path / "log"))
    return tmp_path / "log"


def tables(path):
    with Store(path, create=False) as store:
        return [store.table(table) for table in (OBSERVATIONS, READINGS, FAILURES)]


def check_undisturbed(path, tmp_path):
    """The tables of a job, and those of one that trains the same runs in this process."""
    from ncap.engines.local import Local

    run_scripted(Local(), tmp_path / "undisturbed.db", runs=RUNS)
    for found, expected in zip(tables(path), tables(tmp_path / "undisturbed.db"), strict=True):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def trained(log):
    """How often every tick was trained."""
    return Counter(tuple(line.split()[1:]) for line in log.read_text().splitlines()) if log.exists() else Counter()


def check_repeated(log, most):
    """Every tick was trained, and at most so many twice."""
    ticks = trained(log)
    assert len(ticks) == len(RUNS) * TICKS
    assert ticks.total() - len(ticks) <= most


def when(holds, act):
    """Do something in a thread as soon as a condition holds."""

    def wait():
        wait_for(holds, seconds=60, every=0.01)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_the_ray_engine_keeps_the_laws(engine):
    check_engine(engine)


def test_a_killed_process_s_run_goes_on_in_another(engine, tmp_path, log):
    names = ("killed", "orphaned", "crashed", "left", "well")
    run_scripted(engine(), tmp_path / "runs.db", scripted.dying_once, list(map(key, names)))
    observations, _, failures = tables(tmp_path / "runs.db")
    assert Counter(observations["candidate"]) == dict.fromkeys(names, TICKS)
    assert failures.empty
    assert {path.suffix[1:] for path in tmp_path.glob("log.*")} == set(names)  # each has died


def test_a_run_that_ends_every_process_is_given_up_and_the_others_go_on(engine, tmp_path):
    names = ("crashed", "well", "orphaned", "hungry")
    run_scripted(engine(memory="1GB"), tmp_path / "runs.db", scripted.dying, list(map(key, names)))
    observations, _, failures = tables(tmp_path / "runs.db")
    assert Counter(observations["candidate"]) == {name: TICKS if name == "well" else 1 for name in names}
    assert set(failures["epoch"]) == {2}
    reasons = failures.set_index("candidate")["reason"]
    assert reasons["crashed"] == "its process crashed in compiled code (SIGSEGV), 3 times without a tick between them"
    assert reasons["orphaned"].startswith("its machine or its process was lost (WorkerCrashedError), 3 times")
    assert reasons["hungry"].startswith("it needs more memory than memory=1,000,000,000 bytes: its process had ")
    assert "times" not in reasons["hungry"]  # it would need as much elsewhere


def test_what_earlier_runs_have_left_in_a_process_is_not_held_against_the_next(engine, tmp_path):
    runs = [key("leaving much", run) for run in range(4)]
    run_scripted(engine(jobs=1, memory="600MB"), tmp_path / "runs.db", scripted.dying, runs)
    observations, _, failures = tables(tmp_path / "runs.db")
    assert len(observations) == 4 * TICKS
    assert failures.empty


def test_a_killed_machine_s_runs_go_on_on_the_other(cluster, engine, tmp_path, log):
    thread = when(lambda: len(trained(log)) >= 5, lambda: raylets.kill_machine(cluster))
    run_scripted(engine(), tmp_path / "runs.db", scripted.logged, RUNS)
    thread.join()
    assert not cluster.worker_nodes
    check_undisturbed(tmp_path / "runs.db", tmp_path)
    check_repeated(log, most=1)


def driver(tmp_path, address, name="logged"):
    arguments = [tmp_path / "runs.db", tmp_path / "log", 2, name, address]
    script = Path(scripted.__file__)
    return subprocess.Popen([sys.executable, script, *map(str, arguments)], stderr=subprocess.PIPE, text=True)


def wait_for_ticks(log, count):
    wait_for(lambda: len(trained(log)) >= count, seconds=60, every=0.01)


def test_a_machine_that_joins_is_used(cluster, tmp_path, monkeypatch):
    raylets.kill_machine(cluster)
    monkeypatch.setenv(scripted.PAUSE, "0.5")
    with driver(tmp_path, cluster.address) as process:
        wait_for_ticks(tmp_path / "log", 2)
        raylets.add_machine(cluster)
        assert process.communicate(timeout=120)[1] == ""
    lines = (tmp_path / "log").read_text().splitlines()
    assert len({line.split()[0] for line in lines}) == 2  # processes
    check_repeated(tmp_path / "log", most=0)


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, *(pytest.param(other, marks=pytest.mark.heavy) for other in (signal.SIGTERM, signal.SIGINT))],
)
def test_a_killed_driver_goes_on_when_it_is_started_again(cluster, tmp_path, monkeypatch, number):
    monkeypatch.setenv(scripted.PAUSE, "0.2")
    log = tmp_path / "log"
    with driver(tmp_path, cluster.address) as process:
        wait_for_ticks(log, 5)
        process.send_signal(number)
        process.communicate(timeout=120)
        assert process.returncode != 0
    _, alive = psutil.wait_procs(raylets.trainers(), timeout=30)
    assert not alive
    before = len(tables(tmp_path / "runs.db")[0])
    assert 0 < before < len(RUNS) * TICKS
    with driver(tmp_path, cluster.address) as process:
        assert process.communicate(timeout=120)[1] == ""
        assert process.returncode == 0
    check_undisturbed(tmp_path / "runs.db", tmp_path)
    check_repeated(log, most=2)


def test_two_drivers_share_the_runs(cluster, tmp_path):
    with driver(tmp_path, cluster.address) as one, driver(tmp_path, cluster.address) as other:
        errors = [process.communicate(timeout=120)[1] for process in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], errors
    check_undisturbed(tmp_path / "runs.db", tmp_path)
    check_repeated(tmp_path / "log", most=0)


def test_ctrl_c_in_a_session_of_the_caller_ends_the_tasks(engine, tmp_path, log):
    thread = when(
        lambda: len(log.read_text().split()) == 2 if log.exists() else False,
        lambda: os.kill(os.getpid(), signal.SIGINT),
    )
    with pytest.raises(KeyboardInterrupt):
        run_scripted(engine(), tmp_path / "runs.db", scripted.unending, [key("a"), key("b"), key("c")])
    thread.join()
    _, alive = psutil.wait_procs(raylets.trainers(), timeout=30)
    assert not alive
    assert ray.is_initialized()
    assert len(tables(tmp_path / "runs.db")[0]) == 2


def test_a_tick_is_recorded_before_the_next_one_is_begun(engine, tmp_path, log):
    """Or else a driver that ends would lose more than the tick that is being trained."""
    ahead = []

    class Watching(Ledger):
        def add(self, run, tick):
            time.sleep(0.3)
            ahead.append(len(trained(log)) - tick.number)
            super().add(run, tick)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ncap.testing.engines.Ledger", Watching)
        run_scripted(engine(), tmp_path / "runs.db", scripted.logged, [key("a")])
    assert ahead == [0] * TICKS


def test_a_slow_machine_holds_up_nobody(tmp_path):
    with raylets.two_machines(pauses=(0.01, 3.0)) as cluster, driver(tmp_path, cluster.address) as process:
        assert process.communicate(timeout=120)[1] == ""
    runs = Counter(tuple(line.split()[:3]) for line in (tmp_path / "log").read_text().splitlines())
    assert sorted(Counter(process for process, *_ in runs).values()) == [1, len(RUNS) - 1]
    check_undisturbed(tmp_path / "runs.db", tmp_path)
    check_repeated(tmp_path / "log", most=0)


@pytest.mark.heavy
def test_a_machine_that_hangs_is_given_up_and_changes_nothing_when_it_wakes(tmp_path):
    impatient = {f"health_check_{name}": value for name, value in HEALTH.items()}
    with raylets.two_machines(pauses=(0.5, 0.5), _system_config=impatient) as cluster:
        with driver(tmp_path, cluster.address) as process:
            wait_for_ticks(tmp_path / "log", 3)
            machine = raylets.processes_of_machine(cluster)
            for each in machine:
                each.suspend()
            process.wait(timeout=120)
            for each in machine:
                each.resume()
            assert process.returncode == 0
        machine[0].wait(timeout=60)  # it ends by itself: it is told that it is dead
        cluster.worker_nodes.clear()
    check_undisturbed(tmp_path / "runs.db", tmp_path)
    check_repeated(tmp_path / "log", most=1)


# what is refused


def test_an_address_without_a_cluster_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no Ray cluster answers at address='127\.0\.0\.1:1'"):
        run_scripted(Ray(Resources(address="127.0.0.1:1")), tmp_path / "runs.db")


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:", ":6379"])
def test_an_address_that_no_driver_can_use_is_refused(address):
    with pytest.raises(ValueError, match=f"address must be auto or HOST:PORT, got '{address}'"):
        Ray(Resources(address=address))


def test_a_session_with_another_cluster_is_not_used_for_the_one_that_was_asked_for(engine, tmp_path):
    with pytest.raises(
        ValueError, match=r"this process has a session with the cluster at .*, got address='10\.0\.0\.1:6379'"
    ):
        run_scripted(engine(address="10.0.0.1:6379"), tmp_path / "runs.db")


def test_a_run_that_no_machine_is_large_enough_for_is_refused(engine, tmp_path):
    with pytest.raises(
        ValueError, match=r"a run needs CPU=1, memory=100,000,000,000,000, and no machine of the cluster has that"
    ):
        run_scripted(engine(memory="100TB"), tmp_path / "runs.db")


def test_without_ray_the_engine_says_what_to_install(monkeypatch):
    monkeypatch.setattr("ncap.engines.ray.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"engine 'ray' needs Ray, which is not installed; pip install 'ncap\[ray\]'"):
        Ray()
