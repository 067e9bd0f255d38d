"""The laws of a rule as tests: `check_rule(MyRule())` in a test of its own raises AssertionError where one does not hold."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from ncap.rules.contract import Curve, FloatArray, Outcome, Prediction, Rule

NAN, INF = float("nan"), float("inf")
# Predictions may differ by rounding where beta_eff is rescaled: a ridge over a range of a tenth carries it through its updates.
ROUNDING = 1e-7


def curves() -> dict[str, Curve]:
    """Curves of every kind that a rule meets, by what is special of them; beta_eff falls, and accuracy rises, where nothing is."""
    t = np.arange(1.0, 9.0)
    falling, rising = 4.0 / t + 0.1 * np.cos(t), 0.9 - 0.5 / t + 0.01 * np.sin(5 * t)
    ordinary = _curve(rising, falling)
    hole = np.where(t == 2, NAN, rising)
    return {
        "ordinary": ordinary,
        "four ticks": ordinary.at(t <= 4),
        "three ticks": ordinary.at(t <= 3),
        "one tick": ordinary.at(t <= 1),
        "no tick": ordinary.at(t < 1),
        "no number at all": _curve(np.full(8, NAN), np.full(8, NAN), everything=NAN),
        "a tick that some run lacks": _curve(hole, falling),
        "the last tick lacks a reading": _curve(rising, np.where(t == 8, NAN, falling), reason="rounding"),
        "no reading": _curve(rising, np.full(8, NAN), reason="rounding"),
        "no accuracy": _curve(np.full(8, NAN), falling),
        "ticks inside an epoch": replace(ordinary, epoch=t / 4),
        "constant beta": _curve(rising, np.full(8, 2.0)),
        "constant accuracy": _curve(np.full(8, 0.5), falling),
        "beta grows": _curve(rising, falling[::-1].copy()),
        "beta changes its sign": _curve(rising, falling - 1.0),
        "beta is 0: a dead network": _curve(np.full(8, 0.1), np.zeros(8), reason="zero"),
        "beta of another magnitude": _curve(rising, 1e-12 * falling),
        "beta is infinite": _curve(rising, np.where(t == 3, INF, falling)),
        "beta explodes": _curve(rising, 10.0 ** (30 * t)),
        "accuracy beyond 1 is predicted": _curve(np.linspace(0.3, 1.0, 8), np.linspace(8, 1, 8)),
        "accuracy below 0 is predicted": _curve(np.linspace(0.7, 0.0, 8), np.linspace(8, 1, 8)),
        "the horizon is near": replace(ordinary, horizon=1.0),
        "the horizon is far": replace(ordinary, horizon=1e6),
    }


def _curve(accuracy: FloatArray, beta: FloatArray, reason: str = "", everything: float = 1.0) -> Curve:
    return Curve.of(
        "candidate",
        "explicit/magnitude/unit",
        reason=[reason if not math.isfinite(value) or value == 0 else "" for value in beta],
        val_accuracy=accuracy,
        beta_eff=beta,
        beta_eff_error=0.05 * np.abs(beta),
        train_accuracy=np.minimum(accuracy + 0.02, 1.0),
        train_loss=everything * (1.5 - accuracy),
        val_loss=everything * (1.6 - accuracy),
        seconds=everything * np.ones(len(beta)),
    )


def check_rule(rule: Rule, history: Sequence[Outcome] = ()) -> None:
    """Test the laws of `ncap.rules.contract.Rule` on one rule, over curves of every kind.

    Args:
        rule: not fitted, if it learns.
        history: what a rule that learns is fitted to; curves of this module where none is given. Scores that it needs are given as 1.

    Raises: AssertionError with the curve and the law that does not hold.

    >>> from ncap.rules.last_seen import LastSeen
    >>> check_rule(LastSeen())
    """
    _check_class(rule)
    scores = {need.removeprefix("score:"): 1.0 for need in rule.needs if need.startswith("score:")}
    _check_laws(rule, scores)
    if rule.learns:
        status = rule.predict(curves()["ordinary"], scores).status
        assert status == "fallback", f"rule {rule.name}: it learns, and is not fitted: status {status!r}, not fallback"
        _check_learning(rule, list(history) or _history(scores), scores)
        return
    try:
        rule.fit(_history(scores), ())
    except TypeError:
        return
    raise AssertionError(f"rule {rule.name}: it does not learn, and its fit does not raise TypeError")


def _history(scores: Mapping[str, float]) -> list[Outcome]:
    """Twelve candidates of two jobs that end the higher the higher they begin."""
    ordinary = curves()["ordinary"]
    shifts = [0.02 * i for i in range(-6, 6)]
    made = [replace(ordinary, val_accuracy=ordinary.val_accuracy + shift) for shift in shifts]
    ends = zip(made, shifts, strict=True)
    return [
        Outcome(f"job {i % 2}", replace(curve, candidate=f"candidate {i}"), scores, 0.8 + shift)
        for i, (curve, shift) in enumerate(ends)
    ]


def _check_learning(rule: Rule, history: list[Outcome], scores: Mapping[str, float]) -> None:
    fitted = rule.fit(history, ())
    assert not rule.learned_from, f"rule {rule.name}: fit must return a copy, and leaves itself fitted"
    assert fitted.learned_from == {outcome.pair for outcome in history}, (
        f"rule {rule.name}: it forgets what it was fitted to"
    )
    _check_laws(fitted, scores)
    for few in (history[:1], []):
        with _where(rule, f"ordinary, fitted to {len(few)} outcomes"):
            _check_prediction(rule.fit(few, ()).predict(curves()["ordinary"], scores), curves()["ordinary"])
    try:
        rule.fit(history, [history[-1].pair])
    except ValueError:
        return
    raise AssertionError(f"rule {rule.name}: it learns from what it is judged on")


def _check_laws(rule: Rule, scores: Mapping[str, float]) -> None:
    for kind, curve in curves().items():
        with _where(rule, kind):
            prediction = rule.predict(curve, scores)
            _check_prediction(prediction, curve)
            _check_dependence(rule, curve, scores, prediction)
            _check_empty_tick(rule, curve, scores, prediction)
            if rule.scale_free:
                _check_scale(rule, curve, scores, prediction)
    _check_many(rule, scores)
    for none in ({}, dict.fromkeys(scores, NAN)) if scores else ():
        with _where(rule, "ordinary, without a score"):
            prediction = rule.predict(curves()["ordinary"], none)
            _check_prediction(prediction, curves()["ordinary"])
            assert prediction.status == "fallback", "without a score there is nothing to predict from"


@contextmanager
def _where(rule: Rule, kind: str) -> Iterator[None]:
    """Adds rule and curve to what an assertion or an error says."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"rule {rule.name}, curve {kind!r}: {str(error) or type(error).__name__}") from error


