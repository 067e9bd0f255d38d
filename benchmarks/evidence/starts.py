"""Is a pre-trained start better than a random one? Every network of "mini32" is trained from both on a development target.

    NCAP_DATA=../shared/data python benchmarks/evidence/starts.py --card ncap/candidates/weights/mini32.json

Development target: CIFAR-10, 2,500 training images, 4,500 others for validation, drawn with seed 0. Body and probe are trained together for
eight epochs, Adam 1e-3, batches of 64; what is compared is the validation accuracy after the last. The margin is clear where it is at
least 0.03 and more than two standard errors, sqrt((p (1 - p) + q (1 - q)) / 4500). The accuracies go into the card; a network that
has them is not trained again. The command fails where a margin is not clear.
"""

import argparse
import json
import math
import sys
import zlib
from pathlib import Path

import keras
import numpy as np

import ncap
from ncap import candidates, targets
from ncap.candidates import Candidate

TRAINING, VALIDATION, EPOCHS, BATCH_SIZE, LEARNING_RATE, SEED = 2_500, 4_500, 8, 64, 1e-3, 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--card", type=Path, required=True, help="weights/mini32.json, which is read and rewritten")
    card_file = parser.parse_args().card
    target = targets.load("cifar10", SEED, validation=VALIDATION).few(TRAINING, SEED)
    unclear = []
    for name in json.loads(card_file.read_text(encoding="utf-8"))["candidates"]:
        card = json.loads(card_file.read_text(encoding="utf-8"))
        entry = card["candidates"][name]
        if "cifar10_from_start" not in entry:
            trained = candidates.resolve(name)[name]
            entry["cifar10_from_start"] = accuracy(trained, target)
            entry["cifar10_from_random"] = accuracy(trained.untrained(), target)
            card_file.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        start, random = entry["cifar10_from_start"], entry["cifar10_from_random"]
        clear = is_clear(start, random)
        print(f"{name:22s} {start:.4f} {random:.4f} {start - random:+.4f}{'' if clear else ' not clear'}", flush=True)
        unclear += [] if clear else [name]
    return 1 if unclear else 0


def is_clear(start: float, random: float) -> bool:
    """Whether one accuracy is at least 0.03, and more than two standard errors of their difference, above the other."""
    error = math.sqrt((start * (1 - start) + random * (1 - random)) / VALIDATION)
    return start - random >= max(0.03, 2 * error)


def accuracy(candidate: Candidate, target: targets.ArrayTarget) -> float:
    """Of body and probe on the validation images after the last epoch, in 0..1."""
    keras.utils.set_random_seed(zlib.crc32(candidate.name.encode()))
    model = ncap.attach_probe(candidate.build(), target.classes, frozen=False, seed=SEED)
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    x, y = target.read("train", np.arange(TRAINING))
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    x, y = target.read("val", np.arange(VALIDATION))
    return round(float(np.mean(model.predict(x, batch_size=256, verbose=0).argmax(axis=-1) == y)), 4)


if __name__ == "__main__":
    sys.exit(main())
