"""Weights of a network that is known by name, from a user's HDF5 file: "VGG16=path/to/weights.h5"."""

from collections.abc import Iterator, Sequence
from itertools import count, takewhile
from pathlib import Path

import h5py
import keras
import numpy as np

from ncap import hdf5 as reading
from ncap.candidates import hdf5 as own_form
from ncap.reasons import one_line


def load(network: keras.Model, path: Path) -> str:
    """Set every weight of a network from a file, and return what was left out of it: the head, if the network has none; else "".

    The file may be one that Keras writes, NAME.weights.h5 or the older NAME.h5 of weights or of a whole model, or one in the form of
    `ncap.candidates.hdf5`. Raises ValueError where it is missing, damaged, or of another network; nothing outside the file is read.
    """
    try:
        with reading.opened(path) as file:
            if "layers" in file or "_layer_checkpoint_dependencies" in file:
                form = "keras 3"
            elif older := _older(file):
                return _load_older(network, older, path)
            else:
                form = "own"
    except reading.HDF5Error as error:
        raise ValueError(f"{path}: no weights can be read ({error})") from error
    if form == "keras 3":
        return _load_newer(network, path)
    return _note(path, own_form.load_weights(network, path, whole=False))


def _older(file: h5py.File) -> h5py.Group | None:
    """The group of layers in a file of Keras 1 or 2, of weights or of a whole model; None in any other file."""
    group = reading.child(file, "model_weights") if "model_weights" in file else file
    return group if _texts(group, "layer_names") else None


def _texts(group: h5py.Group, name: str) -> list[str]:
    """An attribute that is a list of texts; Keras divides a long one into NAME0, NAME1, ..."""
    parts = (
        [name] if name in group.attrs else list(takewhile(group.attrs.__contains__, (f"{name}{n}" for n in count())))
    )
    texts = [text for part in parts for text in np.asarray(group.attrs[part]).ravel()]
    return [text.decode(errors="replace") if isinstance(text, bytes) else str(text) for text in texts]


def _stored_layers(group: h5py.Group) -> Iterator[tuple[str, list[h5py.Dataset]]]:
    """The layers of an older file that have weights, with the weights."""
    for layer in _texts(group, "layer_names"):
        inside = reading.child(group, layer)
        arrays = []
        for weight in _texts(inside, "weight_names"):
            place = inside
            for part in weight.split("/"):
                place = reading.child(place, part)
            arrays.append(reading.plain(place))
        if arrays:
            yield layer, arrays


def _load_older(network: keras.Model, group: h5py.Group, path: Path) -> str:
    """Layer by layer in their order, as Keras does, whose layers' names are counted up within a process."""
    layers = [layer for layer in network.layers if layer.weights]
    stored = list(_stored_layers(group))
    wanted = []
    for position, layer in enumerate(layers):
        # In this order Keras wrote them.
        variables = [*layer.trainable_weights, *layer.non_trainable_weights]
        name, arrays = stored[position] if position < len(stored) else ("no layer", [])
        theirs, ours = [array.shape for array in arrays], [tuple(variable.shape) for variable in variables]
        if theirs != ours:
            raise ValueError(
                f"{path} does not fit {network.name}: layer {position} with weights is {layer.name}, of shapes {ours}, in the network and "
                f"{name}, of shapes {theirs}, in the file; pass the weights of this network"
            )
        wanted += variables
    values = reading.read([array for _, arrays in stored[: len(layers)] for array in arrays])
    for variable, value in zip(wanted, values, strict=True):
        variable.assign(value)
    return _note(path, [name for name, _ in stored[len(layers) :]])


def _load_newer(network: keras.Model, path: Path) -> str:
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"{path} has the form of Keras 3, whose files are called NAME.weights.h5; rename it")
    try:
        network.load_weights(path)
    except Exception as error:  # of many kinds, in Keras' words
        raise ValueError(f"{path} does not fit {network.name}: {one_line(error, 300)}") from error
    return ""


def _note(path: Path, left_out: Sequence[str]) -> str:
    return f"left out of {path.name}: {', '.join(left_out)}" if left_out else ""
