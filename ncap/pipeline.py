"""The main job: candidates x runs -> records -> predictions -> ranking.

Everything that needs a deep-learning framework happens in an engine, which fills the store; all that follows reads tables.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ncap import metrics
from ncap.interrupt import check, kept_until_safe
from ncap.job import Job, with_settings
from ncap.records.schema import RunKey
from ncap.records.store import Store

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from ncap.candidates import Candidate
    from ncap.candidates.limits import Limits
    from ncap.engines.contract import Resources
    from ncap.engines.progress import JobProgress
    from ncap.live_page import LivePage
    from ncap.ranking.order import Ranking
    from ncap.records.tables import Records
    from ncap.rules.contract import Rule
    from ncap.targets import Target


class NothingRankedError(RuntimeError):
    """Every candidate failed; `ranking` says why."""

    def __init__(self, ranking: "Ranking") -> None:
        first = ranking.table.iloc[0]
        more = f" ({len(ranking.table) - 1} more in the ranking)" if len(ranking.table) > 1 else ""
        super().__init__(f"every candidate failed; {first['candidate']} {first['note'].removeprefix('failed ')}{more}")
        self.ranking = ranking


@with_settings
def rank(
    candidates: "str | Sequence[str] | Mapping[str, Callable[[], keras.Model]]",
    target: "str | Path | Target",
    *,
    store: str | Path = "runs.db",
    out: str | Path | None = "out",
    rule: "str | Rule" = "capacitance",
    horizon: float = 30.0,
    engine: str = "local",
    jobs: int | None = None,
    memory: int | str | None = None,
    address: str | None = None,
    progress: bool = True,
    max_parameters: int | str | None = None,
    max_multiply_adds: int | str | None = None,
    max_milliseconds: float | None = None,
    licences: str | Sequence[str] | None = None,
    scores: str | Sequence[str] | None = None,
    **settings: Any,
) -> "Ranking":
    """Rank pre-trained networks by the accuracy that a rule predicts from a few epochs (Algorithm 1).

    First every candidate that has something to train is built once and checked, so that one which cannot be trained is known in the first
    seconds. Then, for each candidate and run: attach a probe, train for `epochs` epochs, and at every tick record the readings of beta_eff
    and the validation accuracy I. Finally the rule predicts from what was seen; by default it fits I = h(beta) to the mean over the runs
    and predicts I* = h(0) (MATHEMATICS.md, section 6). Every tick is committed to `store` with a checkpoint beside it: after an
    interruption the same call resumes, and a call with more epochs continues the training. Calls in several processes that use one store
    share the runs and end with the same table.

    Args:
        candidates: names (`ncap models` lists them), as a list or separated by commas, or {name: factory}; a factory takes no arguments
            and returns a fresh pre-trained keras.Model without its head, whose first layer normalises raw 0..255 images.
        target: a name (`ncap datasets` lists them), the path of a folder of class folders or of a .npz file, or a Target. Images are
            resized to the candidate's input.
        store: SQLite file of the records, created if it is missing.
        out: folder for ranking.csv, report.html and the figures; with None, nothing is written. While the job runs, report.html shows the
            candidates that have finished and says that it is unfinished.
        rule: what predicts from the records; `ncap rules` lists the names. It does not affect training.
        horizon: the epoch whose accuracy is predicted, for rules that extrapolate to a given epoch.
        engine: what distributes the runs; "local" trains on this machine, "ray" on the machines of a Ray cluster.
        jobs: how many runs are trained at a time; None means one, or with engine="ray" as many as there is room for. "local" trains one
            at a time in this process; several in so many processes, each with a device of its own where there are several, and a run
            whose process dies is recorded as failed. The table is the same.
        memory: what the process of a run may have in memory, such as "4GB"; one that needs more is ended, and its run failed.
        address: with engine="ray", the cluster's, such as "10.0.0.1:6379", or "auto" for the one that this machine belongs to; None
            starts Ray on this machine.
        progress: whether to show progress bars and a line per finished candidate.
        max_parameters, max_multiply_adds: candidates with more are left out; a number, or a text such as "5M".
        max_milliseconds: candidates that take longer for an image are left out, as the check measures it on a batch of 16 images.
        licences: candidates whose weights have another licence, or one that is not known, are left out.
        scores: scores to show beside the predictions, in a list or separated by commas (`ncap scores` lists them); they cost a forward
            pass over up to 4,096 training images, and are kept in the store. Those that the rule needs are computed in any case.
        {settings}

    On one machine, the same seed gives the same table; rank() reseeds Python, numpy and the backend.

    Returns: Ranking, whose `model` gives any candidate as a Keras model. A candidate that raises, or whose loss is not finite, has status
    "failed" and comes last; the observations contain test accuracies, which no rule reads.

    Warns of candidates that do not normalise their images, and of those whose features are the same for all.

    Ctrl-C ends the call after the current batch, as KeyboardInterrupt; what was committed stays, and the same call continues from there.

    Raises: ValueError or TypeError for an argument that cannot be used, such as a file that is not a store, and where no candidate is
    within the limits; OSError if the store or the report cannot be written, or the checkpoints will not fit on the disk;
    NothingRankedError if every candidate failed.
    """
    from ncap.arguments import switch
    from ncap.candidates.limits import Limits
    from ncap.engines.contract import Resources
    from ncap.ranking.order import rank_records
    from ncap.rules import resolve as resolve_rule

    job, progress, chosen = Job(**settings), switch("progress", progress), resolve_rule(rule)
    resources = Resources(jobs, memory, address)
    wanted = wanted_scores(scores, chosen)
    limits = Limits(max_parameters, max_multiply_adds, max_milliseconds, licences)
    with (
        kept_until_safe("ncap.rank was interrupted; the same call goes on from here"),
        begun(job, candidates, target, store, out, engine, resources, limits, progress) as begin,
    ):
        resolved, loaded, opened, shown = begin
        from ncap.handover.export import model_of
        from ncap.handover.origin import Origin
        from ncap.live_page import LivePage

        def ranked(settings: str, names: list[str]) -> "Ranking":
            records = opened.records(settings, loaded.name).of(names, job.runs, job.epochs)
            if job.budget is not None:
                records = replace(records, facts={**records.facts, "budget": job.budget})
            return rank_records(records, chosen, first_reading(job, records), horizon)

        page = None if out is None else LivePage(out, ranked)
        hash_of_settings, names = observe(job, resolved, loaded, opened, shown, engine, limits, resources, page)
        remarks = dict.fromkeys(names, "" if job.budget is None else _OF_BUDGET.format(job.budget))
        within = {name: resolved[name] for name in names}
        remarks |= _observe_halved(job, within, hash_of_settings, loaded, opened, shown, engine, None, resources)
        add_scores(wanted, within, loaded, opened, hash_of_settings, job.seed)
        ranking = ranked(hash_of_settings, names)
    ranking = replace(ranking, table=_with_remarks(ranking.table, remarks))
    origin = Origin(Path(store), hash_of_settings, job, resolved, loaded)
    ranking = replace(ranking, models=partial(model_of, origin, ranking))
    if out is not None:
        from ncap.report import write_report

        write_report(ranking, out)
    if (ranking.table["status"] == "failed").all():
        raise NothingRankedError(ranking)
    if progress:
        from ncap.report.terminal import ranking_table, scores_table

        shown.console.print(ranking_table(ranking.table, metrics.of_facts(ranking.facts)))
        if beside := scores_table(ranking.table):
            shown.console.print(beside)
    return ranking


class Begun(NamedTuple):
    """What a job works with: its candidates by name, its target, the open store, and the progress that is shown."""

    candidates: "dict[str, Candidate]"
    target: "Target"
    store: Store
    progress: "JobProgress"


@contextmanager
def begun(
    job: Job, candidates: Any, target: Any, store: str | Path, out: str | Path | None, engine: str, resources: "Resources",
    limits: "Limits", progress: bool,
) -> Iterator[Begun]:  # fmt: skip
    """A job from its arguments, as those of `rank`, to an open store; what cannot be used is refused before a framework loads."""
    from ncap import framework
    from ncap.arguments import make_folder
    from ncap.engines import ENGINES

    distributed = ENGINES.get(engine)(resources)  # which says at once what it cannot use
    resolved, left_out, load = named(candidates, target, job, limits)
    if out is not None:
        make_folder("out", out)
    if distributed.apart:
        framework.share_devices()
    framework.load()
    from ncap.engines.progress import JobProgress

    loaded, words = load(), metrics.METRICS[job.metric].words
    ticks = None if job.budget else len(job.places())
    check()
    with (
        Store(store) as opened,
        JobProgress(ticks, job.runs, not progress, words, resources.at_a_time) as shown,
    ):
        for name, reason in left_out.items():
            shown.leave_out(name, reason)
        yield Begun(resolved, loaded, opened, shown)


def named(
    candidates: Any, target: Any, job: Job, limits: "Limits"
) -> "tuple[dict[str, Candidate], dict[str, str], Callable[[], Target]]":
    """What the arguments of `rank` name: the candidates within the limits, of the others why not, and what loads the target.

    No framework is loaded and no data is read. Raises ValueError or TypeError for a name that cannot be used.
    """
    from ncap import candidates as sources
    from ncap import targets
    from ncap.targets.contract import Loading

    resolved, load = sources.resolve(candidates), targets.resolve(target)
    if job.size is not None:
        resolved = {name: candidate.at_size(job.size) for name, candidate in resolved.items()}
    kept, left_out = limits.split(resolved)
    return kept, left_out, partial(load, Loading(job.seed, job.validation, job.test, job.on_bad))


def observe(
    job: Job,
    candidates: "Mapping[str, Candidate]",
    target: "Target",
    store: Store,
    progress: "JobProgress",
    engine: str = "local",
    limits: "Limits | None" = None,
    resources: "Resources | None" = None,
    page: "LivePage | None" = None,
) -> tuple[str, list[str]]:
    """Train whatever part of a job the store lacks; the hash of the job's settings, and the names of the candidates within the limits.

    Every candidate with something to train is checked first (`ncap.inspection`); those that cannot be trained are recorded as failed before
    the others begin. A candidate that raises, or whose loss is not finite, is recorded as failed, and the others go on; it is tried again,
    from its last checkpoint, when the job is repeated. Processes that share a store share the work: each run is trained by one of them.

    Raises: ValueError for a setting that no candidate can be trained with, and where none is within the limits; StoreWriteError if a tick
    cannot be saved; OSError where the checkpoints will not fit on the disk.

    page: rewritten as candidates finish; None for no page.
    """
    import keras

    from ncap import framework
    from ncap.candidates.limits import Limits
    from ncap.engines import ENGINES
    from ncap.engines.ledger import Ledger
    from ncap.engines.worker import Trainer
    from ncap.inspection import inspect_all
    from ncap.training.environment import check_backend, environment
    from ncap.training.run import make_optimizer

    check_backend()
    framework.limit_threads(
        job.threads
    )  # before anything is computed; where it is too late, the engine trains elsewhere
    make_optimizer(job)
    parameters = job.parameters(keras.backend.backend(), target.fingerprint)
    settings = store.add_settings(parameters, environment() | _facts(store, parameters, target))
    with framework.quiet_tracing():
        kept, failures = inspect_all(job, candidates, target, store, settings, progress, limits or Limits())
        if page is not None:
            progress = page.watching(progress, settings, kept)
        names = sorted(kept, key=lambda name: name not in failures)  # what is known to fail is said first
        runs = [RunKey(settings, target.name, name, index) for name in names for index in range(job.runs)]
        trainer = Trainer(job, {name: candidates[name] for name in names}, target, failures)
        ENGINES.get(engine)(resources).run(runs, trainer, Ledger(store, job, runs, progress))
    return settings, kept


_OF_BUDGET = "trained for a budget of {:g} s, which no repetition reproduces"


def _with_remarks(table: "pd.DataFrame", remarks: Mapping[str, str]) -> "pd.DataFrame":
    """The table of a ranking with what else must be known of some candidates at the end of their notes."""
    notes = zip(table["note"], table["candidate"].map(remarks).fillna(""), strict=True)
    return table.assign(note=["; ".join(filter(None, both)) for both in notes])


def _observe_halved(
    job: Job, candidates: "Mapping[str, Candidate]", settings: str, target: "Target", store: Store, *given: Any
) -> dict[str, str]:
    """Train the candidates for which the memory of a device ran out with half the batch, and half of that, until they fit.

    Another batch size is another training, whose accuracies do not compare: these are settings of their own in the store, and in the
    job's own table the candidates have failed. given: as in `observe`.

    Returns: what to say of each such candidate.
    """
    from ncap.training.failure import ran_out_of_memory

    def short_of_memory(names: Sequence[str]) -> list[str]:
        runs = [RunKey(settings, target.name, name, run) for name in names for run in range(job.runs)]
        failures = {key.candidate: store.failure(key) for key in runs}
        return [
            name
            for name, failure in failures.items()
            if failure is not None and failure[0] <= job.epochs and ran_out_of_memory(failure[1])
        ]

    remarks: dict[str, str] = {}
    left, progress = short_of_memory(list(candidates)), given[0]
    while left and job.batch_size > 1:
        job = replace(job, batch_size=job.batch_size // 2)
        progress.halve(left, job.batch_size)
        settings, tried = observe(job, {name: candidates[name] for name in left}, target, store, *given)
        left = short_of_memory(tried)
        words = f"trained with batch_size={job.batch_size} as settings of its own, which do not compare: ncap report --settings {settings}"
        remarks |= dict.fromkeys((name for name in tried if name not in left), words)
    return remarks


def first_reading(job: Job, records: "Records") -> str | None:
    """The reading that a rule uses; None where there is none to name, because every candidate failed."""
    return job.readings[0] if job.readings[0] in set(records.readings["reading"]) else None


def wanted_scores(asked: str | Sequence[str] | None, rule: "Rule") -> list[str]:
    """The names of the scores that were asked for or that the rule needs, those that ncap knows; ValueError for an unknown one."""
    from ncap.scores import SCORES
    from ncap.scores.scoring import named

    chosen = [] if asked is None else [one.name for one in named(asked, "scores")]
    needed = [need.removeprefix("score:") for need in rule.needs if need.startswith("score:")]
    return list(dict.fromkeys([*chosen, *(name for name in needed if name in SCORES)]))


def add_scores(
    names: Sequence[str],
    candidates: "Mapping[str, Candidate]",
    target: "Target",
    store: Store,
    settings: str,
    seed: int,
) -> None:
    """Compute the scores of a job's candidates that its store lacks, those that failed once more; each candidate's are committed together.

    settings: the hash of the job's; seed: of the sample that is scored.
    """
    from ncap.records.schema import SCORES
    from ncap.scores.scoring import FAILED, score

    job = {"settings": settings, "target": target.name}
    kept = store.table(SCORES, **job)
    done = set(zip(kept["candidate"], kept["score"], kept["note"].str.startswith(FAILED), strict=True))
    for candidate, one in candidates.items():
        check()
        missing = [name for name in names if (candidate, name, False) not in done]
        if missing:
            found = score({candidate: one}, target, missing, seed=seed)
            store.add_scores(
                [{str(name): value for name, value in row.items()} | job for row in found.to_dict("records")]
            )


def _facts(store: Store, parameters: Mapping[str, Any], target: "Target") -> dict[str, Any]:
    """What a reader must know of the target: what guessing gets, how even its classes are, and how many images are in two parts.

    A job that is not new keeps the facts that it began with, and gets none that an earlier version did not know.
    """
    import numpy as np

    from ncap.balance import Balance
    from ncap.records.migrations import settings_hash
    from ncap.targets.duplicates import words

    labels = target.labels("val")
    facts: dict[str, Any] = {
        "classes": int(target.classes),
        "training_images": int(target.lengths["train"]),
        "validation_images": len(labels),
        "most_frequent_class": float(np.bincount(labels).max() / len(labels)),
        **Balance.of_labels(target.labels("train")).facts,
    }
    if target.shared_images:
        facts["images_in_two_parts"] = words(target.shared_images)
    settings, _ = settings_hash(dict(parameters))
    for job in store.jobs():
        if job["settings"] == settings:
            return {name: value for name, value in facts.items() if name in job["environment"]}
    return facts
