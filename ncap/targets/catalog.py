"""The targets that ncap knows by name, and how any target is loaded."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ncap.targets import FORMATS, NAMED
from ncap.targets.contract import Loading, Target

if TYPE_CHECKING:
    import pandas as pd


def load(spec: str | os.PathLike[str] | Target, seed: int = 0) -> Target:
    """The target that `spec` stands for: one of `names()`, the path of a .npz file or of a folder, or a Target, returned as it is.

    seed: from 0 to 2^32 - 1, decides the stratified splits of the parts that are missing. Raises ValueError for an unknown name,
    with the nearest known one, for a file or folder that does not fit (ncap.targets.npz.read,
    ncap.targets.folder.read) and for a data set that cannot be reached.

    >>> load("digits").lengths
    {'train': 1078, 'val': 359, 'test': 360}
    """
    return resolve(spec)(Loading(seed))


def resolve(spec: str | os.PathLike[str] | Target) -> Callable[[Loading], Target]:
    """The function that loads the target as a Loading says; no data is read, so that a mistyped name need not wait for a framework.

    Raises ValueError for an unknown name, with the nearest known one, and TypeError for anything but a name, a path or a Target.

    >>> resolve("digitz")
    Traceback (most recent call last):
    ValueError: unknown target 'digitz'; did you mean 'digits'? known: digits, fashion_mnist, cifar10, or a folder of class folders, or \
the path of a .npz file
    """
    if isinstance(spec, Target):
        return lambda _: spec
    if not isinstance(spec, str | os.PathLike):
        raise TypeError(
            f"target must be a name, the path of a .npz file or an ncap.targets.Target, got {type(spec).__name__}; save arrays with "
            "numpy.savez(path, x=x, y=y), or make a Target of them: Target.from_parts(name, {'all': (x, y)}, seed=0)"
        )
    text = os.fspath(spec)
    if text in NAMED:
        return NAMED.get(text).load
    formats = list(FORMATS.members().values())
    for form in formats if text else ():
        if form.accepts(Path(text)):
            form.check(Path(text))
            return partial(form.read, Path(text))
    return NAMED.get(NAMED.check(text, also="".join(f", or {form.what}" for form in formats))).load


def names() -> list[str]:
    """The targets that can be loaded by name.

    >>> names()
    ['digits', 'fashion_mnist', 'cifar10']
    """
    return NAMED.names()


def describe() -> list[tuple[str, tuple[int, int, int], int, str]]:
    """Per known target: name, image shape (h, w, c), number of classes, source. No data is read.

    >>> describe()[0]
    ('digits', (8, 8, 1), 10, 'scikit-learn, offline')
    """
    return [(one.name, one.input_shape, one.classes, one.source) for one in NAMED.members().values()]


def list_targets() -> "pd.DataFrame":
    """The targets that can be loaded by name: columns name, images ("h x w x c"), classes, source.

    >>> list_targets()[["name", "images", "classes"]]
                name       images  classes
    0         digits    8 x 8 x 1       10
    1  fashion_mnist  28 x 28 x 1       10
    2        cifar10  32 x 32 x 3       10
    """
    import pandas as pd

    lines = [(name, " x ".join(map(str, shape)), classes, source) for name, shape, classes, source in describe()]
    return pd.DataFrame(lines, columns=["name", "images", "classes", "source"])
