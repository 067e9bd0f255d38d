"""The loss that automatic differentiation starts from, on keras.ops: a form whose gradient does not cancel.

The gradient of -sum(y log p) is p - y: where softmax is saturated, p of the true class t loses its digits against 1. Of one-hot targets

    -log p_t = log(1 + sum_{k != t} exp(a_k - a_t)) = softplus(m),   m = logsumexp_{k != t}(a_k - a_t)

has the gradient sigmoid(m) softmax_{k != t}, and -sigmoid(m) for t: nothing near 1 is subtracted from 1, in second order neither. a_t
stands outside the sum, whose derivative by it would be a sum of 1 that the second derivative takes to 0 up to rounding, beside which the
curvature of an unlikely t is small.
Softplus is written out, m + log(1 + exp(-m)) where m > 0: its second derivative is s (1 - s) with s = sigmoid(m), which loses the digits
of 1 - s where s is near 1; and PyTorch's softplus is m itself from m = 20 on.
"""

from typing import Any

from keras import ops

OUT_OF_THE_SUM = -1e30  # its exponential is 0 in every dtype


def total_loss(logits: Any, y: Any, loss: str) -> Any:
    """The loss summed over a batch; logits and y have shape (n, n_L)."""
    if loss == "squared_error":
        return ops.sum(ops.square(logits - y)) / 2
    one_hot = ops.all(y * (1 - y) == 0, axis=1)
    return ops.sum(ops.where(one_hot, _of_labels(logits, y), _of_soft_targets(logits, y)))


def _of_labels(logits: Any, y: Any) -> Any:
    others = ops.where(y == 1, OUT_OF_THE_SUM, logits)
    return _softplus(ops.squeeze(_log_sum_exp(others, ops.sum(y * logits, axis=1, keepdims=True)), axis=1))


def _softplus(m: Any) -> Any:
    """log(1 + exp(m)): nothing overflows on either side of 0, in the derivatives neither."""
    positive = m > 0
    above, below = ops.where(positive, m, 0), ops.where(positive, 0, m)
    return ops.where(positive, above + ops.log1p(ops.exp(-above)), ops.log1p(ops.exp(below)))


def _of_soft_targets(logits: Any, y: Any) -> Any:
    return ops.sum(y * (_log_sum_exp(logits) - logits), axis=1)


def _log_sum_exp(a: Any, less: Any = 0.0) -> Any:
    """Over the classes, shape (n, 1), less a number; the shift is held fixed: its derivative is 0, and would come as a difference."""
    shift = ops.stop_gradient(ops.max(a, axis=1, keepdims=True))
    return ops.log(ops.sum(ops.exp(a - shift), axis=1, keepdims=True)) + (shift - less)
