"""Rankings from constructed tables, as the tests of the report read them: no training."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from ncap.ranking.order import rank_records
from ncap.records.loading import load

EIGHT = ("plain", "normalised", "residual", "dense", "depthwise", "inception", "squeeze", "mlp")
READING = "explicit/magnitude/unit"
OUT = "ValueError: out of memory"


def observations(names, *, epochs=30, runs=2, seed=0, nan=(), failed=()):
    """Tables of curves that rise to a ceiling while beta_eff falls; `nan`: candidates whose beta_eff has no value at odd epochs."""
    rng = np.random.default_rng(seed)
    seen, read = [], []
    for candidate in names:
        ceiling, speed, scale, cost = (
            rng.uniform(0.6, 0.95),
            rng.uniform(0.1, 0.4),
            10 ** rng.uniform(-2, -1),
            rng.uniform(0.5, 2),
        )
        for run in range(runs if candidate not in failed else 0):
            for epoch in range(1, epochs + 1):
                rest = math.exp(-speed * epoch)
                silent = candidate in nan and epoch % 2 == 1
                beta = math.nan if silent else scale * (0.15 + rest) * math.exp(rng.normal(0, 0.04))
                accuracy = ceiling - 0.6 * rest + rng.normal(0, 0.008)
                key = {"settings": "0f3a", "target": "digits", "candidate": candidate, "run": run, "tick": epoch}
                seen.append(
                    key | {
                        "epoch": epoch, "train_accuracy": accuracy + 0.02, "train_loss": 2 * rest, "val_accuracy": accuracy,
                        "val_loss": 2 * rest + 0.1, "test_accuracy": accuracy - 0.01, "seconds_train": cost + 6 * (epoch == 1),
                    }
                )  # fmt: skip
                read.append(
                    key | {
                        "reading": READING, "beta_eff": beta, "beta_eff_error": 0.06 * beta, "cancellation": 1.0,
                        "reason": "rounding" if silent else "", "seconds": 0.2 * cost + 2 * (epoch == 1),
                    }
                )  # fmt: skip
    key = ["settings", "target", "candidate", "run", "tick"]
    return {
        "observations": pd.DataFrame(seen, columns=None if seen else key),
        "readings": pd.DataFrame(read, columns=None if read else [*key, "reading"]),
    }


def constructed(names=EIGHT[:4], *, observed=5, failed=(), rule="capacitance", **options):
    """A ranking as `ncap.rank` returns it, of four candidates (eight take twice as long), trained on to the end, and the truth there."""
    made = observations(names, failed=failed, **options)
    failures = [
        {"settings": "0f3a", "target": "digits", "candidate": name, "run": 0, "epoch": 1, "reason": OUT}
        for name in failed
    ]
    if failed:
        made["failures"] = pd.DataFrame(failures)
    facts = {"seed": 0, "optimizer": "adam", "hidden": [256, 128], "backend": "tensorflow", "device": "2 CPU cores"}
    records = replace(load(made, target="digits"), facts=facts, target="digits")
    ranking = rank_records(records.of(epochs=observed), rule)
    rows = records.observations
    last = (
        rows[rows["epoch"] == rows["epoch"].max()]
        .groupby("candidate", as_index=False)
        .agg({"test_accuracy": "mean", "epoch": "max"})
    )
    truth = last.rename(columns={"test_accuracy": "true_accuracy", "epoch": "true_epochs"})
    return replace(ranking, observations=rows, readings=records.readings), truth
