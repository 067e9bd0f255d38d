"""Ranking metrics against hand-computed values, direct counts and averages over every way to break ties."""

import subprocess
import sys
from itertools import combinations, permutations
from math import inf, nan, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ncap.ranking.agreement import kendall, regret, spearman, weighted_tau

pytestmark = pytest.mark.filterwarnings("error")

CORRELATIONS = [spearman, kendall, weighted_tau]

# Sums of at most 28 terms of order 1, a root and a division: a few hundred roundings of 1.1e-16.
ROUNDING = 1e-13

# Small integers make ties common; -inf stands for a candidate without a prediction.
true_values = st.integers(0, 4).map(float)
predictions = st.one_of(true_values, st.just(-inf))


@st.composite
def pairs(draw, min_size=2, max_size=8, predicted=predictions):
    n = draw(st.integers(min_size, max_size))
    return draw(st.lists(predicted, min_size=n, max_size=n)), draw(st.lists(true_values, min_size=n, max_size=n))


def _varies(*columns):
    return all(len(set(column)) > 1 for column in columns)


def _sign(a, b):
    return (a > b) - (a < b)


# --- correlations ---------------------------------------------------------------------------------------------------

BY_HAND = {
    # id: predicted, true, spearman, kendall, weighted tau
    "same order": ([1, 5, 9], [0.1, 0.2, 0.9], 1, 1, 1),
    "reversed": ([9, 5, 1], [0.1, 0.2, 0.9], -1, -1, -1),
    "two": ([2, 1], [0.1, 0.2], -1, -1, -1),
    # pair weights 3/2, 4/3, 5/6 with sum 11/3; the best two are swapped
    "best two swapped": ([2, 3, 1], [3, 2, 1], 1 / 2, 1 / 3, (11 / 3 - 3) / (11 / 3)),
    # the worst two swapped: the same for the unweighted, better for the weighted one
    "worst two swapped": ([3, 1, 2], [3, 2, 1], 1 / 2, 1 / 3, (11 / 3 - 5 / 3) / (11 / 3)),
    # ranks 1.5, 1.5, 3 against 1, 2, 3: covariance 1.5, variances 1.5 and 2; two of three pairs agree, one is tied;
    # the tied pair has ranks 2 and 3, so <p, t> = <p, p> = 3/2 + 4/3 and <t, t> = 11/3
    "worst two tied": ([1, 1, 2], [1, 2, 3], sqrt(3) / 2, 2 / sqrt(6), sqrt((17 / 6) / (11 / 3))),
    "two without a prediction": ([-inf, -inf, 2], [1, 2, 3], sqrt(3) / 2, 2 / sqrt(6), sqrt((17 / 6) / (11 / 3))),
    "tied in both": ([1, 1, 2], [3, 3, 4], 1, 1, 1),
}


@pytest.mark.parametrize(("predicted", "true", "rho", "tau", "weighted"), BY_HAND.values(), ids=BY_HAND.keys())
def test_values_by_hand(predicted, true, rho, tau, weighted):
    assert spearman(predicted, true) == pytest.approx(rho, abs=ROUNDING)
    assert kendall(predicted, true) == pytest.approx(tau, abs=ROUNDING)
    assert weighted_tau(predicted, true) == pytest.approx(weighted, abs=ROUNDING)


@settings(deadline=None)
@given(pairs())
def test_spearman_is_pearson_of_counted_ranks(pair):
    assume(_varies(*pair))
    ranks = [[sum(b < a for b in column) + (column.count(a) - 1) / 2 for a in column] for column in pair]
    assert spearman(*pair) == pytest.approx(np.corrcoef(ranks)[0, 1], abs=ROUNDING)


@settings(deadline=None)
@given(pairs())
def test_kendall_is_the_count_over_all_pairs(pair):
    assume(_varies(*pair))
    p, t = pair
    concordance = untied_p = untied_t = 0
    for i, j in combinations(range(len(p)), 2):
        concordance += _sign(p[i], p[j]) * _sign(t[i], t[j])
        untied_p += p[i] != p[j]
        untied_t += t[i] != t[j]
    assert kendall(p, t) == pytest.approx(concordance / sqrt(untied_p * untied_t), abs=ROUNDING)


@settings(deadline=None)
@given(pairs())
def test_weighted_tau_is_the_weighted_count_over_all_pairs(pair):
    assume(_varies(*pair))

    def ranked_by(p, t):
        order = sorted(range(len(p)), key=lambda i: (p[i], t[i]), reverse=True)
        rank = {i: place for place, i in enumerate(order, start=1)}
        pt = pp = tt = 0.0
        for i, j in combinations(range(len(p)), 2):
            weight, dp, dt = 1 / rank[i] + 1 / rank[j], _sign(p[i], p[j]), _sign(t[i], t[j])
            pt, pp, tt = pt + weight * dp * dt, pp + weight * dp * dp, tt + weight * dt * dt
        return pt / sqrt(pp * tt)

    p, t = pair
    assert weighted_tau(p, t) == pytest.approx((ranked_by(p, t) + ranked_by(t, p)) / 2, abs=ROUNDING)


@pytest.mark.parametrize("correlation", CORRELATIONS)
@settings(deadline=None)
@given(pair=pairs(), order=st.randoms(use_true_random=False))
def test_correlations_see_order_only(correlation, pair, order):
    """Growing maps, exchange of the sides and the order of the candidates change nothing; a falling map of all, the sign."""
    p, t = np.array(pair[0]), np.array(pair[1])
    value = pytest.approx(correlation(p, t), abs=ROUNDING, nan_ok=True)
    assert correlation(np.exp(p), t**3 - 7) == value
    assert correlation(t, np.maximum(p, -1)) == value  # every drawn finite prediction is above -1
    shuffled = order.sample(range(len(p)), len(p))
    assert correlation(p[shuffled], t[shuffled]) == value


