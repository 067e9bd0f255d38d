"""Scores of candidates on a target, and the laws of every score."""

import math
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import tiny
from keras import layers

import ncap
from ncap import candidates, scores, targets
from ncap.registry import Registry
from ncap.scores import SCORES, Score, scoring
from ncap.scores.sampling_error import sampling_error
from ncap.testing.scores import check_score


@pytest.mark.parametrize("name", scores.names())
def test_members_keep_the_laws(name):
    check_score(SCORES.get(name))
    assert getattr(scores, name) is SCORES.get(name).function


def told(function, undefined=lambda z, y: "", needs="features"):
    return Score("told", needs, "nobody", "nothing", function, undefined)


def spread(z, y):
    """A score that keeps the laws: the spread of the class means against that of the samples."""
    z = np.asarray(z, float)
    if len(z) != len(y) or not np.isfinite(z).all():
        raise ValueError("features")
    means = np.array([z[y == c].mean(axis=0) for c in np.unique(y)])
    return float(np.ptp(means, axis=0).max() / (np.ptp(z, axis=0).max() + 1))


@pytest.mark.parametrize("needs", ["features", "source_probabilities"])
def test_the_kit_takes_a_score_that_keeps_the_laws(needs):
    check_score(told(spread, needs=needs))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (told(lambda z, y: -spread(z, y)), "the larger must be the better"),
        (told(lambda z, y: np.float32(spread(z, y))), "a score is a float"),
        (told(lambda z, y: math.nan), "the score of ordinary samples is nan"),
        (told(lambda z, y: spread(z, y) + y[0]), "the order of the samples matters"),
        (told(lambda z, y: spread(z, y) + (y == 1) @ z[:, 0]), "the numbering of the classes matters"),
        (told(lambda z, y: spread(np.nan_to_num(z), y)), "NaN must be refused"),
        (told(lambda z, y: spread(z, y) if np.ptp(y) else math.inf), "one class: the score is inf"),
        (told(lambda z, y: spread(z, y) + np.random.default_rng().random()), "the same inputs give two numbers"),
        (told(spread, lambda z, y: "never" if len(y) == 12 else ""), "the score of ordinary samples is nan: never"),
    ],
)
def test_the_kit_sees_what_breaks_a_law(wrong, message):
    with pytest.raises(AssertionError, match=message):
        check_score(wrong)


def trained_a_step(model, x, y):
    model.weights[0].assign(model.weights[0] + 1)
    return float(len(y))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda model, x, y: len(y), "a score is a float"),
        (lambda model, x, y: float(np.random.default_rng().random()), "the same inputs give two numbers"),
        (trained_a_step, "the score changed the network"),
        (lambda model, x, y: float(x[0].mean()), "the order of the images matters"),
        (lambda model, x, y: 1.0, "images of another size must be refused"),
    ],
)
def test_the_kit_sees_what_a_proxy_breaks(function, message):
    with pytest.raises(AssertionError, match=message):
        check_score(told(function, lambda model, x, y: "", needs="network"))


def test_a_score_says_what_it_needs():
    with pytest.raises(ValueError, match="needs must be one of features, source_probabilities, "):
        told(spread, needs="z")
    with pytest.raises(ValueError, match="cost must be one of none, forward, fit, gradient, got 'cheap'"):
        Score("told", "features", "-", "-", spread, lambda z, y: "", cost="cheap")


# candidates


def test_features_come_from_the_body_pooled_in_the_order_of_the_sample():
    body = keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), layers.Conv2D(5, 3)])
    target = tiny.target()
    table = ncap.score({"maps": lambda: body}, target, ["log_me"], n=40, seed=3)
    x, y = target.sample("train", 40, seed=3)
    features = np.asarray(body(x)).mean(axis=(1, 2))
    assert list(table) == ["candidate", "score", "value", "seconds", "note"]
    assert table[["candidate", "score", "note"]].to_numpy().tolist() == [["maps", "log_me", ""]]
    # float32 means in another order
    assert table["value"][0] == pytest.approx(scores.log_me(features, y), rel=1e-4)
    assert table["seconds"][0] > 0


def test_images_are_resized_and_names_are_ordered():
    table = ncap.score("residual, mlp", tiny.target(), "log_me")
    assert table["candidate"].tolist() == ["residual", "mlp"]
    assert np.isfinite(table["value"]).all()
    again = ncap.score(["residual", "mlp"], tiny.target(), "log_me, log_me")
    np.testing.assert_array_equal(again["value"], table["value"])


