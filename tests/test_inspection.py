"""The check before training: what it finds in the first seconds, what it costs, and that it changes no number."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tiny
from keras import layers
from tiny import ranked, without_times

import ncap
from ncap import candidates, inspection
from ncap.candidates.multiply_adds import count_multiply_adds
from ncap.inspection import IMAGES, check_space, inspect
from ncap.job import Job
from ncap.pipeline import NothingRankedError
from ncap.records.candidate_facts import CandidateFacts
from ncap.records.store import Store
from ncap.training.run import Training

JOB = Job(hidden=(8, 6))


def sequential(*own, shape=(8, 8, 1)):
    return keras.Sequential([keras.Input(shape), *own])


def normalised(*own, shape=(8, 8, 1)):
    return sequential(layers.Rescaling(1 / 255), *own, shape=shape)


def headed():
    """A head that nobody can cut off: what is below it are two branches."""
    inputs = keras.Input((8, 8, 1))
    flat = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    both = layers.Concatenate()([layers.Dense(4)(flat), layers.Dense(3)(flat)])
    return keras.Model(inputs, layers.Dense(10, "softmax", name="top")(both))


def raw():
    return sequential(layers.Conv2D(4, 3, activation="relu"))


def constant():
    return normalised(layers.Conv2D(4, 3, kernel_initializer="zeros", bias_initializer="ones"))


def inspected(factory, job=JOB):
    return inspect(job, candidates.FactoryCandidate("own", factory), tiny.target())


class Counted:
    """A factory that knows how often it was called."""

    def __init__(self, build=tiny.body):
        self.build, self.calls = build, 0

    def __call__(self):
        self.calls += 1
        return self.build()


# what is found


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        (headed, "ends in the softmax of layer 'top': that is a head"),
        (tiny.failing, "RuntimeError: no [red]weights[/red] here"),
        (lambda: None, "must return a keras.Model, got NoneType"),
        (lambda: normalised(layers.Dense(3), shape=(64,)), "images have the shape (h, w, c), got (64,)"),
        (lambda: normalised(layers.Reshape((8, 8))), "the probe reads features (N, n_0) or feature maps"),
        (tiny.diverging, "NaN or infinite on 16 of 16 training images"),
        (lambda: exit(3), "SystemExit: 3"),
    ],
)
def test_what_cannot_be_trained_has_its_reason(factory, reason):
    found = inspected(factory)
    assert reason in found.failure
    assert found.facts is None


def test_a_size_that_the_body_does_not_take():
    assert "size=16: the body of 'own' takes images of 8 x 8 only" in inspected(tiny.body, Job(size=16)).failure


def test_a_body_that_can_be_trained_is_described():
    found, body = inspected(tiny.body), tiny.body()
    assert found.failure == found.facts.doubts == found.facts.notes == ""
    assert found.facts.input_shape == (8, 8, 1)
    assert found.facts.parameters == body.count_params()
    assert found.facts.multiply_adds == count_multiply_adds(body) > 0
    assert found.facts.milliseconds > 0


def test_where_a_head_was_cut_is_known():
    found = inspected(
        lambda: normalised(layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(10, "softmax", name="top"))
    )
    assert found.facts.notes.startswith("cut at layer 'conv2d")
    assert found.facts.notes.endswith(", top")
    assert found.facts.parameters == 40


@pytest.mark.parametrize(
    ("factory", "doubt"),
    [
        (
            raw,
            "raw pixels 0..255 reach its first layer with weights, a Conv2D: unless it was trained that way, start it with",
        ),
        (constant, f"its features are the same for {IMAGES} different images"),
    ],
)
def test_a_doubt_is_a_warning_and_stands_in_the_note_and_fails_nothing(tmp_path, factory, doubt):
    with pytest.warns(UserWarning, match="^candidate 'own': ") as warned:
        ranking = ranked(tmp_path / "runs.db", {"own": factory, "tiny": tiny.body}, runs=1, out=tmp_path / "out")
    said = [str(one.message) for one in warned]
    (once,) = [message for message in said if message.startswith("candidate ")]
    assert doubt in once
    table = ranking.table.set_index("candidate")
    assert table.loc["own", "status"] != "failed"
    assert doubt in table.loc["own", "note"]
    assert doubt not in table.loc["tiny", "note"]
    assert doubt in pd.read_csv(tmp_path / "out" / "ranking.csv").set_index("candidate").loc["own", "note"]
    assert doubt in ncap.predict(tmp_path / "runs.db").set_index("candidate").loc["own", "note"]


def test_a_graph_that_cannot_be_looked_into_fails_nothing(monkeypatch):
    for name in ("raw_pixels_at", "count_multiply_adds"):
        monkeypatch.setattr(inspection, name, lambda *_: tiny.failing())
    found = inspected(raw)
    assert (found.failure, found.facts.doubts, found.facts.multiply_adds) == ("", "", None)


def test_every_problem_is_said_before_the_first_candidate_trains(tmp_path, monkeypatch, capsys):
    train, said = Training.train, []

    def watched(training, place):
        said.append(capsys.readouterr().out)
        return train(training, place)

    monkeypatch.setattr(Training, "train", watched)
    bodies = {"tiny": tiny.body, "headed": headed, "last": tiny.body, "failing": tiny.failing}
    ranking = ranked(tmp_path / "runs.db", bodies, runs=1, epochs=1, progress=True)
    lines = said[0].splitlines()
    assert [line.partition(":")[0] for line in lines] == ["headed", "failing"]
    assert "failed in epoch 1, ValueError: body" in lines[0]
    assert ranking.table.set_index("candidate")["status"].eq("failed").to_dict() == {
        "tiny": False, "last": False, "headed": True, "failing": True,
    }  # fmt: skip


# what it does not change


def test_no_number_depends_on_the_check(tmp_path, monkeypatch):
    checked = ranked(tmp_path / "checked.db")
    monkeypatch.setattr(inspection, "inspect_all", lambda job, own, *_: (list(own), {}, {}))
    unchecked = ranked(tmp_path / "unchecked.db")
    for name in ("table", "observations", "readings"):
        ours, theirs = (without_times(getattr(one, name)) for one in (checked, unchecked))
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_a_model_that_a_factory_keeps_is_left_as_it_was():
    shared = tiny.body()
    before = shared.get_weights()
    assert inspected(lambda: shared).failure == ""
    for now, then in zip(shared.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert not shared.compiled


def test_a_job_that_is_repeated_or_goes_on_is_not_checked_again(tmp_path):
    built = Counted()
    ranked(tmp_path / "runs.db", {"tiny": built}, runs=2, epochs=1)
    assert built.calls == 1 + 2
    ranked(tmp_path / "runs.db", {"tiny": built}, runs=2, epochs=2)
    assert built.calls == 1 + 2 + 2
    before = built.calls
    ranked(tmp_path / "runs.db", {"tiny": built}, runs=2, epochs=2, max_parameters="1M", max_milliseconds=1e6)
    assert built.calls - before == 2  # the runs themselves look whether the body is the same
    ranked(tmp_path / "runs.db", {"tiny": built}, runs=3, epochs=2)
    assert built.calls - before == 2 + 1 + 3


# limits


def test_candidates_beyond_a_limit_are_left_out_and_said(tmp_path, capsys):
    bodies = {"tiny": Counted(), "wide": Counted(lambda: normalised(layers.Flatten(), layers.Dense(300)))}
    ranking = ranked(tmp_path / "runs.db", bodies, runs=1, epochs=1, progress=True, max_parameters=1000)
    assert ranking.candidates == ["tiny"]
    assert "wide: left out, 19,500 parameters, more than max_parameters=1,000" in capsys.readouterr().out
    assert bodies["wide"].calls == 1
    again = ranked(tmp_path / "runs.db", bodies, runs=1, epochs=1)  # without the limit it takes part
    assert sorted(again.candidates) == ["tiny", "wide"]


def test_numbers_that_are_known_beforehand_leave_out_without_building(tmp_path, monkeypatch):
    monkeypatch.setattr(type(candidates.resolve("mlp")["mlp"]), "build", tiny.failing)
    with pytest.raises(
        ValueError, match=r"none is within the limits .mlp: 51,488 parameters, more than max_parameters=1"
    ):
        ranked(tmp_path / "runs.db", "mlp", max_parameters=1)


def test_the_time_of_an_image_is_measured_once(tmp_path):
    def milliseconds():
        with Store(tmp_path / "runs.db") as store:
            return CandidateFacts.of(store.records().facts, "tiny").milliseconds

    ranked(tmp_path / "runs.db", runs=1, epochs=1)
    first = milliseconds()
    ranked(tmp_path / "runs.db", runs=2, epochs=1, max_milliseconds=1e9)
    assert milliseconds() == first
    with pytest.raises(ValueError, match=r"ms an image, more than max_milliseconds=1e-09"):
        ranked(tmp_path / "runs.db", runs=1, epochs=1, max_milliseconds=1e-9)


def test_what_fails_is_reported_as_failed_and_not_as_too_large(tmp_path):
    with pytest.raises(NothingRankedError, match="headed in epoch 1: ValueError: body"):
        ranked(tmp_path / "runs.db", {"headed": headed}, runs=1, epochs=1, max_multiply_adds=1)


# disk


def test_the_size_of_a_checkpoint_is_foreseen(tmp_path):
    ranked(tmp_path / "runs.db", runs=1, epochs=1)
    (file,) = tmp_path.rglob("*.h5")
    foreseen = inspected(tiny.body, Job(epochs=1, hidden=(8, 6), frozen=False)).checkpoint_bytes
    assert 0 < foreseen < file.stat().st_size < foreseen + 100_000  # names and texts beside the arrays


def test_checkpoints_that_cannot_fit_are_refused_with_numbers(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    check_space(tmp_path, {"small": 1000, "smaller": 10}, runs=2, kept=0)
    check_space(tmp_path, {"large": 2 * free, "small": 1000}, runs=1, kept=4 * free)  # they replace their own
    with pytest.raises(
        OSError, match=r"the checkpoints of this job need .* GB, the most for large .* are free; free some space"
    ):
        check_space(tmp_path, {"small": 1000, "large": free // 4}, runs=4, kept=0)


def test_a_job_that_cannot_fit_ends_before_it_trains(tmp_path, monkeypatch):
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(OSError, match="the checkpoints of this job need"):
        ranked(tmp_path / "runs.db")
    assert not list(Path(tmp_path).rglob("*.h5"))
