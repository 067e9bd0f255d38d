"""A candidate that fails is marked with the epoch and the reason, ranks last, and stops no other."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from keras import layers
from tiny import EPOCHS, ranked

HUGE = 1 << 46  # float32 numbers: 256 TiB, more than an address space has


def body(*tail):
    first = [keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(6)]
    return keras.Sequential([*first, *tail])


def memory_of_numpy():
    np.ones(HUGE, np.float32)


def memory_of_the_backend():
    keras.ops.ones(HUGE)


class Hungry(layers.Layer):
    """Allocates in the step, not when it is built: only then is the shape known."""

    def call(self, x):
        return x + tf.reduce_mean(tf.random.stateless_uniform([tf.size(x, tf.int64) * HUGE], seed=(1, 2)))


def memory_in_a_step():
    return body(Hungry())


def exiting():
    sys.exit("licence server not found")


def nothing():
    pass


class Refusing(layers.Layer):
    def call(self, x):
        raise ValueError("sensor lost")


def refusing():
    return body(Refusing())


class Breaking(layers.Layer):
    """Raises when it is called for the first time after `calls` calls with training=True."""

    def __init__(self, calls):
        super().__init__()
        self.left = calls

    def count(self):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("sensor lost\nin a step")

    def call(self, x, training=False):
        if training:
            with tf.control_dependencies([tf.numpy_function(self.count, [], [])]):
                return tf.identity(x)
        return x


def breaking():
    return body(Breaking(BATCHES * 2 + 1))


BATCHES = 3  # training batches an epoch: the layer breaks in the middle of epoch 3
REASONS = {
    memory_of_numpy: (0, "epoch 1: MemoryError: Unable to allocate 256. TiB"),
    memory_of_the_backend: (
        0,
        "epoch 1: ResourceExhaustedError: OOM when allocating tensor with shape[70368744177664]",
    ),
    exiting: (0, "epoch 1: SystemExit: licence server not found"),
    nothing: (0, "epoch 1: TypeError: the factory of 'nothing' must return a keras.Model, got NoneType"),
    refusing: (0, "epoch 1: ValueError: "),
    breaking: (2, "epoch 3: UnknownError: RuntimeError: sensor lost in a step"),
}


@pytest.fixture(scope="module", name="table")
def _table(tmp_path_factory):
    candidates = {make.__name__: make for make in REASONS} | {"tiny": tiny.body}
    size = -(-tiny.target().lengths["train"] // BATCHES)
    store = tmp_path_factory.mktemp("failures") / "runs.db"
    return ranked(store, candidates, runs=1, batch_size=size).table


def test_the_others_are_ranked_first(table):
    assert table["candidate"].tolist() == ["tiny", *sorted(make.__name__ for make in REASONS)]
    assert table["status"].tolist() == ["ok"] + ["failed"] * len(REASONS)
    assert table["epochs"].iloc[0] == EPOCHS


@pytest.mark.parametrize("make", REASONS)
def test_a_failure_has_its_epoch_and_a_reason_that_can_be_read(table, make):
    epochs, reason = REASONS[make]
    line = table.set_index("candidate").loc[make.__name__]
    assert line["epochs"] == epochs
    assert line["note"].startswith(f"failed in {reason}")
    assert line["note"].isprintable()
    assert 'File "' not in line["note"]
    assert np.isnan(line["predicted_accuracy"])


@pytest.mark.heavy  # TensorFlow tries for 20 s to find the memory
def test_memory_that_runs_out_in_a_step_is_a_failure(tmp_path):
    table = ranked(tmp_path / "runs.db", {"hungry": memory_in_a_step, "tiny": tiny.body}, runs=1).table
    assert table["status"].tolist() == ["ok", "failed"]
    assert table["note"].iloc[1].startswith("failed in epoch 1: ResourceExhaustedError: OOM when allocating tensor")
