"""The collection "mini32": its card, its weights, its random starts, and what its pre-training gained."""

import math
import random

import h5py
import keras
import numpy as np
import pytest
from features_on_jax import features_on_jax

from ncap import candidates
from ncap.candidates import bodies32, hdf5
from ncap.candidates.fit_heads import fitted_head
from ncap.candidates.multiply_adds import count_multiply_adds
from ncap.candidates.shipped import HEADS, WEIGHTS, card
from ncap.targets import tinyimagenet
from ncap.testing.candidates import check_candidate

NAMES = list(bodies32.BODIES)
PIXELS = np.random.default_rng(0).uniform(0, 255, (4, *bodies32.INPUT_SHAPE)).astype(np.float32)


@pytest.fixture(scope="module")
def architectures():
    return {name: body() for name, (_, body) in bodies32.BODIES.items()}


@pytest.mark.parametrize("name", NAMES)
def test_members_keep_the_laws(name):
    check_candidate(candidates.resolve(name)[name])


def test_the_collection_is_its_bodies_in_their_order():
    assert list(candidates.resolve("mini32")) == NAMES
    assert len(NAMES) >= 16
    others = [name for name in candidates.names() if name not in NAMES]
    assert len({name.lower() for name in [*others, *NAMES]}) == len(others) + len(NAMES)


def test_the_card_lists_the_bodies_as_they_are(architectures):
    for name, body in architectures.items():
        told = candidates.resolve(name)[name]
        assert (told.family, told.parameters) == (bodies32.BODIES[name][0], body.count_params()), name
        assert (told.multiply_adds, told.input_shape) == (count_multiply_adds(body), (32, 32, 3)), name


def test_families_differ_and_budgets_are_alike(architectures):
    structures = {
        tuple((type(operation).__name__, operation.output.shape[1:]) for operation in body.layers)
        for body in architectures.values()
    }
    assert len(structures) == len({family for family, _ in bodies32.BODIES.values()}) == len(NAMES)
    for name, body in architectures.items():
        assert 50_000 <= body.count_params() <= 300_000, name
        assert count_multiply_adds(body) <= 6_000_000, name


def test_batch_norm_follows_small_data(architectures):
    norms = [
        x for body in architectures.values() for x in body.layers if isinstance(x, keras.layers.BatchNormalization)
    ]
    assert norms
    assert {norm.momentum for norm in norms} == {0.9}


def test_black_and_white_are_mapped_to_minus_one_and_one(architectures):
    for name, body in architectures.items():
        pixels = np.array([0, 255], np.float32).reshape(2, 1, 1, 1)
        first = body.layers[1]
        assert isinstance(first, keras.layers.Rescaling), name
        np.testing.assert_allclose(np.ravel(first(pixels)), [-1, 1], rtol=1e-6)


# weights


def test_the_weights_fit_in_the_wheel_as_numbers_of_two_bytes():
    files = [WEIGHTS / f"{name}.h5" for name in NAMES]
    assert sum(file.stat().st_size for file in files) < 8_000_000
    kinds = set()
    for file in files:
        with h5py.File(file) as stored:
            stored.visititems(lambda _, item: kinds.add(item.dtype) if isinstance(item, h5py.Dataset) else None)
    assert kinds == {np.dtype("float16")} == {np.dtype(card("mini32")["weights"])}


