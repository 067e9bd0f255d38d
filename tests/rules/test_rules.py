"""Rules against the laws of their contract, and each against what it must say by hand."""

import subprocess
import sys
from dataclasses import replace
from math import nan

import numpy as np
import pandas as pd
import pytest
from made_records import line, records

import ncap
from ncap.ranking.order import rank_records
from ncap.rules import RULES, resolve
from ncap.rules.capacitance import Capacitance
from ncap.rules.capacitance_forecast import CapacitanceForecast
from ncap.rules.contract import UNFITTED, Curve, Outcome, Prediction, Rule
from ncap.rules.domhan import Domhan
from ncap.rules.klein import Klein
from ncap.rules.last_seen import LastSeen
from ncap.testing.rules import check_rule

pytestmark = pytest.mark.filterwarnings("error")

LINE = {"beta_eff": [4, 3, 2, 1], "val_accuracy": [0.5, 0.6, 0.7, 0.8]}


# Rules that take seconds, with as few steps as show that they keep the laws.
SHORT = {"domhan": lambda: Domhan(steps=20, burn_in=10), "klein": lambda: Klein(steps=(100, 100))}


@pytest.mark.parametrize("name", RULES.names())
def test_every_rule_keeps_the_laws(name):
    check_rule(SHORT[name]() if name in SHORT else resolve(name))


def test_rules_that_take_seconds_say_so():
    assert {name for name in RULES.names() if RULES.get(name).cost == "high"} == set(SHORT)


def test_a_curve_is_not_made_of_what_a_mask_hides():
    with pytest.raises(ValueError, match="val_accuracy is a masked array"):
        Curve.of(val_accuracy=np.ma.masked_greater([0.5, 99.0], 1))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"tick": [2, 1]}, r"tick must be whole numbers that increase, got \[2, 1\]"),
        ({"tick": [1, 1]}, "tick must be"),
        ({"tick": [1, 1.5]}, "tick must be"),
        ({"epoch": [2, 1]}, "epoch must not fall"),
        ({"val_accuracy": [50, 90]}, "pass fractions, not percent"),
    ],
)
def test_a_curve_out_of_order_or_in_percent_is_refused(columns, words):
    with pytest.raises(ValueError, match=words):
        Curve.of(**{"val_accuracy": [0.5, 0.9]} | columns)


class Broken(LastSeen):
    """Keeps all laws but for what its subclasses change."""

    name = "broken"


class Raises(Broken):
    def predict(self, curve, scores):
        seen = curve.having("val_accuracy")
        return Prediction.of_accuracy(seen.val_accuracy[-1], seen)


class ReadsMore(Broken):
    def predict(self, curve, scores):
        seen = curve.having("val_accuracy")
        best = np.nanmax(np.append(curve.train_accuracy, -1.0))
        return Prediction.of_accuracy(best, seen) if best >= 0 else Prediction.fallback(seen, "nothing")


class ReadsTheName(Broken):
    def predict(self, curve, scores):
        return replace(super().predict(curve, scores), note=curve.candidate)


class ReadsTheScale(Broken):
    needs = ("val_accuracy", "beta_eff")

    def predict(self, curve, scores):
        seen = curve.having("val_accuracy", "beta_eff")
        return Prediction.of_accuracy(seen.beta_eff[-1], seen) if len(seen) else Prediction.fallback(curve, "nothing")


class OutOfRange(Broken):
    def predict(self, curve, scores):
        made = super().predict(curve, scores)
        return replace(made, value=made.value + 1)


class Silent(Broken):
    def predict(self, curve, scores):
        return replace(Prediction.fallback(curve, ""), note="")


class Overstates(Broken):
    def predict(self, curve, scores):
        made = super().predict(curve, scores)
        return replace(made, ticks=(*made.ticks, 99))


class Random(Broken):
    def __init__(self):
        self.calls = 0

    def predict(self, curve, scores):
        self.calls += 1
        return replace(super().predict(curve, scores), std=float(self.calls))


class Interval(Broken):
    def predict(self, curve, scores):
        return replace(super().predict(curve, scores), low=0.99, high=1.0)


class Counts(Broken):
    def predict(self, curve, scores):
        return replace(super().predict(curve, scores), note=f"{len(curve)} ticks")


class ReadsTheHorizon(Broken):
    def predict(self, curve, scores):
        return replace(super().predict(curve, scores), std=curve.horizon)


class Unfitted(Broken):
    learns = True


class Alone(Broken):
    def predict_many(self, curves, scores):
        return [Prediction.fallback(curve, "one of many") for curve in curves]


