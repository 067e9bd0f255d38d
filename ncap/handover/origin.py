"""Where a model that is handed over comes from: a job's store, its settings, its candidates and its data."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from ncap import framework
from ncap.arguments import one_of, suggestion, whole_number
from ncap.files import replacing, write_new
from ncap.handover.card import Card, known
from ncap.handover.fine_tuning import fine_tune as train_on
from ncap.handover.head import with_linear_head
from ncap.handover.plain import Shape, needs, plain_probe, with_probabilities
from ncap.job import Job
from ncap.measure.probe import detach_probe, find_probe
from ncap.records.schema import RunKey
from ncap.records.store import Store
from ncap.targets.images import complete_shape
from ncap.training import checkpoint
from ncap.training.environment import environment
from ncap.training.evaluation import evaluate
from ncap.training.run import EVALUATION_BATCH, Training

if TYPE_CHECKING:
    from ncap.candidates import Candidate
    from ncap.targets import Target
    from ncap.training.tick import Tick

STARTS, HEADS = ("observed", "pretrained"), ("probe", "linear")


@dataclass(frozen=True)
class Wish:
    """What kind of model is asked for; see `ncap.Ranking.model`. Raises ValueError for what does not go together."""

    start: str = "observed"
    head: str | None = None
    fine_tune: int = 0

    def __post_init__(self) -> None:
        """Check every field, and fill in the head."""
        one_of("start", self.start, STARTS)
        head = ("probe" if self.start == "observed" else "linear") if self.head is None else self.head
        object.__setattr__(self, "head", one_of("head", head, HEADS))
        object.__setattr__(self, "fine_tune", whole_number("fine_tune", self.fine_tune))
        if self.start == "pretrained" and self.head == "probe" and not self.fine_tune:
            raise ValueError(
                "head='probe' with start='pretrained' is a probe of random weights; pass head='linear', or fine_tune=5 to train it"
            )


@dataclass(frozen=True, eq=False)
class Handover:
    """A model of plain layers, images -> probabilities, and its card."""

    model: keras.Model
    card: Card

    def write(self, path: Path) -> Path:
        """Write the model, and its card beside it with the suffix .json; what has these names is replaced. Raises OSError."""
        try:
            with replacing(path) as temporary:
                self.model.save(temporary)
                write_new(path.with_suffix(".json"), self.card.text().encode())
        except OSError as error:
            raise OSError(f"{path}: the model could not be written ({error.strerror or error})") from error
        return path


@dataclass(frozen=True, eq=False)
class Origin:
    """A job as it lies in its store, with its candidates and its data at hand.

    Attributes:
        store: path of the store.
        settings: the job's hash.
        job: its settings.
        candidates: name -> candidate; others of the job cannot be handed over.
        target: its data.
    """

    store: Path
    settings: str
    job: Job
    candidates: "Mapping[str, Candidate]"
    target: "Target"

    def hand_over(
        self, candidate: str, wish: Wish | None = None, selection: Mapping[str, Any] | None = None
    ) -> Handover:
        """The model of a candidate as it is wished for, with its card; of several runs, the one with the best validation accuracy.

        Raises: ValueError for a candidate that the job does not have, and where its state was not kept; TrainingFailedError where
        fine-tuning diverges.
        """
        wish = wish or Wish()
        if candidate not in self.candidates:
            near = suggestion(str(candidate), list(self.candidates))
            raise ValueError(f"unknown candidate {candidate!r:.80}; {near}this job has {', '.join(self.candidates)}")
        tick, run = self._newest(candidate) if wish.start == "observed" else (None, 0)
        with framework.quiet_tracing(), _own_precision():
            training = Training(self.job, self.candidates[candidate], self.target, run)
            training.check_body(self._body(candidate, run) if tick is None else tick.state.body)
            if tick is not None:
                training.set_state(tick.state)
            shape = complete_shape(self.target.input_shape, training.shape)
            logits = self._headed(training, shape, wish)
            if wish.fine_tune:
                train_on(logits, self.job, self.target, shape, wish.fine_tune, candidate)
            model = with_probabilities(logits)
            card = self._card(candidate, wish, tick, run, shape, logits, selection or {})
        return Handover(model, card)

    def _body(self, candidate: str, run: int) -> str:
        """The fingerprint of the body that a run of the job started from; "" where none is kept."""
        with Store(self.store, create=False) as store:
            return store.body(RunKey(self.settings, self.target.name, candidate, run))

    def _headed(self, training: Training, shape: Shape, wish: Wish) -> keras.Model:
        body = detach_probe(training.model)
        body.trainable = True
        if wish.head == "linear":
            return with_linear_head(body, self.target, shape, self.job.seed)
        return plain_probe(body, find_probe(training.model), shape)

    def _newest(self, candidate: str) -> "tuple[Tick, int]":
        """The newest checkpoint of the candidate's best run, and the number of that run."""
        with Store(self.store, create=False) as store:
            seen = store.records(self.settings, self.target.name).of([candidate], runs=self.job.runs)
            ended = seen.observations.groupby("run").tail(1).dropna(subset="val_accuracy")
            failed = set(seen.failures["run"])
            order = ended[~ended["run"].isin(failed)].sort_values(["val_accuracy", "run"], ascending=[False, True])
            for run in map(int, order["run"]):
                key = RunKey(self.settings, self.target.name, candidate, run)
                found = [checkpoint.load(path, key) for path in store.checkpoint_paths(key)]
                newest = max((tick for tick in found if tick is not None), key=lambda tick: tick.number, default=None)
                if newest is not None:
                    return newest, run
        why = "every run of it failed" if failed and order.empty else "no checkpoint of it is there"
        raise ValueError(
            f"{self.store}: candidate {candidate!r} has no state to hand over, {why}; train it again by `ncap rank` with more epochs, or "
            "take its pre-trained start: start='pretrained'"
        )

    def _card(
        self, name: str, wish: Wish, tick: "Tick | None", run: int, shape: Shape, logits: keras.Model, selection: Mapping[str, Any]
    ) -> Card:  # fmt: skip
        one, target, job = self.candidates[name], self.target, self.job
        unchanged = tick is not None and wish.head == "probe" and not wish.fine_tune
        parameters = job.parameters(keras.backend.backend(), target.fingerprint)
        return Card(
            candidate={
                "name": name, "family": one.family, "source": one.source, "licence": one.licence, "notes": one.notes,
                "parameters": int(logits.count_params()),
            },
            made={
                "start": wish.start,
                **({} if tick is None else {"run": run, "epochs": tick.observation["epoch"]}),
                "head": wish.head,
                "fine_tuned_epochs": wish.fine_tune,
            },
            images={"shape": list(shape), "pixels": "raw, 0..255"},
            classes=list(target.class_names) or [str(label) for label in range(target.classes)],
            data={"target": target.name, "fingerprint": target.fingerprint, "images": target.lengths},
            metric=job.metric,
            accuracies={part: self._accuracy(logits, part, shape) for part in ("val", "test")},
            recorded={part: known(tick.observation[f"{part}_accuracy"]) for part in ("val", "test")} if unchanged and tick else {},
            settings={"hash": self.settings, **parameters},
            versions=environment(),
            needs=needs(logits),
            selection=dict(selection),
        )  # fmt: skip

    def _accuracy(self, logits: keras.Model, part: str, shape: Shape) -> float | None:
        if part not in self.target.parts:
            return None
        batches = self.target.batches(part, size=EVALUATION_BATCH, shape=shape)
        return known(evaluate(logits, batches, self.job.metric)["accuracy"])


@contextmanager
def _own_precision() -> Iterator[None]:
    """Put the user's precision back at the end of the block: a job may set another, and so may a candidate that is built."""
    policy = keras.config.dtype_policy()
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def job_of(parameters: Mapping[str, Any]) -> Job:
    """The job whose stored parameters these are; what they do not hold, such as the epochs, has its default.

    >>> job_of({"seed": 3, "hidden": [8, 6], "backend": "tensorflow", "target": "0123"}).hidden
    (8, 6)
    """
    from ncap.job import settings

    return Job(
        **{name: value for name, value in json.loads(json.dumps(dict(parameters))).items() if name in settings()}
    )
