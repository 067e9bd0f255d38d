"""A Keras callback that reports the epochs of model.fit to a trial of Optuna, and ends the training of a pruned one."""

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    import optuna

_LOGGED = {"loss": "train_loss", "val_loss": "val_loss", "accuracy": "train_accuracy"}


class TrialCallback(keras.callbacks.Callback):
    """After every epoch: `ncap.integrations.optuna.report`, then TrialPruned if the study's pruner says so.

        callbacks=[ncap.CapacitanceCallback(x, y), TrialCallback(trial)]

    It stands behind CapacitanceCallback, which writes the reading that the rule needs; without one, a rule that reads beta_eff gives the
    last-seen accuracy.

    Args:
        trial: as Optuna hands it to the objective.
        accuracy: key of the validation accuracy in the logs; an epoch without it reports nothing.
        reading: key of beta_eff, the `name` of the CapacitanceCallback.
    """

    def __init__(self, trial: "optuna.Trial", accuracy: str = "val_accuracy", reading: str = "beta_eff") -> None:
        super().__init__()
        self.trial, self.accuracy, self.reading = trial, accuracy, reading

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the epoch. Raises optuna.TrialPruned."""
        import optuna

        from ncap.integrations.optuna import report

        logs = logs or {}
        if self.accuracy not in logs:
            return
        named = _LOGGED | {self.reading: "beta_eff", f"{self.reading}_error": "beta_eff_error"}
        columns = {column: float(logs[key]) for key, column in named.items() if key in logs}
        report(self.trial, epoch, float(logs[self.accuracy]), **columns)
        if self.trial.should_prune():
            raise optuna.TrialPruned(f"pruned after epoch {epoch + 1}")
