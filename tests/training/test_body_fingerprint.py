"""Fingerprints of bodies: what changes what a network computes or how it trains changes them; nothing else does."""

import keras
import numpy as np
import pytest
import tiny
from keras import layers

from ncap import candidates
from ncap.pipeline import NothingRankedError
from ncap.training.fingerprint import body_fingerprint, same_body


def made(*, scale=1 / 255, activation="relu", rate=0.2, momentum=0.9, skip=True):
    """A graph with a nested model; its weights depend on the seed alone."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = layers.Rescaling(scale)(inputs)
    x = layers.Conv2D(4, 3, padding="same", activation=activation)(x)
    y = keras.Sequential([layers.BatchNormalization(momentum=momentum), layers.Dropout(rate)])(x)
    return keras.Model(inputs, layers.Flatten()(layers.Add()([x, y]) if skip else y))


def test_a_body_that_is_built_again_is_the_same_whatever_the_numbers_of_its_layers():
    first = body_fingerprint(made())
    for _ in range(3):
        layers.Conv2D(1, 1)  # Keras counts on
    assert body_fingerprint(made()) == first


@pytest.mark.parametrize(
    "change", [{"scale": 1 / 127}, {"activation": "tanh"}, {"rate": 0.5}, {"momentum": 0.99}, {"skip": False}]
)
def test_a_change_of_the_architecture_is_another_body_though_its_weights_are_the_same(change):
    before, after = made(), made(**change)
    for one, other in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not same_body(body_fingerprint(before), body_fingerprint(after))


def test_a_strangers_layer_is_told_by_its_source():
    def one():
        class Own(layers.Layer):
            def call(self, x):
                return x + 1

        return Own()

    def other():
        class Own(layers.Layer):
            def call(self, x):
                return x + 2

        return Own()

    prints = {body_fingerprint(keras.Sequential([keras.Input((3,)), make()])) for make in (one, one, other)}
    assert len(prints) == 2


def test_fingerprints_of_0_1_are_compared_by_what_they_tell():
    weights, version, architecture = body_fingerprint(made()).split(":")
    assert same_body(weights, f"{weights}:{version}:{architecture}")
    assert not same_body(weights[::-1], f"{weights}:{version}:{architecture}")
    assert same_body(f"{weights}:1.0:{architecture[::-1]}", f"{weights}:{version}:{architecture}")  # another Keras


@pytest.mark.parametrize("name", [name for name in candidates.names() if name in ("plain", "squeeze", "residual")])
def test_shipped_bodies_differ_in_architecture_too(name):
    body = candidates.resolve(name)[name].build()
    assert body_fingerprint(body) == body_fingerprint(candidates.resolve(name)[name].build())


@pytest.mark.filterwarnings(tiny.RAW)
def test_a_factory_whose_body_was_changed_is_refused_not_answered_with_the_old_numbers(tmp_path):
    """A forgotten Rescaling added, relu made tanh: the weights are the same, the network is not."""

    def forgotten():
        return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(6, "relu")])

    def added():
        return keras.Sequential(
            [keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(6, "relu")]
        )

    def tanh():
        return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(6, "tanh")])

    for factory in (forgotten, forgotten):
        assert tiny.ranked(tmp_path / "runs.db", {"mine": factory}, runs=1).table["status"].tolist() == ["ok"]
    for factory in (added, tanh):
        with pytest.raises(
            NothingRankedError, match=r"the body of 'mine' is not the one .* give it another name or use another store"
        ):
            tiny.ranked(tmp_path / "runs.db", {"mine": factory}, runs=1)


@pytest.mark.filterwarnings(tiny.RAW)
def test_a_factory_that_returns_one_model_twice_does_not_go_on_from_trained_weights(tmp_path):
    """`lambda: model`: run 1 began with what run 0 had trained, and so did the next candidate."""
    shared, start = tiny.narrow(), tiny.narrow().get_weights()

    def reset():
        shared.set_weights(start)
        return shared

    reset()
    ranking = tiny.ranked(tmp_path / "runs.db", {"first": lambda: shared, "second": lambda: shared})
    assert ranking.table[["candidate", "runs", "status"]].values.tolist() == [
        ["first", 1, "ok"],
        ["second", 0, "failed"],
    ]
    assert "returned weights that another run has trained already" in ranking.table["note"][0]
    assert tiny.ranked(tmp_path / "reset.db", {"mine": reset}).table["runs"].tolist() == [2]
