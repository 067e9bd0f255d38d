"""What a job scores is what it trained: the body that a run started from, on images of the job's size."""

import keras
import numpy as np
import pytest
import tiny
from keras import layers

import ncap
from ncap import scores
from ncap.candidates import FactoryCandidate
from ncap.job import Job
from ncap.records.schema import SCORES
from ncap.records.store import Store
from ncap.training.fingerprint import body_fingerprint
from ncap.training.initial_body import AsInRun
from ncap.training.run import initial_body
from ncap.training.seeds import derived_seed

FEW = {"epochs": 1, "runs": 1, "rule": "last_seen", "scores": "h_score"}


def any_size():
    """A body that takes images of every size, and whose features depend on it."""
    keras.utils.set_random_seed(1)
    stack = [layers.Rescaling(1 / 255), layers.Conv2D(5, 3, activation="relu"), layers.GlobalAveragePooling2D()]
    return keras.Sequential([keras.Input((None, None, 1)), *stack])


def kept(store):
    with Store(store) as opened:
        return opened.table(SCORES).set_index("candidate")


def test_a_body_of_any_size_is_scored_at_the_size_of_the_job(tmp_path):
    """It was scored at the images' own size, whatever it was trained at."""
    own = {"any": any_size}
    tiny.ranked(tmp_path / "runs.db", own, size=16, **FEW)
    at_16, at_its_own = (ncap.score(own, tiny.target(), "h_score", size=size)["value"][0] for size in (16, None))
    assert kept(tmp_path / "runs.db").loc["any", "value"] == at_16 != at_its_own


def test_a_proxy_sees_images_of_the_size_that_is_asked_for():
    at_16, at_its_own = (
        ncap.score({"any": any_size}, tiny.target(), "grad_norm", size=size)["value"][0] for size in (16, None)
    )
    assert np.isfinite([at_16, at_its_own]).all()
    assert at_16 != at_its_own
    row = ncap.score({"own": tiny.narrow}, tiny.target(), "grad_norm", size=16).iloc[0]
    assert row["note"].startswith("failed (ValueError: size=16: the body takes images of 8 x 8 only")


def test_a_size_that_a_body_does_not_take_is_refused():
    with pytest.raises(ValueError, match="size=9"):
        ncap.score("plain", tiny.target(), "h_score", size=9)
    row = ncap.score({"own": tiny.narrow}, tiny.target(), "h_score", size=16).iloc[0]
    assert row["note"] == "failed (ValueError: size=16: the body takes images of 8 x 8 only; leave the size out)"
    with pytest.raises(ValueError, match="size must be a whole number of at least 1, got 0"):
        ncap.score({"own": tiny.narrow}, tiny.target(), "h_score", size=0)


def test_weights_that_are_drawn_anew_are_scored_as_the_first_run_drew_them(tmp_path):
    tiny.ranked(tmp_path / "runs.db", **FEW)
    keras.utils.set_random_seed(derived_seed(0, "tiny", 0, "body"))
    body, (x, y) = tiny.body(), tiny.target().sample("train", 4096, seed=0)
    row = kept(tmp_path / "runs.db").loc["tiny"]
    # float32 sums in batches of another size
    assert row["value"] == pytest.approx(scores.h_score(np.asarray(body(x)), y), rel=1e-4)
    assert row["note"] == ""


def unseeded():
    """A body whose weights no seed of ours decides."""
    body = tiny.narrow()
    body.set_weights([np.random.default_rng().normal(size=weights.shape) / 255 for weights in body.get_weights()])
    return body


@pytest.mark.filterwarnings(tiny.RAW)
def test_a_body_that_is_another_by_now_has_no_score(tmp_path):
    """Its score was that of weights which nobody had trained."""
    tiny.ranked(tmp_path / "runs.db", {"unseeded": unseeded}, **FEW)
    row = kept(tmp_path / "runs.db").loc["unseeded"]
    assert np.isnan(row["value"])
    assert "failed (ValueError: the body of 'unseeded' is not the one whose epochs the store has" in row["note"]


def test_the_head_of_a_body_that_is_another_by_now_is_not_scored_either():
    class Headed(FactoryCandidate):
        def classifier(self):
            return keras.Sequential([tiny.body(), layers.Dense(4, "softmax")])

    job, headed = Job(), Headed("headed", tiny.body)
    known = AsInRun(job, headed, 0, body_fingerprint(initial_body(job, headed)))
    assert known.classifier().output_shape == (None, 4)
    assert known.build().count_params() == tiny.body().count_params()
    with pytest.raises(ValueError, match="is not the one whose epochs"):
        AsInRun(job, headed, 0, body_fingerprint(initial_body(job, headed, run=1))).classifier()


def test_a_candidate_that_failed_is_not_scored(tmp_path):
    """Where one run failed, the body of the next is scored."""

    class Second:
        calls = 0

        def __call__(self):
            self.calls += 1
            if self.calls == 2:  # the first is the check before training
                raise RuntimeError("not now")
            return tiny.body()

    second = Second()
    own = {"failing": tiny.failing, "second": second}
    tiny.ranked(tmp_path / "runs.db", own, **FEW | {"runs": 2})
    table = kept(tmp_path / "runs.db")
    assert table.index.tolist() == ["second"]
    keras.utils.set_random_seed(derived_seed(0, "second", 1, "body"))
    body, (x, y) = tiny.body(), tiny.target().sample("train", 4096, seed=0)
    assert table.loc["second", "value"] == pytest.approx(scores.h_score(np.asarray(body(x)), y), rel=1e-4)
