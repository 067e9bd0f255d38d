"""The collection "mini": ten small networks, trained on Fashion-MNIST, whose weights ncap ships.

What is listed here is read from the card beside the weights, without Keras; `ncap.candidates.pretrain` made both.
"""

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.candidates.contract import Candidate

if TYPE_CHECKING:
    import keras

WEIGHTS = Path(__file__).parent / "weights"


@cache
def card() -> dict[str, Any]:
    """How the shipped weights were trained, and family, size and accuracy of each candidate (weights/mini.json)."""
    return dict(json.loads((WEIGHTS / "mini.json").read_text(encoding="utf-8")))


class MiniCandidate(Candidate):
    """A network of the collection; KeyError for a name that is not one of `names()`."""

    def __init__(self, name: str) -> None:
        entry = card()["candidates"][name]
        self.name, self.family, self.source = name, entry["family"], card()["trained_on"]
        self.input_shape, self.parameters = tuple(entry["input_shape"]), entry["parameters"]
        self.source_accuracy = entry["test_accuracy"]

    def weights(self) -> str:
        """They are part of the package."""
        return "at hand"

    def build(self) -> "keras.Model":
        """A fresh copy of the body with the shipped weights; on any backend of Keras."""
        from ncap.candidates.bodies import BODIES
        from ncap.candidates.hdf5 import load_weights

        _, body = BODIES[self.name]
        model = body()
        load_weights(model, WEIGHTS / f"{self.name}.h5")
        return model


class MiniCollection:
    """The candidates of the card.

    >>> MINI.names()[:3], MINI.candidate("mlp").parameters
    (['plain', 'batch_norm', 'group_norm'], 51488)
    """

    def names(self) -> list[str]:
        """The networks of the collection."""
        return list(card()["candidates"])

    def accepts(self, word: str) -> bool:
        """Whether it is one of them."""
        return word in card()["candidates"]

    def candidate(self, name: str) -> MiniCandidate:
        """The network of that name."""
        return MiniCandidate(name)


MINI = MiniCollection()
