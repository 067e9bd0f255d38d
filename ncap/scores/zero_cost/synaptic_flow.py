"""SynFlow: how much flows through every connection of a network without signs (Tanaka et al., NeurIPS 2020)."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.differentiation import value_and_gradients
from ncap.scores.zero_cost.network import (
    as_arrays,
    batch,
    is_kernel,
    kernels,
    layers_of,
    outputs,
    pixels,
    without_norms,
)

if TYPE_CHECKING:
    import keras

# The classes of norms that are not taken over the batch, by name: Keras has RMSNormalization from 3.9 on.
OF_THE_SAMPLE = {"LayerNormalization", "GroupNormalization", "RMSNormalization", "UnitNormalization"}


def synflow(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """log(1 + S), S = sum_k |theta_k dR/dtheta_k|, with R the sum of the logits that the network makes of an image of ones.

    All weights are replaced by their absolute values, batch norm passes on what it gets, and the ones stand where the first kernel gets its
    input, behind any normalisation of pixels. Larger is better, as published. Of the images only the shape is used, of the labels nothing.
    Of a chain of L matrices without biases, S = L 1^T |W_1| ... |W_L| 1 is L times a sum over all paths. S leaves the range of float32 in
    ordinary networks: its logarithm is returned, R sum_k |theta_k dlog R/dtheta_k| is how it is computed, and layers work in float64
    meanwhile, except on PyTorch, where Keras does not. NaN where that does not suffice, and 0 where nothing flows.

    Raises: ValueError for images that the model cannot take, and where what stands before the first kernel cannot be inverted.

    Two layers of one path each, 2 * 3, and two layers that it is counted in:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), *(keras.layers.Dense(1, use_bias=False) for _ in range(2))])
    >>> model.set_weights([np.array([[-2.0]]), np.array([[3.0]])])
    >>> bool(np.isclose(synflow(model, [[5.0]], [0]), np.log(1 + 2 * 6)))
    True
    """
    from keras import ops

    x, _ = batch(model, images, y)
    ones = pixels(model, np.ones((1, *x.shape[1:])))
    theta = kernels(model)
    rest = [(one, ops.abs(one.value)) for one in model.variables if not is_kernel(one) and "float" in str(one.dtype)]
    at = [ops.abs(one.value) for one in theta]

    def log_flow(values: list[Any]) -> Any:
        return ops.log(ops.sum(outputs(model, ones, [*rest, *zip(theta, values, strict=True)])))

    with in_double_precision(model), without_norms(model):
        value, slopes = value_and_gradients(log_flow, at)
        log_r = float(ops.convert_to_numpy(value))
    if not math.isfinite(log_r):
        return 0.0 if log_r < 0 else math.nan
    share = sum(np.abs(k * s).sum() for k, s in zip(as_arrays(at), as_arrays(slopes), strict=True))
    return float(np.logaddexp(0.0, log_r + math.log(share))) if share else 0.0  # 0: what flows has passed no kernel


@contextmanager
def in_double_precision(model: "keras.Model") -> Iterator[None]:
    """Within the block the model's layers compute in float64 from the weights that they have, whatever their own precision."""
    import keras

    class Double(keras.DTypePolicy):
        def _parse_name(self, name: str) -> tuple[str, str]:
            return "float64", "float32"  # what is computed in, and what variables are kept in

    changed = [model, *layers_of(model)]
    before = [layer.dtype_policy for layer in changed]
    with ExitStack() as stack:
        if keras.backend.backend() == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        try:
            for layer in changed:
                layer.dtype_policy = Double("float64")
            yield
        finally:
            for layer, policy in zip(changed, before, strict=True):
                layer.dtype_policy = policy


def other_norms(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> str:
    """Why nothing flows without signs: "" where the network has no norm but batch norm."""
    found = [type(layer).__name__ for layer in layers_of(model) if type(layer).__name__ in OF_THE_SAMPLE]
    return f"{found[0]} takes the mean or the size of what flows away" if found else ""


SCORE = Score(
    name="synflow",
    needs="network",
    source="Tanaka et al., NeurIPS 2020; Abdelfattah et al., ICLR 2021",
    summary="logarithm of the flow through all connections, taken without signs",
    function=synflow,
    undefined=other_norms,
    cost="gradient",
)
