"""How proxies and rules order the drawn cells, beside what was published for NAS-Bench-201."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.nas.cells import DATA_SETS, cell_of
from ncap.ranking import bootstrap
from ncap.ranking.agreement import kendall

# Kendall's tau on CIFAR-100 over 500 cells, as this benchmark was asked to stand beside them; their source was not given.
PUBLISHED = {"multiply_adds": 0.567, "jacob_cov": 0.561, "synflow": 0.548, "zico": 0.538, "parameters": 0.531}


def of_proxies(values: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Kendall's tau-b of every score against the accuracies on each data set: score, undefined, and tau, low and high of each.

    values: a row per cell, `candidate` and scores. A cell whose score is not defined is put last: it is one that lets nothing through.
    The interval holds 95 % of 1,000 samples of the cells, drawn with replacement.
    """
    joined = values.merge(published, on="candidate", validate="one_to_one")
    names = [name for name in values if name not in ("candidate", "seconds")]
    rows = []
    for name in names:
        score = joined[name].fillna(joined[name].min() - 1).to_numpy()
        row = {"score": name, "cells": len(joined), "undefined": int(joined[name].isna().sum())}
        for data_set in DATA_SETS:
            accuracy = joined[data_set].to_numpy()
            low, high = bootstrap.intervals(score, accuracy)["tau"]
            row |= {data_set: kendall(score, accuracy), f"{data_set}_low": low, f"{data_set}_high": high}
        rows.append(row | {"published_cifar100": PUBLISHED.get(name, np.nan)})
    return pd.DataFrame(rows).sort_values("cifar100", ascending=False, ignore_index=True).round(3)


def of_sizes(published: pd.DataFrame) -> pd.DataFrame:
    """Kendall's tau-b of the two sizes, which take no network, over the whole table."""
    cells = [cell_of(name) for name in published["candidate"]]
    sizes = {"parameters": [one.parameters() for one in cells], "multiply_adds": [one.multiply_adds() for one in cells]}
    rows = [
        {"score": name} | {data_set: kendall(size, published[data_set]) for data_set in DATA_SETS}
        for name, size in sizes.items()
    ]
    return pd.DataFrame(rows).round(3)


def of_rules(store: Path, published: pd.DataFrame, ticks: list[int]) -> pd.DataFrame:
    """Every rule that learns from nothing else on the trained cells, against the accuracies on each data set."""
    import ncap
    from ncap.rules import RULES

    rules = [name for name, rule in RULES.members().items() if not rule.learns]
    parts = []
    for data_set in DATA_SETS:
        truth = published.rename(columns={data_set: "accuracy"})[["candidate", "accuracy"]].assign(target="cifar10")
        parts.append(ncap.compare(store, truth, rules, ticks, horizon=200).assign(data_set=data_set))
    return pd.concat(parts, ignore_index=True)
