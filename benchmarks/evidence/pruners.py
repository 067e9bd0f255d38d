"""Pruners of Optuna on recorded learning curves: ncap's rules beside Optuna's median and successive halving.

Every pruner sees the same trials in the same order: each trial replays a curve, epoch by epoch, in a real study, and may be pruned after
any epoch. What is printed, as means over the orders: the share of all epochs that the study trains, the regret (the best end of all trials
less the best end of those that were not pruned, in percentage points), and how often the best trial is pruned.

python benchmarks/evidence/pruners.py $NCAP_DATA/curves        # some minutes on one core

Curves: metaqnn, 1,000 networks x 20 epochs of validation accuracy on CIFAR-10 (Baker et al. 2018); naap440, 440 networks x 90 epochs of
test accuracy on CIFAR-10, of which every third is replayed; demo, ncap's ten embedded networks x 30 epochs on the digits, the only ones
with beta_eff. Without beta_eff the rules that need it give the last-seen accuracy, so that they are left out there.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import optuna
import pandas as pd

from ncap.integrations.optuna import RulePruner, report
from ncap.rules import RULES
from ncap.rules.contract import Rule

ROOT = Path(__file__).resolve().parents[2]
STARTUP = 5  # complete trials before anything is pruned, Optuna's default


def metaqnn(folder):
    table = pd.read_csv(folder / "metaqnn_cifar10.csv")
    return table[[f"acc_{epoch}" for epoch in range(1, 21)]].dropna().to_numpy(), None


def naap440(folder):
    table = pd.read_csv(folder / "naap440.csv")
    curves = table[[f"e{epoch}Accuracy" for epoch in range(3, 91, 3)]].dropna().to_numpy()
    return curves / (100 if curves.max() > 1 else 1), None


def demo(folder):
    sys.path.insert(0, str(ROOT / "tests"))
    import made_records

    records = made_records.demo()
    pivot = {"index": "candidate", "columns": "tick"}
    accuracy = records.observations.pivot(**pivot, values="val_accuracy")
    return accuracy.to_numpy(), records.readings.pivot(**pivot, values="beta_eff").loc[accuracy.index].to_numpy()


SETS = {"metaqnn": (metaqnn, 40, 20), "naap440": (naap440, 40, 20), "demo": (demo, 10, 100)}  # curves, trials, orders


class Remembered(Rule):
    """A rule that predicts once from the same curve: the same curves come in many orders."""

    def __init__(self, name):
        self.rule, self.known = RULES.get(name)(), {}

    name, summary, needs, source = "remembered", "A rule's own prediction.", (), ""

    def predict(self, curve, scores):
        key = curve.val_accuracy.tobytes(), curve.beta_eff.tobytes()
        if key not in self.known:
            self.known[key] = self.rule.predict(curve, scores)
        return self.known[key]


def pruners(startup, with_beta):
    """Name -> a fresh pruner."""
    rules = [name for name, rule in RULES.members().items() if not rule.learns and rule.is_accuracy]
    rules = [name for name in rules if with_beta or "beta_eff" not in RULES.get(name).needs]
    remembered = {name: Remembered(name) for name in rules}
    own = {f"ncap {name}": lambda rule=rule: RulePruner(rule, startup) for name, rule in remembered.items()}
    return own | {
        "optuna median": lambda: optuna.pruners.MedianPruner(startup),
        "optuna successive halving": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1),
        "none": optuna.pruners.NopPruner,
    }


def replay(pruner, curves, betas):
    """(epochs trained, ends of the trials that were not pruned) of a study in which every trial is one curve."""
    study = optuna.create_study(direction="maximize", pruner=pruner)

    def objective(trial):
        for step, accuracy in enumerate(curves[trial.number]):
            report(trial, step, accuracy, **({} if betas is None else {"beta_eff": betas[trial.number][step]}))
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(curves[trial.number][-1])

    study.optimize(objective, n_trials=len(curves))
    trials = study.trials
    ends = [trial.value for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    return sum(len(trial.intermediate_values) for trial in trials), ends


def table_of(name, folder, orders=None):
    load, trials, usual = SETS[name]
    curves, betas = load(folder)
    startup = min(STARTUP, len(curves) // 3)
    lines = []
    for pruner, make in pruners(startup, betas is not None).items():
        shares, regrets = [], []
        for order in range(orders or usual):
            rows = np.random.default_rng(order).permutation(len(curves))[:trials]
            epochs, ends = replay(make(), curves[rows], None if betas is None else betas[rows])
            shares.append(epochs / curves[rows].size)
            regrets.append(curves[rows, -1].max() - max(ends))
        lines.append(
            {
                "curves": name,
                "pruner": pruner,
                "epochs_trained": f"{100 * np.mean(shares):.0f} %",
                "regret_points": f"{100 * np.mean(regrets):.2f}",
                "best_pruned": f"{100 * np.mean(np.array(regrets) > 0):.0f} %",
            }
        )
    return pd.DataFrame(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--orders", type=int)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for chosen in given.sets.split(","):
        print(table_of(chosen, given.folder, given.orders).to_string(index=False), flush=True)