def _check_class(rule: Rule) -> None:
    assert isinstance(rule, Rule), f"{rule!r} is no ncap.rules.contract.Rule"
    for name in ("name", "summary", "source"):
        assert isinstance(getattr(rule, name), str), f"{name} must be a text"
        assert getattr(rule, name), f"{name} must not be empty"
    known = {*Curve.columns(), "reason", "horizon"}
    for need in rule.needs:
        assert need in known or need.startswith("score:"), f"needs: {need!r} is neither a column nor score:NAME"


def _check_prediction(prediction: Prediction, curve: Curve) -> None:
    seen = curve.having("val_accuracy").val_accuracy
    value = prediction.value
    assert prediction.status in ("ok", "fallback"), f"status {prediction.status!r}; a rule says ok or fallback"
    if prediction.status == "fallback":
        assert prediction.note, "a fallback's note must say why"
        assert prediction.is_accuracy, "a fallback's value is an accuracy"
        if len(seen):
            assert value == min(max(seen[-1], 0.0), 1.0), f"a fallback's value is the last-seen accuracy, got {value}"
        else:
            assert math.isnan(value), f"nothing was seen, got {value}"
    else:
        assert math.isfinite(value), f"status ok with the value {value}"
    if prediction.is_accuracy and not math.isnan(value):
        assert 0 <= value <= 1, f"an accuracy lies in 0..1, got {value}"
        assert value == min(max(prediction.order, 0.0), 1.0), "value must be order, clipped"
    if not math.isnan(prediction.low) or not math.isnan(prediction.high):
        assert prediction.low <= value <= prediction.high, "low <= value <= high does not hold"
    assert list(prediction.ticks) == sorted(set(prediction.ticks)), "ticks must be in order"
    assert set(prediction.ticks) <= set(curve.tick.tolist()), "ticks must be ticks of the curve"
    if prediction.fit is not None:
        assert set(prediction.fit.ticks) <= set(prediction.ticks), "the fit's ticks must be ticks that were read"


