"""A network under its probe as layers of Keras alone."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import keras

from ncap.measure.probe import Probe

Shape = Sequence[int | None]
_OUTPUT = "probabilities"


def plain_probe(body: keras.Model, probe: Probe, shape: Shape) -> keras.Model:
    """The network with the probe's layers taken out of it: images (n, *shape) -> logits (n, classes), equal to those of the probe.

    shape: (h, w, c) of the images that it is to take. The body is shared, the head's weights are copied, and all of it can be trained.

    >>> import numpy as np
    >>> body = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(3, 3, activation="relu")])
    >>> from ncap.measure.probe import attach_probe, find_probe
    >>> model = attach_probe(body, classes=2, hidden=(5, 4))
    >>> plain = plain_probe(body, find_probe(model), (4, 4, 1))
    >>> x = np.ones((2, 4, 4, 1), "float32")
    >>> bool((plain.predict_on_batch(x) == model.predict_on_batch(x)).all())
    True
    >>> needs(plain)
    []
    """
    images = keras.Input(shape, dtype=body.inputs[0].dtype, name="images")
    z = pooled(body(images))
    for index, unit in enumerate(probe.units, start=1):
        z = keras.layers.ReLU(name=f"relu_{index}", dtype=probe.dtype_policy)(_copied(unit.dense, z))
        for layer in (unit.norm, unit.dropout):
            if layer is not None:
                z = _copied(layer, z)
    return keras.Model(images, _copied(probe.logits, z), name=f"{body.name}_classifier")


def pooled(features: keras.KerasTensor) -> keras.KerasTensor:
    """Features (n, d) of a body's output: itself, or the spatial mean of maps (n, h, w, d), as the probe takes them."""
    if len(features.shape) == 4:
        return keras.layers.GlobalAveragePooling2D(data_format="channels_last", name="pool")(features)
    return features


def with_probabilities(logits: keras.Model) -> keras.Model:
    """The same network with class probabilities (n, classes) in place of its logits, in float32 whatever it computes in."""
    outputs = keras.layers.Softmax(name=_OUTPUT, dtype="float32")(logits.outputs[0])
    return keras.Model(logits.inputs[0], outputs, name=logits.name)


def needs(model: keras.Model) -> list[str]:
    """What keras.models.load_model has to be given with a model; [] for layers and functions of Keras alone.

    The modules to import before, for classes and functions that are not Keras' own; custom_objects=NAME for each of them that its module
    does not register, which Keras finds in no other way; safe_mode=False where the code of a lambda is saved.
    """
    found: set[str] = set()
    for layer in [model, *model._flatten_layers()]:
        kind = type(layer)
        if not _is_of_keras(kind.__module__):
            found |= _to_find(kind.__module__, keras.saving.get_registered_name(kind))
        # A user's get_config may do anything, and Keras warns of lambdas.
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.update(*_needed(keras.saving.serialize_keras_object(layer.get_config())))
    return sorted(found)


def _needed(config: Any) -> Iterator[set[str]]:
    """What the serialized objects inside a config need."""
    if isinstance(config, list | tuple):
        for inside in config:
            yield from _needed(inside)
    if not isinstance(config, dict):
        return
    kind, module = config.get("class_name"), config.get("module")
    if kind == "__lambda__":
        yield {"safe_mode=False"}
    elif kind == "function":  # Keras saves the name alone
        yield _to_find(None, str(config.get("config")))
    elif kind is not None and isinstance(module, str) and not _is_of_keras(module):
        yield _to_find(module, str(config.get("registered_name") or kind))
    for inside in config.values():
        yield from _needed(inside)


def _to_find(module: str | None, name: str) -> set[str]:
    """What lets Keras find a class or function by the name that it is registered by, or has; module: where it is, if that is known."""
    known = keras.saving.get_registered_object(name)
    if known is not None:
        module = known.__module__
    elif module is None and any(hasattr(getattr(keras, part), name) for part in _WITH_FUNCTIONS):
        return set()
    found = set() if module is None or _is_of_keras(module) else {module}
    return found if known is not None else {*found, f"custom_objects={name}"}


_WITH_FUNCTIONS = ("activations", "constraints", "initializers", "losses", "metrics", "regularizers")


def _is_of_keras(module: str) -> bool:
    return module.partition(".")[0] in ("keras", "builtins")


def _copied(layer: keras.layers.Layer, inputs: keras.KerasTensor) -> keras.KerasTensor:
    """What a trainable copy of a layer, with its weights, makes of `inputs`."""
    config = layer.get_config() | {"trainable": True}
    copy = type(layer).from_config(config)
    outputs = copy(inputs)
    copy.set_weights(layer.get_weights())
    return outputs
