"""The local engine: train every candidate here, one after the other, and commit an epoch at a time.

A process may end at any moment, by SIGTERM or SIGKILL as well as by a power cut: there is nothing that it would have to put in order.
"""

import math
import platform
import random
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

import keras
import numpy as np
from scipy.special import logsumexp

from ncap.arguments import suggestion
from ncap.data import Target, stratified_subset
from ncap.engines import checkpoint
from ncap.engines.checkpoint import Checkpoint
from ncap.engines.failure import TrainingFailedError, describe
from ncap.engines.job import BETA_SAMPLES, Job, derived_seed, fingerprint
from ncap.engines.progress import JobProgress
from ncap.engines.turns import take_turns
from ncap.framework import devices
from ncap.measure.callback import CapacitanceCallback
from ncap.measure.probe import attach_probe
from ncap.reference import CapacitanceWarning
from ncap.store import RunKey, Store, StoreWriteError, UnusableStoreError

Factory = Callable[[], keras.Model]

EVALUATION_BATCH = 256  # of inference and of the reading; changes time, memory and rounding only


def run(job: Job, factories: Mapping[str, Factory], target: Target, store: Store, progress: JobProgress) -> str:
    """Train what the store does not have yet of a job, and return the hash of its settings.

    A candidate that raises, or whose loss is not finite, is recorded as failed and stops no other; it is tried again, from its
    last checkpoint, when the job is repeated. Processes that share a store share the work: each run is trained by one of them.

    Raises: ValueError for a setting that no candidate could be trained with; StoreWriteError where an epoch cannot be kept.
    """
    check_backend()
    _optimizer(job)
    settings = store.add_settings(job.parameters(target, keras.backend.backend()), environment())
    keys = [RunKey(settings, target.name, candidate, index) for candidate in factories for index in range(job.runs)]
    before = {key: store.failure(key) for key in keys}
    left = Counter(key.candidate for key in keys)

    def finish(key: RunKey) -> None:
        failure = store.failure(key)
        # A failure that is new is another process's, of this very job: one try a call is enough.
        if failure is None or failure == before[key] or failure[0] > job.epochs:
            attempt(job, key, factories[key.candidate], target, store, progress)
        left[key.candidate] -= 1
        if not left[key.candidate]:
            progress.end_candidate(key.candidate, _outcome(job, store, key))

    take_turns(store, keys, finish, progress.wait)
    return settings


def attempt(job: Job, key: RunKey, factory: Factory, target: Target, store: Store, progress: JobProgress) -> None:
    """Train one run, and record how it ended; raises StoreWriteError where an epoch cannot be kept."""
    try:
        train(job, key, factory, target, store, progress)
    except TrainingFailedError as failure:
        store.add_failure(key, failure.epoch, failure.reason)
    else:
        store.clear_failure(key, job.epochs)
    keras.utils.clear_session()  # a candidate's graphs must not stay beside the next one's


def train(job: Job, key: RunKey, factory: Factory, target: Target, store: Store, progress: JobProgress) -> None:
    """Train one run up to job.epochs epochs, from its checkpoint where there is one, and commit a row after each.

    Raises: TrainingFailedError with the epoch and the reason; StoreWriteError where an epoch cannot be kept, UnusableStoreError
    where the store cannot be read any more.
    """
    epoch = 1
    try:
        training = Training(job, key, factory, target)
        store.check_body(key, training.fingerprint)
        done = training.resume(store)
        progress.start_run(key.candidate, key.run, done)
        for epoch in range(done + 1, job.epochs + 1):
            row = training.epoch(epoch)
            training.save(store, row)
            store.add(row)
            progress.end_epoch(row["val_accuracy"], row["beta_eff"])
    except (StoreWriteError, UnusableStoreError, TrainingFailedError):
        raise
    except (Exception, SystemExit) as error:  # whatever a stranger's factory or layers raise, sys.exit() among it
        raise TrainingFailedError(epoch, describe(error)) from error


def check_backend() -> None:
    """Raise ValueError on a backend of Keras that infers only."""
    if keras.backend.backend() in ("numpy", "openvino"):
        raise ValueError(
            f"Keras' backend {keras.backend.backend()!r} trains no network; set KERAS_BACKEND to tensorflow, or to jax after "
            "pip install 'ncap[jax]'"
        )


