"""Every column of every table, described once: name, type, unit, meaning.

Store, training, ranking, report and export all take their columns from here. A job is (settings, target), a run is (settings, target,
candidate, run), and a tick is one observation of a run: the end of an epoch, or a point inside one if `ticks_per_epoch` asks for it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """One column. `type` is its Python type (a float may be NaN; nothing else may be missing); `unit` is "" if it has none."""

    name: str
    type: type
    unit: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table: its columns in order; the first `keys` of them identify a row.

    >>> OBSERVATIONS.key
    ('settings', 'target', 'candidate', 'run', 'tick')
    >>> OBSERVATIONS.types["epoch"], OBSERVATIONS["epoch"].unit
    (<class 'float'>, 'epochs')
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    keys: int

    def __getitem__(self, name: str) -> Column:
        """The column of that name. Raises KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def types(self) -> dict[str, type]:
        """The types of the columns, by name, in order."""
        return {column.name: column.type for column in self.columns}

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return self.names[: self.keys]

    def empty(self) -> "pd.DataFrame":
        """The table without rows, each column with its type."""
        import pandas as pd

        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in self.types.items()})


class RunKey(NamedTuple):
    """What identifies one training run."""

    settings: str
    target: str
    candidate: str
    run: int


_SETTINGS = Column("settings", str, "", "hash of everything that changes what training does")
_TARGET = Column("target", str, "", "name of the data set")
_CANDIDATE = Column("candidate", str, "", "name of the network")
_RUN = Column("run", int, "", "number of the training, from 0; each has its own probe and order of samples")
_TICK = Column("tick", int, "", "number of the observation in its run, from 1")
_EPOCH = Column("epoch", float, "epochs", "epochs trained at that tick; a fraction inside an epoch")

OBSERVATIONS = Table(
    "observations",
    "what was observed of training at every tick",
    (
        _SETTINGS,
        _TARGET,
        _CANDIDATE,
        _RUN,
        _TICK,
        _EPOCH,
        Column("train_accuracy", float, "0..1", "share of correct labels over the batches since the last tick, measured while training"),
        Column("train_loss", float, "nats", "mean loss over the batches since the last tick, measured while training"),
        Column("val_accuracy", float, "0..1", "share of correct labels on the validation images"),
        Column("val_loss", float, "nats", "mean cross-entropy on the validation images"),
        Column("test_accuracy", float, "0..1", "share of correct labels on the test images; no rule reads it; NaN without a test part"),
        Column("seconds_train", float, "s", "training time since the last tick, without readings and evaluation"),
    ),
    keys=5,
)  # fmt: skip

READINGS = Table(
    "readings",
    "beta_eff at a tick, in one reading",
    (
        _SETTINGS,
        _TARGET,
        _CANDIDATE,
        _RUN,
        _TICK,
        Column("reading", str, "", "which definition of beta_eff, such as explicit/magnitude/unit"),
        Column("beta_eff", float, "", "neural capacitance A / D; NaN if nothing but rounding is left"),
        Column("beta_eff_error", float, "", "standard error of beta_eff over the samples; NaN if the method has none"),
        Column("numerator", float, "", "A = 1'PP1; NaN in rows written by ncap 0.1"),
        Column("denominator", float, "", "D = 1'P1; NaN in rows written by ncap 0.1"),
        Column("cancellation", float, "", "sum of magnitudes over |signed sum|; NaN if the method cannot tell"),
        Column("reason", str, "", "why it is degenerate: depth, softmax, zero, rounding, unknown (rows of 0.1); empty if it is not"),
        Column("n_samples", int, "samples", "number of samples read; 0 in rows written by ncap 0.1"),
        Column("seconds", float, "s", "time taken by this reading"),
    ),
    keys=6,
)  # fmt: skip

SCORES = Table(
    "scores",
    "what was known of a candidate on a target before training",
    (
        _SETTINGS,
        _TARGET,
        _CANDIDATE,
        Column("score", str, "", "name of the score"),
        Column("value", float, "", "higher is better; NaN if it is not defined"),
        Column("seconds", float, "s", "time taken to compute it, features included"),
        Column("note", str, "", "why it is not defined, or anything else worth knowing"),
    ),
    keys=4,
)