def test_one_forward_pass_serves_all_scores(monkeypatch):
    """A score is a line: features and probabilities are computed once, and each kind gets what it needs."""
    calls = []

    class Counted(candidates.Candidate):
        name = "counted"

        def build(self):
            calls.append("body")
            return tiny.body()

        def classifier(self):
            calls.append("classifier")
            return keras.Sequential([tiny.body(), layers.Dense(4, "softmax")])

    def of_model(body, x, y):
        return float(len(x) + body.output_shape[-1])

    made = {
        "one": told(spread),
        "two": told(spread),
        "chances": told(lambda p, y: float(p.sum()), needs="source_probabilities"),
        "answers": told(lambda c, y: float(c.max()), needs="source_labels"),
        "whole": told(of_model, lambda body, x, y: "", needs="model"),
        "fails": told(lambda body, x, y: float(x @ y), lambda body, x, y: "", needs="model"),
    }
    for name, score in made.items():
        monkeypatch.setitem(
            globals(), name.upper(), Score(name, score.needs, "-", "-", score.function, score.undefined)
        )
    monkeypatch.setattr(scoring, "SCORES", Registry("score", {name: f"{__name__}:{name.upper()}" for name in made}))
    table = ncap.score({"counted": Counted()}, tiny.target(), list(made), n=30).set_index("score")
    assert calls == ["body", "classifier"]
    assert table.loc["one", "value"] == table.loc["two", "value"]
    assert (table["seconds"] > 0).all()
    assert table.loc["chances", "value"] == pytest.approx(30, rel=1e-5)
    assert table.loc["answers", "value"] in range(4)
    assert table.loc["whole", "value"] == 36
    assert table.loc["fails", "note"].startswith("failed (ValueError: matmul")
    assert scoring.list_scores()["score"].tolist() == list(made)
    monkeypatch.setattr(scoring, "SCORES", Registry("score", {"chances": f"{__name__}:CHANCES"}))
    row = ncap.score(candidates.FactoryCandidate("tiny", tiny.body), tiny.target()).iloc[0]
    assert (math.isnan(row["value"]), row["note"]) == (True, "the candidate has no head of its own")


def test_a_candidate_that_fails_says_why_and_stops_no_other():
    own = {"failing": tiny.failing, "diverging": tiny.diverging, "tiny": tiny.body}
    table = ncap.score(own, tiny.target(), "log_me").set_index("candidate")
    assert table["value"].isna().tolist() == [True, True, False]
    assert table.loc["failing", "note"] == "failed (RuntimeError: no [red]weights[/red])"
    assert table.loc["diverging", "note"] == "the network returns NaN or infinity"


def test_one_class_gives_a_reason(monkeypatch):
    value = SCORES.get("log_me").value([[1.0], [2.0]], [0, 0])
    assert math.isnan(value.value)
    assert value.note == "all samples are of one class"


def test_the_table_lists_the_scores():
    table = ncap.list_scores()
    assert list(table) == ["score", "needs", "cost", "source", "summary"]
    assert table["score"].tolist() == scores.names()
    assert table.set_index("score")["cost"][["parameters", "log_me", "n_leep"]].tolist() == ["none", "forward", "fit"]


def test_listing_scores_loads_neither_framework_nor_science():
    script = (
        "import sys; from ncap import scores; scores.names();"
        "print([m for m in ('keras', 'sklearn', 'scipy', 'pandas', 'numba') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_an_unknown_score_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'logme'; scores: log_me, leep"):
        scores.logme  # noqa: B018


def test_targets_are_passed_as_everywhere(tmp_path):
    x, y = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), np.uint8), np.arange(30) % 3
    np.savez(tmp_path / "own.npz", x=x, y=y)
    by_path = ncap.score({"tiny": tiny.narrow}, tmp_path / "own.npz", "log_me", n=18)
    assert math.isfinite(by_path["value"][0])
    assert targets.load(tmp_path / "own.npz").lengths["train"] == 18


def _body(dtype="float32", head=False):
    keras.utils.set_random_seed(0)
    stack = [layers.Rescaling(1 / 255), layers.Conv2D(6, 3, activation="relu"), layers.GlobalAveragePooling2D()]
    stack += [layers.Dense(10, activation="softmax")] * head
    model = keras.Sequential([keras.Input((8, 8, 1)), *stack])
    for layer in model.layers:
        layer.dtype_policy = keras.DTypePolicy(dtype)
    return model


