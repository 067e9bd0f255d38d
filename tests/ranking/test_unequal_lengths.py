"""Candidates that were trained for different numbers of epochs: what is compared then is said."""

from math import isnan, nan

import pandas as pd
import pytest
from made_records import line, records, tables

from ncap.ranking.comparison import compare
from ncap.ranking.order import rank_records
from ncap.ranking.outcomes import outcomes
from ncap.ranking.prediction import predict
from ncap.records.loading import load


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


def test_ticks_without_a_row_are_noted():
    made = tables(a=line(0.8, (6, 5, 4, 3, 2, 1)), b=line(0.9))
    kept = {name: rows[rows["tick"] != 3] for name, rows in made.items()}
    assert not predict(made)["note"].str.contains("have no row").any()
    assert predict(kept, "last_seen")["note"].tolist() == ["1 of 6 ticks have no row", "1 of 4 ticks have no row"]


def judged(**accuracies):
    return pd.DataFrame({"target": "digits", "candidate": list(accuracies), "accuracy": list(accuracies.values())})


def test_equal_ticks_of_different_epochs_are_compared_with_a_warning(recwarn):
    """Nothing was said: a tick of one was an epoch, of the other two."""
    made, truth = tables(a=line(0.8), b=line(0.9)), judged(a=0.8, b=0.9)
    compare(made, truth, "last_seen", ticks=[2, 4])
    assert not recwarn.list
    made["observations"].loc[made["observations"]["candidate"] == "b", "epoch"] *= 2
    with pytest.warns(UserWarning, match="after 2 ticks on 'digits', 'a' after 2 epochs and 'b' after 4 are compared"):
        compare(made, truth, ["last_seen", "best_seen"], ticks=2)
    short = tables(a=line(0.8), b=line(0.9, (4, 3)))
    with pytest.warns(UserWarning, match="after all ticks on 'digits', 'b' after 2 epochs and 'a' after 4 are"):
        compare(short, truth, "last_seen")
    recwarn.clear()
    compare(short, truth, "last_seen", ticks=2)
    compare(tables(a=line(0.8), b=line(0.7), c=line(0.9, (4, 3))), truth, "last_seen")  # c is not judged
    failed = tables(a=line(0.8), b=line(0.9, (4, 3)), failed=[("b", 0, 3, "x")])
    compare(failed, truth, "last_seen")
    # The mean over runs ends where the first of them does, and there all candidates are.
    compare(tables(a=line(0.8), a_1=line(0.8, (4, 3)), b=line(0.9, (4, 3))), truth, "last_seen")
    assert not recwarn.list


def test_curves_that_are_unfinished_are_learned_from_with_a_warning(recwarn):
    finished = tables(a=line(0.8), b=line(0.9))
    outcomes(load(finished))
    assert not recwarn.list
    with pytest.warns(UserWarning, match="count as ended where their records end, 'b' after 2 epochs and 'a' after 4:"):
        outcomes(records(a=line(0.8), b=line(0.9, (4, 3))))
    there = {name: rows.assign(target="letters") for name, rows in tables(a=line(0.8), b=line(0.9, (4, 3))).items()}
    both = {name: pd.concat([finished[name], there[name]]) for name in finished}
    with pytest.warns(UserWarning, match="curves of 'letters' count as ended") as warned:
        compare(both, judged(a=0.8, b=0.9), "affine_curves", ticks=[1, 2])
    assert len(warned) == 1
