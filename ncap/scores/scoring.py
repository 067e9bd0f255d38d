"""Scores of candidates on a target: one forward pass per candidate and kind of output, then every score that was asked for."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.arguments import seed_number, switch, whole_number
from ncap.heads import head_of
from ncap.reasons import first_line
from ncap.scores import SCORES, Score, Value
from ncap.scores.sampling_error import sampling_error
from ncap.scores.static.known import Known, places

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from ncap.candidates import Candidate
    from ncap.targets import Target

FAILED = "failed ("  # what the note of a score begins with that might come out another time
BATCH_SIZE = 256  # of the forward pass; changes time, memory and rounding only


def score(
    candidate: "str | Sequence[str] | Mapping[str, Callable[[], keras.Model] | Candidate] | Candidate",
    target: "str | Path | Target",
    names: str | Sequence[str] | None = None,
    *,
    n: int = 4096,
    seed: int = 0,
    history: "pd.DataFrame | None" = None,
    error: bool = False,
    size: int | None = None,
) -> "pd.DataFrame":
    """Score one or more candidates on a target, without training any.

    Args:
        candidate: as in `ncap.rank`: names, or {name: function that returns a fresh body}; or a Candidate.
        target: as in `ncap.rank`.
        names: scores, in a list or separated by commas; `ncap.list_scores()` lists them. None computes all but
            those of a network before training, which take many times as long as a forward pass.
        n: images of the training part that are scored, at most; a stratified sample. A training-free proxy takes 64 of them.
        seed: of that sample, and of the splits where the target has none.
        history: accuracies that candidates reached on other targets, columns target, candidate, accuracy; for the score mean_rank. Rows
            of the target itself are not read, however its name is written.
        error: whether to estimate how far another sample of the same size would lead from each value, which takes five times as long.
        size: side of the square images that the candidates are given, for those that take several sizes, as in `ncap.rank`.

    Returns: columns candidate, score, value, seconds, note, a row per candidate and score; with `error` also error after the value, the
    standard error of sampling, NaN for a score of no sample. Larger values are better; where a score is not defined its value is NaN and
    the note says why. `seconds` is the time of the score itself and of the forward pass before it, which the scores of a candidate share;
    building the candidate is not counted.

    Raises: ValueError or TypeError for an argument that cannot be used, such as a size that a candidate does not take. A candidate that
    cannot be built or run has NaN in every row.

    >>> import ncap
    >>> ncap.score("mlp", "digits", "log_me", n=100)[["candidate", "score"]]
      candidate   score
    0       mlp  log_me
    """
    import pandas as pd

    from ncap import candidates, framework, targets

    wanted = named(names)
    n, seed, error = whole_number("n", n, least=1), seed_number(seed), switch("error", error)
    elsewhere = _accuracies(history)
    chosen = candidates.resolve(candidate)
    if size is not None:
        size = whole_number("size", size, least=1)
        chosen = {name: one.at_size(size) for name, one in chosen.items()}
    framework.load()
    loaded = targets.load(target, seed)
    rows = loaded.sample_rows("train", n, seed)
    known = places(elsewhere, loaded.name)
    lines = []
    with framework.quiet_tracing():
        for name, one in chosen.items():
            inputs = Inputs(one, loaded, rows, known.get(name, ()), size)
            lines += [{"candidate": name, "score": each.name, **_timed(each, inputs, error)} for each in wanted]
    columns = ["candidate", "score", "value", *["error"] * error, "seconds", "note"]
    return pd.DataFrame(lines, columns=columns)


def list_scores() -> "pd.DataFrame":
    """The scores that can be named: columns score, needs (what they are computed from), cost, source, summary.

    >>> list_scores()[["score", "needs", "cost"]].head(3)
        score                 needs     cost
    0  log_me              features  forward
    1    leep  source_probabilities  forward
    2     nce         source_labels  forward
    """
    import pandas as pd

    lines = [(one.name, one.needs, one.cost, one.source, one.summary) for one in SCORES.members().values()]
    return pd.DataFrame(lines, columns=["score", "needs", "cost", "source", "summary"])


class Inputs:
    """What the scores of one candidate are computed from, each kind made once, when a score first needs it.

    Args:
        places: the candidate's, on other targets (`ncap.scores.static.known.places`).
        size: side of the images; None leaves the sides that a model does not fix to the target.
    """

    def __init__(
        self,
        candidate: "Candidate",
        target: "Target",
        rows: np.ndarray,
        places: tuple[float, ...] = (),
        size: int | None = None,
    ) -> None:
        self.candidate, self.target, self.rows, self.places, self.size = candidate, target, rows, places, size
        self.y = target.labels("train")[rows]
        self._made: dict[str, tuple[tuple[Any, ...] | str, float]] = {}

    def of(self, needs: str) -> tuple[tuple[Any, ...] | str, float]:
        """What a score of that kind is called with, or why there is no such thing; and the seconds that it took to make, building apart."""
        if needs not in self._made:
            try:
                self._made[needs] = _MADE_BY[needs](self)
            except Exception as error:  # whatever a user's factory or layers raise, the other candidates are scored
                self._made[needs] = _failure(error), math.nan
        return self._made[needs]

    @cached_property
    def _body(self) -> "keras.Model":
        return self.candidate.build()

    def _features(self) -> tuple[tuple[Any, ...] | str, float]:
        return self._outputs(self._body)

    def _probabilities(self) -> tuple[tuple[Any, ...] | str, float]:
        classifier = self.candidate.classifier()
        if classifier is None:
            return "the candidate has no head of its own", 0.0
        return self._outputs(classifier, headed=True)

    def _source_labels(self) -> tuple[tuple[Any, ...] | str, float]:
        made, seconds = self.of("source_probabilities")
        return (made, seconds) if isinstance(made, str) else ((made[0].argmax(axis=1), made[1]), seconds)

    def _model(self) -> tuple[tuple[Any, ...] | str, float]:
        started = time.perf_counter()
        if reason := _not_a_body(self._body):
            return reason, 0.0
        images = self.target.read("train", self.rows, self._shape(self._body))
        return (self._body, *images), time.perf_counter() - started

    def _network(self) -> tuple[tuple[Any, ...] | str, float]:
        from ncap.scores.zero_cost import BATCH
        from ncap.scores.zero_cost.network import with_head
        from ncap.targets import stratified_subset

        body = self.candidate.build()  # fresh, as it begins: other scores may have run theirs
        started = time.perf_counter()
        if reason := _not_a_body(body):
            return reason, 0.0
        rows = self.rows[stratified_subset(self.y, BATCH, 0)]
        images, y = self.target.read("train", rows, self._shape(body))
        return (with_head(body, self.target.classes), images, y), time.perf_counter() - started

    def _known(self) -> tuple[tuple[Any, ...] | str, float]:
        from ncap.candidates.multiply_adds import count_multiply_adds

        one = self.candidate
        parameters = int(self._body.count_params()) if one.parameters is None else one.parameters
        adds = count_multiply_adds(self._body) if one.multiply_adds is None else one.multiply_adds
        return (Known(parameters, adds, one.source_accuracy, self.places),), 0.0

    def _shape(self, model: "keras.Model", headed: bool = False) -> tuple[int | None, ...]:
        """(h, w, c) that a model is given: its own sides, and of those that it leaves open the size that was asked for."""
        shape: tuple[int | None, ...] = model.input_shape[1:]
        if self.size is None or len(shape) != 3:
            return shape
        if not headed and any(side not in (None, self.size) for side in shape[:2]):
            raise ValueError(
                f"size={self.size}: the body takes images of {shape[0]} x {shape[1]} only; leave the size out"
            )
        return *(side or self.size for side in shape[:2]), shape[2]

    def _outputs(self, model: "keras.Model", headed: bool = False) -> tuple[tuple[Any, ...] | str, float]:
        """What a model returns for the sample, and the labels."""
        started = time.perf_counter()
        if not headed and (reason := _not_a_body(model)):
            return reason, 0.0
        batches = self.target.batches("train", self.rows, BATCH_SIZE, self._shape(model, headed))
        outputs = np.concatenate([_pooled(_wide(model.predict_on_batch(x))) for x, _ in batches])
        made = (outputs, self.y) if np.isfinite(outputs).all() else "the network returns NaN or infinity"
        return made, time.perf_counter() - started


_MADE_BY: dict[str, Callable[[Inputs], tuple[tuple[Any, ...] | str, float]]] = {
    "features": Inputs._features,
    "source_probabilities": Inputs._probabilities,
    "source_labels": Inputs._source_labels,
    "model": Inputs._model,
    "network": Inputs._network,
    "known": Inputs._known,
}


def _not_a_body(model: "keras.Model") -> str:
    head = head_of(model)
    return f"the body ends in the {head}: that is a head, and what it returns is no features" if head else ""


def _wide(outputs: Any) -> np.ndarray:
    """As an array of float32 or float64: numpy knows no bfloat16, and a mean over pixels loses digits in half precision."""
    array = np.asarray(outputs)
    return array if array.dtype == np.float64 else array.astype(np.float32)


def _pooled(outputs: np.ndarray) -> np.ndarray:
    """Maps (n, h, w, d) averaged over their pixels: (n, d)."""
    return outputs.mean(axis=tuple(range(1, outputs.ndim - 1))) if outputs.ndim > 2 else outputs


def _timed(score: Score, inputs: Inputs, error: bool = False) -> dict[str, Any]:
    """Value, seconds and note of one score, and its error if it is asked for."""
    arguments, seconds = inputs.of(score.needs)
    if isinstance(arguments, str):
        return {"value": math.nan, "error": math.nan, "seconds": seconds, "note": arguments}
    started = time.perf_counter()
    try:
        value, note = score.value(*arguments)
    except Exception as failure:  # of a score that runs the model
        value, note = Value(math.nan, _failure(failure))
    seconds += time.perf_counter() - started
    spread = sampling_error(score, *arguments) if error and math.isfinite(value) else math.nan
    return {"value": value, "error": spread, "seconds": seconds, "note": note}


def _accuracies(history: "pd.DataFrame | None") -> dict[str, dict[str, float]]:
    """The history as target -> candidate -> accuracy."""
    from ncap.records.schema import TRUTH
    from ncap.records.tables import checked_table

    found: dict[str, dict[str, float]] = {}
    if history is not None:
        for row in checked_table(replace(TRUTH, name="history"), history).to_dict("records"):
            found.setdefault(row["target"], {})[row["candidate"]] = row["accuracy"]
    return found


def _failure(error: Exception) -> str:
    return f"{FAILED}{type(error).__name__}: {first_line(error, 200)})"


def named(names: str | Sequence[str] | None, argument: str = "names") -> list[Score]:
    """The scores that a list of names, or a text of them separated by commas, stands for, each once; None for all but those of a network.

    Raises: TypeError or ValueError, which calls it `argument`, for anything else and for an unknown name.
    """
    if names is None:
        return [one for one in SCORES.members().values() if one.needs != "network"]
    words = names.split(",") if isinstance(names, str) else names
    if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        raise TypeError(
            f"{argument} must be a list of scores, or a text of them separated by commas, got {names!r:.80}"
        )
    if not words:
        raise ValueError(f"{argument} must hold one score at least, got {names!r}; known: {', '.join(SCORES.names())}")
    checked = dict.fromkeys(SCORES.check(word.strip(), "; `ncap scores` says what each is") for word in words)
    return [SCORES.get(word) for word in checked]