def test_the_probabilities_of_a_head_are_not_scored_as_features():
    """A head is cut where it is clear where the features end; a body that ends in one all the same has no score."""
    unclear = keras.Sequential(
        [keras.Input((8, 8, 1)), *_body().layers, layers.Softmax(name="soft")]
    )  # scores are pooled
    chosen = {"bare": _body, "headed": lambda: _body(head=True), "unclear": lambda: unclear}
    bare, headed, refused = ncap.score(chosen, "digits", "log_me", n=100).to_dict("records")
    assert headed["value"] == bare["value"]
    assert math.isnan(refused["value"])
    assert "ends in the softmax of layer 'soft" in refused["note"]


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_a_body_in_half_precision_is_scored(dtype):
    chosen = {"full": _body, "half": lambda: _body(dtype)}
    full, half = ncap.score(chosen, "digits", "log_me", n=100)["value"]
    assert half == pytest.approx(full, abs=0.01)
    assert half != full


# what is known without a forward pass


def test_what_is_known_of_a_candidate_is_a_score():
    """Nothing is built for it: the names of mini tell all."""
    table = ncap.score("plain", tiny.target(), "parameters,multiply_adds,source_accuracy,mean_rank").set_index("score")
    (plain,) = candidates.describe("plain")
    assert table["value"][["parameters", "multiply_adds"]].tolist() == [plain.parameters, plain.multiply_adds]
    assert 0.5 < table["value"]["source_accuracy"] < 1
    assert table["note"].tolist() == ["", "", "", "no accuracies of it on other targets are given (history)"]


def test_the_size_of_an_own_body_is_counted():
    table = ncap.score({"own": tiny.narrow}, tiny.target(), ["parameters", "multiply_adds", "source_accuracy"])
    assert table["value"].tolist()[:2] == [64 * 3 + 3, 64 * 3]
    assert table["note"].tolist() == ["", "", "the accuracy at the source is not known"]


def test_the_order_on_other_targets_is_a_score_and_that_on_the_target_is_not_read():
    lines = [("a", "mlp", 0.9), ("a", "plain", 0.5), ("a", "dense", 0.7), ("b", "mlp", 0.2), ("b", "plain", 0.8)]
    history = pd.DataFrame(
        [*lines, ("digits", "mlp", 0.0), ("digits", "plain", 1.0)], columns=["target", "candidate", "accuracy"]
    )
    table = ncap.score("mlp,plain,dense,residual", "digits", "mean_rank", n=10, history=history)
    assert table["value"].tolist()[:3] == [0.5, 0.5, 0.5]  # 1 and 0; 0 and 1; the middle of three
    assert math.isnan(table["value"][3])
    spelled = pd.concat([history, history[-2:].assign(target=" Digits")])
    again = ncap.score("mlp,plain,dense,residual", "digits", "mean_rank", n=10, history=spelled)
    assert again["value"].tolist()[:3] == [0.5, 0.5, 0.5]
    with pytest.raises(ValueError, match="accuracy"):
        ncap.score("mlp", "digits", "mean_rank", history=history.assign(accuracy="good"))


# the error of a sample


def test_the_error_is_how_far_other_samples_lead():
    """Against the spread of the score over 60 samples of their own; the jackknife's mean is known to some 10 %."""
    y = np.arange(120) % 3
    score = SCORES.get("h_score")
    values, errors = [], []
    for seed in range(60):
        features = np.random.default_rng(seed).normal(size=(120, 5)) + 0.7 * np.eye(5)[y]
        values.append(score.function(features, y))
        errors.append(sampling_error(score, features, y))
    assert 0.7 < np.sqrt(np.mean(np.square(errors))) / np.std(values) < 1.5


def test_the_error_is_a_column_where_it_is_asked_for():
    table = ncap.score("mlp", "digits", "log_me,leep,parameters", n=100, error=True).set_index("score")
    assert list(table) == ["candidate", "value", "error", "seconds", "note"]
    assert 0 < table["error"]["log_me"] < 0.2
    assert table["error"].isna().tolist() == [False, True, True]
    assert math.isnan(sampling_error(SCORES.get("log_me"), [[1.0], [2.0]], [0, 1]))  # not five groups


@pytest.mark.parametrize("per_class", [1, 2, 3, 7])
def test_a_fifth_of_the_sample_is_left_out_also_of_small_classes(per_class):
    """Of classes of two, a half was left out twice and nothing three times."""
    n, sizes = 30 * per_class, []

    def mean(z, y):
        sizes.append(len(y))
        return float(np.mean(z))

    y = np.random.default_rng(0).permutation(np.repeat(np.arange(30), per_class))
    values = np.random.default_rng(1).normal(size=400 * n).reshape(400, n, 1)
    errors = [sampling_error(told(mean), z, y) for z in values]
    assert set(sizes) == {n - n // 5}
    # The root of a mean of 400 squares, each of four degrees of freedom, is known to 1.8 %.
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(1 / math.sqrt(n), rel=0.07)
