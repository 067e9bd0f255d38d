"""Random weights that are the same each time a network is built."""

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seeded(name: str) -> Iterator[None]:
    """Within the block, Keras' initialisers draw what they draw for this name; the generator then continues where it was.

    An initialiser without a seed of its own draws one from Python's generator, on every backend.

    >>> with seeded("MobileNet"):
    ...     first = random.random()
    >>> with seeded("MobileNet"):
    ...     first == random.random()
    True
    """
    state = random.getstate()
    random.seed(name)
    try:
        yield
    finally:
        random.setstate(state)
