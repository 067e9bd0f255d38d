"""Rules beside each other and beside the truth: one long table of rule by candidate, and how well each rule orders."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.arguments import whole_number
from ncap.ranking import bootstrap
from ncap.ranking.agreement import kendall, regret, spearman, weighted_tau
from ncap.ranking.curves import by_candidate, checked_reading, seconds_of_readings
from ncap.ranking.prediction import predicted
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
) -> "pd.DataFrame":
    """How well rules order the candidates of a target, after some ticks.

    Args:
        records: a store's path, or its tables: {"observations": table, ...}; of each target the newest job.
        truth: columns target, candidate, accuracy (0..1): what the networks really ended with.
        rules: one or several, by name (`ncap.list_rules` lists them) or as `ncap.rules.contract.Rule`.
        ticks: how many ticks of each run are read, one number or several; None reads all.

    Returns: a DataFrame with one row per target, rule and number of ticks, and the columns target, rule, ticks, seconds (training of all
    candidates up to there, with the readings where the rule reads them; NaN where they were not recorded), rho, tau, weighted_tau,
    regret_1, regret_3, and each of these with _low and _high: a 95 % interval over 1,000 samples of candidates, the same for every rule.
    Candidates are ordered by the prediction before it is clipped; one without a prediction comes last, one without a true accuracy is
    left out.

    Raises: TypeError or ValueError for an unknown rule, a target without records, and for tables that break the schema.

    >>> import pandas as pd
    >>> seen = pd.DataFrame([{"settings": "s", "target": "digits", "candidate": name, "run": 0, "tick": t, "epoch": t,
    ...                       "val_accuracy": accuracy} for name, curve in [("a", (0.3, 0.6)), ("b", (0.4, 0.5))]
    ...                      for t, accuracy in enumerate(curve, start=1)])
    >>> truth = pd.DataFrame({"target": "digits", "candidate": ["a", "b"], "accuracy": [0.9, 0.8]})
    >>> compare({"observations": seen}, truth, "last_seen", ticks=[1, 2])[["ticks", "rho", "regret_1"]].round(3).values.tolist()
    [[1.0, -1.0, 0.1], [2.0, 1.0, 0.0]]
    """
    import pandas as pd

    chosen = _rules(rules)
    known = _accuracies("truth", checked_table(TRUTH, truth), "accuracy")
    rows = []
    for target in _targets(records, known):
        job = load(records, target=target)
        accuracies = known[known["target"] == target].set_index("candidate")["accuracy"]
        check_common(job.candidates, list(accuracies.dropna().index))
        if accuracies.isna().all():
            raise ValueError(f"truth has no accuracy of the target {target!r:.80}")
        for count, seen in _cut(ticks, job):
            rows += [{"target": target, "ticks": count, **row} for row in _measured(seen, chosen, accuracies)]
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
    made = {rule.name: {one.candidate: predicted(one, rule) for one in seen} for rule in _rules(rules)}
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

    standing = _standing(beside)
    values = {
        rule: spearman(standing[rows.index], rows["true_accuracy"]) for rule, rows in beside.groupby("rule", sort=False)
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


def _rules(rules: Any) -> list[Rule]:
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


def _cut(ticks: Any, job: Records) -> list[tuple[int, Records]]:
    """The first ticks of a job, as often as asked; all of it, late failures included, for None."""
    if ticks is None:
        return [(int(job.observations["tick"].max()) if len(job.observations) else 0, job)]
    given = list(ticks) if isinstance(ticks, Sequence | np.ndarray) and not isinstance(ticks, str) else [ticks]
    counts = [whole_number("ticks", count, least=1) for count in given]
    seen = int(job.observations["tick"].max()) if len(job.observations) else 0
    # A row says how many ticks were there to be read: asked for 99 of 4, a rule reads 4.
    return [(count, job.of(ticks=count)) for count in dict.fromkeys(min(count, seen) for count in counts)]


def _standing(predictions: "pd.DataFrame") -> "pd.Series[float]":
    """What candidates are compared by: `order`; -inf without one, and for an accuracy that stands in where others have scores."""
    scores = predictions.groupby("rule")["is_accuracy"].transform("all")
    comparable = scores | ~predictions["is_accuracy"]
    return predictions["order"].where(comparable & predictions["order"].notna(), -np.inf)


def _measured(job: Records, rules: Sequence[Rule], truth: "pd.Series[float]") -> list[dict[str, Any]]:
    """One row per rule: its cost, its measures and their intervals."""
    import pandas as pd

    reading = checked_reading(job, None)
    known = [
        one
        for one in by_candidate(job, reading)
        if one.candidate in truth.index and truth[one.candidate] == truth[one.candidate]
    ]
    true = np.array([truth[one.candidate] for one in known], dtype=np.float64)
    rows = []
    for rule in rules:
        made = [predicted(one, rule) for one in known]
        table = pd.DataFrame(
            [[rule.name, one.is_accuracy, one.order] for one in made], columns=["rule", "is_accuracy", "order"]
        )
        standing: Any = _standing(table).to_numpy(dtype=np.float64) if len(made) else np.empty(0)
        reads_beta = "beta_eff" in rule.needs
        row = {"rule": rule.name, "seconds": float(sum(_seconds(one.rows, reads_beta) for one in known))}
        row |= _measures(standing, true)
        for measure, (low, high) in bootstrap.intervals(standing, true).items():
            row |= {f"{measure}_low": low, f"{measure}_high": high}
        rows.append(row)
    return rows


def _seconds(rows: "pd.DataFrame", reads_beta: bool) -> float:
    """Seconds of training, with the readings where they count; NaN where a tick's are not known. A tick without a reading took none."""
    readings = seconds_of_readings(rows) if reads_beta else 0.0
    return float(rows["seconds_train"].sum(skipna=False) + readings)


def _measures(predicted: Any, true: Any) -> dict[str, float]:
    return {
        "rho": spearman(predicted, true),
        "tau": kendall(predicted, true),
        "weighted_tau": weighted_tau(predicted, true),
        "regret_1": regret(predicted, true, k=1),
        "regret_3": regret(predicted, true, k=3),
    }
