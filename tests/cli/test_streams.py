"""What is printed and written, for every name and on every stream: nothing that a terminal obeys, and no job that ends over a letter."""

import json
import os
import pty
import subprocess
import sys

import pandas as pd
import pytest
from commands import NCAP, call

from ncap.engines.turns import claimed
from ncap.records.schema import OBSERVATIONS, READINGS, RunKey
from ncap.records.store import Store

NAMES = ("größe", "\x1b]0;mine\x07\x1b[31mred\x9b1m", "=cmd|' /C calc'!A0", "plain")


def fill(path, names=NAMES, seed=0, epochs=4, runs=1, target="digits"):
    with Store(path) as store:
        settings = store.add_settings({"seed": seed}, {})
        for place, name in enumerate(names):
            for run in range(runs):
                for tick in range(1, epochs + 1):
                    observation = dict.fromkeys(OBSERVATIONS.names[4:], 0.1 * tick + 0.01 * place)
                    reading = dict.fromkeys(READINGS.names[4:], 1 / tick) | {"reading": "gradient", "reason": ""}
                    key = RunKey(settings, target, name, run)
                    store.add(key, observation | {"tick": tick, "epoch": tick}, [reading | {"tick": tick}])
    return settings


@pytest.fixture(name="store")
def _store(tmp_path):
    fill(tmp_path / "runs.db")
    return tmp_path / "runs.db"


def ncap(*words, **options):
    """A process of its own, so that its streams are real."""
    given = {"capture_output": True, "env": os.environ | options.pop("env", {}), "timeout": 300} | options
    return subprocess.run([*NCAP, *words], **given)


# streams that lack a letter, or are closed


