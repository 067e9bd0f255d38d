"""A model, and the values and code of a user's layers, as JSON values, the same in every process: what they compute with, and never where
it lies."""

import dis
import hashlib
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

_VALUES = (bool, int, float, str, tuple, np.ndarray, np.generic)
_DEEPEST = 6  # objects inside objects, and functions that functions call
# What these define is told by its name: their versions are in a job's environment.
_LIBRARIES = {
    *sys.stdlib_module_names,
    *("keras", "keras_hub", "tensorflow", "jax", "jaxlib", "torch", "torchvision", "timm", "numpy", "scipy", "ncap"),
}


def described_model(model: "keras.Model") -> str:
    """The architecture of a model as JSON: what Keras would save of it, except for layer names, which Keras numbers throughout a process.

    For layers that are not Keras' own, it includes their code and their attributes.
    """
    plain = json.loads(json.dumps(_inside(model), sort_keys=True, default=described))
    return json.dumps(_without_names(plain), sort_keys=True)


def _inside(layer: Any) -> Any:
    """The class and settings of a layer and of all layers inside it; for classes from elsewhere, also their code and attributes.

    Keras saves no argument that it cannot serialize, such as an array, and of a class of the user's perhaps nothing at all.
    """
    kind = type(layer)
    config: Any = None
    if any(base.__name__ == "TorchModuleWrapper" for base in kind.__mro__):  # its config is its pickled weights
        config = [described_module(layer.module), getattr(layer, "features", "")]
    else:
        with suppress(Exception):  # a user's get_config may do anything
            config = layer.get_config()
    inside = [_inside(each) for each in layer._flatten_layers(include_self=False, recursive=False)]
    return [kind.__name__, described_layer(layer), config, inside]


def _without_names(described: Any) -> Any:
    """The same values with every layer name replaced by the number of its first occurrence; keys stay as they are."""
    names = re.findall(r'"name": "([^"]*)"', json.dumps(described, sort_keys=True))
    numbers = {name: f"#{index}" for index, name in enumerate(dict.fromkeys(names))}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(inside) for key, inside in value.items()}
        if isinstance(value, list):
            return [renamed(inside) for inside in value]
        return numbers.get(value, value) if isinstance(value, str) else value

    return renamed(described)


def described(value: Any, depth: int = 0) -> Any:
    """A value as numbers, texts, lists and dictionaries; an array by its fingerprint, code by its source and what it refers to.

    >>> described({"mean": np.zeros(2), "names": {"b", "a"}})
    {'mean': 'array cdead7b1f5591afe', 'names': ['a', 'b']}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return described(value.item(), depth)
    if depth >= _DEEPEST or isinstance(value, ModuleType):
        return getattr(value, "__name__", type(value).__qualname__)
    if isinstance(value, Mapping):
        return {
            str(key): described(inside, depth + 1)
            for key, inside in sorted(value.items(), key=lambda item: str(item[0]))
        }
    if isinstance(value, list | tuple):
        return [described(inside, depth + 1) for inside in value]
    if isinstance(value, Set):
        return sorted((described(inside, depth + 1) for inside in value), key=repr)
    if inspect.isroutine(value) or inspect.isclass(value):
        return _code(value, depth)
    return _object(value, depth)


def described_layer(layer: Any) -> list[Any]:
    """What the classes of a layer that are the user's read and keep on it, and the user's functions that Keras' own layers call."""
    classes = [kind for kind in type(layer).__mro__ if not _of_a_library(kind)]
    codes = [function.__code__ for kind in classes for function in _functions(kind)]
    # What is set from outside the class, on the layer or on the class, is kept if the class reads it.
    kept, read = (set().union(*(_names(code, step) for code in codes)) for step in ("STORE_ATTR", "LOAD_ATTR"))
    values = {
        name: value
        for name, value in vars(layer).items()
        if name in kept or (name in read and isinstance(value, _VALUES)) or _is_of_the_user(value)
    }
    own = {
        name: value
        for kind in reversed(classes)
        for name, value in vars(kind).items()
        if name in read and isinstance(value, _VALUES)
    }
    return [*map(described, classes), described(own | values)] if classes or values else []


