"""GraSP: what every connection does to the flow of gradients (Wang et al., ICLR 2020; as a proxy Abdelfattah et al., ICLR 2021)."""

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.differentiation import value_and_gradients
from ncap.scores.zero_cost.network import as_arrays, batch, kernels, mean_loss, norms_of_the_batch, values_of

if TYPE_CHECKING:
    import keras


def grasp(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """-sum_k theta_k (H g)_k, with g and H the gradient and the Hessian of L: half the change of |g|^2 when theta shrinks to first order.

    Larger is better, with the sign of Abdelfattah et al., who sum the -theta H g by which Wang et al. prune; one batch, temperature 1. Of
    logits (n, classes), images (n, h, w, c) and labels (n,); batch norm takes the batch's statistics. H g is the gradient of <g, v> at a
    fixed v = g, so that no Hessian is formed.

    Raises: ValueError for images or labels that the model cannot take.

    Without weights there is nothing to shrink.

    >>> import keras
    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.set_weights([np.zeros((1, 2))])
    >>> abs(grasp(model, [[2.0]], [1]))
    0.0
    """
    from keras import ops

    x, labels = batch(model, images, y)
    at, loss = values_of(kernels(model)), mean_loss(model, x, labels)

    def along_itself(values: list[Any]) -> Any:
        _, slopes = value_and_gradients(loss, values)
        squares = [ops.sum(ops.stop_gradient(slope) * slope) for slope in slopes]
        return sum(ops.cast(square, squares[0].dtype) for square in squares)  # layers may differ in precision

    with norms_of_the_batch(model):
        _, products = value_and_gradients(along_itself, at)
    return -float(sum((kernel * of_it).sum() for kernel, of_it in zip(as_arrays(at), as_arrays(products), strict=True)))


SCORE = Score(
    name="grasp",
    needs="network",
    source="Wang et al., ICLR 2020; Abdelfattah et al., ICLR 2021",
    summary="change of the squared gradient when connections shrink, to first order",
    function=grasp,
    cost="gradient",
)
