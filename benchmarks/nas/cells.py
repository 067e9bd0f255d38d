"""Which cells of NAS-Bench-201 are run, and how each ended after 200 epochs in the published table."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from ncap.candidates.cells import Cell
from ncap.candidates.nb201 import PREFIX

DATA_SETS = {
    "cifar10": "CIFAR10TestAccuracy200Epochs",
    "cifar100": "CIFAR100TestAccuracy200Epochs",
    "imagenet16": "ImageNetTestAccuracy200Epochs",
}
STRATA = 10


def published() -> pd.DataFrame:
    """The 15,625 cells of $NCAP_DATA/curves/nats_bench.csv.gz: candidate, unique, and the accuracy (0..1) on each of DATA_SETS."""
    rows = pd.read_csv(Path(os.environ["NCAP_DATA"], "curves", "nats_bench.csv.gz"))
    named = {name: rows[column] / 100 for name, column in DATA_SETS.items()}
    return pd.DataFrame({"candidate": PREFIX + rows["ArchitectureString"], "unique": rows["UniqueString"], **named})


def drawn(table: pd.DataFrame, n: int, seed: int) -> list[str]:
    """The names of n cells, as many from each tenth of the space by accuracy on CIFAR-10, no two of them isomorphic.

    The cells of the strata take turns, so that the first of a draw are themselves spread over the whole space.
    """
    if not STRATA <= n <= len(table) // 10:
        raise ValueError(f"n must be from {STRATA} to {len(table) // 10}, got {n}")
    shuffled = table.sample(frac=1, random_state=np.random.RandomState(seed)).drop_duplicates("unique")
    edges = np.quantile(table["cifar10"], np.linspace(0, 1, STRATA + 1)[1:-1])
    stratum = np.searchsorted(edges, shuffled["cifar10"], side="right")
    turn = shuffled.groupby(stratum).cumcount()
    order = np.lexsort((stratum, turn))
    return shuffled["candidate"].iloc[order].tolist()[:n]


def cell_of(candidate: str) -> Cell:
    """The cell that a candidate's name stands for."""
    return Cell.parse(candidate.removeprefix(PREFIX))
