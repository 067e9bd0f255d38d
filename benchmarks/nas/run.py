"""Proxies and short trainings of cells of NAS-Bench-201, against the accuracies that its table has after 200 epochs.

    export NCAP_DATA=../shared/data
    nice -n 19 python -m benchmarks.nas.run proxies --out ../nas/proxies.csv [--cells 500] [--target cifar100]
    nice -n 19 python -m benchmarks.nas.run train --store ../nas/store.db [--cells 50] [--jobs 2]
    python -m benchmarks.nas.run table [--proxies FILE] [--store FILE]

The first two write outside the repository, may be ended at any moment, and go on from there when they are repeated: from the last
cell, and from the last tick. Without files, `table` has the sizes of all cells.
"""

import argparse
from pathlib import Path

import pandas as pd

from benchmarks.nas import cells, proxies, table, training

FOLDER = Path(__file__).parent
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    of_proxies = commands.add_parser("proxies", help="every training-free proxy of the cells")
    of_proxies.add_argument("--out", type=Path, required=True)
    of_proxies.add_argument("--cells", type=int, default=500)
    of_proxies.add_argument(
        "--without", nargs="*", default=[], help="proxies to leave out; grad_sign costs more than all others"
    )
    of_proxies.add_argument("--target", default="cifar100", help="whose training images make the batch")
    train = commands.add_parser("train", help="the cells for a few epochs, with every reading")
    train.add_argument("--store", type=Path, required=True)
    train.add_argument("--cells", type=int, default=50)
    train.add_argument("--jobs", type=int, default=2)
    shown = commands.add_parser("table", help="rank correlations with the table's accuracies")
    shown.add_argument("--proxies", type=Path)
    shown.add_argument("--store", type=Path)
    shown.add_argument("--ticks", type=int, nargs="+", default=[4, 7, 15], help="of 15: after 1, 4 and 12 epochs")
    given = parser.parse_args()
    for path in (getattr(given, "out", None), given.store if given.command == "train" else None):
        if path is not None and path.resolve().is_relative_to(FOLDER.parents[1]):
            parser.error(f"a file outside the repository is needed, got {path}")
    everything = cells.published()
    if given.command == "proxies":
        proxies.compute(cells.drawn(everything, given.cells, SEED), given.out, given.target, given.without)
    elif given.command == "train":
        training.train(cells.drawn(everything, given.cells, SEED), given.store, given.jobs)
    else:
        show(given, everything)


def show(given: argparse.Namespace, everything: pd.DataFrame) -> None:
    """Print the tables."""
    print(f"all {len(everything)} cells\n{table.of_sizes(everything).to_string(index=False)}\n")
    draw = everything[everything["candidate"].isin(cells.drawn(everything, 500, SEED))]
    print(f"the {len(draw)} cells of the draw\n{table.of_sizes(draw).to_string(index=False)}\n")
    if given.proxies:
        print(table.of_proxies(pd.read_csv(given.proxies), everything).to_string(index=False))
    if given.store:
        print(table.of_rules(given.store, everything, given.ticks).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
