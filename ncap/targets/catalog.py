"""The targets that ncap knows by name, and how any target is loaded."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ncap.balance import Balance
from ncap.targets import FORMATS, NAMED
from ncap.targets.arrays import ArrayTarget
from ncap.targets.contract import Loading, Target
from ncap.targets.duplicates import warn_of_duplicates

if TYPE_CHECKING:
    import pandas as pd


def load(
    spec: str | os.PathLike[str] | Target,
    seed: int = 0,
    *,
    validation: float | int | None = None,
    test: float | int | None = None,
    on_bad: str = "fail",
) -> Target:
    """The target that `spec` stands for: one of `names()`, the path of a file or folder, or a Target, returned as it is.

    Args:
        seed: from 0 to 2^32 - 1, decides the stratified splits of the parts that are missing.
        validation, test: how much is split off for such a part, a share below 1 or a number of images; None for 20 %. Without either,
            data with a training part alone gets no test part.
        on_bad: "fail" refuses a folder with damaged files, "skip" leaves them out.

    Images that are in two parts, byte for byte, are warned of. Raises ValueError for an unknown name, with the nearest known one, for a
    file that does not fit (ncap.targets.npz.read), for a data set that cannot be reached, and for the size of a part that is there.

    >>> load("digits").lengths
    {'train': 1078, 'val': 359, 'test': 360}
    >>> load("digits", validation=500, test=0.1).lengths
    {'train': 1117, 'val': 500, 'test': 180}
    """
    return resolve(spec)(Loading(seed, validation, test, on_bad))


def resolve(spec: str | os.PathLike[str] | Target) -> Callable[[Loading], Target]:
    """The function that loads the target as a Loading says; no data is read, so that a mistyped name need not wait for a framework.

    Raises ValueError for an unknown name, with the nearest known one, and TypeError for anything but a name, a path or a Target.

    >>> resolve("digitz")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: unknown target 'digitz'; did you mean 'digits'? known: digits, ..., or the path of a .npz file
    """
    if isinstance(spec, Target):
        return partial(_as_it_is, spec)
    if not isinstance(spec, str | os.PathLike):
        raise TypeError(
            f"target must be a name, the path of a .npz file or an ncap.targets.Target, got {type(spec).__name__}; save arrays with "
            "numpy.savez(path, x=x, y=y), or make a Target of them: Target.from_parts(name, {'all': (x, y)}, seed=0)"
        )
    text = os.fspath(spec)
    if text in NAMED:
        return partial(_checked, NAMED.get(text).load)
    formats = list(FORMATS.members().values())
    for form in formats if text else ():
        if form.accepts(Path(text)):
            form.check(Path(text))
            return partial(_checked, partial(form.read, Path(text)))
    return NAMED.get(NAMED.check(text, also="".join(f", or {form.what}" for form in formats))).load


def _checked(read: Callable[[Loading], Target], loading: Loading) -> Target:
    """What is read, after a look for images in two parts; a stream looks for them itself, as it need not decode its images for that."""
    target = read(loading)
    if isinstance(target, ArrayTarget):
        warn_of_duplicates(target)
    return target


def _as_it_is(target: Target, loading: Loading) -> Target:
    for name in ("validation", "test"):
        if (size := getattr(loading, name)) is not None:
            raise ValueError(
                f"{name}={size}: the target {target.name!r:.80} is given with its parts, and nothing is split off; leave {name} out"
            )
    return target


def names() -> list[str]:
    """The targets that can be loaded by name.

    >>> names()[:3]
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
    """The targets that can be loaded by name: columns name, images ("h x w x c"), classes, source, licence, at_hand.

    at_hand is "yes", "to download" where loading needs a network once, or "no" where there is no file and nothing downloads one.

    >>> list_targets()[["name", "images", "classes"]].head(3)
                name       images  classes
    0         digits    8 x 8 x 1       10
    1  fashion_mnist  28 x 28 x 1       10
    2        cifar10  32 x 32 x 3       10
    """
    import pandas as pd

    lines = [
        (one.name, " x ".join(map(str, one.input_shape)), one.classes, one.source, one.licence, one.at_hand())
        for one in NAMED.members().values()
    ]
    return pd.DataFrame(lines, columns=["name", "images", "classes", "source", "licence", "at_hand"])


def part_table(target: Target) -> "pd.DataFrame":
    """How many images the parts of a target have, and how even its classes are.

    Columns part, images, classes (how many occur), rarest_class and most_frequent_class (their labels), rarest_share and
    most_frequent_share (of the part's images, 0..1).

    >>> part_table(load("digits"))[["part", "images", "classes", "rarest_class", "most_frequent_class"]]
        part  images  classes  rarest_class  most_frequent_class
    0  train    1078       10             8                    3
    1    val     359       10             8                    0
    2   test     360       10             0                    1
    """
    import pandas as pd

    lines = []
    for part in target.parts:
        labels = target.labels(part)
        even = Balance.of_labels(labels)
        shares = even.rarest_label, even.rarest, even.most_frequent_label, even.most_frequent
        lines.append((part, len(labels), len(np.unique(labels)), *shares))
    named = ["rarest_class", "rarest_share", "most_frequent_class", "most_frequent_share"]
    return pd.DataFrame(lines, columns=["part", "images", "classes", *named])
