"""Seconds per epoch of every backbone: 1,024 images, batch 64, the probe trained, at 64 and 96 pixels.

    NCAP_DATA=../shared/data python benchmarks/cost/backbones.py [--out FILE.csv] [--sizes 64,96] [--epochs 3] [NAME ...]

The images are CIFAR-10's, resized batch by batch as in any job. The first epoch compiles and is left out; of the next ones the median is
taken. Wall seconds depend on what else the machine does; the seconds of the processor, summed over the cores, hardly do, and divided by
the number of cores are the least that an epoch can take there.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import pandas as pd

IMAGES, BATCH = 1024, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["backbones"], help="candidates; all backbones unless given")
    parser.add_argument("--out", type=Path, help="a .csv file, written line by line")
    parser.add_argument("--sizes", default="64,96")
    parser.add_argument("--epochs", type=int, default=3, help="timed, after one that is not")
    options = parser.parse_args()

    from ncap import candidates, targets

    target = targets.load("cifar10").few(IMAGES, seed=0)
    lines = []
    for name, candidate in candidates.resolve(options.names).items():
        for size in map(int, options.sizes.split(",")):
            lines.append({"candidate": name} | measure(candidate, target, size, options.epochs))
            print(*(f"{key}={value}" for key, value in lines[-1].items()), flush=True)
            if options.out:
                pd.DataFrame(lines).to_csv(options.out, index=False)
    print(f"\n{IMAGES} images, batch {BATCH}, probe trained, {len(os.sched_getaffinity(0))} cores\n")
    print(pd.DataFrame(lines).to_string(index=False))


def measure(candidate, target, size: int, epochs: int) -> dict[str, float]:
    """Size, multiply-adds in millions, and the median seconds of an epoch by the clock and of the processor."""
    import keras

    from ncap.cost import train_epoch
    from ncap.framework import quiet_tracing
    from ncap.job import Job
    from ncap.training.run import Training

    resized = candidate.at_size(size)
    with quiet_tracing():
        training = Training(Job(size=size, batch_size=BATCH, frozen=False), resized, target)
        train_epoch(training, 1)
        wall, processor = zip(
            *(_timed(lambda e=epoch: train_epoch(training, e)) for epoch in range(2, epochs + 2)), strict=True
        )
    keras.utils.clear_session()
    return {
        "size": size,
        "million_multiply_adds": round(resized.multiply_adds / 1e6, 1),
        "seconds": round(statistics.median(wall), 2),
        "seconds_processor": round(statistics.median(processor), 2),
    }


def _timed(work) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


if __name__ == "__main__":
    main()
