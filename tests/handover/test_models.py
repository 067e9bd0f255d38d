"""Models that are handed over: in a fresh process they are as good as the store says, and the card tells the truth."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tiny
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ncap
from ncap.engines.pruning import prune
from ncap.handover.head import fitted
from ncap.records.store import Store

# Plain Keras, in a process that never imports ncap.
FRESH = """
import sys
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
data = np.load(sys.argv[2])
probabilities = model.predict(data["x"], verbose=0)
assert "ncap" not in sys.modules
assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
print(repr(float((probabilities.argmax(axis=1) == data["y"]).mean())))
"""


@pytest.fixture(scope="module", name="job")
def _job(tmp_path_factory):
    """A folder with a store, and the ranking of two candidates and one that fails."""
    folder = tmp_path_factory.mktemp("job")
    return folder, tiny.ranked(folder / "runs.db", {"tiny": tiny.body, "other": tiny.body, "bad": tiny.failing})


def card_of(path):
    return json.loads(path.with_suffix(".json").read_text())


def freshly(path, part, folder):
    """The accuracy of a saved model on raw images of a part, in a fresh process."""
    x, y = tiny.target().read(part, np.arange(tiny.target().lengths[part]))
    np.savez(folder / "images.npz", x=x, y=y)
    done = subprocess.run([sys.executable, "-c", FRESH, path, folder / "images.npz"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


def test_the_observed_state_is_as_good_in_a_fresh_process_as_the_store_says(job, tmp_path):
    _, ranking = job
    path = tmp_path / "winner.keras"
    ranking.model(path=path)
    card = card_of(path)
    name, run = card["candidate"]["name"], card["made"]["run"]
    assert name == ranking.candidates[0]
    rows = ranking.observations[ranking.observations["candidate"] == name].groupby("run").tail(1).set_index("run")
    assert rows["val_accuracy"].idxmax() == run
    assert freshly(path, "test", tmp_path) == rows.loc[run, "test_accuracy"]
    recorded = {part: rows.loc[run, f"{part}_accuracy"] for part in ("val", "test")}
    assert card["accuracies"] == card["recorded"] == recorded
    assert card["needs"] == []
    assert card["classes"] == [str(digit) for digit in range(10)]
    assert card["images"]["shape"] == [8, 8, 1]
    assert card["settings"]["hash"] == ranking.facts["settings"]
    assert card["data"]["fingerprint"] == tiny.target().fingerprint
    assert card["versions"]["keras"] == keras.__version__
    assert card["selection"]["rule"] == "capacitance"


def test_the_pre_trained_start_has_the_bodys_weights_and_a_fitted_head(job, tmp_path):
    _, ranking = job
    model = ranking.model("tiny", start="pretrained", path=tmp_path / "start.keras")
    assert len(model.get_weights()) == len(tiny.body().weights) + 2
    body = model.layers[1]
    np.testing.assert_array_equal(body.get_weights()[1], 0)  # the first bias, as it is initialised
    x, y = tiny.target().read("train", np.arange(60))
    assert (model.predict(x, verbose=0).argmax(axis=1) == y).mean() > 0.3  # chance is 0.1
    card = card_of(tmp_path / "start.keras")
    assert card["made"] == {"start": "pretrained", "head": "linear", "fine_tuned_epochs": 0}
    assert card["recorded"] == {}
    assert freshly(tmp_path / "start.keras", "val", tmp_path) == card["accuracies"]["val"]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_linear_head_is_logistic_regression_on_standardised_features(classes):
    rng = np.random.default_rng(0)
    y = np.arange(90) % classes
    z = rng.normal(size=(90, 5)) * [1, 10, 0.1, 3, 1] + np.eye(classes, 5)[y] + [0, 50, 0, -7, 0]
    reference = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(z, y)
    kernel, bias = fitted(z, y, classes)
    logits = z @ kernel + bias
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(shifted / shifted.sum(axis=1, keepdims=True), reference.predict_proba(z), atol=1e-3)


def test_fine_tuning_trains_every_weight_and_repeats(job, tmp_path):
    _, ranking = job
    plain = ranking.model("tiny", head="linear")
    tuned = ranking.model("tiny", head="linear", fine_tune=6, path=tmp_path / "tuned.keras")
    again = ranking.model("tiny", head="linear", fine_tune=6)
    for before, after, repeated in zip(plain.get_weights(), tuned.get_weights(), again.get_weights(), strict=True):
        assert not np.array_equal(before, after)
        np.testing.assert_array_equal(after, repeated)
    card = card_of(tmp_path / "tuned.keras")
    assert card["made"]["fine_tuned_epochs"] == 6
    assert freshly(tmp_path / "tuned.keras", "test", tmp_path) == card["accuracies"]["test"]


@keras.saving.register_keras_serializable(package="tests")
class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


def test_a_layer_that_is_not_keras_own_is_named_by_the_card(tmp_path):
    def body():
        return keras.Sequential([tiny.body(), Doubled()])

    ranking = tiny.ranked(tmp_path / "runs.db", {"own": body}, runs=1, epochs=1)
    ranking.model(path=tmp_path / "own.keras")
    assert card_of(tmp_path / "own.keras")["needs"] == [__name__]


@keras.saving.register_keras_serializable(package="tests")
def registered(x):
    return keras.ops.relu(x)


def unregistered(x):
    return keras.ops.relu(x)


def test_functions_that_are_not_keras_own_are_named_and_with_them_the_model_loads(tmp_path):
    def body():
        inside = [tiny.body(), keras.layers.Dense(4, registered), keras.layers.Dense(4, activation=unregistered)]
        return keras.Sequential([*inside, keras.layers.Lambda(lambda x: 2 * x, output_shape=(4,))])

    model = tiny.ranked(tmp_path / "runs.db", {"own": body}, runs=1, epochs=1).model(path=tmp_path / "own.keras")
    needed = sorted([__name__, "custom_objects=unregistered", "safe_mode=False"])
    assert card_of(tmp_path / "own.keras")["needs"] == needed
    given = {"custom_objects": {"unregistered": unregistered}, "safe_mode": False}
    for missing in given:
        with pytest.raises((TypeError, ValueError)):
            keras.models.load_model(tmp_path / "own.keras", **{name: given[name] for name in given if name != missing})
    loaded = keras.models.load_model(tmp_path / "own.keras", **given)
    x, _ = tiny.target().read("val", np.arange(4))
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_what_cannot_be_made_is_said(job, tmp_path):
    folder, ranking = job
    for given, message in [
        ({"candidate": "tine"}, "unknown candidate 'tine'; did you mean 'tiny'"),
        ({"candidate": "bad"}, "candidate 'bad' has no state to hand over, every run of it failed"),
        ({"start": "begun"}, "start must be one of observed, pretrained, got 'begun'"),
        ({"head": "cubic"}, "head must be one of probe, linear, got 'cubic'"),
        ({"start": "pretrained", "head": "probe"}, "a probe of random weights"),
        ({"fine_tune": -1}, "fine_tune must be a whole number of at least 0, got -1"),
        ({"path": "winner.h5"}, r"path must end in .keras.*got 'winner.h5'"),
        ({"path": tmp_path / "none" / "a.keras"}, "there is no folder"),
    ]:
        with pytest.raises(ValueError, match=message):
            ranking.model(**given)
    with pytest.raises(ValueError, match=r"made from tables and has no networks.*ncap.export_model"):
        ncap.ranking.order.rank_records(folder / "runs.db").model()


def test_a_state_whose_checkpoint_was_pruned_is_gone_and_its_start_is_not(tmp_path):
    ranking = tiny.ranked(tmp_path / "runs.db", runs=1, epochs=1)
    with Store(tmp_path / "runs.db") as store:
        prune(store)
    with pytest.raises(ValueError, match=r"no checkpoint of it is there; train it again.*start='pretrained'"):
        ranking.model()
    assert ranking.model(start="pretrained").output_shape == (None, 10)


def test_a_state_that_is_later_than_what_was_ranked_is_said(tmp_path):
    given = {"runs": 1, "rule": "last_seen"}
    later = tiny.ranked(tmp_path / "runs.db", epochs=2, **given)
    later.model()  # without a warning
    earlier = tiny.ranked(tmp_path / "runs.db", epochs=1, **given)
    said = "candidate 'tiny' is handed over as it is after 2 epochs, and the ranking has seen 1: the store keeps the newest"
    with pytest.warns(UserWarning, match=said):
        earlier.model(path=tmp_path / "later.keras")
    assert card_of(tmp_path / "later.keras")["made"]["epochs"] == 2
    with pytest.warns(UserWarning, match=said):
        ncap.select(
            {"tiny": tiny.body}, tiny.target(), store=tmp_path / "runs.db", out=tmp_path / "out", epochs=1, final_epochs=1, runs=1,
            hidden=(8, 6), frozen=False, progress=False,
        )  # fmt: skip


@pytest.mark.filterwarnings(tiny.RAW)
def test_a_start_that_is_built_otherwise_by_now_is_refused(tmp_path):
    builds = [tiny.narrow]
    ranking = tiny.ranked(tmp_path / "runs.db", {"mine": lambda: builds[-1]()}, runs=1, epochs=1, rule="last_seen")
    builds.append(tiny.body)
    with pytest.raises(ValueError, match="the body of 'mine' is not the one whose epochs the store has"):
        ranking.model("mine", start="pretrained", path=tmp_path / "start.keras")
    assert not (tmp_path / "start.keras").exists()


def test_a_model_that_cannot_be_written_leaves_the_old_one(job, tmp_path):
    _, ranking = job
    (tmp_path / "kept.json").mkdir()  # where the card should go
    (tmp_path / "kept.keras").write_bytes(b"old")
    with pytest.raises(OSError, match=r"kept.keras: the model could not be written \(Is a directory\)"):
        ranking.model(path=tmp_path / "kept.keras")
    assert (tmp_path / "kept.keras").read_bytes() == b"old"
    assert {file.name for file in tmp_path.iterdir()} == {"kept.json", "kept.keras"}
