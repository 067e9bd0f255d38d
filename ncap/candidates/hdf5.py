"""Weights of a Keras model in an HDF5 file: one plain array per variable, no code and no pickle in it.

The path of a variable is "<position>_<layer class>/<variable>", such as 03_Conv2D/kernel. It depends on the order of the layers alone,
whereas Keras goes on numbering its layers' names for as long as the process lives.
"""

from pathlib import Path

import h5py
import keras
import numpy as np

from ncap import hdf5 as reading


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


def save_weights(model: keras.Model, path: Path, dtype: str = "float32") -> None:
    """Write the model's weights as float32 or float16 arrays, the same bytes for the same weights."""
    with h5py.File(path, "w") as file:
        for name, variable in variables(model).items():
            file.create_dataset(name, data=np.asarray(variable).astype(dtype), track_times=False)


def load_weights(model: keras.Model, path: Path, whole: bool = True) -> list[str]:
    """Set every weight of the model to the array of the same path in the file; nothing is read or set unless everything fits.

    whole: whether the file may hold nothing else; if it may, the paths of what was not read are returned.

    Raises ValueError when the file is missing, is not HDF5, or lacks an array, holds one too many, one of another shape or one that does
    not lie in it.
    """
    wanted = variables(model)
    try:
        with reading.opened(path) as file:
            stored, beyond = _arrays(file, wanted, whole)
    except _MisfitError as error:
        raise ValueError(f"{path} does not fit the model: {error}") from None
    except reading.HDF5Error as error:
        raise ValueError(f"{path}: no weights can be read ({error})") from error
    for variable, array in zip(wanted.values(), stored, strict=True):
        variable.assign(array)
    return beyond


class _MisfitError(reading.HDF5Error):
    """The arrays are not those of the model."""


def _arrays(file: h5py.File, wanted: dict[str, keras.Variable], whole: bool) -> tuple[list[np.ndarray], list[str]]:
    stored: dict[str, h5py.Dataset] = {}

    def note(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            stored[name] = item

    file.visititems(note)  # links are not followed
    unmatched = sorted(stored.keys() ^ wanted.keys() if whole else wanted.keys() - stored.keys())
    if unmatched:
        raise _MisfitError(f"{unmatched[0]} is only in the {'file' if unmatched[0] in stored else 'model'}")
    for name, variable in wanted.items():
        if stored[name].shape != tuple(variable.shape):
            raise _MisfitError(f"{name} has shape {stored[name].shape}, the model's {tuple(variable.shape)}")
    return reading.read([reading.plain(stored[name]) for name in wanted]), sorted(stored.keys() - wanted.keys())
