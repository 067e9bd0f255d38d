"""keras.applications: every network by its Keras name, with ImageNet weights and its family's preprocessing inside.

What is listed is read from the tables below, without Keras; the tests compare them with Keras itself.
"""

import re
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ncap.candidates.architecture import Architecture, ImageNetCandidate
from ncap.folders import keras_folder
from ncap.reasons import one_line

if TYPE_CHECKING:
    import keras


class Family(NamedTuple):
    """What the networks of a family share: preprocessing, smallest side, licence of the weights; see `Architecture`.

    The licences are those that the documentation of Keras' networks, or the release that Keras took the weights from, states.
    """

    mode: str
    least: int
    licence: str


FAMILIES = {
    "VGG": Family("caffe", 32, "CC-BY-4.0"),
    "ResNet": Family("caffe", 32, "MIT"),
    "ResNetV2": Family("tf", 32, "BSD-3-Clause"),
    "DenseNet": Family("torch", 32, "BSD-3-Clause"),
    "MobileNet": Family("tf", 32, "Apache-2.0"),
    "MobileNetV2": Family("tf", 32, "Apache-2.0"),
    "MobileNetV3": Family("inside", 32, "Apache-2.0"),
    "Inception": Family("tf", 75, "Apache-2.0"),
    "Inception-ResNet": Family("tf", 75, "Apache-2.0"),
    "Xception": Family("tf", 71, "MIT"),
    "NASNet": Family("tf", 32, "Apache-2.0"),
    "EfficientNet": Family("inside", 32, "Apache-2.0"),
    "EfficientNetV2": Family("inside", 32, "Apache-2.0"),
    "ConvNeXt": Family("inside", 32, "MIT"),
}

_KERNELS = "weights_tf_dim_ordering_tf_kernels"  # in the older file names

