"""One run of one candidate: batches in; observation, readings and state out at every tick.

It knows no store and no engine. All random numbers of an epoch come from (seed, candidate, run, epoch), none from what happened before,
so a run that resumes from a state equals an undisturbed one.
"""

import math
import time
import warnings
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ncap.arguments import suggestion
from ncap.framework import clear_session, settings
from ncap.interrupt import check
from ncap.job import Job, Place
from ncap.measure.measurement import take
from ncap.measure.probe import attach_probe
from ncap.measure.readings import BATCH
from ncap.reference.verdict import CapacitanceWarning
from ncap.training import generators
from ncap.training.augmentation import Augmentation
from ncap.training.batches import TrainingBatches
from ncap.training.budget import Budget
from ncap.training.buffers import Buffer, buffers
from ncap.training.confusion import ConfusionMetric
from ncap.training.evaluation import evaluate
from ncap.training.failure import TrainingFailedError, describe
from ncap.training.fingerprint import body_fingerprint, check_same_body, fingerprint, same_body
from ncap.training.seeds import derived_seed
from ncap.training.tick import Start, State, Tick
from ncap.training.unkept import check_nothing_unkept

if TYPE_CHECKING:
    from ncap.candidates import Candidate
    from ncap.targets import Target

BETA_SAMPLES = 4096  # training samples that beta_eff is read on, at most
BATCHES = 16  # mini-batches that a mean over them is taken of, at most: the first of the epoch's samples in the order of training
EVALUATION_BATCH = 256  # for inference and readings; affects only time, memory and rounding


def train(
    job: Job,
    candidate: "Candidate",
    target: "Target",
    run: int = 0,
    start: Start | None = None,
    kind: "type[Training] | None" = None,
) -> Iterator[Tick]:
    """Train one run from its start to the end of the job, tick by tick; `kind` may be a Training that observes otherwise.

    The tick held by `start` is yielded first, unless the body has changed; a consumer that stores ticks must therefore accept one twice.

    Raises: TrainingFailedError with the epoch and the reason, whatever the candidate or its layers raise.
    """
    start, epoch, chosen = start or Start(), 1, settings()
    try:
        training = (kind or Training)(job, candidate, target, run)
        training.check_body(start.body)
        places, done, left = job.places(), 0, Budget(job.seconds_per_run)
        if start.done >= len(places) or left.fitting((*start.seconds, 0.0)) <= len(start.seconds):
            return
        if start.last is not None and training.begins(start.last.state):
            training.set_state(start.last.state)
            yield start.last
            done = start.last.number
            left.spend(*start.seconds[: done - 1], start.last.seconds)
        for number, place in enumerate(places[done:], start=done + 1):
            epoch = place.epoch
            if not left.has_room():
                return
            tick = training.tick(number, place)
            left.spend(tick.seconds)
            yield tick
    except TrainingFailedError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's factory or layers raise, sys.exit() included
        raise TrainingFailedError(epoch, describe(error)) from error
    finally:
        clear_session(chosen)  # so that neither graphs nor a factory's settings pile up from candidate to candidate


