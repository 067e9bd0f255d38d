"""Cases that are trained: what the store lacks of a study's jobs, through the pipeline of `ncap.rank`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ncap.arguments import one_of
from ncap.interrupt import kept_until_safe
from ncap.job import Job
from ncap.studies.case import Case
from ncap.studies.contract import Asked, Portion, Study

if TYPE_CHECKING:
    from pathlib import Path

    from ncap.candidates import Candidate
    from ncap.engines.contract import Resources
    from ncap.engines.progress import JobProgress
    from ncap.records.store import Store
    from ncap.records.tables import Records
    from ncap.targets import Target

DRAWS = ("first", "stratified")


class Training(NamedTuple):
    """What is trained, where and how: as `ncap.rank` takes it; `draw` says which of the training images a part of them has."""

    job: Job
    candidates: Any
    target: Any
    store: "str | Path"
    draw: str = "first"
    engine: str = "local"
    jobs: int | None = None
    memory: int | str | None = None
    address: str | None = None
    progress: bool = True


def trained(study: Study, asked: Asked, training: Training, truth: str, reading: str | None) -> list[Case]:
    """The cases that a study asks for, after training whatever part of them the store lacks.

    Every number of images is a job of its own in the store, because the fingerprint of the images is part of the settings; the same call
    goes on after an interruption.

    Raises: as `ncap.rank` does, and ValueError for parts of the training images that cannot be made.
    """
    from ncap.candidates.limits import Limits
    from ncap.engines.contract import Resources
    from ncap.pipeline import begun

    job, resources = training.job, Resources(training.jobs, training.memory, training.address)
    one_of("draw", training.draw, DRAWS)
    if job.budget is not None:
        raise ValueError(f"budget={job.budget:g}: a study needs the same ticks of all; pass epochs instead")
    with (
        kept_until_safe("the study was interrupted; the same call goes on from here"),
        begun(
            job, training.candidates, training.target, training.store, None, training.engine, resources, Limits(),
            training.progress,
        ) as (candidates, target, store, shown),
    ):  # fmt: skip
        portions = study.portions(target.lengths["train"], asked)
        parts = [part_of(target, portion.images, training.draw, job.seed) for portion in portions]
        observed = [
            _observed(_upto(job, portion), candidates, part, store, shown, training.engine, resources, asked)
            for portion, part in zip(portions, parts, strict=True)
        ]
    return [
        Case.of(records, truth, reading, portion.images) for records, portion in zip(observed, portions, strict=True)
    ]


def part_of(target: "Target", images: int, draw: str, seed: int) -> "Target":
    """The target with some of its training images: the first ones, or a stratified sample that `seed` draws.

    Raises: ValueError for fewer images than classes, and for first images in which a class does not occur.

    >>> from ncap import targets
    >>> part_of(targets.load("digits"), 200, "first", seed=0)
    Target('digits', 200 training, 359 validation, 360 test images of shape (8, 8, 1), 10 classes)
    """
    import numpy as np

    if images == target.lengths["train"]:
        return target
    if draw == "stratified":
        return target.few(images, seed)
    seen = np.unique(target.labels("train")[:images])
    if len(seen) < target.classes:
        lacking = np.setdiff1d(np.arange(target.classes), seen)[0]
        raise ValueError(
            f"images: the first {images} training images of {target.name!r:.80} have none of class {lacking}; pass more, or "
            "draw='stratified'"
        )
    return target.with_training_rows(np.arange(images))


def _upto(job: Job, portion: Portion) -> Job:
    """The job, of as many epochs as the ticks of the portion need."""
    places = job.places()
    if portion.ticks is None or portion.ticks >= len(places):
        return job
    return replace(job, epochs=places[portion.ticks - 1].epoch)


def _observed(
    job: Job, candidates: "Mapping[str, Candidate]", target: "Target", store: "Store", progress: "JobProgress", engine: str,
    resources: "Resources", asked: Asked,
) -> "Records":  # fmt: skip
    """The records of a job, its ticks and the scores that the rules need; what the store has of them is not computed again."""
    from ncap.pipeline import NothingRankedError, add_scores, observe, wanted_scores
    from ncap.ranking.order import rank_records

    settings, names = observe(job, candidates, target, store, progress, engine, resources=resources)
    within = {name: candidates[name] for name in names}
    for rule in asked.rules:
        add_scores(wanted_scores(None, rule), within, target, store, settings, job.seed)
    records = store.records(settings, target.name).of(names, job.runs, job.epochs)
    if not len(records.observations):
        raise NothingRankedError(rank_records(records, "last_seen"))
    return records
