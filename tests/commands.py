"""The commands as a test calls them: in this process, or as the words of a process of their own."""

import sys

from click.testing import CliRunner

from ncap.cli import main

NCAP = [sys.executable, "-c", "from ncap.cli import main; main()"]


def call(*words):
    """`ncap words` in this process: exit_code, stdout, stderr, output."""
    return CliRunner().invoke(main, [str(word) for word in words], prog_name="ncap")
