"""Euler steps of the edge dynamics B are the steps of plain SGD in Keras on the whole data, in float64."""

from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import layers

from ncap import reference as ref

STEPS, LEARNING_RATE = 8, 0.1
WIDTHS = (5, 8, 6, 4)


@pytest.fixture
def float64():
    """Keras' own type, which its data and losses have, and that of new layers, which keeps what it was at its first use."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def case(loss, biases):
    rng = np.random.default_rng(0)
    kernels = [rng.normal(size=(a, b)) / np.sqrt(a) for a, b in pairwise(WIDTHS)]
    net = ref.MLP(kernels, [rng.normal(size=b) for b in WIDTHS[1:]] if biases else None, loss=loss)
    x, labels = rng.normal(size=(32, WIDTHS[0])), rng.integers(0, WIDTHS[-1], 32)
    return net, x, np.eye(WIDTHS[-1])[labels] if loss == "squared_error" else labels


def half_square(y, a):
    return keras.ops.sum((a - y) ** 2, axis=-1) / 2


def keras_model(net):
    """The network as dense layers of which the kernels alone are trained, by plain SGD."""
    model = keras.Sequential([keras.Input(WIDTHS[:1])])
    for number, layer in enumerate(net.layers, 1):
        dense = layers.Dense(layer.kernel.shape[1], activation="relu" if number < net.depth else None)
        model.add(dense)
        dense.set_weights([layer.kernel, layer.bias])
        dense.bias.trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(LEARNING_RATE), half_square if net.loss == "squared_error" else loss)
    return model


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("biases", [False, True])
def test_euler_steps_of_the_edge_dynamics_are_steps_of_keras_sgd(loss, biases):
    net, x, y = case(loss, biases)
    model = keras_model(net)
    descent = ref.gradient_descent(net, x, y, LEARNING_RATE, STEPS)
    for k in range(STEPS):
        history = model.fit(x, y, batch_size=len(x), shuffle=False, verbose=0).history
        assert history["loss"][0] == pytest.approx(descent.loss[k], rel=1e-14)
        for dense, path in zip(model.layers, descent.kernels, strict=True):
            # Roundings of sums over 32 samples, step by step: 3e-16 was measured, at weights of order 1.
            np.testing.assert_allclose(np.asarray(dense.kernel), path[k + 1], rtol=0, atol=1e-14)
    for dense, layer, path in zip(model.layers, net.layers, descent.kernels, strict=True):
        np.testing.assert_array_equal(np.asarray(dense.bias), layer.bias)
        assert np.abs(path[-1] - path[0]).max() > 0.01
