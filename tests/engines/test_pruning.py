"""Checkpoints removed on request: whatever is trained on afterwards has the numbers that it would have had."""

import pandas as pd
import tiny
from tiny import ranked, without_times

from ncap.engines.pruning import prune
from ncap.records.store import Store


def test_a_pruned_job_is_answered_from_the_tables_and_trained_on_to_the_same_numbers(tmp_path):
    store, candidates = tmp_path / "runs.db", {"tiny": tiny.body}
    before = ranked(store, candidates, runs=1, epochs=2)
    with Store(store, create=False) as opened:
        count, size = prune(opened)
        assert count == 1
        assert size > 10_000
        assert prune(opened) == (0, 0)
    assert not list(tmp_path.rglob("*.h5"))
    pd.testing.assert_frame_equal(ranked(store, candidates, runs=1, epochs=2).table, before.table)
    assert not list(tmp_path.rglob("*.h5"))  # nothing was trained
    resumed = ranked(store, candidates, runs=1, epochs=3).observations
    undisturbed = ranked(tmp_path / "undisturbed.db", candidates, runs=1, epochs=3).observations
    pd.testing.assert_frame_equal(without_times(resumed), without_times(undisturbed), check_exact=True)
