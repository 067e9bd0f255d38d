"""Candidates from PyTorch: a torch.nn.Module as a body, on Keras' torch backend."""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import copy, deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ncap.arguments import is_name, whole_number
from ncap.candidates.contract import Candidate
from ncap.reasons import first_line

if TYPE_CHECKING:
    import keras

HEADS = ("fc", "classifier", "head", "heads")  # where torchvision and timm keep theirs
TRIALS = (64, 96)  # sizes at which a module that names none is tried


class Normalisation(NamedTuple):
    """Per channel, or one for all, of images with values 0..1: what is subtracted, and what the rest is divided by."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class TorchCandidate(Candidate):
    """A PyTorch module as a candidate; see `from_torch`."""

    def __init__(
        self,
        name: str,
        make: Callable[[], Any],
        *,
        size: tuple[int, int] | None = None,
        normalisation: Normalisation | None = None,
        channels: int | None = None,
        features: str | None = None,
        family: str = "",
        source: str = "",
        licence: str = "",
    ) -> None:
        check_backend(name)
        self.name, self.make, self.features = name, make, features
        self.size, self.normalisation, self.channels = size, normalisation, channels
        self.family, self.source, self.licence = family, source, licence
        if size is not None and channels is not None:
            self.input_shape = (*size, channels)

    def at_size(self, size: int) -> Self:
        """The same module for images of size x size; building it refuses a size that the module does not take."""
        other = copy(self)
        other.size = (size, size)
        if self.input_shape is not None:
            other.input_shape = (size, size, self.input_shape[2])
        return other

    def build(self) -> "keras.Model":
        """A fresh body: raw images (n, h, w, c), normalised, through the module without its head.

        Raises: TypeError for anything but a torch.nn.Module; ValueError where it has no head that can be told apart, and where it does
        not take images of the size.
        """
        import keras

        from ncap.candidates.torch_body import TorchBody

        module = self._module()
        told = _configuration(module)
        shape = self._shape(module, told)
        features = without_head(self.name, module, self.features)
        if features:
            _leave_out_what_follows(module, features, _trial(shape)[0])
        layer = TorchBody(module, features, name="torch")
        layer.output_shape = self._output_shape(layer, shape)
        inputs = keras.Input(shape)
        mean, std = self._normalisation(told, shape[2])
        scaled = keras.layers.Rescaling(
            [1 / (255 * one) for one in std], offset=[-m / s for m, s in zip(mean, std, strict=True)]
        )(inputs)
        return keras.Model(inputs, layer(scaled))

    def _module(self) -> Any:
        import torch

        module = self.make()
        if not isinstance(module, torch.nn.Module):
            raise TypeError(
                f"candidate {self.name!r}: a function that returns a torch.nn.Module is needed, it returned {type(module).__name__}"
            )
        return module

    def _shape(self, module: Any, told: dict[str, Any]) -> tuple[int | None, int | None, int]:
        sizes = told.get("input_size")
        channels = self.channels or (sizes[0] if sizes else _channels(module))
        height, width = self.size or (tuple(sizes[1:]) if sizes else (None, None))
        return height, width, channels

    def _normalisation(self, told: dict[str, Any], channels: int) -> Normalisation:
        own = (
            Normalisation(*(tuple(told[key]) for key in Normalisation._fields))
            if {"mean", "std"} <= set(told)
            else None
        )
        chosen = self.normalisation or own
        if chosen is None:
            warnings.warn(
                f"candidate {self.name!r}: the module does not say how its images are normalised, so that it gets values 0..1; pass "
                "mean= and std=, of values 0..1, as it was trained with",
                stacklevel=3,
            )
            chosen = Normalisation((0.0,), (1.0,))
        if own is not None and self.normalisation is not None and not _agree(own, chosen):
            warnings.warn(
                f"candidate {self.name!r}: mean={chosen.mean}, std={chosen.std} are used; the module's own configuration says "
                f"mean={own.mean}, std={own.std}",
                stacklevel=3,
            )
        try:
            return Normalisation(*(_per_channel(values, channels) for values in chosen))
        except ValueError as error:
            raise ValueError(f"candidate {self.name!r}: {error}") from None

    def _output_shape(self, layer: Any, shape: tuple[int | None, int | None, int]) -> tuple[int | None, ...]:
        """That of the features, tried on one image; where the input may have any size, on two."""
        found = []
        for trial in _trial(shape):
            try:
                found.append(layer.shape_for(trial))
            except Exception as error:  # whatever a user's forward raises
                sides = " x ".join(map(str, trial))
                raise ValueError(
                    f"candidate {self.name!r}: the module does not take an image of {sides}; pass size=, and channels=, as it was trained "
                    f"with ({type(error).__name__}: {first_line(error)})"
                ) from error
        if len(set(found)) == 1:
            return found[0]
        if len(found[0]) == 2:
            raise ValueError(
                f"candidate {self.name!r}: the number of features depends on the size of the images, {found[0][1]} at {TRIALS[0]} and "
                f"{found[1][1]} at {TRIALS[1]}; pass size=, as it was trained with"
            )
        return (None, None, None, found[0][3])


def from_torch(
    name: str,
    module: Any,
    *,
    size: int | tuple[int, int] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    channels: int | None = None,
    features: str | None = None,
    source: str = "",
    family: str = "",
    licence: str = "",
) -> Candidate:
    """A torch.nn.Module as a candidate, on Keras' torch backend.

    x -> module((x / 255 - mean) / std): raw images (n, h, w, c) with values 0..255 become channels first; the module's features (n, d) are
    returned as they are, maps (n, d, h, w) as (n, h, w, d).

    Args:
        name: what tables and stores call it.
        module: a function that takes no argument and returns a fresh pre-trained module, or a module, which is copied for every run.
        size: side of the images, or (h, w); by default what the module's `pretrained_cfg` says (timm's), else any.
        mean, std: of training images with values 0..1, per channel or one for all; by default the module's own. For a module that takes raw
            images, mean=0 and std=1/255.
        channels: by default the module's own, else that of its first convolution.
        features: the submodule whose output is returned, such as "layer4", with all that follows left out; "" for what the module itself
            returns. By default the head is left out: timm's by its own reset_classifier; the last dense layer of an attribute fc,
            classifier, head or heads. Any other module that ends in a dense layer or a softmax is refused, with names to choose from.
        source, family, licence: what is known of it.

    Raises: ValueError on another backend; TypeError for anything but such a function or module. What only the built module shows is raised
    by `build()`, before anything trains.

    >>> from ncap import candidates
    >>> candidates.from_torch("mine", 3)
    Traceback (most recent call last):
    TypeError: candidate 'mine': a torch.nn.Module, or a function that returns a fresh one, is needed, got 3
    """
    if not is_name(name):
        raise TypeError(f"name must be a text that is not empty, got {name!r:.80}")
    is_module = hasattr(module, "state_dict") and hasattr(module, "forward")  # found out without importing PyTorch
    if not callable(module) or (isinstance(module, type) and is_module):
        raise TypeError(
            f"candidate {name!r}: a torch.nn.Module, or a function that returns a fresh one, is needed, got {module!r:.80}"
        )
    if (mean is None) != (std is None):
        raise ValueError(f"candidate {name!r}: mean and std go together, got {mean=}, {std=}")
    return TorchCandidate(
        name,
        _copies(module) if is_module else module,
        size=_size(size),
        normalisation=None if mean is None else Normalisation(_numbers("mean", mean), _positive("std", std)),
        channels=None if channels is None else whole_number("channels", channels, least=1),
        features=features,
        family=family,
        source=source,
        licence=licence,
    )


def check_backend(name: str) -> None:
    """Raise ValueError unless Keras computes, or will compute, on PyTorch."""
    backend = _backend()
    if backend != "torch":
        raise ValueError(
            f"candidate {name!r} is a PyTorch module, which runs on Keras' torch backend only, and the backend is {backend!r}; "
            "set KERAS_BACKEND=torch before Keras is imported (pip install 'ncap[torch]')"
        )


def _backend() -> str:
    """Keras' backend, without importing Keras where nobody has yet."""
    loaded = getattr(sys.modules.get("keras"), "backend", None)
    if loaded is not None:
        return str(loaded.backend())
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"]
    try:
        settings = json.loads(
            (Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json").read_bytes()
        )
    except (OSError, ValueError):
        settings = {}
    return str(settings.get("backend", "tensorflow")) if isinstance(settings, dict) else "tensorflow"


def without_head(name: str, module: Any, features: str | None) -> str:
    """Take a module's head off, in place, and return the submodule whose output the features are; "" for what the module returns.

    Raises: ValueError where the head cannot be told apart, and for a submodule that does not exist.
    """
    import torch

    from ncap.candidates.torch_body import names_of

    if features is not None:
        if features not in dict(module.named_modules()):
            raise ValueError(
                f"candidate {name!r}: there is no submodule {features!r:.80}; choose one of {names_of(module)}, or one inside these"
            )
        return features
    if callable(getattr(module, "reset_classifier", None)):
        module.reset_classifier(0)
        return ""
    present = [head for head in HEADS if isinstance(getattr(module, head, None), torch.nn.Module)]
    if len(present) == 1:
        head = getattr(module, present[0])
        if isinstance(head, torch.nn.Identity):
            return ""
        shortened = _without_last_dense(head)
        if shortened is not None:
            setattr(module, present[0], shortened)
            return ""
    leaves = [one for one in module.modules() if not list(one.children())]
    ends = [one for one in leaves if not isinstance(one, torch.nn.Identity | torch.nn.Dropout)][-1:]
    outputs = (torch.nn.Linear, torch.nn.Softmax, torch.nn.LogSoftmax)
    if present or (ends and isinstance(ends[0], outputs)):
        seen = f"its {' and '.join(present)}" if present else f"its last layer, {ends[0]!r:.60},"
        raise ValueError(
            f"candidate {name!r}: {seen} may be a head, and cannot be taken off safely; pass features='NAME' with the submodule whose "
            f"output the features are, one of {names_of(module)} or one inside these, or features='' if the module returns features"
        )
    return ""


def _without_last_dense(head: Any) -> Any:
    """A head without the dense layer that gives the logits, and what follows it; None where it does not end in one."""
    import torch

    if isinstance(head, torch.nn.Linear):
        return torch.nn.Identity()
    if not isinstance(head, torch.nn.Sequential):
        return None
    layers = list(head)
    while layers and not list(layers[-1].parameters()):  # a softmax, a dropout
        layers.pop()
    return torch.nn.Sequential(*layers[:-1]) if layers and isinstance(layers[-1], torch.nn.Linear) else None


def _leave_out_what_follows(module: Any, features: str, shape: tuple[int, int, int]) -> None:
    """Take out, in place, the submodules that are called only after `features` or not at all, where the rest runs without them.

    Those that stay would count as parameters of the body, and never get a gradient.
    """
    import torch

    from ncap.candidates.torch_body import evaluating, output_of

    like = next((one for one in module.parameters() if one.is_floating_point()), torch.zeros(()))
    image = torch.zeros((1, shape[2], *shape[:2]), device=like.device, dtype=like.dtype)
    taken = []
    with torch.no_grad(), evaluating(module):
        try:
            called = _called(module, lambda: output_of(module, image, features))
        except Exception:  # the trial of the whole body, which comes next, says what is wrong
            return
        for parent, key, child in _beside(module, features, called):
            taken.append((parent, key, child))
            parent._modules[key] = torch.nn.Identity()
        try:
            output_of(module, image, features)
        except Exception:  # one of them is used without being called
            for parent, key, child in taken:
                parent._modules[key] = child


def _called(module: Any, run: Callable[[], Any]) -> set[str]:
    """The names of the submodules that are called while `run` runs."""
    called: set[str] = set()
    hooks = [
        one.register_forward_pre_hook(lambda _module, _inputs, name=name: called.add(name))
        for name, one in module.named_modules()
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return called


def _beside(module: Any, features: str, called: set[str]) -> Iterator[tuple[Any, str, Any]]:
    """(parent, key, child) of the submodules of all that `features` lies in, in which nothing was called."""
    steps = features.split(".")
    for path in (".".join(steps[:depth]) for depth in range(len(steps))):
        parent = module.get_submodule(path)
        for key, child in list(parent._modules.items()):
            inside = f"{path}.{key}" if path else key
            if child is not None and not any(one == inside or one.startswith(f"{inside}.") for one in called):
                yield parent, key, child


def _copies(module: Any) -> Callable[[], Any]:
    return lambda: deepcopy(module)


def _configuration(module: Any) -> dict[str, Any]:
    """What timm's networks say of their input; {} for others."""
    told = getattr(module, "pretrained_cfg", None) or getattr(module, "default_cfg", None) or {}
    if hasattr(told, "to_dict"):
        told = told.to_dict()
    known = ("input_size", "mean", "std")
    return {key: told[key] for key in known if told.get(key) is not None} if isinstance(told, dict) else {}


def _channels(module: Any) -> int:
    """What the first convolution takes."""
    import torch

    convolutions = (one for one in module.modules() if isinstance(one, torch.nn.Conv2d))
    return next((int(one.in_channels) for one in convolutions), 3)


def _trial(shape: tuple[int | None, int | None, int]) -> list[tuple[int, int, int]]:
    height, width, channels = shape
    return [(height or side, width or side, channels) for side in (TRIALS if None in shape else TRIALS[:1])]


def _agree(one: Normalisation, other: Normalisation) -> bool:
    pairs = [(a, b) for ours, theirs in zip(one, other, strict=True) for a, b in zip(ours, theirs, strict=False)]
    return all(abs(a - b) < 1e-3 for a, b in pairs)


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if len(values) not in (1, channels):
        raise ValueError(
            f"{len(values)} values for {channels} channels: mean and std need one, or one per channel, got {values}"
        )
    return values * (channels // len(values))


def _size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = tuple(size) if isinstance(size, Sequence) and not isinstance(size, str) else (size, size)
    if len(sides) != 2:
        raise ValueError(f"size must be a number or (height, width), got {size!r:.80}")
    height, width = (whole_number("size", side, least=1) for side in sides)
    return height, width


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    import numpy as np

    from ncap.arguments import numbers

    found = tuple(float(one) for one in np.atleast_1d(numbers(name, values)).ravel())
    if not found or not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite numbers, got {values!r:.80}")
    return found


def _positive(name: str, values: Any) -> tuple[float, ...]:
    found = _numbers(name, values)
    if min(found) <= 0:
        raise ValueError(f"{name} must be positive, got {values!r:.80}")
    return found
