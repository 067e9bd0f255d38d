"""AlexNet, which keras.applications does not have: the single tower of "One weird trick" (Krizhevsky 2014), as torchvision builds it.

Not the two towers with groups of 2012. Published weights are for PyTorch; ncap reads them from an HDF5 file of the user's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ncap.candidates.architecture import Architecture, ImageNetCandidate
from ncap.folders import data_folder, keras_folder

if TYPE_CHECKING:
    import keras

FILE = "AlexNet.h5"


@dataclass(frozen=True)
class AlexNet(Architecture):
    """Five convolutions of widths 64, 192, 384, 256, 256 with three max pools; the head is 4096, 4096, 1000."""

    def network(self, size: int, top: bool) -> "keras.Model":
        """With random weights; the head fits images of 224 x 224 only, where the last pool gives 6 x 6."""
        from keras import Input, Model, layers

        def conv(x: "keras.KerasTensor", number: int, width: int, kernel: int, stride: int = 1) -> "keras.KerasTensor":
            padded = layers.ZeroPadding2D(2 if kernel > 3 else 1, name=f"pad{number}")(x)
            return layers.Conv2D(width, kernel, strides=stride, activation="relu", name=f"conv{number}")(padded)

        def pool(x: "keras.KerasTensor", number: int) -> "keras.KerasTensor":
            return layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(x)

        images = Input((size, size, 3), name="normalized_images")
        x = pool(conv(images, 1, 64, 11, stride=4), 1)
        x = pool(conv(x, 2, 192, 5), 2)
        x = conv(conv(conv(x, 3, 384, 3), 4, 256, 3), 5, 256, 3)
        x = pool(x, 5)
        if top:
            x = layers.Flatten(name="flatten")(x)
            for number in (6, 7):
                x = layers.Dropout(0.5, name=f"drop{number}")(x)
                x = layers.Dense(4096, activation="relu", name=f"fc{number}")(x)
            x = layers.Dense(1000, activation="softmax", name="predictions")(x)
        return Model(images, x, name="alexnet")


ALEXNET = AlexNet(
    name="AlexNet",
    family="AlexNet",
    mode="torch",
    size=224,
    least=63,
    parameters=2_469_696,
    multiply_adds=655_566_528,
    accuracy=None,
    licence="",
)


def weights_path() -> Path:
    """$NCAP_DATA/weights/AlexNet.h5 if it exists, else AlexNet.h5 in the folder where Keras keeps downloaded weights."""
    data = data_folder()
    own = data / "weights" / FILE if data else None
    return own if own is not None and own.is_file() else keras_folder("models") / FILE


class AlexNetCandidate(ImageNetCandidate):
    """AlexNet with the ImageNet weights of a user's HDF5 file, with or without the head.

    The file has the form of `ncap.candidates.hdf5`, or one that Keras writes for `ALEXNET.network(224, top=True)`. PyTorch's
    kernels (out, in, h, w) are transposed to (h, w, in, out), and the inputs of fc6 reordered from (channel, h, w) to (h, w, channel).
    """

    def __init__(self) -> None:
        super().__init__(ALEXNET, ALEXNET.name)
        self.source = "imagenet"

    def weights(self) -> str:
        """Whether the file is there; nobody publishes it for download."""
        return "at hand" if weights_path().is_file() else "missing"

    def classifier(self) -> "keras.Model":
        """The network with its softmax of 1,000 classes. Raises ValueError where the file is missing or has no head."""
        return self._on_pixels(self.network(ALEXNET.size, top=True))

    def network(self, size: int, top: bool) -> "keras.Model":
        """The network with the weights of the file."""
        from ncap.candidates.weights_file import load

        path = weights_path()
        if not path.is_file():
            raise ValueError(
                f"candidate 'AlexNet': its weights are in neither $NCAP_DATA/weights/{FILE} nor {path}; place them there (Keras has none "
                "to download), pass 'AlexNet=PATH.h5', or ask for untrained weights with 'AlexNet:random'"
            )
        network = ALEXNET.network(size, top)
        self.notes = load(network, path)
        return network
