"""Degrees of a probe's line graph by automatic differentiation through its own layers, one file per backend.

Contract of every backend: `degree_sums(probe, x, y, loss, interaction)` takes one batch of features x (n, n_0) and targets
y (n, n_L) and returns N times delta_in and delta_out, two lists of L tensors (n_{l-1}, n_l), zeros for delta_in of layer L
and delta_out of layer 1. P is never formed:

    explicit: F_l(V) = gradient by W_l of <stop_gradient(g_{l+1}), z_l(W_l) V>, linear in V, so that
              delta_in(l) = F_l(1) and delta_out(l+1) = gradient by V of <1, F_l(V)>
    hessian:  one Hessian-vector product with all ones in layer m gives delta_in(m-1) and delta_out(m+1)

It runs the probe's layers as they are, in inference mode; only the loss is written out.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import keras
import numpy as np
from keras import ops

from ncap.probe import Probe
from ncap.reference.verdict import Moments

BACKENDS = ("tensorflow", "jax")


def moments(
    probe: Probe, features: np.ndarray, targets: np.ndarray, loss: str, interaction: str, batch_size: int
) -> Moments:
    """Signed A and D of either interaction; degrees are added up over batches.

    Shapes: features z_0 (N, n_0), targets (N, n_L). Raises: ValueError on a backend without automatic differentiation here.
    """
    delta_in, delta_out = degrees(probe, features, targets, loss, interaction, batch_size)
    A = sum(float((d_out * d_in).sum()) for d_in, d_out in zip(delta_in, delta_out, strict=True))
    D = float(sum(d.sum() for d in delta_in))
    return Moments(A, D, not any(d.any() for d in (*delta_in, *delta_out)))


def degrees(
    probe: Probe, features: np.ndarray, targets: np.ndarray, loss: str, interaction: str, batch_size: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """delta_in and delta_out of every weight of the probe, two lists of L float64 arrays (n_{l-1}, n_l)."""
    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise ValueError(
            f"method='autodiff' needs the Keras backend {' or '.join(BACKENDS)}, this is {backend!r}; use method='closed_form'"
        )
    degree_sums = import_module(f"ncap.autodiff.{backend}").degree_sums
    total: Any = None
    for start in range(0, len(features), batch_size):
        part = slice(start, start + batch_size)
        sums = degree_sums(
            probe, ops.convert_to_tensor(features[part]), ops.convert_to_tensor(targets[part]), loss, interaction
        )
        total = sums if total is None else keras.tree.map_structure(ops.add, total, sums)
    n = len(features)
    delta_in, delta_out = ([np.asarray(ops.convert_to_numpy(d), np.float64) / n for d in side] for side in total)
    return delta_in, delta_out
