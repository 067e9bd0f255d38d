"""How a run travels to another process: the contract between an engine and the processes that train for it.

The driver is the process that called `ncap.rank`; it alone writes the store. A worker is any other process, on this machine or elsewhere.

1. The driver makes one Parcel for the whole job, `Parcel.of(train, ledger.job)`: the job, its candidates by name or factory and its
   target as bytes, and the Surroundings in which they must be unpacked. A Parcel is a plain value that pickles anywhere, without Keras.
2. A worker is started with `parcel.surroundings.variables()` in its environment, since a backend reads the number of its threads once,
   when it loads. It then calls `perform(parcel, key, ledger.start(key))`, for as many runs as it likes, one after another.
3. `perform` yields a Tick after every tick of the run, in order, and where the run cannot continue a Failed in place of the next one. It
   raises nothing that a candidate raises. The first Tick is that of `start`, if it has one: the ledger expects it.
4. The driver gives every message to `record(key, message, ledger)`, and asks for the next one afterwards, so that nothing which it was
   handed can be lost. When the messages end without a Failed, it calls `ledger.finish(key)`, in any case `ledger.end(key)`.
5. A worker that ends in the middle of a run, whatever ended it, has no say in it: the driver goes on from `ledger.start(key)` in another
   worker, or records `ledger.fail(key, next_epoch(ledger, last), reason)`, where `last` is the number of the last tick that it recorded.

The same run gives the same numbers in any process with the same surroundings: all of its random numbers are derived from the run key.

Bytes are unpickled that the driver of the same job has pickled, and no others: nothing is ever unpickled from a file.
"""

import hashlib
import os
import pickle
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.reasons import one_line
from ncap.training.failure import TrainingFailedError, describe

if TYPE_CHECKING:
    from ncap.candidates import Candidate
    from ncap.engines.contract import Train
    from ncap.engines.ledger import Ledger
    from ncap.job import Job
    from ncap.records.schema import RunKey
    from ncap.targets import Target
    from ncap.training.tick import Start, Tick

# What decides how the framework computes, or where ncap and Keras find their files. Devices are the engine's to give.
_PREFIXES = ("KERAS_", "TF_", "XLA_", "JAX_", "TORCH_", "NCAP_", "OMP_", "HF_")


@dataclass(frozen=True)
class Trainer:
    """Trains any run of a job; an engine calls it in this process, or sends it to another in a Parcel.

    Attributes:
        failures: why a candidate cannot be trained, by name, as the check before training found.
        bodies: of the candidates that were checked, by name, the fingerprint of the body that the driver builds for their first run.
    """

    job: "Job"
    candidates: "Mapping[str, Candidate]"
    target: "Target"
    failures: Mapping[str, str]
    bodies: Mapping[str, str] = field(default_factory=dict)

    def check(self, candidate: str) -> None:
        """Raise TrainingFailedError where this process, a worker, builds another body of a candidate than the driver does.

        A function of a module travels by name: what was changed in the module since it was imported stays behind.
        """
        from ncap.framework import clear_session, settings
        from ncap.training.fingerprint import body_fingerprint, same_body
        from ncap.training.run import initial_body

        if candidate not in self.bodies:
            return
        chosen, expected = settings(), self.bodies[candidate]
        try:
            own = body_fingerprint(initial_body(self.job, self.candidates[candidate]))
        except (Exception, SystemExit) as error:  # whatever a user's factory raises
            raise TrainingFailedError(1, describe(error)) from error
        finally:
            clear_session(chosen)
        if not same_body(expected, own):
            raise TrainingFailedError(
                1,
                f"another process builds {candidate!r} otherwise than the one that asked for it (fingerprint {own}, not {expected}), as it "
                "imports the module anew; change the module itself, or pass jobs=1",
            )

    def __call__(self, key: "RunKey", start: "Start") -> "Iterator[Tick]":
        """The ticks of a run. Raises TrainingFailedError."""
        from ncap.training.run import train

        if key.candidate in self.failures:
            raise TrainingFailedError(1, self.failures[key.candidate])
        return train(self.job, self.candidates[key.candidate], self.target, key.run, start)


