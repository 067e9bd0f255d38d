"""Rules beside the truth: the long table, the measures, and their intervals against the plain functions."""

from math import inf, nan

import made_records
import numpy as np
import pandas as pd
import pytest
from made_records import line, tables

import ncap
from ncap.ranking import agreement, bootstrap
from ncap.ranking.comparison import compare, rhos, rules_beside_truth
from ncap.records.loading import load
from ncap.records.schema import COMPARISON
from ncap.rules.last_seen import LastSeen

# Of the demo after 5 epochs; the first and the third are what 0.1 printed.
RHO = {"capacitance": 0.88, "capacitance_forecast": 0.90, "last_seen": 0.89, "best_seen": 0.89, "mean_seen": 0.80}
PLAIN = {
    "rho": agreement.spearman,
    "tau": agreement.kendall,
    "weighted_tau": agreement.weighted_tau,
    "regret_1": lambda p, t: agreement.regret(p, t, k=1),
    "regret_3": lambda p, t: agreement.regret(p, t, k=3),
}


@pytest.mark.parametrize("n", [1, 2, 3, 6, 12])
@pytest.mark.parametrize("measure", PLAIN)
def test_every_sample_is_measured_as_by_the_plain_function(measure, n):
    """Small whole numbers make ties common; -inf stands for a candidate without a prediction."""
    rng = np.random.default_rng(n)
    for _ in range(20):
        p, t = rng.integers(0, 5, n).astype(float), rng.integers(0, 6, n) / 8
        p[rng.random(n) < 0.1] = -inf
        drawn = rng.integers(0, n, (10, n))
        expected = [PLAIN[measure](p[rows], t[rows]) for rows in drawn]
        # Sums of at most 66 terms of order 1, a root and a division.
        np.testing.assert_allclose(bootstrap.measures(p, t, drawn)[measure], expected, atol=1e-12)


def test_regret_of_many_tied_candidates_does_not_overflow():
    p, t = np.zeros((1, 3000)), (np.arange(3000) == 7).astype(float)[None]
    assert bootstrap.regret(p, t, 1500)[0] == pytest.approx(0.5, abs=1e-12)


def test_intervals_cover_what_resampling_by_hand_gives():
    rng = np.random.default_rng(1)
    true = rng.random(8)
    predicted = true + 0.3 * rng.random(8)
    drawn = np.random.default_rng(0).integers(0, 8, (bootstrap.SAMPLES, 8))
    by_hand = [agreement.kendall(predicted[rows], true[rows]) for rows in drawn]
    low, high = bootstrap.intervals(predicted, true)["tau"]
    assert (low, high) == pytest.approx(tuple(np.nanpercentile(by_hand, [2.5, 97.5])), abs=1e-12)
    assert low <= agreement.kendall(predicted, true) <= high


def test_nothing_to_resample_has_no_interval():
    assert np.isnan(bootstrap.intervals(np.empty(0), np.empty(0))["regret_1"]).all()
    assert np.isnan(bootstrap.intervals(np.ones(1), np.ones(1))["rho"]).all()


@pytest.fixture(name="demo", scope="module")
def _demo():
    """The demo's records and the test accuracies that they end with."""
    job = made_records.demo()
    last = job.observations[job.observations["epoch"] == 30]
    return job, last[["target", "candidate"]].assign(accuracy=last["test_accuracy"])


def test_the_demo_is_compared(demo):
    job, truth = demo
    table = ncap.compare(job, truth, list(RHO), ticks=[3, 5, 10])
    assert table.columns.tolist() == list(COMPARISON.names)
    assert table[["rule", "ticks"]].values.tolist() == [[rule, k] for k in (3, 5, 10) for rule in list(RHO)]
    five = table[table["ticks"] == 5].set_index("rule")
    assert five["rho"].round(2).to_dict() == RHO
    assert five.loc["capacitance", "regret_1"] == 0  # 0.1 led by alphabet with one that ends 0.019 lower
    for measure in PLAIN:
        assert (five[f"{measure}_low"] <= five[measure]).all()
        assert (five[measure] <= five[f"{measure}_high"]).all()
    # A rule that reads no beta_eff is not charged for its readings.
    assert five.loc["capacitance", "seconds"] > five.loc["last_seen", "seconds"]
    seen = job.of(ticks=5)
    assert five.loc["last_seen", "seconds"] == pytest.approx(seen.observations["seconds_train"].sum())


def test_the_same_seed_gives_the_same_intervals_whatever_else_is_compared(demo):
    job, truth = demo
    alone, among = (compare(job, truth, rules, 5) for rules in ("best_seen", ["last_seen", "best_seen"]))
    pd.testing.assert_frame_equal(alone, among[1:].reset_index(drop=True))