@pytest.mark.parametrize("format", ["table", "json", "csv"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_name_that_stdout_cannot_encode_is_printed_all_the_same(store, tmp_path, encoding, format):
    words = ("report", "--store", store, "--out", tmp_path / "out", "--rule", "last_seen", "--format", format)
    done = ncap(*words, env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    if format == "json":
        assert "größe" in [row["candidate"] for row in json.loads(done.stdout.decode("ascii"))]
    elif format == "csv":  # click writes UTF-8 where the stream can ASCII only: the table is data
        assert "größe" in done.stdout.decode("latin-1" if encoding == "latin-1" else "utf-8")
    else:
        assert ("größe" if encoding != "ascii" else r"gr\xf6\xdfe") in done.stdout.decode(encoding)


JOB = """
import sys, tiny
ranked = tiny.ranked(sys.argv[1], {"größe": tiny.narrow}, progress=True, epochs=2, runs=1)
assert ranked.candidates == ["größe"]
"""


def test_a_job_of_such_a_name_comes_to_its_end_from_python_too(tmp_path):
    """In a store whose own name is not in UTF-8, with its checkpoints."""
    store = tmp_path / os.fsdecode(b"\xff.db")
    done = subprocess.run(
        [sys.executable, "-c", JOB, store],
        capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert rb"gr\xf6\xdfe: epoch 2, val accuracy" in done.stdout
    assert [path.parent.parent.name for path in tmp_path.rglob("*.h5")] == [f"{store.name}.checkpoints"]


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_stream_is_no_error_and_no_file_takes_its_place(store, tmp_path, closed):
    before = store.read_bytes()
    words = ["report", "--store", store, "--out", tmp_path / "out", "--rule", "last_seen"]
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *NCAP, *map(str, words)], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").startswith("<!")
    assert store.read_bytes() == before


# terminals


def on_a_terminal(*words):
    """What the command sends to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*NCAP, *map(str, words)], stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "250"}
    ) as process:
        os.close(theirs)
        sent = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # what Linux says at the end
                break
            if not chunk:
                break
            sent += chunk
    os.close(ours)
    return process.returncode, sent


@pytest.mark.parametrize(
    "words",
    [
        ("report", "--rule", "last_seen"),
        ("report", "--rule", "last_seen", "--format", "csv"),
        ("report", "--rule", "last_seen", "--format", "json"),
        ("report", "--target", "nonsense"),  # the error names the jobs that there are
        ("compare", "--ticks", "2", "--rules", "last_seen"),
        ("jobs",),
    ],
)
def test_control_characters_of_names_do_not_reach_the_terminal(tmp_path, words):
    store = tmp_path / "runs.db"
    fill(store, target="\x1b]0;mine\x07")
    out = ("--out", tmp_path / "\x1b]0;mine\x07") if words[0] == "report" else ()
    code, sent = on_a_terminal(*words, "--store", store, *out)
    assert code in (0, 2), sent
    text = sent.decode()
    assert "mine" in text
    for obeyed in ("\x1b]0;", "\x07", "\x1b[31mred", "\x9b"):
        assert obeyed not in text


# paths and files


def test_paths_that_are_not_utf_8(tmp_path):
    odd = os.fsdecode(b"\xff")
    store, out = tmp_path / f"{odd}.db", tmp_path / odd
    fill(store)
    done = ncap("report", "--store", store, "--out", out, "--rule", "last_seen")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"udcff/report.html" in done.stdout
    assert r"\udcff.db" in (out / "report.html").read_text(encoding="utf-8")
    for format in ("csv", "parquet"):
        assert ncap("export", "--store", store, "--out", out, "--format", format).returncode == 0
    missing = ncap("report", "--store", tmp_path / f"{odd}2.db")
    assert missing.returncode == 2
    assert b"udcff2.db: no such store" in missing.stderr


def test_a_link_in_a_files_place_is_replaced_and_not_followed(store, tmp_path):
    out, mine = tmp_path / "out", tmp_path / "mine.txt"
    out.mkdir()
    mine.write_text("mine")
    names = ["report.html", "ranking.csv", "scatter.png", "columns.csv", "observations.csv"]
    for name in names:
        (out / name).symlink_to(mine)
    assert call("report", "--store", store, "--out", out, "--rule", "last_seen").exit_code == 0
    assert call("export", "--store", store, "--out", out, "--format", "csv").exit_code == 0
    assert mine.read_text() == "mine"
    assert not (out / "report.html").is_symlink()
    assert len(pd.read_csv(out / "ranking.csv")) == len(NAMES)


def test_a_name_that_is_a_formula_is_a_text_in_ranking_csv(store, tmp_path):
    names = ["+1", "-1", "@sum", "=1+1", "1=1", "'quoted"]
    fill(store, names, seed=1)
    assert call("report", "--store", store, "--out", tmp_path, "--rule", "last_seen").exit_code == 0
    table = pd.read_csv(tmp_path / "ranking.csv")
    assert set(table["candidate"]) == {"'+1", "'-1", "'@sum", "'=1+1", "1=1", "'quoted"}
    assert table["beta_eff"].dtype == float  # numbers, negative ones among them, stay numbers
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ">=1+1<" in page.replace(" ", "").replace("\n", "")


# jobs and their checkpoints


def test_a_report_names_the_other_jobs_of_the_store(store, tmp_path):
    other = fill(store, seed=1, target="it's")
    words = ("report", "--store", store, "--out", tmp_path / "out", "--rule", "last_seen")
    first = call("jobs", "--store", store, "--format", "json")
    (settings,) = {job["settings"] for job in json.loads(first.stdout)} - {other}
    done = call(*words)
    assert f"also holds 1 other job: --settings {settings} --target digits\n" in done.stderr
    assert call(*words, "--settings", settings).stderr == ""
    (done,) = [line for line in call(*words, "--target", "digits").stderr.splitlines() if "also holds" in line]
    assert f"""--settings {other} --target 'it'"'"'s'""" in done


def test_checkpoints_are_measured_and_those_of_complete_runs_pruned(tmp_path):
    path = tmp_path / "runs.db"
    settings = fill(path, ["ended", "busy", "failed"], runs=2)
    keys = {
        (name, run): RunKey(settings, "digits", name, run)
        for name in ("ended", "busy", "failed", "behind")
        for run in (0, 1)
    }
    fill(path, ["behind"], epochs=3, runs=2)
    with Store(path) as store:
        store.add_failure(keys["failed", 1], 5, "no memory")
        files = {place: store.checkpoint_path(key) for place, key in keys.items()}
        for file in files.values():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bytes(250_000))
        (other := path.with_name("runs.db.checkpoints") / "mine.txt").write_text("mine")
        (job,) = json.loads(call("jobs", "--store", path, "--format", "json").stdout)
        assert job["checkpoint_mb"] == 2.0
        with claimed(store.lock_path(keys["busy", 0])) as ours:
            assert ours
            done = call("jobs", "--store", path, "--prune", "--format", "json")
    assert "4 checkpoints removed, 1.0 MB" in done.stderr
    assert json.loads(done.stdout)[0]["checkpoint_mb"] == 1.0
    left = {place for place, file in files.items() if file.exists()}
    assert left == {("busy", 0), ("failed", 1), ("behind", 0), ("behind", 1)}
    assert other.exists()
    assert "1 checkpoint removed, 0.2 MB" in call("jobs", "--store", path, "--prune").stderr
