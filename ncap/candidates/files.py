"""Saved Keras models as candidates: "path/to/model.keras", or "path/to/model.keras@LAYER" to say where the body ends.

A file is opened in safe mode: code in it is refused, by name. What it says of its input is read without Keras.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.arguments import suggestion
from ncap.candidates.contract import Candidate
from ncap.reasons import one_line

if TYPE_CHECKING:
    import keras

_LARGEST_DESCRIPTION = 100_000_000  # bytes of config.json; that of the largest keras.applications network has 2 million


class FileCandidate(Candidate):
    """The body of a model that Keras saved, called as the file without its suffix, or "STEM@LAYER".

    Args:
        path: of the .keras file.
        layer: where the body ends; without it, the head is cut off at the last pooling, or at what is flattened.

    Raises: ValueError for a file that is missing or damaged, or that Keras did not save.
    """

    def __init__(self, path: Path, layer: str = "") -> None:
        self.path, self.layer = path, layer
        self.name = f"{path.stem}@{layer}" if layer else path.stem
        self.input_shape = _input_shape(description(path))

    def weights(self) -> str:
        """Whether the file is there."""
        return "at hand" if self.path.is_file() else "missing"

    def build(self) -> "keras.Model":
        """A fresh copy of the body; `notes` says where the model was cut.

        Raises ValueError for a model with code of its own in it, and where it is not clear where the features end.
        """
        from ncap.candidates.cut import cut_at, without_head

        model, how = self._model(), f"{self.path.name}@NAME"
        try:
            body, self.notes = cut_at(model, self.layer) if self.layer else without_head(model, True, how)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None
        return body

    def classifier(self) -> "keras.Model | None":
        """The whole model, where it ends in a softmax."""
        from ncap.heads import head_of

        model = self._model()
        return model if head_of(model).startswith("softmax") else None

    def untrained(self) -> Candidate:
        """The same architecture with random weights."""
        return UntrainedFileCandidate(self.path, self.layer)

    def _model(self) -> "keras.Model":
        import keras

        check_code(self.path)
        try:
            model = keras.saving.load_model(self.path, compile=False, safe_mode=True)
        except Exception as error:  # of many kinds, in Keras' words
            raise ValueError(f"{self.path}: Keras cannot load it in safe mode ({one_line(error, 300)})") from error
        if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
            raise ValueError(
                f"{self.path}: holds a {type(model).__name__}, no graph of layers with an input; save keras.Sequential or "
                "keras.Model(inputs, outputs)"
            )
        return model


class UntrainedFileCandidate(FileCandidate):
    """The architecture of a saved model with random weights, the same each time it is built."""

    def __init__(self, path: Path, layer: str = "") -> None:
        super().__init__(path, layer)
        self.name += ":random"

    def classifier(self) -> None:
        """There is none: the head is untrained too."""
        return

    def _model(self) -> "keras.Model":
        import keras

        from ncap.candidates.random_start import seeded

        check_code(self.path)
        with seeded(self.name):
            # A clone draws anew what the file's initialisers say.
            return keras.models.clone_model(super()._model())


def description(path: Path) -> dict[str, Any]:
    """What a .keras file says of its model (config.json in it). Raises ValueError for anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > _LARGEST_DESCRIPTION:
                raise ValueError("its config.json is too large")
            told = json.loads(archive.read("config.json"))
        if not isinstance(told, dict):
            raise ValueError("its config.json describes no model")
    except Exception as error:  # a damaged archive raises some ten kinds
        reason = "no config.json in it" if isinstance(error, KeyError) else one_line(error, 300)
        raise ValueError(
            f"{path}: not a model that Keras saved as .keras ({reason}); write it with model.save('NAME.keras')"
        ) from None
    return told


def check_code(path: Path) -> None:
    """Raise ValueError, with its name, for a lambda and for a class or function that is neither Keras' nor registered with it."""
    import keras

    for part in _parts(description(path)):
        kind, module, registered = part.get("class_name"), part.get("module") or "", part.get("registered_name") or ""
        config = part.get("config")
        name = config.get("name", kind) if isinstance(config, dict) else config
        if kind in ("Lambda", "__lambda__"):
            raise ValueError(
                f"{path}: layer {name!r} is a lambda, code that ncap does not run from a file; use one of Keras' layers, or pass "
                "'package.module:function' with a function that builds the model"
            )
        keras_own = module in ("", "builtins", "keras") or module.startswith("keras.")
        if not (keras_own and ">" not in registered) and keras.saving.get_registered_object(registered) is None:
            raise ValueError(
                f"{path}: {name!r} is a {kind} of {module or registered!r}, which Keras does not know; pass 'package.module:function' "
                "with a function that imports it and loads the file"
            )


class Files:
    """Paths that end in .keras, or in .keras@LAYER.

    >>> FILES.accepts("runs/best.keras"), FILES.accepts("best.keras@pool"), FILES.accepts("best.h5")
    (True, True, False)
    """

    def names(self) -> list[str]:
        """None: any file can be named."""
        return []

    def accepts(self, word: str) -> bool:
        """Whether it reads as such a path; the file may be missing."""
        return word.endswith(".keras") or ".keras@" in word

    def candidate(self, word: str) -> FileCandidate:
        """The model of that file. Raises ValueError where it is missing, with the nearest file name in its folder, or damaged."""
        text, layer = word, ""
        if not Path(word).expanduser().is_file() and ".keras@" in word:
            text, _, layer = word.rpartition(".keras@")
            text += ".keras"
        path = Path(text).expanduser()
        if not path.is_file():
            there = sorted(one.name for one in path.parent.glob("*.keras")) if path.parent.is_dir() else []
            problem = "is a folder" if path.is_dir() else "does not exist"
            raise ValueError(
                f"candidate {word!r}: the file {str(path.absolute())!r} {problem}; {suggestion(path.name, there)}".rstrip(
                    "; "
                )
            )
        return FileCandidate(path, layer)


FILES = Files()


def _input_shape(told: dict[str, Any]) -> tuple[int | None, int | None, int] | None:
    """(h, w, c) of a model with one input of images; None where the description does not say so."""
    config = told.get("config")
    layers = config.get("layers") if isinstance(config, dict) else None
    inputs = [one for one in layers or () if isinstance(one, dict) and one.get("class_name") == "InputLayer"]
    shape = (
        inputs[0]["config"].get("batch_shape")
        if len(inputs) == 1 and isinstance(inputs[0].get("config"), dict)
        else None
    )
    return (shape[1], shape[2], shape[3]) if isinstance(shape, list) and len(shape) == 4 and shape[3] else None


def _parts(told: Any) -> Iterator[dict[str, Any]]:
    """Every serialized object in a description."""
    waiting = [told]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "class_name" in one:
                yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
