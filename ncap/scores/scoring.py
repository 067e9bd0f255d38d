"""Scores of candidates on a target: the forward pass once per candidate, then every score that was asked for."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.arguments import seed_number, whole_number
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
    defined its value is NaN and the note says why. `seconds` is the time of the forward pass, which the scores of a candidate share,
    and of the score itself.

    Raises: ValueError or TypeError for an argument that cannot be used. A candidate that cannot be built or run has NaN in every row.

    >>> import ncap
    >>> ncap.score("mlp", "digits", "log_me", n=100)[["candidate", "score"]]
      candidate   score
    0       mlp  log_me
    """
    import pandas as pd

    from ncap import candidates, targets

    wanted = _named(names)
    n, seed = whole_number("n", n, least=1), seed_number(seed)
    chosen = candidates.resolve(candidate)
    loaded = targets.load(target, seed)
    rows = loaded.sample_rows("train", n, seed)
    lines = []
    for name, one in chosen.items():
        inputs = Inputs(one, loaded, rows)
        lines += [(name, wanted_score.name, *_timed(wanted_score, inputs)) for wanted_score in wanted]
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
    """What the scores of one candidate are computed from, each made when a score first needs it."""

    def __init__(self, candidate: "Candidate", target: "Target", rows: np.ndarray) -> None:
        self.candidate, self.target, self.rows = candidate, target, rows
        self.y = target.labels("train")[rows]

    @cached_property
    def body(self) -> "keras.Model":
        """The pre-trained body."""
        return self.candidate.build()

    @cached_property
    def features(self) -> np.ndarray:
        """The body's features of the samples, maps averaged over their pixels, float32 (n, d)."""
        return self._outputs(self.body)

    @cached_property
    def source_probabilities(self) -> np.ndarray | None:
        """The probabilities of the source's classes (n, source classes); None where the candidate has no head of its own."""
        classifier = self.candidate.classifier()
        return None if classifier is None else self._outputs(classifier)

    def arguments(self, needs: str) -> tuple[Any, ...] | str:
        """What a score is called with; or, in words, what is missing."""
        if needs == "model":
            images, _ = self.target.read("train", self.rows, self.body.input_shape[1:])
            return self.body, images, self.y
        outputs = self.features if needs == "features" else self.source_probabilities
        if outputs is None:
            return "the candidate has no head of its own"
        if not np.isfinite(outputs).all():
            return "the network returns NaN or infinity"
        return outputs, self.y

    def _outputs(self, model: "keras.Model") -> np.ndarray:
        batches = self.target.batches("train", self.rows, BATCH_SIZE, model.input_shape[1:])
        return np.concatenate([_pooled(np.asarray(model.predict_on_batch(x))) for x, _ in batches])


def _pooled(outputs: np.ndarray) -> np.ndarray:
    return outputs.mean(axis=tuple(range(1, outputs.ndim - 1))) if outputs.ndim > 2 else outputs


def _timed(score: Score, inputs: Inputs) -> tuple[float, float, str]:
    started = time.perf_counter()
    value = _value(score, inputs)
    return value.value, time.perf_counter() - started, value.note


def _value(score: Score, inputs: Inputs) -> Value:
    try:
        arguments = inputs.arguments(score.needs)
        return Value(math.nan, arguments) if isinstance(arguments, str) else score.value(*arguments)
    except (
        Exception
    ) as error:  # whatever a stranger's factory or layers raise: the other candidates are scored all the same
        first_line = str(error).strip().partition("\n")[0]
        return Value(math.nan, f"failed ({type(error).__name__}: {first_line:.200})")


def _named(names: str | Sequence[str] | None) -> list[Score]:
    if names is None:
        return list(SCORES.members().values())
    words = names.split(",") if isinstance(names, str) else names
    if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        raise TypeError(f"names must be a list of scores, or a text of them separated by commas, got {names!r:.80}")
    if not words:
        raise ValueError(f"names must hold one score at least, got {names!r}; known: {', '.join(SCORES.names())}")
    return list({word.strip(): SCORES.get(word.strip()) for word in words}.values())
