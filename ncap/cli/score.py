"""ncap score."""

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table


@click.command()
@options.candidates
@options.target
@click.option("--names", default=None, help="Names of scores, separated by commas; all by default.")
@options.seed("splits and samples")
@format_option
def score(candidates: str, target: str, names: str | None, seed: int, format: str) -> None:
    """Score candidates on a target before training; higher is better."""
    import pandas as pd

    from ncap import candidates as sources
    from ncap import framework, targets
    from ncap.scores import SCORES
    from ncap.scores.scoring import score as score_candidate

    chosen = SCORES.names() if names is None else [SCORES.check(name.strip()) for name in names.split(",")]
    resolved, load = sources.resolve(candidates), targets.resolve(target)
    framework.load()
    loaded = load(seed)
    tables = [score_candidate(candidate, loaded, chosen) for candidate in resolved.values()]
    print_table(pd.concat(tables, ignore_index=True), format)
