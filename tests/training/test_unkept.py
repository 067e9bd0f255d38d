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


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a saved program of TensorFlow")
def test_a_saved_program_is_searched_too(tmp_path):
    import tensorflow as tf

    class Drawing(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 64), tf.float32)])
        def serve(self, x):
            return x + tf.random.normal(tf.shape(x))

    tf.saved_model.save(Drawing(), tmp_path / "saved", signatures=None)
    own = body(layers.TFSMLayer(str(tmp_path / "saved"), call_endpoint="serve"))
    with pytest.raises(ValueError, match="draws from TensorFlow's own generator"):
        check_nothing_unkept(own, own.variables)
