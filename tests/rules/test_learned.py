"""Rules that learn from other curves, each against a second, plain implementation, and what they all share."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.svm import NuSVR

from ncap.rules.affine_curves import FLOOR, MOST_STRETCH, NEAREST, AffineCurves
from ncap.rules.baker import Baker
from ncap.rules.contract import Curve, Outcome
from ncap.rules.wistuba_pedapati import WistubaPedapati

pytestmark = pytest.mark.filterwarnings("error")

ASKED = [("asked", "x")]


def history(m=40, ticks=10, seed=0, target="other"):
    """Curves that rise to ends between 0.4 and 0.9, with some noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(1.0, ticks + 1)
    made = []
    for i in range(m):
        top, gap = rng.uniform(0.4, 0.9), rng.uniform(0.1, 0.4)
        accuracy = np.clip(top - gap / t + rng.normal(0, 0.01, ticks), 0, 1)
        made.append(Outcome(target, Curve.of(f"c{i}", val_accuracy=accuracy), {"parameters": float(i)}, top))
    return made


def accuracies(ends, k):
    return np.array([end.curve.val_accuracy[:k] for end in ends])


@pytest.mark.parametrize("rule", [AffineCurves(), Baker(), WistubaPedapati()], ids=lambda rule: rule.name)
def test_better_beginnings_are_predicted_to_end_better(rule):
    ends, others = history(seed=1), history(seed=2, target="asked")
    fitted = rule.fit(ends, [end.pair for end in others])
    made = fitted.predict_many([Curve.of(val_accuracy=end.curve.val_accuracy[:4]) for end in others], [{}] * 40)
    order = np.array([one.order for one in made])
    assert {one.status for one in made} == {"ok"}
    # 4 of 10 ticks leave little doubt: the last one seen alone orders 0.9 of the pairs.
    assert np.corrcoef(order.argsort().argsort(), np.argsort(np.argsort([end.accuracy for end in others])))[0, 1] > 0.9


def test_earlier_curves_are_mapped_as_by_hand():
    ends, y = history(), np.array([0.3, 0.45, 0.5, 0.52])
    fitted = AffineCurves().fit(ends, ASKED)
    errors, mapped = [], []
    for end in ends:
        h = end.curve.val_accuracy[:4]
        stretch = min(max(np.polyfit(h, y, 1)[0], 0.0), MOST_STRETCH)
        shift = np.mean(y - stretch * h)
        errors.append(np.mean((stretch * h + shift - y) ** 2))
        mapped.append(stretch * end.accuracy + shift)
    best = np.argsort(errors, kind="stable")[:NEAREST]
    weights = 1 / (np.array(errors)[best] + FLOOR)
    made = fitted.predict(Curve.of(val_accuracy=y), {})
    mean = np.average(np.array(mapped)[best], weights=weights)
    assert made.order == pytest.approx(mean, abs=1e-9)
    assert made.std == pytest.approx(
        np.sqrt(np.average((np.array(mapped)[best] - mean) ** 2, weights=weights)), abs=1e-9
    )


def test_one_tick_only_shifts_the_earlier_curves():
    ends = [Outcome("other", Curve.of("c", val_accuracy=[0.25, 0.5, 0.75]), {}, 0.75)]
    assert AffineCurves().fit(ends, ASKED).predict(Curve.of(val_accuracy=[0.125]), {}).value == pytest.approx(0.625)


def test_the_regression_is_that_on_features_made_one_by_one():
    ends, y = history(), [0.3, 0.45, 0.5, 0.52]

    def features(a):
        first = [a[i + 1] - a[i] for i in range(3)]
        return [*a[:4], *first, first[1] - first[0], first[2] - first[1]]

    x = np.array([features(end.curve.val_accuracy) for end in ends])
    tops = np.array([end.accuracy for end in ends])
    centre, scale = x.mean(0), x.std(0)
    predictions = []
    for cost in (0.1, 1.0, 10.0):
        machine = NuSVR(C=cost).fit((x - centre) / scale, (tops - tops.mean()) / tops.std())
        predictions.append(tops.mean() + tops.std() * machine.predict([(np.array(features(y)) - centre) / scale])[0])
    made = Baker().fit(ends, ASKED).predict(Curve.of(val_accuracy=y), {})
    assert min(abs(made.order - each) for each in predictions) < 1e-9
    assert 0 < made.std < tops.std()


