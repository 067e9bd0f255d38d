"""The main job: real trainings of tiny networks, and their resumption."""

import shutil
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tiny
from tiny import EPOCHS, ranked, without_times

import ncap
from ncap.job import Job
from ncap.pipeline import NothingRankedError
from ncap.ranking.order import rank_records
from ncap.records.loading import load
from ncap.records.schema import FAILURES, OBSERVATIONS, RunKey
from ncap.records.sql import insert, storable
from ncap.records.store import Store, StoreWriteError
from ncap.rules import RULES
from ncap.training import checkpoint
from ncap.training.run import Training


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
        "seconds_beta reading rule status note"
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


def test_the_facts_of_a_job_say_what_chance_is(undisturbed):
    labels = tiny.target().labels("val")
    share = np.bincount(labels).max() / len(labels)
    known = {name: undisturbed.facts[name] for name in ("classes", "validation_images", "most_frequent_class")}
    assert known == {"classes": 10, "validation_images": len(labels), "most_frequent_class": share}


@pytest.mark.filterwarnings("error:.*another environment")
def test_a_job_that_was_begun_without_them_goes_on_without_them_and_without_a_warning(tmp_path, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr("ncap.pipeline._facts", lambda *_: {})
        assert "classes" not in ranked(tmp_path / "runs.db", runs=1, epochs=1).facts
    assert "classes" not in ranked(tmp_path / "runs.db", runs=1, epochs=2).facts
    assert "classes" in ranked(tmp_path / "new.db", runs=1, epochs=1).facts
    assert "classes" in ranked(tmp_path / "new.db", runs=1, epochs=2).facts


def test_another_reading_is_read_and_said(tmp_path):
    ranking = ranked(tmp_path / "runs.db", runs=1, weighting="relative")
    assert (ranking.table["reading"] == "explicit/magnitude/relative").all()
    (beta,) = ranking.table["beta_eff"]
    (unit,) = ranked(tmp_path / "runs.db", runs=1).table["beta_eff"]
    assert 0 < beta != unit > 0


ALL = [
    "explicit/magnitude/unit",
    "explicit/magnitude/relative",
    "explicit/signed/unit",
    "explicit/signed/relative",
    "hessian/signed/unit",
    "hessian/signed/relative",
    "explicit/magnitude/unit/norms",
    "explicit/signed/unit/norms",
    "hessian/signed/unit/norms",
    "full_hessian/signed/unit",
    "gradient",
    "explicit/magnitude/unit/batches64",
    "full_hessian/signed/unit/batches64",
]


def test_one_training_is_read_in_many_ways_and_ranked_by_any_of_them(tmp_path):
    together = ranked(tmp_path / "runs.db", runs=1, readings=ALL)
    assert together.reading == ALL[0]
    assert together.readings["reading"].tolist() == ALL * EPOCHS
    for name in ("explicit/magnitude/relative", "gradient"):
        alone = ranked(tmp_path / f"{name.replace('/', '-')}.db", runs=1, readings=[name])
        again = rank_records(Path(tmp_path / "runs.db"), reading=name)
        pd.testing.assert_frame_equal(without_times(again.table), without_times(alone.table), check_exact=True)
        # training does not depend on what is read
        pd.testing.assert_frame_equal(
            without_times(alone.observations), without_times(together.observations), check_exact=True
        )


def test_a_wanted_error_changes_how_many_samples_are_read_and_nothing_of_the_training(tmp_path):
    of_all, sampled = (
        ncap.rank(
            {"tiny": tiny.body}, tiny.targets.load("digits").few(600, seed=0), store=tmp_path / f"{error}.db", epochs=1, hidden=(8, 6),
            rule="last_seen", out=None, progress=False, error=error,
        )
        for error in (None, 0.1)
    )  # fmt: skip
    pd.testing.assert_frame_equal(
        without_times(sampled.observations), without_times(of_all.observations), check_exact=True
    )
    assert of_all.readings["n_samples"].tolist() == [600]
    assert sampled.readings["n_samples"].item() < 600
    assert sampled.readings["beta_eff"].item() == pytest.approx(of_all.readings["beta_eff"].item(), rel=0.4)


def test_a_reading_that_past_ticks_lack_is_read_by_training_again_to_the_same_rows(tmp_path):
    first = ranked(tmp_path / "runs.db", runs=1)
    both = ranked(tmp_path / "runs.db", runs=1, readings=["gradient", ALL[0]])
    assert both.reading == "gradient"
    pd.testing.assert_frame_equal(both.observations, first.observations)  # times too: they stay
    assert both.readings.groupby("reading").size().to_dict() == {"gradient": EPOCHS, ALL[0]: EPOCHS}
    fresh = ranked(tmp_path / "fresh.db", runs=1, readings=["gradient"])
    pd.testing.assert_frame_equal(without_times(fresh.table), without_times(both.table), check_exact=True)


def test_a_training_that_gives_other_numbers_the_second_time_is_said(tmp_path):
    ranked(tmp_path / "runs.db", runs=1, epochs=1)
    with Store(tmp_path / "runs.db") as store, store._transaction() as db:
        (row,) = store.table(OBSERVATIONS).to_dict("records")
        db.execute(insert(OBSERVATIONS, replace=True), storable(OBSERVATIONS, row | {"val_loss": 9.0}))
    with pytest.warns(UserWarning, match=r"tiny run 0, trained again, has val_loss .* at tick 1, not 9.0 as recorded"):
        ranked(tmp_path / "runs.db", runs=1, epochs=1, readings=["gradient"])


def test_every_rule_ranks_the_same_records(tmp_path, undisturbed):
    for rule in RULES.names():
        ranking = ranked(tmp_path / "runs.db", runs=1, rule=rule)
        assert (ranking.table["rule"] == rule).all()
    with pytest.raises(ValueError, match="unknown rule 'last_sen'; did you mean 'last_seen'"):
        ranked(tmp_path / "runs.db", rule="last_sen")
    with pytest.raises(TypeError, match="unknown setting 'epoch'; did you mean 'epochs'"):
        ranked(tmp_path / "runs.db", epoch=3)


# ticks


def test_ticks_inside_an_epoch_change_no_number_at_its_end(tmp_path, undisturbed):
    ticked = ranked(tmp_path / "runs.db", runs=1, batch_size=16, ticks_per_epoch=(2, 1), epochs=3)
    plain = ranked(tmp_path / "plain.db", runs=1, batch_size=16, epochs=3)
    rows = ticked.observations
    assert rows["epoch"].tolist() == [0.5, 1.0, 2.0, 3.0]
    assert rows["tick"].tolist() == [1, 2, 3, 4]
    # train_accuracy and train_loss are means since the last tick: of half an epoch here, of the whole there
    ends = rows[rows["epoch"] % 1 == 0].drop(columns=["tick", "settings", "seconds_train"]).reset_index(drop=True)
    whole = plain.observations.drop(columns=["tick", "settings", "seconds_train"])
    evaluated = ["val_accuracy", "val_loss", "test_accuracy"]
    pd.testing.assert_frame_equal(ends[evaluated], whole[evaluated], check_exact=True)
    pd.testing.assert_frame_equal(ends.tail(2), whole.tail(2), check_exact=True)
    betas = [table.readings["beta_eff"].tolist() for table in (ticked, plain)]
    assert betas[0][1:] == betas[1]


def test_a_run_that_goes_on_from_the_middle_of_an_epoch_equals_the_undisturbed_one(tmp_path, monkeypatch):
    given = {"runs": 1, "batch_size": 8, "ticks_per_epoch": 3, "epochs": 2}
    undisturbed = ranked(tmp_path / "undisturbed.db", {"random": drawing}, **given)
    tick = Training.tick
    began = []

    def interrupted(training, number, place):
        if number == 3:
            raise KeyboardInterrupt
        return tick(training, number, place)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "tick", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ranked(tmp_path / "runs.db", {"random": drawing}, **given)
    np.random.seed(5)  # noqa: NPY002  whatever state the process is in
    monkeypatch.setattr(Training, "tick", lambda self, number, place: began.append(number) or tick(self, number, place))
    resumed = ranked(tmp_path / "runs.db", {"random": drawing}, **given)
    assert began == [3, 4, 5, 6]
    for table in ("observations", "readings"):
        pd.testing.assert_frame_equal(
            *(without_times(getattr(ranking, table)) for ranking in (resumed, undisturbed)), check_exact=True
        )


class Drawing(keras.layers.Layer):
    """Multiplies by a number from numpy's own generator at every step, which a stranger's layer may use."""

    def call(self, x, training=False):
        if not training:
            return x
        factor = tf.numpy_function(lambda: np.float32(np.random.uniform(0.5, 1.5)), [], tf.float32)  # noqa: NPY002
        return x * tf.ensure_shape(factor, ())


def drawing():
    """A body with every kind of randomness: dropout, noise, and numbers of numpy's."""
    layers = [*tiny.body().layers, Drawing(), keras.layers.Dropout(0.3)]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def test_more_ticks_than_batches_are_refused(tmp_path):
    with pytest.raises(
        NothingRankedError, match="ticks_per_epoch: epoch 1 has 1 batches of 64 samples, too few for 4 ticks"
    ):
        ranked(tmp_path / "runs.db", runs=1, ticks_per_epoch=(4, 1))


def test_a_loss_that_is_not_finite_is_a_failure(tmp_path):
    with pytest.raises(
        NothingRankedError, match=r"tiny in epoch 1: the (training|validation) loss is (nan|inf)"
    ) as caught:
        ranked(tmp_path / "runs.db", runs=1, learning_rate=1e30, batch_size=16)
    assert caught.value.ranking.observations.empty


def test_records_are_complete(undisturbed):
    rows, read = undisturbed.observations, undisturbed.readings
    assert rows[["candidate", "run", "tick"]].values.tolist() == [
        ["tiny", run, t] for run in (0, 1) for t in range(1, EPOCHS + 1)
    ]
    assert rows["epoch"].tolist() == [1.0, 2.0, 3.0, 4.0] * 2
    assert rows.notna().all(axis=None)
    assert read.notna().all(axis=None)
    assert (read["reading"] == "explicit/magnitude/unit").all()
    assert (read["n_samples"] == tiny.target().lengths["train"]).all()
    assert (rows["seconds_train"] > 0).all()
    assert (read["seconds"] > 0).all()
    np.testing.assert_allclose(read["beta_eff"], read["numerator"] / read["denominator"], rtol=1e-12)
    runs = [run["beta_eff"].tolist() for _, run in read.groupby("run")]
    assert runs[0] != runs[1]  # each run has a probe and an order of its own


def test_the_report_is_written(undisturbed):
    # the store's path is in the facts, the report beside it
    table = pd.read_csv(Path(undisturbed.facts["store"]).with_name("out") / "ranking.csv")
    assert table["candidate"].tolist() == undisturbed.candidates
    np.testing.assert_array_equal(
        table["predicted_accuracy"], undisturbed.table["predicted_accuracy"]
    )  # all digits, NaN too


def test_what_a_row_says_can_be_measured_again(undisturbed):
    """Train by the project's own training, then read and evaluate by Keras' own functions."""
    job = Job(epochs=EPOCHS, runs=2, hidden=(8, 6), frozen=False)
    target = tiny.target()
    training = Training(job, tiny.candidates_of({"tiny": tiny.body})["tiny"], target, run=1)
    training.train(job.places()[0])
    row = undisturbed.observations.query("run == 1 and tick == 1").iloc[0]
    for part in ("val", "test"):
        x, y = target.read(part, np.arange(target.lengths[part]))
        logs = training.model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
        # other batches add up in another order: a few roundings of float32 in the mean, none in a count over 360
        assert row[f"{part}_accuracy"] == pytest.approx(logs["accuracy"], rel=1e-6)
        if part == "val":
            assert row["val_loss"] == pytest.approx(logs["loss"], rel=1e-5)
    reading = ncap.capacitance(training.model, *target.read("train", np.arange(target.lengths["train"])))
    read = undisturbed.readings.query("run == 1 and tick == 1").iloc[0]
    assert read["beta_eff"] == reading.beta_eff
    assert read["beta_eff_error"] == reading.standard_error


# resuming


def test_a_job_trained_on_equals_the_undisturbed_one(tmp_path, undisturbed):
    ranked(tmp_path / "runs.db", epochs=1, runs=1)
    ranked(tmp_path / "runs.db", epochs=3, runs=2)
    continued = ranked(tmp_path / "runs.db")
    pd.testing.assert_frame_equal(
        without_times(continued.observations), of_tiny(undisturbed.observations), check_exact=True
    )


def test_a_checkpoint_ahead_of_its_rows_is_neither_repeated_nor_lost(tmp_path, undisturbed, monkeypatch):
    add = Store.add

    def interrupted(store, key, observation, *rest):
        if (key.run, observation["tick"]) == (0, 2):
            raise KeyboardInterrupt  # between the checkpoint and its rows
        return add(store, key, observation, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ranked(tmp_path / "runs.db")
    with Store(tmp_path / "runs.db") as store:
        rows = store.table(OBSERVATIONS)
        assert rows["tick"].tolist() == [1]
        key = RunKey(rows["settings"].iloc[0], "digits", "tiny", 0)
        saved = checkpoint.load(store.checkpoint_path(key), key)
    assert saved.number == 2
    resumed = ranked(tmp_path / "runs.db")
    # the very measurement of the checkpoint, times included, so the epoch was not trained again
    row = resumed.observations.query("run == 0 and tick == 2").iloc[0].to_dict()
    assert row == key._asdict() | saved.observation
    pd.testing.assert_frame_equal(
        without_times(resumed.observations), of_tiny(undisturbed.observations), check_exact=True
    )
    pd.testing.assert_frame_equal(without_times(resumed.readings), of_tiny(undisturbed.readings), check_exact=True)


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
    monkeypatch.setattr(Training, "train", lambda *_: pytest.fail("trained again"))
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
        assert store.table(FAILURES)["epoch"].tolist() == [3]
    ranked(tmp_path / "runs.db", runs=1, epochs=3)
    with Store(tmp_path / "runs.db") as store:
        assert store.table(FAILURES).empty


def test_another_body_under_a_stored_name_fails_instead_of_mixing(tmp_path):
    ranked(tmp_path / "runs.db", runs=1, epochs=1)
    with pytest.raises(NothingRankedError, match="give it another name or use another store"):
        ranked(tmp_path / "runs.db", {"tiny": tiny.narrow}, runs=1)


@pytest.mark.filterwarnings(tiny.RAW)
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
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", full)
        with pytest.raises(StoreWriteError, match="No space left on device"):
            ranked(tmp_path / "runs.db", runs=1)
    with Store(tmp_path / "runs.db") as store:
        assert store.table(FAILURES).empty


# stores of 0.1

V1 = Path(__file__).parent / "records" / "v1"


@pytest.mark.filterwarnings(tiny.RAW)
def test_a_job_of_0_1_goes_on_from_its_checkpoints(tmp_path, monkeypatch):
    """Trained by 0.1 for six epochs in two readings; two more equal an undisturbed job of eight."""
    shutil.copytree(V1, tmp_path, dirs_exist_ok=True)
    given = {"factories": {"narrow": tiny.narrow, "tiny": tiny.body}, "epochs": 8}
    train, trained = Training.train, []
    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*continues in another environment.*"
        )  # other versions, another machine
        patch.setattr(Training, "train", lambda self, place: trained.append(place.epoch) or train(self, place))
        continued = ranked(tmp_path / "runs.db", **given)
    assert trained == [7, 8] * 4
    undisturbed = ranked(tmp_path / "undisturbed.db", **given)
    rows = [without_times(ranking.observations).drop(columns="settings") for ranking in (continued, undisturbed)]
    # float32 on another processor than that on which 0.1 trained: equal where it is the same
    pd.testing.assert_frame_equal(*rows, check_exact=False, rtol=1e-3, atol=2 / 359)


@pytest.mark.parametrize("name", ["magnitude", "relative"])
def test_a_migrated_job_is_predicted_to_the_last_digit(tmp_path, name):
    shutil.copy(V1 / "runs.db", tmp_path)
    old = {"magnitude": "ab1254f69478", "relative": "eb18b3aba445"}[name]
    for table, csv in (("table", f"{name}.csv"), ("runs", f"{name}.runs.csv")):
        expected = pd.read_csv(V1 / csv)
        records = load(tmp_path / "runs.db", old).of(expected["candidate"].unique().tolist())
        ranking = getattr(rank_records(records), table)
        got = ranking[expected.columns].reset_index(drop=True)
        numbers = ["predicted_accuracy", "predicted_std", "last_seen_accuracy", "best_seen_accuracy", "beta_eff"]
        pd.testing.assert_frame_equal(got[numbers], expected[numbers], check_exact=True)
        same = ["candidate", "epochs", "runs", "status"]
        pd.testing.assert_frame_equal(got[same], expected[same], check_dtype=False)
        for note, before in zip(
            got["note"], expected["note"].astype(object).fillna(""), strict=True
        ):  # 0.1 had fewer doubts
            assert set(filter(None, before.split("; "))) <= set(note.split("; "))
        tried = expected["status"] != "failed"  # 0.1 had no reading to name where nothing was read
        assert got["reading"][tried].tolist() == expected["reading"][tried].tolist()


def test_readings_on_samples_of_another_size_in_a_run_that_goes_on_are_said(tmp_path):
    store, given = tmp_path / "runs.db", {"runs": 1, "rule": "last_seen"}
    tiny.ranked(store, epochs=1, **given)
    with pytest.warns(
        UserWarning, match="error=0.5, and the epochs before were read with error=None: of tiny, readings"
    ):
        tiny.ranked(store, epochs=2, error=0.5, **given)
    assert load(store).facts["error"] == 0.5
    tiny.ranked(store, epochs=3, error=0.5, **given)  # as before: nothing to say
    tiny.ranked(store, epochs=3, **given)  # nothing is read
