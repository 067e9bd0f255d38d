"""Selection: rank, drop the hopeless round by round, train the winner to the end and hand it over.

Successive halving (Jamieson and Talwalkar 2016) on what a rule predicts: of n candidates that are trained for r epochs, the ceil(n / eta)
that are predicted best go on to eta r epochs, and so on until one is left, which is trained to the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ncap import metrics
from ncap.arguments import whole_number
from ncap.interrupt import kept_until_safe
from ncap.job import Job, with_settings
from ncap.pipeline import NothingRankedError, add_scores, begun, first_reading, observe, wanted_scores

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from ncap.candidates import Candidate
    from ncap.candidates.limits import Limits
    from ncap.engines.contract import Resources
    from ncap.engines.progress import JobProgress
    from ncap.ranking.order import Ranking
    from ncap.records.store import Store
    from ncap.records.tables import Records
    from ncap.rules.contract import Rule
    from ncap.targets import Target

METHOD = "successive halving"
WINNER = "winner.keras"


class Round(NamedTuple):
    """One round: the epochs that its candidates are trained for in all, and how many candidates they are."""

    epochs: int
    candidates: int


def rounds(candidates: int, first: int, final: int, reduction: int) -> list[Round]:
    """The rounds of successive halving: the first of `first` epochs, the last of `final`.

    >>> [tuple(one) for one in rounds(10, first=5, final=30, reduction=2)]
    [(5, 10), (10, 5), (20, 3), (30, 2)]
    >>> [tuple(one) for one in rounds(3, first=5, final=30, reduction=3)]       # one is left: it goes on to the end at once
    [(5, 3), (30, 1)]
    """
    plan = [Round(min(first, final), candidates)]
    while plan[-1].epochs < final:
        left = ceil(plan[-1].candidates / reduction)
        plan.append(Round(final if left == 1 else min(plan[-1].epochs * reduction, final), left))
    return plan


@dataclass(frozen=True, eq=False)
class Selection:
    """What a selection ended with.

    Attributes:
        winner: name of the candidate that was trained to the end; of several, the one with the best validation accuracy there.
        ranking: all candidates, those that came further first; in each round in the order of the rule. `ranking.model` gives any of them.
        rounds: a row per round: round, epochs (trained in all), candidates, kept (the names that went on, comma-separated).
        model: path of the winner as a Keras model; None where none was asked for.
    """

    winner: str
    ranking: "Ranking"
    rounds: "pd.DataFrame"
    model: Path | None = None


@with_settings
def select(
    candidates: "str | Sequence[str] | Mapping[str, Callable[[], keras.Model]]",
    target: "str | Path | Target",
    *,
    store: str | Path = "runs.db",
    out: str | Path | None = "out",
    final_epochs: int = 30,
    reduction: int = 2,
    rule: "str | Rule" = "capacitance",
    risk: float | None = None,
    horizon: float | None = None,
    engine: str = "local",
    jobs: int | None = None,
    memory: int | str | None = None,
    address: str | None = None,
    progress: bool = True,
    max_parameters: int | str | None = None,
    max_multiply_adds: int | str | None = None,
    max_milliseconds: float | None = None,
    licences: str | Sequence[str] | None = None,
    **settings: Any,
) -> Selection:
    """Select a pre-trained network by successive halving on what a rule predicts, train it to the end, and hand it over.

    All candidates are trained for `epochs` epochs, as by `ncap.rank`; the 1 / `reduction` of them that the rule predicts best go on to
    `reduction` times as many, and so on. Whoever is left goes on to `final_epochs`; if several reach that, the best validation accuracy
    wins. It costs a part of what training all to the end would, and may drop the network that would have ended best: how often depends on
    rule and data, and no bound is known for either.

    Every tick is committed to `store`: after an interruption the same call goes on where it stopped, and decides as it would have.

    Args:
        candidates, target, store, out, engine, jobs, memory, address, progress, max_parameters, max_multiply_adds, max_milliseconds,
            licences: as in `ncap.rank`; `out` gets the winner, too: winner.keras, and winner.json, its card.
        final_epochs: epochs that the winner is trained for in all.
        reduction: eta: one in so many candidates goes on from each round, and is trained for so many times the epochs.
        rule: what predicts who goes on; `ncap rules` lists the names.
        risk: how likely the best network may be dropped. It needs a rule whose intervals have been checked against outcomes, and none is
            yet: with any value but None, ValueError.
        horizon: the epoch whose accuracy is predicted; None takes `final_epochs`.
        {settings}

    Returns: Selection. Raises: as `ncap.rank` does, and ValueError for `final_epochs` below `epochs`; NothingRankedError if every candidate
    of a round failed.
    """
    from ncap.arguments import switch
    from ncap.candidates.limits import Limits
    from ncap.engines.contract import Resources
    from ncap.rules import resolve as resolve_rule
    from ncap.rules.contract import checked_horizon

    job, progress, chosen = Job(**settings), switch("progress", progress), resolve_rule(rule)
    final_epochs = whole_number("final_epochs", final_epochs, least=job.epochs)
    reduction = whole_number("reduction", reduction, least=2)
    horizon = checked_horizon(final_epochs if horizon is None else horizon)
    check_risk(risk)
    if job.budget is not None:
        raise ValueError(
            f"budget={job.budget:g}: rounds give the candidates that are left more epochs, and a budget takes their place; leave it out, "
            "or use ncap.rank"
        )
    resources = Resources(jobs, memory, address)
    limits = Limits(max_parameters, max_multiply_adds, max_milliseconds, licences)
    whole = replace(job, epochs=final_epochs)
    with (
        kept_until_safe("ncap.select was interrupted; the same call goes on from here"),
        begun(whole, candidates, target, store, out, engine, resources, limits, progress) as begin,
    ):
        resolved, loaded, opened, shown = begin
        halving = Halving(whole, loaded, opened, shown, chosen, horizon, out, engine, resources)
        halving.run(resolved, limits, first=job.epochs, reduction=reduction)
    return halving.selection(Path(store), resolved, progress)


def check_risk(risk: Any) -> None:
    """Raise ValueError where a risk is given: no rule can promise one yet."""
    if risk is not None:
        raise ValueError(
            f"risk={risk!r:.20}: no rule can say yet how likely it drops the best network: a rule's deviation describes its own fit and "
            "has not been checked against outcomes; leave risk out, and pass a smaller reduction or more epochs to drop less early"
        )


class Halving:
    """Successive halving over a job's store: decisions follow from the records alone, so that a repeated call makes the same ones.

    Args:
        job: with the epochs of the last round. horizon: the epoch that the rule predicts. out: folder of the page, or None.
    """

    def __init__(
        self, job: Job, target: "Target", store: "Store", progress: "JobProgress", rule: "Rule", horizon: float,
        out: str | Path | None, engine: str, resources: "Resources",
    ) -> None:  # fmt: skip
        self.job, self.target, self.store, self.progress = job, target, store, progress
        self.rule, self.horizon, self.out = rule, horizon, out
        self.engine, self.resources = engine, resources
        self.title = f"Selection by {METHOD} on {rule.name}"
        self.settings = ""
        self.reached: dict[str, int] = {}  # candidate -> the epochs of the last round that it took part in
        self.winner = ""
        self._lines: list[dict[str, Any]] = []

    def run(self, candidates: "Mapping[str, Candidate]", limits: "Limits", first: int, reduction: int) -> None:
        """Train round by round, and choose the winner. Raises NothingRankedError if every candidate of a round failed."""
        plan, names = rounds(len(candidates), first, self.job.epochs, reduction), list(candidates)
        for number in count(1):
            epochs, left = plan[number - 1]
            chosen = {name: candidates[name] for name in names[:left]}
            names = self._round(number, len(plan), epochs, chosen, limits if number == 1 else None)
            if (
                number == 1
            ):  # a part of those goes on that neither failed nor were left out by the check before training
                plan = rounds(len(names), first, self.job.epochs, reduction)
            self._told(number, plan, names)
            if number == len(plan):
                break
        self.winner = names[0]

    def _round(
        self, number: int, of: int, epochs: int, candidates: "Mapping[str, Candidate]", limits: "Limits | None"
    ) -> list[str]:
        """Train candidates up to an epoch; the names of those that did not fail, best first."""
        from ncap.live_page import LivePage

        job = replace(self.job, epochs=epochs)
        before = dict(self.reached)

        def so_far(settings: str, ended: list[str]) -> "Ranking":
            return self._ranked(settings, before | dict.fromkeys(ended, epochs))

        page = None if self.out is None else LivePage(self.out, so_far, self.title, f"round {number} of {of}")
        self.settings, kept = observe(
            job, candidates, self.target, self.store, self.progress, self.engine, limits, self.resources, page
        )
        needed = wanted_scores(None, self.rule)
        add_scores(needed, {name: candidates[name] for name in kept}, self.target, self.store, self.settings, job)
        self.reached |= dict.fromkeys(kept, epochs)
        ranking = self._of_round(self.settings, kept, epochs)
        if (ranking.table["status"] == "failed").all():
            raise NothingRankedError(ranking)
        sound = ranking.table[ranking.table["status"] != "failed"]
        if epochs == self.job.epochs:  # trained to the end: what it reached, no longer what is predicted
            sound = sound.sort_values(["last_seen_accuracy", "rank"], ascending=[False, True])
        return [str(name) for name in sound["candidate"]]

    def _of_round(self, settings: str, names: list[str], epochs: int) -> "Ranking":
        """The ranking of some candidates from the ticks up to an epoch, whatever the store holds beyond it."""
        from ncap.ranking.order import rank_records

        records = self.store.records(settings, self.target.name).of(names, self.job.runs, epochs)
        return rank_records(records, self.rule, first_reading(self.job, records), self.horizon)

    def _told(self, number: int, plan: list[Round], names: list[str]) -> None:
        """Keep what a round decided, and say it."""
        from rich.text import Text

        last = number == len(plan)
        kept = names[:1] if last else names[: plan[number].candidates]
        dropped = names[len(kept) :]
        self._lines.append(
            {"round": number, "epochs": plan[number - 1].epochs, "candidates": len(names), "kept": ", ".join(kept)}
        )
        verb = "is the winner" if last else "goes on" if len(kept) == 1 else "go on"
        words = f"round {number} of {len(plan)}, {plan[number - 1].epochs} epochs: {', '.join(kept)} {verb}"
        if dropped:
            words += f"; dropped {', '.join(dropped)}"
        self.progress.console.print(Text(words), soft_wrap=True)

    def _ranked(self, settings: str, reached: Mapping[str, int]) -> "Ranking":
        """All candidates from the ticks that decided: the winner, then those that came further, in the order of the rule."""
        from ncap.ranking.order import rank_records

        records = _upto(self.store.records(settings, self.target.name), reached, self.job.runs)
        ranking = rank_records(records, self.rule, first_reading(self.job, records), self.horizon)
        place = [
            (name != self.winner, status == "failed", -reached[name], rank)
            for name, status, rank in ranking.table[["candidate", "status", "rank"]].itertuples(index=False)
        ]
        order = sorted(range(len(place)), key=place.__getitem__)
        table = ranking.table.iloc[order].assign(rank=range(1, len(order) + 1)).reset_index(drop=True)
        return replace(ranking, table=table, facts=ranking.facts | {"selection": self._words()})

    def _words(self) -> str:
        """What was done, for the page's facts."""
        done = "; ".join(f"{line['candidates']} candidates for {line['epochs']} epochs" for line in self._lines)
        return f"{METHOD} on the prediction of the rule {self.rule.name}" + (f": {done}" if done else "")

    def selection(self, store: Path, candidates: "Mapping[str, Candidate]", progress: bool) -> Selection:
        """The result, with the report and the winner's model written."""
        import pandas as pd

        from ncap.handover.export import chosen_by, model_of, warn_of_later
        from ncap.handover.origin import Origin
        from ncap.records.store import Store
        from ncap.report import write_report
        from ncap.report.terminal import ranking_table

        with Store(store, create=False) as self.store:
            ranking = self._ranked(self.settings, self.reached)
        origin = Origin(store, self.settings, self.job, candidates, self.target)
        ranking = replace(ranking, models=partial(model_of, origin, ranking))
        path = None
        if self.out is not None:
            how = chosen_by(ranking, self.winner) | {"method": METHOD, "rounds": self._lines}
            handed = origin.hand_over(self.winner, selection=how)
            warn_of_later(handed, ranking)
            path = handed.write(Path(self.out) / WINNER)
            write_report(ranking, self.out, title=self.title)
        if progress:
            self.progress.console.print(ranking_table(ranking.table, metrics.of_facts(ranking.facts)))
        return Selection(self.winner, ranking, pd.DataFrame(self._lines), path)


def _upto(records: "Records", reached: Mapping[str, int], runs: int) -> "Records":
    """The rows of each candidate up to the epoch that it was trained to."""
    import pandas as pd

    parts = [records.of([name], runs, epochs) for name, epochs in reached.items()]
    names = ("observations", "readings", "scores", "failures")
    joined = {name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in names}
    return replace(records, **joined)