def test_all_ticks_of_every_target_in_truth_are_compared():
    made = tables(a=line(0.8), b=line(0.9))
    other = {name: table.assign(target="letters") for name, table in tables(a=line(0.9)[:3], b=line(0.8)[:3]).items()}
    both = {name: pd.concat([made[name], other[name]]) for name in made}
    truth = pd.DataFrame(
        {"target": ["digits"] * 2 + ["letters"] * 2, "candidate": list("abab"), "accuracy": [0.7, 0.8] * 2}
    )
    table = compare(both, truth, "last_seen")
    assert table[["target", "ticks"]].values.tolist() == [["digits", 4], ["letters", 3]]
    assert table["rho"].tolist() == pytest.approx([1.0, -1.0])


def test_a_failed_candidate_comes_last_and_one_without_a_truth_is_left_out():
    made = tables(a=line(0.8), b=line(0.9), c=line(0.99), d=line(0.7), failed=[("c", 0, 5, "x")])
    truth = pd.DataFrame({"target": "digits", "candidate": ["a", "b", "c", "e"], "accuracy": [0.7, 0.8, 0.6, 1.0]})
    assert compare(made, truth, "last_seen").loc[0, ["rho", "regret_1"]].tolist() == pytest.approx([1.0, 0.0])
    beside = rules_beside_truth(load(made), renamed(truth), ["last_seen"])
    assert beside["candidate"].tolist() == ["a", "b"]


def renamed(truth):
    return truth.rename(columns={"accuracy": "true_accuracy"}).drop(columns="target").assign(true_epochs=30)


def test_rules_stand_beside_the_truth(demo):
    job, truth = demo
    beside = rules_beside_truth(job.of(ticks=5), renamed(truth), ["capacitance", "last_seen"])
    assert beside["rule"].tolist() == ["capacitance"] * 10 + ["last_seen"] * 10
    capacitance = beside[beside["rule"] == "capacitance"].sort_values("rank")
    assert capacitance["candidate"].tolist()[:3] == ["group_norm", "depthwise", "inverted_residual"]
    assert capacitance["rank"].tolist() == list(range(1, 11))  # no tie: by the unclipped value
    assert (capacitance["value"] == 1.0).sum() == 3
    table = compare(job, truth, ["capacitance", "last_seen"], 5).set_index("rule")
    assert rhos(beside).to_dict() == table["rho"].to_dict()


truth_of_a = pd.DataFrame({"target": ["digits"], "candidate": ["a"], "accuracy": [0.8]})


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"rules": []}, TypeError, "rules must be a name, a rule, or a list of them, got []"),
        ({"rules": 3}, TypeError, "got 3"),
        ({"rules": ["last_sen"]}, ValueError, "did you mean 'last_seen'"),
        ({"rules": [LastSeen(), "last_seen"]}, ValueError, "rules: two of them are called 'last_seen'"),
        ({"ticks": 0}, ValueError, "ticks must be a whole number of at least 1, got 0"),
        ({"ticks": [1, 2.5]}, ValueError, "got 2.5"),
        ({"ticks": "1"}, ValueError, "got '1'"),
        ({"truth": None}, TypeError, "truth must be a pandas DataFrame"),
        ({"truth": pd.DataFrame({"candidate": ["a"]})}, ValueError, "truth: missing ['target']"),
        (
            {"truth": pd.DataFrame({"target": ["digits"], "candidate": ["a"], "accuracy": [80]})},
            ValueError,
            "accuracy must be numbers in 0..1, got 80",
        ),
        (
            {"truth": pd.DataFrame({"target": ["x"], "candidate": ["a"], "accuracy": [0.8]})},
            ValueError,
            "no row of the target 'digits'; it has x",
        ),
        ({"truth": truth_of_a.assign(candidate="b")}, ValueError, "truth has none of the candidates a; it has b"),
        ({"truth": truth_of_a.assign(candidate=" A")}, ValueError, "the candidate ' A' is 'a' in the records"),
        ({"truth": truth_of_a.assign(accuracy=nan)}, ValueError, "truth has no accuracy of the target 'digits'"),
        ({"truth": truth_of_a.drop(columns="accuracy")}, ValueError, "truth: missing ['accuracy']"),
        ({"truth": truth_of_a.rename(columns={"accuracy": "acuracy"})}, ValueError, "did you mean 'accuracy'?"),
        ({"truth": truth_of_a[:0], "records": tables(a=line(0.8))}, ValueError, "truth has no row"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, error, words):
    truth = pd.DataFrame({"target": ["digits"], "candidate": ["a"], "accuracy": [0.8]})
    good = {"records": load(tables(a=line(0.8))), "truth": truth, "rules": "last_seen", "ticks": 1}
    with pytest.raises(error) as caught:
        compare(**good | change)
    assert words in str(caught.value)


def test_a_candidate_alone_has_no_correlation():
    truth = pd.DataFrame({"target": ["digits"], "candidate": ["a"], "accuracy": [0.8]})
    row = compare(tables(a=[(nan, 0.5)]), truth, "last_seen").iloc[0]
    assert np.isnan(row[["rho", "tau", "weighted_tau", "rho_low"]].astype(float)).all()
    assert row[["regret_1", "regret_1_high"]].tolist() == [0, 0]
