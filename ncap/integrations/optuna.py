"""Optuna: a pruner that ends a trial where a rule of ncap predicts less of it than of the others. pip install 'ncap[optuna]'.

A trial reports its validation accuracy after every epoch, as for any pruner of Optuna; what else a rule reads, beta_eff for one, is kept in
the trial's user attributes, so that it lies in the study's storage and a study that was killed goes on with it.
"""

import hashlib
import json
import math
from typing import Any

import numpy as np
import optuna

from ncap.arguments import rate, whole_number
from ncap.ranking.doubts import is_dead
from ncap.rules import resolve
from ncap.rules.contract import HORIZON, Curve, Prediction, Rule, checked_horizon

KEY = "ncap:curve"  # of a trial's user attributes: column of ncap.rules.contract.Curve -> step -> value


def report(trial: optuna.Trial, step: int, val_accuracy: float, **columns: float) -> None:
    """Report an epoch of a trial: trial.report(val_accuracy, step), with the other columns that rules read.

    Args:
        step: number of the epoch, from 0, as Keras and Optuna count.
        val_accuracy: in 0..1.
        columns: of `ncap.rules.contract.Curve`, such as beta_eff, beta_eff_error, train_loss.

    Raises: TypeError for an unknown column.
    """
    if unknown := sorted(set(columns) - set(Curve.columns())):
        raise TypeError(f"columns: {unknown[0]!r} is none that a rule reads; known: {', '.join(Curve.columns())}")
    kept = dict(trial.user_attrs.get(KEY, {}))
    for column, value in columns.items():
        kept[column] = {**kept.get(column, {}), str(step): float(value)}
    if columns:
        trial.set_user_attr(KEY, kept)
    trial.report(float(val_accuracy), step)


class RulePruner(optuna.pruners.BasePruner):
    """Prunes a trial whose prediction is below that of most complete trials at the same step.

        prune at step s  <=>  prediction(trial, s) < the (1 - keep) quantile of prediction(t, s) over the complete trials t

    where a prediction is the rule's from the steps up to s. With the rule last_seen and keep = 1/2 it is the median stopping rule on the
    last value; on curves that never fall it decides as `optuna.pruners.MedianPruner`, for there the best value is the last.

    1. While fewer than `n_startup_trials` trials are complete, and before step `n_warmup_steps`, nothing is pruned.
    2. A trial that has no prediction, because its accuracy is NaN, is pruned; complete trials without one do not count.
    3. A rule that cannot be applied yet gives the last-seen accuracy, which is compared as it is. Scores are compared with scores only.
    4. Every look at a trial is a chance to prune it: the best trial is lost more often than a single comparison would lose it. The
       prediction is not compared with any interval, because no rule's intervals have been checked against outcomes.

    Args:
        rule: a name that `ncap rules` lists, or a Rule.
        n_startup_trials, n_warmup_steps: as above.
        keep: share of the trials that a trial must beat none of: 0.5 prunes what is below the median, 0.9 what is in the last tenth.
        horizon: the epoch whose accuracy is predicted, for rules that extrapolate to one.

    Raises: TypeError or ValueError for a bad argument; in a study that minimises, ValueError at the first report.

    >>> study = optuna.create_study(direction="maximize", pruner=RulePruner("last_seen", n_startup_trials=2))
    >>> def objective(trial):
    ...     top = trial.suggest_float("top", 0, 1)
    ...     for step in range(4):
    ...         report(trial, step, top * (step + 1) / 4)
    ...         if trial.should_prune():
    ...             raise optuna.TrialPruned
    ...     return top
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> for top in (0.8, 0.9, 0.7, 1.0):
    ...     study.enqueue_trial({"top": top})
    >>> study.optimize(objective, n_trials=4)
    >>> [(trial.state.name, len(trial.intermediate_values)) for trial in study.trials]
    [('COMPLETE', 4), ('COMPLETE', 4), ('PRUNED', 1), ('COMPLETE', 4)]
    """

    def __init__(
        self,
        rule: str | Rule = "capacitance",
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        keep: float = 0.5,
        horizon: float = HORIZON,
    ) -> None:
        self.rule, self.horizon = resolve(rule), checked_horizon(horizon)
        self.n_startup_trials = whole_number("n_startup_trials", n_startup_trials)
        self.n_warmup_steps = whole_number("n_warmup_steps", n_warmup_steps)
        self.keep = rate("keep", keep)
        if not self.keep:
            raise ValueError(f"keep must lie in (0, 1), got {keep!r}")
        self._complete: dict[tuple[int, bytes], Prediction] = {}  # of trials that no longer change, by number and curve

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        """Whether to end the trial at its last step."""
        if study.direction != optuna.study.StudyDirection.MAXIMIZE:
            raise ValueError(
                "RulePruner compares accuracies: create the study with direction='maximize' and report accuracies"
            )
        complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        step = trial.last_step
        if step is None or step < self.n_warmup_steps or len(complete) < self.n_startup_trials:
            return False
        own = self.predicted(trial, step)
        if math.isnan(own.order):
            return True
        others = [self._of_complete(one, step) for one in complete if step in one.intermediate_values]
        orders = [one.order for one in others if one.is_accuracy == own.is_accuracy and not math.isnan(one.order)]
        return bool(orders) and own.order < float(np.quantile(orders, 1 - self.keep))

    def predicted(self, trial: optuna.trial.FrozenTrial, step: int) -> Prediction:
        """What the rule predicts of a trial from its steps up to `step`."""
        columns, steps = _columns(trial, step), np.arange(1, sum(one <= step for one in trial.intermediate_values) + 1)
        return self.rule.predict(Curve.of(f"trial {trial.number}", horizon=self.horizon, tick=steps, **columns), {})

    def _of_complete(self, trial: optuna.trial.FrozenTrial, step: int) -> Prediction:
        """The prediction of a complete trial, made once: studies of one name in two storages have trials of the same numbers."""
        curve = json.dumps(_columns(trial, step), sort_keys=True).encode()
        key = trial.number, hashlib.sha256(curve).digest()
        if key not in self._complete:
            self._complete[key] = self.predicted(trial, step)
        return self._complete[key]


def _columns(trial: optuna.trial.FrozenTrial, step: int) -> dict[str, Any]:
    """What was reported of a trial up to a step: column -> a value per step, NaN where none was reported."""
    steps = [one for one in sorted(trial.intermediate_values) if one <= step]
    columns: dict[str, Any] = {
        column: [values.get(str(one), math.nan) for one in steps]
        for column, values in trial.user_attrs.get(KEY, {}).items()
    }
    columns |= {
        "val_accuracy": [trial.intermediate_values[one] for one in steps],
        "epoch": [one + 1 for one in steps],
    }
    return columns | {"beta_eff": _living(columns)} if 0 in columns.get("beta_eff", ()) else columns


def _living(columns: dict[str, list[float]]) -> list[float]:
    """The readings without those of a network whose features have died, of which a ranking reads nothing either."""
    import pandas as pd

    beta, nothing = columns["beta_eff"], [math.nan] * len(columns["beta_eff"])
    rows = {name: columns.get(name, nothing) for name in ("train_accuracy", "val_accuracy")}
    dead = is_dead(pd.DataFrame(rows | {"reason": ["zero" if value == 0 else "" for value in beta]}))
    return [math.nan if died else value for died, value in zip(dead, beta, strict=True)]
