"""Rules beside each other and beside the truth: one long table of rule by candidate, and how well each rule orders."""

from collections.abc import Mapping, Sequence
from numbers import Real
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.arguments import whole_number
from ncap.ranking.agreement import spearman
from ncap.ranking.curves import by_candidate, checked_reading
from ncap.ranking.prediction import rule_predictions
from ncap.ranking.trial import History, Trial, last_tick, standing
from ncap.records.loading import load
from ncap.records.schema import COMPARISON, TRUTH
from ncap.records.tables import Records, checked_table
from ncap.rules import resolve
from ncap.rules.contract import HORIZON, Prediction, Rule, checked_horizon

if TYPE_CHECKING:
    import pandas as pd

# One row per rule and candidate.
BESIDE = [
    "rule", "candidate", "value", "std", "is_accuracy", "status", "order", "rank", "true_accuracy", "true_rank", "true_epochs",
]  # fmt: skip


def compare(
    records: "str | PathLike[str] | Records | Mapping[str, pd.DataFrame]",
    truth: "pd.DataFrame",
    rules: Sequence[str | Rule] | str | Rule,
    ticks: int | Sequence[int] | None = None,
    seconds: float | Sequence[float] | None = None,
    horizon: float | None = None,
    learn_from: str | None = None,
) -> "pd.DataFrame":
    """How well rules order the candidates of a target, after the same ticks or after the same seconds.

    A rule that learns is fitted to outcomes that hold none of what it is judged on: to the other targets in the records, or to the other
    candidates of the same target, in five parts of which each is predicted from the other four. What such a rule was fitted to was
    trained to the end, which `seconds` does not count. It learns from validation accuracies, as `ncap.ranking.outcomes` says.

    Args:
        records: a store's path, or its tables: {"observations": table, ...}; of each target the newest job.
        truth: columns target, candidate, accuracy (0..1): what the networks really ended with.
        rules: one or several, by name (`ncap.list_rules` lists them) or as `ncap.rules.contract.Rule`; one that was fitted before is
            taken as it is.
        ticks: how many ticks of each run are read, one number or several; None reads all, unless seconds are given.
        seconds: what each rule may spend on all candidates of a target, one number or several: it reads as many ticks as that pays for,
            with their readings if it reads them.
        horizon: the epoch for which rules that extrapolate predict; None takes the last epoch in the records where fewer are read, and
            30 where all are.
        learn_from: "targets" or "candidates"; None takes the other targets where the records have any.

    Returns: a DataFrame with one row per target, rule and number of ticks (or budget), and the columns target, rule, ticks, seconds
    (training of all candidates up to there, with the readings where the rule reads them; NaN where they were not recorded), rho, tau,
    weighted_tau, regret_1, regret_3, each of these with _low and _high: a 95 % interval over 1,000 samples of candidates, the same for
    every rule; budget (s; NaN where ticks were given); fallbacks (candidates for which the last-seen accuracy stood in, or nothing);
    learned_from (targets, candidates, given, or "" for a rule that does not learn).
    Candidates are ordered by the prediction before it is clipped; one without a prediction comes last, one without a true accuracy is
    left out.

    Raises: TypeError or ValueError for an unknown rule, a target without records, a rule that has learned from what it is judged on,
    seconds that were not recorded, and for tables that break the schema.

    >>> import pandas as pd
    >>> seen = pd.DataFrame([{"settings": "s", "target": "digits", "candidate": name, "run": 0, "tick": t, "epoch": t,
    ...                       "val_accuracy": accuracy} for name, curve in [("a", (0.3, 0.6)), ("b", (0.4, 0.5))]
    ...                      for t, accuracy in enumerate(curve, start=1)])
    >>> truth = pd.DataFrame({"target": "digits", "candidate": ["a", "b"], "accuracy": [0.9, 0.8]})
    >>> compare({"observations": seen}, truth, "last_seen", ticks=[1, 2])[["ticks", "rho", "regret_1"]].round(3).values.tolist()
    [[1.0, -1.0, 0.1], [2.0, 1.0, 0.0]]
    """
    import pandas as pd

    chosen = checked_rules(rules)
    known = _accuracies("truth", checked_table(TRUTH, truth), "accuracy")
    budgets, history = _budgets(seconds), History(records, learn_from)
    rows = []
    for target in _targets(records, known):
        job = load(records, target=target)
        accuracies = known[known["target"] == target].set_index("candidate")["accuracy"]
        check_common(job.candidates, list(accuracies.dropna().index))
        if accuracies.isna().all():
            raise ValueError(f"truth has no accuracy of the target {target!r:.80}")
        trial = Trial(job, accuracies, None if horizon is None else checked_horizon(horizon), history)
        if ticks is not None or not budgets:
            rows += [trial.row(rule, count) for count in _counts(ticks, job) for rule in chosen]
        rows += [trial.row(rule, trial.affordable(rule, each), each) for each in budgets for rule in chosen]
    return pd.DataFrame(rows, columns=list(COMPARISON.names)).astype(COMPARISON.types)


