"""Layers without a seed of their own: what they draw from Keras' shared generator is resumed, what no checkpoint can hold is refused."""

import re

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from tiny import ranked, without_times

from ncap.records.loading import load

pytestmark = pytest.mark.skipif(keras.backend.backend() == "jax", reason="Keras on JAX refuses such layers")


class Noise(layers.Layer):
    def call(self, x, training=False):
        return x + keras.random.normal(keras.ops.shape(x), stddev=0.3) if training else x


def noisy():
    return keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), layers.Flatten(), Noise(), layers.Dense(6)]
    )


@pytest.mark.parametrize("ticks", [1, 2])
def test_noise_from_the_shared_generator_is_resumed(tmp_path, ticks):
    options = {"runs": 1, "batch_size": 16, "ticks_per_epoch": ticks, "rule": "last_seen"}
    ranked(tmp_path / "once.db", {"noisy": noisy}, epochs=3, **options)
    for epochs in (1, 3):
        ranked(tmp_path / "twice.db", {"noisy": noisy}, epochs=epochs, **options)
    once, twice = (without_times(load(tmp_path / name).observations) for name in ("once.db", "twice.db"))
    pd.testing.assert_frame_equal(once, twice)


def test_a_state_from_before_the_shared_generator_was_kept_is_resumed(tmp_path):
    from tiny import candidates_of, target

    from ncap.job import Job
    from ncap.training.run import Training

    training = Training(Job(hidden=(4, 3)), candidates_of({"noisy": noisy})["noisy"], target())
    state = training.state()
    del state.generators[-1]
    assert training.begins(state)
    training.set_state(state)


class Draws(layers.Layer):
    """A layer that draws, or keeps something, where no checkpoint reaches."""

    def __init__(self, noise, state=None):
        super().__init__()
        self.noise, self.state = noise, state

    def call(self, x, training=False):
        return x + self.noise(x, self.state) if training else x


def of_tensorflow(x, _):
    import tensorflow as tf

    return tf.random.normal(tf.shape(x))


def inside_a_loop(x, _):
    import tensorflow as tf

    return tf.map_fn(lambda row: tf.random.uniform(tf.shape(row)), x)


def of_a_generator(x, generator):
    import tensorflow as tf

    return generator.normal(tf.shape(x))


def of_numpy(_, __):
    return np.random.default_rng(0).normal() + np.random.normal()  # noqa: NPY002


def counted(_, counter):
    counter.assign_add(1.0)
    return counter


def generator():
    import tensorflow as tf

    return tf.random.Generator.from_seed(1)


def variable():
    import tensorflow as tf

    return tf.Variable(0.0)


@pytest.mark.parametrize(
    ("noise", "state", "words"),
    [
        (of_tensorflow, lambda: None, r"draws_\d+/.* draws from TensorFlow's own generator.*SeedGenerator"),
        (inside_a_loop, lambda: None, "draws from TensorFlow's own generator"),
        (of_a_generator, generator, "Draws.* no variable of a layer"),
        (of_numpy, lambda: None, r"own layers: Draws.*while it is traced"),
        (counted, variable, "Draws.* no variable of a layer"),
    ],
)
def test_what_no_checkpoint_has_is_refused_by_name(tmp_path, noise, state, words):
    def factory():
        return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), Draws(noise, state()), layers.Dense(6)])

    made = ranked(tmp_path / "runs.db", {"draws": factory, "noisy": noisy}, epochs=1, runs=1, rule="last_seen")
    row = made.table.set_index("candidate").loc["draws"]
    assert row["status"] == "failed"
    assert re.search(words, row["note"])
    assert made.table.set_index("candidate").loc["noisy", "status"] == "ok"
