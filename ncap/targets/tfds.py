"""Data sets of TensorFlow Datasets, where that is installed: `tfds:mnist`, or `tfds:name/config:version`."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ncap.reasons import first_line
from ncap.targets.arrays import ArrayTarget, load_arrays
from ncap.targets.contract import Format, Loading
from ncap.targets.parts import Part

PREFIX = "tfds:"
# Names that its data sets give their splits -> parts of a target.
_SPLITS = {"train": "train", "validation": "val", "valid": "val", "val": "val", "test": "test"}


def read(path: Path, loading: Loading) -> ArrayTarget:
    """The data set that the path names, in memory; its splits train, validation and test become parts, and `loading` splits off the rest.

    Raises ValueError for an unknown name or one that cannot be downloaded, for a data set without "image" and "label", and for images of
    different sizes.
    """
    import tensorflow_datasets as tfds

    name = str(path).removeprefix(PREFIX)
    try:
        splits = tfds.load(name, batch_size=None)
    except Exception as error:  # what it raises for an unknown name, without a network and for a damaged copy differs
        raise ValueError(
            f"target '{PREFIX}{name}' cannot be loaded: {first_line(error, 200) or type(error).__name__}; `tfds build` makes a copy, its "
            "catalog lists the names"
        ) from error
    chosen = {_SPLITS[split]: rows for split, rows in splits.items() if split in _SPLITS}
    if "train" not in chosen:
        raise ValueError(
            f"target '{PREFIX}{name}' has the splits {', '.join(map(str, splits))}; one named train is needed"
        )
    parts = {part: _arrays(name, tfds.as_numpy(rows)) for part, rows in chosen.items()}
    return load_arrays(name, parts, loading)


def _arrays(name: str, rows: Iterable[Mapping[str, Any]]) -> Part:
    """The images and labels of one split."""
    images, labels = [], []
    for row in rows:
        if not isinstance(row, Mapping) or not {"image", "label"} <= row.keys():
            raise ValueError(f"target '{PREFIX}{name}': its samples must have an image and a label, which it lacks")
        images.append(np.asarray(row["image"]))
        labels.append(int(row["label"]))
    if len({image.shape for image in images}) > 1:
        raise ValueError(
            f"target '{PREFIX}{name}': its images differ in size; save them as files in a folder of class folders, and pass that"
        )
    return np.stack(images) if images else np.empty((0,)), np.asarray(labels, np.int64)


def _check(path: Path) -> None:
    """Refuse the name where TensorFlow Datasets is not installed; nothing is imported."""
    if find_spec("tensorflow_datasets") is None:
        raise ValueError(
            f"target '{path}' is a name of TensorFlow Datasets, which is not installed; pip install tensorflow-datasets, or pass a name "
            "that `ncap datasets` lists"
        )


FORMAT = Format(f"{PREFIX}NAME", lambda path: str(path).startswith(PREFIX), _check, read)
