"""A failure that a run has got past is forgotten at once, and not only at the end of the run."""

import pytest
from tiny import ranked

from ncap.pipeline import NothingRankedError
from ncap.ranking.order import rank_records
from ncap.records.loading import load
from ncap.training.run import Training


@pytest.mark.heavy  # half a minute
def test_a_run_that_got_past_its_failure_and_was_interrupted_is_not_failed(tmp_path, monkeypatch):
    store, tick = tmp_path / "runs.db", Training.tick

    def raising(epoch, error):
        def replaced(training, number, place):
            if place.epoch == epoch:
                raise error
            return tick(training, number, place)

        monkeypatch.setattr(Training, "tick", replaced)

    raising(3, RuntimeError("out of memory"))
    with pytest.raises(NothingRankedError, match="in epoch 3: RuntimeError: out of memory"):
        ranked(store, runs=1)
    assert load(store).failures["epoch"].tolist() == [3]
    raising(4, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        ranked(store, runs=1)
    assert load(store).observations["tick"].tolist() == [1, 2, 3]
    assert load(store).failures.empty
    assert rank_records(store, "last_seen").table["status"].tolist() == ["ok"]
