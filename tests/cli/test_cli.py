"""The commands, as a user calls them: messages, exit codes, files."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import NCAP, call

import ncap.demo
from ncap.cli import COMMANDS


@pytest.fixture(name="images")
def _images(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "noise.npz"
    np.savez(path, x=rng.integers(0, 256, (60, 8, 8), dtype=np.uint8), y=np.arange(60) % 3)
    return path


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_loads_nothing_heavy(command):
    heavy = "keras tensorflow jax pandas matplotlib sklearn scipy numba numpy rich"
    code = (
        "import sys\nfrom ncap.cli import main\n"
        "try: main()\nexcept SystemExit as exit: assert exit.code == 0, exit.code\n"
        f"loaded = [name for name in {heavy.split()} if name in sys.modules]\n"
        "assert not loaded, loaded"
    )
    arguments = ["--help"] if command is None else [command, "--help"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_models_and_datasets_list_their_names():
    models, datasets = call("models"), call("datasets")
    assert models.exit_code == datasets.exit_code == 0
    assert "inverted_residual" in models.output
    assert "digits" in datasets.output


def test_rank_and_report(tmp_path, images):
    store, out = tmp_path / "runs.db", tmp_path / "out"
    job = ["rank", "--candidates", "mlp", "--target", images, "--store", store, "--batch-size", 8]
    done = call(*job, "--epochs", 4, "--out", out)
    assert done.exit_code == 0, done.output
    assert "mlp: epoch 4" in done.output
    table = pd.read_csv(out / "ranking.csv")
    assert table[["candidate", "epochs", "status"]].values.tolist() == [["mlp", 4, "ok"]]
    assert (out / "report.html").stat().st_size > 0

    again = tmp_path / "again"
    rebuilt = call("report", "--store", store, "--out", again)
    assert rebuilt.exit_code == 0, rebuilt.output
    pd.testing.assert_frame_equal(pd.read_csv(again / "ranking.csv"), table)

    call(*job, "--epochs", 1, "--seed", 1, "--out", out)
    newest = call("report", "--store", store, "--out", again)
    assert newest.exit_code == 0
    assert pd.read_csv(again / "ranking.csv")["epochs"].tolist() == [1]
    unknown = call("report", "--store", store, "--out", again, "--settings", "nonsense")
    assert unknown.exit_code == 2
    held = pd.unique(rows(store)["settings"])
    assert len(held) == 2
    assert all(f"{settings} on noise" in unknown.output for settings in held)
    first = call(
        "report", "--store", store, "--out", again, "--settings", rows(store).query("epoch == 4")["settings"].iloc[0]
    )
    assert first.exit_code == 0
    assert pd.read_csv(again / "ranking.csv")["epochs"].tolist() == [4]
    shorter = call("report", "--store", store, "--out", again, "--settings", held[0], "--epochs", 1)
    assert shorter.exit_code == 0
    assert pd.read_csv(again / "ranking.csv")["epochs"].tolist() == [1]


def rows(store):
    with sqlite3.connect(store) as db:
        table = pd.read_sql("SELECT * FROM observations", db)
    db.close()
    return table


def test_a_missing_store_is_exit_code_2(tmp_path):
    done = call("report", "--store", tmp_path / "runs.db", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "no such store" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_when_every_candidate_fails_it_is_exit_code_3(tmp_path, images):
    out = tmp_path / "out"
    job = ["--candidates", "mlp,plain", "--target", images, "--batch-size", 8, "--learning-rate", 1e36, "--trained"]
    done = call("rank", *job, "--store", tmp_path / "runs.db", "--out", out)
    assert done.exit_code == 3
    assert "every candidate failed; mlp in epoch 1: the training loss is" in done.stderr
    assert pd.read_csv(out / "ranking.csv")["status"].tolist() == ["failed", "failed"]  # the report says why, too


def test_the_demo_in_small(tmp_path, monkeypatch):
    monkeypatch.setattr(ncap.demo, "TRAINED", 6)
    monkeypatch.setattr(ncap.demo, "TRAINING_IMAGES", 60)
    monkeypatch.setattr(ncap.demo, "CANDIDATES", "mlp,plain,group_norm")
    done = call("demo", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "3 models are an example, not evidence" in " ".join(done.output.split())
    ranking = pd.read_csv(tmp_path / "ranking.csv")
    assert ranking["epochs"].tolist() == [5, 5, 5]
    trained = rows(tmp_path / "runs.db")
    assert trained.groupby("candidate")["epoch"].apply(list).tolist() == [list(range(1, 7))] * 3
    # the table of the report holds the test accuracies after the last epoch
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(f"{accuracy:.3f}" in page for accuracy in trained.query("epoch == 6")["test_accuracy"])


def test_bench_prints_a_ratio_per_candidate_and_the_papers():
    done = call("bench", "--candidates", "mlp", "--train", 60, "--repeats", 1)
    assert done.exit_code == 0, done.output
    assert "1.3" in done.output
    (line,) = [line.split() for line in done.output.splitlines() if line.strip().startswith("mlp ")]
    train, closed_form, autodiff, *ratios = map(float, line[1:])
    # printed with three decimals: half a unit of the last place in each of three numbers
    assert ratios[0] == pytest.approx(closed_form / train, rel=0.0005 / closed_form + 0.0005 / train, abs=0.0006)
    assert ratios[1] == pytest.approx(autodiff / train, rel=0.0005 / autodiff + 0.0005 / train, abs=0.0006)


def test_debug_shows_the_traceback(tmp_path, monkeypatch):
    monkeypatch.setenv("NCAP_DEBUG", "1")
    done = call("report", "--store", tmp_path / "runs.db", "--out", tmp_path / "out")
    assert isinstance(done.exception, ValueError)


def test_an_interrupted_job_is_exit_code_130_and_goes_on(tmp_path):
    store = tmp_path / "runs.db"
    job = ["rank", "--candidates", "mlp", "--store", str(store), "--out", str(tmp_path / "out")]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        [*NCAP, *job, "--epochs", "100000"], stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        wait_for_rows(store, process)
        process.send_signal(signal.SIGINT)
        try:
            _, message = process.communicate(timeout=60)
        finally:
            process.kill()  # or a signal that was missed would have the test wait for 100,000 epochs
    assert process.returncode == 130
    assert "interrupted" in message
    assert "Traceback" not in message
    done = len(rows(store))
    again = call(*job, "--epochs", done + 1)
    assert again.exit_code == 0, again.output
    assert rows(store)["epoch"].tolist() == list(range(1, done + 2))


def wait_for_rows(store: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if store.exists() and store.stat().st_size and len(rows(store)):
            return
        time.sleep(0.2)
    pytest.fail(f"no epoch was committed; exit code {process.poll()}")
