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
from typing import TYPE_CHECKING, Protocol

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
    """

    name: str
    family: str = ""
    source: str = ""
    input_shape: tuple[int | None, int | None, int] | None = None
    parameters: int | None = None
    multiply_adds: int | None = None
    source_accuracy: float | None = None

    @abstractmethod
    def build(self) -> "keras.Model":
        """A fresh pre-trained body without its head, which takes raw images with values 0..255."""

    def classifier(self) -> "keras.Model | None":
        """The network with its own head: class probabilities (n, classes) of `source`; None where there is no such head."""
        return None

    def __repr__(self) -> str:
        """Kind and name."""
        return f"{type(self).__name__}({self.name!r})"


class Source(Protocol):
    """Where candidates come from: a collection with a name. Listing it loads no framework."""

    def names(self) -> list[str]:
        """The candidates that can be named, in the order in which they are listed."""

    def candidate(self, name: str) -> Candidate:
        """The candidate of one of these names."""
