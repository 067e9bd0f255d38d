"""Scores of candidates on a target: the forward pass once per candidate, then every score that was asked for."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.arguments import seed_number, whole_number
from ncap.heads import head_of
from ncap.reasons import first_line
from ncap.scores import SCORES, Score, Value

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from ncap.candidates import Candidate
    from ncap.targets import Target

BATCH_SIZE = 256  # of the forward pass; changes time, memory and rounding only


def score(
    candidate: "str | Sequence[str] | Mapping[str, Callable[[], keras.Model] | Candidate] | Candidate",
    target: "str | Path | Target",
    names: str | Sequence[str] | None = None,
    *,
    n: int = 4096,
    seed: int = 0,
) -> "pd.DataFrame":
    """Score one or more candidates on a target, without training any.

    Args:
        candidate: as in `ncap.rank`: names, or {name: function that returns a fresh body}; or a Candidate.
        target: as in `ncap.rank`.
        names: scores, in a list or separated by commas; `ncap.list_scores()` lists them, and None computes all.
        n: images of the training part that are scored, at most; a stratified sample.
        seed: of that sample, and of the splits where the target has none.

    Returns: columns candidate, score, value, seconds, note, a row per candidate and score. Larger values are better; where a score is not
    defined its value is NaN and the note says why. `seconds` is the time of the score itself and of the forward pass before it, which the
    scores of a candidate share; building the candidate is not counted.

    Raises: ValueError or TypeError for an argument that cannot be used. A candidate that cannot be built or run has NaN in every row.

    >>> import ncap
    >>> ncap.score("mlp", "digits", "log_me", n=100)[["candidate", "score"]]
      candidate   score
    0       mlp  log_me
    """
    import pandas as pd

    from ncap import candidates, framework, targets

    wanted = _named(names)
    n, seed = whole_number("n", n, least=1), seed_number(seed)
    chosen = candidates.resolve(candidate)
    framework.load()
    loaded = targets.load(target, seed)
    rows = loaded.sample_rows("train", n, seed)
    lines = []
    for name, one in chosen.items():
        inputs = Inputs(one, loaded, rows)
        lines += [(name, each.name, *_timed(each, inputs)) for each in wanted]
    return pd.DataFrame(lines, columns=["candidate", "score", "value", "seconds", "note"])


def list_scores() -> "pd.DataFrame":
    """The scores that can be named: columns score, needs, source, summary.

    >>> list_scores()[["score", "needs"]]
        score     needs
    0  log_me  features
    """
    import pandas as pd

    lines = [(one.name, one.needs, one.source, one.summary) for one in SCORES.members().values()]
    return pd.DataFrame(lines, columns=["score", "needs", "source", "summary"])


class Inputs:
    """What the scores of one candidate are computed from, each kind made once, when a score first needs it."""

    def __init__(self, candidate: "Candidate", target: "Target", rows: np.ndarray) -> None:
        self.candidate, self.target, self.rows = candidate, target, rows
        self.y = target.labels("train")[rows]
        self._made: dict[str, tuple[tuple[Any, ...] | str, float]] = {}

    def of(self, needs: str) -> tuple[tuple[Any, ...] | str, float]:
        """What a score of that kind is called with, or why there is no such thing; and the seconds that it took to make, building apart."""
        if needs not in self._made:
            try:
                model = self._classifier if needs == "source_probabilities" else self._body
                started = time.perf_counter()
                made: tuple[Any, ...] | str = self._arguments(needs, model)
                self._made[needs] = made, time.perf_counter() - started
            except Exception as error:  # whatever a user's factory or layers raise, the other candidates are scored
                self._made[needs] = _failure(error), math.nan
        return self._made[needs]

    @cached_property
    def _body(self) -> "keras.Model":
        return self.candidate.build()

    @cached_property
    def _classifier(self) -> "keras.Model | None":
        return self.candidate.classifier()

    def _arguments(self, needs: str, model: "keras.Model | None") -> tuple[Any, ...] | str:
        if model is None:
            return "the candidate has no head of its own"
        if needs != "source_probabilities" and (head := head_of(model)):
            return f"the body ends in the {head}: that is a head, and what it returns is no features"
        if needs == "model":
            return model, *self.target.read("train", self.rows, model.input_shape[1:])
        batches = self.target.batches("train", self.rows, BATCH_SIZE, model.input_shape[1:])
        outputs = np.concatenate([_pooled(_wide(model.predict_on_batch(x))) for x, _ in batches])
        return (outputs, self.y) if np.isfinite(outputs).all() else "the network returns NaN or infinity"


def _wide(outputs: Any) -> np.ndarray:
    """As an array of float32 or float64: numpy knows no bfloat16, and a mean over pixels loses digits in half precision."""
    array = np.asarray(outputs)
    return array if array.dtype == np.float64 else array.astype(np.float32)


def _pooled(outputs: np.ndarray) -> np.ndarray:
    """Maps (n, h, w, d) averaged over their pixels: (n, d)."""
    return outputs.mean(axis=tuple(range(1, outputs.ndim - 1))) if outputs.ndim > 2 else outputs


def _timed(score: Score, inputs: Inputs) -> tuple[float, float, str]:
    """Value, seconds and note of one score."""
    arguments, seconds = inputs.of(score.needs)
    if isinstance(arguments, str):
        return math.nan, seconds, arguments
    started = time.perf_counter()
    try:
        value, note = score.value(*arguments)
    except Exception as error:  # of a score that runs the model
        value, note = Value(math.nan, _failure(error))
    return value, seconds + time.perf_counter() - started, note


def _failure(error: Exception) -> str:
    return f"failed ({type(error).__name__}: {first_line(error, 200)})"


def _named(names: str | Sequence[str] | None) -> list[Score]:
    if names is None:
        return list(SCORES.members().values())
    words = names.split(",") if isinstance(names, str) else names
    if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        raise TypeError(f"names must be a list of scores, or a text of them separated by commas, got {names!r:.80}")
    if not words:
        raise ValueError(f"names must hold one score at least, got {names!r}; known: {', '.join(SCORES.names())}")
    return list({word.strip(): SCORES.get(word.strip()) for word in words}.values())