class Training:
    """A candidate under its probe, compiled, with its data.

    Attributes: model; fingerprint, that of the initial body; samples, for the readings: a view of the images (n, h, w, c), and the
    labels (n,).

    Raises: whatever the candidate raises when it is built; TypeError if it does not build a Keras model.
    """

    def __init__(self, job: Job, candidate: "Candidate", target: "Target", run: int = 0) -> None:
        self.job, self.candidate, self.target, self.run = job, candidate, target, run
        body = initial_body(job, candidate, run)
        self.fingerprint = body_fingerprint(body)
        self.model = _compiled(job, body, target.classes, derived_seed(job.seed, run, "probe"))
        self.shape = _input_shape(job, candidate, body)
        self.batches = TrainingBatches(target, self.shape, job.batch_size)
        for place in job.places():
            self.batches.check(place)
        rows = target.sample_rows("train", BETA_SAMPLES, job.seed)
        self.samples = target.view("train", rows, self.shape), target.labels("train")[rows]
        self._rows = rows
        self._own = body.trainable_variables
        # What `variables` has beyond `weights` is the state of random generators anywhere in the body.
        weights = {id(variable) for variable in self.model.weights}
        own = [variable for variable in self.model.variables if id(variable) not in weights]
        self.generators = [*own, *_shared_generator()]
        check_nothing_unkept(body, [*self.model.variables, *self.generators])

    def check_body(self, stored: str) -> None:
        """Raise ValueError if the run started from another body than this; "" means that none is known."""
        check_same_body(self.candidate.name, self.fingerprint, stored)

    def begins(self, state: State) -> bool:
        """Whether a state belongs to a run that started from this body, and fits its variables; a checkpoint may outlive its store."""
        return same_body(state.body, self.fingerprint) and all(
            [tuple(variable.shape) for variable in variables] == [array.shape for array in arrays]
            for variables, arrays in self._variables(state)
        )

    def _weights(self) -> list[keras.Variable | Buffer]:
        return [*self.model.weights, *buffers(self.model)]

    def _variables(self, state: State) -> list[tuple[list[keras.Variable | Buffer], list[np.ndarray]]]:
        """The variables that a state is of, with the state's arrays."""
        return [
            (self._weights(), state.weights),
            (self.model.optimizer.variables, state.optimizer),
            # An older state has none, or only those of the body; they are reseeded after an epoch in any case.
            (self.generators[: len(state.generators)], state.generators),
        ]

    def train(self, place: Place) -> dict[str, float]:
        """Train from the previous tick up to a place, and return Keras' logs."""
        _remember(self._own)
        if place.part == 1:
            self._reseed(place.epoch)
        self.batches.take(self._order(place.epoch), place, self._augmentation(place.epoch))
        history = self.model.fit(self.batches, shuffle=False, verbose=0, callbacks=[_Steps()]).history
        return {name: values[-1] for name, values in history.items()}

    def tick(self, number: int, place: Place) -> Tick:
        """Train up to a place, take the readings and evaluate. Raises TrainingFailedError if a loss is not finite."""
        start = time.perf_counter()
        logs = self.train(place)
        seconds = time.perf_counter() - start
        readings = self._readings(number, place.epoch) if math.isfinite(logs["loss"]) else []
        val = self._evaluate("val")
        for name, loss in (("training", logs["loss"]), ("validation", val["loss"])):
            if not math.isfinite(loss):
                raise TrainingFailedError(place.epoch, f"the {name} loss is {loss}")
        observation = {
            "tick": number,
            "epoch": place.epochs,
            "train_accuracy": logs[self.job.metric],
            "train_loss": logs["loss"],
            "val_accuracy": val["accuracy"],
            "val_loss": val["loss"],
            "test_accuracy": self._evaluate("test")["accuracy"],
            "seconds_train": seconds,
        }
        return Tick(observation, readings, self.state(inside=place.part < place.parts))

    def state(self, inside: bool = False) -> State:
        """The present state; inside an epoch, with the states of Python's and numpy's generators."""
        weights, optimizer, states = (
            [np.asarray(keras.ops.convert_to_numpy(variable.value)) for variable in part]
            for part in (self._weights(), self.model.optimizer.variables, self.generators)
        )
        return State(self.fingerprint, weights, optimizer, states, generators.states() if inside else None)

    def set_state(self, state: State) -> None:
        """Resume from a state."""
        _remember(self._own)
        for variables, arrays in self._variables(state):
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
        if state.random is not None:
            generators.set_states(state.random)

    def _readings(self, number: int, epoch: int) -> list[dict[str, Any]]:
        order = np.argsort(np.argsort(self._order(epoch))[self._rows])[: BATCHES * BATCH]
        with warnings.catch_warnings():
            # The table has a column for degenerate readings, and the ranking a note; a warning at every tick adds nothing.
            warnings.filterwarnings("ignore", category=CapacitanceWarning)
            job, size = self.job, EVALUATION_BATCH
            taken = take(self.model, *self.samples, job.readings, batch_size=size, order=order, error=job.error)
        return [{"tick": number, **measurement.row(name)} for name, measurement in taken.items()]

    def _evaluate(self, part: str) -> dict[str, float]:
        known = part in self.target.parts
        batches = self.target.batches(part, size=EVALUATION_BATCH, shape=self.shape) if known else ()
        return evaluate(self.model, batches, self.job.metric)

    def _order(self, epoch: int) -> np.ndarray:
        """The order of the training samples in an epoch, whatever its ticks."""
        rng = np.random.default_rng(derived_seed(*self._parts(epoch), "order"))
        return rng.permutation(self.target.lengths["train"])

    def _augmentation(self, epoch: int) -> Augmentation | None:
        """What becomes of the training images in an epoch, whatever its ticks; None where they stay as they are."""
        if not self.job.augment:
            return None
        return Augmentation.drawn(self.job.augment, self.target.lengths["train"], *self._parts(epoch), "augment")

    def _parts(self, epoch: int) -> tuple[str | int, ...]:
        """What the random numbers of an epoch are derived from."""
        return (self.job.seed, self.candidate.name, self.run, epoch)

    def _reseed(self, epoch: int) -> None:
        parts = self._parts(epoch)
        generators.seed(derived_seed(*parts))
        for index, state in enumerate(self.generators):
            state.assign(np.array([derived_seed(*parts, "generator", index), 0], dtype=state.dtype))