@pytest.mark.parametrize(
    ("rule", "law"),
    [
        (Raises, "curve 'no tick': index"),
        (ReadsMore, "reads more than its needs"),
        (ReadsTheName, "reads more than its needs"),
        (ReadsTheScale, "beta_eff times"),
        (OutOfRange, "lies in 0..1"),
        (Silent, "must say why"),
        (Overstates, "ticks of the curve"),
        (Random, "the same prediction"),
        (Interval, "low <= value <= high"),
        (Counts, "must change nothing"),
        (ReadsTheHorizon, "reads more than its needs"),
        (Alone, "predicted among others"),
        (Unfitted, "it learns, and is not fitted"),
    ],
)
def test_the_kit_finds_a_rule_that_breaks_a_law(rule, law):
    with pytest.raises(AssertionError, match=law):
        check_rule(rule())


def test_a_score_is_part_of_the_needs():
    class ByScore(Rule):
        name, summary, source, is_accuracy = "by_score", "a score", "here", False
        needs = ("val_accuracy", "score:knn")

        def predict(self, curve, scores):
            score = scores.get("knn", nan)
            if score != score:
                return Prediction.fallback(curve, "no score")
            return Prediction.of_score(score, curve.having("val_accuracy"))

    check_rule(ByScore())
    broken = ByScore()
    broken.predict = lambda curve, scores: Prediction.of_score(scores.get("knn", 0.0), curve.having("val_accuracy"))
    with pytest.raises(AssertionError, match="ordinary, without a score"):
        check_rule(broken)
    ByScore.needs = ("val_accuracy",)
    curve = Curve.of(**LINE)
    assert ByScore().predict(curve, {"knn": 3.0}).order == 3.0
    with pytest.raises(TypeError, match="does not learn"):
        ByScore().fit([], ())


class Offset(Rule):
    """Adds to the last-seen accuracy what other candidates gained after it."""

    name, summary, source, learns = "offset", "last-seen accuracy and a mean gain", "this test", True
    needs = ("val_accuracy",)
    gain = None

    def learn(self, history):
        gains = [end.accuracy - end.curve.val_accuracy[-1] for end in history]
        self.gain = float(np.mean(gains)) if gains else None

    def predict(self, curve, scores):
        seen = curve.having("val_accuracy")
        if self.gain is None or not len(seen):
            return Prediction.fallback(seen, "not fitted")
        return Prediction.of_accuracy(seen.val_accuracy[-1] + self.gain, seen)


ENDS = [Outcome("digits", Curve.of(name, val_accuracy=[0.5, 0.6]), {}, end) for name, end in (("a", 0.7), ("b", 0.9))]


def test_a_rule_may_learn_from_other_jobs():
    check_rule(Offset())
    rule = Offset()
    fitted = rule.fit(ENDS, [("letters", "a")])
    assert fitted.predict(Curve.of(val_accuracy=[0.3]), {}).value == pytest.approx(0.5)
    assert (rule.gain, rule.learned_from) == (None, frozenset())
    assert fitted.learned_from == {("digits", "a"), ("digits", "b")}


def test_no_rule_learns_from_what_it_is_judged_on():
    with pytest.raises(ValueError, match=r"history holds the outcome of 'b' on 'digits' \(1 of them in all\)"):
        Offset().fit(ENDS, [("letters", "a"), ("digits", "b")])
    with pytest.raises(TypeError, match="Fits defines fit, which refuses what a rule is judged on"):
        type("Fits", (Offset,), {"fit": lambda self, history, judged: self})
    with pytest.raises(NotImplementedError, match="does not define learn"):
        Unfitted().fit(ENDS, ())


def test_whoever_judges_refuses_a_rule_that_has_learned_from_it():
    """A rule that was fitted by hand, to anything, meets its own history again under every way in."""
    fitted = Offset().fit(ENDS, ())
    seen = records(a=line(0.8), c=line(0.9))
    truth = pd.DataFrame({"target": "digits", "candidate": ["a", "c"], "accuracy": [0.8, 0.9]})
    for judge in (
        lambda rule: ncap.predict(seen, rule),
        lambda rule: rank_records(seen, rule),
        lambda rule: ncap.compare(seen, truth, [rule]),
    ):
        with pytest.raises(ValueError, match="the rule 'offset' has learned from 'a' on 'digits'"):
            judge(fitted)
        judge(Offset().fit(ENDS[1:], [("digits", "a"), ("digits", "c")]))
    unchecked = Offset()
    unchecked.learn(ENDS)  # past fit, and so past its refusal
    made = ncap.predict(seen, unchecked)
    assert set(made["note"]) == {UNFITTED}
    assert made["value"].tolist() == pytest.approx([0.7, 0.8])


