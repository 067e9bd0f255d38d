"""ncap score."""

from pathlib import Path

import click

from ncap.cli import options
from ncap.cli.compare import read_truth
from ncap.cli.printer import format_option, print_table


@click.command()
@options.candidates
@options.target
@click.option(
    "--names",
    default=None,
    help="Scores, separated by commas; by default all but those of a network before training, which take long.",
)
@click.option(
    "--images", "n", type=click.IntRange(1), default=4096, help="Images of the training part that are scored, at most."
)
@click.option(
    "--error/--no-error", default=False, help="Show the standard error of sampling; takes five times as long."
)
@click.option(
    "--history",
    type=options.PATH,
    default=None,
    help="CSV file of accuracies on other targets: target,candidate,accuracy.",
)
@options.size
@options.seed("splits and samples")
@format_option
def score(
    candidates: str,
    target: str,
    names: str | None,
    n: int,
    error: bool,
    history: Path | None,
    size: int | None,
    seed: int,
    format: str,
) -> None:
    """Score candidates on a target without training; higher is better."""
    from ncap import candidates as sources
    from ncap import framework, targets
    from ncap.scores import SCORES

    chosen = None if names is None else [SCORES.check(name.strip()) for name in names.split(",")]
    sources.resolve(candidates)
    targets.resolve(target)
    framework.load()
    from ncap.scores.scoring import score as score_candidates

    known = None if history is None else read_truth(history)
    found = score_candidates(candidates, target, chosen, n=n, seed=seed, history=known, error=error, size=size)
    print_table(found, format)
