"""What to do next, in words, from what the records say: which candidate, how sure that is, what it takes, and what speaks against it."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ncap.ranking.doubts import Chance
from ncap.ranking.order import Ranking
from ncap.report import numbers
from ncap.report.figures.drawing import Content
from ncap.report.series import Series
from ncap.report.truth import Truth, joined_words
from ncap.rules import RULES

Row = dict[Hashable, Any]

LAST = "last_seen"  # the rule that is the rival of every other
WIDE = 0.5  # an interval as wide as this leaves more open than it says
NAMED = 4  # candidates in a sentence


@dataclass(frozen=True)
class Advice:
    """What to do, in one sentence, and the sentences that say why and how far to trust it, each with its heading."""

    do: str
    why: tuple[tuple[str, str], ...]


def headline(table: pd.DataFrame) -> Row | None:
    """The line of the selected candidate, or None if no candidate has a prediction."""
    ranked = table[(table["status"] == "ok") | table["predicted_accuracy"].notna()].sort_values("rank")
    return None if ranked.empty else ranked.iloc[0].to_dict()


def near(table: pd.DataFrame) -> tuple[list[str], list[tuple[str, float, float]]]:
    """The candidates that are predicted nearly as good as the first.

    Returns: those predicted the same; those predicted lower by less than one standard deviation of the difference, with the difference and
    that deviation.
    """
    predicted = table[table["predicted_accuracy"].notna()].sort_values("rank").to_dict("records")
    first, others = predicted[:1], predicted[1:]
    gaps = [(str(row["candidate"]), first[0]["predicted_accuracy"] - row["predicted_accuracy"]) for row in others]
    deviations = [math.hypot(first[0]["predicted_std"], row["predicted_std"]) for row in others]
    lower = [(name, gap, std) for (name, gap), std in zip(gaps, deviations, strict=True) if 0 < gap < std]
    return [name for name, gap in gaps if gap == 0], lower


def caution(table: pd.DataFrame) -> str:
    """What a reader of the headline must know before acting on it: every candidate that is predicted as good; empty if none is.

    >>> table = pd.DataFrame({"rank": [1, 2, 3], "candidate": ["a", "b", "c"], "predicted_accuracy": [0.91, 0.90, 0.5],
    ...                       "predicted_std": [0.02, 0.01, 0.01], "status": "ok"})
    >>> caution(table)
    'The next one, b, is predicted 0.010 lower, less than one standard deviation of the difference (0.022).'
    >>> caution(table.assign(predicted_accuracy=1.0))
    'b and c are predicted the same.'
    """
    same, lower = near(table)
    words = []
    if same:
        words.append(f"{joined_words(same)} {'is' if len(same) == 1 else 'are'} predicted the same.")
    if len(lower) == 1:
        name, gap, std = lower[0]
        words.append(
            f"The next one, {name}, is predicted {gap:.3f} lower, less than one standard deviation of the difference ({std:.3f})."
        )
    elif lower:
        names = joined_words([f"{name} ({gap:.3f})" for name, gap, _ in lower])
        words.append(f"{names} are predicted lower by less than one standard deviation of the difference.")
    return " ".join(words)


def advice(ranking: Ranking, content: Content, unfinished: bool = False) -> Advice:
    """What to do next with the candidates of a ranking; `unfinished` while others are still being trained."""
    first = headline(ranking.table)
    if first is None:
        return Advice("Choose none of these: not one has a prediction, for the reasons in the notes below.", ())
    name = str(first["candidate"])
    one = next(one for one in content.series if one.candidate == name)
    chance = Chance.of(ranking.facts)
    rivals = _rivals(ranking, name)
    do = _do(ranking, content, first, rivals, chance)
    if unfinished:
        do = f"Wait for the candidates that are still to come. If the job ended now: {do}"
    why = (
        ("How sure is that?", _sure(ranking, first, content.metric.words)),
        ("What would guessing give?", _chance(first, chance)),
        ("More to be trusted than the last accuracy?", _beside_last(ranking, content, first)),
        ("How long until it is trained?", "" if _is_over(ranking, content) else _takes(ranking, content, one, rivals)),
    )
    return Advice(do, tuple((heading, text) for heading, text in why if text))


def _is_over(ranking: Ranking, content: Content) -> bool:
    return content.truth is not None or "selection" in ranking.facts


def _rivals(ranking: Ranking, name: str) -> list[str]:
    """The candidates that nothing seen puts below the first, in the ranking's order.

    They are not ordered in T8's sense, or predicted within one deviation, or the last accuracy puts them first.
    """
    same, lower = near(ranking.table)
    known = {*ranking.unordered, *same, *(other for other, _, _ in lower)}
    if ranking.rule != LAST and name not in (leaders := last_leaders(ranking.table)):
        known |= set(leaders)
    return [other for other in ranking.candidates if other in known and other != name]


def last_leaders(table: pd.DataFrame) -> list[str]:
    """The candidates with the best last-seen accuracy; several where they are equal.

    >>> last_leaders(pd.DataFrame({"candidate": list("abc"), "last_seen_accuracy": [0.5, 0.7, 0.7], "status": ["ok", "ok", "failed"]}))
    ['b']
    """
    seen = table[table["status"] != "failed"]
    return seen.loc[seen["last_seen_accuracy"] == seen["last_seen_accuracy"].max(), "candidate"].astype(str).tolist()


def _do(ranking: Ranking, content: Content, first: Row, rivals: list[str], chance: Chance | None) -> str:
    name, others = str(first["candidate"]), int((ranking.table["status"] != "failed").sum()) - 1
    if content.truth is not None and not content.truth.rows.empty:
        return _outcome(content.truth, name)
    if "selection" in ranking.facts:
        return f"Use {name}: it was trained further than the others, to epoch {_last_epoch(content, name):g}."
    if chance is not None and not first["best_seen_accuracy"] > chance.level:
        return f"Choose none of these yet: {name} comes first, and has shown nothing better than guessing. Observe more epochs."
    if first["status"] == "fallback":
        return f"Observe more epochs before you choose. {name} is the best so far, and that is all that is known."
    if not others:
        return f"Train {name} to the end; there was no other to choose from."
    if not rivals and name in ranking.predictions and not math.isfinite(ranking.predictions[name].low):
        return f"Train {name} first: the rule {ranking.rule} puts it ahead, and does not say how sure that is."
    if not rivals:
        return f"Train {name} to the end."
    if len(rivals) <= NAMED:
        waiting = others - len(rivals)
        rest = f", and let the other {numbers.few(waiting)} wait" if waiting else ""
        return f"Keep training {joined_words([name, *rivals])}{rest}: what was seen does not settle which of these is best."
    return (
        f"Do not settle on {name} yet: what was seen leaves {_of_others(len(rivals), others)} as possible winners. Observe more "
        f"epochs, or train on {name} and those that come next until one is clearly ahead."
    )


def _outcome(truth: Truth, name: str) -> str:
    """What came true of the choice."""
    rows = truth.rows.set_index("candidate")
    best = joined_words(rows.index[rows["true_rank"] == 1].tolist())
    top = f"{rows['true_accuracy'].max():.3f}"
    if name not in rows.index:
        return f"Nothing is left to decide among those whose end is known: {best} was best, at {top}."
    own = rows.loc[name]
    ended = (
        f"was best, at {top}"
        if own["true_rank"] == 1
        else f"ended at {own['true_accuracy']:.3f}, and {best} was best, at {top}"
    )
    return f"Nothing is left to decide: the networks were trained on. {name}, which was selected, {ended}."


def _sure(ranking: Ranking, first: Row, metric: str) -> str:
    """The interval of the first, and how many others it overlaps with."""
    name, made = str(first["candidate"]), ranking.predictions
    if name not in made or first["status"] == "fallback":
        return ""
    own = made[name]
    if not own.is_accuracy:
        return f"The rule {ranking.rule} orders the candidates by a score and predicts no accuracy, so nothing here says how sure it is."
    if not math.isfinite(own.low):
        return f"The rule {ranking.rule} gives no interval, so nothing here says how sure it is."
    if own.low >= 1 or own.high <= 0:  # both ends were clipped
        side = "above 1" if own.low >= 1 else "below 0"
        return (
            f"The 95 % interval of {name} lies wholly {side}, where no {metric} is: its line cannot go on to there, and says nothing of "
            "how sure the choice is."
        )
    others = [made[other] for other in ranking.candidates if other != name and other in made]
    known = [other for other in others if math.isfinite(other.low)]
    overlapping = sum(other.low <= own.high and own.low <= other.high for other in known)
    words = f"The 95 % interval of {name} reaches from {own.low:.3f} to {own.high:.3f}"
    if own.high - own.low >= WIDE:
        words += ", so wide that it says little"
    if known:
        that = "that" if len(known) == 1 else "those"
        words += f", and overlaps with {f'{that} of ' if overlapping else ''}{_of_others(overlapping, len(known))}"
    bound = own.fit is not None and own.fit.reach is not None
    return f"{words}. It holds as long as the accuracies keep to their line (theorem T8)." if bound else f"{words}."


def _of_others(part: int, whole: int) -> str:
    """How many of the other candidates, in words.

    >>> _of_others(0, 5), _of_others(2, 5), _of_others(5, 5), _of_others(1, 1)
    ('none of the 5 others', '2 of the 5 others', 'all 5 others', 'the other')
    """
    if part == whole:
        return f"all {whole} others" if whole > 1 else "the other"
    return f"{part or 'none'} of the {whole} others" if whole > 1 else "no other"


def _chance(first: Row, chance: Chance | None) -> str:
    """What guessing gets, beside what the first has shown."""
    if chance is None:
        return ""
    words = str(chance)
    return f"{words[0].upper()}{words[1:]}; {first['candidate']} has shown {numbers.accuracy(first['best_seen_accuracy'])}."


def _beside_last(ranking: Ranking, content: Content, first: Row) -> str:
    """Whether the last accuracy would choose the same, and what the rule's own fit says against it."""
    if ranking.rule == LAST:
        return ""
    name, words = str(first["candidate"]), content.metric.words
    leaders = last_leaders(ranking.table)
    if not leaders or first["status"] == "fallback":
        return ""
    top = numbers.accuracy(
        float(ranking.table.loc[ranking.table["candidate"] == leaders[0], "last_seen_accuracy"].iloc[0])
    )
    said = []
    if name in leaders:
        said.append(
            f"The last {words} chooses {name} too ({top}), so the choice does not depend on which of the two you trust."
        )
    else:
        ends = {other: _last_epoch(content, other) for other in (name, leaders[0])}
        after = {other: f" after {end:g} epochs" if len(set(ends.values())) > 1 else "" for other, end in ends.items()}
        own = numbers.accuracy(first["last_seen_accuracy"])
        said.append(
            f"The last {words} would choose {joined_words(leaders)} instead ({top}{after[leaders[0]]}; {name} had {own}{after[name]}). "
            f"{_precedent(ranking)}"
        )
    made = ranking.predictions.get(name)
    if made is not None and made.fit is not None and made.fit.remark:
        said.append(f"Take the number itself with care: {made.fit.remark}.")
    return " ".join(said)


