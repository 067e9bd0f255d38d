"""A dry run: what a job will cost, without training anything or writing a file."""

import json

import pytest
import tiny
from commands import call

from ncap.dry_run import Plan, plan
from ncap.engines.ledger import to_do
from ncap.engines.pruning import prune
from ncap.job import Job
from ncap.records.loading import load
from ncap.records.store import Store
from ncap.training.run import Training

pytestmark = pytest.mark.filterwarnings(tiny.RAW)


def planned(store, **options):
    given = {"epochs": 4, "hidden": (8, 6), "frozen": False} | options
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Training, "tick", lambda *_: pytest.fail("a dry run trains nothing"))
        return plan(tiny.TWO | {"failing": tiny.failing}, tiny.target(), store=store, **given)


def test_a_dry_run_counts_runs_ticks_seconds_and_memory_and_writes_nothing(tmp_path):
    found = planned(tmp_path / "runs.db", runs=2, jobs=2, batch_size=16, ticks_per_epoch=(2, 1))
    table = found.table.set_index("candidate")
    assert table.loc[["tiny", "narrow"], ["runs", "ticks"]].to_numpy().tolist() == [[2, 10], [2, 10]]
    assert table.loc["failing", "runs"] == 0
    assert table.loc["failing", "note"] == "will fail: RuntimeError: no [red]weights[/red] here"
    assert (table.loc[["tiny", "narrow"], "seconds"] > 0).all()
    assert (table.loc[["tiny", "narrow"], "memory_mb"] > 100).all()  # TensorFlow alone has more
    assert found.summary().startswith("4 runs, 2 at a time: ")
    assert list(tmp_path.iterdir()) == []


def test_the_time_of_a_job_is_that_of_its_longest_run_at_least():
    import pandas as pd

    rows = [("a", 1, 5, 10.0, 100.0, ""), ("b", 2, 10, 4.0, 100.0, ""), ("c", 0, 0, 0.0, None, "complete in the store")]
    table = pd.DataFrame(rows, columns=["candidate", "runs", "ticks", "seconds", "memory_mb", "note"])
    assert [Plan(table, jobs).seconds for jobs in (1, 2, 9)] == [14.0, 10.0, 10.0]
    assert Plan(table[2:], 1).seconds == 0.0


def test_what_the_store_has_is_not_counted(tmp_path):
    tiny.ranked(tmp_path / "runs.db", tiny.TWO, runs=1, epochs=3)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    table = planned(tmp_path / "runs.db").table.set_index("candidate")
    assert table.loc[["tiny", "narrow"], "ticks"].tolist() == [1, 1]
    done = planned(tmp_path / "runs.db", epochs=3)
    assert done.table.set_index("candidate").loc[["tiny", "narrow"], "note"].tolist() == ["complete in the store"] * 2
    assert done.seconds == 0.0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_run_whose_checkpoint_was_removed_begins_anew(tmp_path):
    tiny.ranked(tmp_path / "runs.db", tiny.TWO, runs=1, epochs=3)
    with Store(tmp_path / "runs.db") as store:
        prune(store)
    table = planned(tmp_path / "runs.db").table.set_index("candidate")
    assert table.loc[["tiny", "narrow"], "ticks"].tolist() == [4, 4]
    assert planned(tmp_path / "runs.db", epochs=3).seconds == 0.0
    job = Job(epochs=4, hidden=(8, 6), frozen=False)
    with Store(tmp_path / "runs.db") as store:
        keys = load(tmp_path / "runs.db").runs()
        assert [to_do(store, job, key) for key in keys] == [4, 4]


def test_what_only_the_built_network_tells_to_be_beyond_a_limit_is_left_out(tmp_path):
    table = planned(tmp_path / "runs.db", max_parameters=200).table.set_index("candidate")
    assert table.loc["narrow", "ticks"] == 4
    assert table.loc["tiny", "note"] == "left out, 278 parameters, more than max_parameters=200"
    assert table.loc["tiny", ["runs", "seconds"]].tolist() == [0, 0.0]
    with pytest.raises(ValueError, match="none is within the limits"):
        plan({"tiny": tiny.body}, tiny.target(), store=tmp_path / "runs.db", max_multiply_adds=1)


def test_a_budget_is_the_time_of_a_candidate(tmp_path):
    found = planned(tmp_path / "runs.db", epochs=5, budget="10min", runs=2).table.set_index("candidate")
    assert 600 < found.loc["tiny", "seconds"] < 700


def test_the_command_prints_the_plan(tmp_path):
    given = ("rank", "--dry-run", "--candidates", "mlp", "--store", tmp_path / "runs.db", "--out", tmp_path / "out")
    done = call(*given)
    assert done.exit_code == 0
    assert "1 run, 1 at a time: " in done.output
    assert " if it begins now; up to " in done.output
    (row,) = json.loads(call(*given, "--format", "json").stdout)
    assert (row["candidate"], row["runs"], row["ticks"]) == ("mlp", 1, 5)
    assert list(tmp_path.iterdir()) == []
