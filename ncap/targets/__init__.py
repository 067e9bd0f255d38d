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
        "fashion_mnist": "ncap.targets.keras_images:FASHION_MNIST",
        "cifar10": "ncap.targets.keras_images:CIFAR10",
    },
)
# The first format that accepts a path reads it.
FORMATS: Registry[Format] = Registry(
    "format",
    {
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
