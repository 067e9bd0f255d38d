"""A benchmark made by hand: curves whose end is known, on tables like the committed ones."""

import numpy as np
import pandas as pd

from ncap.records.benchmark import STORED, Benchmark, truth

READING = "explicit/magnitude/unit"
EVALUATION = {"ticks": [5, 10], "reading": READING}


def made(
    candidates=6, runs=1, targets=("digits",), probes=("frozen",), epochs=12, role="development", equal_runs=False
):
    """Accuracies are T - kappa beta: h(0) is the truth T, while what is seen after a few epochs has nothing to do with it.

    beta falls at a rate of its own in every candidate, and kappa is such that the accuracy after five epochs is drawn.
    """
    observations, readings, scores, jobs = [], [], [], []
    t = np.array([0.25, 0.5, 0.75, *range(1, epochs + 1)])
    for target in targets:
        for probe in probes:
            rng = np.random.default_rng(len(target))
            tops, early = (
                rng.permutation(np.linspace(0.5, 0.9, candidates)),
                rng.permutation(np.linspace(0.35, 0.48, candidates)),
            )
            place = {"settings": f"s-{probe}", "target": target}
            for i in range(candidates):
                for run in range(runs):
                    rate = 0.15 + 0.3 * i / candidates + (0 if equal_runs else 0.002 * run)
                    beta = np.exp(-rate * t / 5)
                    seen = tops[i] - (tops[i] - early[i]) * beta / np.exp(-rate)
                    for tick, values in enumerate(zip(t, seen, beta, strict=True), start=1):
                        key = {**place, "candidate": f"c{i}", "run": run, "tick": tick}
                        epoch, accuracy, reading = values
                        last = epoch > epochs - 3
                        observations.append({**key, "epoch": epoch, "val_accuracy": accuracy, "train_accuracy": accuracy,
                                             "train_loss": 1.5 - accuracy + 0.01 * i, "val_loss": 2 - accuracy, "seconds_train": 1.0,
                                             "test_accuracy": tops[i] if last else np.nan})  # fmt: skip
                        readings.append(
                            {**key, "reading": READING, "beta_eff": reading, "seconds": 0.5, "n_samples": 5}
                        )
                scores.append({**place, "candidate": f"c{i}", "score": "log_me", "value": tops[i]})
            job = place | {"tier": "small", "probe": probe, "role": role, "parent": target}
            jobs.append(job | {"classes": 10, "n_train": 50, "n_val": 50, "n_test": 50, "epochs": epochs, "size": 0})
    rows = {"observations": observations, "readings": readings, "scores": scores, "failures": [], "jobs": jobs}
    tables = {table.name: complete(table, rows[table.name]) for table in STORED}
    return Benchmark(**tables, truth=truth(tables["observations"], tables["failures"]))


def complete(table, rows):
    """Rows with every column of a table."""
    filled = [
        {name: row.get(name, np.nan if kind is float else kind()) for name, kind in table.types.items()} for row in rows
    ]
    return pd.DataFrame(filled, columns=list(table.names)).astype(table.types)
