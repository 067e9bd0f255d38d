"""Fashion-MNIST and CIFAR-10: from a .npz file in the folder $NCAP_DATA, or downloaded by Keras."""

import os
from functools import partial
from pathlib import Path

from ncap.targets import npz
from ncap.targets.arrays import ArrayTarget
from ncap.targets.contract import Loading, Source, Target


def load(name: str, loading: Loading) -> Target:
    """The target in $NCAP_DATA/images/<name>.npz, else that of keras.datasets; `loading` decides the splits.

    Raises ValueError where there is neither such a file nor a network.
    """
    folder = os.environ.get("NCAP_DATA")
    file = Path(folder, "images", f"{name}.npz") if folder else None
    if file and file.is_file():
        return npz.read(file, loading)
    import keras

    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # keras raises a bare Exception when the download fails
        raise ValueError(
            f"target {name!r} cannot be reached: NCAP_DATA is {folder!r}, with no file images/{name}.npz, and "
            f"keras.datasets.{name} cannot be downloaded ({error}); set NCAP_DATA to a folder with that file, or "
            "connect to a network once"
        ) from error
    return ArrayTarget.from_parts(name, {"train": train, "test": test}, loading.seed)


def _source(name: str, input_shape: tuple[int, int, int]) -> Source:
    where = f"$NCAP_DATA/images/{name}.npz, else keras.datasets"
    return Source(name, input_shape, 10, where, partial(load, name))


FASHION_MNIST = _source("fashion_mnist", (28, 28, 1))
CIFAR10 = _source("cifar10", (32, 32, 3))
