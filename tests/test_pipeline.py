"""The main job: real trainings of tiny networks, and their resumption."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tiny
from tiny import EPOCHS, TIMES, ranked, without_times

import ncap
from ncap.training import checkpoint
from ncap.job import Job
from ncap.training.run import Training
from ncap.pipeline import NothingRankedError
from ncap.records.schema import RunKey
from ncap.records.store import Store, StoreWriteError


@pytest.fixture(scope="module", name="undisturbed")
def _undisturbed(tmp_path_factory):
    candidates = {"tiny": tiny.body, "failing": tiny.failing, "diverging": tiny.diverging}
    folder = tmp_path_factory.mktemp("undisturbed")
    return ranked(folder / "runs.db", candidates, out=folder / "out")


def of_tiny(observations):
    return without_times(observations[observations["candidate"] == "tiny"]).reset_index(drop=True)


# what a job gives


def test_the_ranking_has_the_columns_of_the_design(undisturbed):
    columns = (
        "rank candidate predicted_accuracy predicted_std last_seen_accuracy best_seen_accuracy beta_eff epochs runs seconds_train "
        "seconds_beta reading status note"
    )
    assert list(undisturbed.table.columns) == columns.split()
    assert set(undisturbed.runs.columns) == {*columns.split(), "run"}
    assert undisturbed.target == "digits"
    assert undisturbed.candidates[0] == "tiny"


def test_what_fails_is_recorded_with_its_reason_and_stops_no_other(undisturbed):
    table = undisturbed.table.set_index("candidate")
    assert table["status"].to_dict() == {"tiny": "ok", "failing": "failed", "diverging": "failed"}
    assert table["rank"].to_dict() == {"tiny": 1, "diverging": 2, "failing": 3}
    assert "epoch 1: RuntimeError: no [red]weights[/red] here" in table.loc["failing", "note"]
    # relu lets NaN pass on one backend and not on the other: the loss is NaN, or the reading refuses the features
    assert table.loc["diverging", "note"].startswith("run 0 failed in epoch 1: ")
    assert "nan" in table.loc["diverging", "note"].lower()
    assert table.loc[["failing", "diverging"], "predicted_accuracy"].isna().all()


def test_another_reading_is_read_and_said(tmp_path):
    ranking = ranked(tmp_path / "runs.db", runs=1, weighting="relative")
    assert (ranking.table["reading"] == "explicit/magnitude/relative").all()
    (beta,) = ranking.table["beta_eff"]
    (unit,) = ranked(tmp_path / "runs.db", runs=1).table["beta_eff"]
    assert 0 < beta != unit > 0


def test_a_loss_that_is_not_finite_is_a_failure(tmp_path):
    with pytest.raises(
        NothingRankedError, match=r"tiny in epoch 1: the (training|validation) loss is (nan|inf)"
    ) as caught:
        ranked(tmp_path / "runs.db", runs=1, learning_rate=1e30, batch_size=16)
    assert caught.value.ranking.observations.empty


def test_observations_are_complete(undisturbed):
    rows = undisturbed.observations
    assert rows[["candidate", "run", "epoch"]].values.tolist() == [
        ["tiny", run, t] for run in (0, 1) for t in range(1, EPOCHS + 1)
    ]
    assert rows.drop(columns=["candidate", "target", "settings", "reading"]).notna().all(axis=None)
    assert (rows["reading"] == "explicit/magnitude/unit").all()
    assert (rows[TIMES] > 0).all(axis=None)
    runs = [run["beta_eff"].tolist() for _, run in rows.groupby("run")]
    assert runs[0] != runs[1]  # each run has a probe and an order of its own


def test_the_report_is_written(undisturbed):
    # the store's path is in the facts, the report beside it
    table = pd.read_csv(Path(undisturbed.facts["store"]).with_name("out") / "ranking.csv")
    assert table["candidate"].tolist() == undisturbed.candidates
    np.testing.assert_array_equal(
        table["predicted_accuracy"], undisturbed.table["predicted_accuracy"]
    )  # all digits, NaN too


def test_what_a_row_says_can_be_measured_again(undisturbed):
    """Train by the engine's own parts, then read and evaluate by Keras' own functions."""
    settings = undisturbed.facts["settings"]
    job = Job(epochs=EPOCHS, runs=2, hidden=(8, 6), frozen=False)
    training = Training(job, RunKey(settings, "digits", "tiny", 1), tiny.body, tiny.target())
    training.fit(1)
    row = undisturbed.observations.query("run == 1 and epoch == 1").iloc[0]
    target = tiny.target()
    for part in ("val", "test"):
        logs = training.model.evaluate(
            getattr(target, f"x_{part}"), getattr(target, f"y_{part}"), batch_size=32, verbose=0, return_dict=True
        )
        # other batches add up in another order: a few roundings of float32 in the mean, none in a count over 360
        assert row[f"{part}_accuracy"] == pytest.approx(logs["accuracy"], rel=1e-6)
        if part == "val":
            assert row["val_loss"] == pytest.approx(logs["loss"], rel=1e-5)
    reading = ncap.capacitance(training.model, target.x_train, target.y_train)
    assert row["beta_eff"] == reading.beta_eff
    assert row["beta_eff_error"] == reading.standard_error


# resuming


def test_a_job_trained_on_equals_the_undisturbed_one(tmp_path, undisturbed):
    ranked(tmp_path / "runs.db", epochs=1, runs=1)
    ranked(tmp_path / "runs.db", epochs=3, runs=2)
    continued = ranked(tmp_path / "runs.db")
    pd.testing.assert_frame_equal(
        without_times(continued.observations), of_tiny(undisturbed.observations), check_exact=True
    )


def test_a_checkpoint_ahead_of_its_row_is_neither_repeated_nor_lost(tmp_path, undisturbed, monkeypatch):
    add = Store.add

    def interrupted(store, row):
        if (row["run"], row["epoch"]) == (0, 2):
            raise KeyboardInterrupt  # between the checkpoint and its row
        add(store, row)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ranked(tmp_path / "runs.db")
    with Store(tmp_path / "runs.db") as store:
        (rows,) = [store.observations()]
        assert rows["epoch"].tolist() == [1]
        key = RunKey(rows["settings"].iloc[0], "digits", "tiny", 0)
        saved = checkpoint.load(store.checkpoint_path(key))
    assert saved.epoch == 2
    resumed = ranked(tmp_path / "runs.db").observations
    # the very measurement of the checkpoint, times included, so the epoch was not trained again
    row = resumed.query("run == 0 and epoch == 2").iloc[0].to_dict()
    assert row == saved.row
    pd.testing.assert_frame_equal(without_times(resumed), of_tiny(undisturbed.observations), check_exact=True)


def test_a_lost_checkpoint_costs_time_only(tmp_path, undisturbed):
    first = ranked(tmp_path / "runs.db", epochs=2)
    files = list((tmp_path / "runs.db.checkpoints").rglob("*.h5"))
    assert len(files) == 2
    for file in files:
        file.unlink()
    again = ranked(tmp_path / "runs.db", epochs=2)
    pd.testing.assert_frame_equal(again.observations, first.observations)  # complete already: times too
    longer = ranked(tmp_path / "runs.db")
    pd.testing.assert_frame_equal(
        without_times(longer.observations), of_tiny(undisturbed.observations), check_exact=True
    )


def test_a_complete_job_is_not_trained_again(tmp_path, monkeypatch):
    first = ranked(tmp_path / "runs.db", runs=1)
    monkeypatch.setattr(Training, "fit", lambda *_: pytest.fail("trained again"))
    again = ranked(tmp_path / "runs.db", runs=1)
    pd.testing.assert_frame_equal(again.observations, first.observations)
    pd.testing.assert_frame_equal(again.table, first.table)
    shorter = ranked(tmp_path / "runs.db", runs=1, epochs=2)
    pd.testing.assert_frame_equal(shorter.observations, first.observations.query("epoch <= 2"))
    assert shorter.table["status"].tolist() == ["fallback"]


def test_a_failure_is_forgotten_when_the_run_gets_past_it(tmp_path):
    flaky = {"other": tiny.body, "tiny": tiny.failing}
    assert ranked(tmp_path / "runs.db", flaky, runs=1).table["status"].tolist() == ["ok", "failed"]
    table = ranked(tmp_path / "runs.db", flaky | {"tiny": tiny.body}, runs=1).table
    assert table["status"].tolist() == ["ok", "ok"]


def test_a_failure_ahead_is_kept_by_a_shorter_repetition(tmp_path):
    ranked(tmp_path / "runs.db", runs=1, epochs=2)
    with Store(tmp_path / "runs.db") as store:
        job = store.job()
        key = RunKey(job["settings"], job["target"], "tiny", 0)
        store.add_failure(key, 3, "out of memory")
    ranked(tmp_path / "runs.db", runs=1, epochs=2)
    with Store(tmp_path / "runs.db") as store:
        assert store.failures()["epoch"].tolist() == [3]
    ranked(tmp_path / "runs.db", runs=1, epochs=3)
    with Store(tmp_path / "runs.db") as store:
        assert store.failures().empty


def test_another_body_under_a_stored_name_fails_instead_of_mixing(tmp_path):
    ranked(tmp_path / "runs.db", runs=1, epochs=1)
    with pytest.raises(NothingRankedError, match="give it another name or use another store"):
        ranked(tmp_path / "runs.db", {"tiny": tiny.narrow}, runs=1)


def test_a_checkpoint_that_outlived_its_store_is_not_taken_for_another_body(tmp_path):
    ranked(tmp_path / "runs.db", runs=1, epochs=1)
    (tmp_path / "runs.db").unlink()
    left_behind = ranked(tmp_path / "runs.db", {"tiny": tiny.narrow}, runs=1, epochs=1)
    fresh = ranked(tmp_path / "fresh.db", {"tiny": tiny.narrow}, runs=1, epochs=1)
    pd.testing.assert_frame_equal(without_times(left_behind.observations), without_times(fresh.observations))


def test_a_fully_convolutional_candidate_takes_the_images_own_size(tmp_path):
    def convolutional():
        return keras.Sequential(
            [keras.Input((None, None, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3)]
        )

    assert ranked(tmp_path / "runs.db", {"any": convolutional}, runs=1).table["status"].tolist() == ["ok"]


def test_a_disk_that_is_full_ends_the_job_and_is_no_candidates_fault(tmp_path, monkeypatch):
    def full(path, state):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", full)
        with pytest.raises(StoreWriteError, match="No space left on device"):
            ranked(tmp_path / "runs.db", runs=1)
    with Store(tmp_path / "runs.db") as store:
        assert store.failures().empty
