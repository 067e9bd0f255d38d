"""Degrees of a probe's line graph by automatic differentiation through its own layers, one file per backend.

Contract of every backend: `degree_sums(probe, x, y, loss, interaction, weighting)` takes one batch of features x (n, n_0) and
targets y (n, n_L) and returns N times delta_in and delta_out, two lists of L tensors (n_{l-1}, n_l), zeros for delta_in of
layer L and delta_out of layer 1. P is never formed. With v_l all ones for weighting "unit", W_l for "relative":

    explicit: F_l(V) = gradient by W_l of <stop_gradient(g_{l+1}), z_l(W_l) V>, linear in V, so that
              delta_in(l) = v_l * F_l(v_{l+1}) and delta_out(l+1) = v_{l+1} * gradient by V of <v_l, F_l(V)>
    hessian:  one Hessian-vector product with v_m in layer m gives delta_in(m-1) and delta_out(m+1)

`product_sums(probe, x, y, loss, nodes)` returns, for the groups of variables in `parameters`, N times what every variable receives and
what it sends, two lists of tensors of the variables' shapes: products of the Hessian with all ones in one group, by those of another.

`gradient_sums(probe, x, y, loss)` returns the gradients of the summed loss by the L kernels, for the gradient form (T7 b).
It runs the probe's layers as they are, in inference mode; only the loss is written out.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import keras
import numpy as np
from keras import ops

from ncap.measure.autodiff.parameters import as_layers, groups_of
from ncap.measure.method import ProbeData, Sums
from ncap.reference.verdict import FULL_HESSIAN, GRADIENT_FORM, Moments, Reading

BACKENDS = ("tensorflow", "jax", "torch")


def measure(data: ProbeData, reading: Reading, batch_size: int) -> Sums:
    """A and D of a signed reading or of the gradient form; no magnitudes, no standard error; see ncap.measure.method.

    Raises: ValueError on a backend of Keras without automatic differentiation.
    """
    if reading == GRADIENT_FORM:
        return Sums(_of_gradient_form(data, batch_size), None, np.nan)
    delta_in, delta_out = degrees(data, reading, batch_size)
    A = sum(float((d_out * d_in).sum()) for d_in, d_out in zip(delta_in, delta_out, strict=True))
    D = float(sum(d.sum() for d in delta_in))
    return Sums(Moments(A, D, not any(d.any() for d in (*delta_in, *delta_out))), None, np.nan)


def _of_gradient_form(data: ProbeData, batch_size: int) -> Moments:
    """A and D of the gradient form (T7 b) from q = W * dC/dW: sum_{l=2..L-1} sum q_l^2 and sum_{l<L} sum |q_l|."""
    gradients = _add_up("gradient_sums", data, batch_size)
    kernels = [ops.convert_to_numpy(unit.dense.kernel).astype(np.float64) for unit in data.probe.units]
    q = [kernel * gradient for kernel, gradient in zip(kernels, gradients, strict=False)]
    A, D = sum(float((q_l**2).sum()) for q_l in q[1:]), sum(float(np.abs(q_l).sum()) for q_l in q)
    return Moments(A, D, not any(q_l.any() for q_l in q))


def degrees(data: ProbeData, reading: Reading, batch_size: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """delta_in and delta_out of every weight of the probe (signed), two lists of L float64 arrays (n_{l-1}, n_l).

    With norms as nodes, 2L - 1 arrays: (2, n_l) of a norm, its scale above its shift; of the full Hessian also (1, n_l) of every bias.
    """
    if reading == FULL_HESSIAN or reading.nodes == "norms":
        nodes = "all" if reading == FULL_HESSIAN else "norms"
        groups_of(data.probe, nodes)  # may be refused
        received, sent = _add_up("product_sums", data, batch_size, nodes)
        return as_layers(data.probe, received, nodes), as_layers(data.probe, sent, nodes)
    delta_in, delta_out = _add_up("degree_sums", data, batch_size, reading.interaction, reading.weighting)
    return delta_in, delta_out


def _add_up(function: str, data: ProbeData, batch_size: int, *settings: str) -> Any:
    """A function of the backend's file added up over batches, over N, as float64 arrays."""
    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise ValueError(
            f"method='autodiff' needs one of the Keras backends {', '.join(BACKENDS)}, this is {backend!r}; use method='closed_form'"
        )
    sums_of = getattr(import_module(f"ncap.measure.autodiff.{backend}"), function)
    probe, features, targets, loss, _ = data
    total: Any = None
    for start in range(0, len(features), batch_size):
        part = slice(start, start + batch_size)
        x, y = (ops.convert_to_tensor(values[part]) for values in (features, targets))
        sums = sums_of(probe, x, y, loss, *settings)
        total = sums if total is None else keras.tree.map_structure(ops.add, total, sums)
    return keras.tree.map_structure(
        lambda sums: np.asarray(ops.convert_to_numpy(sums), np.float64) / len(features), total
    )
