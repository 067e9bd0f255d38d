"""Candidates that were trained for different numbers of epochs: what is compared then is said."""

from math import isnan, nan

import pandas as pd
import pytest
from made_records import line, records, tables

from ncap.ranking.comparison import compare
from ncap.ranking.order import rank_records
from ncap.ranking.prediction import predict


def test_a_candidate_that_was_observed_less_long_than_others_has_a_note():
    uneven = records(long=line(0.8, (6, 5, 4, 3, 2, 1)), short=line(0.9))
    table = rank_records(uneven, "last_seen").table.set_index("candidate")
    assert "observed for 4 epochs, others for up to 6" in table.loc["short", "note"]
    assert "observed for" not in table.loc["long", "note"]
    even = rank_records(uneven.of(epochs=4), "last_seen").table
    assert not even["note"].str.contains("observed for").any()


def test_ends_after_different_epochs_are_no_truth_without_a_warning(recwarn):
    uneven = records(long=line(0.8, (6, 5, 4, 3, 2, 1)), short=line(0.9))
    with pytest.warns(UserWarning, match="different numbers of epochs, short after 4 and long after 6"):
        uneven.truth()
    with pytest.warns(UserWarning, match="one after 1 and one after 2"):
        records(one=line(0.8, (2, 1)), one_1=line(0.8, (2,))).truth()
    recwarn.clear()
    uneven.of(epochs=4).truth()
    assert not recwarn.list


def test_runs_that_do_not_compare_tick_by_tick_have_a_note():
    """Such runs were averaged, tick by tick, and nothing was said."""
    made = tables(a=line(0.8), a_1=line(0.9), b=line(0.7))
    assert "do not compare" not in " ".join(predict(made)["note"])
    later = made["observations"]["run"] == 1
    made["observations"].loc[later, "epoch"] *= 2
    for rule in ("capacitance", "last_seen"):
        notes = predict(made, rule).set_index("candidate")["note"]
        assert "mean over runs that do not compare: tick 1 is epoch 1 of one and 2 of another" in notes["a"]
        assert "compare" not in notes["b"]


def test_a_run_that_was_observed_less_long_shortens_its_candidate():
    """The mean over runs ends where one of them does."""
    table = rank_records(records(a=line(0.8, (6, 5, 4, 3, 2, 1)), a_1=line(0.8), b=line(0.9, (6, 5, 4, 3, 2, 1)))).table
    assert "observed for 4 epochs, others for up to 6" in table.set_index("candidate").loc["a", "note"]


def test_seconds_that_were_not_recorded_are_not_0():
    made = tables(a=line(0.8), b=line(0.9))
    made["readings"].loc[0, "seconds"] = nan
    truth = pd.DataFrame({"target": "digits", "candidate": ["a", "b"], "accuracy": [0.8, 0.9]})
    table = rank_records(made).table.set_index("candidate")
    assert (isnan(table.loc["a", "seconds_beta"]), table.loc["b", "seconds_beta"]) == (True, 2.0)
    seconds = compare(made, truth, ["capacitance", "last_seen"])["seconds"].tolist()
    assert (isnan(seconds[0]), seconds[1]) == (True, 8.0)
    made["readings"] = made["readings"][1:]  # a tick that was not read took no time
    assert rank_records(made).table.set_index("candidate").loc["a", "seconds_beta"] == 1.5
