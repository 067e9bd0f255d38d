"""The demonstration: observe 5 epochs, predict, train on to 30, and put the true order beside the predicted one.

The settings are the library's defaults, fixed before the first result was seen.
"""

from dataclasses import replace
from pathlib import Path

OBSERVED, TRAINED = 5, 30  # epochs
TRAINING_IMAGES = 400
CANDIDATES = "mini"


def run_demo(out: str | Path = "demo", seed: int = 0) -> None:
    """Rank the embedded candidates on scikit-learn's digits, check the ranking, and write the report.

    Offline; a minute and a half on two CPU cores. What is in out/runs.db already is not trained again. The true accuracy is that of the
    test images, which no prediction reads, after 30 epochs. Raises ValueError where `out` can be no folder, or for a bad seed.
    """
    from ncap import data, models
    from ncap.arguments import make_folder
    from ncap.engines import local
    from ncap.engines.job import Job
    from ncap.engines.progress import JobProgress
    from ncap.ranking.order import rank_records
    from ncap.report import write_report
    from ncap.report.terminal import ranking_table, truth_summary, truth_table
    from ncap.store import Store
    from ncap.terminal import open_console

    console, out = open_console(), make_folder("out", out)
    job = Job(epochs=OBSERVED, seed=seed)
    factories = models.resolve(CANDIDATES)
    target = data.load("digits", seed).few(TRAINING_IMAGES, seed)
    with Store(out / "runs.db") as store:
        console.print(f"Observing {len(factories)} candidates on {target.name} for {OBSERVED} epochs")
        with JobProgress(OBSERVED, job.runs) as progress:
            settings = local.run(job, factories, target, store, progress)
        ranking = rank_records(store.records(settings, target.name).of(list(factories), runs=job.runs, epochs=OBSERVED))
        console.print(ranking_table(ranking.table))
        console.print(f"Training on to {TRAINED} epochs")
        with JobProgress(TRAINED, job.runs) as progress:
            local.run(replace(job, epochs=TRAINED), factories, target, store, progress)
        trained = store.records(settings, target.name).of(list(factories), runs=job.runs, epochs=TRAINED)
    last = trained.observations[trained.observations["epoch"] == TRAINED].rename(
        columns={"test_accuracy": "true_accuracy", "epoch": "true_epochs"}
    )
    truth = last[["candidate", "true_accuracy", "true_epochs"]]
    console.print(truth_table(ranking, truth))
    console.print(truth_summary(ranking, truth), markup=False)
    whole = replace(ranking, observations=trained.observations, readings=trained.readings)
    page = write_report(whole, out, truth=truth, title="ncap demo: digits")
    console.print(f"Report: {page}", markup=False, soft_wrap=True)