def _check_dependence(rule: Rule, curve: Curve, scores: Mapping[str, float], prediction: Prediction) -> None:
    assert _same(rule.predict(curve, scores), prediction), "the same curve must give the same prediction"
    others: dict[str, Any] = {name: np.full(len(curve), NAN) for name in curve.columns() if name not in rule.needs}
    if "reason" not in rule.needs:
        others["reason"] = ("zero",) * len(curve)
    if "horizon" not in rule.needs:
        others["horizon"] = 7.0
    bare = replace(curve, candidate="another", reading="another", **others)
    assert _same(rule.predict(bare, scores), prediction), f"it reads more than its needs, {', '.join(rule.needs)}"
    assert _same(rule.predict(curve, {**scores, "another": 7.0}), prediction), "it reads a score that it does not need"


def _check_empty_tick(rule: Rule, curve: Curve, scores: Mapping[str, float], prediction: Prediction) -> None:
    arrays: dict[str, Any] = {name: np.append(getattr(curve, name), NAN) for name in curve.columns()}
    last = int(curve.tick[-1]) if len(curve) else 0
    longer = replace(curve, tick=np.append(curve.tick, last + 1), reason=(*curve.reason, ""), **arrays)
    assert _same(rule.predict(longer, scores), prediction), "a tick without a number must change nothing"


def _check_many(rule: Rule, scores: Mapping[str, float]) -> None:
    every = curves()
    together = rule.predict_many(list(every.values()), [scores] * len(every))
    for (kind, curve), prediction in zip(every.items(), together, strict=True):
        alone = rule.predict(curve, scores)
        equal = (alone.status, alone.ticks, alone.is_accuracy) == (
            prediction.status,
            prediction.ticks,
            prediction.is_accuracy,
        )
        close = all(
            math.isclose(a, b, rel_tol=ROUNDING, abs_tol=ROUNDING) or (math.isnan(a) and math.isnan(b))
            for a, b in _numbers(alone, prediction)
        )
        assert all((equal, close)), (
            f"rule {rule.name}, curve {kind!r}: predicted among others it is {prediction}, alone {alone}"
        )


def _check_scale(rule: Rule, curve: Curve, scores: Mapping[str, float], prediction: Prediction) -> None:
    for c in (2.0**-20, 1000.0):
        scaled = replace(curve, beta_eff=c * curve.beta_eff, beta_eff_error=c * curve.beta_eff_error)
        other = rule.predict(scaled, scores)
        assert other.status == prediction.status, f"beta_eff times {c}: the status changes to {other.status}"
        for mine, its in _numbers(prediction, other):
            close = math.isclose(mine, its, rel_tol=ROUNDING, abs_tol=ROUNDING)
            assert close or (math.isnan(mine) and math.isnan(its)), f"beta_eff times {c}: {its} for {mine}"


def _same(one: Prediction, other: Prediction) -> bool:
    equal = (one.status, one.note, one.ticks, one.is_accuracy) == (
        other.status,
        other.note,
        other.ticks,
        other.is_accuracy,
    )
    return equal and all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in _numbers(one, other))


def _numbers(one: Prediction, other: Prediction) -> Iterator[tuple[float, float]]:
    for name in ("value", "low", "high", "std", "order"):
        yield getattr(one, name), getattr(other, name)
