"""Models out of a store alone: `ncap export --best`."""

import json

import keras
import numpy as np
import pytest
from commands import call

from ncap.records.store import Store


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory):
    """A store of two embedded candidates and a saved one, on a file of images; the last was trained for longer by itself."""
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    np.savez(folder / "noise.npz", x=rng.integers(0, 256, (60, 8, 8), dtype=np.uint8), y=np.arange(60) % 3)
    mine = [
        keras.Input((8, 8, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(6, "relu"),
    ]
    keras.Sequential(mine).save(folder / "mine.keras")
    words = [
        "rank",
        "--target",
        folder / "noise.npz",
        "--hidden",
        "8,6",
        "--store",
        folder / "runs.db",
        "--out",
        folder / "out",
    ]
    assert call(*words, "--candidates", f"mlp,{folder / 'mine.keras'}", "--epochs", "1").exit_code == 0
    assert call(*words, "--candidates", "mlp,squeeze", "--epochs", "2").exit_code == 0
    return folder


def exported(folder, path, *words):
    return call("export", "--store", folder / "runs.db", "--data", folder / "noise.npz", "--best", path, *words)


def card_of(path):
    return json.loads(path.with_suffix(".json").read_text())


def test_the_best_of_those_trained_longest(folder, tmp_path):
    path = tmp_path / "winner.keras"
    done = exported(folder, path, "--rule", "last_seen")
    assert (done.exit_code, done.stdout.strip()) == (0, str(path)), done.output
    with Store(folder / "runs.db") as store:
        seen = store.records().observations
    last = seen[seen["epoch"] == 2].set_index("candidate")
    card = card_of(path)
    name = card["candidate"]["name"]
    assert set(last.index) == {"mlp", "squeeze"}
    assert last.loc[name, "val_accuracy"] == last["val_accuracy"].max() == card["accuracies"]["val"]
    assert card["recorded"] == card["accuracies"]
    assert card["selection"]["rule"] == "last_seen"
    assert keras.models.load_model(path).output_shape == (None, 3)


def test_a_saved_candidate_by_name_with_a_linear_head(folder, tmp_path):
    path = tmp_path / "mine.keras"
    refused = exported(folder, path, "--candidate", "mine")
    assert refused.exit_code == 2
    assert "unknown candidate 'mine'" in refused.stderr
    assert "--named" in refused.stderr
    wrong = exported(folder, path, "--candidate", "mine", "--named", "plain")
    assert "named: 'plain' is plain, not the candidate 'mine' of the job" in wrong.stderr
    done = exported(
        folder, path, "--candidate", "mine", "--named", folder / "mine.keras", "--head", "linear", "--fine-tune", "1"
    )
    assert done.exit_code == 0, done.output
    assert card_of(path)["made"] == {
        "start": "observed",
        "run": 0,
        "epochs": 1.0,
        "head": "linear",
        "fine_tuned_epochs": 1,
    }


def test_other_data_and_what_the_job_does_not_have_are_refused(folder, tmp_path):
    path = tmp_path / "winner.keras"
    for words, message in [
        (["--candidate", "residual"], "unknown candidate 'residual'; the job has mine, mlp, squeeze"),
        (["--validation", "20"], "is not what the job was trained on, 'noise'"),
        (["--data", "digits"], "is not what the job was trained on, 'noise'"),
        (["--target", "digits"], "holds no job with target 'digits'"),
        (["--start", "pretrained", "--head", "probe"], "a probe of random weights"),
    ]:
        refused = exported(folder, path, *words)
        assert refused.exit_code == 2
        assert message in refused.stderr
    unnamed = call("export", "--store", folder / "runs.db", "--best", path)
    assert "unknown target 'noise'" in unnamed.stderr
    assert "--data" in unnamed.stderr
    assert not list(tmp_path.iterdir())


def test_without_best_the_options_of_a_model_are_refused(folder, tmp_path):
    refused = call("export", "--store", folder / "runs.db", "--out", tmp_path, "--fine-tune", "3")
    assert refused.exit_code == 2
    assert "--fine-tune says which model to save; pass --best NAME.keras too" in refused.stderr
    assert call("export", "--store", folder / "runs.db", "--out", tmp_path / "records").exit_code == 0
