"""The tables of one job: whoever made them, checked before anything reads them."""

import math
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ncap.records.loading import load
from ncap.records.schema import COMPARISON, FAILURES, OBSERVATIONS, PREDICTIONS, RANKING, READINGS, RECORDS, TRUTH
from ncap.records.tables import Records, checked_table

V1 = Path(__file__).with_name("v1")
KEY = {"settings": "s", "target": "digits", "candidate": "a", "run": 0}


def observations(*rows):
    return pd.DataFrame([KEY | {"tick": 1, "epoch": 1.0} | row for row in rows])


def test_every_column_says_what_it_holds():
    for table in (*RECORDS, PREDICTIONS, RANKING, TRUTH, COMPARISON):
        assert len(set(table.names)) == len(table.names)
        assert all(column.meaning and column.type in (str, int, float, bool) for column in table.columns)
        assert all(column.type in (str, int) for column in table.columns[: table.keys])
    with pytest.raises(KeyError):
        OBSERVATIONS["beta_eff"]


def test_what_is_missing_is_filled_and_what_is_given_is_converted():
    table = checked_table(
        READINGS, pd.DataFrame([KEY | {"tick": 1.0, "reading": "gradient", "beta_eff": 1, "other": 1}])
    )
    assert tuple(table.columns) == READINGS.names
    (row,) = table.to_dict("records")
    assert (row["tick"], row["beta_eff"], row["reason"], row["n_samples"]) == (1, 1.0, "", 0)
    assert math.isnan(row["denominator"])
    assert table.dtypes.to_dict() == READINGS.empty().dtypes.to_dict()


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([{}], TypeError, "observations must be a pandas DataFrame, got list"),
        (
            pd.DataFrame([{"tick": 1}]),
            ValueError,
            r"observations: missing \['settings', 'target', 'candidate', 'run'\]",
        ),
        (observations({"tick": None}), ValueError, r"observations\.tick must be given in every row, row 0 lacks one"),
        (observations({"tick": 1.5}), ValueError, r"observations\.tick must hold whole numbers, got 1\.5"),
        (observations({"val_loss": "low"}), ValueError, r"observations\.val_loss must hold numbers, got "),
        (
            observations({"epoch": pd.Timestamp(0)}),
            ValueError,
            r"observations\.epoch must hold numbers, got dtype datetime64",
        ),
        (
            observations({}, {}),
            ValueError,
            "one row per settings, target, candidate, run, tick, got several for s, digits, a, 0, 1",
        ),
    ],
)
def test_a_table_that_breaks_the_schema_is_refused_by_name(rows, error, message):
    with pytest.raises(error, match=message):
        checked_table(OBSERVATIONS, rows)


def test_text_epochs_are_refused():
    """Sorted as texts, epoch 10 would come before epoch 2."""
    rows = observations(*({"tick": str(tick), "epoch": str(tick)} for tick in (10, 2, 1)))
    with pytest.raises(
        ValueError, match=r"observations\.tick must hold numbers, got .*; convert it with pd\.to_numeric"
    ):
        checked_table(OBSERVATIONS, rows)


def test_one_job_is_taken_out_of_several():
    rows = pd.concat(
        [
            observations({}),
            observations({"settings": "t"}),
            observations({"settings": "t", "target": "birds", "candidate": "b"}),
        ]
    )
    newest = load({"observations": rows})
    assert (newest.settings, newest.target, newest.candidates) == ("t", "birds", ["b"])
    chosen = load({"observations": rows}, settings="t", target="birds")
    assert chosen.candidates == ["b"]
    with pytest.raises(ValueError, match="no rows for the job settings 'x'"):
        load({"observations": rows}, settings="x")
    assert load(chosen) is chosen


def test_the_job_of_tables_is_that_of_the_last_row_given_not_of_the_highest_hash():
    rows = pd.concat([observations({"settings": "z"}), observations({"settings": "a", "target": "birds"})])
    last = load({"observations": rows})
    assert (last.settings, last.target) == ("a", "birds")
    earlier = load(
        {"observations": rows}, target="digits"
    )  # its settings, and not those of the last row of another target
    assert (earlier.settings, earlier.target, len(earlier.observations)) == ("z", "digits", 1)


def test_bad_sets_of_tables_are_refused():
    with pytest.raises(ValueError, match="unknown table 'observation'; pass observations, readings, scores, failures"):
        load({"observation": observations({})})
    with pytest.raises(ValueError, match="the table 'observations' is missing; got readings"):
        load({"readings": READINGS.empty()})


@pytest.fixture(name="demo")
def _demo(tmp_path):
    shutil.copy(V1 / "demo.db", tmp_path / "demo.db")
    return load(tmp_path / "demo.db")


def test_rows_are_taken_by_candidate_run_epoch_and_tick(demo):
    assert len(demo.observations) == len(demo.readings) == 300
    few = demo.of(["mlp", "plain"], runs=1, epochs=4)
    assert few.candidates == ["mlp", "plain"]
    assert few.observations["tick"].tolist() == few.readings["tick"].tolist() == [1, 2, 3, 4] * 2
    assert len(demo.of(ticks=2).readings) == 20
    assert demo.of(runs=0).observations.empty
    assert (few.reading, few.facts["seed"]) == ("explicit/magnitude/unit", 0)


def test_the_readings_of_a_tick_keep_their_order():
    names = ["gradient", "explicit/signed/unit"]
    read = pd.DataFrame([KEY | {"tick": tick, "reading": name, "beta_eff": 1.0} for tick in (2, 1) for name in names])
    records = load({"observations": observations({}, {"tick": 2}), "readings": read})
    assert records.readings["reading"].tolist() == names * 2
    assert records.reading == "gradient"


