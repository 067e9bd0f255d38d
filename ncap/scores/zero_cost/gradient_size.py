"""The norm of the gradient at the weights that a network begins with (as a proxy Abdelfattah et al., ICLR 2021)."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.network import batch, gradients

if TYPE_CHECKING:
    import keras


def grad_norm(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """sum_l |dL/dtheta_l|_2 over the kernels theta_l.

    Larger is better, as published. Of logits (n, classes), images (n, h, w, c) and labels (n,); batch norm takes the batch's statistics.

    Raises: ValueError for images or labels that the model cannot take.

    Without weights both classes have p = 1/2, and x = 2 of the second gives dL/dW = (1, -1).

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.set_weights([np.zeros((1, 2))])
    >>> round(grad_norm(model, [[2.0]], [1]), 6)
    1.414214
    """
    _, slopes = gradients(model, *batch(model, images, y))
    return float(sum(np.linalg.norm(slope) for slope in slopes))


SCORE = Score(
    name="grad_norm",
    needs="network",
    source="Abdelfattah et al., ICLR 2021",
    summary="norm of the gradient, summed over the kernels",
    function=grad_norm,
    cost="gradient",
)
