"""A network under its probe as layers of Keras alone."""

from collections.abc import Sequence
from itertools import chain

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
    """The modules that must be imported before keras.models.load_model knows every layer of a model; [] for layers of Keras alone."""
    kinds = {type(layer) for layer in chain([model], model._flatten_layers())}
    return sorted({kind.__module__ for kind in kinds if kind.__module__.partition(".")[0] != "keras"})


def _copied(layer: keras.layers.Layer, inputs: keras.KerasTensor) -> keras.KerasTensor:
    """What a trainable copy of a layer, with its weights, makes of `inputs`."""
    config = layer.get_config() | {"trainable": True}
    copy = type(layer).from_config(config)
    outputs = copy(inputs)
    copy.set_weights(layer.get_weights())
    return outputs
