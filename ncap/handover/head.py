"""A linear head in place of the probe: multinomial logistic regression on the body's features."""

import warnings
from typing import TYPE_CHECKING

import keras
import numpy as np

from ncap.handover.plain import Shape, pooled

if TYPE_CHECKING:
    from ncap.targets import Target

SAMPLES = 20_000  # training images that the head is fitted to, at most; each class keeps its share
_STEPS = 1_000  # of the optimiser, at most
_BATCH = 256


def with_linear_head(body: keras.Model, target: "Target", shape: Shape, seed: int) -> keras.Model:
    """The body under a dense layer of logits a = z W + b that is fitted to its features z: images (n, *shape) -> (n, classes).

    W and b minimise the cross-entropy of softmax(a) plus |W|^2 / (2 N) over N training images, for features scaled to mean 0 and standard
    deviation 1 (scikit-learn's LogisticRegression with C = 1); the scaling is part of W and b. The body is shared and not trained.
    """
    images = keras.Input(shape, dtype=body.inputs[0].dtype, name="images")
    features = pooled(body(images))
    kernel, bias = fitted(*_features(keras.Model(images, features), target, shape, seed), target.classes)
    head = keras.layers.Dense(target.classes, name="logits", dtype="float32")
    model = keras.Model(images, head(features), name=f"{body.name}_classifier")
    head.set_weights([kernel, bias])
    return model


def fitted(z: np.ndarray, y: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """W (d, classes) and b (classes,) of the head, float32, from features z (N, d) and labels y (N,).

    A feature that is the same for all images gets weight 0.

    >>> z, y = np.array([[0.0, 7.0], [1.0, 7.0], [4.0, 7.0], [5.0, 7.0]]), np.array([0, 0, 1, 1])
    >>> kernel, bias = fitted(z, y, classes=2)
    >>> (z @ kernel + bias).argmax(axis=1).tolist(), kernel[1].tolist()
    ([0, 0, 1, 1], [0.0, 0.0])
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    z = z.astype(np.float64)
    mean, scale = z.mean(axis=0), z.std(axis=0)
    varies = scale > 0
    scale = np.where(varies, scale, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # where it stops early, it is a head all the same
        model = LogisticRegression(max_iter=_STEPS).fit((z - mean) / scale, y)
    weights, bias = model.coef_, model.intercept_
    if classes == 2:  # one row, of the difference of two logits
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    kernel = np.where(varies[:, np.newaxis], weights.T / scale[:, np.newaxis], 0.0)
    return kernel.astype(np.float32), (bias - mean @ kernel).astype(np.float32)


def _features(model: keras.Model, target: "Target", shape: Shape, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, d) and labels (N,) of a stratified sample of the training images."""
    rows = target.sample_rows("train", SAMPLES, seed)
    parts = [model.predict_on_batch(x) for x, _ in target.batches("train", rows, _BATCH, shape)]
    return np.concatenate(parts).astype(np.float32), target.labels("train")[rows]
