"""Weights of a Keras model in an HDF5 file: one plain array per variable, no code and no pickle in it.

The path of a variable is "<position>_<layer class>/<variable>", such as 03_Conv2D/kernel. It depends on the order of the layers alone,
whereas Keras goes on numbering its layers' names for as long as the process lives.
"""

from pathlib import Path

import h5py
import keras
import numpy as np


def variables(model: keras.Model) -> dict[str, keras.Variable]:
    """The model's weights, non-trainable ones included, by path, in the order of its layers."""
    return {
        f"{position:02d}_{type(layer).__name__}/{_path_inside(layer, variable)}": variable
        for position, layer in enumerate(model.layers)
        for variable in layer.weights
    }


def _path_inside(layer: keras.layers.Layer, variable: keras.Variable) -> str:
    # Keras' path is [<model>/]<layer>/<what we want>
    return f"/{variable.path}".partition(f"/{layer.name}/")[2]


def save_weights(model: keras.Model, path: Path) -> None:
    """Write the model's weights as float32 arrays, the same bytes for the same weights."""
    with h5py.File(path, "w") as file:
        for name, variable in variables(model).items():
            file.create_dataset(name, data=np.asarray(variable, np.float32), track_times=False)


def load_weights(model: keras.Model, path: Path) -> None:
    """Set every weight of the model to the array of the same path in the file; nothing is set unless everything fits.

    Raises ValueError when the file is missing, is not HDF5, or lacks an array, holds one too many or one of another shape.
    """
    stored, wanted = _arrays(path), variables(model)
    unmatched = sorted(stored.keys() ^ wanted.keys())
    if unmatched:
        side = "file" if unmatched[0] in stored else "model"
        raise ValueError(f"{path} does not fit the model: {unmatched[0]} is only in the {side}")
    for name, variable in wanted.items():
        if stored[name].shape != tuple(variable.shape):
            raise ValueError(
                f"{path} does not fit the model: {name} has shape {stored[name].shape}, the model's {tuple(variable.shape)}"
            )
    for name, variable in wanted.items():
        variable.assign(stored[name])


def _arrays(path: Path) -> dict[str, np.ndarray]:
    arrays = {}

    def read(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(read)
    except OSError as error:
        raise ValueError(f"{path}: no weights can be read ({error})") from error
    return arrays
