"""The ImageNet backbones in $NCAP_DATA/backbones: trained networks as lists of operations with their weights, one .npz file each.

A file has the texts meta (JSON list of `ncap.candidates.operations.Operation`), input, outputs, classes (JSON), source, licence and
notes, and per operation its arrays. Batch norm was folded into the weights; it is put back, because fine-tuning at the paper's
learning rate kills some of these networks without it. What is listed is read from the texts alone, without Keras.
"""

import copy
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ncap.arguments import suggestion
from ncap.candidates import operations
from ncap.candidates.contract import Candidate
from ncap.candidates.operations import CONVOLUTIONS, Operation, Shape
from ncap.folders import data_folder

if TYPE_CHECKING:
    import keras

    from ncap.candidates.assembly import Graph, Pixels, Statistics, Weights

PREFIX = "backbones"
_FAMILIES = {
    "mobilenet_v1": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "squeezenet": "SqueezeNet",
    "efficientnet_lite": "EfficientNet-Lite",
    "darknet": "Darknet",
    "shufflenetv2": "ShuffleNetV2",
}
_TEXTS = ("input", "outputs", "classes")
_FORMAT = (
    "the file must be a backbone as ncap/candidates/backbones.py describes it; remove it from the folder, or replace it"
)


class BackboneCandidate(Candidate):
    """A network in a backbone file, called "backbones:STEM" after it.

    Args:
        path: of the .npz file.
        norms: put batch norm back after every convolution, with the statistics of photographs at the size used and a scale and shift
            that leave the function as it is; False leaves the network as the file has it.
        pictures: the folder of class folders with JPEG photographs for the statistics; None takes images/imagenet_check beside the
            file's folder.

    Attributes beside a candidate's: terms, the file's own words about the licence, which say more than its name.

    Raises: ValueError, naming the file and the remedy, for anything but a backbone file.
    """

    def __init__(self, path: str | Path, *, norms: bool = True, pictures: str | Path | None = None) -> None:
        self.path, self.norms = Path(path), norms
        self.pictures = None if pictures is None else Path(pictures)
        self.name = f"{PREFIX}:{self.path.stem}"
        header = _header(self.path)
        self._input, self._outputs, self._classes = (header[key] for key in _TEXTS)
        self._operations = header["meta"]
        self.family, self.source = _family(self.path.stem), _source(self.path.stem, self._classes)
        self.terms = header["licence"]
        self.licence = self.terms.partition(" ")[0]
        self.parameters = operations.parameters(self._body, norms)
        self._take(tuple(self._input["size"]))

    def weights(self) -> str:
        """They are in the file."""
        return "at hand"

    def at_size(self, size: int) -> Self:
        """The same network for images of size x size; ValueError where its windows leave nothing of them."""
        resized = copy.copy(self)
        try:
            resized._take((size, size, 3))
        except ValueError as error:
            least = operations.smallest_side(self._body, 3, most=self._image[0])
            raise ValueError(
                f"size={size} is too small for candidate {self.name!r} ({error}); it takes sizes from {least}"
            ) from None
        return resized

    def untrained(self) -> Candidate:
        """The same architecture with random weights, always the same ones, and fresh batch norms."""
        return UntrainedBackbone(self.path, norms=self.norms).at_size(self._image[0])

    def build(self) -> "keras.Model":
        """The body, which takes raw RGB images and returns the pooled features that the file names; on any backend of Keras."""
        import keras

        weights = self._weights(self._body)
        statistics = self._statistics(weights) if self.norms else None
        graph = self._graph(self._body, weights, statistics)
        features = graph.outputs[self._outputs["features"]]
        if len(features.shape) == 4:
            features = keras.layers.Flatten(name="features")(features)
        return keras.Model(graph.images, features, name=self._model_name())

    def classifier(self) -> "keras.Model | None":
        """The network with its head, as the file has it: of an ImageNet network, probabilities (n, 1000) in the usual order of the classes.

        Outputs that stand for no class are left out before the softmax.
        """
        if self._outputs["logits"] is None:
            return None
        import keras

        steps = operations.leading_to(self._operations, self._outputs["logits"])
        graph = self._graph(steps, self._weights(steps), None)
        logits = graph.outputs[self._outputs["logits"]]
        flat = keras.layers.Flatten()(logits) if len(logits.shape) == 4 else logits
        ordered = keras.ops.take(flat, _order(self._classes, flat.shape[-1]), axis=-1)
        return keras.Model(
            graph.images, keras.layers.Softmax(name="probabilities")(ordered), name=f"{self._model_name()}_classifier"
        )

    @cached_property
    def _body(self) -> list[Operation]:
        return operations.leading_to(self._operations, self._outputs["features"])

    @property
    def _pixels(self) -> "Pixels":
        from ncap.candidates.assembly import Pixels

        return Pixels(self._input["mean"], self._input["std"], self._input["channel_order"])

    def _take(self, image: Shape) -> None:
        self.multiply_adds = operations.multiply_adds(self._body, image)
        self.input_shape = self._image = image

    def _graph(
        self,
        steps: list[Operation],
        weights: "Mapping[str, Weights]",
        statistics: "Mapping[str, Statistics] | None",
    ) -> "Graph":
        from ncap.candidates.assembly import assemble

        return assemble(steps, self._image, self._pixels, weights, statistics)

    def _weights(self, steps: list[Operation]) -> "dict[str, Weights]":
        """The file's, of some operations."""
        with _opened(self.path) as archive:
            return {one.name: _read_weights(archive, one) for one in steps if one.shape}

    def _statistics(self, weights: "Mapping[str, Weights]") -> "Mapping[str, Statistics]":
        """Of the body's convolutions, on photographs at the size of the input."""
        from ncap.candidates import calibration

        folder = self.pictures or self.path.parent.parent / calibration.PICTURES
        files = calibration.pictures(folder)
        names = [one.name for one in self._body if one.type in CONVOLUTIONS]
        key = calibration.digest("1", str(self._image), self.path.read_bytes(), *(file.read_bytes() for file in files))

        def measured() -> "dict[str, Statistics]":
            images = calibration.read_pictures(files, self._image[0])
            return calibration.measure(self._graph(self._body, weights, None), names, images)

        return calibration.kept(key, measured)

    def _model_name(self) -> str:
        return self.name.replace(":", "_")


