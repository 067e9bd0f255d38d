"""Fingerprints: what tells one body, or one state of training, from another."""

import hashlib
import inspect
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def fingerprint(arrays: Iterable[Any]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of arrays, their shapes and types; None stands for an absent one.

    >>> fingerprint([np.zeros(2)]) == fingerprint([np.zeros(2)]), fingerprint([np.zeros(2)]) == fingerprint([np.zeros((2, 1))])
    (True, False)
    """
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"absent")
            continue
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data.cast("B") if array.size else b"")
    return digest.hexdigest()[:16]


def body_fingerprint(body: "keras.Model") -> str:
    """What tells one body from another: "<weights>:<version of Keras>:<architecture>", each a short hash or text.

    The architecture is what Keras would write of the model into a file, names aside, since Keras numbers them through the life of a
    process; of layers that are not Keras' own, their source as well.
    """
    import keras

    return f"{fingerprint(body.get_weights())}:{keras.__version__}:{architecture_fingerprint(body)}"


def same_body(stored: str, own: str) -> bool:
    """Whether two fingerprints are of one body. What one of them does not tell is not held against the other.

    ncap 0.1 kept the weights alone; another version of Keras may describe the same architecture in other words.

    >>> same_body("ab", "ab:3.15.1:cd"), same_body("ab:3.15.1:cd", "ab:3.15.1:ef"), same_body("ab:3.14.0:cd", "ab:3.15.1:ef")
    (True, False, True)
    """
    (weights, *rest), (own_weights, *own_rest) = stored.split(":"), own.split(":")
    comparable = rest and own_rest and rest[0] == own_rest[0]
    return weights == own_weights and (not comparable or rest == own_rest)


def architecture_fingerprint(body: "keras.Model") -> str:
    """The first 8 hexadecimal digits of the SHA-256 of a model's architecture."""
    plain = json.loads(json.dumps(_described(body), sort_keys=True, default=_plain))
    return hashlib.sha256(json.dumps(_without_names(plain), sort_keys=True).encode()).hexdigest()[:8]


def _described(layer: "keras.layers.Layer") -> Any:
    """Class, settings and, of a stranger's class, source of a layer and of all layers in it."""
    kind = type(layer)
    config: Any = None
    if hasattr(layer, "module") and kind.__name__ == "TorchModuleWrapper":  # its config is its pickled weights
        config = repr(layer.module)
    else:
        with suppress(Exception):  # a stranger's get_config may do anything
            config = layer.get_config()
    own = "" if kind.__module__.partition(".")[0] == "keras" else _source(kind)
    inside = [_described(each) for each in getattr(layer, "layers", [])]
    return [kind.__name__, own, config, inside]


def _plain(value: Any) -> str:
    """What stands for a value that JSON does not know; never its address."""
    if isinstance(value, np.ndarray):
        return fingerprint([value])
    return _source(value) if inspect.isroutine(value) or inspect.isclass(value) else type(value).__qualname__


def _source(kind: Any) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return kind.__qualname__


def _without_names(described: Any) -> Any:
    """The same values with every name of a layer replaced by the number of its first occurrence; keys stay as they are."""
    names = re.findall(r'"name": "([^"]*)"', json.dumps(described, sort_keys=True))
    numbers = {name: f"#{index}" for index, name in enumerate(dict.fromkeys(names))}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(inside) for key, inside in value.items()}
        if isinstance(value, list):
            return [renamed(inside) for inside in value]
        return numbers.get(value, value) if isinstance(value, str) else value

    return renamed(described)
