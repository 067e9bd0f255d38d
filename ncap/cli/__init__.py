"""The commands: one file each, and one line each below. A command calls one public function and imports heavy modules only when it
runs, so that --help is quick.

Exit codes: 0 done (failed candidates included), 1 a check failed, 2 bad input or unusable store, 3 could not finish, 130 interrupted.
"""

import click

from ncap.cli.group import Commands

COMMANDS = {
    "demo": "ncap.cli.demo:demo",
    "rank": "ncap.cli.rank:rank",
    "select": "ncap.cli.select:select",
    "report": "ncap.cli.report:report",
    "compare": "ncap.cli.compare:compare",
    "study": "ncap.cli.study:study",
    "score": "ncap.cli.score:score",
    "jobs": "ncap.cli.jobs:jobs",
    "export": "ncap.cli.export:export",
    "import": "ncap.cli.imports:import_",
    "bench": "ncap.cli.bench:bench",
    "verify": "ncap.cli.verify:verify",
    "models": "ncap.cli.models:models",
    "datasets": "ncap.cli.datasets:datasets",
    "rules": "ncap.cli.rules:rules",
    "scores": "ncap.cli.scores:scores",
    "readings": "ncap.cli.readings:readings",
}


@click.group(
    cls=Commands, homes=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.version_option(package_name="ncap")
def main() -> None:
    """Predict from a few epochs which pre-trained network will end up best, by neural capacitance."""