def test_half_precision_is_read_as_it_is_stored(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    hdf5.save_weights(model, tmp_path / "half.h5", "float16")
    whole = [np.asarray(array) for array in model.get_weights()]
    hdf5.load_weights(model, tmp_path / "half.h5")
    for array, before in zip(model.get_weights(), whole, strict=True):
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, before.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_the_source_was_learnt(name):
    # 35 balanced classes: guessing gives 0.029, with a standard error of 0.0045 on 1,400 images
    assert candidates.resolve(name)[name].source_accuracy > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_the_trained_start_beats_the_random_one_clearly(name):
    # measured by benchmarks/evidence/starts.py: CIFAR-10, 4,500 validation images
    entry = card("mini32")["candidates"][name]
    start, random_start = entry["cifar10_from_start"], entry["cifar10_from_random"]
    error = math.sqrt((start * (1 - start) + random_start * (1 - random_start)) / 4500)
    assert start - random_start >= max(0.03, 2 * error)


def test_the_card_says_what_was_learnt_from():
    about = card("mini32")
    assert (about["trained_on"], about["training_images"]) == ("35 classes of Tiny-ImageNet", 35 * 130)
    assert len(set(about["classes"])) == 35
    assert "ImageNet" in candidates.resolve("mlp_32")["mlp_32"].licence


def test_no_class_of_the_target_was_learnt_from(shared_data, monkeypatch):
    monkeypatch.setenv("NCAP_DATA", str(shared_data))
    learnt = card("mini32")["classes"]
    assert learnt == tinyimagenet.class_names(tinyimagenet.PRETRAINING)
    assert set(learnt).isdisjoint(tinyimagenet.class_names(tinyimagenet.HELD_OUT))


# random starts


@pytest.mark.parametrize("name", ["attention_32", "channel_shuffle_32", "plain"])
def test_a_random_start_is_a_candidate_of_the_same_body(name):
    trained, untrained = candidates.resolve(f"{name},{name}:random").values()
    check_candidate(untrained)
    assert untrained.name == f"{name}:random"
    assert (untrained.family, untrained.parameters) == (trained.family, trained.parameters)
    assert (untrained.input_shape, untrained.multiply_adds) == (trained.input_shape, trained.multiply_adds)
    assert (untrained.source, untrained.source_accuracy, untrained.weights()) == ("", None, "at hand")
    assert not np.allclose(untrained.build()(PIXELS_OF[name]), trained.build()(PIXELS_OF[name]))
    with pytest.raises(ValueError, match=rf"candidate '{name}:random': there are no random weights"):
        untrained.untrained()


PIXELS_OF = {"attention_32": PIXELS, "channel_shuffle_32": PIXELS, "plain": PIXELS[:, :16, :16, :1]}


def test_a_random_start_named_twice_is_one_candidate():
    assert list(candidates.resolve("plain:random, plain, plain:random")) == ["plain:random", "plain"]


def test_random_starts_of_two_networks_differ_and_leave_the_generator_alone():
    random.seed(3)
    expected = random.random()
    random.seed(3)
    first, second = (one.build() for one in candidates.resolve("batch_norm_32:random,parallel_32:random").values())
    assert random.random() == expected
    assert not np.allclose(*(body.get_weights()[0] for body in (first, second)))


def test_the_kinds_of_layers_that_mini_lacks_give_the_same_features_on_jax(tmp_path):
    pytest.importorskip("jax")
    chosen = ["attention_32", "channel_shuffle_32", "large_kernel_32"]
    theirs = features_on_jax(chosen, PIXELS, tmp_path)
    for name in chosen:
        ours = np.asarray(candidates.resolve(name)[name].build()(PIXELS))
        # float32 sums of up to 768 terms in another order, through two dozen layers
        np.testing.assert_allclose(theirs[name], ours, rtol=1e-4, atol=1e-4 * abs(ours).max(), err_msg=name)


@pytest.mark.parametrize("name", ["mlp_32", "plain_32", "attention_32"])
def test_the_head_tells_the_classes_of_the_source(name, shared_data, monkeypatch):
    monkeypatch.setenv("NCAP_DATA", str(shared_data))
    candidate = candidates.resolve(name)[name]
    x, y = (part[::4] for part in tinyimagenet.chosen(tinyimagenet.PRETRAINING)["test"])
    probabilities = candidate.classifier().predict(x, verbose=0)
    assert probabilities.shape == (len(y), len(card("mini32")["classes"]))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    accuracy = np.mean(probabilities.argmax(axis=1) == y)
    # the thrown-away head's, within four standard errors of a share of these 350 images and what fitting it again changes
    assert accuracy > candidate.source_accuracy - 0.1
    assert candidates.resolve(f"{name}:random")[f"{name}:random"].classifier() is None


@pytest.mark.parametrize("name", NAMES)
def test_every_head_fits_its_body(name):
    with h5py.File(HEADS / f"{name}.h5") as stored:
        kernel = stored["00_Dense/kernel"]
        assert kernel.dtype == np.float16
        assert kernel.shape[1] == 35
        assert np.isfinite(kernel[:]).all()


def test_a_head_is_fitted_again_from_features():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    features = (5 * np.eye(4)[y] + rng.normal(size=(60, 4))) * [1, 1, 1, 0] + 7  # the last column is constant
    probabilities = np.asarray(fitted_head(features.astype(np.float32), y)(features))
    assert np.mean(probabilities.argmax(axis=1) == y) == 1
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