class Training:
    """One candidate on its way: the model, its data, and the epoch-by-epoch protocol that makes it resumable.

    Every random number of an epoch comes from (seed, candidate, run, epoch), none from what happened before, so that a resumed run
    equals the undisturbed one.
    """

    def __init__(self, job: Job, key: RunKey, factory: Factory, target: Target) -> None:
        self.job, self.key = job, key
        keras.utils.set_random_seed(derived_seed(job.seed, key.candidate, key.run, "body"))
        body = factory()
        if not isinstance(body, keras.Model):
            raise TypeError(f"the factory of {key.candidate!r} must return a keras.Model, got {type(body).__name__}")
        self.fingerprint = fingerprint(body.get_weights())
        self.model = attach_probe(
            body,
            target.classes,
            hidden=job.hidden,
            dropout=job.dropout,
            batch_norm=job.batch_norm,
            norm_momentum=job.norm_momentum,
            frozen=job.frozen,
            seed=derived_seed(job.seed, key.run, "probe"),
        )
        self.model.compile(
            _optimizer(job),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            # XLA compiles every batch shape anew, which a few epochs do not earn back; Keras on JAX has no other compiled mode.
            jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
        )
        self.model.optimizer.build(self.model.trainable_variables)
        # Metrics make their variables on first use; made inside the first step, they would have TensorFlow trace it twice.
        self.model.compute_metrics(x=None, y=np.zeros(1, np.int64), y_pred=np.zeros((1, target.classes), np.float32))
        self.target = target.resized(body.input_shape[1:])
        self.batches = Batches(self.target.x_train, self.target.y_train, job.batch_size)
        chosen = stratified_subset(target.y_train, BETA_SAMPLES, job.seed)
        self.callback = CapacitanceCallback(
            self.target.x_train[chosen],
            self.target.y_train[chosen],
            method=job.method,
            interaction=job.interaction,
            strength=job.strength,
            weighting=job.weighting,
            batch_size=EVALUATION_BATCH,
        )
        # What `variables` has beyond `weights` is the state of the random generators, wherever in the body they are.
        weights = {id(variable) for variable in self.model.weights}
        self.generators = [variable for variable in self.model.variables if id(variable) not in weights]

    def resume(self, store: Store) -> int:
        """Load the newest checkpoint that the table agrees with, and return the number of epochs that are done."""
        done = store.epochs(self.key)
        saved = checkpoint.load(store.checkpoint_path(self.key))
        # A checkpoint that outlived its store may be another body's.
        if saved is not None and saved.body == self.fingerprint and set(range(1, saved.epoch)) <= done:
            self._set_state(saved)
            store.add(saved.row)  # the checkpoint is ahead of the table when the process ended between the two
            return saved.epoch
        # Without its checkpoint a run that needs no further epoch is complete; any other is trained again, to the same rows.
        return self.job.epochs if set(range(1, self.job.epochs + 1)) <= done else 0

    def fit(self, epoch: int, callbacks: Sequence[keras.callbacks.Callback] = ()) -> dict[str, float]:
        """Train one epoch, counted from 1, and return Keras' logs of it."""
        self._reseed(epoch)
        history = self.model.fit(self.batches, shuffle=False, callbacks=list(callbacks), verbose=0).history
        return {name: values[-1] for name, values in history.items()}

    def epoch(self, epoch: int) -> dict[str, Any]:
        """Train one epoch, counted from 1, and return its row of the table."""
        target = self.target
        start = time.perf_counter()
        with warnings.catch_warnings():
            # A degenerate reading is a column of the table and a note of the ranking; a warning an epoch adds nothing.
            warnings.filterwarnings("ignore", category=CapacitanceWarning)
            logs = self.fit(epoch, [self.callback])
        seconds = time.perf_counter() - start - self.callback.seconds
        val = self._evaluate(target.x_val, target.y_val)
        for name, loss in (("training", logs["loss"]), ("validation", val["loss"])):
            if not math.isfinite(loss):
                raise TrainingFailedError(epoch, f"the {name} loss is {loss}")
        test = self._evaluate(target.x_test, target.y_test)
        capacitance = self.callback.last
        assert capacitance is not None  # a finite loss has been read
        return self.key._asdict() | {
            "epoch": epoch,
            "beta_eff": float(capacitance.beta_eff),
            "beta_eff_error": float(capacitance.standard_error),
            "cancellation": float(capacitance.cancellation),
            "degenerate": bool(capacitance.degenerate),
            "train_accuracy": logs["accuracy"],
            "train_loss": logs["loss"],
            "val_accuracy": val["accuracy"],
            "val_loss": val["loss"],
            "test_accuracy": test["accuracy"],
            "seconds_train": seconds,
            "seconds_beta": self.callback.seconds,
            "reading": self.job.reading,
        }

    def save(self, store: Store, row: Mapping[str, Any]) -> None:
        """Put the state after an epoch, and its row, where `resume` finds them; raises StoreWriteError."""
        state = Checkpoint(
            dict(row),
            self.fingerprint,
            *([np.asarray(keras.ops.convert_to_numpy(v)) for v in part] for part in self._parts()),
        )
        path = store.checkpoint_path(self.key)
        try:
            checkpoint.save(path, state)
        except OSError as error:
            raise StoreWriteError.at(path, error) from error

    def _parts(self) -> tuple[list[Any], list[Any]]:
        return self.model.weights, self.model.optimizer.variables

    def _set_state(self, saved: Checkpoint) -> None:
        for variables, arrays in zip(self._parts(), (saved.weights, saved.optimizer), strict=True):
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)

    def _reseed(self, epoch: int) -> None:
        parts = (self.job.seed, self.key.candidate, self.key.run, epoch)
        # keras.utils.set_random_seed without the backend's own generator, which no Keras layer draws from: on TensorFlow setting that
        # one empties the cache of compiled kernels, and every epoch of a small network would take two to three times as long.
        random.seed(derived_seed(*parts))
        np.random.seed(derived_seed(*parts))  # noqa: NPY002  the generator that a stranger's layer may use
        for index, state in enumerate(self.generators):
            state.assign(np.array([derived_seed(*parts, "generator", index), 0], dtype=state.dtype))
        self.batches.order = np.random.default_rng(derived_seed(*parts, "order")).permutation(len(self.target.y_train))

    def _evaluate(self, x: np.ndarray | None, y: np.ndarray | None) -> dict[str, float]:
        if x is None or y is None:
            return {"accuracy": math.nan, "loss": math.nan}
        # model.evaluate would build a pipeline anew each time, which costs small sets more than the evaluation itself.
        batches = (x[start : start + EVALUATION_BATCH] for start in range(0, len(y), EVALUATION_BATCH))
        return accuracy_and_loss(np.concatenate([self.model.predict_on_batch(batch) for batch in batches]), y)


