"""Networks that are given pixels as they are are told from those that normalise them, on the networks that people bring."""

import keras
import numpy as np
import pytest
from keras import layers

from ncap import candidates
from ncap.candidates.raw_pixels import raw_pixels_at

SHAPE = (32, 32, 3)
CAFFE = [-103.939, -116.779, -123.68]


def application(name):
    return getattr(keras.applications, name)(include_top=False, weights=None, input_shape=SHAPE)


def after(*first, name="VGG16"):
    """A network of keras.applications behind other layers."""
    return keras.Sequential([keras.Input(SHAPE), *first, application(name)])


def sequential(*own, shape=SHAPE):
    return keras.Sequential([keras.Input(shape), *own])


def by_operations():
    """Normalised without any layer, as in a model that was written as a function."""
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, layers.Conv2D(4, 3)((inputs - 120.0) / 60.0))


class Own(layers.Layer):
    """A layer that normalises inside, where nobody can see it."""

    def build(self, shape):
        self.kernel = self.add_weight((shape[-1], 4))

    def call(self, x):
        return keras.ops.matmul(x / 255, self.kernel)


BARE = {
    "VGG16": (lambda: application("VGG16"), "Conv2D"),
    "MobileNet": (lambda: application("MobileNet"), "Conv2D"),
    "inside another model": (after, "Conv2D"),
    "behind a rotation": (lambda: after(layers.RandomRotation(0.1)), "Conv2D"),
    "batch norm too late": (lambda: sequential(layers.Conv2D(4, 3), layers.BatchNormalization()), "Conv2D"),
    "pooled first": (lambda: sequential(layers.MaxPooling2D(), layers.DepthwiseConv2D(3)), "DepthwiseConv2D"),
    "any size": (lambda: sequential(layers.SeparableConv2D(4, 3), shape=(None, None, 3)), "SeparableConv2D"),
    "flat": (lambda: sequential(layers.Flatten(), layers.Dense(3)), "Dense"),
    "divided by too little": (lambda: sequential(layers.Rescaling(1 / 8), layers.Conv2D(4, 3)), "Conv2D"),
}
NORMALISED = {
    "EfficientNetB0": lambda: application("EfficientNetB0"),
    "EfficientNetB0 inside another model": lambda: after(name="EfficientNetB0"),
    "MobileNetV3Small": lambda: application("MobileNetV3Small"),
    "VGG16 as in Caffe": lambda: after(layers.Rescaling(1.0, offset=CAFFE)),
    "MobileNet in -1..1": lambda: after(layers.Rescaling(1 / 127.5, offset=-1), name="MobileNet"),
    "0..1": lambda: sequential(layers.Rescaling(1 / 255), layers.Conv2D(4, 3)),
    "batch norm first": lambda: sequential(layers.BatchNormalization(), layers.Conv2D(4, 3)),
    "layer norm first": lambda: sequential(layers.LayerNormalization(), layers.Flatten(), layers.Dense(4)),
    "a user's own layer": lambda: sequential(Own()),
    "operations": by_operations,
    "without any weight": lambda: sequential(layers.Flatten()),
}


@pytest.mark.parametrize("name", BARE)
def test_pixels_as_they_are_are_seen(name):
    make, layer = BARE[name]
    assert raw_pixels_at(make(), SHAPE) == layer


@pytest.mark.parametrize("name", NORMALISED)
def test_what_is_normalised_is_let_pass(name):
    assert raw_pixels_at(NORMALISED[name](), SHAPE) == ""


def test_every_embedded_candidate_normalises():
    for one in candidates.resolve("mini").values():
        assert raw_pixels_at(one.build(), one.input_shape) == ""


def test_looking_changes_nothing():
    body = sequential(layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.BatchNormalization())
    images = np.random.default_rng(0).integers(0, 256, (3, *SHAPE)).astype(np.float32)
    before = body.predict_on_batch(images), body.get_weights(), len(body.layers)
    raw_pixels_at(body, SHAPE)
    np.testing.assert_array_equal(body.predict_on_batch(images), before[0])
    for now, then in zip(body.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(now, then)
    assert len(body.layers) == before[2]
