"""Keras models as the oracle sees them: the same outputs, the same beta_eff as ncap.capacitance, and refusals by the name of the layer."""

import keras
import numpy as np
import pytest
from keras import layers

import ncap
from ncap import reference as ref
from ncap.reference.loss import softmax
from ncap.reference.mlp import backpropagation
from ncap.reference.shared_weights import cnn

READINGS = [
    "explicit/magnitude/unit",
    "explicit/signed/unit",
    "explicit/magnitude/relative",
    "explicit/signed/unit/norms",
    "hessian/signed/unit",
    "full_hessian/signed/unit",
]


def data(shape, n=40, classes=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, *shape)), rng.integers(0, classes, n)


def model_of(*stack, shape=(5,), dtype="float64"):
    """A Sequential model whose biases and norms are not as they start."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape, dtype=dtype), *stack])
    rng = np.random.default_rng(1)
    for layer in model.layers:
        layer.set_weights([w + 0.3 * rng.random(w.shape) for w in layer.get_weights()])
    return model


def dense(units, activation=None, **options):
    return layers.Dense(units, activation, dtype="float64", **options)


def outputs(net, x):
    if isinstance(net, ref.CNN):
        return cnn.forward(net, x).a
    return backpropagation.forward(net, x)[2]


def assert_same_outputs(model, shape):
    x, _ = data(shape)
    net = ref.from_keras(model)
    a, want = outputs(net, ref.keras_inputs(model, x)), np.asarray(model.predict(x, verbose=0), dtype=np.float64)
    np.testing.assert_allclose(softmax(a) if np.allclose(want.sum(axis=1), 1) else a, want, rtol=1e-9, atol=1e-12)
    return net


# The probe


@pytest.fixture(scope="module")
def probed():
    """A convolutional body and a probe in float64, both trained, so that every norm has moved; with its data."""
    keras.utils.set_random_seed(0)
    stack = [layers.Conv2D(4, 3, activation="relu", dtype="float64"), layers.BatchNormalization(dtype="float64")]
    body = keras.Sequential([keras.Input((6, 6, 1), dtype="float64"), *stack], name="body")
    body = keras.Model(body.inputs, body.outputs)
    with keras.dtype_policies.DTypePolicy("float64") if False else _nothing():
        model = ncap.attach_probe(body, classes=3, hidden=(6, 5, 4), frozen=False)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = data((6, 6, 1))
    model.fit(x, y, epochs=2, verbose=0)
    return model, x, y
