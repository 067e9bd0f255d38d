"""From the table of observations to a ranking."""

import math

import numpy as np
import pandas as pd
import pytest

from ncap.leaderboard import from_observations, from_store
from ncap.store import Store


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
    assert from_observations(rows).candidates == ["a", "b"]
    assert from_observations(rows.sample(frac=1, random_state=0)).candidates == ["a", "b"]


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
    assert ranking.table["last_seen_accuracy"].iloc[2] == pytest.approx(0.89)  # what was seen before it failed


def test_a_store_without_the_job_says_what_it_holds(tmp_path):
    with Store(tmp_path / "runs.db") as store, pytest.raises(ValueError, match="none yet"):
        from_store(store, "abc", "digits")
