"""The targets that ncap knows by name, and how any target is loaded."""

import os
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from ncap.data import npz
from ncap.data.target import Target


def load(spec: str | os.PathLike[str] | Target, seed: int = 0) -> Target:
    """The target that `spec` stands for: one of `names()`, the path of a .npz file, or a Target, returned as it is.

    seed: decides the stratified splits of the parts that are missing. Raises ValueError for an unknown name, with the
    nearest known one, for a file that does not fit (ncap.data.npz.read) and for a data set that cannot be reached.

    >>> load("digits").y_test.shape
    (360,)
    """
    if isinstance(spec, Target):
        return spec
    if not isinstance(spec, str | os.PathLike):
        raise TypeError(f"target: a name, the path of a .npz file or a Target is needed, got {type(spec).__name__}")
    text = os.fspath(spec)
    if text in _LOADERS:
        return _LOADERS[text](seed)
    if Path(text).suffix == ".npz" or Path(text).is_file():
        return npz.read(text, seed)
    nearest = get_close_matches(text, names(), n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ValueError(f"unknown target {text!r}; {hint}known: {', '.join(names())}, or the path of a .npz file")


def names() -> list[str]:
    """The targets that can be loaded by name.

    >>> names()
    ['digits', 'fashion_mnist', 'cifar10']
    """
    return list(_LOADERS)


def describe() -> list[tuple[str, tuple[int, int, int], int, str]]:
    """Per known target: name, image shape, number of classes, source. Nothing is loaded.

    >>> describe()[0]
    ('digits', (8, 8, 1), 10, 'scikit-learn, offline')
    """
    return [
        ("digits", (8, 8, 1), 10, "scikit-learn, offline"),
        ("fashion_mnist", (28, 28, 1), 10, "$NCAP_DATA/images/fashion_mnist.npz, else keras.datasets"),
        ("cifar10", (32, 32, 3), 10, "$NCAP_DATA/images/cifar10.npz, else keras.datasets"),
    ]


def _digits(seed: int) -> Target:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    # sixteen grey levels become the 0..255 of every other target
    return Target.from_parts("digits", {"all": (images.reshape(-1, 8, 8, 1) * (255 / 16), labels)}, seed)


def _file_or_download(name: str, seed: int) -> Target:
    folder = os.environ.get("NCAP_DATA")
    file = Path(folder, "images", f"{name}.npz") if folder else None
    if file and file.is_file():
        return npz.read(file, seed)
    import keras

    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # keras raises a bare Exception when the download fails
        raise ValueError(
            f"target {name!r} cannot be reached: NCAP_DATA is {folder!r}, with no file images/{name}.npz, and "
            f"keras.datasets.{name} cannot be downloaded ({error}); set NCAP_DATA to a folder with that file, or "
            "connect to a network once"
        ) from error
    return Target.from_parts(name, {"train": train, "test": test}, seed)


_LOADERS: dict[str, Callable[[int], Target]] = {
    "digits": _digits,
    "fashion_mnist": partial(_file_or_download, "fashion_mnist"),
    "cifar10": partial(_file_or_download, "cifar10"),
}
