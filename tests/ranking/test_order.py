"""From the tables of a job to a ranking."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from math import nan

import made_records
import numpy as np
import pandas as pd
import pytest
from made_records import READING, line, records, tables

from ncap.ranking.comparison import compare
from ncap.ranking.order import COLUMNS, rank_records, ties
from ncap.rules.contract import Prediction, Rule


def ranked(**runs):
    return rank_records(tables(**runs))


def test_an_exact_line_predicts_its_value_at_zero():
    table = ranked(a=line(0.8), b=line(0.9)).table
    assert table["candidate"].tolist() == ["b", "a"]
    np.testing.assert_allclose(table["predicted_accuracy"], [0.9, 0.8], atol=1e-4)  # the ridge's prior shrinks by less
    assert table["last_seen_accuracy"].tolist() == [0.9 - 0.1, 0.8 - 0.1]
    assert table[["epochs", "runs", "seconds_train", "seconds_beta", "beta_eff"]].iloc[0].tolist() == [
        4,
        1,
        4.0,
        2.0,
        1.0,
    ]


def test_the_mean_over_runs_is_predicted_from():
    """Of three runs, two of which agree: a median would be theirs."""
    three = ranked(a_0=line(0.7), a_1=line(0.7), a_2=line(1.0))
    alone = ranked(a=line(0.8))
    columns = ["predicted_accuracy", "predicted_std", "last_seen_accuracy", "best_seen_accuracy", "beta_eff"]
    np.testing.assert_allclose(three.table[columns].astype(float), alone.table[columns].astype(float), rtol=1e-9)
    assert three.table.loc[0, "runs"] == 3
    np.testing.assert_allclose(three.runs.sort_values("run")["predicted_accuracy"], [0.7, 0.7, 1.0], atol=1e-4)
    assert three.runs["rank"].tolist() == [1, 1, 1]  # ranked within each run


def test_beta_too_is_a_mean_over_runs():
    betas = ([4, 3, 2, 1], [4, 3, 2, 1], [7, 6, 5, 4])
    ranking = ranked(**{f"a_{run}": line(0.9, values) for run, values in enumerate(betas)})
    assert ranking.table.loc[0, "beta_eff"] == pytest.approx(2.0)  # of 1, 1, 4, whose median is 1


def shuffled(made):
    return {name: table.sample(frac=1, random_state=0) for name, table in made.items()}


def test_ties_go_by_name_and_order_of_rows_does_not_matter():
    made = tables(b=line(0.8), a=line(0.8))
    in_order, mixed = rank_records(made), rank_records(shuffled(made))
    assert in_order.candidates == ["a", "b"]
    pd.testing.assert_frame_equal(mixed.table, in_order.table)
    pd.testing.assert_frame_equal(mixed.runs, in_order.runs)


def test_equal_predictions_go_by_the_unclipped_value():
    """All are predicted 1.000; the alphabet has no say, and the last-seen accuracies point the other way."""
    rising = {"a": [0.6, 0.7, 0.8, 0.92], "b": [0.4, 0.6, 0.8, 0.91], "c": [0.1, 0.4, 0.7, 0.9]}
    ranking = ranked(**{name: list(zip([4.0, 3, 2, 1], seen, strict=True)) for name, seen in rising.items()})
    assert ranking.table["predicted_accuracy"].tolist() == [1.0, 1.0, 1.0]
    assert ranking.candidates == ["c", "b", "a"]
    assert ranking.ties == [["c", "b", "a"]]
    assert [ranking.predictions[name].order > 1 for name in "abc"] == [True] * 3


def test_equal_unclipped_values_go_by_the_last_seen_accuracy():
    seen = {"a": [0.6, 0.8, 0.4], "b": [0.4, 0.6, 0.8], "c": [0.6, 0.4, 0.8], "d": [0.1, 0.2, 0.3]}
    ranking = rank_records(
        tables(**{name: [(1.0, value) for value in values] for name, values in seen.items()}), "mean_seen"
    )
    means = ranking.table["predicted_accuracy"]
    assert means[0] == means[1] == means[2] == pytest.approx(0.6)
    assert ranking.candidates == ["b", "c", "a", "d"]
    assert ranking.ties == [["b", "c", "a"]]


def test_every_tie_is_named():
    table = pd.DataFrame({"candidate": list("abcdef"), "predicted_accuracy": [1.0, 1.0, 0.9, 0.5, 0.5, nan]})
    assert ties(table) == [["a", "b"], ["d", "e"]]


def test_the_demo_is_ranked_as_by_0_1_but_for_its_ties():
    ranking = rank_records(made_records.demo(epochs=5))
    assert ranking.candidates[:3] == ["group_norm", "depthwise", "inverted_residual"]  # h(0) = 1.85, 1.52, 1.28
    assert ranking.ties == [["group_norm", "depthwise", "inverted_residual"]]
    before = pd.read_csv(made_records.V1 / "demo.csv").fillna({"note": ""}).set_index("candidate")
    assert ranking.candidates[3:] == before.index.tolist()[3:]
    after = ranking.table.set_index("candidate").loc[before.index, before.columns]
    columns = before.columns.drop("rank")
    pd.testing.assert_frame_equal(after[columns], before[columns], check_exact=True)


def test_test_accuracy_is_never_read():
    made = tables(a=line(0.8), b=line(0.9))
    without = made | {"observations": made["observations"].drop(columns="test_accuracy")}
    pd.testing.assert_frame_equal(rank_records(made).table, rank_records(without).table)


def test_epochs_without_a_beta_are_dropped_and_noted():
    readings = [(nan, 0.1), *line(0.8)]
    table = ranked(a=readings).table
    assert table.loc[0, "predicted_accuracy"] == pytest.approx(0.8, abs=1e-4)
    assert table.loc[0, "status"] == "ok"
    assert "1 of 5 readings degenerate" in table.loc[0, "note"]


def test_without_any_beta_the_last_accuracy_stands_and_says_so():
    table = ranked(a=[(nan, 0.5), (nan, 0.6)]).table
    assert table.loc[0, ["predicted_accuracy", "status"]].tolist() == [0.6, "fallback"]
    assert "no epoch has a beta_eff" in table.loc[0, "note"]


def test_the_fallback_is_the_last_accuracy_of_all_epochs():
    table = ranked(a=[(2.0, 0.5), (1.0, 0.6), (nan, 0.7)]).table
    assert table.loc[0, ["predicted_accuracy", "status"]].tolist() == [0.7, "fallback"]
    assert "2 rows to fit" in table.loc[0, "note"]


def test_the_note_begins_with_what_matters_most():
    readings = [(2.0, 0.5), (1.0, 0.6), (nan, 0.7)]
    failed = [("a", 2, 1, "no weights"), ("a", 1, 3, "no memory")]
    table = ranked(a_0=readings, a_1=readings[:2], failed=failed).table
    assert table.loc[0, "note"] == (
        "last-seen accuracy: 2 rows to fit, 4 needed; 1 of 3 readings degenerate (rounding); run 1 failed in epoch 3: no memory; "
        "run 2 failed in epoch 1: no weights"
    )


def test_the_reasons_of_degenerate_readings_are_heard():
    made = tables(a=[(0.6, 0.3), (0.3, 0.3), (0.0, 0.1), (0.0, 0.1), (0.0, 0.1)])
    made["readings"].loc[2:, "reason"] = "zero"
    assert "3 of 5 readings degenerate (zero)" in rank_records(made).table.loc[0, "note"]
    made["readings"].loc[2:, "reason"] = "unknown"  # a row of ncap 0.1
    assert rank_records(made).table.loc[0, "note"].endswith("3 of 5 readings degenerate")
    assert rank_records(made, "last_seen").table.loc[0, "note"] == ""  # it reads no beta_eff


def test_the_first_column_that_holds_no_numbers_is_named():
    made = tables(a=line(0.8))
    wrong = made["readings"].assign(beta_eff=pd.Timestamp(0))
    with pytest.raises(ValueError, match=r"readings.beta_eff must hold numbers, got dtype datetime64\[.s\];"):
        rank_records(made | {"readings": wrong})


def test_a_run_fails_once():
    with pytest.raises(ValueError, match="failures: one row per settings, target, candidate, run, got several"):
        ranked(a=line(0.8), failed=[("a", 0, 1, "x"), ("a", 0, 2, "y")])


def test_a_failed_run_is_left_out_and_noted():
    ranking = ranked(a_0=line(0.8), a_1=line(0.5)[:2], failed=[("a", 1, 3, "the training loss is nan")])
    table = ranking.table.iloc[0]
    assert table["status"] == "ok"
    assert table["predicted_accuracy"] == pytest.approx(0.8, abs=1e-4)
    assert table["runs"] == 1
    assert "run 1 failed in epoch 3: the training loss is nan" in table["note"]
    assert ranking.runs.set_index("run")["status"].to_dict() == {0: "ok", 1: "failed"}


def test_failed_candidates_come_last_in_order_of_name():
    ranking = ranked(b=line(0.8), c=line(0.99), failed=[("c", 0, 5, "x"), ("a", 0, 1, "y")])
    assert ranking.table[["rank", "candidate", "status"]].values.tolist() == [
        [1, "b", "ok"],
        [2, "a", "failed"],
        [3, "c", "failed"],
    ]
    assert ranking.table["predicted_accuracy"].isna().tolist() == [False, True, True]
    assert ranking.table["note"].tolist() == ["", "failed in epoch 1: y", "failed in epoch 5: x"]  # of the only run
    assert ranking.table["last_seen_accuracy"].iloc[2] == pytest.approx(0.89)  # what was seen before it failed


def test_tables_have_the_columns_of_the_design_and_rows_from_0():
    columns = (
        "rank candidate predicted_accuracy predicted_std last_seen_accuracy best_seen_accuracy beta_eff epochs runs seconds_train "
        "seconds_beta reading rule status note"
    )
    runs = {"a_0": line(0.8), "b_0": line(0.9), "a_1": line(0.8), "b_1": line(0.9)}
    for ranking in (ranked(**runs), rank_records(tables())):
        assert ranking.table.columns.tolist() == COLUMNS == columns.split()
        assert ranking.runs.columns.tolist() == ["rank", "run", *COLUMNS[1:]]
        assert ranking.table.index.tolist() == list(range(len(ranking.table)))
        assert ranking.runs.index.tolist() == list(range(len(ranking.runs)))


def test_a_ranking_prints_its_first_columns():
    ranking = ranked(a=line(0.8), b=line(0.9))
    title, header, *lines = repr(ranking).splitlines()
    assert title == "Ranking of 2 candidates on digits"
    assert header.split() == COLUMNS[:6]
    assert [row.split()[:2] for row in lines] == [["1", "b"], ["2", "a"]]


def test_a_ranking_is_one_object_that_stays_as_it_is():
    ranking = ranked(a=line(0.8))
    assert ranking in {ranking}
    with pytest.raises(FrozenInstanceError):
        ranking.target = "digits"


@pytest.fixture(name="job")
def _job():
    """Two candidates, three runs and five epochs; run 1 of b failed in epoch 5, run 2 in epoch 3."""
    curves = {
        f"{name}_{run}": [(1 / t, 1 - 0.1 / t - 0.01 * run) for t in range(1, 6)] for name in "ab" for run in range(3)
    }
    curves |= {"b_1": curves["b_1"][:4], "b_2": curves["b_2"][:2]}
    made = records(**curves, failed=[("b", 1, 5, "late"), ("b", 2, 3, "early")])
    return replace(made, facts={"epochs": 5, "keras": "3"})


def notes(job):
    return rank_records(job).table.set_index("candidate")["note"].to_dict()


def test_all_of_a_job_is_ranked(job):
    ranking = rank_records(job)
    assert len(ranking.observations) == len(ranking.readings) == 26
    assert ranking.table.set_index("candidate")["runs"].to_dict() == {"a": 3, "b": 1}
    assert ranking.facts == {"epochs": 5, "keras": "3"}
    assert (ranking.target, ranking.rule, ranking.reading) == ("digits", "capacitance", READING)
    assert ranking.records is job


@pytest.mark.parametrize("narrower", [{"epochs": 4}, {"ticks": 4}])
def test_part_of_a_job_is_ranked_as_if_it_were_all(job, narrower):
    """With what failed in the epochs looked at, and no trace of the others."""
    ranking = rank_records(job.of(**narrower))
    assert ranking.observations["epoch"].max() == 4
    assert ranking.observations.index.tolist() == list(range(22))
    assert notes(job.of(**narrower)) == {"a": "", "b": "run 2 failed in epoch 3: early"}
    assert "late" in notes(job.of(**dict.fromkeys(narrower, 5)))["b"]


def test_part_of_the_runs_or_candidates_is_ranked_as_if_it_were_all(job):
    assert rank_records(job.of(runs=2)).observations["run"].unique().tolist() == [0, 1]
    assert notes(job.of(runs=2)) == {"a": "", "b": "run 1 failed in epoch 5: late"}
    assert notes(job.of(runs=1)) == {"a": "", "b": ""}
    assert rank_records(job.of(candidates=["a"])).candidates == ["a"]


def test_another_reading_of_the_same_training_gives_another_ranking():
    made = tables(a=line(0.8), b=line(0.9))
    other = made["readings"].assign(reading="relative", beta_eff=made["readings"]["beta_eff"] + 10)
    made["readings"] = pd.concat([made["readings"], other])
    first, second = rank_records(made), rank_records(made, reading="relative")
    assert first.reading == READING
    assert set(second.table["reading"]) == {"relative"}
    np.testing.assert_allclose(first.table["predicted_accuracy"], [0.9, 0.8], atol=1e-4)
    # The line at 10 beta further out; 0 lies 3.7 ranges away, and so does what the ridge shrinks.
    np.testing.assert_allclose(second.predictions["a"].order, 1.8, atol=1e-2)
    assert second.table["seconds_beta"].tolist() == [2.0, 2.0]  # of that reading alone
    with pytest.raises(ValueError, match="hold no 'relativ'; did you mean 'relative'"):
        rank_records(made, reading="relativ")


class ByScore(Rule):
    name, summary, source, is_accuracy = "by_score", "a score that orders", "this test", False
    needs = ("val_accuracy", "score:knn")

    def predict(self, curve, scores):
        if "knn" not in scores:
            return Prediction.fallback(curve, "no score")
        return Prediction.of_score(scores["knn"], curve)


def test_scores_order_and_are_no_accuracies():
    made = tables(a=line(0.8), b=line(0.9), c=line(0.7))
    key = {"settings": "abc", "target": "digits", "score": "knn"}
    made["scores"] = pd.DataFrame([key | {"candidate": "a", "value": -3.0}, key | {"candidate": "c", "value": -2.0}])
    ranking = rank_records(made, ByScore())
    assert ranking.candidates == ["c", "a", "b"]  # what stands in for a missing score is not compared with scores
    assert ranking.table["predicted_accuracy"].isna().tolist() == [True, True, False]
    assert ranking.table.loc[0, "note"] == "ordered by the score -2, which is no accuracy"
    assert set(ranking.table["rule"]) == {"by_score"}


def test_a_candidate_that_was_never_trained_can_have_a_score():
    made = tables(a=line(0.8))
    key = {"settings": "abc", "target": "digits", "score": "knn"}
    made["scores"] = pd.DataFrame([key | {"candidate": "b", "value": 1.0}])
    ranking = rank_records(made, ByScore())
    assert ranking.table["candidate"].tolist() == ["b", "a"]
    assert ranking.table["status"].tolist() == ["ok", "fallback"]
    unknown = rank_records(made).table.set_index("candidate").loc["b"]
    assert unknown[["status", "note", "epochs"]].tolist() == ["fallback", "no epoch that every run has", 0]


def test_ticks_that_a_run_lacks_are_not_read():
    made = tables(a_0=line(0.9, range(6, 0, -1)), a_1=line(0.9, range(6, 0, -1)))
    lacks = (made["observations"]["run"] == 1) & (made["observations"]["tick"] == 2)
    ranking = rank_records(made | {"observations": made["observations"][~lacks]})
    assert ranking.predictions["a"].ticks == (1, 3, 4, 5, 6)
    assert ranking.predictions["a"].fit.ticks == (1, 3, 4, 5, 6)
    assert ranking.table.loc[0, "epochs"] == 5


def test_importing_the_ranking_is_light():
    code = "import sys, ncap.ranking.order; print(sorted({'scipy', 'sklearn', 'pandas', 'keras', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_runs_that_share_no_epoch_give_no_prediction():
    made = tables(a_0=line(0.8), a_1=line(0.8))
    rows = made["observations"]
    made["observations"] = rows[(rows["run"] == 0) == (rows["tick"] == 1)]
    ranking = rank_records(made)
    assert ranking.table.loc[0, ["status", "note"]].tolist() == ["fallback", "no epoch that every run has"]
    assert ranking.table.loc[0, ["predicted_accuracy", "last_seen_accuracy"]].isna().all()
    assert ranking.predictions["a"].ticks == ()


def test_what_failed_comes_after_what_has_no_accuracy():
    """Both are without a prediction, and were in order of name."""
    made = tables(c=line(0.8), failed=[("a", 0, 1.0, "diverged")])
    made["scores"] = pd.DataFrame(
        [{"settings": "abc", "target": "digits", "candidate": "b", "score": "log_me", "value": 1.0}]
    )
    table = rank_records(made).table
    assert table[["candidate", "status"]].values.tolist() == [["c", "ok"], ["b", "fallback"], ["a", "failed"]]


@pytest.mark.parametrize("kept", [slice(0, 0), slice(1, None)])
def test_seconds_that_were_not_recorded_are_not_summed_as_zero(kept):
    made = tables(a=line(0.8))
    seconds = made["observations"]["seconds_train"]
    made["observations"]["seconds_train"] = seconds[kept].reindex(seconds.index)
    truth = pd.DataFrame({"target": ["digits"], "candidate": ["a"], "accuracy": [0.8]})
    assert np.isnan(rank_records(made).table["seconds_train"][0])
    assert compare(made, truth, ["last_seen", "capacitance"])["seconds"].isna().all()


# what the evidence does not order (T8)

FACTS = {"classes": 5, "most_frequent_class": 0.2, "validation_images": 400}


def bent(top, by):
    """As `line`, with errors of `by` to both sides."""
    return [(beta, accuracy + sign * by) for (beta, accuracy), sign in zip(line(top), (1, -1, -1, 1), strict=True)]


def test_candidates_whose_intervals_overlap_with_the_first_are_named():
    """c ends 0.05 below a, within what residuals of 0.02 leave open; b is 0.4 below; d has no line."""
    made = tables(a=bent(0.9, 0.02), b=bent(0.5, 0.02), c=bent(0.85, 0.02), d=line(0.8)[:2])
    ranking = rank_records(made)
    assert ranking.unordered == ["c"]
    first, other = (ranking.predictions[name] for name in "ac")
    assert first.low <= other.high < first.high
    assert rank_records(made, rule="last_seen").unordered == []
    assert rank_records(tables()).unordered == []


def test_exact_lines_are_ordered_until_the_few_validation_images_are_known():
    """400 images leave each accuracy open by 2 sqrt(I (1 - I) / 400), 0.05 at one half."""
    made = records(a=line(0.9), b=line(0.8))
    assert rank_records(made).unordered == []
    known = rank_records(replace(made, facts=FACTS))
    assert known.unordered == ["b"]
    plain = rank_records(made)
    assert known.predictions["a"].low < plain.predictions["a"].low - 0.1
    pd.testing.assert_frame_equal(known.table.drop(columns="note"), plain.table.drop(columns="note"))
