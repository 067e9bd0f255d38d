"""The main job: candidates x runs -> observations -> predicted accuracies -> ranking.

What needs a deep-learning framework happens in an engine, which fills the store; everything after it reads the table.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.store import Store

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from ncap.data import Target

# Columns of ranking.csv.
COLUMNS = [
    "rank", "candidate", "predicted_accuracy", "predicted_std", "last_seen_accuracy", "best_seen_accuracy", "beta_eff", "epochs",
    "runs", "seconds_train", "seconds_beta", "reading", "status", "note",
]  # fmt: skip


class NothingRankedError(RuntimeError):
    """Every candidate failed; `ranking` holds why."""

    def __init__(self, ranking: "Ranking") -> None:
        first = ranking.table.iloc[0]
        more = f" ({len(ranking.table) - 1} more in the ranking)" if len(ranking.table) > 1 else ""
        super().__init__(f"every candidate failed; {first['candidate']} {first['note'].removeprefix('failed ')}{more}")
        self.ranking = ranking


@dataclass(frozen=True, eq=False)
class Ranking:
    """Candidates in the order of their predicted accuracies.

    Attributes:
        table: one row per candidate, best first, with the columns of ranking.csv; predicted from the mean over its runs. Accuracies
            lie in 0..1, seconds are sums over runs and epochs, failed candidates come last without a prediction.
        runs: the same per run, with a column `run`, ranked within each run.
        observations: the rows of the store that belong to the job, one per candidate, run and epoch (counted from 1).
        target: name of the data set.
        facts: settings, versions and device of the job.
    """

    table: "pd.DataFrame"
    runs: "pd.DataFrame"
    observations: "pd.DataFrame"
    target: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def candidates(self) -> list[str]:
        """The names, best first."""
        return self.table["candidate"].tolist()

    def __repr__(self) -> str:
        """The first columns of the table."""
        return f"Ranking of {len(self.table)} candidates on {self.target}\n" + self.table[COLUMNS[:6]].to_string(
            index=False
        )


def rank(
    candidates: "str | Sequence[str] | Mapping[str, Callable[[], keras.Model]]",
    target: "str | Path | Target",
    *,
    epochs: int = 5,
    runs: int = 1,
    seed: int = 0,
    optimizer: str | Mapping[str, Any] = "adam",
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    frozen: bool = True,
    store: str | Path = "runs.db",
    out: str | Path | None = "out",
    engine: str = "local",
    interaction: str = "explicit",
    strength: str = "magnitude",
    weighting: str = "unit",
    hidden: Sequence[int] = (256, 128),
    dropout: float = 0.4,
    batch_norm: bool = True,
    norm_momentum: float = 0.9,
    progress: bool = True,
) -> Ranking:
    """Rank pre-trained networks by the accuracy that neural capacitance predicts from a few epochs (Algorithm 1).

    Per candidate and run: attach a probe, train `epochs` epochs, and after each read beta_eff and the validation accuracy I. Then fit
    I = h(beta) on the mean over the runs and predict I* = h(0) (MATHEMATICS.md, section 6). Every epoch is committed to `store` with a
    checkpoint beside it: the same call goes on where it was cut off, and one with more epochs trains on.

    Args:
        candidates: names (`ncap models` lists them), a list or a comma-separated text of them, or {name: factory}; a factory takes
            nothing and returns a fresh pre-trained keras.Model without its head, whose first layer normalises raw 0..255 images.
        target: a name (`ncap datasets` lists them), the path of a .npz file, or a Target. Images are resized to the candidate's input.
        epochs, runs: how long each candidate is trained, and how often; at least 4 epochs are needed to fit h.
        seed: of the splits, the probes, the order of the samples and dropout. One machine gives one table per seed; rank() reseeds
            Python, numpy and the backend.
        optimizer: the name of a Keras optimizer, or keras.optimizers.serialize(one); its rate is set to `learning_rate`.
        batch_size: training samples a step.
        frozen: whether the probe keeps its seeded weights, so that the body alone is trained.
        store: SQLite file of the observations, made where it is missing.
        out: folder for ranking.csv, report.html and the figures; None writes nothing.
        engine: "local", which trains here.
        interaction, strength, weighting: the reading of beta_eff, as in `ncap.capacitance`.
        hidden, dropout, batch_norm, norm_momentum: the probe, as in `ncap.attach_probe`.
        progress: whether bars, and a line per finished candidate, are shown.

    Returns: Ranking. A candidate that raises, or whose loss is not finite, has status "failed" and comes last; test accuracies are in
    the observations and are never read by a prediction.

    Raises: ValueError or TypeError for an argument that cannot be used, a store of another program included; OSError where store or
    report cannot be written; NothingRankedError when every candidate failed.
    """
    from ncap import data, models
    from ncap.engines.job import Job
    from ncap.engines.progress import JobProgress

    job = Job(
        epochs=epochs, runs=runs, seed=seed, optimizer=optimizer, learning_rate=learning_rate, batch_size=batch_size, frozen=frozen,
        hidden=tuple(hidden), dropout=dropout, batch_norm=batch_norm, norm_momentum=norm_momentum,
        interaction=interaction, strength=strength, weighting=weighting,
    )  # fmt: skip
    factories = models.resolve(candidates)
    loaded = data.load(target, seed=job.seed)
    run_job = _engine(engine)
    if out is not None:
        prepare_folder(Path(out))
    with Store(store) as opened, JobProgress(job.epochs, job.runs, quiet=not progress) as shown:
        settings = run_job(job, factories, loaded, opened, shown)
        ranking = from_store(
            opened, settings, loaded.name, candidates=list(factories), epochs=job.epochs, runs=job.runs
        )
    if out is not None:
        from ncap.report import write_report

        write_report(ranking, out)
    if (ranking.table["status"] == "failed").all():
        raise NothingRankedError(ranking)
    if progress:
        from ncap.report.terminal import ranking_table

        shown.console.print(ranking_table(ranking.table))
    return ranking


def from_store(
    store: Store,
    settings: str,
    target: str,
    candidates: Sequence[str] | None = None,
    epochs: int | None = None,
    runs: int | None = None,
) -> Ranking:
    """The ranking of one job in a store, without training; None takes all candidates, epochs or runs that are there.

    Raises: ValueError for a job that the store does not hold.
    """
    job = store.job(settings, target)
    observations, failures = store.observations(settings, target), store.failures(settings, target)
    if candidates is not None:
        observations = observations[observations["candidate"].isin(candidates)]
        failures = failures[failures["candidate"].isin(candidates)]
    if runs is not None:
        observations, failures = observations[observations["run"] < runs], failures[failures["run"] < runs]
    if epochs is not None:
        observations, failures = observations[observations["epoch"] <= epochs], failures[failures["epoch"] <= epochs]
    facts = {"settings": settings, "store": str(store.path), **job["parameters"], **job["environment"]}
    return from_observations(observations.reset_index(drop=True), failures, target, facts)


def from_observations(
    observations: "pd.DataFrame",
    failures: "pd.DataFrame | None" = None,
    target: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Ranking:
    """The ranking that a table of observations gives, whoever made it.

    A prediction reads the columns beta_eff and val_accuracy only. Rows are averaged over the runs of a candidate that did not fail,
    epoch by epoch; epochs that a run lacks, or where beta_eff is NaN, are dropped before h is fitted. Equal predictions are ordered
    by name.

    Args:
        observations: columns of `ncap.store.OBSERVATION`, of one job.
        failures: columns candidate, run, epoch, reason of the runs that failed; None for none.

    >>> import pandas as pd
    >>> rows = [{"candidate": name, "run": 0, "epoch": t, "beta_eff": 5 - t, "val_accuracy": top - 0.1 * (5 - t), "degenerate": False,
    ...          "seconds_train": 1.0, "seconds_beta": 0.1, "reading": "explicit/magnitude/unit"}
    ...         for name, top in [("a", 0.8), ("b", 0.9)] for t in range(1, 5)]
    >>> from_observations(pd.DataFrame(rows)).table[["rank", "candidate", "predicted_accuracy"]].round(3).values.tolist()
    [[1, 'b', 0.9], [2, 'a', 0.8]]
    """
    import pandas as pd

    failed: dict[tuple[str, int], str] = {}
    if failures is not None:
        failed = {
            (row["candidate"], row["run"]): f"epoch {row['epoch']}: {row['reason']}"
            for row in failures.to_dict("records")
        }
    names = sorted({*observations["candidate"], *(candidate for candidate, _ in failed)})
    lines, run_lines = [], []
    for name in names:
        rows = observations[observations["candidate"] == name]
        reasons = {run: reason for (candidate, run), reason in failed.items() if candidate == name}
        lines.append(_line(name, rows, reasons))
        for run in sorted({*rows["run"], *reasons}):
            own = {run: reasons[run]} if run in reasons else {}
            run_lines.append({"run": run, **_line(name, rows[rows["run"] == run], own)})
    per_run = [_ranked(lines) for _, lines in pd.DataFrame(run_lines, columns=["run", *COLUMNS[1:]]).groupby("run")]
    return Ranking(
        table=_ranked(pd.DataFrame(lines, columns=COLUMNS[1:])),
        runs=pd.concat(per_run, ignore_index=True) if per_run else pd.DataFrame(columns=["rank", "run", *COLUMNS[1:]]),
        observations=observations,
        target=target,
        facts=dict(facts or {}),
    )


def _line(candidate: str, rows: "pd.DataFrame", failures: Mapping[int, str]) -> dict[str, Any]:
    """One candidate's line of the table; `failures` maps a failed run to its reason."""
    finished = rows[~rows["run"].isin(list(failures))]
    seen = rows if finished.empty else finished
    # Over all runs or not at all: a mean over some of them would jump where one could not be read.
    epochs = seen.groupby("epoch", sort=True)[["beta_eff", "val_accuracy"]]
    mean = epochs.mean().where(epochs.count() == seen["run"].nunique()).dropna(subset="val_accuracy")
    line = {
        "candidate": candidate,
        "last_seen_accuracy": mean["val_accuracy"].iloc[-1] if len(mean) else math.nan,
        "best_seen_accuracy": mean["val_accuracy"].max(),
        "beta_eff": mean["beta_eff"].iloc[-1] if len(mean) else math.nan,
        "epochs": len(mean),
        "runs": finished["run"].nunique(),
        "seconds_train": rows["seconds_train"].sum(),
        "seconds_beta": rows["seconds_beta"].sum(),
        "reading": rows["reading"].iloc[0] if len(rows) else "",
    }
    several = len({*rows["run"], *failures}) > 1
    notes = [f"{f'run {run} ' if several else ''}failed in {reason}" for run, reason in sorted(failures.items())]
    if finished.empty:
        return line | {
            "predicted_accuracy": math.nan,
            "predicted_std": math.nan,
            "status": "failed",
            "note": "; ".join(notes),
        }
    degenerate = int(finished["degenerate"].sum())
    if degenerate:
        notes.insert(0, f"{degenerate} of {len(finished)} readings degenerate")
    prediction = _predict(mean)
    notes.insert(0, prediction["note"])
    return line | prediction | {"note": "; ".join(note for note in notes if note)}