def test_facts_are_read_with_the_curve_and_must_be_there():
    rng = np.random.default_rng(3)
    ends = [
        Outcome("other", Curve.of(f"c{i}", val_accuracy=[0.5, 0.5]), {"parameters": size}, 0.3 + 0.5 * size)
        for i, size in enumerate(rng.random(60))
    ]
    rule = Baker(facts=["parameters"])
    assert rule.needs == ("epoch", "val_accuracy", "score:parameters")
    assert Baker.needs == ("epoch", "val_accuracy")
    fitted = rule.fit(ends, ASKED)
    curve = Curve.of(val_accuracy=[0.5, 0.5])
    assert fitted.predict(curve, {"parameters": 0.8}).value == pytest.approx(0.7, abs=0.03)
    assert fitted.predict(curve, {}).note == "last-seen accuracy: a score is missing of parameters"


def test_ranking_weights_are_those_of_the_pairwise_loss():
    """The penalised loss sum log(1 + exp(-w'd)) + |w|^2 / 2 over the pairs, by a general solver."""
    ends = history(12)
    x = accuracies(ends, 2)
    x = np.column_stack([x, x[:, 1] - x[:, 0]])
    scale = x.std(0)
    tops = [end.accuracy for end in ends]
    apart = np.array([(x[i] - x[j]) / scale for i in range(12) for j in range(12) if tops[i] > tops[j]])
    naive = minimize(lambda w: np.logaddexp(0, -apart @ w).sum() + w @ w / 2, np.zeros(3), tol=1e-10).x
    fitted = WistubaPedapati().fit(ends, ASKED)
    points = [[0.3, 0.5], [0.5, 0.4]]
    low, high = (fitted.predict(Curve.of(val_accuracy=point), {}).value for point in points)
    features = np.array([[*point, point[1] - point[0]] for point in points]) / scale
    assert high - low == pytest.approx((features[1] - features[0]) @ naive, rel=2e-3)  # both stop at gradients of 1e-4


def test_pairs_of_different_targets_are_not_learned_from():
    """On each target more is better, but the target where all is lower ends higher."""
    low = [Outcome("low", Curve.of(f"l{i}", val_accuracy=[0.1 + i / 100]), {}, 0.8 + i / 100) for i in range(8)]
    high = [Outcome("high", Curve.of(f"h{i}", val_accuracy=[0.5 + i / 100]), {}, 0.5 + i / 100) for i in range(8)]
    fitted = WistubaPedapati().fit(low + high, ASKED)
    assert (
        fitted.predict(Curve.of(val_accuracy=[0.5]), {}).value > fitted.predict(Curve.of(val_accuracy=[0.1]), {}).value
    )


def test_curves_that_do_not_reach_over_the_epochs_are_left_out():
    fitted = Baker().fit(history(8, ticks=3), ASKED)
    made = fitted.predict(Curve.of(val_accuracy=[0.1, 0.2, 0.3, 0.4]), {})
    assert made.note == "last-seen accuracy: 0 curves of the history reach over the epochs seen, 6 needed"
    assert fitted.predict(Curve.of(val_accuracy=[0.1, 0.2]), {}).status == "ok"


def test_a_history_on_other_epochs_is_interpolated():
    """Two ticks an epoch against one: the curves are the same lines."""
    coarse = [
        Outcome("other", Curve.of(f"c{i}", val_accuracy=[i / 20, i / 10, 3 * i / 20]), {}, i / 5) for i in range(5)
    ]
    fitted = AffineCurves().fit(coarse, ASKED)
    fine = Curve.of(epoch=[1, 1.5, 2, 2.5], val_accuracy=[0.1, 0.15, 0.2, 0.25])
    assert fitted.predict(fine, {}).value == pytest.approx(0.4, abs=1e-3)
