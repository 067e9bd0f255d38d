"""Degrees of a probe's line graph by automatic differentiation through its own layers, one file per backend.

Contract of every backend: `degree_sums(probe, x, y, loss, interaction, weighting)` takes one batch of features x (n, n_0) and
targets y (n, n_L) and returns N times delta_in and delta_out, two lists of L tensors (n_{l-1}, n_l), zeros for delta_in of
layer L and delta_out of layer 1. P is never formed. With v_l all ones for weighting "unit", W_l for "relative":

    explicit: F_l(V) = gradient by W_l of <stop_gradient(g_{l+1}), z_l(W_l) V>, linear in V, so that
              delta_in(l) = v_l * F_l(v_{l+1}) and delta_out(l+1) = v_{l+1} * gradient by V of <v_l, F_l(V)>
    hessian:  one Hessian-vector product with v_m in layer m gives delta_in(m-1) and delta_out(m+1)

`gradient_sums(probe, x, y, loss)` returns the gradients of the summed loss by the L kernels, for the gradient form (T7 b).
It runs the probe's layers as they are, in inference mode; only the loss is written out.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import keras
import numpy as np
from keras import ops

from ncap.measure.method import ProbeData, Sums
from ncap.measure.probe import Probe
from ncap.reference.verdict import GRADIENT_FORM, Moments, Reading

BACKENDS = ("tensorflow", "jax")


def measure(data: ProbeData, reading: Reading, batch_size: int) -> Sums:
    """A and D of a signed reading or of the gradient form; no magnitudes and no standard error; see ncap.measure.method."""
    if reading == GRADIENT_FORM:
        return Sums(gradient_moments(*data, batch_size), None, np.nan)
    return Sums(moments(*data, reading.interaction, reading.weighting, batch_size), None, np.nan)


def moments(
    probe: Probe,
    features: np.ndarray,
    targets: np.ndarray,
    loss: str,
    interaction: str,
    weighting: str,
    batch_size: int,
) -> Moments:
    """Signed A and D of either interaction; degrees are added up over batches.

    Shapes: features z_0 (N, n_0), targets (N, n_L). Raises: ValueError on a backend without automatic differentiation here.
    """
    delta_in, delta_out = degrees(probe, features, targets, loss, interaction, weighting, batch_size)
    A = sum(float((d_out * d_in).sum()) for d_in, d_out in zip(delta_in, delta_out, strict=True))
    D = float(sum(d.sum() for d in delta_in))
    return Moments(A, D, not any(d.any() for d in (*delta_in, *delta_out)))


def gradient_moments(probe: Probe, features: np.ndarray, targets: np.ndarray, loss: str, batch_size: int) -> Moments:
    """A and D of the gradient form (T7 b) from q = W * dC/dW: sum_{l=2..L-1} sum q_l^2 and sum_{l<L} sum |q_l|."""
    gradients = _add_up("gradient_sums", probe, features, targets, batch_size, loss)
    kernels = [ops.convert_to_numpy(unit.dense.kernel).astype(np.float64) for unit in probe.units]
    q = [kernel * gradient for kernel, gradient in zip(kernels, gradients, strict=False)]
    A, D = sum(float((q_l**2).sum()) for q_l in q[1:]), sum(float(np.abs(q_l).sum()) for q_l in q)
    return Moments(A, D, not any(q_l.any() for q_l in q))


def degrees(
    probe: Probe,
    features: np.ndarray,
    targets: np.ndarray,
    loss: str,
    interaction: str,
    weighting: str,
    batch_size: int,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """delta_in and delta_out of every weight of the probe, two lists of L float64 arrays (n_{l-1}, n_l)."""
    delta_in, delta_out = _add_up("degree_sums", probe, features, targets, batch_size, loss, interaction, weighting)
    return delta_in, delta_out


def _add_up(
    function: str, probe: Probe, features: np.ndarray, targets: np.ndarray, batch_size: int, *settings: str
) -> Any:
    """A function of the backend's file added up over batches, over N, as float64 arrays."""
    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise ValueError(
            f"method='autodiff' needs the Keras backend {' or '.join(BACKENDS)}, this is {backend!r}; use method='closed_form'"
        )
    sums_of = getattr(import_module(f"ncap.measure.autodiff.{backend}"), function)
    total: Any = None
    for start in range(0, len(features), batch_size):
        part = slice(start, start + batch_size)
        sums = sums_of(probe, ops.convert_to_tensor(features[part]), ops.convert_to_tensor(targets[part]), *settings)
        total = sums if total is None else keras.tree.map_structure(ops.add, total, sums)
    return keras.tree.map_structure(
        lambda sums: np.asarray(ops.convert_to_numpy(sums), np.float64) / len(features), total
    )