# Variable by id, as Keras' variables cannot be hashed -> itself, weakly, and the fingerprint of its value before a run trained it.
_TRAINED: "dict[int, tuple[weakref.ref[keras.Variable], str]]" = {}


def _remember(variables: list[keras.Variable]) -> None:
    """Keep what the variables are before the first run that trains them."""
    for variable in variables:
        known = _TRAINED.get(id(variable))
        if known is None or known[0]() is not variable:
            _TRAINED[id(variable)] = weakref.ref(variable), _value(variable)


def _input_shape(job: Job, candidate: "Candidate", body: keras.Model) -> tuple[int | None, int | None, int]:
    """(h, w, c) that the body is given; ValueError if it does not take the job's size."""
    shape: tuple[int | None, int | None, int] = body.input_shape[1:]
    if job.size is None or len(shape) != 3:  # the probe refuses what takes no images
        return shape
    height, width, channels = shape
    if height not in (None, job.size) or width not in (None, job.size):
        raise ValueError(
            f"size={job.size}: the body of {candidate.name!r} takes images of {height} x {width} only; leave the size out, or build it "
            "for that size"
        )
    return job.size, job.size, channels


def _check_fresh(candidate: str, body: keras.Model) -> None:
    """Raise ValueError if another run has left its mark on the body's weights: this run would go on from there."""
    trained = [variable.path for variable in body.trainable_variables if _is_marked(variable)]
    if trained:
        raise ValueError(
            f"the factory of {candidate!r} returned weights that another run has trained already ({trained[0]}); it must build or load "
            "the model anew each time it is called"
        )


def _is_marked(variable: keras.Variable) -> bool:
    known = _TRAINED.get(id(variable))
    return known is not None and known[0]() is variable and known[1] != _value(variable)


def _value(variable: keras.Variable) -> str:
    return fingerprint([keras.ops.convert_to_numpy(variable)])


def _shared_generator() -> list[keras.Variable]:
    """The state of the generator that keras.random draws from in a layer that passes no seed; Keras on JAX refuses such a layer."""
    if keras.backend.backend() == "jax":
        return []
    from keras.src.random.seed_generator import global_seed_generator  # Keras exports no way to reach it

    return [global_seed_generator().state]


class _Steps(keras.callbacks.Callback):
    """Lets training begin with the generators as they were, whatever building the model drew, and ends it by Ctrl-C between two batches."""

    def __init__(self) -> None:
        super().__init__()
        self.states = generators.states()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Set the generators: before its first step in a process, Keras on PyTorch calls the model once."""
        generators.set_states(self.states)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Raise KeyboardInterrupt if it was pressed."""
        check()


