"""A factory that returns a model which an earlier run has trained is refused; that run's end would be this run's start."""

import keras
import pytest
from tiny import body, ranked

from ncap.records.loading import load


def test_a_cached_model_is_not_trained_on_from_run_to_run(tmp_path):
    kept = body()
    ranked(tmp_path / "runs.db", {"kept": lambda: kept}, runs=2)
    (failure,) = load(tmp_path / "runs.db").failures.to_dict("records")
    assert failure["run"] == 1
    assert "'kept' returned weights that another run has trained already" in failure["reason"]
    assert "anew each time" in failure["reason"]


def test_candidates_that_share_a_trainable_backbone_do_not_train_each_others(tmp_path):
    backbone = body()
    shared = {"first": lambda: backbone, "second": lambda: keras.Sequential([backbone, keras.layers.Dense(4)])}
    ranking = ranked(tmp_path / "runs.db", shared, runs=1)
    assert ranking.table["status"].tolist()[-1] == "failed"
    assert ranking.table["candidate"].tolist()[-1] == "second"


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_backbone_may_be_shared(tmp_path, frozen):
    backbone = body()
    backbone.trainable = False
    shared = {name: lambda: keras.Sequential([backbone, keras.layers.Dense(4)]) for name in ("first", "second")}
    ranked(tmp_path / "runs.db", shared, runs=1, frozen=frozen)
    assert not len(load(tmp_path / "runs.db").failures)
