"""Records made by hand, and those of the demo as ncap 0.1 stored them."""

import math
import sqlite3
from pathlib import Path

import pandas as pd

from ncap.records.loading import load

READING = "explicit/magnitude/unit"
V1 = Path(__file__).parent / "records" / "v1"


def tables(epochs=None, failed=(), **runs):
    """Tables from {name or name_run: [(beta_eff, val_accuracy), ...]}; failed: (candidate, run, epoch, reason)."""
    seen, read = [], []
    for key, values in runs.items():
        name, _, run = key.partition("_")
        for tick, (beta, accuracy) in enumerate(values, start=1):
            row = {"settings": "abc", "target": "digits", "candidate": name, "run": int(run or 0), "tick": tick}
            epoch = float(tick if epochs is None else epochs[tick - 1])
            seen.append(
                row | {"epoch": epoch, "val_accuracy": accuracy, "test_accuracy": 1 - accuracy, "seconds_train": 1.0}
            )
            reason = "rounding" if math.isnan(beta) else ""
            read.append(row | {"reading": READING, "beta_eff": beta, "reason": reason, "seconds": 0.5})
    made = {"observations": pd.DataFrame(seen), "readings": pd.DataFrame(read)}
    if failed:
        rows = [dict(zip(("candidate", "run", "epoch", "reason"), row, strict=True)) for row in failed]
        made["failures"] = pd.DataFrame(rows).assign(settings="abc", target="digits")
    if not seen:
        made["observations"] = pd.DataFrame(columns=["settings", "target", "candidate", "run", "tick"])
        del made["readings"]
    return made


def records(**options):
    return load(tables(**options))


def line(top, betas=(4, 3, 2, 1)):
    """Accuracy = top - beta / 10, so that h(0) = top."""
    return [(float(beta), top - beta / 10) for beta in betas]


def demo(epochs=None):
    """The records of the demo's store as ncap 0.1 wrote it, 10 candidates of one run and 30 epochs."""
    with sqlite3.connect(V1 / "demo.db") as store:
        rows = pd.read_sql("SELECT * FROM observations ORDER BY candidate, run, epoch", store)
    store.close()
    rows = rows.assign(tick=rows["epoch"], reason=rows["degenerate"].map({0: "", 1: "unknown"}))
    seen = rows.drop(columns=["beta_eff", "beta_eff_error", "cancellation", "degenerate", "seconds_beta", "reading"])
    read = rows[
        [
            "settings",
            "target",
            "candidate",
            "run",
            "tick",
            "reading",
            "beta_eff",
            "beta_eff_error",
            "cancellation",
            "reason",
        ]
    ]
    made = {
        "observations": seen.drop(columns="reason"),
        "readings": read.assign(seconds=rows["seconds_beta"], n_samples=0),
    }
    return load(made).of(epochs=epochs)
