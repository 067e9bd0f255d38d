"""The laws of `ncap.scores.Score`, for any member that is a function of features, of a source's answers, or of a network, and labels."""

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
    if score.needs == "network":
        _check_of_network(score)
    if score.needs in ("model", "network", "known"):
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


def _check_of_network(score: Score) -> None:
    """Value, symmetry and edges of a training-free proxy, on a network whose state training and inference would both change."""
    import keras
    from keras import layers

    convolutions = [
        layers.Conv2D(6, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Conv2D(4, 3),
    ]
    head = [layers.ReLU(), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    network = keras.Sequential([keras.Input((8, 8, 2)), layers.Rescaling(1 / 255), *convolutions, *head])
    generator = np.random.default_rng(0)
    network.set_weights([generator.normal(0, 0.3, one.shape) if one.ndim > 1 else one for one in network.get_weights()])
    images, y = generator.uniform(0, 255, (12, 8, 8, 2)).astype(np.float32), np.arange(12) % 3
    weights, before = network.get_weights(), images.copy()
    value, note = score.value(network, images, y)
    assert isinstance(score.function(network, images, y), float), "a score is a float"
    assert math.isfinite(value), f"the score of an ordinary network is {value}: {note}"
    assert note == "", f"a score that is defined needs no note, got {note!r}"
    assert score.value(network, images, y).value == value, "the same inputs give two numbers"
    np.testing.assert_array_equal(images, before, err_msg="the score changed its images")
    for now, then in zip(network.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then, err_msg="the score changed the network")
    order = generator.permutation(12)
    moved = score.value(network, images[order], y[order]).value
    np.testing.assert_allclose(moved, value, rtol=1e-3, err_msg="the order of the images matters")  # float32
    for what, inputs in {
        "images of another size": (images[:, 1:], y),
        "a label too many": (images, np.arange(13) % 3),
    }.items():
        try:
            score.function(network, *inputs)
        except ValueError:
            continue
        raise AssertionError(f"{what} must be refused with a ValueError")
