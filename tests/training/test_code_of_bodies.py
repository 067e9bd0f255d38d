"""What Keras does not save of a user's layers is part of a body's fingerprint: a store's old numbers are not of the changed body."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from ncap.training.fingerprint import body_fingerprint

MEAN, OFFSET, CALLS = 0.0, np.zeros(2), 0


def normalised(x):
    return x - MEAN


class Holder:
    def __init__(self, value):
        self.value = value


class Scale(layers.Layer):
    """Keras can save neither an array nor an object among the arguments of a layer."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def call(self, x):
        return x * getattr(self.by, "value", self.by)


class Shift(layers.Layer):
    def call(self, x):
        global CALLS
        CALLS += 1  # a counter is no part of what is computed
        return normalised(x) + OFFSET.sum()


class Inherits(Shift):
    pass


class Whole(keras.Model):
    """Keras cannot say how a model that is a class of its own is built."""

    def __init__(self, scale):
        super().__init__()
        self.scale, self.dense = scale.value, layers.Dense(4)

    def call(self, x):
        return self.dense(x * self.scale)


class Own(keras.Sequential):
    """Keras keeps tables of its own on a model."""

    def __init__(self):
        super().__init__([keras.Input((3,)), layers.Dense(4)])
        self.sides, self.seen = {"b", "a"}, [layers.Dense(2), object()]


def of(layer):
    keras.utils.set_random_seed(0)
    return body_fingerprint(keras.Sequential([keras.Input((3,)), layer, layers.Dense(4)]))


def whole(scale):
    keras.utils.set_random_seed(0)
    model = Whole(Holder(scale))
    model(np.zeros((1, 3), np.float32))
    return body_fingerprint(model)


@pytest.mark.parametrize(
    "kept", [np.float32, lambda value: np.full(3, value), Holder, lambda value: Holder(np.full(3, value))]
)
def test_an_argument_that_keras_does_not_save_is_told_apart(kept):
    assert of(Scale(kept(1.0))) == of(Scale(kept(1.0))) != of(Scale(kept(2.0)))


def test_attributes_of_a_model_that_is_a_class_are_told_apart():
    assert whole(1.0) == whole(1.0) != whole(2.0)


@pytest.mark.parametrize(
    "make", [Shift, Inherits, lambda: layers.Lambda(normalised), lambda: layers.Activation(normalised)]
)
def test_a_constant_that_the_code_reads_is_told_apart(monkeypatch, make):
    before = of(make())
    assert of(make()) == before
    monkeypatch.setitem(globals(), "MEAN", 127.5)
    assert of(make()) != before


def test_a_fingerprint_is_the_same_in_every_process():
    script = (
        "import keras, numpy as np, test_code_of_bodies as t; keras.utils.set_random_seed(0); "
        "print(t.body_fingerprint(t.Own()), t.of(t.Scale(t.Holder(2.0))), t.of(t.Shift()), t.whole(1.0))"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
