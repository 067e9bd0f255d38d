"""The development sweep: which optimizer, rate, dropout and length the tiers take, from development targets alone.

    NCAP_DATA=../shared/data nice -n 19 python -m benchmarks.evidence.sweep rates|lengths|starts|real [--out FILE.csv]

`rates` trains three bodies of "mini32", two more under the paper's recipe, for ten epochs, the probe frozen and trained; `lengths` trains
them for thirty epochs under the recipe of `protocol.toml`; `starts` trains all eighteen there for six epochs under the frozen probe, from
their weights and from random ones (for the trained probe `starts.py` has done so, under the same recipe); `real` tries three backbones at
64 pixels. The validation accuracy of every epoch is a row of the table; a training that it has is not repeated, and no test image is read.
"""

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BODIES = ("squeeze_32", "residual_32", "mlp_32")
MORE_BODIES = ("inverted_residual_32", "attention_32")
BACKBONES = (
    "backbones:mobilenet_v1_0.25_128_quant",
    "backbones:shufflenetv2_narrow_224",
    "backbones:squeezenet_v1.1_notop_224",
)
TARGET, VALIDATION, TRAINING, REAL_TRAINING, SEED = "cifar10", 1_000, 2_500, 2_000, 0
MOMENTUM = 0.9  # of the optimizer "momentum", which is SGD with it
# optimizer, learning rate, dropout of the probe; the paper's rate is 1e-3 and its dropout 0.4
RECIPES = (
    ("adam", 1e-3, 0.4), ("adam", 3e-3, 0.4), ("adam", 3e-4, 0.4), ("momentum", 1e-2, 0.4), ("adam", 1e-3, 0.0),
)  # fmt: skip
REAL_RECIPES = (("adam", 1e-3, 0.4), ("adam", 3e-4, 0.4), ("adam", 1e-3, 0.0))
COLUMNS = (
    "stage", "candidate", "probe", "optimizer", "learning_rate", "dropout", "epochs", "epoch", "train_loss", "val_accuracy", "seconds",
)  # fmt: skip
KEY = COLUMNS[:7]


@dataclass(frozen=True)
class Trial:
    """One training of the sweep; `candidate` may end in ":random"."""

    stage: str
    candidate: str
    probe: str
    optimizer: str
    learning_rate: float
    dropout: float
    epochs: int

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(str(getattr(self, name)) for name in KEY)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=("rates", "lengths", "starts", "real"))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("development.csv"))
    options = parser.parse_args()
    done = _done(options.out)
    for trial in trials(options.stage):
        if trial.key in done:
            continue
        rows = list(train(trial))
        with options.out.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if not file.tell():
                writer.writeheader()
            writer.writerows(rows)
        print(*trial.key, " ".join(f"{row['val_accuracy']:.3f}" for row in rows), flush=True)
    return 0


def trials(stage: str) -> Iterator[Trial]:
    """The trainings of a stage, the most telling ones first."""
    if stage == "rates":
        for recipe in RECIPES:
            for body in BODIES + (MORE_BODIES if recipe == RECIPES[0] else ()):
                for probe in ("trained", "frozen"):
                    yield Trial(stage, body, probe, *recipe, epochs=10)
    elif stage == "real":
        for recipe, start in [*((recipe, "") for recipe in REAL_RECIPES), (REAL_RECIPES[0], ":random")]:
            for backbone in BACKBONES:
                for probe in ("trained", "frozen"):
                    yield Trial(stage, backbone + start, probe, *recipe, epochs=6)
    else:
        from benchmarks.evidence.protocol import read

        tier = read().tiers["small"]
        if stage == "lengths":
            for probe, recipe in tier.probes.items():
                for body in BODIES:
                    yield Trial(stage, body, probe, *_parts(recipe), epochs=30)
        else:
            for body in tier.candidates:
                for start in ("", ":random"):
                    yield Trial(stage, body + start, "frozen", *_parts(tier.probes["frozen"]), epochs=6)


def _parts(recipe: Any) -> tuple[str, float, float]:
    return recipe.optimizer, recipe.learning_rate, recipe.dropout


def train(trial: Trial) -> Iterator[dict[str, Any]]:
    """A row per epoch."""
    from ncap import candidates, framework, targets
    from ncap.job import Job
    from ncap.training.run import Training

    real = trial.stage == "real"
    target = targets.load(TARGET, SEED, validation=VALIDATION).few(REAL_TRAINING if real else TRAINING, SEED)
    candidate = candidates.resolve(trial.candidate)[trial.candidate]
    size = 64 if real else None
    job = Job(
        epochs=trial.epochs,
        frozen=trial.probe == "frozen",
        optimizer=optimizer(trial.optimizer, trial.learning_rate),
        learning_rate=trial.learning_rate,
        dropout=trial.dropout,
        size=size,
    )
    chosen = framework.settings()
    with framework.quiet_tracing():
        training = Training(job, candidate if size is None else candidate.at_size(size), target)
        for place in job.places():
            started = time.perf_counter()
            logs = training.train(place)
            seconds = time.perf_counter() - started
            seen = training._evaluate("val")
            yield dict(zip(KEY, trial.key, strict=True)) | {
                "epoch": place.epoch,
                "train_loss": round(logs["loss"], 5),
                "val_accuracy": round(seen["accuracy"], 4),
                "seconds": round(seconds, 3),
            }
    framework.clear_session(chosen)


def optimizer(name: str, rate: float) -> Any:
    """What `Job.optimizer` takes: a name, or SGD with momentum 0.9 as Keras serializes it."""
    if name != "momentum":
        return name
    import keras

    return keras.optimizers.serialize(keras.optimizers.SGD(rate, momentum=MOMENTUM))


def _done(path: Path) -> set[tuple[str, ...]]:
    """The trainings that the table has; rows are written together."""
    if not path.exists():
        return set()
    with path.open(newline="", encoding="utf-8") as file:
        return {tuple(row[name] for name in KEY) for row in csv.DictReader(file)}


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(main())