def _precedent(ranking: Ranking) -> str:
    """What is known of rules like this one beside the last accuracy."""
    if ranking.rule in RULES and RULES.get(ranking.rule).learns:
        return "Over published curves, rules that learned from other networks of the same collection ordered better than the last accuracy."
    return (
        "Do not trust this prediction more: over the published curves of 1,440 networks, no fitted curve ordered them better than the "
        "last accuracy did."
    )


def _takes(ranking: Ranking, content: Content, one: Series, rivals: Sequence[str]) -> str:
    """How long it takes to train the first to the horizon, and its rivals with it, from the times of this job."""
    horizon, last = ranking.horizon, _last_epoch(content, one.candidate)
    per_epoch = seconds_per_epoch(one)
    if not (last < horizon and math.isfinite(per_epoch)):
        return ""
    words = (
        f"One run of {one.candidate} from epoch {last:g} to epoch {horizon:g} takes about {numbers.duration(per_epoch * (horizon - last))} "
        f"more on the machine of this job, at {numbers.duration(per_epoch)} an epoch"
    )
    by_name = {other.candidate: other for other in content.series}
    left = [
        seconds_per_epoch(by_name[name]) * (horizon - _last_epoch(content, name)) for name in rivals if name in by_name
    ]
    if left and math.isfinite(sum(left)):
        rest = "its rival" if len(left) == 1 else f"its {len(left)} rivals"
        words += f"; with {rest}, {numbers.duration(per_epoch * (horizon - last) + sum(left))}"
    return f"{words}."


def _last_epoch(content: Content, name: str) -> float:
    return next((float(one.rows["epoch"].max()) for one in content.series if one.candidate == name), math.nan)


def seconds_per_epoch(one: Series) -> float:
    """Seconds of training that an epoch of one run took, in the mean over its runs; NaN where they were not recorded.

    The first tick of a run contains compilation and is left out, unless the run has no other.
    """
    taken = epochs = 0.0
    for run in one.runs():
        rows = run[["epoch", "seconds_train"]]
        if len(rows) > 1:
            taken += rows["seconds_train"].iloc[1:].sum(skipna=False)
            epochs += rows["epoch"].iloc[-1] - rows["epoch"].iloc[0]
        elif len(rows) == 1:
            taken, epochs = taken + rows["seconds_train"].iloc[0], epochs + rows["epoch"].iloc[0]
    return float(taken / epochs) if epochs > 0 else math.nan
