"""SNIP: how much the loss would feel every connection (Lee et al., ICLR 2019; as a proxy Abdelfattah et al., ICLR 2021)."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.network import batch, gradients

if TYPE_CHECKING:
    import keras


def snip(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """sum_k |theta_k dL/dtheta_k|: the change of L, to first order and without its sign, when a connection is cut, over all of them.

    Larger is better, as published. Of logits (n, classes), images (n, h, w, c) and labels (n,); batch norm takes the batch's statistics. It
    does not change when a kernel is multiplied by a factor and the next, behind a relu, divided by it.

    Raises: ValueError for images or labels that the model cannot take.

    One weight w = 0.5 towards the second of two classes, and x = 2: |w dL/dw| = w x (1 - p) with p = 1 / (1 + exp(-w x)).

    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.set_weights([np.array([[0.0, 0.5]])])
    >>> bool(np.isclose(snip(model, [[2.0]], [1]), 1 / (1 + np.e)))
    True
    """
    theta, slopes = gradients(model, *batch(model, images, y))
    return float(sum(np.abs(kernel * slope).sum() for kernel, slope in zip(theta, slopes, strict=True)))


SCORE = Score(
    name="snip",
    needs="network",
    source="Lee et al., ICLR 2019; Abdelfattah et al., ICLR 2021",
    summary="change of the loss when connections are cut, to first order",
    function=snip,
    cost="gradient",
)
