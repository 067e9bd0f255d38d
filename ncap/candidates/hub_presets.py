"""Presets of keras_hub, "hub:PRESET" or "hub:FOLDER"; with ":random" behind it, random weights. keras_hub is imported when one is built."""

import warnings
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.candidates.contract import Candidate
from ncap.candidates.random_start import seeded
from ncap.reasons import first_line

if TYPE_CHECKING:
    import keras

PREFIX = "hub:"


class HubCandidate(Candidate):
    """The backbone of a preset, which takes images, behind the preset's own image converter; on any backend of Keras.

    x -> backbone(x * scale + offset): scale and offset are the converter's, its size is the body's input.
    """

    def __init__(self, preset: str) -> None:
        self.name, self.preset, self.is_random = f"{PREFIX}{preset}", preset, False
        self.size: tuple[int, int] | None = None

    def weights(self) -> str:
        """ "at hand" for a folder that has them, or random ones; "" for a preset, which keras_hub looks for when it is built."""
        folder = Path(self.preset)
        if not self.is_random and not folder.is_dir():
            return ""
        return "at hand" if self.is_random or any(folder.glob("model*.weights.h5")) else "missing"

    def untrained(self) -> Candidate:
        """The same backbone with random weights, the same ones whenever it is built."""
        other = copy(self)
        other.name, other.is_random = f"{self.name}:random", True
        return other

    def at_size(self, size: int) -> "HubCandidate":
        """The same backbone for images of size x size; building it refuses a size that it does not take."""
        other = copy(self)
        other.size = (size, size)
        return other

    def build(self) -> "keras.Model":
        """A fresh body; raises ValueError where keras_hub cannot be imported or has no such preset, and for one that takes no images."""
        import keras

        keras_hub = _keras_hub(self.name)
        try:
            with seeded(self.name):
                backbone = keras_hub.models.Backbone.from_preset(self.preset, load_weights=not self.is_random)
        except Exception as error:  # of the hub, of the network, of the files
            raise ValueError(
                f"candidate {self.name!r}: the preset cannot be loaded; pass the name of one of keras_hub's, or of a folder that "
                f"backbone.save_to_preset() made, with config.json and, except for '{PREFIX}FOLDER:random', model.weights.h5 in it "
                f"({type(error).__name__}: {first_line(error)})"
            ) from error
        channels = _channels(self.name, backbone)
        converter = self._converter(keras_hub)
        height, width = self._size(backbone, converter)
        inputs = keras.Input((height, width, channels))
        try:
            maps = backbone(_converted(inputs, converter))
        except ValueError as error:
            raise ValueError(
                f"candidate {self.name!r}: the backbone does not take images of {height} x {width} x {channels} ({first_line(error)}); "
                "leave the size out"
            ) from error
        return keras.Model(inputs, _features(self.name, maps))

    def _converter(self, keras_hub: Any) -> Any:
        try:
            return keras_hub.layers.ImageConverter.from_preset(self.preset)
        except Exception as error:  # no file of one, or no such class for this backbone
            warnings.warn(
                f"candidate {self.name!r}: the preset has no image converter ({first_line(error)}), so that the backbone gets raw pixels "
                "0..255; save one beside it, keras_hub.layers.ImageConverter(scale=..., offset=...).save_to_preset(folder)",
                stacklevel=3,
            )
            return None

    def _size(self, backbone: Any, converter: Any) -> tuple[int | None, int | None]:
        """The size asked for, else the converter's, else the backbone's own."""
        own = getattr(converter, "image_size", None) or tuple(backbone.input_shape[1:3])
        return self.size or own


class HubPresets:
    """Whatever keras_hub loads as a preset.

    >>> HUB.names(), HUB.accepts("hub:resnet_50_imagenet"), HUB.candidate("hub:my/folder").preset
    ([], True, 'my/folder')
    """

    def names(self) -> list[str]:
        """None: listing keras_hub's would import it."""
        return []

    def accepts(self, word: str) -> bool:
        """Whether a word begins with "hub:"."""
        return word.startswith(PREFIX)

    def candidate(self, word: str) -> HubCandidate:
        """The preset of that name, or in that folder."""
        return HubCandidate(word.removeprefix(PREFIX))


HUB = HubPresets()


def _keras_hub(name: str) -> Any:
    try:
        import keras_hub
    except (ImportError, RuntimeError) as error:
        raise ValueError(
            f"candidate {name!r}: keras_hub cannot be imported; pip install keras-hub ({first_line(error)})"
        ) from error
    return keras_hub


def _channels(name: str, backbone: Any) -> int:
    """Those of the images that a backbone takes; ValueError for one that takes texts, say."""
    shape = getattr(backbone, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] is None:
        raise ValueError(
            f"candidate {name!r}: {type(backbone).__name__} does not take images (n, h, w, c) alone, its input is {shape!r:.80}; pass the "
            "preset of an image backbone"
        )
    return int(shape[-1])


def _converted(inputs: Any, converter: Any) -> Any:
    """What an ImageConverter computes, as a layer of the model: keras_hub's own runs outside of the model, and resizing is training's."""
    import keras

    scale, offset = getattr(converter, "scale", None), getattr(converter, "offset", None)
    if scale is None and offset is None:
        return inputs
    return keras.layers.Rescaling(1.0 if scale is None else scale, offset=0.0 if offset is None else offset)(inputs)


def _features(name: str, maps: Any) -> Any:
    """Features or maps; of a backbone that returns tokens, their mean."""
    import keras

    if isinstance(maps, dict | list | tuple) or len(maps.shape) not in (2, 3, 4):
        raise ValueError(
            f"candidate {name!r}: the backbone returns {maps!r:.80}; one that returns features or maps is needed"
        )
    if len(maps.shape) == 3:
        return keras.layers.GlobalAveragePooling1D()(maps)
    return keras.layers.GlobalAveragePooling2D()(maps) if len(maps.shape) == 4 else maps
