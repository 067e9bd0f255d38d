"""Networks trained on ImageNet that are known by name: their facts, and what can be built from a name alone.

No framework is loaded before something is built.
"""

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ncap.candidates.contract import Candidate

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Architecture(ABC):
    """A network without weights.

    Attributes:
        name, family: of the candidate.
        mode: how pixels are normalised (`ncap.candidates.preprocessing.normalized`).
        size: side of the images that it was trained on.
        least: the smallest side that it takes.
        parameters, multiply_adds: of the body, the latter for one image of that size; normalising is not counted.
        accuracy: top-1 of the published weights on ImageNet's validation images, in 0..1; None where it is not published.
        licence: of the published weights.
    """

    name: str
    family: str
    mode: str
    size: int
    least: int
    parameters: int
    multiply_adds: int
    accuracy: float | None
    licence: str

    @abstractmethod
    def network(self, size: int, top: bool) -> "keras.Model":
        """With random weights: the body for normalised images (size, size, 3), or the whole network with its softmax of 1,000 classes."""


class ImageNetCandidate(Candidate):
    """A network known by name, with the weights that a subclass gives it.

    Args:
        architecture: the network.
        name: what tables and stores call the candidate.
    """

    def __init__(self, architecture: Architecture, name: str) -> None:
        self.architecture, self.name, self.family = architecture, name, architecture.family
        self.parameters, self.multiply_adds = architecture.parameters, architecture.multiply_adds
        self.size = architecture.size
        self.input_shape = (self.size, self.size, 3)

    @abstractmethod
    def network(self, size: int, top: bool) -> "keras.Model":
        """The body for normalised images, or the whole network, with its weights."""

    def build(self) -> "keras.Model":
        """The body, which normalises raw images first."""
        return self._on_pixels(self.network(self.size, top=False))

    def at_size(self, size: int) -> Self:
        """The same network for images of size x size; ValueError below the smallest that it takes."""
        if size < self.architecture.least:
            least = self.architecture.least
            raise ValueError(
                f"size={size}: {self.architecture.name} takes images of at least {least} x {least}; pass size={least} or more"
            )
        resized = copy.copy(self)
        resized.size, resized.input_shape = size, (size, size, 3)
        resized.multiply_adds = self.architecture.multiply_adds if size == self.architecture.size else None
        return resized

    def untrained(self) -> Candidate:
        """The architecture with random weights."""
        return UntrainedCandidate(self.architecture)

    def _on_pixels(self, network: "keras.Model") -> "keras.Model":
        import keras

        from ncap.candidates.preprocessing import normalized

        images = keras.Input(network.input_shape[1:], name="images")
        return keras.Model(
            images, network(normalized(images, self.architecture.mode)), name=f"{network.name}_on_pixels"
        )


class UntrainedCandidate(ImageNetCandidate):
    """An architecture with random weights: the same each time it is built."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture, f"{architecture.name}:random")

    def weights(self) -> str:
        """None are needed."""
        return "at hand"

    def network(self, size: int, top: bool) -> "keras.Model":
        """The network with the weights that Keras draws for it."""
        from ncap.candidates.random_start import seeded

        with seeded(self.name):
            return self.architecture.network(size, top)


class OwnWeightsCandidate(ImageNetCandidate):
    """An architecture with the weights of a user's HDF5 file, called "NAME=STEM" after the network and the file.

    The source data set, the accuracy and the licence are the file's, and are not known.
    """

    def __init__(self, architecture: Architecture, path: Path) -> None:
        super().__init__(architecture, f"{architecture.name}={path.stem}")
        self.path = path

    def weights(self) -> str:
        """Whether the file is there."""
        return "at hand" if self.path.is_file() else "missing"

    def network(self, size: int, top: bool) -> "keras.Model":
        """The network with the weights of the file; a head in the file is left out of a body."""
        from ncap.candidates.weights_file import load

        network = self.architecture.network(size, top)
        self.notes = load(network, self.path)
        return network
