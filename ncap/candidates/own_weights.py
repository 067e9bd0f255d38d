"""Weights of one's own for a network that is known by name, as a way of naming candidates: "VGG16=path/to/weights.h5"."""

from pathlib import Path

from ncap.candidates.alexnet import ALEXNET
from ncap.candidates.applications import NETWORKS, architecture
from ncap.candidates.architecture import OwnWeightsCandidate


class OwnWeights:
    """NAME=PATH, where NAME is a network of keras.applications or AlexNet, and PATH an HDF5 file of its weights.

    >>> OWN_WEIGHTS.accepts("VGG16=birds.h5"), OWN_WEIGHTS.accepts("VGG16"), OWN_WEIGHTS.accepts("rate=0.1/model.h5")
    (True, False, False)
    """

    def names(self) -> list[str]:
        """None: any file can be named."""
        return []

    def accepts(self, word: str) -> bool:
        """Whether the word begins with a known network and "=", and is not itself the path of a saved model."""
        name, equals, _ = word.partition("=")
        known = name in NETWORKS or name == ALEXNET.name
        return known and bool(equals) and not (word.endswith(".keras") and Path(word).is_file())

    def candidate(self, word: str) -> OwnWeightsCandidate:
        """The network with the weights of that file. Raises ValueError where there is no such .h5 file."""
        name, _, text = word.partition("=")
        path = Path(text).expanduser()
        if path.suffix.lower() not in (".h5", ".hdf5"):
            hint = "; a whole model is named by its path alone" if path.suffix == ".keras" else ""
            raise ValueError(
                f"candidate {word!r}: an HDF5 file of weights is needed, such as {name}=weights.h5, got {text!r}{hint}"
            )
        if not path.is_file():
            raise ValueError(f"candidate {word!r}: there is no file {str(path.absolute())!r}")
        return OwnWeightsCandidate(ALEXNET if name == ALEXNET.name else architecture(name), path)


OWN_WEIGHTS = OwnWeights()
