"""From the table of observations to a ranking."""

import math
import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from ncap.store import OBSERVATION, RunKey, Store

from ncap.leaderboard import COLUMNS, from_observations, from_store


def observations(**runs):
    """Rows from {name or name_run: [(beta_eff, val_accuracy), ...]}."""
    lines = []
    for key, values in runs.items():
        name, _, run = key.partition("_")
        for epoch, (beta, accuracy) in enumerate(values, start=1):
            lines.append(
                {
                    "candidate": name,
                    "run": int(run or 0),
                    "epoch": epoch,
                    "beta_eff": beta,
                    "val_accuracy": accuracy,
                    "test_accuracy": 1 - accuracy,
                    "degenerate": math.isnan(beta),
                    "seconds_train": 1.0,
                    "seconds_beta": 0.5,
                    "reading": "explicit/magnitude/unit",
                }
            )
    return pd.DataFrame(lines)


def line(top, betas=(4, 3, 2, 1)):
    """Accuracy = top - beta / 10, so that h(0) = top."""
    return [(float(beta), top - beta / 10) for beta in betas]


def failures(*rows):
    return pd.DataFrame(rows, columns=["candidate", "run", "epoch", "reason"])


def test_an_exact_line_predicts_its_value_at_zero():
    table = from_observations(observations(a=line(0.8), b=line(0.9))).table
    assert table["candidate"].tolist() == ["b", "a"]
    np.testing.assert_allclose(table["predicted_accuracy"], [0.9, 0.8], atol=1e-4)  # the ridge's prior shrinks by less
    assert table["last_seen_accuracy"].tolist() == [0.9 - 0.1, 0.8 - 0.1]
    assert table[["epochs", "runs", "seconds_train", "seconds_beta", "beta_eff"]].iloc[0].tolist() == [
        4,
        1,
        4.0,
        2.0,
        1.0,
    ]


def test_the_mean_over_runs_is_predicted_from():
    both = from_observations(observations(a_0=line(0.7), a_1=line(0.9)))
    alone = from_observations(observations(a=line(0.8)))
    columns = ["predicted_accuracy", "predicted_std", "last_seen_accuracy", "best_seen_accuracy", "beta_eff"]
    np.testing.assert_allclose(both.table[columns].astype(float), alone.table[columns].astype(float), rtol=1e-9)
    assert both.table.loc[0, "runs"] == 2
    np.testing.assert_allclose(both.runs.sort_values("run")["predicted_accuracy"], [0.7, 0.9], atol=1e-4)
    assert both.runs["rank"].tolist() == [1, 1]  # ranked within each run


def test_ties_go_by_name_and_order_of_rows_does_not_matter():
    rows = observations(b=line(0.8), a=line(0.8))
    in_order, shuffled = from_observations(rows), from_observations(rows.sample(frac=1, random_state=0))
    assert in_order.candidates == ["a", "b"]
    pd.testing.assert_frame_equal(shuffled.table, in_order.table)
    pd.testing.assert_frame_equal(shuffled.runs, in_order.runs)


def test_test_accuracy_is_never_read():
    rows = observations(a=line(0.8), b=line(0.9))
    pd.testing.assert_frame_equal(
        from_observations(rows).table, from_observations(rows.drop(columns="test_accuracy")).table
    )


def test_epochs_without_a_beta_are_dropped_and_noted():
    readings = [(math.nan, 0.1), *line(0.8)]
    table = from_observations(observations(a=readings)).table
    assert table.loc[0, "predicted_accuracy"] == pytest.approx(0.8, abs=1e-4)
    assert table.loc[0, "status"] == "ok"
    assert "1 of 5 readings degenerate" in table.loc[0, "note"]


def test_without_any_beta_the_last_accuracy_stands_and_says_so():
    table = from_observations(observations(a=[(math.nan, 0.5), (math.nan, 0.6)])).table
    assert table.loc[0, ["predicted_accuracy", "status"]].tolist() == [0.6, "fallback"]
    assert "no epoch has a beta_eff" in table.loc[0, "note"]