def rules_beside_truth(
    records: Records,
    truth: "pd.DataFrame",
    rules: Sequence[str | Rule],
    reading: str | None = None,
    horizon: float = HORIZON,
) -> "pd.DataFrame":
    """Every rule's prediction of every candidate, beside what came true.

    Args:
        records: what the rules read.
        truth: columns candidate, true_accuracy (0..1), true_epochs, one row per candidate.
        rules: names or rules.

    Returns: a DataFrame with one row per rule and candidate and the columns rule, candidate, value, std, is_accuracy, status, order (the
    value before clipping), rank, true_accuracy, true_rank, true_epochs. Candidates without a prediction or a true accuracy are left out;
    equal values share the better rank.

    Raises: TypeError for a truth that is no table; ValueError for a missing column, a candidate named twice, and accuracies that are no
    fractions.
    """
    known, read = checked_truth(truth), checked_reading(records, reading)
    check_common(records.candidates, known["candidate"].tolist())
    seen = by_candidate(records, read, checked_horizon(horizon))
    made = {}
    for rule in checked_rules(rules):
        made[rule.name] = dict(zip((one.candidate for one in seen), rule_predictions(seen, rule), strict=True))
    return beside(made, known)


def beside(predictions: Mapping[str, Mapping[str, Prediction]], truth: "pd.DataFrame") -> "pd.DataFrame":
    """The table of `rules_beside_truth` from predictions that were made: rule -> candidate -> prediction, and a `checked_truth`."""
    import pandas as pd

    rows = [
        [rule, candidate, made.value, made.std, made.is_accuracy, made.status, made.order]
        for rule, by_name in predictions.items()
        for candidate, made in by_name.items()
    ]
    table = pd.DataFrame(rows, columns=BESIDE[:7]).merge(truth, on="candidate", how="inner")
    table = table.dropna(subset=["value", "true_accuracy"])
    for rank, value in (("rank", _standing(table)), ("true_rank", table["true_accuracy"])):
        table[rank] = value.groupby(table["rule"]).rank(ascending=False, method="min").astype(int)
    return table[BESIDE].reset_index(drop=True)


def rhos(beside: "pd.DataFrame") -> "pd.Series[float]":
    """Spearman's rho with the truth of every rule in a table of `rules_beside_truth`, in the table's order; NaN where undefined.

    >>> import pandas as pd
    >>> beside = pd.DataFrame({"rule": "last_seen", "is_accuracy": True, "order": [0.5, 0.7], "true_accuracy": [0.6, 0.8]})
    >>> rhos(beside).round(12).to_dict()
    {'last_seen': 1.0}
    """
    import pandas as pd

    placed = _standing(beside)
    values = {
        rule: spearman(placed[rows.index], rows["true_accuracy"]) for rule, rows in beside.groupby("rule", sort=False)
    }
    return pd.Series(values, dtype=float, name="rho")


def checked_truth(truth: Any) -> "pd.DataFrame":
    """The columns candidate, true_accuracy and true_epochs of a table with one row per candidate. Raises as `rules_beside_truth`."""
    import pandas as pd

    columns = ["candidate", "true_accuracy", "true_epochs"]
    if not isinstance(truth, pd.DataFrame):
        raise TypeError(f"truth must be a pandas DataFrame with the columns {columns}, got {type(truth).__name__}")
    if missing := [column for column in columns if column not in truth.columns]:
        raise ValueError(f"truth: missing {missing}; pass the columns {columns}, got {list(truth.columns)}")
    if (twice := truth["candidate"].duplicated()).any():
        raise ValueError(f"truth: pass one row per candidate, got several for {truth.loc[twice, 'candidate'].tolist()}")
    named = truth[columns].astype({"candidate": str})  # numbers among the names, as a table of names has them
    return _accuracies("truth", named, "true_accuracy")


