"""Targets: the data sets on which candidates are ranked.

>>> from ncap import data
>>> data.load("digits", seed=0)
Target('digits', 1078 training, 359 validation, 360 test images of shape (8, 8, 1), 10 classes)
"""

from ncap.data.catalog import describe, load, names, resolve
from ncap.data.splits import stratified_subset
from ncap.data.target import Target

__all__ = ["Target", "describe", "load", "names", "resolve", "stratified_subset"]