class UntrainedBackbone(BackboneCandidate):
    """The architecture of a backbone file with random weights."""

    def __init__(self, path: str | Path, *, norms: bool = True) -> None:
        super().__init__(path, norms=norms)
        self.name, self.source, self.licence = f"{self.name}:random", "", ""

    def classifier(self) -> None:
        """None: no head was trained."""
        return

    def untrained(self) -> Candidate:
        """ValueError: its weights are random already."""
        return Candidate.untrained(self)

    def _weights(self, steps: list[Operation]) -> "dict[str, Weights]":
        from ncap.candidates.assembly import fresh_weights

        return fresh_weights(steps, zlib.crc32(self.name.encode()))

    def _statistics(self, weights: "Mapping[str, Weights]") -> "Mapping[str, Statistics]":
        from ncap.candidates.assembly import standard_statistics

        return standard_statistics(self._body)


class BackboneFolder:
    """The files in $NCAP_DATA/backbones, each a candidate; none where there is no such folder."""

    def names(self) -> list[str]:
        """The files, without opening them."""
        folder = _folder()
        return [] if folder is None else [f"{PREFIX}:{path.stem}" for path in sorted(folder.glob("*.npz"))]

    def accepts(self, word: str) -> bool:
        """Whether it begins as their names do, so that `candidate` says where a file was looked for."""
        return word == PREFIX or word.startswith(f"{PREFIX}:")

    def candidate(self, word: str) -> BackboneCandidate:
        """The network of that name. Raises ValueError, with the remedy, where there is no such file."""
        names, folder = self.names(), _folder()
        if word in names and folder is not None:
            return BackboneCandidate(folder / f"{word.removeprefix(f'{PREFIX}:')}.npz")
        if not names:
            where = "NCAP_DATA is not set" if folder is None else f"{folder} holds no .npz file"
            raise ValueError(
                f"candidate {word!r:.80}: {where}; set NCAP_DATA to the folder whose subfolder {PREFIX} holds the networks"
            )
        raise ValueError(
            f"unknown candidate {word!r:.80}; {suggestion(word, names)}known in {folder}: {', '.join(names)}"
        )