def check_common(candidates: Sequence[str], truth: Sequence[str]) -> None:
    """Raise ValueError where a truth is of no candidate, or of one that is written otherwise; other names of it are left out.

    >>> check_common(["vgg", "ResNet"], ["vgg", "resnet"])
    Traceback (most recent call last):
    ValueError: truth: the candidate 'resnet' is 'ResNet' in the records; give it the same name
    >>> check_common(["vgg"], ["resnet"])
    Traceback (most recent call last):
    ValueError: truth has none of the candidates vgg; it has resnet
    """
    written = {name.strip().casefold(): name for name in candidates}
    for name in truth:
        if name not in candidates and (other := written.get(name.strip().casefold())) and other not in truth:
            raise ValueError(
                f"truth: the candidate {name!r:.80} is {other!r:.80} in the records; give it the same name"
            )
    if truth and candidates and not set(candidates) & set(truth):
        raise ValueError(f"truth has none of the candidates {', '.join(candidates):.80}; it has {', '.join(truth):.80}")


def _accuracies(name: str, table: "pd.DataFrame", column: str) -> "pd.DataFrame":
    import pandas as pd

    numbers = pd.to_numeric(table[column], errors="coerce")
    odd = table[column][~numbers.between(0, 1) & table[column].notna()].tolist()
    if odd:
        raise ValueError(f"{name}: {column} must be numbers in 0..1, got {odd[0]!r}; pass fractions, not percent")
    return table.assign(**{column: numbers})


def checked_rules(rules: Any) -> list[Rule]:
    """The rules that are named, or given, one or several. Raises TypeError or ValueError, which names `rules`."""
    given = [rules] if isinstance(rules, str | Rule) else rules
    if not isinstance(given, Sequence) or not given:
        raise TypeError(f"rules must be a name, a rule, or a list of them, got {rules!r:.80}")
    try:
        return [resolve(rule) for rule in given]
    except (TypeError, ValueError) as error:
        raise type(error)(f"rules: {error}") from None


def _targets(records: Any, truth: "pd.DataFrame") -> list[str]:
    targets = list(dict.fromkeys(truth["target"]))
    if not targets:
        raise ValueError("truth has no row; pass target, candidate and accuracy of what the networks really ended with")
    if not isinstance(records, Records):
        return targets
    if records.target not in targets:
        raise ValueError(f"truth: no row of the target {records.target!r:.80}; it has {', '.join(targets) or 'none'}")
    return [records.target]


def _counts(ticks: Any, job: Records) -> list[int | None]:
    """Numbers of ticks, as often as asked; None stands for all of the job, late failures included."""
    if ticks is None:
        return [None]
    given = list(ticks) if isinstance(ticks, Sequence | np.ndarray) and not isinstance(ticks, str) else [ticks]
    counts = [whole_number("ticks", count, least=1) for count in given]
    # A row says how many ticks were there to be read: asked for 99 of 4, a rule reads 4.
    return list(dict.fromkeys(min(count, last_tick(job)) for count in counts))


def _budgets(seconds: Any) -> list[float]:
    given = [] if seconds is None else [seconds] if isinstance(seconds, Real) else list(seconds)
    if isinstance(given, str) or not all(isinstance(each, Real) and float(each) > 0 for each in given):
        raise ValueError(f"seconds must be a positive number or several, got {seconds!r:.80}")
    return list(dict.fromkeys(map(float, given)))


def _standing(predictions: "pd.DataFrame") -> "pd.Series[float]":
    """The `standing` of every row among those of its rule."""
    import pandas as pd

    placed = pd.Series(np.nan, index=predictions.index)
    for _, rows in predictions.groupby("rule"):
        placed[rows.index] = standing(
            rows["is_accuracy"].to_numpy(dtype=bool), rows["order"].to_numpy(dtype=np.float64)
        )
    return placed
