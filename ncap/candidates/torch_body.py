"""A PyTorch module as a Keras layer: raw images in the middle, features out, and all that the module keeps as Keras variables.

Keras' own wrapper tracks a module's parameters, but not its buffers: the statistics of a batch norm would be in no checkpoint and no
fingerprint, and a resumed run would go on with those of the untrained module. It also draws dropout from PyTorch's global generator, which
no checkpoint holds either. PyTorch itself is imported when a layer is built.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np


class _ReachedError(Exception):
    """The layer whose output is wanted has computed it; what comes after it in the module is left out."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


@keras.saving.register_keras_serializable(package="ncap")
class TorchBody(keras.layers.TorchModuleWrapper):
    """A torch.nn.Module from images to features, on Keras' torch backend.

    Its parameters are this layer's variables, its persistent buffers too: they share their memory, so that whatever assigns one changes the
    other. Modules that were in evaluation mode inside a module in training mode stay in it; all others follow Keras' `training`.
    In training, random numbers come from a Keras seed generator of this layer.

    Args:
        module: the network; it takes float images (n, c, h, w) and is used, not copied.
        features: the name of the submodule whose output is returned; "" for that of the module itself.
        output_shape: (None, d) or (None, h, w, d); None computes it from the input's, where all sides are known.

    Shapes: (n, h, w, c), normalised -> (n, d), or (n, h, w, d) where the module returns (n, d, h, w).

    Raises: ValueError where the module returns anything else.
    """

    def __init__(
        self, module: Any, features: str = "", output_shape: tuple[int | None, ...] | None = None, **kwargs: Any
    ) -> None:
        import torch

        # float32 whatever Keras' global policy is: autocasting would hand the module inputs that its weights do not fit
        super().__init__(module, output_shape=output_shape, **kwargs | {"dtype": "float32"})
        self.features = features
        self.seed_generator = keras.random.SeedGenerator(0)
        modules = list(self.module.modules())
        self._kept_in_evaluation = [one for one in modules if not one.training] if self.module.training else []
        self._buffer_places = list(persistent_buffers(self.module))
        self.buffer_variables = [
            keras.Variable(torch.nn.Parameter(owner._buffers[key], requires_grad=False), trainable=False)
            for _, owner, key in self._buffer_places
        ]

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The features of normalised images."""
        import torch

        self.module.train(bool(training))
        for module in self._kept_in_evaluation:
            module.eval()
        # In this order in memory, too: a user's view() needs it, and contiguous() takes one channel for either order.
        images = inputs.permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format).to(self._dtype_of_weights())
        if not training:
            return self._channels_last(output_of(self.module, images, self.features))
        with self._drawing():
            features = output_of(self.module, images, self.features)
        self._take_replaced_buffers()
        return self._channels_last(features)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(None, d) or (None, h, w, d)."""
        if self.output_shape is None:
            return self.shape_for(tuple(input_shape[1:]))
        return tuple(self.output_shape)

    def shape_for(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(None, d) or (None, h, w, d) of images of shape (h, w, c), tried on one; no statistics move."""
        import torch

        device = next((one.device for one in self.module.parameters()), None)
        with torch.no_grad():
            features = self.call(torch.zeros((1, *shape), device=device), training=False)
        return (None, *features.shape[1:])

    def get_config(self) -> dict[str, Any]:
        """What Keras saves; the module as PyTorch pickles it, which Keras does not load in safe mode."""
        return super().get_config() | {"features": self.features}

    def _channels_last(self, features: Any) -> Any:
        dimensions = getattr(features, "ndim", None)
        if dimensions not in (2, 4):
            found = f"shape {tuple(features.shape)}" if dimensions is not None else type(features).__name__
            raise ValueError(
                f"the module returns {found}; features (n, d) or maps (n, d, h, w) are needed: name the submodule whose output they are, "
                f"features='...', one of {names_of(self.module)}"
            )
        return (features.permute(0, 2, 3, 1) if dimensions == 4 else features).float()

    def _dtype_of_weights(self) -> Any:
        import torch

        return next((one.dtype for one in self.module.parameters() if one.is_floating_point()), torch.float32)

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """PyTorch's generators seeded from this layer's, and as they were afterwards."""
        import torch

        seed = self.seed_generator.next()
        devices = [seed.device] if seed.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            # PyTorch's generator on the CPU reads 32 bits of a seed
            drawn = np.random.SeedSequence([int(part) for part in seed]).generate_state(1)
            torch.manual_seed(int(drawn[0]))
            yield

    def _take_replaced_buffers(self) -> None:
        """Follow a module that binds a new tensor to the name of a buffer instead of changing it in place."""
        for (_, owner, key), variable in zip(self._buffer_places, self.buffer_variables, strict=True):
            shared = variable.value.detach()
            if owner._buffers[key].data_ptr() != shared.data_ptr():
                variable.assign(owner._buffers[key])
                owner._buffers[key] = shared


def output_of(module: Any, images: Any, features: str) -> Any:
    """What a module returns for images, or what its submodule `features` does."""
    if not features:
        return module(images)

    def stop(_module: Any, _inputs: Any, output: Any) -> None:
        raise _ReachedError(output)

    hook = module.get_submodule(features).register_forward_hook(stop)
    try:
        module(images)
    except _ReachedError as reached:
        return reached.output
    finally:
        hook.remove()
    raise ValueError(f"the submodule {features!r} is not called by the module; choose one of {names_of(module)}")


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """The module in evaluation mode, and afterwards every submodule in the mode in which it was."""
    modes = [(one, one.training) for one in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for one, training in modes:
            one.training = training


def persistent_buffers(module: Any) -> Iterator[tuple[str, Any, str]]:
    """(name, owner, name in the owner) of every buffer in the module's state_dict, one that is shared only once."""
    seen: set[int] = set()
    for path, owner in module.named_modules():
        for key, buffer in owner._buffers.items():
            if buffer is not None and key not in owner._non_persistent_buffers_set and id(buffer) not in seen:
                seen.add(id(buffer))
                yield f"{path}.{key}" if path else key, owner, key


def names_of(module: Any) -> str:
    """The submodules at the top of a module, as a hint."""
    names = [name for name, _ in module.named_children()]
    return ", ".join(names[:20] + (["..."] if len(names) > 20 else []))
