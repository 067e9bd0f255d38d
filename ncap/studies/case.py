"""A case: the records of one job, beside how its candidates ended."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ncap.arguments import one_of
from ncap.ranking.curves import checked_reading
from ncap.ranking.outcomes import LAST_EPOCHS
from ncap.ranking.trial import History, Trial, last_tick
from ncap.records.benchmark import Benchmark
from ncap.records.loading import load
from ncap.records.tables import Records, unequal

if TYPE_CHECKING:
    import pandas as pd

TRUTHS = ("test", "validation")
IMAGES = "training_images"  # the fact of a job that counts them


@dataclass(frozen=True, eq=False)
class Case:
    """One job that a study reads.

    Attributes:
        target: what the rows of the table call it.
        records: what rules may read.
        ends: how every run that did not fail ended: candidate, run, accuracy.
        images: its training images; 0 where the records do not say.
    """

    target: str
    records: Records
    ends: "pd.DataFrame"
    images: int = 0

    @classmethod
    def of(
        cls,
        records: Records,
        truth: str = "test",
        reading: str | None = None,
        images: int | None = None,
        target: str | None = None,
    ) -> Self:
        """The case of a job's records, which keep their first reading unless another is named.

        truth: "test" or "validation", the accuracy that `ends` reads. Raises ValueError for another word, and for a reading that the
        records do not hold. Warns where the runs have not all been trained equally long.
        """
        ended = ends(records, one_of("truth", truth, TRUTHS))
        _warn_of_lengths(records, ended)
        read = replace(records, first_reading=checked_reading(records, reading))
        known = records.facts.get(IMAGES, 0) if images is None else images
        return cls(records.target if target is None else target, read, ended, int(known))

    @property
    def truth(self) -> "pd.Series[float]":
        """How every candidate ended, the mean over its runs."""
        return self.ends.groupby("candidate")["accuracy"].mean()

    @property
    def last(self) -> int:
        """The highest tick of any run."""
        return last_tick(self.records)

    def trial(
        self, horizon: float | None, records: Records | None = None, truth: "pd.Series[float] | None" = None
    ) -> Trial:
        """The candidates before their judge: from other records of theirs, or by another truth, where these are given.

        horizon: None asks for the last epoch of the case.
        """
        end = float(self.records.observations["epoch"].max()) if horizon is None else horizon
        own = self.records if records is None else records
        return Trial(own, self.truth if truth is None else truth, end, History(own, "candidates"))


def ends(records: Records, truth: str = "test") -> "pd.DataFrame":
    """How every run that did not fail ended: its mean test (or validation) accuracy over its last three epochs.

    Columns candidate, run, accuracy. Only ends of epochs count, so that a tick within one weighs nothing; a run without an accuracy
    there is left out.

    >>> import pandas as pd
    >>> seen = pd.DataFrame({"settings": "s", "target": "t", "candidate": "a", "run": 0, "tick": [1, 2, 3, 4],
    ...                      "epoch": [1, 2, 3, 4], "test_accuracy": [0.25, 0.5, 0.5, 0.8]})
    >>> ends(load({"observations": seen})).round(3).values.tolist()
    [['a', 0, 0.6]]
    """
    column, run = f"{'val' if truth == 'validation' else truth}_accuracy", ["candidate", "run"]
    seen = records.observations
    last = seen.groupby(run)["epoch"].transform("max")
    final = seen[(seen["epoch"] % 1 == 0) & (seen["epoch"] > last - LAST_EPOCHS)].dropna(subset=column)
    merged = final.merge(records.failures[run].drop_duplicates(), on=run, how="left", indicator="lost")
    kept = merged[merged["lost"] == "left_only"]
    return kept.groupby(run)[column].mean().rename("accuracy").reset_index()


def _warn_of_lengths(records: Records, ended: "pd.DataFrame") -> None:
    """Warn where runs that count have ended after different numbers of epochs."""
    kept = records.observations.merge(ended[["candidate", "run"]], on=["candidate", "run"])
    last = kept.groupby(["candidate", "run"])["epoch"].max().reset_index("run", drop=True)
    if last.nunique() > 1:
        warnings.warn(
            f"the runs on {records.target!r:.80} have ended after different numbers of epochs, {unequal(last, last)}: "
            "how they ended does not compare; train all to the same epoch",
            stacklevel=3,
        )


def cases_of(
    records: "str | PathLike[str] | Records | Benchmark | Mapping[str, pd.DataFrame]",
    settings: str | None = None,
    target: str | None = None,
    truth: str = "test",
    reading: str | None = None,
    by_size: bool = False,
) -> list[Case]:
    """The cases that records hold: of the benchmark every job, of a store or tables one, the newest that fits.

    by_size: of a store, the jobs that differ from that one in the training images and in nothing else are cases, too.

    Raises: TypeError or ValueError as `ncap.records.loading.load` and `Case.of` do.
    """
    if isinstance(records, Benchmark):
        return list(_of_benchmark(records, settings, target, truth, reading, by_size))
    if not by_size or isinstance(records, Records | Mapping):
        return [Case.of(load(records, settings, target), truth, reading)]
    from ncap.records.store import Store

    with Store(Path(records), create=False) as store:
        one = store.job(settings, target)
        alike = [job for job in store.jobs() if _without_images(job) == _without_images(one)]
        held = [store.records(job["settings"], job["target"]) for job in alike]
    newest = next(each for each in held if each.settings == one["settings"])
    return [Case.of(each, truth, newest.reading if reading is None else reading) for each in held]


def _without_images(job: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A job of a store without the fingerprint of its images."""
    return job["target"], {name: value for name, value in job["parameters"].items() if name != "target"}


def _of_benchmark(
    benchmark: Benchmark, settings: str | None, target: str | None, truth: str, reading: str | None, by_size: bool
) -> Iterator[Case]:
    """Every job, named by its target, and by what tells it from another of the same target."""
    jobs = benchmark.jobs
    for column, wanted in (("settings", settings), ("target", target)):
        if wanted is not None:
            jobs = jobs[jobs[column] == wanted]
    if not len(jobs):
        raise ValueError(f"the benchmark has no job with {settings=}, {target=}")
    kinds = jobs[["tier", "probe"]].drop_duplicates()
    several = not by_size and jobs.duplicated(["tier", "probe", "target"]).any()
    for job in jobs.sort_values(["tier", "probe", "target", "n_train"], kind="stable").to_dict("records"):
        named = {name: job[name] for name in ("settings", "target")}
        tables = {
            name: table[(table["settings"] == named["settings"]) & (table["target"] == named["target"])]
            for name, table in benchmark.records.items()
        }
        label = named["target"] if len(kinds) == 1 else f"{named['target']} ({job['tier']}, {job['probe']})"
        label += f", {job['n_train']:,} images, {job['settings']}" if several else ""
        yield Case.of(load(tables, **named), truth, reading, job["n_train"], label)
