"""The prediction of one rule for every candidate of a job."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.arguments import whole_number
from ncap.ranking.curves import Seen, by_candidate, checked_reading
from ncap.ranking.doubts import Chance, doubts
from ncap.records.candidate_facts import CandidateFacts
from ncap.records.loading import load
from ncap.records.schema import PREDICTIONS
from ncap.records.tables import Records
from ncap.rules import resolve
from ncap.rules.contract import HORIZON, UNFITTED, Prediction, Rule, checked_horizon

if TYPE_CHECKING:
    import pandas as pd


def predict(
    records: "str | PathLike[str] | Records | Mapping[str, pd.DataFrame]",
    rule: str | Rule = "capacitance",
    ticks: int | None = None,
    reading: str | None = None,
    horizon: float = HORIZON,
    settings: str | None = None,
    target: str | None = None,
) -> "pd.DataFrame":
    """What one rule predicts of every candidate of a job.

    Args:
        records: a store's path, or its tables: {"observations": table, "readings": table, ...}.
        rule: a name (`ncap.list_rules` lists them), or an `ncap.rules.contract.Rule`.
        ticks: how many ticks of each run are read; None reads all.
        reading: the reading of beta_eff; None takes the job's first.
        horizon: the epoch at which the accuracy is asked for.
        settings, target: the job; None takes the newest.

    Returns: a DataFrame with the columns candidate, value (an accuracy in 0..1, or a score that only orders), low, high (its 95 %
    interval), is_accuracy, status (ok, fallback, failed), note; in order of name. Values are means over the runs that did not fail.

    Raises: TypeError or ValueError for an unknown rule, reading, job or column, and for a table that breaks the schema.

    >>> import pandas as pd
    >>> key = [{"settings": "s", "target": "digits", "candidate": "a", "run": 0, "tick": t} for t in range(1, 5)]
    >>> seen = pd.DataFrame(key).assign(epoch=[1, 2, 3, 4], val_accuracy=[0.5, 0.6, 0.7, 0.8])
    >>> read = pd.DataFrame(key).assign(reading="explicit/magnitude/unit", beta_eff=[4.0, 3.0, 2.0, 1.0])
    >>> predict({"observations": seen, "readings": read})["value"].round(3).tolist()
    [0.9]
    >>> predict({"observations": seen, "readings": read}, rule="last_seen", ticks=2)["value"].tolist()
    [0.6]
    """
    import pandas as pd

    chosen = resolve(rule)
    job = load(records, settings, target).of(ticks=checked_ticks(ticks))
    known = by_candidate(job, checked_reading(job, reading), checked_horizon(horizon))
    chance = Chance.of(job.facts)
    names, made = PREDICTIONS.names, predicted_all(known, chosen, chance, job.facts)
    rows = [
        [seen.candidate, *(getattr(prediction, column) for column in names[1:])]
        for seen, prediction in zip(known, made, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(names)).astype(PREDICTIONS.types) if rows else PREDICTIONS.empty()


def rule_predictions(seen: Sequence[Seen], rule: Rule) -> list[Prediction]:
    """What the rule itself says of every candidate; a failure where every run of one failed.

    Of a rule that learns, what `fit` has not checked is not used: it counts as not fitted.

    Raises: ValueError where the rule has learned from one of them.
    """
    for one in seen:
        rule.check_judged(one.target, one.candidate)
    alive = [one for one in seen if not one.failed]
    if rule.learns and not rule.learned_from:
        made = iter([Prediction.fallback(one.curve, UNFITTED) for one in alive])
    else:
        made = iter(rule.predict_many([one.curve for one in alive], [one.scores for one in alive]))
    return [Prediction.failure(one.curve, _failures(one)) if one.failed else next(made) for one in seen]


def predicted(
    seen: Seen, rule: Rule, chance: Chance | None = None, facts: Mapping[str, Any] | None = None
) -> Prediction:
    """The prediction for one candidate, with what the rule cannot know in its note: doubts, degenerate readings and failed runs.

    facts: of the job; the doubts that the check before training had are among them. Raises as `rule_predictions`.
    """
    return _noted(seen, rule_predictions([seen], rule)[0], rule, chance, facts)


def predicted_all(
    seen: Sequence[Seen], rule: Rule, chance: Chance | None = None, facts: Mapping[str, Any] | None = None
) -> list[Prediction]:
    """The same for several candidates, which some rules predict faster together."""
    made = rule_predictions(seen, rule)
    return [_noted(one, prediction, rule, chance, facts) for one, prediction in zip(seen, made, strict=True)]


def _noted(
    seen: Seen, prediction: Prediction, rule: Rule, chance: Chance | None, facts: Mapping[str, Any] | None
) -> Prediction:
    if seen.failed:
        return prediction
    reads_beta = "beta_eff" in rule.needs
    degenerate = degenerate_note(seen.finished) if reads_beta else ""
    doubted = doubts(seen.curve, prediction, seen.finished, chance, reads_beta)
    known = CandidateFacts.of(facts or {}, seen.candidate)
    notes = [prediction.note, known.doubts if known else "", doubted, degenerate, _failures(seen)]
    return _allowing(replace(prediction, note="; ".join(filter(None, notes))), chance)


def _allowing(prediction: Prediction, chance: Chance | None) -> Prediction:
    """With an interval that allows the accuracies fitted two standard deviations over the validation images, 2 sqrt(I (1 - I) / n)."""
    if prediction.fit is None or chance is None:
        return prediction
    fitted = prediction.fit.accuracy[prediction.fit.t0 :]
    return prediction.allowing(float(np.max(2 * np.sqrt(fitted * (1 - fitted) / chance.images), initial=0.0)))


def _failures(seen: Seen) -> str:
    several = len({*seen.rows["run"], *seen.failures}) > 1
    return "; ".join(
        f"{f'run {run} ' if several else ''}failed in {reason}" for run, reason in sorted(seen.failures.items())
    )


def degenerate_note(rows: "pd.DataFrame") -> str:
    """How many of the readings say nothing, and why; "" where all say something.

    >>> import pandas as pd
    >>> degenerate_note(pd.DataFrame({"reason": ["zero", "", "zero", "rounding"]}))
    '3 of 4 readings degenerate (rounding, zero)'
    """
    reasons = [reason for reason in rows["reason"] if reason]
    if not reasons:
        return ""
    known = ", ".join(sorted(set(reasons) - {"unknown"}))
    return f"{len(reasons)} of {len(rows)} readings degenerate" + (f" ({known})" if known else "")


def checked_ticks(ticks: Any) -> int | None:
    """A whole number of at least 1, or None. Raises ValueError."""
    return None if ticks is None else whole_number("ticks", ticks, least=1)
