"""Candidates that train in seconds, for the tests of the main job."""

import keras
from keras import layers

from ncap import data


def body():
    """Two layers with everything that has a state of its own: batch norm, dropout, noise in a nested model."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, strides=2, activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            keras.Sequential([layers.Dropout(0.2), layers.GaussianNoise(0.1)]),
            layers.Flatten(),
            layers.Dense(6, activation="relu"),
        ]
    )


def failing():
    raise RuntimeError("no [red]weights[/red]\nhere")


def diverging():
    """A body whose features overflow float32."""
    flat = [layers.Flatten(), layers.Dense(6), layers.Rescaling(1e38), layers.Rescaling(1e38)]
    return keras.Sequential([keras.Input((8, 8, 1)), *flat])


def target():
    return data.load("digits").few(60, seed=0)
