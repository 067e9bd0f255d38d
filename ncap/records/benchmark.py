"""The tabular benchmark: training curves, readings, scores and final accuracies of many networks on many targets, as committed tables.

It lies in the repository (`benchmarks/evidence/table`), not in the package: Parquet files that are never changed, and a manifest with the
SHA-256 of each. Its data card says where the numbers come from and what they cannot tell.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.arguments import one_of, path_text
from ncap.records.parts import MANIFEST, read_table
from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS, SCORES, Column, Table

if TYPE_CHECKING:
    import pandas as pd

TIERS = ("small", "real", "subtargets")
PROBES = ("trained", "frozen")
ROLES = ("development", "held_out")
SETTINGS, TARGET, CANDIDATE, RUN = OBSERVATIONS.columns[:4]
_PLACE = Path("benchmarks") / "evidence" / "table"

JOBS = Table(
    "jobs",
    "how the trainings of a job were made: one row per hash of settings and target",
    (
        SETTINGS,
        TARGET,
        Column("tier", str, "", "small (mini32), real (backbones) or subtargets (mini32 on class subsets)"),
        Column("probe", str, "", "trained: body and probe are trained; frozen: the body alone"),
        Column("role", str, "", "development, where rules may be tuned, or held_out"),
        Column("parent", str, "", "the data set that a sub-target was drawn from; the target itself for others"),
        Column("classes", int, "", "number of classes"),
        Column("n_train", int, "images", "training images; readings and scores are taken on them"),
        Column("n_val", int, "images", "validation images"),
        Column("n_test", int, "images", "test images"),
        Column("size", int, "pixels", "side of the images; 0 for the candidates' own"),
        Column("optimizer", str, "", "name of the Keras optimizer, or sgd with momentum"),
        Column("learning_rate", float, "", "its learning rate"),
        Column("dropout", float, "", "dropout rate in the probe"),
        Column("batch_size", int, "images", "training images per step"),
        Column("epochs", int, "epochs", "length of every run that did not fail"),
        Column("ticks_per_epoch", str, "", "observations per epoch, separated by commas; the last number repeats"),
        Column("threads", str, "", "threads of one training"),
        Column("keras", str, "", "version of Keras"),
        Column("backend", str, "", "Keras' backend, with its version"),
        Column("machine", str, "", "system and processor"),
        Column("protocol", str, "", "hash of benchmarks/evidence/protocol.toml when the rows were collected"),
    ),
    keys=2,
)  # fmt: skip

_LAST = "test accuracy, mean over the last epochs, which are three"
FINALS = Table(
    "finals",
    "how every run ended",
    (
        SETTINGS,
        TARGET,
        CANDIDATE,
        RUN,
        Column("accuracy", float, "0..1", _LAST),
        Column(
            "rise",
            float,
            "0..1",
            "validation accuracy of these epochs, less that of as many before: a curve that still rises",
        ),
        Column("epochs", float, "epochs", "epochs trained"),
    ),
    keys=4,
)
TRUTH = Table(
    "truth",
    "how the candidates of a job ended",
    (
        SETTINGS,
        TARGET,
        CANDIDATE,
        Column("accuracy", float, "0..1", f"{_LAST}, and over the runs that did not fail"),
        Column("std", float, "0..1", "standard deviation of the runs' accuracies, ddof = 1; NaN of one run"),
        Column("rise", float, "0..1", "mean of the runs' rises: see finals"),
        Column("epochs", float, "epochs", "epochs trained"),
        Column("runs", int, "", "number of runs"),
    ),
    keys=3,
)
STORED = (OBSERVATIONS, READINGS, SCORES, FAILURES, JOBS)


@dataclass(frozen=True, eq=False)
class Benchmark(Mapping[str, Any]):
    """The tables of the benchmark, as attributes and by name: `benchmark.truth` is `benchmark["truth"]`.

    observations, readings, scores, failures: the records, as `ncap.records.schema` describes them. `test_accuracy` is NaN but in the last
    three epochs; no rule may read it.
    truth: settings, target, candidate, accuracy (mean test accuracy of the last three epochs and of the runs), std, rise, epochs, runs.
    jobs: what the hash of the settings stands for: tier, probe, role of the target, its parent, sizes, optimizer, versions.
    """

    observations: "pd.DataFrame"
    readings: "pd.DataFrame"
    scores: "pd.DataFrame"
    failures: "pd.DataFrame"
    truth: "pd.DataFrame"
    jobs: "pd.DataFrame"

    def __getitem__(self, name: str) -> Any:
        """The table of that name. Raises KeyError."""
        if name not in set(self):
            raise KeyError(f"no table {name!r:.80}; the tables are {', '.join(self)}")
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        """The names of the tables."""
        return iter(each.name for each in fields(self))

    def __len__(self) -> int:
        """The number of tables."""
        return len(fields(self))

    def __repr__(self) -> str:
        """How many rows each table has."""
        return f"Benchmark({', '.join(f'{name}: {len(table)} rows' for name, table in self.items())})"

    @property
    def records(self) -> "dict[str, pd.DataFrame]":
        """What `ncap.predict` and `ncap.compare` take as records."""
        return {table.name: self[table.name] for table in (OBSERVATIONS, READINGS, SCORES, FAILURES)}

    @property
    def finals(self) -> "pd.DataFrame":
        """How every run ended: settings, target, candidate, run, accuracy, rise, epochs."""
        return finals(self.observations)

    def ticks_after(self, epochs: Iterable[float]) -> list[int]:
        """How many ticks a run has had after so many epochs, of those numbers of epochs that some job reaches: `ticks` of `ncap.compare`.

        Raises: ValueError for jobs whose ticks differ, which have no common number, and where no job reaches any of the epochs.
        """
        rows = self.observations[["epoch", "tick"]].drop_duplicates()
        found = {epoch: rows.loc[rows["epoch"] == epoch, "tick"].tolist() for epoch in epochs}
        if several := [epoch for epoch, ticks in found.items() if len(ticks) > 1]:
            raise ValueError(
                f"the jobs of the benchmark have different ticks after {several[0]:g} epochs; choose a tier and a probe, or pass ticks"
            )
        ticks = [ticks[0] for ticks in found.values() if ticks]
        if not ticks:
            raise ValueError(
                f"no job of the benchmark has a tick after any of {', '.join(map(str, found))} epochs; pass ticks"
            )
        return ticks

    def of(
        self,
        tier: str | None = None,
        probe: str | None = None,
        role: str | None = None,
        target: str | None = None,
    ) -> "Benchmark":
        """The jobs of one tier, probe, role ("development" or "held_out") or target; None takes all.

        With a tier and a probe, a target has one job, which is what `ncap.compare` asks for. Raises ValueError for other words, and where
        nothing is left.
        """
        jobs = self.jobs
        for name, value, allowed in (
            ("tier", tier, TIERS),
            ("probe", probe, PROBES),
            ("role", role, ROLES),
            ("target", target, tuple(dict.fromkeys(jobs["target"]))),
        ):
            if value is not None:
                jobs = jobs[jobs[name] == one_of(name, value, allowed)]
        if not len(jobs):
            raise ValueError(f"the benchmark has no job with {tier=}, {probe=}, {role=}, {target=}")
        kept = jobs[["settings", "target"]]
        return Benchmark(**{name: table.merge(kept, on=["settings", "target"]) for name, table in self.items()})


def load_benchmark(
    path: str | Path | None = None,
    *,
    tier: str | None = None,
    probe: str | None = None,
    role: str | None = None,
) -> Benchmark:
    """The tabular benchmark: tables observations, readings, scores, failures, truth and jobs.

    Args:
        path: folder of the table; None looks in the repository that ncap runs from, and in the current folder.
        tier: "small", "real" or "subtargets"; probe: "trained" or "frozen"; role: "development" or "held_out"; None takes all.

    Returns: Benchmark. Every file is checked against its SHA-256 in the manifest. The numbers were stored in float32; standard errors,
    cancellations and seconds with three digits.

    Raises: ValueError for a folder without the table, a file that is missing or not the one in the manifest, and where pyarrow is not
    installed.

    >>> load_benchmark("nowhere")
    Traceback (most recent call last):
    ValueError: nowhere: has no manifest.json; pass the folder benchmarks/evidence/table of ncap's repository
    """
    for name, value, allowed in (("tier", tier, TIERS), ("probe", probe, PROBES), ("role", role, ROLES)):
        if value is not None:
            one_of(name, value, allowed)
    folder = _folder(path)
    tables = {table.name: read_table(folder, table) for table in STORED}
    tables["jobs"] = tables["jobs"].drop_duplicates(["settings", "target"], ignore_index=True)
    whole = Benchmark(**tables, truth=truth(tables["observations"], tables["failures"]))
    return whole if tier is None and probe is None and role is None else whole.of(tier, probe, role)


def finals(observations: "pd.DataFrame") -> "pd.DataFrame":
    """How every run ended, from its last epochs, those with a test accuracy up to the end; runs without one there are left out.

    A run that was continued past an earlier end has test accuracies there too, which do not count. The rows may come in any order.

    accuracy = mean of their test accuracies; rise = mean validation accuracy of these m epochs less that of the m epochs before.

    >>> import pandas as pd
    >>> seen = pd.DataFrame({"settings": "s", "target": "t", "candidate": "a", "run": 0, "epoch": [1.0, 2.0, 3.0, 4.0],
    ...                      "val_accuracy": [0.25, 0.5, 0.5, 0.75], "test_accuracy": [float("nan"), float("nan"), 0.5, 0.75]})
    >>> finals(seen)[["accuracy", "rise", "epochs"]].values.tolist()
    [[0.625, 0.25, 4.0]]
    >>> seen.loc[0, "test_accuracy"] = 0.25                                    # where the run had ended before it was continued
    >>> finals(seen)["accuracy"].tolist()
    [0.625]
    """
    import pandas as pd

    run = ["settings", "target", "candidate", "run"]
    rows = []
    for key, given in observations[observations["epoch"] % 1 == 0].groupby(run, sort=False):
        ticks = given.sort_values("epoch", kind="stable")
        count = int(ticks["test_accuracy"].notna()[::-1].cumprod().sum())
        if count:
            val, test = ticks["val_accuracy"].to_numpy(), ticks["test_accuracy"].to_numpy()[-count:]
            before = val[: len(val) - count][-count:]
            rise = val[-count:].mean() - before.mean() if len(before) else float("nan")
            rows.append((*key, test.mean(), rise, ticks["epoch"].max()))
    return pd.DataFrame(rows, columns=list(FINALS.names)).astype(FINALS.types)


def truth(observations: "pd.DataFrame", failures: "pd.DataFrame") -> "pd.DataFrame":
    """How the candidates ended: means over their runs; a failed run is left out, and with it a candidate that has no other.

    Warns of a job whose runs ended after different numbers of epochs: neither their mean nor their candidates compare.
    """
    run = ["settings", "target", "candidate", "run"]
    ended = finals(observations).merge(failures[run].drop_duplicates(), on=run, how="left", indicator="lost")
    ended = ended[ended["lost"] == "left_only"]
    _warn_of_lengths(ended)
    groups = ended.groupby(run[:3], sort=False)
    table = groups.agg(
        accuracy=("accuracy", "mean"),
        std=("accuracy", "std"),
        rise=("rise", "mean"),
        epochs=("epochs", "max"),
        runs=("run", "size"),
    )
    return table.reset_index().astype(TRUTH.types)


def _warn_of_lengths(ended: "pd.DataFrame") -> None:
    for (settings, target), runs in ended.groupby(["settings", "target"], sort=False):
        by_length = runs.sort_values("epochs", kind="stable")
        first, last = by_length.iloc[0], by_length.iloc[-1]
        if first["epochs"] < last["epochs"]:
            one, other = (f"{row['candidate']}, run {row['run']}, after {row['epochs']:g}" for row in (first, last))
            warnings.warn(
                f"truth: the runs of job {settings} on {target} ended after different numbers of epochs ({one}; {other}), so that their "
                "accuracies do not compare; leave out the shorter ones",
                stacklevel=3,
            )


def _folder(path: str | Path | None) -> Path:
    if path is not None:
        return Path(path_text("path", path))
    places = [Path(__file__).parents[2] / _PLACE, Path.cwd() / _PLACE]
    for place in places:
        if (place / MANIFEST).is_file():
            return place
    raise ValueError(
        f"the tabular benchmark is in ncap's repository, not in the package, and there is none in {' or '.join(map(str, places))}; "
        f"pass path=.../{_PLACE.as_posix()}"
    )
