"""Gradients by the backend of Keras, for functions of a list of tensors."""

from collections.abc import Callable
from typing import Any


def value_and_gradients(function: Callable[[list[Any]], Any], at: list[Any]) -> tuple[Any, list[Any]]:
    """The scalar that the function makes of the tensors, and its gradients by each of them, 0 where it does not depend on one.

    The function may call this one on the same tensors: its gradient is then that of a gradient.

    Raises: ValueError on a backend without automatic differentiation.

    >>> from keras import ops
    >>> value, (gradient,) = value_and_gradients(lambda at: ops.sum(at[0] ** 3), [ops.convert_to_tensor([1.0, 2.0])])
    >>> float(value), ops.convert_to_numpy(gradient).tolist()
    (9.0, [3.0, 12.0])
    """
    import keras

    backend = keras.backend.backend()
    if backend not in _BY_BACKEND:
        raise ValueError(
            f"training-free proxies need one of the Keras backends {', '.join(_BY_BACKEND)}, this is {backend!r}; set KERAS_BACKEND"
        )
    return _BY_BACKEND[backend](function, at)


def _by_tensorflow(function: Callable[[list[Any]], Any], at: list[Any]) -> tuple[Any, list[Any]]:
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(at)
        value = function(at)
    return value, tape.gradient(value, at, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _by_jax(function: Callable[[list[Any]], Any], at: list[Any]) -> tuple[Any, list[Any]]:
    import jax

    value, gradients = jax.value_and_grad(function)(at)
    return value, gradients


def _by_torch(function: Callable[[list[Any]], Any], at: list[Any]) -> tuple[Any, list[Any]]:
    import torch

    inside = any(
        tensor.requires_grad for tensor in at
    )  # of another call of this function, which will differentiate once more
    own = at if inside else [tensor.detach().clone().requires_grad_() for tensor in at]
    with torch.enable_grad():
        value = function(own)
        gradients = torch.autograd.grad(value, own, create_graph=inside, materialize_grads=True)
    return value, list(gradients)


_BY_BACKEND: dict[str, Callable[[Callable[[list[Any]], Any], list[Any]], tuple[Any, list[Any]]]] = {
    "tensorflow": _by_tensorflow,
    "jax": _by_jax,
    "torch": _by_torch,
}
