"""Real trainings on a cluster of two machines: the table of one machine, whatever is killed on the way."""

import signal
import time

import pandas as pd
import pytest
import raylets
import tiny
from logged_job import events, start
from tiny import ranked, without_times

from ncap.engines.progress import JobProgress
from ncap.records.loading import load

pytest.importorskip("ray", reason="make ray tests what needs Ray")
pytestmark = pytest.mark.filterwarnings(tiny.RAW)
OF_JOB = {"epochs": 2, "runs": 2, "threads": 1, "rule": "last_seen"}
TABLES = ("observations", "readings", "table", "runs")


@pytest.fixture(scope="module")
def cluster():
    with raylets.two_machines() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The ranking on this machine, in processes of their own, which have the number of threads."""
    return ranked(tmp_path_factory.mktemp("undisturbed") / "runs.db", tiny.TWO, jobs=2, **OF_JOB)


def assert_equal(ranking, undisturbed):
    for table in TABLES:
        found, expected = (without_times(getattr(each, table)) for each in (ranking, undisturbed))
        pd.testing.assert_frame_equal(found, expected, rtol=1e-6, atol=1e-9)


def test_a_killed_process_and_a_killed_machine_leave_the_table_as_it_is(tmp_path, monkeypatch, cluster, undisturbed):
    end_tick, done = JobProgress.end_tick, []

    def disturb(progress, *tick):
        end_tick(progress, *tick)
        done.append(tick)
        if len(done) == 2:
            for process in raylets.trainers():
                process.kill()
        if len(done) == 5:
            raylets.kill_machine(cluster)

    monkeypatch.setattr(JobProgress, "end_tick", disturb)
    ranking = ranked(tmp_path / "runs.db", tiny.TWO, engine="ray", address=cluster.address, **OF_JOB)
    raylets.add_machine(cluster)
    assert len(done) == len(ranking.observations)  # no tick was recorded twice
    assert load(tmp_path / "runs.db").failures.empty
    assert_equal(ranking, undisturbed)


@pytest.mark.heavy
def test_a_killed_driver_leaves_the_table_as_it_is(tmp_path, monkeypatch, cluster):
    store, log = tmp_path / "runs.db", tmp_path / "log"
    for name, value in (("TF_NUM_INTRAOP_THREADS", "1"), ("OMP_NUM_THREADS", "1")):
        monkeypatch.setenv(name, value)
    with start(store, log, 4, 2, 2, cluster.address) as process:
        while sum(event == "committed" for event, *_ in events(log)) < 5:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with start(store, log, 4, 2, 2, cluster.address) as process:
        _, message = process.communicate(timeout=300)
        assert process.returncode == 0, message
    committed = [tuple(event) for event in events(log) if event[0] == "committed"]
    assert len(committed) - len(set(committed)) <= 2  # what was committed as the driver ended, and not written down
    undisturbed = ranked(tmp_path / "undisturbed.db", tiny.TWO, epochs=4, runs=2)
    assert_equal(ranked(store, tiny.TWO, epochs=4, runs=2), undisturbed)


def test_functions_of_a_notebook_travel(tmp_path, cluster):
    def factories():
        import keras

        width = 3
        return {
            "closure": lambda: keras.Sequential(
                [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(width)]
            )
        }

    ranking = ranked(
        tmp_path / "runs.db", factories(), engine="ray", address=cluster.address, epochs=1, runs=1, rule="last_seen"
    )
    assert ranking.table["status"].tolist() == ["ok"]
