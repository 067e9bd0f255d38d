"""Fingerprints, which tell one body, or one state of training, from another."""

import hashlib
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.training.description import described, described_layer, described_module

if TYPE_CHECKING:
    import keras


def fingerprint(arrays: Iterable[Any]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of arrays, their shapes and their types; None marks an absent array.

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
    """The fingerprint of a body: "<weights>:<version of Keras>:<architecture>", each a short hash or text.

    The architecture is what Keras would save of the model, except for layer names, which Keras numbers throughout the life of a process.
    For layers that are not Keras' own, it includes their code and their attributes.
    """
    import keras

    return f"{fingerprint(body.get_weights())}:{keras.__version__}:{architecture_fingerprint(body)}"


def same_body(stored: str, own: str) -> bool:
    """Whether two fingerprints belong to the same body. Only what both of them contain is compared.

    ncap 0.1 kept only the weights, and another version of Keras may describe the same architecture differently.

    >>> same_body("ab", "ab:3.15.1:cd"), same_body("ab:3.15.1:cd", "ab:3.15.1:ef"), same_body("ab:3.14.0:cd", "ab:3.15.1:ef")
    (True, False, True)
    """
    (weights, *rest), (own_weights, *own_rest) = stored.split(":"), own.split(":")
    comparable = rest and own_rest and rest[0] == own_rest[0]
    return weights == own_weights and (not comparable or rest == own_rest)


def architecture_fingerprint(body: "keras.Model") -> str:
    """The first 8 hexadecimal digits of the SHA-256 of a model's architecture."""
    plain = json.loads(json.dumps(_described(body), sort_keys=True, default=described))
    return hashlib.sha256(json.dumps(_without_names(plain), sort_keys=True).encode()).hexdigest()[:8]


def _described(layer: "keras.layers.Layer") -> Any:
    """The class and settings of a layer and of all layers inside it; for classes from elsewhere, also their code and attributes.

    Keras saves no argument that it cannot serialize, such as an array, and of a class of the user's perhaps nothing at all.
    """
    import keras

    kind = type(layer)
    config: Any = None
    if isinstance(layer, keras.layers.TorchModuleWrapper):  # its config is its pickled weights
        config = [described_module(layer.module), getattr(layer, "features", "")]
    else:
        with suppress(Exception):  # a user's get_config may do anything
            config = layer.get_config()
    own = described_layer(layer)
    inside = [_described(each) for each in getattr(layer, "layers", [])]
    return [kind.__name__, own, config, inside]


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
