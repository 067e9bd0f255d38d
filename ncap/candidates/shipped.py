"""Collections of small networks whose weights ncap ships: each is a card and the files of weights beside it.

What is listed is read from the card (weights/<collection>.json), without Keras; `ncap.candidates.pretrain` made both.
"""

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.candidates.contract import Candidate
from ncap.candidates.random_start import seeded

if TYPE_CHECKING:
    import keras

WEIGHTS = Path(__file__).parent / "weights"


@cache
def card(collection: str) -> dict[str, Any]:
    """How the weights of a collection were trained, and family, size and accuracy of each of its candidates."""
    return dict(json.loads((WEIGHTS / f"{collection}.json").read_text(encoding="utf-8")))


class ShippedCandidate(Candidate):
    """A network of a collection; KeyError for a name that is not on its card.

    Args:
        collection: the card's name.
        bodies: the module whose BODIES build the networks, by name; imported with the first of them.
        name: the network's.
    """

    def __init__(self, collection: str, bodies: str, name: str) -> None:
        about = card(collection)
        entry = about["candidates"][name]
        self.name, self.family, self.source = name, entry["family"], about["trained_on"]
        self.input_shape, self.parameters = tuple(entry["input_shape"]), entry["parameters"]
        self.multiply_adds, self.source_accuracy, self.licence = (
            entry["multiply_adds"],
            entry["test_accuracy"],
            about["licence"],
        )
        self._bodies = bodies

    def weights(self) -> str:
        """They are part of the package."""
        return "at hand"

    def build(self) -> "keras.Model":
        """A fresh copy of the body with the shipped weights; on any backend of Keras."""
        from ncap.candidates.hdf5 import load_weights

        model = self.architecture()
        load_weights(model, WEIGHTS / f"{self.name}.h5")
        return model

    def architecture(self) -> "keras.Model":
        """A fresh copy of the body as its initialisers draw it."""
        bodies: dict[str, tuple[str, Callable[[], keras.Model]]] = import_module(self._bodies).BODIES
        return bodies[self.name][1]()

    def untrained(self) -> "RandomStart":
        """The same body with random weights, always the same ones."""
        return RandomStart(self)


class RandomStart(Candidate):
    """A shipped network before its pre-training: random weights, drawn for its name alone, the same each time it is built."""

    def __init__(self, trained: ShippedCandidate) -> None:
        self.name, self.family = f"{trained.name}:random", trained.family
        self.input_shape, self.parameters = trained.input_shape, trained.parameters
        self.multiply_adds, self._architecture = trained.multiply_adds, trained.architecture

    def weights(self) -> str:
        """They are drawn."""
        return "at hand"

    def build(self) -> "keras.Model":
        """A fresh copy of the body with the random weights."""
        with seeded(self.name):
            return self._architecture()

    def untrained(self) -> Candidate:
        """ValueError: its weights are random already."""
        return super().untrained()


class ShippedCollection:
    """The networks of one card; the arguments are those of `ShippedCandidate`."""

    def __init__(self, collection: str, bodies: str) -> None:
        self.collection, self.bodies = collection, bodies

    def names(self) -> list[str]:
        """The networks of the card, in its order."""
        return list(card(self.collection)["candidates"])

    def accepts(self, word: str) -> bool:
        """Whether it is one of them."""
        return word in card(self.collection)["candidates"]

    def candidate(self, name: str) -> ShippedCandidate:
        """The network of that name."""
        return ShippedCandidate(self.collection, self.bodies, name)