@dataclass(frozen=True)
class Failed:
    """The message of a run that cannot continue: the epoch that it could not finish, counted from 1, and why."""

    epoch: int
    reason: str


@dataclass(frozen=True)
class Surroundings:
    """What a process must have in common with the driver, so that a run gives the same numbers there.

    Attributes:
        environment: variables of the driver's environment that frameworks read.
        path, folder: where the driver finds modules, and its current folder; a function or file may be named relative to it.
        threads: of the framework, in a run; None leaves their number to the framework.
        keras: Keras' global settings, by the name of the function of keras.config that sets each; {} where Keras is not needed.
    """

    environment: Mapping[str, str]
    path: tuple[str, ...]
    folder: str
    threads: int | None
    keras: Mapping[str, Any]

    @classmethod
    def here(cls, threads: int | None = None, with_keras: bool = True) -> "Surroundings":
        """Those of this process, those of Keras included or not. Raises ValueError where Keras distributes a model over devices, which
        cannot travel.
        """
        own = {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}
        if (
            jax := sys.modules.get("jax")
        ) is not None and jax.config.jax_enable_x64:  # it may have been set from Python
            own["JAX_ENABLE_X64"] = "1"
        keras = sys.modules.get("keras")
        if keras is None or not with_keras:
            return cls(own, tuple(sys.path), str(Path.cwd()), threads, {})
        if keras.distribution.distribution() is not None:
            raise ValueError(
                "keras.distribution is set, and other processes cannot take part in it; pass jobs=1, or call "
                "keras.distribution.set_distribution(None)"
            )
        own["KERAS_BACKEND"] = keras.backend.backend()
        chosen = {
            "set_dtype_policy": keras.config.dtype_policy().name,
            "set_floatx": keras.config.floatx(),
            "set_image_data_format": keras.config.image_data_format(),
        }
        return cls(own, tuple(sys.path), str(Path.cwd()), threads, chosen)

    def variables(self) -> dict[str, str]:
        """The environment variables that a worker must be started with, so that they are there before anything is imported.

        >>> Surroundings({}, (), "", threads=2, keras={}).variables()["TF_NUM_INTRAOP_THREADS"]
        '2'
        """
        from ncap.framework import thread_variables

        return {**self.environment, **thread_variables(self.threads)}

    def enter(self) -> None:
        """Make this process, a worker, like the driver. What is set already stays as it is, so that it can be called again."""
        from ncap import framework

        os.environ.update(self.variables())
        sys.path += [place for place in self.path if place not in sys.path]
        if Path(self.folder).is_dir():  # on another machine it may be missing, and may not be needed
            os.chdir(self.folder)
        if not self.keras:
            return
        framework.load()
        import keras

        if keras.backend.backend() != self.environment["KERAS_BACKEND"]:
            raise ValueError(
                f"the driver's backend of Keras is {self.environment['KERAS_BACKEND']!r}, but this process has loaded "
                f"{keras.backend.backend()!r}; start a process of its own for every run"
            )
        framework.limit_threads(self.threads)
        for name, value in self.keras.items():
            getattr(keras.config, name)(value)


@dataclass(frozen=True)
class Parcel:
    """A job as it travels: bytes, and what must be so before they are unpickled.

    Attributes:
        train: a pickled function (key, start) -> ticks, such as a Trainer.
        digest: SHA-256 of `train`, by which a worker knows a parcel that it has opened already.
    """

    train: bytes
    digest: str
    surroundings: Surroundings

    @classmethod
    def of(cls, train: "Train", job: "Job") -> "Parcel":
        """Pack what trains the runs of a job; a function that is no Trainer, as in tests of engines, gets no framework.

        Raises: ValueError, with its name, for a candidate or a target that cannot be pickled.
        """
        packed = _pickled(train)
        return cls(
            packed, hashlib.sha256(packed).hexdigest(), Surroundings.here(job.threads, isinstance(train, Trainer))
        )

    def open(self) -> "Train":
        """The function, unpickled in the surroundings of the driver."""
        self.surroundings.enter()
        train: Train = pickle.loads(self.train)
        return train


