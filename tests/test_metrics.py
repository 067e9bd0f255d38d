"""Metrics: their arithmetic beside scikit-learn's, in training on the backend, and through a whole job."""

import keras
import numpy as np
import pandas as pd
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from ncap import metrics
from ncap.balance import Balance
from ncap.metrics import METRICS, confusion
from ncap.ranking.doubts import Chance
from ncap.ranking.order import rank_records
from ncap.report import write_report
from ncap.report.terminal import ranking_table
from ncap.targets import Target
from ncap.terminal import open_console
from ncap.training.confusion import ConfusionMetric
from ncap.training.evaluation import metric_and_loss

pytestmark = pytest.mark.filterwarnings(tiny.RAW)
THEIRS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "macro_f1": lambda y, predicted: f1_score(y, predicted, average="macro"),
}
PAIRS = st.integers(2, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=60),
    )
)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
@given(drawn=PAIRS)
def test_a_metric_is_that_of_scikit_learn(name, drawn):
    classes, pairs = drawn
    y, predicted = np.array(pairs).T
    ours = METRICS[name].of(confusion(y, predicted, classes))
    assert ours == pytest.approx(THEIRS[name](y, predicted), abs=1e-12)
    logits = np.eye(classes)[predicted]
    assert metric_and_loss(logits, y, name)["accuracy"] == ours
    # in training: in batches, in float32
    metric = ConfusionMetric(name, classes)
    for start in range(0, len(y), 7):
        metric.update_state(y[start : start + 7], logits[start : start + 7].astype(np.float32))
    assert float(metric.result()) == pytest.approx(ours, abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0


@given(drawn=PAIRS)
def test_accuracy_is_the_mean_of_right_answers_to_the_last_digit(drawn):
    """As it was computed before there was a choice: stored numbers must not change."""
    classes, pairs = drawn
    y, predicted = np.array(pairs).T
    assert metric_and_loss(np.eye(classes)[predicted], y)["accuracy"] == float(np.mean(predicted == y))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("acuracy", "did you mean 'accuracy'"),
        ("f1", "must be one of accuracy, balanced_accuracy, macro_f1, got 'f1'"),
        (None, "got None"),
    ],
)
def test_another_metric_is_refused(value, message):
    with pytest.raises(ValueError, match=f"metric.*{message}"):
        metrics.checked("metric", value)


# chance


@given(shares=st.lists(st.floats(0.05, 1), min_size=2, max_size=6), guess=st.integers(0, 2**32 - 1))
def test_no_guess_that_does_not_look_beats_chance(shares, guess):
    """In expectation over many images: recalls are the guess's own shares, precisions those of the classes."""
    p = np.array(shares) / np.sum(shares)
    q = np.random.default_rng(guess).dirichlet(np.ones(len(p)))
    expected = np.outer(p, q)
    facts = {"classes": len(p), "most_frequent_class": float(p.max()), "validation_images": 10**6}
    for name in METRICS:
        chance = Chance.of(facts | {"metric": name})
        assert METRICS[name].of(expected) <= chance.share + 1e-9
    assert METRICS["macro_f1"].of(np.outer(p, p)) == pytest.approx(1 / len(p))


def test_the_level_of_chance_is_wider_where_a_class_is_rare():
    facts = {"classes": 4, "most_frequent_class": 0.7, "validation_images": 400, "metric": "balanced_accuracy"}
    even, rare = (Chance.of(facts | Balance(share, 0.7).facts) for share in (0.25, 0.02))
    assert even.level == pytest.approx(0.25 + 2 * np.sqrt(0.25 * 0.75 / 400))
    assert rare.level == pytest.approx(0.25 + 2 * np.sqrt(0.25 * 0.75 / 32))
    assert str(rare) == "guessing has a balanced accuracy of 0.250 on 4 classes"


# a whole job


def uneven():
    """Digits 0, 1 and 2, of which the second is rare."""
    from ncap import targets

    digits = targets.load("digits")
    parts = {}
    for part in digits.parts:
        y = digits.labels(part)
        rows = np.concatenate([np.flatnonzero(y == label)[:n] for label, n in ((0, 60), (1, 12), (2, 60))])
        parts[part] = digits.images(part, rows), y[rows]
    return Target.from_parts("uneven", parts, seed=0)


