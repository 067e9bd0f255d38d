"""The buffers of PyTorch modules, such as the moving statistics of a norm: state that Keras counts among no weights."""

from typing import Any

import keras
import numpy as np


class Buffer:
    """One buffer, read and assigned like a Keras variable."""

    def __init__(self, tensor: Any) -> None:
        self.value, self.shape = tensor, tuple(tensor.shape)

    def assign(self, array: np.ndarray) -> None:
        """Overwrite it in place."""
        import torch

        self.value.data.copy_(torch.as_tensor(array))


def buffers(model: keras.Model) -> list[Buffer]:
    """Every buffer of the PyTorch modules in a model that is no Keras variable, once, in order; none on another backend.

    A module may replace a buffer by another tensor: ask again after a step.
    """
    if keras.backend.backend() != "torch":
        return []
    variables = {variable.value.data_ptr() for variable in model.variables}
    # With PyTorch every layer is a module, but a model knows its layers as layers, not as modules.
    tensors = {id(tensor): tensor for layer in model._flatten_layers() for tensor in layer.buffers()}
    return [Buffer(tensor) for tensor in tensors.values() if tensor.data_ptr() not in variables]
