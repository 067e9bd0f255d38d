"""Presets: the paper's settings are those that it reports, and what is given beside a preset takes precedence."""

import signal
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from commands import NCAP, call
from waiting import ticks, wait_for

import ncap
from ncap.candidates.applications import PAPER
from ncap.cli.rank import rank
from ncap.cli.study import study
from ncap.job import Job
from ncap.presets import PRESETS, preset
from ncap.records.store import Store

PUBLISHED = Path(__file__).parents[1] / "reference" / "published.toml"


def test_the_papers_settings_are_those_that_it_reports():
    reported = tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))
    training, probe = reported["training"], reported["probe"]
    expected = {name: training[name]["value"] for name in ("batch_size", "learning_rate", "epochs", "runs")}
    expected |= {"hidden": tuple(probe["hidden"]["value"]), "dropout": probe["dropout"]["value"]}
    expected |= {"validation": reported["data"]["held_out"]["value"], "frozen": True}
    assert dict(preset("paper").settings) == expected
    assert preset("paper").candidates == "paper17"
    assert len(PAPER) == reported["models"]["count"]["value"]


def params(command, *words):
    return command.make_context(command.name, ["--preset", "paper", *words]).params


@pytest.mark.parametrize("command", [rank, study])
def test_what_is_given_takes_precedence_over_a_preset(command):
    given = params(command, "--epochs", "3", "--candidates", "mlp", "--trained")
    assert (given["epochs"], given["candidates"], given["frozen"]) == (3, "mlp", False)
    assert (given["runs"], given["batch_size"], given["validation"], given["hidden"]) == (20, 64, "15000", (256, 128))
    whole = params(command)
    assert (whole["candidates"], whole["epochs"]) == ("paper17", 50)
    job = Job(**{name: whole[name] for name in PRESETS["paper"].settings})
    assert job == Job(**PRESETS["paper"].settings)
    without = command.make_context(command.name, []).params
    assert without["epochs"] == Job().epochs


def test_an_unknown_preset_is_refused():
    done = call("rank", "--preset", "papers")
    assert done.exit_code == 2
    assert "'papers' is not 'paper'" in done.stderr
    with pytest.raises(ValueError, match="preset must be one of paper, got 'papers'; did you mean 'paper'"):
        ncap.study("runs", preset="papers")


@pytest.fixture(name="images")
def _images(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (96, 16, 16, 3), dtype=np.uint8), np.arange(96) % 3
    np.savez(tmp_path / "noise.npz", x_train=x[:80], y_train=y[:80], x_test=x[80:], y_test=y[80:])
    return tmp_path / "noise.npz"


@pytest.mark.heavy
def test_the_papers_study_starts_on_its_seventeen_architectures(tmp_path, images):
    """Random weights, images of 16 pixels brought to the smallest size that all seventeen take; the first tick of every one of them."""
    words = [
        "--preset",
        "paper",
        "--candidates",
        "paper17:random",
        "--target",
        images,
        "--validation",
        20,
        "--size",
        75,
    ]
    store = tmp_path / "runs.db"
    done = call("study", "observations", *words, "--epochs", 1, "--runs", 1, "--store", store, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    with Store(store, create=False) as opened:
        records, parameters = opened.records(), opened.job()["parameters"]
    assert set(records.observations["candidate"]) == {f"{name}:random" for name in PAPER}
    assert np.isfinite(records.readings["beta_eff"]).all()
    assert (parameters["batch_size"], parameters["learning_rate"], parameters["frozen"]) == (64, 0.001, True)


@pytest.mark.heavy
def test_the_papers_study_at_its_own_length_is_stopped_and_goes_on(tmp_path, images):
    words = [
        "--preset",
        "paper",
        "--candidates",
        "MobileNet:random",
        "--target",
        images,
        "--validation",
        20,
        "--size",
        32,
    ]
    store = tmp_path / "runs.db"
    command = [*NCAP, "study", "runs", *map(str, words), "--store", str(store), "--out", str(tmp_path)]
    for least in (2, 3):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            wait_for(lambda: ticks(store) >= least, process)  # noqa: B023
            process.send_signal(signal.SIGINT)
            process.communicate()
        assert process.returncode == 130