def test_the_kit_finds_a_rule_that_does_not_refuse():
    broken, learner = LastSeen(), Offset()
    broken.fit = lambda history, judged: broken
    with pytest.raises(AssertionError, match="its fit does not raise TypeError"):
        check_rule(broken)

    def fits_anything(history, judged):
        return Offset.fit(learner, history, ())

    learner.fit = fits_anything
    with pytest.raises(AssertionError, match="it learns from what it is judged on"):
        check_rule(learner)


def test_names_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"unknown rule 'last_sen'; did you mean 'last_seen'\?.*or pass an ncap"):
        resolve("last_sen")
    with pytest.raises(TypeError, match="rule must be a name, got 3"):
        resolve(3)
    rule = LastSeen()
    assert resolve(rule) is rule


def test_rules_are_listed_with_what_they_need():
    table = ncap.list_rules().set_index("rule")
    assert table.columns.tolist() == ["summary", "needs", "learns", "cost", "source"]
    assert table.index.tolist() == RULES.names()
    assert table.loc["capacitance", "needs"] == "val_accuracy, beta_eff"
    assert not table.loc["last_seen", "learns"]
    assert (table[["summary", "source"]] != "").all(axis=None)
    assert [RULES.get(name).name for name in RULES.names()] == RULES.names()


def test_listing_rules_loads_no_estimator():
    code = "import sys, ncap; ncap.list_rules(); print(sorted({'scipy', 'sklearn', 'keras', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# --- capacitance ------------------------------------------------------------------------------------------------------


def test_the_prediction_is_that_of_the_estimator_and_carries_its_fit():
    curve = Curve.of(val_accuracy=[0.9, 0.4, nan, 0.6, 0.7, 0.8], beta_eff=[nan, 5.0, 4.0, 3.0, 2.0, 1.0])
    predictor = ncap.CapacitancePredictor().fit([[5.0], [3], [2], [1]], [0.4, 0.6, 0.7, 0.8])
    prediction = Capacitance().predict(curve, {})
    assert (prediction.value, prediction.std, prediction.status) == (predictor.accuracy_, predictor.std_, "ok")
    assert prediction.ticks == (1, 2, 4, 5, 6)  # tick 1 was seen, though it has no reading
    fit = prediction.fit
    assert (fit.ticks, fit.beta.tolist(), fit.accuracy.tolist()) == ((2, 4, 5, 6), [5, 3, 2, 1], [0.4, 0.6, 0.7, 0.8])
    assert (fit.t0, fit.at, fit.label) == (predictor.t0_, 0.0, "h(0)")
    grid = np.linspace(0, 5, 7)
    np.testing.assert_array_equal(fit.line(grid), predictor.predict(grid[:, None], return_std=True))


def test_the_order_is_not_clipped():
    curve = Curve.of(beta_eff=[4, 3, 2, 1], val_accuracy=[0.4, 0.6, 0.8, 1.0])
    prediction = Capacitance().predict(curve, {})
    assert prediction.value == 1.0
    assert prediction.order == pytest.approx(1.2, abs=1e-4)
    assert prediction.fit.remark == "h(0) = 1.20, clipped"
    low, high = prediction.low, prediction.high
    assert (low, high) == (pytest.approx(1.0, abs=0.01), 1.0)


def test_a_fallback_keeps_its_points():
    prediction = Capacitance().predict(Curve.of(beta_eff=[2, 1, nan], val_accuracy=[0.5, 0.6, 0.7]), {})
    assert (prediction.value, prediction.status, prediction.ticks) == (0.7, "fallback", (1, 2, 3))
    assert prediction.note == "last-seen accuracy: 2 rows to fit, 4 needed"
    assert (prediction.fit.ticks, prediction.fit.line) == ((1, 2), None)


# --- forecast ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [8.0, 30.0, 4.0])
def test_h_is_read_at_the_beta_of_the_horizon(horizon):
    """beta = 4 / sqrt(t), accuracy 0.9 - beta / 10."""
    t = np.arange(1.0, 7.0)
    beta = 4 / np.sqrt(t)
    curve = Curve.of(beta_eff=beta, val_accuracy=0.9 - beta / 10, horizon=horizon)
    prediction = CapacitanceForecast().predict(curve, {})
    assert prediction.fit.at == pytest.approx(4 / np.sqrt(horizon), rel=1e-12)
    assert prediction.value == pytest.approx(
        0.9 - 0.4 / np.sqrt(horizon), abs=1e-4
    )  # the ridge's prior shrinks by less


