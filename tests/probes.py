"""Drawn networks as probes: the same weights in a Keras layer, exactly, in either dtype."""

import contextlib

import keras
import numpy as np
from keras import ops

from ncap.measure.probe import Probe

BACKEND = keras.backend.backend()


def probe_of(net, dtype):
    """A built Probe with the weights of `net` (norm "after"); scale and shift are exact: 0.75 + 0.25 is 1."""
    norm = any((layer.scale != 1).any() or (layer.shift != 0).any() for layer in net.layers)
    probe = Probe(net.widths[-1], net.widths[1:-1], batch_norm=norm, dtype=dtype)
    for unit in probe.units:
        if norm:
            unit.norm.epsilon = 0.25
    probe.build((None, net.widths[0]))
    for layer, dense in zip(net.layers, denses(probe), strict=True):
        dense.set_weights([layer.kernel, layer.bias])
    for layer, unit in zip(net.layers, probe.units, strict=False):
        if norm:
            n = len(layer.scale)
            unit.norm.set_weights([layer.scale, layer.shift, np.zeros(n), np.full(n, 0.75)])
    return probe


def denses(probe):
    return [*(unit.dense for unit in probe.units), probe.logits]


def parameters(probe):
    """The probe's kernels, biases, scales and shifts in float64, as arguments of ncap.reference.MLP."""

    def as_float64(value):
        return ops.convert_to_numpy(value).astype(np.float64)

    kernels = [as_float64(dense.kernel) for dense in denses(probe)]
    biases = [as_float64(dense.bias) for dense in denses(probe)]
    if probe.units[0].norm is None:
        return kernels, biases
    norms = [[as_float64(value) for value in unit.norm.get_weights()] for unit in probe.units]
    scales = [
        gamma / np.sqrt(variance + unit.norm.epsilon)
        for (gamma, _, _, variance), unit in zip(norms, probe.units, strict=True)
    ]
    shifts = [beta - mean * scale for (_, beta, mean, _), scale in zip(norms, scales, strict=True)]
    return kernels, biases, scales, shifts


@contextlib.contextmanager
def eagerly():
    """Run without compiling: drawn shapes change with every example, and tracing each would take seconds."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(False)
    else:
        import jax

        with jax.disable_jit():
            yield
