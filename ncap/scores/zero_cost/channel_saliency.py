"""Fisher: how much the loss feels the cut of a channel (Turner et al., ICLR 2020; as a proxy Abdelfattah et al., ICLR 2021)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.differentiation import value_and_gradients
from ncap.scores.zero_cost.network import (
    Call,
    as_arrays,
    batch,
    intercepted,
    kernels,
    mean_loss,
    norms_of_the_batch,
    outputs,
    recorded,
    values_of,
    with_kernels,
)

if TYPE_CHECKING:
    import keras


def fisher(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """sum_c 1/(2 n) sum_i (sum_p A_ipc dL/dA_ipc)^2, over the channels c of every layer with a kernel, its images i and places p.

    A is what the layer returns, with its activation if it has one. Larger is better, as published. Of logits (n, classes), images
    (n, h, w, c) and labels (n,); batch norm takes the batch's statistics. The inner sum is the derivative of L by a factor on channel c of
    image i, at 1, and is computed so.

    Raises: ValueError for images or labels that the model cannot take.

    One weight w = 0.5 towards the second of two classes, and x = 2: A = 1, dL/dA = -(1 - p) with p = 1 / (1 + exp(-1)).

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.set_weights([np.array([[0.0, 0.5]])])
    >>> bool(np.isclose(fisher(model, [[2.0]], [1]), 0.5 / (1 + np.e) ** 2))
    True
    """
    x, labels = batch(model, images, y)
    at, loss = values_of(kernels(model)), mean_loss(model, x, labels)
    factors = _ones(model, x)

    def of_factors(values: list[Any]) -> Any:
        left = iter(values)

        def multiplied(layer: Any, call: Call) -> Call:
            return lambda *args, **kwargs: call(*args, **kwargs) * next(left)

        with intercepted(with_kernels(model), multiplied), norms_of_the_batch(model):
            return loss(at)

    _, slopes = value_and_gradients(of_factors, factors)
    return float(sum(np.square(slope).sum() for slope in as_arrays(slopes))) / (2 * len(x))


def _ones(model: "keras.Model", images: np.ndarray) -> list[Any]:
    """A factor of 1 (n, 1, ..., 1, channels) for every image and channel of a layer with a kernel, in the order of the calls."""
    from keras import ops

    with recorded(with_kernels(model)) as made:
        outputs(model, images)
    return [ops.ones((one.shape[0], *(1 for _ in one.shape[1:-1]), one.shape[-1]), one.dtype) for one in made]


SCORE = Score(
    name="fisher",
    needs="network",
    source="Turner et al., ICLR 2020; Abdelfattah et al., ICLR 2021",
    summary="change of the loss when channels are cut, squared",
    function=fisher,
    cost="gradient",
)