def _predict(mean: "pd.DataFrame") -> dict[str, Any]:
    """I* of the rows beta_eff and val_accuracy, in epoch order; the last accuracy seen where h cannot be fitted."""
    from ncap.predict import CapacitancePredictor

    readable = mean.dropna()
    fallback = {"predicted_accuracy": mean["val_accuracy"].iloc[-1], "predicted_std": math.nan, "status": "fallback"}
    if readable.empty:
        return fallback | {"note": "last-seen accuracy: no epoch has a beta_eff"}
    fitted = CapacitancePredictor().fit(readable[["beta_eff"]].to_numpy(), readable["val_accuracy"].to_numpy())
    if fitted.status_ == "fallback":
        return fallback | {"note": fitted.note_}  # the last accuracy of all epochs, not of those with a reading only
    return {
        "predicted_accuracy": fitted.accuracy_,
        "predicted_std": fitted.std_,
        "status": fitted.status_,
        "note": fitted.note_,
    }


def _ranked(lines: "pd.DataFrame") -> "pd.DataFrame":
    ordered = lines.sort_values(["predicted_accuracy", "candidate"], ascending=[False, True], na_position="last")
    ordered.insert(0, "rank", range(1, len(ordered) + 1))
    return ordered[["rank", *lines.columns]].reset_index(drop=True)


def _engine(name: str) -> Callable[..., str]:
    if name != "local":
        raise ValueError(f"engine must be 'local', which trains on this machine, got {name!r}")
    from ncap.engines import local

    return local.run


def prepare_folder(out: Path) -> None:
    """Make the folder of a report; raises ValueError where there can be none, before any training is spent on it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise ValueError(f"out must be a folder that can be written, got {str(out)!r} ({error.strerror})") from error
