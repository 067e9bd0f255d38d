"""Drawn networks as probes: the same weights in a Keras layer, exactly, in either dtype."""

import contextlib

import keras
import numpy as np
from keras import ops

from ncap.testing.methods import denses, probe_of

__all__ = ["BACKEND", "denses", "eagerly", "parameters", "probe_of"]

BACKEND = keras.backend.backend()


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
    elif BACKEND == "jax":
        import jax

        with jax.disable_jit():
            yield
    else:  # torch compiles nothing here
        yield