def test_the_truth_is_the_test_accuracy_of_the_last_tick(demo):
    truth = demo.truth().set_index("candidate")
    assert truth.loc["group_norm", ["accuracy", "epochs"]].round(3).tolist() == [0.956, 30.0]
    rows = observations(
        {"test_accuracy": 0.2}, {"run": 1, "test_accuracy": 0.4}, {"run": 1, "tick": 2, "test_accuracy": 0.6}
    )
    assert load({"observations": rows}).truth()["accuracy"].tolist() == pytest.approx([0.4])
    without = load({"observations": observations({})})
    assert without.truth().empty


def test_empty_records_have_neither_candidates_nor_a_reading():
    records = Records(*(table.empty() for table in RECORDS))
    assert (records.candidates, records.reading) == ([], "")
    assert records.failures.columns.tolist() == list(FAILURES.names)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"val_accuracy": 53},
            r"observations.val_accuracy must be numbers in 0..1, got 53; pass fractions, not percent",
        ),
        ({"train_accuracy": -0.1}, r"observations.train_accuracy must be numbers in 0..1, got -0.1"),
        ({"tick": 0}, r"observations.tick must be at least 1, got 0: ticks count from 1"),
        ({"run": -1}, r"observations.run must be at least 0, got -1"),
    ],
)
def test_what_clipping_and_counting_would_hide_is_refused(row, message):
    """A percentage was predicted as 1.0 for every candidate, and ticks=1 read two ticks of tables that count from 0."""
    with pytest.raises(ValueError, match=message):
        load({"observations": observations(row)})


def test_the_job_of_the_last_row_is_that_of_the_row_given_last():
    """Checked tables are sorted, so that the last name in the alphabet was taken for the last job."""
    jobs = [{"settings": "zz", "val_accuracy": 0.1}, {"settings": "aa", "val_accuracy": 0.5}]
    assert load({"observations": observations(*jobs)}).settings == "aa"


def test_the_job_of_a_target_is_found_whatever_the_last_row_is():
    seen = observations({"settings": "s1"}, {"settings": "s2", "target": "cifar10"})
    assert load({"observations": seen}, target="digits").settings == "s1"
    assert load({"observations": seen}, settings="s1").target == "digits"
    with pytest.raises(ValueError, match="no rows for the job"):
        load({"observations": seen}, target="mnist")


def test_the_truth_is_of_runs_that_did_not_fail():
    """A run that had diverged was averaged with the sound one."""
    good = [{"tick": t, "epoch": float(t), "test_accuracy": 0.1 * t} for t in (1, 2, 3, 4)]
    bad = [{"run": 1, "tick": t, "epoch": float(t), "test_accuracy": 0.9} for t in (1, 2)]
    failed = pd.DataFrame([KEY | {"run": 1, "epoch": 3.0, "reason": "the loss is nan"}])
    seen = {"observations": observations(*good, *bad)}
    (line,) = load(seen | {"failures": failed}).truth()[["accuracy", "epochs"]].values.tolist()
    assert line == [pytest.approx(0.4), 4.0]
    assert load(seen | {"failures": pd.concat([failed, failed.assign(run=0)])}).truth().empty


@pytest.mark.parametrize(
    ("table", "rename", "words"),
    [
        (READINGS, {"beta_eff": "beta_ef"}, "readings: unknown column 'beta_ef'; did you mean 'beta_eff'?"),
        (READINGS, {"beta_eff": "x"}, "readings: missing ['beta_eff']"),
        (OBSERVATIONS, {"val_accuracy": "val_acc"}, "unknown column 'val_acc'; did you mean 'val_accuracy'?"),
        (OBSERVATIONS, {"epoch": "epochs"}, "unknown column 'epochs'; did you mean 'epoch'?"),
    ],
)
def test_a_misspelt_column_is_not_read_as_if_it_were_missing(table, rename, words):
    """It ended as a fallback for want of readings."""
    rows = observations({"val_accuracy": 0.5, "reading": "gradient", "beta_eff": 1.0}).rename(columns=rename)
    with pytest.raises(ValueError, match=re.escape(words)):
        checked_table(table, rows)


@pytest.mark.parametrize("change", [{"candidate": "A"}, {"run": 1}, {"settings": "t"}, {"target": "digit"}])
def test_readings_of_no_observation_are_refused_where_a_candidate_lacks_them(change):
    seen = observations({"val_accuracy": 0.5})
    read = observations({"reading": "gradient", "beta_eff": 1.0})
    others = read.assign(candidate="other")
    assert len(load({"observations": seen, "readings": pd.concat([read, others])}).readings)
    with pytest.raises(ValueError, match="1 rows belong to no observation") as caught:
        load({"observations": seen, "readings": read.assign(**change)})
    assert "no reading belongs to s, digits, a" in str(caught.value)


def test_ticks_in_another_order_than_training_are_refused():
    """The last-seen accuracy was that of the first epoch."""
    with pytest.raises(ValueError, match="falls to 1 at tick 2 of candidate 'a', run 0"):
        checked_table(OBSERVATIONS, observations({"epoch": 2.0}, {"tick": 2, "epoch": 1.0}))
    checked_table(OBSERVATIONS, observations({"epoch": 2.0}, {"tick": 2, "epoch": float("nan")}))
    checked_table(OBSERVATIONS, observations({"epoch": 2.0}, {"tick": 2, "epoch": 1.0, "run": 1}))
