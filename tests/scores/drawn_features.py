"""Features and labels for the tests of scores."""

import numpy as np


def drawn(n, d, classes, seed=0, signal=1.0, rank=None):
    """Gaussian classes, in turn and then shuffled, whose means lie `signal` apart; of a given rank but for the means."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    features = (
        rng.normal(size=(n, rank or d)) @ rng.normal(size=(rank or d, d)) + signal * rng.normal(size=(classes, d))[y]
    )
    return features, y


def chances(n, source, classes, seed=0, sharp=1.0):
    """Probabilities of a source's classes that tell something of the labels, and the labels."""
    features, y = drawn(n, source, classes, seed, signal=2.0)
    weights = np.exp(sharp * (features - features.max(axis=1, keepdims=True)))
    return weights / weights.sum(axis=1, keepdims=True), y