# Name -> family, side, parameters and multiply-adds of the body, top-1 accuracy (https://keras.io/api/applications; of MobileNetV3, its
# page), and the file of the body's weights. Keras names the file with the head alike, without "notop".
NETWORKS = {
    "VGG16": ("VGG", 224, 14_714_688, 15_346_630_656, 0.713, f"vgg16_{_KERNELS}_notop.h5"),
    "VGG19": ("VGG", 224, 20_024_384, 19_508_428_800, 0.713, f"vgg19_{_KERNELS}_notop.h5"),
    "ResNet50": ("ResNet", 224, 23_587_712, 3_855_925_248, 0.749, f"resnet50_{_KERNELS}_notop.h5"),
    "ResNet101": ("ResNet", 224, 42_658_176, 7_568_146_432, 0.764, f"resnet101_{_KERNELS}_notop.h5"),
    "ResNet152": ("ResNet", 224, 58_370_944, 11_280_367_616, 0.766, f"resnet152_{_KERNELS}_notop.h5"),
    "ResNet50V2": ("ResNetV2", 224, 23_564_800, 3_480_207_360, 0.76, f"resnet50v2_{_KERNELS}_notop.h5"),
    "ResNet101V2": ("ResNetV2", 224, 42_626_560, 7_192_428_544, 0.772, f"resnet101v2_{_KERNELS}_notop.h5"),
    "ResNet152V2": ("ResNetV2", 224, 58_331_648, 10_904_649_728, 0.78, f"resnet152v2_{_KERNELS}_notop.h5"),
    "DenseNet121": ("DenseNet", 224, 7_037_504, 2_833_137_664, 0.75, f"densenet121_{_KERNELS}_notop.h5"),
    "DenseNet169": ("DenseNet", 224, 12_642_880, 3_358_179_328, 0.762, f"densenet169_{_KERNELS}_notop.h5"),
    "DenseNet201": ("DenseNet", 224, 18_321_984, 4_289_445_888, 0.773, f"densenet201_{_KERNELS}_notop.h5"),
    "MobileNet": ("MobileNet", 224, 3_228_864, 567_716_352, 0.704, "mobilenet_1_0_{size}_tf_no_top.h5"),
    "MobileNetV2": ("MobileNetV2", 224, 2_257_984, 299_494_272, 0.713, f"mobilenet_v2_{_KERNELS}_1.0_{{size}}_no_top.h5"),
    "MobileNetV3Small": ("MobileNetV3", 224, 939_120, 54_896_576, 0.681, "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"),
    "MobileNetV3Large": ("MobileNetV3", 224, 2_996_352, 214_080_960, 0.756, "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5"),
    "InceptionV3": ("Inception", 299, 21_802_784, 5_711_168_096, 0.779, f"inception_v3_{_KERNELS}_notop.h5"),
    "InceptionResNetV2": ("Inception-ResNet", 299, 54_336_736, 13_154_258_016, 0.803, f"inception_resnet_v2_{_KERNELS}_notop.h5"),
    "Xception": ("Xception", 299, 20_861_480, 8_355_355_496, 0.79, f"xception_{_KERNELS}_notop.h5"),
    "NASNetMobile": ("NASNet", 224, 4_269_716, 562_582_816, 0.744, "nasnet_mobile_no_top.h5"),
    "NASNetLarge": ("NASNet", 331, 84_916_818, 23_779_382_658, 0.825, "nasnet_large_no_top.h5"),
    "EfficientNetB0": ("EfficientNet", 224, 4_049_571, 384_534_752, 0.771, "efficientnetb0_notop.h5"),
    "EfficientNetB1": ("EfficientNet", 240, 6_575_239, 685_522_832, 0.791, "efficientnetb1_notop.h5"),
    "EfficientNetB2": ("EfficientNet", 260, 7_768_569, 992_153_872, 0.801, "efficientnetb2_notop.h5"),
    "EfficientNetB3": ("EfficientNet", 300, 10_783_535, 1_825_605_392, 0.816, "efficientnetb3_notop.h5"),
    "EfficientNetB4": ("EfficientNet", 380, 17_673_823, 4_391_979_024, 0.829, "efficientnetb4_notop.h5"),
    "EfficientNetB5": ("EfficientNet", 456, 28_513_527, 10_264_336_752, 0.836, "efficientnetb5_notop.h5"),
    "EfficientNetB6": ("EfficientNet", 528, 40_960_143, 19_065_289_536, 0.84, "efficientnetb6_notop.h5"),
    "EfficientNetB7": ("EfficientNet", 600, 64_097_687, 37_743_324_192, 0.843, "efficientnetb7_notop.h5"),
    "EfficientNetV2B0": ("EfficientNetV2", 224, 5_919_312, 716_806_176, 0.787, "efficientnetv2-b0_notop.h5"),
    "EfficientNetV2B1": ("EfficientNetV2", 240, 6_931_124, 1_195_539_360, 0.798, "efficientnetv2-b1_notop.h5"),
    "EfficientNetV2B2": ("EfficientNetV2", 260, 8_769_374, 1_696_134_832, 0.805, "efficientnetv2-b2_notop.h5"),
    "EfficientNetV2B3": ("EfficientNetV2", 300, 12_930_622, 3_009_922_816, 0.82, "efficientnetv2-b3_notop.h5"),
    "EfficientNetV2S": ("EfficientNetV2", 384, 20_331_360, 8_364_337_152, 0.839, "efficientnetv2-s_notop.h5"),
    "EfficientNetV2M": ("EfficientNetV2", 480, 53_150_388, 24_581_180_384, 0.853, "efficientnetv2-m_notop.h5"),
    "EfficientNetV2L": ("EfficientNetV2", 480, 117_746_848, 56_078_419_008, 0.857, "efficientnetv2-l_notop.h5"),
    "ConvNeXtTiny": ("ConvNeXt", 224, 27_820_128, 4_454_763_264, 0.813, "convnext_tiny_notop.h5"),
    "ConvNeXtSmall": ("ConvNeXt", 224, 49_454_688, 8_682_944_256, 0.823, "convnext_small_notop.h5"),
    "ConvNeXtBase": ("ConvNeXt", 224, 87_566_464, 15_353_705_472, 0.853, "convnext_base_notop.h5"),
    "ConvNeXtLarge": ("ConvNeXt", 224, 196_230_336, 34_359_897_600, 0.863, "convnext_large_notop.h5"),
    "ConvNeXtXLarge": ("ConvNeXt", 224, 348_147_968, 60_918_982_656, 0.867, "convnext_xlarge_notop.h5"),
}  # fmt: skip

# The seventeen that Jiang et al. 2024 rank; Keras has no AlexNet, `ncap.candidates.alexnet` has.
PAPER = (
    *("VGG16", "VGG19", "ResNet50", "ResNet50V2", "ResNet101", "ResNet101V2", "ResNet152", "ResNet152V2"),
    *("DenseNet121", "DenseNet169", "DenseNet201", "MobileNet", "MobileNetV2"),
    *("InceptionV3", "InceptionResNetV2", "Xception", "AlexNet"),
)

