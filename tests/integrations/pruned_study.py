"""A study of small networks on the digits, kept in SQLite: run it again, and it goes on with the configuration at which it was killed.

python pruned_study.py STORAGE RULE
"""

import sys

import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from ncap.integrations.optuna import RulePruner, report

RATES = (0.03, 0.0001, 0.01, 0.0003, 0.003, 0.00003, 0.001, 0.02)
EPOCHS = 8
FINISHED = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)


def objective(trial):
    """A real training, epoch by epoch; its end depends on the rate alone. Its training loss is what else is reported."""
    rate = trial.suggest_float("rate", 0, 1)
    x, y = load_digits(return_X_y=True)
    network = MLPClassifier((16,), learning_rate_init=rate, random_state=0)
    for epoch in range(EPOCHS):
        network.partial_fit(x[:300], y[:300], classes=np.arange(10))
        accuracy = network.score(x[300:], y[300:])
        report(trial, epoch, accuracy, train_loss=network.loss_)
        if trial.should_prune():
            raise optuna.TrialPruned
    return accuracy


def run(storage, rule):
    pruner = RulePruner(rule, n_startup_trials=2)
    study = optuna.create_study(
        storage=storage, study_name="rates", direction="maximize", pruner=pruner, load_if_exists=True
    )
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # killed
    for rate in RATES:
        if rate not in [trial.params["rate"] for trial in study.get_trials(states=FINISHED)]:
            if not study.get_trials(states=(optuna.trial.TrialState.WAITING,)):  # of this rate: killed before it began
                study.enqueue_trial({"rate": rate})
            study.optimize(objective, n_trials=1)
    return study


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    run(*sys.argv[1:])