@pytest.mark.parametrize("correlation", [spearman, kendall])
@settings(deadline=None)
@given(pair=pairs(predicted=true_values))
def test_reversing_one_side_changes_the_sign(correlation, pair):
    p, t = np.array(pair[0]), np.array(pair[1])
    assert correlation(-p, t) == pytest.approx(-correlation(p, t), abs=ROUNDING, nan_ok=True)


@pytest.mark.parametrize("correlation", CORRELATIONS)
@pytest.mark.parametrize(
    ("predicted", "true"),
    [([], []), ([0.5], [0.5]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [1, 1, 1]), ([-inf, -inf], [1, 2])],
    ids=["none", "one", "constant prediction", "constant truth", "nothing predicted"],
)
def test_a_correlation_without_a_value_is_nan(correlation, predicted, true):
    assert np.isnan(correlation(predicted, true))


# --- regret ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("predicted", "true", "k", "expected"),
    [
        pytest.param([3, 2, 1], [0.75, 0.5, 0.25], 1, 0.0, id="best first"),
        pytest.param([1, 2, 3], [0.75, 0.5, 0.25], 1, 0.5, id="worst first"),
        pytest.param([1, 2, 3], [0.75, 0.5, 0.25], 2, 0.25, id="two picks"),
        pytest.param([1, 2, 3], [0.75, 0.5, 0.25], 3, 0.0, id="all picked"),
        pytest.param([1, 2, 3], [0.75, 0.5, 0.25], 9, 0.0, id="more picks than candidates"),
        pytest.param([2, 2, 1], [0.75, 0.25, 0.5], 1, 0.25, id="tie: half of 0, half of 0.5"),
        pytest.param([2, 2, 1], [0.75, 0.25, 0.5], 2, 0.0, id="tie above the cut"),
        pytest.param([3, 1, 1, 1], [0.5, 0.75, 0.25, 0.0], 2, (0 + 0.25 + 0.25) / 3, id="one sure, one of three tied"),
        pytest.param([1, 1, 1, 1], [1.0, 0.75, 0.5, 0.25], 2, (3 * 0 + 2 * 0.25 + 0.5) / 6, id="blind: two of four"),
        pytest.param([0.1, -inf], [0.25, 0.75], 1, 0.5, id="no prediction comes last"),
        pytest.param([0.3], [0.4], 1, 0.0, id="one candidate"),
    ],
)
def test_regret_by_hand(predicted, true, k, expected):
    assert regret(predicted, true, k=k) == pytest.approx(expected, abs=ROUNDING)


@settings(deadline=None)
@given(pairs(min_size=1, max_size=6), st.integers(1, 7))
def test_regret_is_the_mean_over_every_way_to_break_ties(pair, k):
    p, t = pair
    losses = []
    for tie_break in permutations(range(len(p))):
        order = sorted(range(len(p)), key=lambda i: (-p[i], tie_break[i]))
        losses.append(max(t) - max(t[i] for i in order[:k]))
    assert regret(p, t, k=k) == pytest.approx(np.mean(losses), abs=ROUNDING)


@settings(deadline=None)
@given(pairs(min_size=1), st.integers(1, 8))
def test_another_pick_never_costs(pair, k):
    assert 0 <= regret(*pair, k=k + 1) <= regret(*pair, k=k) + ROUNDING
    assert regret(pair[1], pair[1], k=k) == 0  # the truth as its own prediction


def test_regret_of_many_tied_candidates_does_not_overflow():
    """comb(3000, 1500) has 900 digits; all but one candidate are worth 0, and half of all picks miss that one."""
    assert regret(np.zeros(3000), np.arange(3000) == 7, k=1500) == pytest.approx(0.5, abs=ROUNDING)


def test_regret_of_nothing_is_nan():
    assert np.isnan(regret([], []))


@pytest.mark.parametrize("k", [0, -1, 1.0, True, "1"])
def test_bad_k_is_refused(k):
    with pytest.raises(ValueError, match=r"k must be an int >= 1.*got k="):
        regret([1, 2], [1, 2], k=k)


# --- refused input, import ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [*CORRELATIONS, regret])
@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        ([0.1, nan, inf], [1, 2, 3], r"predicted must be .* got nan at position 1 \(2 in all\): .* give it -inf"),
        ([0.1, 0.2, inf], [1, 2, 3], r"predicted must be .* got inf at position 2"),
        ([0.1, 0.2, 0.3], [nan, 2, inf], r"true must be finite, got nan at position 0 \(2 in all\)"),
        ([0.1, 0.2, 0.3], [1, -inf, 3], r"true must be finite, got -inf at position 1"),
        ([0.1, 0.2], [1, 2, 3], r"1-D of one length, got shapes \(2,\) and \(3,\)"),
        ([[0.1], [0.2]], [[1], [2]], r"1-D of one length, got shapes \(2, 1\) and \(2, 1\)"),
        (0.1, 0.2, r"1-D of one length, got shapes \(\) and \(\)"),
    ],
)
def test_bad_values_are_refused_with_the_remedy(metric, predicted, true, message):
    with pytest.raises(ValueError, match=message):
        metric(predicted, true)


def test_a_series_goes_with_a_list_by_position():
    series = pd.Series([1.0, 3.0, 2.0], index=["c", "a", "b"])
    assert spearman(series, [1, 2, 3]) == spearman([1, 3, 2], series.sort_values()) == pytest.approx(0.5, abs=ROUNDING)


def test_importing_the_metrics_is_light():
    code = "import sys, ncap.ranking.agreement; print(sorted({'scipy', 'sklearn', 'pandas', 'keras', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