BACKBONES = BackboneFolder()


def _folder() -> Path | None:
    data = data_folder()
    return data / PREFIX if data else None


def _family(stem: str) -> str:
    return next(
        (family for beginning, family in _FAMILIES.items() if stem.removeprefix("tf2_").startswith(beginning)), ""
    )


def _source(stem: str, classes: Mapping[str, Any]) -> str:
    """The data set that the network was trained on, as far as the file tells."""
    order = classes.get("order", "")
    if classes.get("imagenet") or "trained on ImageNet" in order:
        return "imagenet"
    if "iNaturalist" in order:
        kind = next((kind for kind in ("bird", "insect", "plant") if kind in stem), "")
        return f"inaturalist {kind}s" if kind else "inaturalist"
    return ""


def _order(classes: Mapping[str, Any], outputs: int) -> list[int]:
    """The output that stands for class 0, 1, ..., those left out that stand for none.

    >>> _order({"offset": 1}, 4), _order({"map": [2, 0, 1]}, 3), _order({"background": 1}, 3)
    ([1, 2, 3], [1, 2, 0], [0, 2])
    """
    kept = [output for output in range(classes.get("offset", 0), outputs) if output != classes.get("background")]
    if "map" not in classes:
        return kept
    usual = classes["map"]
    return [kept[place] for place in sorted(range(len(usual)), key=usual.__getitem__)]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The arrays of a file by name, none read yet. A damaged archive raises whatever its bytes lead to: ValueError in its place."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            yield archive
    except _NotABackboneError as error:
        raise ValueError(f"{path}: {error}; {_FORMAT}") from error
    except Exception as error:
        raise ValueError(f"{path}: cannot be read ({type(error).__name__}: {error}); {_FORMAT}") from error


class _NotABackboneError(Exception):
    """What is wrong with a file that can be read."""


def _header(path: Path) -> dict[str, Any]:
    """The texts of a file: what is JSON as it stands for, the operations read."""
    with _opened(path) as archive:
        header = {key: json.loads(str(archive[key])) for key in ("meta", *_TEXTS)}
        header["licence"] = str(archive["licence"])
        header["meta"] = operations.read(header["meta"])
        operations.leading_to(header["meta"], header["outputs"]["features"])
        height, width, channels = header["input"]["size"]
        if height != width or channels != 3:
            raise _NotABackboneError(f"images of {height} x {width} x {channels}, not of n x n x 3")
    return header


def _read_weights(archive: Any, one: Operation) -> "Weights":
    from ncap.candidates.assembly import Weights

    try:
        kernel = _kernel(archive, one)
        bias = archive[f"{one.key}_bias"] if one.bias else np.zeros(one.channels)
    except Exception as error:  # as above
        raise _NotABackboneError(f"the weights of operation {one.name!r}: {type(error).__name__}: {error}") from error
    if kernel.shape != tuple(one.shape) or bias.shape != (one.channels,):
        raise _NotABackboneError(
            f"operation {one.name!r} has a kernel {kernel.shape} and a bias {bias.shape}, but its shape says {tuple(one.shape)}"
        )
    return Weights(kernel, bias.astype(np.float32))


def _kernel(archive: Any, one: Operation) -> np.ndarray:
    """float32; of 8-bit integers q: (q - zero point) * scale."""
    if one.store == "float16":
        return archive[f"{one.key}_w"].astype(np.float32)
    scale, zero = (archive[f"{one.key}_{part}"].reshape(_broadcast(one, archive, part)) for part in ("scale", "zp"))
    return ((archive[f"{one.key}_q"].astype(np.int32) - zero) * scale).astype(np.float32)


def _broadcast(one: Operation, archive: Any, part: str) -> list[int]:
    """Of one scale for the whole kernel, as well as of one for each channel."""
    return [1] if archive[f"{one.key}_{part}"].size == 1 else list(one.bcast)