FAILURES = Table(
    "failures",
    "runs that could not continue",
    (
        _SETTINGS,
        _TARGET,
        _CANDIDATE,
        _RUN,
        Column("epoch", int, "epochs", "the epoch that could not be finished, from 1"),
        Column("reason", str, "", "the error, in one line"),
    ),
    keys=4,
)

# The tables that a store keeps and that are exported.
RECORDS = (OBSERVATIONS, READINGS, SCORES, FAILURES)

_VALUE = Column(
    "value", float, "0..1 or a score", "the prediction, accuracies clipped to 0..1; NaN for a candidate that failed"
)
_STATUS = Column("status", str, "", "ok; fallback: the last accuracy was used instead; failed")
_NOTE = Column("note", str, "", "anything else worth knowing")
_RULE = Column("rule", str, "", "the rule that predicted")

PREDICTIONS = Table(
    "predictions",
    "what one rule predicts",
    (
        _CANDIDATE,
        _VALUE,
        Column("low", float, "0..1 or a score", "lower end of the prediction's interval; NaN if the rule gives none"),
        Column("high", float, "0..1 or a score", "upper end of that interval"),
        Column("is_accuracy", bool, "", "whether the value is an accuracy, rather than a score that only orders"),
        _STATUS,
        _NOTE,
    ),
    keys=1,
)

RANKING = Table(
    "ranking",
    "the candidates in predicted order, as in ranking.csv",
    (
        Column("rank", int, "", "1 is the best"),
        _CANDIDATE,
        Column("predicted_accuracy", float, "0..1", "the accuracy that the rule predicts at the end of training"),
        Column("predicted_std", float, "0..1", "standard deviation of the prediction; NaN if the rule gives none"),
        Column("last_seen_accuracy", float, "0..1", "validation accuracy of the last tick read, mean over the runs"),
        Column("best_seen_accuracy", float, "0..1", "highest validation accuracy of any tick read"),
        Column("beta_eff", float, "", "beta_eff of the last tick read, mean over the runs"),
        Column(
            "epochs", int, "", "number of ticks that the prediction used; the number of epochs if each has one tick"
        ),
        Column("runs", int, "", "number of runs that it used"),
        Column("seconds_train", float, "s", "training, summed over runs and ticks"),
        Column("seconds_beta", float, "s", "readings of beta_eff, summed over runs and ticks"),
        Column("reading", str, "", "the reading that the rule used"),
        _RULE,
        _STATUS,
        _NOTE,
    ),
    keys=2,
)

TRUTH = Table(
    "truth",
    "the accuracies that the networks really reached",
    (_TARGET, _CANDIDATE, Column("accuracy", float, "0..1", "accuracy at the end of training")),
    keys=2,
)


def _measured(name: str, meaning: str) -> tuple[Column, ...]:
    ends = (
        Column(f"{name}_{end}", float, "", f"{word} end of its bootstrap interval")
        for end, word in (("low", "lower"), ("high", "upper"))
    )
    return (Column(name, float, "", meaning), *ends)


COMPARISON = Table(
    "comparison",
    "how well rules order the candidates of a target",
    (
        _TARGET,
        _RULE,
        Column("ticks", int, "", "number of ticks that the rule used"),
        Column("seconds", float, "s", "training and readings of all candidates up to that tick"),
        *_measured("rho", "Spearman's rank correlation with the truth"),
        *_measured("tau", "Kendall's tau-b"),
        *_measured("weighted_tau", "Kendall's tau weighted towards the best"),
        *_measured("regret_1", "accuracy lost by choosing the first candidate"),
        *_measured("regret_3", "accuracy lost by choosing the best of the first three"),
        Column("budget", float, "s", "seconds that the rule was given; NaN where it was given ticks"),
        Column("fallbacks", int, "", "number of candidates for which the last-seen accuracy stood in, or nothing"),
        Column("learned_from", str, "", "targets (the others), candidates (the others of this target) or given; empty: it does not learn"),
    ),
    keys=3,
)  # fmt: skip
