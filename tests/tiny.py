"""Candidates that train in seconds, for the tests of the main job."""

import keras
from keras import layers

import ncap
from ncap import candidates, targets

# Times differ from call to call; everything else is a function of the seed.
TIMES = ["seconds_train", "seconds_beta", "seconds"]
EPOCHS = 4  # the fewest that a prediction can be fitted on


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


# What the check before training says of a body that does not normalise its images.
RAW = "ignore:candidate .* raw pixels 0..255 reach its first layer:UserWarning"


def narrow():
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)])


TWO = {"tiny": body, "narrow": narrow}


def failing():
    raise RuntimeError("no [red]weights[/red]\nhere")


def diverging():
    """A body whose features overflow float32."""
    flat = [layers.Flatten(), layers.Dense(6), layers.Rescaling(1e38), layers.Rescaling(1e38)]
    return keras.Sequential([keras.Input((8, 8, 1)), *flat])


def target():
    return targets.load("digits").few(60, seed=0)


def ranked(store, factories=None, **options):
    given = {"epochs": EPOCHS, "runs": 2, "hidden": (8, 6), "frozen": False, "out": None, "progress": False} | options
    return ncap.rank(factories or {"tiny": body}, target(), store=store, **given)


def without_times(table):
    """What two jobs with one seed have in common, of their observations, readings or rankings."""
    return table.drop(columns=[name for name in TIMES if name in table])


def candidates_of(factories):
    """What `ncap.pipeline.observe` takes."""
    return candidates.resolve(factories)
