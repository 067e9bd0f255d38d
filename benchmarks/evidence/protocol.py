"""The protocol of the benchmark, read from protocol.toml and checked.

python -m benchmarks.evidence.protocol        # its hash, and how many trainings each tier has
"""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("protocol.toml")
PROBES = ("trained", "frozen")
ROLES = ("development", "held_out")


@dataclass(frozen=True)
class Recipe:
    """How a tier trains under one kind of probe. `optimizer` is a name of Keras', or "momentum": SGD with momentum 0.9."""

    optimizer: str
    learning_rate: float
    dropout: float
    epochs: int

    def settings(self) -> dict[str, Any]:
        """As settings of `ncap.job.Job`."""
        return {
            "optimizer": _momentum(self.learning_rate) if self.optimizer == "momentum" else self.optimizer,
            "learning_rate": self.learning_rate,
            "dropout": self.dropout,
            "epochs": self.epochs,
        }


@dataclass(frozen=True)
class Tier:
    """One part of the benchmark.

    training: images that a target is cut down to. size: of the images, None for the candidates' own. readings: of every run.
    batch_readings: those of mini-batches, of the one run `batch_run`; None for no run.
    """

    name: str
    candidates: tuple[str, ...]
    targets: tuple[str, ...]
    training: int
    size: int | None
    runs: int
    ticks_per_epoch: tuple[int, ...]
    batch_size: int
    readings: tuple[str, ...]
    batch_readings: tuple[str, ...]
    batch_run: int | None
    probes: dict[str, Recipe]


@dataclass(frozen=True)
class Protocol:
    """content: protocol.toml as it was read; hash: the first 16 hexadecimal digits of the SHA-256 of that content as JSON."""

    content: dict[str, Any]
    hash: str
    tiers: dict[str, Tier]

    def parent(self, target: str) -> str:
        """The target itself, or the parent of a sub-target, such as "cifar10" of "cifar10-07"."""
        return target.rpartition("-")[0] or target

    def role(self, target: str) -> str:
        """ "development" or "held_out"."""
        return next(role for role in ROLES if self.parent(target) in self.content["roles"][role])


def read(path: Path = FILE) -> Protocol:
    """The protocol. Raises ValueError for one that contradicts itself."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    _check(content)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    tiers = {name: _tier(name, entry, content) for name, entry in content["tiers"].items()}
    return Protocol(content, hashlib.sha256(canonical.encode()).hexdigest()[:16], tiers)


def _check(content: dict[str, Any]) -> None:
    """Raise ValueError where a target has no role or two, or a tier names a target that is not split."""
    given = [target for role in ROLES for target in content["roles"][role]]
    if sorted(given) != sorted(content["targets"]):
        raise ValueError(f"{FILE.name}: every target must have one role, got roles for {sorted(given)}")
    named = {
        target for tier in content["tiers"].values() if isinstance(tier["targets"], list) for target in tier["targets"]
    }
    if stray := sorted((named | set(content["subtargets"]["parents"])) - set(given)):
        raise ValueError(f"{FILE.name}: {stray[0]!r} is not among the targets")
    for name, tier in content["tiers"].items():
        if not tier["probes"] or set(tier["probes"]) - set(PROBES):
            raise ValueError(
                f"{FILE.name}: the probes of {name!r} must be some of {PROBES}, got {sorted(tier['probes'])}"
            )


def _tier(name: str, entry: dict[str, Any], content: dict[str, Any]) -> Tier:
    from ncap import candidates
    from ncap.measure.readings import check, names

    if entry["targets"] == "subtargets":
        targets = [
            f"{parent}-{n:02d}" for parent, count in content["subtargets"]["parents"].items() for n in range(count)
        ]
    else:
        targets = entry["targets"]
    every = names(of_models=True) if entry["readings"] == "all" else [check(word).name for word in entry["readings"]]
    batched = [word for word in every if "/batches" in word]
    return Tier(
        name=name,
        candidates=tuple(candidates.resolve(entry["candidates"])),
        targets=tuple(targets),
        training=entry["training"],
        size=entry.get("size"),
        runs=entry["runs"],
        ticks_per_epoch=tuple(entry["ticks_per_epoch"]),
        batch_size=entry["batch_size"],
        readings=tuple(word for word in every if word not in batched),
        batch_readings=tuple(batched),
        batch_run=entry.get("batch_readings_of_run"),
        probes={probe: Recipe(**recipe) for probe, recipe in entry["probes"].items()},
    )


def _momentum(rate: float) -> Any:
    import keras

    return keras.optimizers.serialize(keras.optimizers.SGD(rate, momentum=0.9))


def main() -> None:
    protocol = read()
    print(f"protocol {protocol.hash}")
    for tier in protocol.tiers.values():
        shape = (len(tier.candidates), len(tier.targets), len(tier.probes), tier.runs)
        count = shape[0] * shape[1] * shape[2] * shape[3]
        words = "{} candidates x {} targets x {} probes x {} runs".format(*shape)
        more = f", {len(tier.batch_readings)} more of run {tier.batch_run}" if tier.batch_run is not None else ""
        print(f"{tier.name}: {words} = {count} trainings, {len(tier.readings)} readings{more}")


if __name__ == "__main__":
    main()
