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
HEADS = WEIGHTS / "heads"


@cache
def card(collection: str) -> dict[str, Any]:
    """How the weights of a collection were trained, and family, size and accuracy of each of its candidates."""
    return dict(json.loads((WEIGHTS / f"{collection}.json").read_text(encoding="utf-8")))


def head(features: int, classes: int) -> "keras.Model":
    """A head without weights of its own yet: a dense layer with a softmax over (n, features)."""
    import keras

    return keras.Sequential([keras.Input((features,)), keras.layers.Dense(classes, activation="softmax")])


class _Network(Candidate):
    """What is known of a network of a collection whatever its weights; KeyError for one that is not on the card.

    Args:
        collection: the card's name.
        bodies: the module whose BODIES build the networks, by name; imported with the first of them.
        network: the network's name on the card.
    """

    def __init__(self, collection: str, bodies: str, network: str) -> None:
        entry = card(collection)["candidates"][network]
        self.name = network
        self.family, self.input_shape = entry["family"], tuple(entry["input_shape"])
        self.parameters, self.multiply_adds = entry["parameters"], entry["multiply_adds"]
        self._collection, self._bodies, self._network = collection, bodies, network

    def weights(self) -> str:
        """They are part of the package, or drawn."""
        return "at hand"

    def _architecture(self) -> "keras.Model":
        """A fresh body as its initialisers draw it."""
        bodies: dict[str, tuple[str, Callable[[], keras.Model]]] = import_module(self._bodies).BODIES
        return bodies[self._network][1]()


class ShippedCandidate(_Network):
    """A network with the weights of its pre-training."""

    def __init__(self, collection: str, bodies: str, network: str) -> None:
        super().__init__(collection, bodies, network)
        about = card(collection)
        self.source, self.licence = about["trained_on"], about["licence"]
        self.source_accuracy = about["candidates"][network]["test_accuracy"]

    def build(self) -> "keras.Model":
        """A fresh copy of the body with the shipped weights; on any backend of Keras."""
        from ncap.candidates.hdf5 import load_weights

        model = self._architecture()
        load_weights(model, WEIGHTS / f"{self._network}.h5")
        return model

    def classifier(self) -> "keras.Model | None":
        """The body under its head, probabilities of the classes on the card; None for a network whose head is not shipped.

        The head is not the one of the pre-training, which was thrown away, but was fitted to the body's features afterwards
        (`ncap.candidates.fit_heads`).
        """
        file = HEADS / f"{self._network}.h5"
        if not file.is_file():
            return None
        import keras

        from ncap.candidates.hdf5 import load_weights

        body = self.build()
        features = body.output if body.output.ndim == 2 else keras.layers.GlobalAveragePooling2D()(body.output)
        top = head(features.shape[1], len(card(self._collection)["classes"]))
        load_weights(top, file)
        return keras.Model(body.input, top(features))

    def untrained(self) -> "RandomStart":
        """The same body with random weights, always the same ones."""
        return RandomStart(self._collection, self._bodies, self._network)


class RandomStart(_Network):
    """A network before its pre-training: random weights, drawn for its name alone, the same each time it is built."""

    def __init__(self, collection: str, bodies: str, network: str) -> None:
        super().__init__(collection, bodies, network)
        self.name = f"{network}:random"

    def build(self) -> "keras.Model":
        """A fresh copy of the body with the random weights; on any backend of Keras."""
        with seeded(self.name):
            return self._architecture()


class ShippedCollection:
    """The networks of the card `collection`, which the BODIES of the module `bodies` build."""

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