def described_module(module: Any) -> list[Any]:
    """A torch.nn.Module: what it prints, and of the user's classes in it their code and attributes; not its weights.

    Buffers that are no part of its state, such as a table of positions, are told by their fingerprints.
    """
    inside = dict(module.named_modules())
    classes = {kind for one in inside.values() for kind in type(one).__mro__ if not _of_a_library(kind)}
    kept = {name: values for name, one in inside.items() if (values := _kept_by_module(one))}
    return [repr(module), [described(kind) for kind in sorted(classes, key=lambda kind: kind.__qualname__)], kept]


def _kept_by_module(module: Any) -> dict[str, Any]:
    own = any(not _of_a_library(kind) for kind in type(module).__mro__)
    values = {
        name: described(value)
        for name, value in vars(module).items()
        if (own and not name.startswith("_") and name != "training") or _is_of_the_user(value)
    }
    hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
    fixed = {name: _tensor(module._buffers[name]) for name in sorted(module._non_persistent_buffers_set)}
    return values | ({"hooks": described(hooks)} if hooks else {}) | ({"buffers": fixed} if fixed else {})


def _tensor(tensor: Any) -> Any:
    if tensor is None:
        return None
    tensor = tensor.double() if tensor.dtype.is_floating_point else tensor  # numpy has no bfloat16
    return _array(np.ascontiguousarray(tensor.detach().cpu().numpy()))


def _is_of_the_user(value: Any) -> bool:
    return isinstance(value, FunctionType | MethodType) and not _of_a_library(value)


def _object(value: Any, depth: int) -> Any:
    """An array by its fingerprint; an object of the user's by its class and attributes, one of a library by its class."""
    kind = type(value)
    # Layers have a description of their own, and weights a fingerprint.
    if any(each.__module__.partition(".")[0] == "keras" for each in kind.__mro__):
        return kind.__qualname__
    if hasattr(value, "__array__"):
        with suppress(Exception):  # a symbolic tensor has no values
            values = np.ascontiguousarray(value)
            return described(values.tolist(), depth + 1) if values.dtype.hasobject else _array(values)
    return (
        kind.__qualname__
        if _of_a_library(kind)
        else [kind.__qualname__, described(getattr(value, "__dict__", {}), depth + 1)]
    )


def _array(values: np.ndarray) -> str:
    digest = hashlib.sha256(f"{values.dtype.str}{values.shape}".encode() + values.tobytes()).hexdigest()
    return f"array {digest[:16]}"


def _of_a_library(value: Any) -> bool:
    return (getattr(value, "__module__", None) or "builtins").partition(".")[0] in _LIBRARIES


def _code(value: Any, depth: int) -> Any:
    """The source of a function or class, and the values of the names outside that it reads."""
    value = value.__func__ if isinstance(value, MethodType) else inspect.unwrap(value)
    if _of_a_library(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    source = getattr(value, "__qualname__", type(value).__qualname__)
    with suppress(OSError, TypeError):
        source = inspect.getsource(value)
    found: dict[str, Any] = {}
    for function in _functions(value):
        found |= _read(function)
    outside = {name: described(read, depth + 1) for name, read in sorted(found.items()) if read is not value}
    return [source, outside] if outside else source


def _functions(value: Any) -> Iterator[FunctionType]:
    members = vars(value).values() if inspect.isclass(value) else [value]
    for member in members:
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(function, FunctionType):
            yield function


def _read(function: FunctionType) -> dict[str, Any]:
    """What a function reads from outside: constants, functions and classes, but nothing that is there to be changed."""
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # not bound yet
            found[name] = cell.cell_contents
    found.pop("__class__", None)
    read = _names(function.__code__, "LOAD_GLOBAL") - _names(function.__code__, "STORE_GLOBAL")
    found |= {name: function.__globals__[name] for name in read if name in function.__globals__}
    return {
        name: value for name, value in found.items() if isinstance(value, (*_VALUES, type)) or inspect.isroutine(value)
    }


def _names(code: CodeType, step: str) -> set[str]:
    """The names that steps of one kind have in code, functions inside it included."""
    found = {each.argval for each in dis.get_instructions(code) if each.opname == step}
    return found.union(*(_names(inner, step) for inner in code.co_consts if isinstance(inner, CodeType)))
