"""The commands, as a user calls them: messages, exit codes, files."""

import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import NCAP, call
from waiting import ticks, wait_for

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


LISTS = {
    "models": "inverted_residual",
    "datasets": "digits",
    "rules": "last_seen",
    "scores": "log_me",
    "readings": "gradient",
}


@pytest.mark.parametrize("command", LISTS)
def test_what_can_be_named_is_listed_in_three_formats(command):
    printed = {format: call(command, "--format", format) for format in ("table", "json", "csv")}
    assert {done.exit_code for done in printed.values()} == {0}
    assert LISTS[command] in printed["table"].stdout
    records = json.loads(printed["json"].stdout)
    table = pd.read_csv(io.StringIO(printed["csv"].stdout), keep_default_na=False)
    assert [next(iter(record.values())) for record in records] == table.iloc[:, 0].tolist()
    assert list(records[0]) == list(table.columns)
    assert LISTS[command] in table.iloc[:, 0].tolist()


def test_models_of_a_collection_or_by_name():
    assert json.loads(call("models", "mlp,plain", "--format", "json").stdout)[1] == {
        "name": "plain", "family": "VGG", "source": "fashion_mnist", "parameters": 23296, "multiply_adds": 626688, "input": "16 x 16 x 1",
        "licence": "MIT", "weights": "at hand",
    }  # fmt: skip
    printed = call("models", "mini").stdout
    assert "multiply adds" in printed
    assert "<NA>" not in printed
    refused = call("models", "mimi")
    assert refused.exit_code == 2
    assert "did you mean 'mini'?" in refused.stderr


def test_a_limit_of_the_command_line_leaves_candidates_out(tmp_path, images):
    words = [
        "--target",
        images,
        "--epochs",
        "1",
        "--hidden",
        "8,6",
        "--store",
        tmp_path / "runs.db",
        "--out",
        tmp_path / "out",
    ]
    given = ["rank", "--candidates", "mlp,squeeze", *map(str, words), "--max-parameters", "40k"]
    done = call(*given)
    assert done.exit_code == 0
    assert "mlp: left out, 51,488 parameters, more than max_parameters=40,000" in done.stdout
    assert pd.read_csv(tmp_path / "out" / "ranking.csv")["candidate"].tolist() == ["squeeze"]
    refused = call(*given, "--licence", "CC0-1.0")
    assert refused.exit_code == 2
    assert "none is within the limits" in refused.stderr


def test_one_data_set_is_described_part_by_part(tmp_path):
    digits = call("datasets", "digits", "--validation", "500", "--format", "json")
    assert [(row["part"], row["images"]) for row in json.loads(digits.stdout)] == [
        ("train", 937),
        ("val", 500),
        ("test", 360),
    ]
    printed = call("datasets", "digits").stdout
    assert "Target('digits', 1078 training, 359 validation, 360 test images" in printed
    assert "The classes are balanced: the most frequent has 1.06 times as many training images as the rarest" in printed
    x = np.random.default_rng(0).integers(0, 256, (60, 4, 4), np.uint8)
    np.savez(tmp_path / "uneven.npz", x=x, y=np.repeat([0, 1], [50, 10]))
    uneven = call("datasets", str(tmp_path / "uneven.npz"))
    assert "The classes are imbalanced: of the training images, the rarest class has 0.167" in uneven.stdout
    table = pd.read_csv(io.StringIO(call("datasets", str(tmp_path / "uneven.npz"), "--format", "csv").stdout))
    assert table["rarest_class"].tolist() == [1, 1, 1]
    assert table["most_frequent_share"].tolist() == pytest.approx([5 / 6] * 3)


V1 = Path(__file__).parents[1] / "records" / "v1"


@pytest.fixture(name="demo_store")
def _demo_store(tmp_path):
    """The store of 0.1's demo: ten candidates, thirty epochs."""
    shutil.copy(V1 / "demo.db", tmp_path / "runs.db")
    return tmp_path / "runs.db"


