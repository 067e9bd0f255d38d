"""The laws of `ncap.scores.Score`, for any member that is a function of features, or of a source's answers, and labels."""

import math

import numpy as np

from ncap.scores import Score
from ncap.scores.contract import COSTS, NEEDS


def check_score(score: Score, rtol: float = 1e-8) -> None:
    """Raise AssertionError unless the score keeps the laws of its contract, which the message names.

    rtol: how far the same score may lie from itself when samples are permuted or classes renumbered.

    >>> from ncap.scores import SCORES
    >>> check_score(SCORES.get("log_me"))
    """
    assert isinstance(score, Score)
    assert score.name.isidentifier(), "a score is named by a word"
    assert score.needs in NEEDS
    assert score.cost in COSTS
    assert score.source, "a score says where it was published"
    assert score.summary, "a score says what it measures"
    if score.needs in ("model", "known"):
        return  # what it promises of a model, or of what is known, its own tests show
    for n, d in ((30, 6), (12, 40)):
        outputs, y = _drawn(score, n, d)
        _check_value(score, outputs, y)
        _check_symmetries(score, outputs, y, rtol)
    _check_direction(score)
    _check_edges(score)


def _drawn(score: Score, n: int, d: int, signal: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes of features whose means lie `signal` apart; as probabilities, their softmax; as labels, its largest."""
    rng = np.random.default_rng(n)
    y = np.arange(n) % 3
    outputs = rng.normal(size=(n, d)) + signal * 3 * np.eye(d)[y]
    if score.needs == "source_labels":
        return outputs.argmax(axis=1), y
    if score.needs == "source_probabilities":
        weights = np.exp(outputs)
        outputs = weights / weights.sum(axis=1, keepdims=True)
    return outputs, y


def _check_value(score: Score, outputs: np.ndarray, y: np.ndarray) -> None:
    before = outputs.copy(), y.copy()
    value, note = score.value(outputs, y)
    assert isinstance(score.function(outputs, y), float), "a score is a float"
    assert math.isfinite(value), f"the score of ordinary samples is {value}: {note}"
    assert note == "", f"a score that is defined needs no note, got {note!r}"
    assert score.value(outputs, y).value == value, "the same inputs give two numbers"
    np.testing.assert_array_equal(outputs, before[0], err_msg="the score changed its inputs")
    np.testing.assert_array_equal(y, before[1], err_msg="the score changed its labels")


def _check_symmetries(score: Score, outputs: np.ndarray, y: np.ndarray, rtol: float) -> None:
    value = score.function(outputs, y)
    order = np.random.default_rng(0).permutation(len(y))
    np.testing.assert_allclose(
        score.function(outputs[order], y[order]),
        value,
        err_msg="the order of the samples matters",
        rtol=rtol,
        atol=rtol,
    )
    np.testing.assert_allclose(
        score.function(outputs, np.array([2, 0, 1])[y]),
        value,
        err_msg="the numbering of the classes matters",
        rtol=rtol,
        atol=rtol,
    )


def _check_direction(score: Score) -> None:
    told, silent = (score.function(*_drawn(score, 60, 6, signal)) for signal in (1.0, 0.0))
    assert told > silent, (
        f"classes that lie apart score {told}, classes that do not {silent}: the larger must be the better"
    )


def _check_edges(score: Score) -> None:
    outputs, y = _drawn(score, 12, 4)
    edges = {
        "one class": (outputs, 0 * y),
        "constant outputs": (outputs[:1].repeat(12, axis=0), y),
        "repeated samples": (outputs[y], y),
    }
    for what, inputs in edges.items():
        value, note = score.value(*inputs)
        assert not math.isinf(value), f"{what}: the score is {value}"
        assert math.isnan(value) == bool(note), f"{what}: the score is {value}, and the note {note!r}"
    for what, inputs in {"NaN": (outputs * math.nan, y), "labels that lack one": (outputs, y[1:])}.items():
        try:
            score.function(*inputs)
        except ValueError:
            continue
        raise AssertionError(f"{what} must be refused with a ValueError")
