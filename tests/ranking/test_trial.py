"""What a comparison lets a rule learn from, and what it may spend."""

from math import nan

import numpy as np
import pandas as pd
import pytest
from made_records import tables

import ncap
from ncap.ranking.comparison import compare
from ncap.records.loading import load
from ncap.records.schema import OBSERVATIONS
from ncap.records.store import Store
from ncap.records.tables import checked_table
from ncap.rules.contract import Prediction, Rule


class Log(list):
    """One for all that are fitted from a rule."""

    def __deepcopy__(self, memo):
        return self


class Spy(Rule):
    """Predicts the last-seen accuracy, and writes down what it was fitted to and what it then saw."""

    name, summary, source, learns = "spy", "the last-seen accuracy", "this test", True
    needs = ("val_accuracy",)

    def __init__(self):
        self.log = Log()

    def learn(self, history):
        self.log.append({"learned": {(*end.pair, round(end.accuracy, 6)) for end in history}, "judged": set()})

    def predict(self, curve, scores):
        seen = curve.having("val_accuracy")
        if self.log:
            self.log[-1]["judged"].add((curve.candidate, len(seen), curve.horizon))
        return Prediction.fallback(seen, "a spy")


class OfBeta(Spy):
    name, needs, learns = "of_beta", ("val_accuracy", "beta_eff"), False


def rising(top, ticks=6):
    return [(1.0, top - 0.3 / t) for t in range(1, ticks + 1)]


def end(top):
    """The mean over epochs 4, 5 and 6."""
    return round(top - 0.3 * (1 / 4 + 1 / 5 + 1 / 6) / 3, 6)


def truth(target, **accuracy):
    return pd.DataFrame({"target": target, "candidate": list(accuracy), "accuracy": list(accuracy.values())})


TOPS = {name: 0.5 + 0.05 * i for i, name in enumerate("abcdefg")}


def test_a_target_alone_is_learned_from_in_parts():
    made = tables(**{name: rising(top) for name, top in TOPS.items()})
    spy = Spy()
    table = compare(made, truth("digits", **TOPS), [spy], ticks=2)
    assert table[["learned_from", "ticks", "fallbacks"]].values.tolist() == [["candidates", 2, 7]]
    assert len(spy.log) == 5
    judged = [{name for name, _, _ in part["judged"]} for part in spy.log]
    assert sorted(name for part in judged for name in part) == sorted(TOPS)
    for part, names in zip(spy.log, judged, strict=True):
        assert part["learned"] == {("digits", name, end(top)) for name, top in TOPS.items() if name not in names}
        assert {(seen, horizon) for _, seen, horizon in part["judged"]} == {(2, 6.0)}


def of_two_targets():
    here = tables(**{name: rising(top) for name, top in TOPS.items()})
    there = tables(a=rising(0.9), x=rising(0.8))
    return {name: pd.concat([here[name], there[name].assign(target="letters")]) for name in here}


class Remembering(Rule):
    """Keeps how each first accuracy ended, in a dictionary that it changes in place."""

    name, summary, source, learns, needs = "remembering", "what it has seen", "this test", True, ("val_accuracy",)

    def __init__(self):
        self.known = {}

    def learn(self, history):
        self.known.update({float(end.curve.val_accuracy[0]): end.accuracy for end in history})

    def predict(self, curve, scores):
        return Prediction.of_accuracy(self.known.get(float(curve.val_accuracy[0]), 0.5), curve)


def test_what_one_part_has_learned_in_place_does_not_reach_the_next():
    rule = Remembering()
    table = compare(
        tables(**{name: rising(top) for name, top in TOPS.items()}), truth("digits", **TOPS), [rule], ticks=[1, 2]
    )
    assert table["rho"].isna().all()  # of those judged it knows nothing: all are predicted 0.5
    assert rule.known == {}


def test_the_seconds_are_those_of_all_candidates_also_of_one_without_a_truth():
    made = tables(a=rising(0.8), b=rising(0.9), c=rising(0.7))
    with_all = compare(made, truth("digits", a=0.8, b=0.9, c=0.7), "last_seen", ticks=2)["seconds"].item()
    assert compare(made, truth("digits", a=0.8, b=0.9), "last_seen", ticks=2)["seconds"].item() == with_all > 0


