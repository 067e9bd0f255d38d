"""Pre-train a collection of candidates, and write its weights and their card.

    python -m ncap.candidates.pretrain --collection mini --out ncap/candidates/weights
    NCAP_DATA=../shared/data python -m ncap.candidates.pretrain --collection mini32 --out ncap/candidates/weights

"mini" learns Fashion-MNIST (Zalando, MIT licence), from $NCAP_DATA/images/fashion_mnist.npz or keras.datasets, shrunk to 16 x 16: 10,000
stratified images. "mini32" learns thirty-five classes of Tiny-ImageNet, see `ncap.targets.tinyimagenet`. Each body is trained under a
linear head, which is thrown away, from a seed derived from (seed, name), so that a candidate's weights do not depend on the others.
The card (<collection>.json) holds how they were trained, and the accuracies on the test images with the weights as they are stored. A
body whose weights and entry in the card exist is not trained again: the command goes on where it was stopped, and two of them
with different bodies to train (--only) may share a folder.
"""

import argparse
import json
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from filelock import FileLock

from ncap import targets
from ncap.candidates import bodies, bodies32
from ncap.candidates.hdf5 import load_weights, save_weights
from ncap.candidates.multiply_adds import count_multiply_adds
from ncap.targets import tinyimagenet
from ncap.targets.parts import Part

_MINI_IMAGES = 10_000
_SHIFT = 4  # pixels
_WARM_UP = 0.05  # share of the steps in which the learning rate rises to its value


@dataclass(frozen=True)
class Images:
    """What a collection is trained on: images 0..255 (n, h, w, c), labels (n,), and the classes that the card lists."""

    train: Part
    test: Part
    classes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Recipe:
    """How a collection is pre-trained.

    `images` loads what a seed decides; `augmented` flips and shifts the images anew in every epoch, with a warm-up and labels smoothed by
    0.1, without which 130 images a class are learnt by heart; `stored` is the number type of the weights' file.
    """

    bodies: Mapping[str, tuple[str, Callable[[], keras.Model]]]
    images: Callable[[int], Images]
    trained_on: str
    licence: str
    epochs: int
    batch_size: int
    augmented: bool
    stored: str
    learning_rate: float = 2e-3


def main(arguments: list[str] | None = None) -> None:
    """Train every body in turn and write <out>/<name>.h5 and <out>/<collection>.json."""
    parser = argparse.ArgumentParser(prog="python -m ncap.candidates.pretrain", description=__doc__.splitlines()[0])
    parser.add_argument("--collection", choices=list(RECIPES), default="mini")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and their card")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="in place of the collection's own number")
    parser.add_argument("--only", help="names of bodies, separated by commas; the others are left for later")
    options = parser.parse_args(arguments)

    recipe = RECIPES[options.collection]
    epochs = options.epochs or recipe.epochs
    options.out.mkdir(parents=True, exist_ok=True)
    card = Card(options.out / f"{options.collection}.json", list(recipe.bodies))
    images = recipe.images(options.seed)
    card.begin(_about(recipe, images, epochs, options.seed))
    for name in options.only.split(",") if options.only else recipe.bodies:
        file = options.out / f"{name}.h5"
        if file.is_file() and name in card.entries():
            print(f"{name:20s} is there", flush=True)
            continue
        started = time.perf_counter()
        entry = _pretrained(name, recipe, images, epochs, options.seed, file)
        card.enter(name, entry)
        print(f"{name:20s} {entry} {time.perf_counter() - started:.0f} s", flush=True)


def _about(recipe: Recipe, images: Images, epochs: int, seed: int) -> dict[str, Any]:
    about = {
        "trained_on": recipe.trained_on,
        "licence": recipe.licence,
        "training_images": len(images.train[1]),
        "test_images": len(images.test[1]),
        "augmentation": f"flipped, shifted by up to {_SHIFT} pixels" if recipe.augmented else "none",
        "epochs": epochs,
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "seed": seed,
        "keras": keras.version(),
        "backend": keras.backend.backend(),
        "weights": recipe.stored,
    }
    return about | ({"classes": images.classes} if images.classes else {})


def _pretrained(name: str, recipe: Recipe, images: Images, epochs: int, seed: int, file: Path) -> dict[str, Any]:
    """Train the body of that name, write its weights to `file`; its entry in the card."""
    family, build = recipe.bodies[name]
    own_seed = zlib.crc32(f"{seed}/{name}".encode())
    keras.utils.set_random_seed(own_seed)
    body = build()
    model = train(body, images, recipe, epochs, own_seed)
    save_weights(body, file, recipe.stored)
    load_weights(body, file)  # the accuracy is that of what was stored
    x, y = images.test
    accuracy = np.mean(model.predict(x, verbose=0).argmax(axis=-1) == y)
    return {
        "family": family,
        "parameters": body.count_params(),
        "multiply_adds": count_multiply_adds(body),
        "input_shape": list(body.input_shape[1:]),
        "test_accuracy": round(float(accuracy), 4),
    }


