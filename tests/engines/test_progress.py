"""What a job shows while it runs: bars on a terminal, plain lines in a log, lines or bars in a notebook."""

import io
import re
import warnings

import pytest
from rich.console import Console

from ncap.engines import progress
from ncap.engines.progress import JobProgress
from ncap.records.schema import RunKey

JOB = """
from ncap.engines.progress import JobProgress

with JobProgress(2, 1, jobs=2) as shown:
    shown.begin({("mlp", 0): 2, ("plain", 0): 2})
    for name in ("mlp", "plain"):
        shown.start_run(name, 0, 0)
    for name in ("mlp", "plain"):
        for tick in range(2):
            shown.end_tick(name, 0, 0.5, 0.25)
        shown.end_run(name, 0)
        shown.end_candidate(name, "done")
"""
CLOCK = r"\d\d:\d\d"


@pytest.fixture(name="screen")
def _screen(monkeypatch):
    """What a terminal of 100 columns is sent, without its movements and colours."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(progress, "open_console", lambda quiet: console)

    def read(shown):
        console.file.seek(0)
        console.file.truncate()
        shown._bars.refresh()
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())

    return read


def test_a_terminal_shows_a_bar_for_every_run_that_is_trained_and_one_line_for_the_whole(screen):
    with JobProgress(4, 1, jobs=2) as shown:
        shown.begin({("mlp", 0): 4, ("plain", 0): 4, ("dense", 0): 4})
        shown.start_run("mlp", 0, 0)
        shown.start_run("plain", 0, 2)
        text = screen(shown)
        assert "candidate 1 of 3 " in text
        assert "end at" not in text  # nothing is known yet
        assert re.search("mlp .*0/4", text)
        assert re.search("plain .*2/4", text)
        shown.end_tick("mlp", 0, 0.5, 0.25)
        text = screen(shown)
        assert re.search("mlp .*1/4.*val accuracy 0.500 {2}beta_eff 0.25", text)
        assert re.search(f"candidate 1 of 3, end at {CLOCK}", text)
        shown.end_run("mlp", 0)
        shown.end_candidate("mlp", "done")
        text = screen(shown)
        assert "mlp " not in text
        assert re.search(f"candidate 2 of 3, end at {CLOCK} .*1/3", text)


def test_a_budget_has_no_number_of_ticks(screen):
    with JobProgress(None, 1) as shown:
        shown.begin({("mlp", 0): 60.0})
        shown.start_run("mlp", 0, 0)
        shown.end_tick("mlp", 0, 0.5, 0.25, units=12.0)
        assert re.search(r"mlp .*1/\?", screen(shown))
        assert shown.prospect.left == {("mlp", 0): 48.0}


def test_a_log_has_a_line_per_candidate_and_what_is_left(capsys):
    exec(JOB)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0] == "mlp: done"
    assert re.fullmatch(f"candidate 2 of 2, end at {CLOCK}", lines[1])
    assert lines[2] == "plain: done"


def test_who_asked_for_quiet_sees_nothing(capsys):
    with JobProgress(4, 1, quiet=True) as shown:
        shown.begin({("mlp", 0): 4})
        shown.check_candidate("mlp")
        shown.halve(["mlp"], 32)
        shown.wait([RunKey("s", "digits", "mlp", 0)])
        shown.end_candidate("mlp", "done")
    assert capsys.readouterr().out == ""


def test_a_notebook_shows_the_lines_whether_or_not_it_has_widgets(tmp_path, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(JOB)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that run it
        nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    told = "".join(str(output.get("text") or output.get("data")) for output in notebook.cells[0].outputs)
    assert "mlp: done" in told
    assert "plain: done" in told
    assert not re.search("warning|ipywidgets", told, re.IGNORECASE)