def test_the_fallback_is_the_last_accuracy_of_all_epochs():
    table = from_observations(observations(a=[(2.0, 0.5), (1.0, 0.6), (math.nan, 0.7)])).table
    assert table.loc[0, ["predicted_accuracy", "status"]].tolist() == [0.7, "fallback"]
    assert "2 rows to fit" in table.loc[0, "note"]


def test_the_note_begins_with_what_matters_most():
    readings = [(2.0, 0.5), (1.0, 0.6), (math.nan, 0.7)]
    failed = failures(("a", 2, 1, "no weights"), ("a", 1, 3, "no memory"))
    table = from_observations(observations(a_0=readings, a_1=readings[:2]), failed).table
    assert table.loc[0, "note"] == (
        "last-seen accuracy: 2 rows to fit, 4 needed; 1 of 3 readings degenerate; run 1 failed in epoch 3: no memory; "
        "run 2 failed in epoch 1: no weights"
    )


def test_the_first_column_that_holds_no_numbers_is_named():
    rows = observations(a=line(0.8)).assign(beta_eff="4.0", val_accuracy=pd.Timestamp(0))
    with pytest.raises(ValueError, match=f"beta_eff must hold numbers, got dtype {rows['beta_eff'].dtype};"):
        from_observations(rows)


def test_a_run_fails_once():
    with pytest.raises(ValueError, match="failures: one row per candidate, run, got several"):
        from_observations(observations(a=line(0.8)), failures(("a", 0, 1, "x"), ("a", 0, 2, "y")))


def test_a_failed_run_is_left_out_and_noted():
    ranking = from_observations(
        observations(a_0=line(0.8), a_1=line(0.5)[:2]), failures(("a", 1, 3, "the training loss is nan"))
    )
    table = ranking.table.iloc[0]
    assert table["status"] == "ok"
    assert table["predicted_accuracy"] == pytest.approx(0.8, abs=1e-4)
    assert table["runs"] == 1
    assert "run 1 failed in epoch 3: the training loss is nan" in table["note"]
    assert ranking.runs.set_index("run")["status"].to_dict() == {0: "ok", 1: "failed"}


def test_failed_candidates_come_last_in_order_of_name():
    ranking = from_observations(observations(b=line(0.8), c=line(0.99)), failures(("c", 0, 5, "x"), ("a", 0, 1, "y")))
    assert ranking.table[["rank", "candidate", "status"]].values.tolist() == [
        [1, "b", "ok"],
        [2, "a", "failed"],
        [3, "c", "failed"],
    ]
    assert ranking.table["predicted_accuracy"].isna().tolist() == [False, True, True]
    assert ranking.table["note"].tolist() == ["", "failed in epoch 1: y", "failed in epoch 5: x"]  # of the only run
    assert ranking.table["last_seen_accuracy"].iloc[2] == pytest.approx(0.89)  # what was seen before it failed


def test_tables_have_the_columns_of_the_design_and_rows_from_0():
    columns = (
        "rank candidate predicted_accuracy predicted_std last_seen_accuracy best_seen_accuracy beta_eff epochs runs seconds_train "
        "seconds_beta reading status note"
    )
    rows = observations(a_0=line(0.8), b_0=line(0.9), a_1=line(0.8), b_1=line(0.9))
    for ranking in (from_observations(rows), from_observations(rows[:0])):
        assert ranking.table.columns.tolist() == COLUMNS == columns.split()
        assert ranking.runs.columns.tolist() == ["rank", "run", *COLUMNS[1:]]
        assert ranking.table.index.tolist() == list(range(len(ranking.table)))
        assert ranking.runs.index.tolist() == list(range(len(ranking.runs)))


