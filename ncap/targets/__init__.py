"""Targets: the data sets on which candidates are ranked.

A new one is a file here, or anywhere, and one line below: a data set with a name, or a format of files.

>>> from ncap import targets
>>> targets.load("digits", seed=0)
Target('digits', 1078 training, 359 validation, 360 test images of shape (8, 8, 1), 10 classes)
"""

from ncap.registry import Registry
from ncap.targets.contract import Format, Source

NAMED: Registry[Source] = Registry(
    "target",
    {
        "digits": "ncap.targets.digits:SOURCE",
        "fashion_mnist": "ncap.targets.keras_datasets:FASHION_MNIST",
        "cifar10": "ncap.targets.keras_datasets:CIFAR10",
        "cifar100": "ncap.targets.keras_datasets:CIFAR100",
        "mnist": "ncap.targets.keras_datasets:MNIST",
        "svhn": "ncap.targets.svhn:SOURCE",
        "svhn_small": "ncap.targets.npz_copies:SVHN_SMALL",
        "tinyimagenet15": "ncap.targets.tinyimagenet:SOURCE",
        "birds": "ncap.targets.npz_copies:BIRDS",
        "flowers": "ncap.targets.npz_copies:FLOWERS",
        "streetletters": "ncap.targets.npz_copies:STREETLETTERS",
    },
)
# The first format that accepts a path reads it.
FORMATS: Registry[Format] = Registry(
    "format",
    {
        "tfds": "ncap.targets.tfds:FORMAT",
        "svhn": "ncap.targets.svhn:FORMAT",
        "folder": "ncap.targets.folder:FORMAT",
        "npz": "ncap.targets.npz:FORMAT",  # last: it accepts, and then refuses, whatever exists
    },
)

from ncap.targets.arrays import ArrayTarget  # noqa: E402  the catalog reads the registries above
from ncap.targets.catalog import describe, list_targets, load, names, resolve  # noqa: E402
from ncap.targets.contract import Target  # noqa: E402
from ncap.targets.splits import stratified_subset  # noqa: E402

__all__ = [
    "ArrayTarget",
    "Format",
    "Source",
    "Target",
    "describe",
    "list_targets",
    "load",
    "names",
    "resolve",
    "stratified_subset",
]
