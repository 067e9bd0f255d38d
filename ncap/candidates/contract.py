"""What every candidate keeps.

Laws, tested over every member by `ncap.testing.candidates.check_candidate`:

1. Name, family, source, input shape and number of parameters are known, or said to be unknown, without building anything:
   `build()` and `classifier()` alone load a framework.
2. `build()` returns a fresh Keras model each time: equal weights, no variable shared with an earlier one.
3. The model is a body: it has no head, and returns features (n, d) or maps (n, h, w, d).
4. It takes images (n, *input_shape) with values 0..255: normalising them is its own first layer. Its features are finite.
5. It has as many parameters as it says.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import keras


class Candidate(ABC):
    """One pre-trained network: what is known of it, and how to build it.

    Attributes:
        name: what tables and stores call it.
        family: its architecture, such as "ResNet"; "" where it is not known.
        source: the data set that it was trained on; "" where it is not known.
        input_shape: (h, w, c), None for a side that may vary; None as a whole where it is not known before building.
        parameters: number of weights of the body; None where it is not known before building.
        multiply_adds: of one image through the body; None where it is not known.
        source_accuracy: on the test images of `source`, in 0..1; None where it is not known.
        licence: of the weights; "" where it is not known.
        notes: what a reader must know of the body, such as where a head was cut off; filled by build(), "" before.
    """

    name: str
    family: str = ""
    source: str = ""
    input_shape: tuple[int | None, int | None, int] | None = None
    parameters: int | None = None
    multiply_adds: int | None = None
    source_accuracy: float | None = None
    licence: str = ""
    notes: str = ""

    @abstractmethod
    def build(self) -> "keras.Model":
        """A fresh pre-trained body without its head, which takes raw images with values 0..255."""

    def classifier(self) -> "keras.Model | None":
        """The network with its own head: class probabilities (n, classes) of `source`; None where there is no such head."""
        return None

    def weights(self) -> str:
        """Whether build() finds its weights: "at hand", "to download", "missing", or "" where only building can tell."""
        return ""

    def untrained(self) -> "Candidate":
        """The same architecture with random weights, named "NAME:random"; ValueError where there is no such thing."""
        raise ValueError(f"candidate {self.name!r}: there are no random weights to ask for with ':random'")

    def at_size(self, size: int) -> Self:
        """The same candidate for images of size x size; ValueError where its input is fixed to another size.

        A candidate that takes any size, or whose input is known only after building, is returned as it is: training then resizes the
        images, or refuses a body that does not take them.
        """
        sides = (None, None) if self.input_shape is None else self.input_shape[:2]
        if any(side not in (None, size) for side in sides):
            raise ValueError(
                f"size={size}: candidate {self.name!r} takes images of {sides[0]} x {sides[1]} only; leave the size out, or rank without it"
            )
        return self

    def __repr__(self) -> str:
        """Kind and name."""
        return f"{type(self).__name__}({self.name!r})"


class Source(Protocol):
    """Where candidates come from: a collection with a name, or an open way of naming networks. No framework is loaded for either."""

    def names(self) -> list[str]:
        """The candidates that are listed, in that order; a source that is open-ended may list none."""

    def accepts(self, word: str) -> bool:
        """Whether a word names a candidate of this source; for a collection, whether it is one of `names()`."""

    def candidate(self, word: str) -> Candidate:
        """The candidate that an accepted word names. Raises ValueError, with the remedy, where it cannot be one after all."""
