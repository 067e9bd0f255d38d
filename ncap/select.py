"""The main job: candidates x runs -> observations -> predicted accuracies -> ranking.

What needs a deep-learning framework happens in an engine, which fills the store; everything after it reads the table.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.leaderboard import Ranking, from_store
from ncap.store import Store

if TYPE_CHECKING:
    import keras

    from ncap.data import Target


class NothingRankedError(RuntimeError):
    """Every candidate failed; `ranking` holds why."""

    def __init__(self, ranking: Ranking) -> None:
        first = ranking.table.iloc[0]
        more = f" ({len(ranking.table) - 1} more in the ranking)" if len(ranking.table) > 1 else ""
        super().__init__(f"every candidate failed; {first['candidate']} {first['note'].removeprefix('failed ')}{more}")
        self.ranking = ranking


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
    checkpoint beside it: the same call goes on where it was cut off, and one with more epochs trains on. Calls in several processes
    that name one store share the runs among them and end with one table.

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
    from ncap import data, framework, models
    from ncap.arguments import make_folder, switch
    from ncap.engines.job import Job
    from ncap.engines.progress import JobProgress

    job = Job(
        epochs=epochs, runs=runs, seed=seed, optimizer=optimizer, learning_rate=learning_rate, batch_size=batch_size, frozen=frozen,
        hidden=hidden, dropout=dropout, batch_norm=batch_norm, norm_momentum=norm_momentum,
        interaction=interaction, strength=strength, weighting=weighting,
    )  # fmt: skip
    progress = switch("progress", progress)
    factories = models.resolve(candidates)
    loaded = data.load(target, seed=job.seed)
    framework.load()
    run_job = _engine(engine)
    if out is not None:
        make_folder("out", out)
    with (
        Store(store) as opened,
        JobProgress(job.epochs, job.runs, quiet=not progress) as shown,
        framework.quiet_tracing(),
    ):
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


def _engine(name: str) -> Callable[..., str]:
    if name != "local":
        raise ValueError(f"engine must be 'local', which trains on this machine, got {name!r}")
    from ncap.engines import local

    return local.run