@pytest.fixture(scope="module", name="jobs")
def _jobs(tmp_path_factory):
    """One job by each metric, in one store."""
    import ncap

    folder = tmp_path_factory.mktemp("metrics")
    given = {"epochs": 4, "hidden": (8, 6), "frozen": False, "progress": False, "store": folder / "runs.db"}
    return {
        name: ncap.rank({"tiny": tiny.body, "narrow": tiny.narrow}, uneven(), metric=name, out=folder / name, **given)
        for name in METRICS
    }, folder


def test_the_columns_hold_the_metric_and_training_is_the_same(jobs):
    rankings, _ = jobs
    losses = [ranking.observations[["candidate", "tick", "train_loss", "val_loss"]] for ranking in rankings.values()]
    for other in losses[1:]:
        pd.testing.assert_frame_equal(other, losses[0], check_exact=True)
    hashes = {ranking.facts["settings"] for ranking in rankings.values()}
    assert len(hashes) == 3
    for column in ("train_accuracy", "val_accuracy", "test_accuracy"):
        values = [tuple(ranking.observations[column]) for ranking in rankings.values()]
        assert len(set(values)) == 3, f"{column} is the same by every metric"
        assert all(0 <= value <= 1 for column in values for value in column)
    assert "metric" not in rankings["accuracy"].facts
    assert rankings["macro_f1"].facts["metric"] == "macro_f1"


def test_what_is_stored_is_the_metric_of_the_predictions(jobs):
    """The last tick, once more, by scikit-learn on the predictions of a model that was trained to it."""
    from ncap.candidates import resolve
    from ncap.job import Job
    from ncap.training.run import Training

    rankings, _ = jobs
    for name in METRICS:
        training = Training(
            Job(hidden=(8, 6), frozen=False, metric=name), resolve({"tiny": tiny.body})["tiny"], uneven()
        )
        tick = training.tick(1, Job().places()[0])
        x, y = uneven().read("val", np.arange(uneven().lengths["val"]))
        expected = THEIRS[name](y, np.asarray(training.model.predict_on_batch(x)).argmax(axis=1))
        assert tick.observation["val_accuracy"] == pytest.approx(expected, abs=1e-12)
        seen = rankings[name].observations
        first = seen[(seen["candidate"] == "tiny") & (seen["tick"] == 1)]
        assert first["val_accuracy"].tolist() == [tick.observation["val_accuracy"]]
        assert first["train_accuracy"].tolist() == pytest.approx([tick.observation["train_accuracy"]])
        keras.utils.clear_session()


@pytest.mark.parametrize("name", METRICS)
def test_page_and_terminal_name_the_metric(jobs, name):
    rankings, folder = jobs
    page = (folder / name / "report.html").read_text()
    metric = METRICS[name]
    assert f"predicted {metric.words} " in page
    assert f"The fit of {metric.words} on beta_eff" in page
    assert "{metric}" not in page
    assert "{Metric}" not in page
    assert (f"Every accuracy on this page is the <b>{metric.words}</b>" in page) == (name != "accuracy")
    assert ("--metric balanced_accuracy" in page) == (name == "accuracy")
    assert "The classes are imbalanced: of the training images, the rarest class has 0.091" in page
    console = open_console()
    with console.capture() as capture:
        console.print(ranking_table(rankings[name].table, metrics.of_facts(rankings[name].facts)))
    assert capture.get().startswith("Predicted order" if name == "accuracy" else f"Predicted order by {metric.words}: ")


def test_balanced_classes_and_older_jobs_say_nothing_of_balance(jobs, tmp_path):
    rankings, _ = jobs
    for changed in (Balance(0.3, 0.35).facts, dict.fromkeys(Balance(0.3, 0.35).facts)):
        ranking = rank_records(rankings["accuracy"].records)
        ranking.facts.update(changed)
        write_report(ranking, tmp_path)
        assert "imbalanced" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("labels", [[0, 1], [0] * 9 + [1], [2, 2, 1, 0, 0, 0]])
def test_balance_is_read_from_labels_and_kept_in_facts(labels):
    balance = Balance.of_labels(np.array(labels))
    counts = np.bincount(labels)
    assert (balance.rarest, balance.most_frequent) == (counts.min() / len(labels), counts.max() / len(labels))
    assert counts[balance.rarest_label] == counts.min()
    assert counts[balance.most_frequent_label] == counts.max()
    assert Balance.of_facts(balance.facts)[:2] == balance[:2]
    assert balance.is_even == (counts.max() <= 1.5 * counts.min())
