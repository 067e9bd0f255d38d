"""Curves that nobody draws on purpose: every rule gives a number or a fallback with a note, and no warning."""

from dataclasses import replace
from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ncap.rules import RULES, resolve
from ncap.rules.contract import Curve, Outcome

pytestmark = pytest.mark.filterwarnings("error")

ACCURACIES = st.sampled_from([0.0, 1.0, 0.5, 1e-300, nan]) | st.floats(0, 1)
EPOCHS = st.sampled_from([0.0, 1.0, 1e-9, 1e9]) | st.floats(0, 200)
CHEAP = [name for name in RULES.names() if RULES.get(name).cost == "low"]


@st.composite
def curves(draw, longest=8):
    accuracy = draw(st.lists(ACCURACIES, max_size=longest))
    n = len(accuracy)
    epoch = sorted(draw(st.lists(EPOCHS, min_size=n, max_size=n)))
    beta = draw(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=n, max_size=n))
    horizon = draw(st.sampled_from([1e-6, 1.0, 30.0, 1e12]))
    return Curve.of(val_accuracy=accuracy, epoch=epoch, beta_eff=beta, horizon=horizon)


@st.composite
def histories(draw):
    made = [replace(curve, candidate=f"c{i}") for i, curve in enumerate(draw(st.lists(curves(), max_size=10)))]
    return [Outcome(draw(st.sampled_from("ab")), curve, {}, draw(st.floats(0, 1))) for curve in made]


def check(prediction, curve):
    seen = curve.having("val_accuracy").val_accuracy
    assert prediction.status in ("ok", "fallback")
    if prediction.status == "fallback":
        assert prediction.note
        assert prediction.value == pytest.approx(seen[-1] if len(seen) else nan, nan_ok=True)
    else:
        assert np.isfinite(prediction.value)
        assert not prediction.is_accuracy or 0 <= prediction.value <= 1


@pytest.mark.parametrize("name", CHEAP)
@settings(max_examples=40, deadline=None)
@given(curve=curves())
def test_any_curve_gets_a_number_or_a_note(name, curve):
    check(resolve(name).predict(curve, {}), curve)


@pytest.mark.parametrize("name", [name for name in CHEAP if RULES.get(name).learns])
@settings(max_examples=40, deadline=None)
@given(curve=curves(), history=histories())
def test_any_history_can_be_learned_from(name, curve, history):
    fitted = resolve(name).fit(history, [("asked", "candidate")])
    check(fitted.predict(curve, {}), curve)
    twice = Curve.of(val_accuracy=[0.1, 0.1], epoch=[1, 1])
    check(fitted.predict(twice, {}), twice)
