"""Theorem 1 for real, on scikit-learn's digits: what vanishes when training interpolates, and what a contradiction keeps alive."""

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.datasets import load_digits

from ncap import reference as ref

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


def digits(n):
    images, labels = load_digits(return_X_y=True)
    return (images[:n] / 16).astype("float64"), labels[:n].astype("int64")


def relu_mlp(widths, seed):
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(n, activation="relu", kernel_initializer="he_normal") for n in widths[1:-1]]
    return keras.Sequential([keras.Input((widths[0],)), *hidden, keras.layers.Dense(widths[-1])])


def as_reference(model, loss):
    weights = [ops.convert_to_numpy(weight).astype(np.float64) for weight in model.weights]
    return ref.MLP(weights[::2], weights[1::2], loss=loss)


def both(model, x, y, loss="cross_entropy"):
    net = as_reference(model, loss)
    return [ref.capacitance(net, x, y, strength=strength) for strength in ("magnitude", "signed")]


def test_magnitude_vanishes_when_a_relu_mlp_interpolates_digits():
    """A 64-64-32-10 net, the probe's depth: magnitude falls below 1e-3 of its first value, signed is degenerate throughout (T3)."""
    x, y = digits(200)
    model = relu_mlp((64, 64, 32, 10), seed=0)
    first, signed_first = both(model, x, y)
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, batch_size=50, epochs=150, verbose=0)
    last, signed_last = both(model, x, y)
    predicted = ops.convert_to_numpy(model(x)).argmax(axis=1)
    assert (predicted == y).all()
    assert last.beta_eff < 1e-3 * first.beta_eff
    assert not last.degenerate
    assert (signed_first.reason, signed_last.reason) == ("softmax", "softmax")


def test_contradictory_labels_stop_the_gradient_but_not_magnitude():
    """Every input occurs twice with two labels: at the optimum the errors of a pair cancel, in the gradient and in signed P."""
    images, labels = digits(10)
    x = np.repeat(images, 2, axis=0)
    y = np.stack([labels, (labels + 1) % 10], axis=1).ravel()
    model = relu_mlp((64, 32, 24, 16, 10), seed=1)  # four kernels, so signed is not 0 by structure
    (start, signed_start), start_gradient = both(model, x, y), largest_gradient(model, x, y)
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for rate in (3e-3, 1e-3, 3e-4, 1e-4):
        model.optimizer.learning_rate = rate
        for _ in range(250):
            model.train_on_batch(x, y)
    end, _ = both(model, x, y)
    net = as_reference(model, "cross_entropy")
    signed, magnitude = (
        np.abs(ref.interaction_matrix(net, x, y, strength=strength)).sum() for strength in ("signed", "magnitude")
    )
    assert largest_gradient(model, x, y) < 1e-2 * start_gradient
    assert not signed_start.degenerate
    assert signed < 1e-2 * magnitude  # signed P vanishes entry by entry, on the scale of its own terms
    assert end.beta_eff > 0.1 * start.beta_eff  # and magnitude does not


def largest_gradient(model, x, y):
    return max(float(np.abs(dW).max()) for dW in ref.gradients(as_reference(model, "cross_entropy"), x, y))
