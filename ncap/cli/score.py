"""ncap score."""

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table


@click.command()
@options.candidates
@options.target
@click.option("--names", default=None, help="Scores, separated by commas; all by default.")
@options.seed("splits and samples")
@format_option
def score(candidates: str, target: str, names: str | None, seed: int, format: str) -> None:
    """Score candidates on a target without training; higher is better."""
    from ncap import candidates as sources
    from ncap import framework, targets
    from ncap.scores import SCORES

    chosen = SCORES.names() if names is None else [SCORES.check(name.strip()) for name in names.split(",")]
    sources.resolve(candidates)
    targets.resolve(target)
    framework.load()
    from ncap.scores.scoring import score as score_candidates

    print_table(score_candidates(candidates, target, chosen, seed=seed), format)