def test_epochs_count_and_not_ticks():
    """Two ticks an epoch: beta = 4 / t at t = 0.5, 1, ..."""
    t = np.arange(1.0, 9.0) / 2
    curve = Curve.of(beta_eff=4 / t, epoch=t, val_accuracy=0.9 - 0.4 / t / 10, horizon=8)
    assert CapacitanceForecast().predict(curve, {}).fit.at == pytest.approx(0.5, rel=1e-12)


def test_a_rising_beta_eff_is_said_to_show_no_convergence():
    curve = Curve.of(beta_eff=[1, 1.4, 1.7, 2], val_accuracy=[0.5, 0.55, 0.6, 0.62], horizon=8)
    assert "beta_eff rises, to 2.8 at epoch 8: it shows no convergence" in CapacitanceForecast().predict(curve, {}).note


def test_all_ticks_seen_are_forecast_from_though_the_line_begins_later():
    t = np.arange(1.0, 9.0)
    accuracy = 0.9 - 0.4 / t / 10
    accuracy[:3] = [0.9, 0.1, 0.8]
    fit = CapacitanceForecast().predict(Curve.of(beta_eff=4 / t, val_accuracy=accuracy, horizon=16), {}).fit
    assert fit.t0 > 0
    assert fit.at == pytest.approx(0.25, rel=1e-12)


@pytest.mark.parametrize(
    ("beta", "note"),
    [
        ([4, 2, 0, 1], "beta_eff is not positive at every epoch"),
        ([4, 2, -1, 1], "beta_eff is not positive"),
        ([4, nan, nan, nan], "1 readable epochs, 2 needed"),
        ([nan] * 4, "no epoch has a beta_eff"),
        ([4, 3, 2, nan], "3 rows to fit, 4 needed"),
        ([1e-300, 1e-100, 1e100, 1e300], "no finite beta_eff at epoch 30"),
    ],
)
def test_a_forecast_falls_back_where_no_power_of_time_fits(beta, note):
    prediction = CapacitanceForecast().predict(Curve.of(beta_eff=beta, val_accuracy=[0.5, 0.6, 0.7, 0.65]), {})
    assert (prediction.value, prediction.status) == (0.65, "fallback")
    assert note in prediction.note


# --- what was seen ----------------------------------------------------------------------------------------------------


def test_what_was_seen_is_taken_from_the_ticks_that_every_run_has():
    curve = Curve.of(val_accuracy=[0.25, 0.75, 0.5, nan])
    values = {name: resolve(name).predict(curve, {}) for name in ("last_seen", "best_seen", "mean_seen")}
    assert {name: made.value for name, made in values.items()} == {
        "last_seen": 0.5,
        "best_seen": 0.75,
        "mean_seen": 0.5,
    }
    assert {made.ticks for made in values.values()} == {(1, 2, 3)}
    assert {made.note for made in values.values()} == {""}


def test_columns_of_a_curve_are_checked():
    with pytest.raises(TypeError, match="unknown column 'test_accuracy'"):
        Curve.of(test_accuracy=[0.5])
    with pytest.raises(ValueError, match="one length"):
        Curve.of(val_accuracy=[0.5], beta_eff=[1, 2])


@pytest.mark.parametrize(("horizon", "note"), [(3, "epoch 3 lies before epoch 5, which was seen"), (5, ""), (30, "")])
def test_a_horizon_before_the_last_epoch_seen_is_noted(horizon, note):
    beta = 4 / np.arange(1.0, 6.0)
    made = CapacitanceForecast().predict(Curve.of(beta_eff=beta, val_accuracy=0.9 - beta / 10, horizon=horizon), {})
    assert (made.status, made.note) == ("ok", note)


@pytest.mark.parametrize("beta", [[3.0, 1.0, 1e-300, 1.0], [2.0, 2.0, 0.7, 7e-31, 5e-324, 5e-324]])
def test_a_forecast_beyond_all_numbers_is_no_warning_of_numpy(beta):
    """beta_eff forecast for an earlier epoch, at 1e250 and more; warnings are errors in this file."""
    accuracy = [0.5, 0.7, 1.0, 0.0, 0.3, 0.5][: len(beta)]
    made = CapacitanceForecast().predict(Curve.of(beta_eff=beta, val_accuracy=accuracy, horizon=0.5), {})
    assert made.status in ("ok", "fallback")
    assert np.isfinite(made.value)
    assert made.note
