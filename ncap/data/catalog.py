"""The targets that ncap knows by name, and how any target is loaded."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ncap.arguments import seed_number, suggestion
from ncap.data import npz
from ncap.data.target import Target


def load(spec: str | os.PathLike[str] | Target, seed: int = 0) -> Target:
    """The target that `spec` stands for: one of `names()`, the path of a .npz file, or a Target, returned as it is.

    seed: from 0 to 2^32 - 1, decides the stratified splits of the parts that are missing. Raises ValueError for an unknown name,
    with the nearest known one, for a file that does not fit (ncap.data.npz.read) and for a data set that cannot be reached.

    >>> load("digits").y_test.shape
    (360,)
    """
    return resolve(spec)(seed_number(seed))


def resolve(spec: str | os.PathLike[str] | Target) -> Callable[[int], Target]:
    """The function of a seed that loads the target; ValueError for a name that is not known, TypeError for what is no name.

    No data is read: what is mistyped need not wait for a framework.

    >>> resolve("digitz")
    Traceback (most recent call last):
    ValueError: unknown target 'digitz'; did you mean 'digits'? known: digits, fashion_mnist, cifar10, or the path of a .npz file
    """
    if isinstance(spec, Target):
        return lambda _: spec
    if not isinstance(spec, str | os.PathLike):
        raise TypeError(
            f"target must be a name, the path of a .npz file or an ncap.data.Target, got {type(spec).__name__}; save arrays with "
            "numpy.savez(path, x=x, y=y), or make a Target of them: Target.from_parts(name, {'all': (x, y)}, seed=0)"
        )
    text = os.fspath(spec)
    if text in _LOADERS:
        return _LOADERS[text]
    if text and (text.endswith(".npz") or (len(text) < 256 and Path(text).exists())):
        npz.check_file(Path(text))
        return partial(npz.read, text)
    raise ValueError(
        f"unknown target {text!r:.80}; {suggestion(text, names())}known: {', '.join(names())}, or the path of a .npz file"
    )


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