def accuracy_and_loss(logits: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Share of y = argmax a and mean cross-entropy ln sum_k exp(a_k) - a_y, of logits a (N, classes) and labels y (N,).

    In float64, so that equal counts are equal accuracies whatever the batches were.

    >>> accuracy_and_loss(np.array([[0.0, 0.0], [0.0, np.log(3.0)]]), np.array([1, 1]))     # (ln 2 + ln 4/3) / 2
    {'accuracy': 0.5, 'loss': 0.49041462650586315}
    """
    a = logits.astype(np.float64)
    loss = logsumexp(a, axis=1) - a[np.arange(len(y)), y]
    return {"accuracy": float(np.mean(a.argmax(axis=1) == y)), "loss": float(loss.mean())}


class Batches(keras.utils.PyDataset):
    """The training samples in the order of an epoch, gathered batch by batch."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int) -> None:
        super().__init__()
        self.x, self.y, self.batch_size = x, y, batch_size
        self.order = np.arange(len(y))

    def __len__(self) -> int:
        """The number of batches; the last may be smaller."""
        return math.ceil(len(self.y) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch `index`: images (b, h, w, c), labels (b,)."""
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.x[chosen], self.y[chosen]


def environment() -> dict[str, str]:
    """The versions, backend and device that the numbers come from."""
    backend = import_module(keras.backend.backend())  # whatever the name of the distribution that brought it
    return {
        "ncap": version("ncap"),
        "keras": keras.__version__,
        "backend_version": backend.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "backend": keras.backend.backend(),
        "device": ", ".join(devices()),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _optimizer(job: Job) -> keras.optimizers.Optimizer:
    try:
        optimizer = keras.optimizers.get(job.optimizer if isinstance(job.optimizer, str) else dict(job.optimizer))
    except (ValueError, TypeError) as error:
        if isinstance(job.optimizer, str):
            problem = f"is none of Keras'; {suggestion(job.optimizer, _optimizer_names())}pass a name such as 'adam'"
        else:
            problem = f"cannot be made ({error}); pass what keras.optimizers.serialize(optimizer) returns"
        raise ValueError(f"optimizer {job.optimizer!r:.80} {problem}") from error
    optimizer.learning_rate = job.learning_rate
    return optimizer


def _optimizer_names() -> list[str]:
    found = (value for value in vars(keras.optimizers).values() if isinstance(value, type))
    return [kind.__name__.lower() for kind in found if issubclass(kind, keras.optimizers.Optimizer)]


def _outcome(job: Job, store: Store, key: RunKey) -> str:
    """How all runs of the candidate ended, in a few words."""
    rows, failures = (
        table[(table["candidate"] == key.candidate) & (table["run"] < job.runs) & (table["epoch"] <= job.epochs)]
        for table in (store.observations(key.settings, key.target), store.failures(key.settings, key.target))
    )
    words = [f"failed in epoch {row['epoch']}, {row['reason']}" for row in failures.to_dict("records")]
    last = rows[(rows["epoch"] == job.epochs) & ~rows["run"].isin(failures["run"])]
    if len(last):
        words.insert(
            0,
            f"epoch {job.epochs}, val accuracy {last['val_accuracy'].mean():.3f}, beta_eff {last['beta_eff'].mean():.3g}, "
            f"{rows['seconds_train'].sum():.1f} s training, {rows['seconds_beta'].sum():.1f} s beta_eff",
        )
    return "; ".join(words)
