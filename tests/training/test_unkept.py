"""What a resumed run could not know is refused on every backend that traces; PyTorch's generator is kept instead."""

import random

import keras
import pytest
from keras import layers

from ncap.training.unkept import check_nothing_unkept


class Seeded(layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0)

    def call(self, x, training=False):
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seed)


class OfPython(layers.Layer):
    def call(self, x):
        return x * random.random()


def body(layer):
    return keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layer, layers.Dense(4), layers.BatchNormalization()]
    )


def test_a_layer_that_draws_from_its_own_generator_is_taken():
    own = body(Seeded())
    check_nothing_unkept(own, own.variables)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch traces nothing: Python's generator is kept")
def test_a_layer_that_draws_while_it_is_traced_is_refused():
    own = body(OfPython())
    with pytest.raises(ValueError, match=r"own layers: OfPython\) draws from Python or numpy while it is traced"):
        check_nothing_unkept(own, own.variables)
