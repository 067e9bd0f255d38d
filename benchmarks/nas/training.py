"""Cells trained for a few epochs on 2,000 images of CIFAR-10, with every reading at every tick; resumable at any tick."""

import os
from pathlib import Path
from typing import Any

IMAGES, EPOCHS, TICKS_PER_EPOCH = 2000, 12, (4, 1)


def train(cells: list[str], store: Path, jobs: int) -> None:
    """Train those of the cells that the store lacks; the whole network learns, its probe with it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import ncap
    from ncap import targets

    store.parent.mkdir(parents=True, exist_ok=True)
    target = targets.load("cifar10").few(IMAGES, seed=0)
    ncap.rank(cells, target, store=store, out=None, rule="last_seen", jobs=jobs, **settings())


def settings() -> dict[str, Any]:
    """Of the job: the readings and the recipe of the evidence's trained probe."""
    from benchmarks.evidence.protocol import read

    tier = read(Path(__file__).parents[1] / "evidence" / "protocol.toml").tiers["small"]
    readings = tuple(dict.fromkeys((*tier.readings, *tier.batch_readings)))
    recipe = dict(tier.probes["trained"].settings())
    return recipe | {
        "epochs": EPOCHS,
        "runs": 1,
        "batch_size": tier.batch_size,
        "ticks_per_epoch": TICKS_PER_EPOCH,
        "readings": readings,
        "frozen": False,
    }
