"""The demonstration: observe 5 epochs, predict by every rule, train on to 30, and show the true order beside the predicted ones.

Its settings are the library's defaults, which were fixed before the first result was seen.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ncap.records.tables import Records

OBSERVED, TRAINED = 5, 30  # epochs
TRAINING_IMAGES = 400
CANDIDATES = "mini"


def run_demo(out: str | Path = "demo", seed: int = 0) -> None:
    """Rank the embedded candidates on scikit-learn's digits, check the ranking, and write the report.

    It works offline. Whatever is in out/runs.db already is not trained again. The true accuracy is the one on the test images, which no
    rule reads, after 30 epochs. Raises ValueError for a bad seed, or if `out` cannot be a folder.
    """
    from ncap import candidates, targets
    from ncap.arguments import make_folder
    from ncap.engines.progress import JobProgress
    from ncap.job import Job
    from ncap.pipeline import observe
    from ncap.ranking.order import rank_records
    from ncap.records.store import Store
    from ncap.report import write_report
    from ncap.report.terminal import ranking_table, truth_summary, truth_table
    from ncap.terminal import open_console

    console, out = open_console(), make_folder("out", out)
    job = Job(epochs=OBSERVED, seed=seed)
    resolved = candidates.resolve(CANDIDATES)
    target = targets.load("digits", seed).few(TRAINING_IMAGES, seed)
    with Store(out / "runs.db") as store:

        def observed(epochs: int) -> "Records":
            longer = replace(job, epochs=epochs)
            with JobProgress(len(longer.places()), job.runs) as progress:
                settings, _ = observe(longer, resolved, target, store, progress)
            return store.records(settings, target.name).of(list(resolved), job.runs, epochs)

        console.print(f"Observing {len(resolved)} candidates on {target.name} for {OBSERVED} epochs")
        ranking = rank_records(observed(OBSERVED))
        console.print(ranking_table(ranking.table))
        console.print(f"Training on to {TRAINED} epochs")
        trained = observed(TRAINED)
    truth = trained.truth().rename(columns={"accuracy": "true_accuracy", "epochs": "true_epochs"})
    console.print(truth_table(ranking, truth))
    console.print(truth_summary(ranking, truth), markup=False)
    shown = replace(ranking, observations=trained.observations, readings=trained.readings)
    page = write_report(shown, out, truth=truth, title="ncap demo: digits")
    console.print(f"Report: {page}", markup=False, soft_wrap=True)
