"""The ranking of candidates by one rule, made from tables alone: no training, no deep-learning framework."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from ncap.ranking.curves import Seen, by_candidate, by_run, checked_reading, seconds_of_readings
from ncap.ranking.doubts import Chance
from ncap.ranking.prediction import predicted, predicted_all
from ncap.records.loading import load
from ncap.records.schema import RANKING
from ncap.records.tables import Records
from ncap.rules import resolve
from ncap.rules.contract import HORIZON, Prediction, Rule, checked_horizon

if TYPE_CHECKING:
    import keras
    import pandas as pd

COLUMNS = list(RANKING.names)  # of ranking.csv


@dataclass(frozen=True, eq=False)
class Ranking:
    """Candidates in the order that one rule predicts.

    Attributes:
        table: one row per candidate, best first, with the columns of ranking.csv; predicted from the mean over its runs. Accuracies
            lie in 0..1, seconds are sums over runs and ticks, failed candidates come last without a prediction. Scores that the
            records hold follow in columns of their own, called "score:NAME".
        runs: the same per run, with a column `run`, ranked within each run.
        observations: what training showed, one row per candidate, run and tick; it may go on after what was read.
        target: name of the data set.
        facts: settings, versions and device of the job.
        readings: beta_eff of the observations, one row per candidate, run, tick and reading.
        rule: name of the rule.
        reading: the reading of beta_eff that was read; "" for none.
        horizon: the epoch at which the accuracy was asked for.
        predictions: candidate -> its prediction, with the ticks that were read and the fit.
        records: the tables that were read; None for a ranking that was put together by hand.
        models: what `model` calls, (candidate, path, start, head, fine_tune) -> keras.Model; None for a ranking made from tables alone.
    """

    table: "pd.DataFrame"
    runs: "pd.DataFrame"
    observations: "pd.DataFrame"
    target: str
    facts: dict[str, Any] = field(default_factory=dict)
    readings: "pd.DataFrame | None" = None
    rule: str = "capacitance"
    reading: str = ""
    horizon: float = HORIZON
    predictions: dict[str, Prediction] = field(default_factory=dict)
    records: Records | None = None
    models: "Callable[..., keras.Model] | None" = field(default=None, repr=False)

    @property
    def candidates(self) -> list[str]:
        """The names, best first."""
        return self.table["candidate"].tolist()

    @property
    def ties(self) -> list[list[str]]:
        """Every group of candidates that are predicted the same, best first; what orders them is not the prediction shown."""
        return ties(self.table)

    @property
    def unordered(self) -> list[str]:
        """The candidates that the evidence seen does not tell from the first, best first: their intervals of T8 overlap with its own.

        Empty for rules whose fit has no such interval.
        """
        return unordered(self.candidates, self.predictions)

    def model(
        self,
        candidate: str | None = None,
        start: str = "observed",
        head: str | None = None,
        fine_tune: int = 0,
        path: "str | PathLike[str] | None" = None,
    ) -> "keras.Model":
        """A candidate as a Keras model: raw images (n, h, w, c) with values 0..255 -> class probabilities (n, classes).

        Its layers are Keras' own where the candidate's are, so that keras.models.load_model needs no ncap. Every layer can be trained.

        Args:
            candidate: name; None takes the first of the ranking.
            start: "observed", the network as it was when its last tick was taken (of several runs, the one with the best validation
                accuracy), or "pretrained", as it was before.
            head: "probe" keeps the probe; "linear" takes it off and fits a linear head to the features of up to 20,000 training images.
                None is "probe" for an observed network, "linear" for a pre-trained one.
            fine_tune: epochs that all weights are then trained on for, with the settings of the job.
            path: where to save it, NAME.keras; a card, NAME.json, says what it is, with its accuracies. None saves nothing.

        Reseeds Python, numpy and the backend. Raises: ValueError for what cannot be made, such as an observed state that was not kept,
        and for a ranking that was made from tables alone; OSError where it cannot be written.
        """
        if self.models is None:
            raise ValueError(
                "this ranking was made from tables and has no networks; ncap.rank and ncap.select return one that has, and "
                "ncap.export_model makes a model from a store"
            )
        return self.models(
            self.candidates[0] if candidate is None else candidate, path, start=start, head=head, fine_tune=fine_tune
        )

    def __repr__(self) -> str:
        """The first columns of the table."""
        return f"Ranking of {len(self.table)} candidates on {self.target}\n" + self.table[COLUMNS[:6]].to_string(
            index=False
        )


def rank_records(
    records: "str | PathLike[str] | Records | Mapping[str, pd.DataFrame]",
    rule: str | Rule = "capacitance",
    reading: str | None = None,
    horizon: float = HORIZON,
) -> Ranking:
    """The ranking that the tables of a job give, whoever made them.

    Rows are averaged over the runs of a candidate that did not fail, tick by tick; ticks that a run lacks are dropped. Candidates are
    ordered by the prediction before it is clipped, then by last-seen accuracy, then by name; those whose score is missing come after
    those that have one, those that failed come last.

    Args:
        records: a store's path, its tables, or `Records`; of several jobs the newest.
        rule: a name, or an `ncap.rules.contract.Rule`.
        reading: the reading of beta_eff; None takes the job's first.
        horizon: the epoch at which the accuracy is asked for.

    Raises: TypeError or ValueError for an unknown rule or reading, and for a table that breaks the schema.

    >>> import pandas as pd
    >>> key = [{"settings": "s", "target": "digits", "candidate": name, "run": 0, "tick": t} for name in "ab" for t in range(1, 5)]
    >>> seen = pd.DataFrame(key).assign(epoch=[1, 2, 3, 4] * 2, val_accuracy=[0.4, 0.5, 0.6, 0.7, 0.5, 0.6, 0.7, 0.8])
    >>> read = pd.DataFrame(key).assign(reading="explicit/magnitude/unit", beta_eff=[4.0, 3.0, 2.0, 1.0] * 2)
    >>> ranking = rank_records({"observations": seen, "readings": read})
    >>> ranking.table[["rank", "candidate", "predicted_accuracy"]].round(3).values.tolist()
    [[1, 'b', 0.9], [2, 'a', 0.8]]
    """
    import pandas as pd

    chosen, job = resolve(rule), load(records)
    read = checked_reading(job, reading)
    horizon = checked_horizon(horizon)
    known = by_candidate(job, read, horizon)
    chance = Chance.of(job.facts)
    made = predicted_all(known, chosen, chance, job.facts)
    predictions = {seen.candidate: prediction for seen, prediction in zip(known, made, strict=True)}
    lines = [_line(seen, predictions[seen.candidate], chosen.name) for seen in known]
    _note_lengths(lines, {seen.candidate: seen.curve.having("val_accuracy").epoch for seen in known if not seen.failed})
    run_lines = [
        {"run": run, **_line(alone, predicted(alone, chosen, chance, job.facts), chosen.name)}
        for seen in known
        for run, alone in by_run(seen).items()
    ]
    per_run = [_ranked(rows) for _, rows in pd.DataFrame(run_lines, columns=["run", *_LINE]).groupby("run")]
    return Ranking(
        table=_with_scores(_ranked(pd.DataFrame(lines, columns=_LINE)), job.scores),
        runs=pd.concat(per_run, ignore_index=True) if per_run else pd.DataFrame(columns=["rank", "run", *COLUMNS[1:]]),
        observations=job.observations,
        target=job.target,
        facts=dict(job.facts),
        readings=job.readings,
        rule=chosen.name,
        reading=read,
        horizon=horizon,
        predictions=predictions,
        records=job,
    )


def score_columns(table: "pd.DataFrame") -> dict[str, str]:
    """The scores in a ranking's table, by column.

    >>> import pandas as pd
    >>> score_columns(pd.DataFrame(columns=["candidate", "score:log_me"]))
    {'score:log_me': 'log_me'}
    """
    return {str(name): str(name).removeprefix(_SCORE) for name in table.columns if str(name).startswith(_SCORE)}


def ties(table: "pd.DataFrame") -> list[list[str]]:
    """Every group of candidates of a ranking's table that are predicted the same, in the table's order.

    >>> import pandas as pd
    >>> ties(pd.DataFrame({"candidate": list("abcd"), "predicted_accuracy": [1.0, 1.0, 0.9, float("nan")]}))
    [['a', 'b']]
    """
    groups = table.groupby("predicted_accuracy", sort=False)["candidate"]
    return [names.tolist() for _, names in groups if len(names) > 1]


def unordered(candidates: Sequence[str], predictions: Mapping[str, Prediction]) -> list[str]:
    """Of candidates, best first, those whose interval overlaps with that of the first, where both carry T8.

    T8 orders two of them only where the values at 0 of any lines that their accuracies may keep to are in that order.

    >>> from ncap.rules.capacitance import Capacitance
    >>> from ncap.rules.contract import Curve
    >>> seen = {"a": [0.5, 0.6, 0.7, 0.8], "b": [0.5, 0.62, 0.69, 0.8], "c": [0.1, 0.2, 0.3, 0.4]}
    >>> curves = {name: Curve.of(val_accuracy=accuracy, beta_eff=[4, 3, 2, 1]) for name, accuracy in seen.items()}
    >>> unordered("abc", {name: Capacitance().predict(curve, {}) for name, curve in curves.items()})
    ['b']
    """
    bounded = {
        name: predictions[name]
        for name in candidates
        if name in predictions and (fit := predictions[name].fit) is not None and fit.reach is not None
    }
    if not candidates or candidates[0] not in bounded:
        return []
    first = bounded.pop(candidates[0])
    return [name for name, other in bounded.items() if other.low <= first.high and first.low <= other.high]


_SCORE = "score:"  # as rules name the scores that they need
# A line of the table before it is ranked, with what orders it.
_LINE = [*COLUMNS[1:], "is_score", "order"]


def _line(seen: Seen, prediction: Prediction, rule: str) -> dict[str, Any]:
    """One candidate's line of the table."""
    curve, nan = seen.curve.having("val_accuracy"), float("nan")
    return {
        "candidate": seen.candidate,
        "predicted_accuracy": prediction.value if prediction.is_accuracy else nan,
        "predicted_std": prediction.std,
        "last_seen_accuracy": float(curve.val_accuracy[-1]) if len(curve) else nan,
        "best_seen_accuracy": float(curve.val_accuracy.max()) if len(curve) else nan,
        "beta_eff": float(curve.beta_eff[-1]) if len(curve) else nan,
        "epochs": len(prediction.ticks),
        "runs": seen.finished["run"].nunique(),
        "seconds_train": seen.rows["seconds_train"].sum(skipna=False),  # a sum over some ticks would pass for the whole
        "seconds_beta": seconds_of_readings(seen.rows),
        "reading": curve.reading if len(seen.rows) else "",
        "rule": rule,
        "status": prediction.status,
        "note": _note(prediction),
        "is_score": not prediction.is_accuracy,
        "order": prediction.order,
    }