# The sides for which Keras has weights of their own; at any other, those of 224 are used.
_OWN_SIDES = {"MobileNet": (128, 160, 192, 224), "MobileNetV2": (96, 128, 160, 192, 224)}


@dataclass(frozen=True)
class Application(Architecture):
    """A network of keras.applications; `file` is the pattern of its weights' file name."""

    file: str

    def network(self, size: int, top: bool) -> "keras.Model":
        """With random weights."""
        return self.keras_network(size, top, None)

    def keras_network(self, size: int, top: bool, weights: str | None) -> "keras.Model":
        """What Keras builds for images of that side."""
        import keras

        build = getattr(keras.applications, self.name)
        return build(include_top=top, weights=weights, input_shape=(size, size, 3))

    def weights_path(self, size: int, top: bool) -> Path:
        """Where Keras keeps the ImageNet weights that it uses for images of that side.

        >>> architecture("MobileNet").weights_path(160, top=True).name
        'mobilenet_1_0_160_tf.h5'
        """
        side = size if size in _OWN_SIDES.get(self.name, ()) else self.size
        name = self.file.format(size=side)
        return keras_folder("models") / (re.sub(r"_no_?top(_v2)?", "", name) if top else name)


def architecture(name: str) -> Application:
    """The network of that name; KeyError for one that Keras does not have."""
    family, size, parameters, multiply_adds, accuracy, file = NETWORKS[name]
    mode, least, licence = FAMILIES[family]
    return Application(name, family, mode, size, least, parameters, multiply_adds, accuracy, licence, file)


class ApplicationCandidate(ImageNetCandidate):
    """A network of keras.applications with the weights that Keras publishes, from Keras' cache or downloaded to it.

    >>> one = ApplicationCandidate("VGG16")
    >>> one.input_shape, one.parameters, one.source, one.licence
    ((224, 224, 3), 14714688, 'imagenet', 'CC-BY-4.0')
    """

    architecture: Application

    def __init__(self, name: str) -> None:
        super().__init__(architecture(name), name)
        self.source, self.source_accuracy, self.licence = (
            "imagenet",
            self.architecture.accuracy,
            self.architecture.licence,
        )

    def weights(self) -> str:
        """Whether Keras has them in its cache."""
        return "at hand" if self.architecture.weights_path(self.size, top=False).is_file() else "to download"

    def classifier(self) -> "keras.Model":
        """The network with its softmax of ImageNet's 1,000 classes, on raw images of its default size. Raises as `build` does."""
        return self._on_pixels(self.network(self.architecture.size, top=True))

    def network(self, size: int, top: bool) -> "keras.Model":
        """The network with its ImageNet weights. Raises ValueError where they are not at hand and cannot be downloaded."""
        import warnings

        path = self.architecture.weights_path(size, top)
        there = path.is_file()
        try:
            # Keras reports a download on standard output, which belongs to the tables that commands print.
            with redirect_stdout(sys.stderr), warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*Weights for input shape")  # what _OWN_SIDES says
                return self.architecture.keras_network(size, top, "imagenet")
        except Exception as error:  # Keras raises a bare Exception where a download fails
            problem = "is not the one that Keras published" if there else "is not there"
            # The reason comes last, as a table shows the beginning.
            raise ValueError(
                f"candidate {self.name!r}: the file of weights {path} {problem}; place it there, pass another as "
                f"'{self.architecture.name}=PATH.h5', or ask for untrained weights with '{self.architecture.name}:random' (it cannot be "
                f"downloaded: {one_line(error, 200)})"
            ) from error


class ApplicationCollection:
    """Candidates of keras.applications by name.

    >>> len(APPLICATIONS.names()), len(PAPER17.names()), PAPER17.candidate("AlexNet").family
    (40, 17, 'AlexNet')
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def names(self) -> list[str]:
        """The networks of the collection."""
        return list(self._names)

    def accepts(self, word: str) -> bool:
        """Whether it is one of them."""
        return word in self._names

    def candidate(self, name: str) -> ImageNetCandidate:
        """The network of that name."""
        if name == "AlexNet":
            from ncap.candidates.alexnet import AlexNetCandidate

            return AlexNetCandidate()
        return ApplicationCandidate(name)


APPLICATIONS, PAPER17 = ApplicationCollection(tuple(NETWORKS)), ApplicationCollection(PAPER)
