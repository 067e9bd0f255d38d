"""Candidates: the pre-trained bodies that ncap ships, by name.

>>> from ncap import models
>>> list(models.resolve("residual,mlp"))
['residual', 'mlp']
"""

from ncap.models.catalog import describe, names, resolve

__all__ = ["describe", "names", "resolve"]