def _with_scores(table: "pd.DataFrame", scores: "pd.DataFrame") -> "pd.DataFrame":
    """The table with a column per score that the records hold, NaN where a candidate has no such score."""
    values = {
        f"{_SCORE}{name}": table["candidate"]
        .map(dict(zip(rows["candidate"], rows["value"], strict=True)))
        .astype(float)
        for name, rows in scores.groupby("score", sort=False)
    }
    return table.assign(**values)


def _note_lengths(lines: list[dict[str, Any]], epochs: Mapping[str, Any]) -> None:
    """Note what was observed less long than another candidate: accuracies after different epochs order no networks."""
    last = {candidate: float(seen[-1]) for candidate, seen in epochs.items() if len(seen)}
    longest = max(last.values(), default=0.0)
    for line in lines:
        if last.get(line["candidate"], longest) < longest:
            words = f"observed for {last[line['candidate']]:g} epochs, others for up to {longest:g}"
            line["note"] = "; ".join(filter(None, [line["note"], words]))


def _note(prediction: Prediction) -> str:
    """The prediction's note, after its score where it is no accuracy: the table has no other place for it."""
    score = "" if prediction.is_accuracy else f"ordered by the score {prediction.value:.4g}, which is no accuracy"
    return "; ".join(filter(None, [score, prediction.note]))


def _ranked(lines: "pd.DataFrame") -> "pd.DataFrame":
    # Scores and the accuracies that stand in for missing ones are not compared; where all are accuracies this orders nothing.
    then = lines["last_seen_accuracy"].where(lines["order"].notna())  # what failed is in order of name
    ordered = lines.assign(then=then, failed=lines["status"] == "failed").sort_values(
        ["failed", "is_score", "order", "then", "candidate"],
        ascending=[True, False, False, False, True],
        na_position="last",
    )
    ranked = ordered.assign(rank=range(1, len(ordered) + 1))
    return ranked[["rank", *lines.columns.drop(["is_score", "order"])]].reset_index(drop=True)