def test_other_targets_are_learned_from_whole_where_there_are_any():
    spy, both = Spy(), of_two_targets()
    table = compare(both, truth("digits", **TOPS), [spy], ticks=[2, 3])
    assert table["learned_from"].tolist() == ["targets"] * 2
    assert [part["learned"] for part in spy.log] == [{("letters", "a", end(0.9)), ("letters", "x", end(0.8))}] * 2
    assert {seen for _, seen, _ in spy.log[1]["judged"]} == {3}
    spy = Spy()
    compare(both, truth("digits", **TOPS), [spy], ticks=2, learn_from="candidates")
    assert {target for part in spy.log for target, _, _ in part["learned"]} == {"digits"}


def test_a_test_accuracy_is_never_learned():
    """The made records have the test accuracy 1 - validation accuracy."""
    spy = Spy()
    compare(of_two_targets(), truth("digits", **TOPS), [spy], ticks=2)
    assert all(accuracy == end(0.9) or accuracy == end(0.8) for *_, accuracy in spy.log[0]["learned"])


def test_a_rule_that_came_fitted_is_taken_as_it_is():
    both = of_two_targets()
    ends = ncap.ranking.outcomes.outcomes(load(both, target="letters"))
    table = compare(both, truth("digits", **TOPS), [Spy().fit(ends, [])], ticks=2)
    assert table["learned_from"].tolist() == ["given"]
    with pytest.raises(ValueError, match="has learned from 'a' on 'letters'"):
        compare(both, truth("letters", a=0.9, x=0.8), [Spy().fit(ends, [])], ticks=2)


def test_the_same_seconds_pay_for_fewer_ticks_of_a_rule_that_reads_beta():
    """Two candidates: a tick takes 1 s of training and 0.5 s for the reading of each."""
    made = tables(a=rising(0.8), b=rising(0.9))
    both = truth("digits", a=0.8, b=0.9)
    table = compare(made, both, ["last_seen", OfBeta()], seconds=[6, 1.9, 100.0])
    assert table[["rule", "budget", "ticks", "seconds"]].values.tolist() == [
        ["last_seen", 6.0, 3, 6.0],
        ["of_beta", 6.0, 2, 6.0],
        ["last_seen", 1.9, 0, 0.0],
        ["of_beta", 1.9, 0, 0.0],
        ["last_seen", 100.0, 6, 12.0],
        ["of_beta", 100.0, 6, 18.0],
    ]
    # What pays for no tick is blind: a coin between 0.8 and 0.9 loses 0.05.
    assert table["regret_1"].round(6).tolist() == [0, 0, 0.05, 0.05, 0, 0]
    assert np.isnan(table["rho"][2])
    mixed = compare(made, both, "last_seen", ticks=1, seconds=6)
    assert mixed["ticks"].tolist() == [1, 3]
    assert mixed["budget"].tolist() == pytest.approx([nan, 6.0], nan_ok=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seconds": 0}, "seconds must be a positive number or several, got 0"),
        ({"seconds": "6"}, "got '6'"),
        (
            {"learn_from": "target"},
            "learn_from must be one of targets, candidates, got 'target'; did you mean 'targets'",
        ),
        ({"learn_from": "targets"}, "the records hold no target but 'digits'; pass records of several"),
        ({"horizon": -1}, "horizon must be a positive number of epochs, got -1"),
    ],
)
def test_what_cannot_be_tried_is_refused(change, words):
    made = tables(a=rising(0.8), b=rising(0.9))
    with pytest.raises(ValueError, match=words):
        compare(made, truth("digits", a=0.8, b=0.9), [Spy()], **{"ticks": 1} | change)


def test_seconds_that_were_not_recorded_are_refused():
    made = tables(a=rising(0.8), b=rising(0.9))
    made["observations"] = made["observations"].drop(columns="seconds_train")
    with pytest.raises(ValueError, match="do not say what every tick took; compare after ticks instead"):
        compare(made, truth("digits", a=0.8, b=0.9), "last_seen", seconds=5)


def test_the_horizon_is_the_last_epoch_of_the_records_or_the_one_given():
    made, both = tables(**{name: rising(top) for name, top in TOPS.items()}), truth("digits", **TOPS)
    for ticks, horizon, expected in ((2, None, 6.0), (None, None, 30.0), (2, 12, 12.0)):
        spy = Spy()
        compare(made, both, [spy], ticks=ticks, horizon=horizon)
        assert {at for part in spy.log for *_, at in part["judged"]} == {expected}


