"""The Bayesian network: its gradient against differences, its curves against loops, and what its networks agree on."""

import numpy as np
import pytest

from ncap.rules import klein
from ncap.rules.contract import Curve, Outcome
from ncap.rules.klein import Klein

pytestmark = pytest.mark.filterwarnings("error")


def weights(d=3, seed=0, scale=0.5):
    rng = np.random.default_rng(seed)
    sizes = [(d, klein.HIDDEN), (klein.HIDDEN,), (klein.HIDDEN,) * 2, (klein.HIDDEN,), (klein.HIDDEN, 8), (8,)]
    return [scale * rng.normal(size=size) / size[0] ** 0.5 for size in sizes]


def points(n=7, d=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.random(n), rng.normal(size=n)


def loss(w, x, t, y):
    mean, s = klein.curve(w, x, t)
    return np.mean((s + (y - mean) ** 2 * np.exp(-s)) / 2)


@pytest.mark.parametrize("scale", [0.5, 8.0], ids=["inside", "at the bounds of the rates"])
def test_the_gradient_is_that_of_differences(scale):
    w, data = weights(scale=scale), points()
    found = klein.gradient(w, *data)
    rng = np.random.default_rng(2)
    for part, slope in zip(w, found, strict=True):
        for _ in range(5):
            at = tuple(rng.integers(0, size) for size in part.shape)
            before, h = part[at], 1e-6
            part[at] = before + h
            ahead = loss(w, *data)
            part[at] = before - h
            behind = loss(w, *data)
            part[at] = before
            assert slope[at] == pytest.approx((ahead - behind) / (2 * h), rel=1e-4, abs=1e-7)


def test_a_curve_is_that_of_the_formula():
    w, (x, t, _) = weights(), points()
    mean, s = klein.curve(w, x, t)
    for i in range(len(x)):
        hidden = x[i]
        for matrix, bias in ((w[0], w[1]), (w[2], w[3])):
            hidden = [np.tanh(sum(hidden[j] * matrix[j, k] for j in range(len(hidden))) + bias[k]) for k in range(24)]
        out = np.array(hidden) @ w[4] + w[5]
        r = [np.exp(min(max(value, -3), 3)) for value in out[4:7]]
        phi = [1 - (1 + 10 * t[i]) ** -r[0], 1 - np.exp(-5 * r[1] * t[i]), t[i] / (t[i] + r[2] / 5)]
        assert mean[i] == pytest.approx(out[0] + sum(a * b for a, b in zip(out[1:4], phi, strict=True)), abs=1e-12)
        assert s[i] == pytest.approx(min(max(out[7], -9), 2), abs=1e-12)


def history(m, seed):
    """Curves from 0.2 to ends between 0.4 and 0.9, each at its own pace, which the first ticks tell."""
    rng, t = np.random.default_rng(seed), np.arange(1.0, 13.0)
    tops = rng.uniform(0.4, 0.9, m)
    return [
        Outcome("other", Curve.of(f"c{i}", val_accuracy=top - (top - 0.2) * np.exp(-t / 3)), {}, top)
        for i, top in enumerate(tops)
    ]


def test_curves_of_the_same_kind_are_continued_within_their_interval():
    rule = Klein(steps=(800, 300))
    fitted = rule.fit(history(60, seed=0), [])
    asked = history(20, seed=1)
    made = fitted.predict_many([Curve.of(val_accuracy=one.curve.val_accuracy[:3]) for one in asked], [{}] * 20)
    errors = np.array([one.order - other.curve.val_accuracy[-1] for one, other in zip(made, asked, strict=True)])
    assert np.abs(errors).mean() < 0.03  # the ends vary by 0.14 about their mean
    stds = np.array([one.std for one in made])
    assert (stds > 0).all()
    assert (np.abs(errors) < 3 * stds).mean() > 0.8
    again = rule.fit(history(60, seed=0), []).predict(Curve.of(val_accuracy=asked[0].curve.val_accuracy[:3]), {})
    assert (again.order, again.std) == pytest.approx((made[0].order, made[0].std), abs=1e-9)


def test_few_curves_are_too_few():
    made = Klein().fit(history(5, seed=0), []).predict(Curve.of(val_accuracy=[0.3, 0.4]), {})
    assert made.note == "last-seen accuracy: 5 curves of the history reach over the epochs seen, 6 needed"
