"""Every rule that needs only curves, over the published curves of 1,440 networks: rank correlation after 10 and 20 % of training.

    NCAP_DATA=../shared/data python benchmarks/evidence/curves.py [--slow] [--sample N] [--learn-from candidates|targets] [--out curves.csv]

At least four ticks are read: 9 and 18 of 90 on NAAP-440, 4 and 5 of 20 on MetaQNN (10 % would be 2, and 20 % is 4). The truth is the mean
accuracy of the last three epochs, and NAAP-440's accuracies count as validation. A rule that learns is fitted to the other candidates of
the same collection, in five parts, or to the other collection. --slow takes the rules that need seconds a
candidate as well, which --sample makes bearable: so many networks of each collection, the same for all rules. The last column is the
processor time of both collections, with the intervals and with what is read once for all rules.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

import ncap
from ncap.ranking.outcomes import validation_truth
from ncap.records.curves import read_curves
from ncap.records.loading import load
from ncap.rules import RULES

COLLECTIONS = {"naap440": (90, [9, 18]), "metaqnn_cifar10": (20, [4, 5])}


def compared(learn_from, slow, sample):
    """The comparison of every rule on both collections, and the processor time that each took for both numbers of ticks."""
    folder = Path(os.environ["NCAP_DATA"], "curves")
    tables = [read_curves(folder / f"{name}.csv") for name in COLLECTIONS]
    both = {name: pd.concat([table[name] for table in tables]) for name in tables[0]}
    if sample:
        both = {name: _sampled(table, sample) for name, table in both.items()}
    names = [
        name
        for name, rule in RULES.members().items()
        if "beta_eff" not in rule.needs and (slow or rule.cost == "low" or rule.learns)
    ]
    rows = []
    for target, (horizon, ticks) in COLLECTIONS.items():
        truth = validation_truth(load(both, target=target))
        for name in names:
            begun = time.process_time()
            made = ncap.compare(both, truth, name, ticks, horizon=horizon, learn_from=learn_from)
            rows.append(made.assign(took=time.process_time() - begun))
    return pd.concat(rows, ignore_index=True)


def _sampled(table, sample):
    kept = []
    for _, rows in table.groupby("target"):
        names = np.sort(rows["candidate"].unique())
        chosen = np.random.default_rng(0).choice(names, min(sample, len(names)), replace=False)
        kept.append(rows[rows["candidate"].isin(chosen)])
    return pd.concat(kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--learn-from", choices=("candidates", "targets"), default="candidates")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    table = compared(given.learn_from, given.slow, given.sample)
    if given.out:
        table.to_csv(given.out, index=False)
    shown = table.pivot_table(index="rule", columns=["target", "ticks"], values="rho", sort=False).round(3)
    took = table.drop_duplicates(["rule", "target"]).groupby("rule")["took"].sum()
    shown["processor", "s"] = took.round(1)
    print(shown.to_string())


if __name__ == "__main__":
    main()