def perform(parcel: Parcel, key: "RunKey", start: "Start") -> "Iterator[Tick | Failed]":
    """Train one run in this process, a worker: its ticks as they come, and a Failed where it cannot continue.

    A parcel that cannot be unpacked, because a module is missing on this machine for example, is a Failed as well.
    """
    from ncap.framework import quiet_tracing

    try:
        train = _opened(parcel)
    except Exception as error:  # whatever a module of the user's raises when it is imported
        yield Failed(1, f"it cannot be set up in another process: {describe(error)}")
        return
    try:
        with quiet_tracing():
            if isinstance(train, Trainer) and key.candidate not in _CHECKED:
                train.check(key.candidate)
                _CHECKED.add(key.candidate)
            yield from train(key, start)
    except TrainingFailedError as failure:
        yield Failed(failure.epoch, failure.reason)


def record(key: "RunKey", message: "Tick | Failed", ledger: "Ledger") -> None:
    """Hand a message of a worker to the ledger, in the driver. Raises StoreWriteError."""
    if isinstance(message, Failed):
        ledger.fail(key, message.epoch, message.reason)
    else:
        ledger.add(key, message)


def next_epoch(ledger: "Ledger", last: int) -> int:
    """The epoch, from 1, that a run was in when it was lost after tick `last`; 0 stands for a run without any."""
    places = ledger.job.places()
    return places[min(last, len(places) - 1)].epoch


_OPENED: "dict[str, Train]" = {}  # what the last parcel held, by its digest
_CHECKED: set[str] = set()  # its candidates that this process builds as the driver does


def _opened(parcel: Parcel) -> "Train":
    """A parcel is opened once, whatever the number of runs: it holds the images."""
    if parcel.digest not in _OPENED:
        _OPENED.clear()
        _CHECKED.clear()
        _OPENED[parcel.digest] = parcel.open()
    return _OPENED[parcel.digest]


class _ByName(pickle.Pickler):
    """Pickles code by the name of its module, and refuses what only this process knows."""

    def reducer_override(self, value: Any) -> Any:
        """Refuse what is defined in the script or notebook itself, whose name another process takes for its own."""
        if getattr(value, "__module__", None) == "__main__" and hasattr(value, "__qualname__"):
            raise pickle.PicklingError(f"{value.__qualname__} is defined in __main__")
        return NotImplemented


def _pickled(train: "Train") -> bytes:
    try:
        return _dumps(train)
    except Exception as error:  # of many kinds
        raise _unpicklable(train, error) from error


def _dumps(value: Any) -> bytes:
    """By cloudpickle, which sends the code of a closure or of a notebook along, where it is installed."""
    try:
        cloudpickle = import_module("cloudpickle")
    except ImportError:
        file = BytesIO()
        _ByName(file, pickle.HIGHEST_PROTOCOL).dump(value)
        return file.getvalue()
    dumped: bytes = cloudpickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return dumped


def _unpicklable(train: "Train", error: Exception) -> ValueError:
    """Which part of a job cannot travel, and what to do about it."""
    remedy = (
        "define it in a module and name it package.module:function, pip install cloudpickle, or pass jobs=1, which trains in this "
        "process"
    )
    if not isinstance(train, Trainer):
        return ValueError(f"the function that trains cannot be sent to another process ({one_line(error, 200)})")
    for name, candidate in train.candidates.items():
        try:
            _dumps(candidate)
        except Exception as reason:  # of many kinds
            return ValueError(
                f"candidate {name!r} cannot be sent to another process ({one_line(reason, 200)}); {remedy}"
            )
    rest = replace(train, candidates={})
    try:
        _dumps(replace(rest, target=None))  # type: ignore[arg-type]
    except Exception:
        return ValueError(f"the job cannot be sent to another process ({one_line(error, 200)}); {remedy}")
    return ValueError(
        f"target {train.target.name!r:.80} cannot be sent to another process ({one_line(error, 200)}); save it as a .npz file or a folder, "
        "or pass jobs=1"
    )
