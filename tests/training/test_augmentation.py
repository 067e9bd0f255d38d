"""Augmentation: its arithmetic, and that neither ticks nor resumption change what a run sees."""

import numpy as np
import pandas as pd
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from tiny import without_times

import ncap
from ncap.candidates import resolve
from ncap.job import Job, Place
from ncap.training.augmentation import Augmentation, moved
from ncap.training.batches import TrainingBatches
from ncap.training.run import Training
from ncap.training.tick import Start


def padded_and_cropped(image, down, right, mirror):
    """The definition, written down once more: numpy's own reflection, a window, and a mirror."""
    height, width = image.shape[:2]
    most = height // 8, width // 8
    wide = np.pad(image, ((most[0],) * 2, (most[1],) * 2, (0, 0)), mode="reflect")
    steps = [int(np.floor(u * (2 * p + 1))) - p for u, p in zip((down, right), most, strict=True)]
    top, left = most[0] - steps[0], most[1] - steps[1]
    cropped = wide[top : top + height, left : left + width]
    return cropped[:, ::-1] if mirror else cropped


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    drawn=st.lists(st.tuples(st.booleans(), *[st.floats(0, 1, exclude_max=True)] * 2), min_size=1, max_size=5),
)
def test_it_is_padding_by_reflection_cropping_and_mirroring(height, width, drawn):
    images = np.random.default_rng(0).random((len(drawn), height, width, 2)).astype(np.float32)
    mirrored = np.array([mirror for mirror, *_ in drawn])
    epoch = Augmentation(mirrored, np.array([shifts for _, *shifts in drawn]))
    seen = epoch(images, 0)
    assert seen.dtype == np.float32
    for image, after, (mirror, down, right) in zip(images, seen, drawn, strict=True):
        np.testing.assert_array_equal(after, padded_and_cropped(image, down, right, mirror))


@pytest.mark.parametrize(("length", "most"), [(1, 0), (7, 0), (8, 1), (28, 3), (32, 4), (224, 28)])
def test_every_shift_up_to_an_eighth_occurs_as_often(length, most):
    shifts = (np.arange(2 * most + 1) + 0.5) / (2 * most + 1)
    for step, index in zip(range(-most, most + 1), moved(length, shifts), strict=True):
        inside = (np.arange(length) - step >= 0) & (np.arange(length) - step < length)
        np.testing.assert_array_equal(index[inside], (np.arange(length) - step)[inside])
        assert index.min() >= 0
        assert index.max() < length


def test_a_kind_draws_the_same_with_and_without_the_other():
    both, flip, crop = (
        Augmentation.drawn(kinds, 50, 0, "mlp", 1) for kinds in (("flip", "crop"), ("flip",), ("crop",))
    )
    np.testing.assert_array_equal(both.mirrored, flip.mirrored)
    np.testing.assert_array_equal(both.shifts, crop.shifts)
    assert not crop.mirrored.any()
    assert (flip.shifts == 0.5).all()
    assert 10 < flip.mirrored.sum() < 40


def test_seeds_candidates_runs_and_epochs_draw_apart():
    parts = [(0, "a", 0, 1), (1, "a", 0, 1), (0, "b", 0, 1), (0, "a", 1, 1), (0, "a", 0, 2)]
    drawn = [Augmentation.drawn(("crop",), 20, *part).shifts.tobytes() for part in parts]
    assert len(set(drawn)) == len(parts)
    assert drawn[0] == Augmentation.drawn(("crop",), 20, *parts[0]).shifts.tobytes()


def test_a_sample_is_changed_by_its_place_whatever_the_ticks():
    target = tiny.target()
    order = np.random.default_rng(0).permutation(60)
    epoch = Augmentation.drawn(("flip", "crop"), 60, 0)
    seen = {}
    for parts in (1, 2, 7):
        batches = TrainingBatches(target, (16, 16, 1), batch_size=8)
        seen[parts] = []
        for part in range(1, parts + 1):
            batches.take(order, Place(1, part, parts), epoch)
            seen[parts] += [batches[index][0] for index in range(len(batches))]
        seen[parts] = np.concatenate(seen[parts])
    np.testing.assert_array_equal(seen[1], epoch(target.read("train", order, (16, 16, 1))[0], 0))
    for parts in (2, 7):
        np.testing.assert_array_equal(seen[parts], seen[1])


def training(**settings):
    job = Job(hidden=(8, 6), frozen=False, batch_size=8, **settings)
    return Training(job, resolve({"tiny": tiny.body})["tiny"], tiny.target())


def test_readings_and_validation_see_the_images_as_they_are():
    plain, augmented = training(), training(augment="flip,crop")
    np.testing.assert_array_equal(plain.samples[0][:], augmented.samples[0][:])
    assert plain._evaluate("val") == augmented._evaluate("val")
    for each in (plain, augmented):
        each.train(Place(1, 1, 1))
    assert plain._evaluate("val")["loss"] != augmented._evaluate("val")["loss"]


def test_a_run_resumed_inside_an_epoch_equals_the_undisturbed_one(tmp_path):
    def ranked(store, epochs, ticks=(3, 1)):
        return tiny.ranked(
            tmp_path / store, runs=1, epochs=epochs, ticks_per_epoch=ticks, augment="flip,crop", batch_size=8
        )

    whole = ranked("whole.db", 3)
    ranked("parts.db", 1)
    pd.testing.assert_frame_equal(
        without_times(ranked("parts.db", 3).observations), without_times(whole.observations), check_exact=True
    )
    # and from a state in the middle of the first epoch, in a fresh model
    job = Job(hidden=(8, 6), frozen=False, batch_size=8, epochs=1, ticks_per_epoch=3, augment="flip,crop")
    candidate = resolve({"tiny": tiny.body})["tiny"]
    ticks = list(ncap.training.run.train(job, candidate, tiny.target()))
    again = list(ncap.training.run.train(job, candidate, tiny.target(), start=Start(1, ticks[0], ticks[0].state.body)))
    assert [without_seconds(tick) for tick in again] == [without_seconds(tick) for tick in ticks]


def without_seconds(tick):
    return {name: value for name, value in tick.observation.items() if name != "seconds_train"}


def test_it_is_another_job(tmp_path):
    plain = tiny.ranked(tmp_path / "runs.db", runs=1, epochs=1)
    flipped = tiny.ranked(tmp_path / "runs.db", runs=1, epochs=1, augment=["flip"])
    assert plain.facts["settings"] != flipped.facts["settings"]
    assert "augment" not in plain.facts
    assert flipped.facts["augment"] == ["flip"]
    assert plain.observations["val_loss"].tolist() != flipped.observations["val_loss"].tolist()