def test_a_ranking_prints_its_first_columns():
    ranking = from_observations(observations(a=line(0.8), b=line(0.9)), target="digits")
    title, header, *lines = repr(ranking).splitlines()
    assert title == "Ranking of 2 candidates on digits"
    assert header.split() == COLUMNS[:6]
    assert [row.split()[:2] for row in lines] == [["1", "b"], ["2", "a"]]


def test_a_ranking_is_one_object_that_stays_as_it_is():
    ranking = from_observations(observations(a=line(0.8)))
    assert ranking in {ranking}
    with pytest.raises(FrozenInstanceError):
        ranking.target = "digits"


@pytest.fixture(name="job")
def _job(tmp_path):
    """A store of two candidates, three runs and five epochs; run 1 of b failed in epoch 5, run 2 in epoch 3."""
    with Store(tmp_path / "runs.db") as store:
        settings = store.add_settings({"epochs": 5}, {"keras": "3"})
        base = {name: {str: "text", int: 0, bool: False, float: 0.1}[kind] for name, kind in OBSERVATION.items()}
        for candidate, run, epoch in [(c, r, e) for c in "ab" for r in range(3) for e in range(1, 6)]:
            key = {"settings": settings, "target": "digits", "candidate": candidate, "run": run, "epoch": epoch}
            store.add(base | key | {"beta_eff": 1 / epoch, "val_accuracy": 1 - 0.1 / epoch - 0.01 * run})
        store.add_failure(RunKey(settings, "digits", "b", 1), 5, "late")
        store.add_failure(RunKey(settings, "digits", "b", 2), 3, "early")
        yield lambda **narrower: from_store(store, settings, "digits", **narrower)


def test_all_of_a_job_is_ranked_from_its_store(job):
    ranking = job()
    assert len(ranking.observations) == 30
    assert ranking.table.set_index("candidate")["runs"].to_dict() == {"a": 3, "b": 1}
    assert ranking.facts["epochs"] == 5
    assert ranking.facts["keras"] == "3"
    assert ranking.target == "digits"


def test_part_of_a_job_is_ranked_as_if_it_were_all(job):
    """With what failed in the epochs and runs looked at, and no trace of the others."""
    ranking = job(epochs=4)
    assert ranking.observations["epoch"].max() == 4
    assert ranking.observations.columns.tolist() == list(OBSERVATION)
    assert ranking.observations.index.tolist() == list(range(24))
    assert ranking.table.set_index("candidate")["note"].to_dict() == {"a": "", "b": "run 2 failed in epoch 3: early"}
    assert "late" in job(epochs=5).table.set_index("candidate").loc["b", "note"]
    ranking = job(runs=2)
    assert ranking.observations["run"].unique().tolist() == [0, 1]
    assert ranking.table.set_index("candidate")["note"].to_dict() == {"a": "", "b": "run 1 failed in epoch 5: late"}
    assert job(runs=1).observations["run"].unique().tolist() == [0]
    assert job(runs=1).table["note"].tolist() == ["", ""]
    ranking = job(candidates=["a"])
    assert ranking.candidates == ["a"]
    assert ranking.observations["candidate"].unique().tolist() == ["a"]


def test_a_store_without_the_job_says_what_it_holds(tmp_path):
    with Store(tmp_path / "runs.db") as store, pytest.raises(ValueError, match="none yet"):
        from_store(store, "abc", "digits")


def test_importing_the_ranking_is_light():
    code = "import sys, ncap.leaderboard; print(sorted({'scipy', 'sklearn', 'pandas', 'keras', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_runs_that_share_no_epoch_give_no_prediction():
    rows = observations(a_0=line(0.8), a_1=line(0.8))
    table = from_observations(rows[(rows["epoch"] == 1) ^ (rows["run"] == 1)].query("run == 0 or epoch > 1")).table
    assert table.loc[0, ["status", "note"]].tolist() == ["fallback", "no epoch that every run has"]
    assert table.loc[0, ["predicted_accuracy", "last_seen_accuracy"]].isna().all()