class Reader(Spy):
    """Writes down the readings that it learns from as well."""

    name, needs = "reader", ("val_accuracy", "beta_eff")

    def learn(self, history):
        super().learn(history)
        self.log[-1]["beta"] = {end.curve.candidate: end.curve.beta_eff.tolist() for end in history}


def test_other_targets_are_learned_from_in_the_reading_that_is_asked_for():
    """Of each other target the reading written first was taken, whatever that was."""
    both = of_two_targets()
    there, first = both["readings"]["target"] == "letters", both["readings"]["reading"].iloc[0]
    gradient = both["readings"][there].assign(reading="gradient", beta_eff=7.0)
    mixed = both | {"readings": pd.concat([both["readings"][~there], gradient, both["readings"][there]])}
    spy = Reader()
    compare(mixed, truth("digits", **TOPS), [spy], ticks=2)
    assert spy.log[0]["beta"] == {"a": [1.0] * 6, "x": [1.0] * 6}
    lacking = both | {"readings": pd.concat([both["readings"][~there], gradient])}
    with pytest.raises(ValueError, match=f"records of 'letters' hold no '{first}', which the rule reads on 'digits'"):
        compare(lacking, truth("digits", **TOPS), [Reader()], ticks=2)
    assert compare(lacking, truth("digits", **TOPS), [Spy()], ticks=2)["learned_from"].tolist() == ["targets"]


def test_what_is_of_another_metric_is_not_learned_from(tmp_path):
    """The ends that it would learn are macro F1, and those it is asked for accuracies."""
    parameters, made = [{"seed": 0}, {"seed": 0, "metric": "macro_f1"}], of_two_targets()
    with Store(tmp_path / "runs.db") as store:
        for target, given in zip(("letters", "digits"), parameters, strict=True):
            settings = store.add_settings(given, {})
            seen = made["observations"]
            rows = seen[seen["target"] == target].assign(settings=settings)
            store.merge({"observations": (OBSERVATIONS, checked_table(OBSERVATIONS, rows))})
    words = "records of 'letters' are of the metric accuracy, and those of 'digits' of macro_f1"
    with pytest.raises(ValueError, match=words):
        compare(tmp_path / "runs.db", truth("digits", **TOPS), [Spy()], ticks=2)
    table = compare(tmp_path / "runs.db", truth("digits", **TOPS), [Spy()], ticks=2, learn_from="candidates")
    assert table["fallbacks"].tolist() == [7]


def test_a_target_that_is_written_otherwise_is_not_learned_from():
    """It held the ends of the candidates that the rule was then judged on."""
    here = tables(**{name: rising(top) for name, top in TOPS.items()})
    both = {name: pd.concat([rows, rows.assign(target="Digits ")]) for name, rows in here.items()}
    spy = Spy()
    assert compare(both, truth("digits", **TOPS), [spy], ticks=2)["learned_from"].tolist() == ["candidates"]
    assert {target for part in spy.log for target, _, _ in part["learned"]} == {"digits"}
    with pytest.raises(ValueError, match="the records hold no target but 'digits'"):
        compare(both, truth("digits", **TOPS), [Spy()], ticks=2, learn_from="targets")
    ends = ncap.ranking.outcomes.outcomes(load(both, target="Digits "))
    with pytest.raises(ValueError, match="history holds the outcome of 'a' on 'Digits '"):
        Spy().fit(ends, [("digits", "a")])
    with pytest.raises(ValueError, match="has learned from 'a' on 'digits', which it is asked about"):
        compare(both, truth("digits", **TOPS), [Spy().fit(ends, [])], ticks=2)


class Mean(Rule):
    """Knows nothing of a candidate, and predicts the mean end of what it was fitted to."""

    name, summary, source, learns, needs = "mean", "the mean end", "this test", True, ()

    def learn(self, history):
        self.mean = float(np.mean([end.accuracy for end in history]))

    def predict(self, curve, scores):
        return Prediction.of_accuracy(self.mean, curve)


def test_in_five_parts_a_rule_that_knows_nothing_comes_out_below_0():
    """As the docstring of `compare` says."""
    made = tables(**{name: rising(top) for name, top in TOPS.items()})
    assert compare(made, truth("digits", **TOPS), [Mean()], ticks=2)["rho"].item() < -0.3