def test_a_store_of_0_1_is_reported_as_0_1_did_but_for_ties(demo_store, tmp_path):
    done = call("report", "--store", demo_store, "--out", tmp_path / "out", "--epochs", 5)
    assert done.exit_code == 0, done.output
    table, before = pd.read_csv(tmp_path / "out" / "ranking.csv"), pd.read_csv(V1 / "demo.csv")
    assert table["candidate"].tolist()[:3] == [
        "group_norm",
        "depthwise",
        "inverted_residual",
    ]  # h(0) = 1.85, 1.52, 1.28
    assert sorted(before["candidate"][:3]) == sorted(table["candidate"][:3])  # all predicted 1.000
    numbers = [name for name in before.columns if name not in ("rank", "candidate", "note")]
    one, other = (ranking.set_index("candidate").sort_index()[numbers] for ranking in (table, before))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert (demo_store.with_name("runs.db.v1")).read_bytes() == (V1 / "demo.db").read_bytes()
    assert "group_norm, depthwise, inverted_residual" in done.stdout  # every tie is named


def test_any_rule_ranks_the_same_store(demo_store, tmp_path):
    for rule in ("last_seen", "capacitance_forecast"):
        done = call(
            "report", "--store", demo_store, "--out", tmp_path / rule, "--epochs", 5, "--rule", rule, "--format", "json"
        )
        records = json.loads(done.stdout)
        assert {record["rule"] for record in records} == {rule}
        assert [record["candidate"] for record in records] == pd.read_csv(tmp_path / rule / "ranking.csv")[
            "candidate"
        ].tolist()
    assert records[0]["candidate"] == "group_norm"


def test_rules_are_compared_with_the_truth_of_the_store_or_of_a_file(demo_store, tmp_path):
    done = call(
        "compare", "--store", demo_store, "--ticks", "3,5", "--rules", "capacitance,last_seen", "--format", "csv"
    )
    assert done.exit_code == 0, done.output
    table = pd.read_csv(io.StringIO(done.stdout)).set_index(["rule", "ticks"])
    assert len(table) == 4
    # as 0.1's demo printed them, rounded to two places; one permitted change: ties are broken by h(0)
    assert table.loc[("last_seen", 5), "rho"] == pytest.approx(0.89, abs=0.005)
    truth = pd.DataFrame(
        {"target": "digits", "candidate": pd.read_csv(V1 / "demo.csv")["candidate"], "accuracy": np.arange(10) / 10}
    )
    truth.to_csv(tmp_path / "truth.csv", index=False)
    other = call(
        "compare", "--store", demo_store, "--ticks", "5", "--rules", "last_seen", "--truth", tmp_path / "truth.csv"
    )
    assert other.exit_code == 0, other.output
    assert "[low, high]: 95 % bootstrap interval" in other.stdout


def test_jobs_are_listed_with_what_tells_them_apart(tmp_path):
    shutil.copy(V1 / "runs.db", tmp_path / "runs.db")
    (merged, seed1) = json.loads(call("jobs", "--store", tmp_path / "runs.db", "--format", "json").stdout)
    assert merged["readings"].split(", ") == [
        "explicit/magnitude/unit",
        "explicit/magnitude/relative",
        "hessian/signed/unit",
    ]
    assert (merged["failures"], seed1["parameters"]) == (2, "seed 1")


def test_tables_travel_by_export_and_import(demo_store, tmp_path):
    done = call("export", "--store", demo_store, "--out", tmp_path / "records", "--format", "parquet")
    assert done.exit_code == 0, done.output
    assert str(tmp_path / "records" / "observations.parquet") in done.stdout
    imported = call("import", "--folder", tmp_path / "records", "--store", tmp_path / "copy.db")
    assert "observations: 300 new" in imported.stdout
    assert "readings: 300 new" in imported.stdout


def test_candidates_are_scored_before_training():
    done = call("score", "--candidates", "mlp,plain", "--names", "log_me", "--format", "json")
    assert done.exit_code == 0, done.output
    records = json.loads(done.stdout)
    assert [record["candidate"] for record in records] == ["mlp", "plain"]
    assert all(np.isfinite(record["value"]) and record["seconds"] > 0 for record in records)


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
    assert all(float(number) > 0 for number in line[1:])
    (row,) = json.loads(call("bench", "--candidates", "mlp", "--train", 60, "--repeats", 1, "--format", "json").stdout)
    for method in ("closed_form", "autodiff"):
        assert row[f"ratio_{method}"] == pytest.approx(row[f"seconds_{method}"] / row["seconds_train"], rel=1e-9)


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
        wait_for(lambda: ticks(store), process)
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
