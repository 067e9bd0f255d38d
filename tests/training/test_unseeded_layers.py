"""A layer that draws from Keras' shared generator, not from one of its own: a resumed run equals an undisturbed one all the same."""

import keras
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
