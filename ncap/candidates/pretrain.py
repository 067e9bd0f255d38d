"""Train the collection "mini" on Fashion-MNIST (Zalando, MIT licence), and write its weights and their card.

    python -m ncap.candidates.pretrain --out ncap/candidates/weights --seed 0 --epochs 15

Fashion-MNIST comes from $NCAP_DATA/images/fashion_mnist.npz or from keras.datasets, is shrunk to 16 x 16, and gives 10,000
stratified training images. Each body is trained under a linear head, which is thrown away, from a seed derived from (seed, name), so
that a candidate's weights do not depend on the others. The card (mini.json) holds the accuracies on the test images.
"""

import argparse
import json
import time
import zlib
from pathlib import Path

import keras
import numpy as np

from ncap import targets
from ncap.candidates.bodies import BODIES, INPUT_SHAPE
from ncap.candidates.hdf5 import save_weights
from ncap.targets import ArrayTarget

_IMAGES = 10_000
_BATCH_SIZE = 64
_LEARNING_RATE = 2e-3


def main(arguments: list[str] | None = None) -> None:
    """Train every body in turn and write <out>/<name>.h5 and <out>/mini.json."""
    parser = argparse.ArgumentParser(prog="python -m ncap.candidates.pretrain", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and their card")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args(arguments)

    options.out.mkdir(parents=True, exist_ok=True)
    target = pretraining_target(options.seed)
    candidates = {}
    for name, (family, build) in BODIES.items():
        started = time.perf_counter()
        keras.utils.set_random_seed(zlib.crc32(f"{options.seed}/{name}".encode()))
        body = build()
        accuracy = train(body, target, options.epochs)
        save_weights(body, options.out / f"{name}.h5")
        candidates[name] = {
            "family": family,
            "parameters": body.count_params(),
            "input_shape": list(INPUT_SHAPE),
            "test_accuracy": round(accuracy, 4),
        }
        print(f"{name:18s} {body.count_params():6d} {accuracy:.4f} {time.perf_counter() - started:5.1f} s", flush=True)
    card = {
        "trained_on": "fashion_mnist",
        "training_images": len(target.x_train),
        "test_images": 0 if target.x_test is None else len(target.x_test),
        "epochs": options.epochs,
        "seed": options.seed,
        "keras": keras.version(),
        "backend": keras.backend.backend(),
        "candidates": candidates,
    }
    (options.out / "mini.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def pretraining_target(seed: int) -> ArrayTarget:
    """Fashion-MNIST at 16 x 16 with at most 10,000 training images."""
    target = targets.load("fashion_mnist", seed)
    small = {part: target.read(part, np.arange(n), INPUT_SHAPE) for part, n in target.lengths.items()}
    # no model is selected here, so what was split off for validation is trained on too
    x, y = (np.concatenate(both) for both in zip(small["train"], small["val"], strict=True))
    (x_val, y_val), (x_test, y_test) = small["val"], small.get("test", (None, None))
    whole = ArrayTarget(target.name, x, y, x_val, y_val, x_test, y_test, target.classes)
    return whole.few(min(_IMAGES, len(y)), seed)


def train(body: keras.Model, target: ArrayTarget, epochs: int) -> float:
    """Train the body in place under a linear head; the accuracy on the test images, in 0..1."""
    features = body.output if body.output.ndim == 2 else keras.layers.GlobalAveragePooling2D()(body.output)
    model = keras.Model(body.input, keras.layers.Dense(target.classes)(features))
    steps = epochs * -(-len(target.y_train) // _BATCH_SIZE)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(target.x_train, target.y_train, batch_size=_BATCH_SIZE, epochs=epochs, verbose=0)
    return float(model.evaluate(target.x_test, target.y_test, verbose=0, return_dict=True)["accuracy"])


if __name__ == "__main__":
    main()