def initial_body(job: Job, candidate: "Candidate", run: int = 0) -> keras.Model:
    """The body that a run starts from: whatever is random about it is drawn from the run's own seed.

    It sets Keras' precision to the job's; the caller puts the user's own back, as `clear_session` does.

    Raises: whatever the candidate raises; TypeError if it does not build a Keras model, ValueError for one that was trained already.
    """
    if job.precision is not None:
        keras.config.set_dtype_policy(job.precision)
    keras.utils.set_random_seed(derived_seed(job.seed, candidate.name, run, "body"))
    body = candidate.build()
    if not isinstance(body, keras.Model):
        raise TypeError(f"the factory of {candidate.name!r} must return a keras.Model, got {type(body).__name__}")
    _check_fresh(candidate.name, body)
    return body


def _compiled(job: Job, body: keras.Model, classes: int, seed: int) -> keras.Model:
    """The body under a fresh probe, ready for its first step."""
    model = attach_probe(
        body,
        classes,
        hidden=job.hidden,
        dropout=job.dropout,
        batch_norm=job.batch_norm,
        norm_momentum=job.norm_momentum,
        frozen=job.frozen,
        seed=seed,
    )
    model.compile(
        make_optimizer(job),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy" if job.metric == "accuracy" else ConfusionMetric(job.metric, classes)],
        # XLA recompiles for every batch shape, which does not pay off in a few epochs; Keras on JAX has no other compiled mode.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    model.optimizer.build(model.trainable_variables)
    # Metrics create their variables on first use; inside the first step, that would make TensorFlow trace it twice.
    model.compute_metrics(x=None, y=np.zeros(1, np.int64), y_pred=np.zeros((1, classes), np.float32))
    return model


def make_optimizer(job: Job) -> keras.optimizers.Optimizer:
    """A fresh optimizer with the job's learning rate.

    Raises: ValueError if Keras does not know its name or cannot build it, and if it says what the job would not do.
    """
    try:
        optimizer = keras.optimizers.get(job.optimizer if isinstance(job.optimizer, str) else dict(job.optimizer))
    except (ValueError, TypeError) as error:
        if isinstance(job.optimizer, str):
            problem = f"is not one of Keras'; {suggestion(job.optimizer, _optimizer_names())}pass a name such as 'adam'"
        else:
            problem = f"cannot be made ({error}); pass what keras.optimizers.serialize(optimizer) returns"
        raise ValueError(f"optimizer {job.optimizer!r:.80} {problem}") from error
    if not isinstance(job.optimizer, str):
        _check_serialized(optimizer, job.learning_rate)
    optimizer.learning_rate = job.learning_rate
    return optimizer


def _check_serialized(optimizer: keras.optimizers.Optimizer, learning_rate: float) -> None:
    """Raise ValueError where a serialized optimizer would train otherwise than it says."""
    innermost = optimizer
    while (inner := getattr(innermost, "inner_optimizer", None)) is not None:
        innermost = inner
    own = keras.optimizers.serialize(innermost)["config"].get("learning_rate")
    if not isinstance(own, float):
        raise ValueError(
            f"optimizer: its learning rate is a schedule, {own!r:.80}; a job has one learning rate for all of its epochs, however many "
            "they become: pass an optimizer with a number, and that number as learning_rate"
        )
    if not math.isclose(own, learning_rate, rel_tol=1e-6):  # Keras gives it in float32
        raise ValueError(
            f"optimizer has the learning rate {own:.6g}, but learning_rate is {learning_rate:.6g}; pass learning_rate={own:.6g}, or an "
            "optimizer with the other"
        )
    if getattr(innermost, "use_ema", False) and innermost.ema_overwrite_frequency is None:
        raise ValueError(
            "optimizer: with use_ema, Keras replaces the weights by their average when training ends, which here would be at every tick; "
            "pass ema_overwrite_frequency as well, or no use_ema"
        )


def _optimizer_names() -> list[str]:
    found = (value for value in vars(keras.optimizers).values() if isinstance(value, type))
    return [kind.__name__.lower() for kind in found if issubclass(kind, keras.optimizers.Optimizer)]