class Card:
    """The JSON file beside the weights; each change reads it anew under a lock, so that several processes may write to it."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self._path, self._names, self._lock = path, names, FileLock(f"{path}.lock")

    def begin(self, about: dict[str, Any]) -> None:
        """Start the card, or go on with one that says the same; ValueError where its networks were trained otherwise."""
        with self._lock:
            old = self._read()
            differing = sorted(key for key in about if old["candidates"] and old.get(key) != about[key])
            if differing:
                key = differing[0]
                raise ValueError(
                    f"{self._path}: its candidates were trained with {key} = {old.get(key)!r:.80}, not {about[key]!r:.80}; train into "
                    "another folder, or delete the card to train all of them again"
                )
            self._write(about | {"candidates": old["candidates"]})

    def entries(self) -> dict[str, Any]:
        """The entries of the candidates that are done."""
        return dict(self._read()["candidates"])

    def enter(self, name: str, entry: dict[str, Any]) -> None:
        """Add the entry of one candidate, or replace it; they stand in the order of the collection."""
        with self._lock:
            card = self._read()
            done = card["candidates"] | {name: entry}
            self._write(card | {"candidates": {each: done[each] for each in self._names if each in done}})

    def _read(self) -> dict[str, Any]:
        return json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {"candidates": {}}

    def _write(self, card: dict[str, Any]) -> None:
        self._path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def train(body: keras.Model, images: Images, recipe: Recipe, epochs: int, seed: int) -> keras.Model:
    """Train the body in place under a linear head; body and head together."""
    features = body.output if body.output.ndim == 2 else keras.layers.GlobalAveragePooling2D()(body.output)
    (x, y), classes = images.train, int(images.train[1].max()) + 1
    model = keras.Model(body.input, keras.layers.Dense(classes)(features))
    steps = epochs * -(-len(y) // recipe.batch_size)
    model.compile(
        keras.optimizers.Adam(_schedule(recipe, steps)),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
        if recipe.augmented
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False if recipe.augmented else "auto",
    )
    if not recipe.augmented:
        model.fit(x, y, batch_size=recipe.batch_size, epochs=epochs, verbose=0)
        return model
    rng, one_hot = np.random.default_rng(seed), np.eye(classes, dtype=np.float32)[y]
    for _ in range(epochs):
        model.fit(flipped_and_shifted(x, rng), one_hot, batch_size=recipe.batch_size, verbose=0)
    return model


def _schedule(recipe: Recipe, steps: int) -> keras.optimizers.schedules.CosineDecay:
    if not recipe.augmented:
        return keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    warm_up = int(_WARM_UP * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm_up, warmup_target=recipe.learning_rate, warmup_steps=warm_up
    )


def flipped_and_shifted(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image (n, h, w, c) mirrored with probability 1/2 and shifted by up to four pixels each way, its edge repeated."""
    n, height, width, _ = x.shape
    padded = np.pad(x, ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)), mode="edge")
    down, right = rng.integers(0, 2 * _SHIFT + 1, (2, n, 1, 1))
    columns = np.where(rng.random((n, 1)) < 0.5, np.arange(width), np.arange(width)[::-1])
    return padded[np.arange(n)[:, None, None], down + np.arange(height)[:, None], right + columns[:, None, :]]


def fashion_mnist_16(seed: int) -> Images:
    """Fashion-MNIST at 16 x 16 with at most 10,000 training images."""
    target = targets.load("fashion_mnist", seed)
    small = {part: target.read(part, np.arange(n), bodies.INPUT_SHAPE) for part, n in target.lengths.items()}
    # no model is selected here, so what was split off for validation is trained on too
    x, y = (np.concatenate(both) for both in zip(small["train"], small["val"], strict=True))
    rows = targets.stratified_subset(y, _MINI_IMAGES, seed)
    return Images((x[rows], y[rows]), small["test"])


def tinyimagenet_35(seed: int) -> Images:
    """The thirty-five classes of Tiny-ImageNet that are no target; the same for every seed."""
    parts = tinyimagenet.chosen(tinyimagenet.PRETRAINING)
    return Images(parts["train"], parts["test"], tinyimagenet.class_names(tinyimagenet.PRETRAINING))


RECIPES = {
    "mini": Recipe(
        bodies.BODIES,
        fashion_mnist_16,
        "fashion_mnist",
        "MIT",
        epochs=15,
        batch_size=64,
        augmented=False,
        stored="float32",
    ),
    "mini32": Recipe(
        bodies32.BODIES,
        tinyimagenet_35,
        "35 classes of Tiny-ImageNet",
        "MIT; ImageNet's research terms apply to the pictures",
        epochs=50,
        batch_size=128,
        augmented=True,
        stored="float16",
    ),
}

if __name__ == "__main__":
    main()
