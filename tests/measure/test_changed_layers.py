"""A layer that is changed in place after a reading: the next reading is of the network as it is, not as Keras traced it."""

import keras
import numpy as np
import pytest
from keras import layers

import ncap
from ncap.measure.description import described_model

FACTOR = 1.0


class Scale(layers.Layer):
    by, within = 1.0, 1.0

    def __init__(self, inside=None):
        super().__init__()
        self.own, self.inside = 1.0, inside or layers.Rescaling(1.0)

    def call(self, x):
        return self.inside(x) * self.own * self.by * self.within * FACTOR


def body(scale):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), layers.Rescaling(1.0), scale, layers.Dense(3, activation="relu")])


def of_keras(made, _):
    made.layers[0].scale = 0.5


def of_the_layer(made, _):
    made.layers[1].own = 0.5


def from_outside(made, _):
    made.layers[1].by = 0.5


def of_the_class(_, monkeypatch):
    monkeypatch.setattr(Scale, "within", 0.5)


def of_a_layer_inside(made, _):
    made.layers[1].inside.scale = 0.5


def outside_the_class(_, monkeypatch):
    monkeypatch.setitem(globals(), "FACTOR", 0.5)


@pytest.mark.parametrize(
    "change", [of_keras, of_the_layer, from_outside, of_the_class, of_a_layer_inside, outside_the_class]
)
def test_a_reading_is_of_the_network_as_it_is(change, monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(20, 4)).astype("float32"), np.arange(20) % 2
    made = body(Scale())
    model = ncap.attach_probe(made, classes=2, hidden=(5, 4))
    before, description = ncap.capacitance(model, x, y).beta_eff, described_model(made)
    assert ncap.capacitance(model, x, y).beta_eff == before
    traced = made.predict_function
    ncap.capacitance(model, x, y)
    assert made.predict_function is traced  # nothing has changed, and nothing is traced again
    change(made, monkeypatch)
    changed = body(Scale())
    change(changed, monkeypatch)
    fresh = ncap.capacitance(ncap.attach_probe(changed, classes=2, hidden=(5, 4)), x, y).beta_eff
    assert ncap.capacitance(model, x, y).beta_eff == pytest.approx(fresh, rel=1e-6)
    assert fresh != pytest.approx(before, rel=1e-2)
    assert (
        described_model(made) == described_model(changed) != description
    )  # nor is a store's old number of the changed body
