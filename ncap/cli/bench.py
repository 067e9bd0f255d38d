"""ncap bench."""

import click

from ncap.cli import options
from ncap.cli.printer import format_option, print_table


@click.command()
@options.candidates
@options.target
@click.option("--train", "n_train", type=click.IntRange(1), default=400, help="Number of training images.")
@click.option(
    "--repeats", type=click.IntRange(1), default=5, help="Measurements after the warm-up; the median is reported."
)
@click.option("--readings", default="", help="Readings to time, separated by commas; one a method by default.")
@options.seed("splits, probes and sample order")
@format_option
def bench(candidates: str, target: str, n_train: int, repeats: int, readings: str, seed: int, format: str) -> None:
    """Time a reading of beta_eff against an epoch of training, for each candidate."""
    from ncap import candidates as sources
    from ncap import framework, targets
    from ncap.measure.readings import check

    names = [name.strip() for name in readings.split(",") if name.strip()]
    for name in names:
        check(name).method_for()
    sources.resolve(candidates)
    targets.resolve(target)
    framework.load()
    from ncap.cost import cost_table, measure_costs

    costs = measure_costs(candidates, target, n_train=n_train, repeats=repeats, seed=seed, readings=names)
    print_table(costs, format, cost_table)
