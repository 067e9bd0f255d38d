"""The deep-learning framework: loading it quietly, and asking it for its devices.

Nothing here imports Keras before a function is called.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

TENSORFLOW = logging.getLogger("tensorflow")


def load() -> None:
    """Import Keras with its backend, without the lines that TensorFlow writes on loading; NCAP_DEBUG=1 shows them.

    Standard error is muted only during the import.

    Raises: ValueError if Keras cannot load the backend that KERAS_BACKEND names.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read once, when TensorFlow loads
    if os.environ.get("NCAP_DEBUG") == "1":
        return
    try:
        with _muted_stderr():
            import keras

            if keras.backend.backend() != "tensorflow":  # keras.utils.set_random_seed loads TensorFlow on every backend
                with suppress(ImportError):
                    import tensorflow  # noqa: F401
    except (ImportError, ValueError) as error:
        raise ValueError(
            f"Keras cannot load its backend {os.environ.get('KERAS_BACKEND')!r} ({error}); "
            "set KERAS_BACKEND to tensorflow, or to jax after pip install 'ncap[jax]'"
        ) from error


@contextmanager
def quiet_tracing() -> Iterator[None]:
    """Suppress TensorFlow's retracing warnings inside the block: many networks in one process trace many functions.

    >>> with quiet_tracing():
    ...     print(TENSORFLOW.filter(logging.makeLogRecord({"msg": "triggered tf.function retracing"})))
    False
    """

    def without_retracing(
        record: logging.LogRecord,
    ) -> bool:  # one per block, since blocks may be nested
        return "retracing" not in record.getMessage()

    TENSORFLOW.addFilter(without_retracing)
    try:
        yield
    finally:
        TENSORFLOW.removeFilter(without_retracing)


class Settings(NamedTuple):
    """Keras' global settings that change what a network computes, or can be loaded, or that a user has chosen for the terminal."""

    policy: Any
    floatx: str
    data_format: str
    distribution: Any
    logs: bool
    short_traces: bool
    custom_objects: Any


def settings() -> Settings:
    """The present ones."""
    import keras

    config = keras.config
    return Settings(
        config.dtype_policy(),
        config.floatx(),
        config.image_data_format(),
        keras.distribution.distribution(),
        config.is_interactive_logging_enabled(),
        config.is_traceback_filtering_enabled(),
        _custom_objects().get_global_attribute(_SCOPE),
    )


_SCOPE = "custom_objects_scope_dict"


def _custom_objects() -> Any:
    """Keras' own keeper of what `with keras.saving.custom_object_scope(...)` names; it can be asked in no public way."""
    from keras.src.backend.common import global_state

    return global_state


def clear_session(kept: Settings | None = None, free_memory: bool = True) -> None:
    """keras.utils.clear_session, so that graphs do not pile up, but with the settings that are given, by default the present ones.

    By itself it forgets them, and the next network would be built and trained in another precision, or on other devices.
    """
    import keras

    kept = kept or settings()
    keras.utils.clear_session(free_memory=free_memory)
    keras.config.set_dtype_policy(kept.policy)
    keras.config.set_floatx(kept.floatx)
    keras.config.set_image_data_format(kept.data_format)
    if kept.distribution is not None:
        keras.distribution.set_distribution(kept.distribution)
    if not kept.logs:
        keras.config.disable_interactive_logging()
    if not kept.short_traces:
        keras.config.disable_traceback_filtering()
    if kept.custom_objects:
        _custom_objects().set_global_attribute(_SCOPE, kept.custom_objects)


def share_devices() -> None:
    """Have the backend take the memory of a graphics device as it needs it, and not all of it: other processes compute there too.

    It counts for what is loaded afterwards; variables that the user has set stay.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def thread_variables(threads: int | None) -> dict[str, str]:
    """The environment variables that give a process of its own so many threads, if they are there before it loads a framework.

    >>> thread_variables(None), thread_variables(2)["OMP_NUM_THREADS"]
    ({}, '2')
    """
    if threads is None:
        return {}
    # NPROC: what XLA takes for the number of processors.
    names = (
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "NPROC",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
    )
    return dict.fromkeys(names, str(threads))


_limited: list[int] = []  # the number of threads that limit_threads has given to TensorFlow or JAX


def limit_threads(threads: int | None) -> bool:
    """Have the backend of Keras compute with so many threads in this process; None leaves that to the backend, as it is by itself.

    Returns: whether it does. TensorFlow and JAX decide on it once, before they compute anything; afterwards, only another process can
    have another number.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        torch.set_num_threads(threads or torch.get_num_threads())
        return True
    if threads is None:
        return not _limited
    if threads in _limited or _started_with(threads):
        return True
    if _limited or not (_limit_jax if backend == "jax" else _limit_tensorflow)(threads):
        return False
    _limited.append(threads)
    return True


def _started_with(threads: int) -> bool:
    """Whether this process was started with the variables for that number."""
    return all(os.environ.get(name) == value for name, value in thread_variables(threads).items())


def _limit_tensorflow(threads: int) -> bool:
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # it has computed something already
        return False
    return True


def _limit_jax(threads: int) -> bool:
    from jax._src import xla_bridge  # JAX has no public way to tell whether it has computed something

    if xla_bridge.backends_are_initialized():
        return False
    os.environ["NPROC"] = str(threads)
    return True


def devices() -> list[str]:
    """The devices that Keras' backend computes on, such as ["cpu:0"]; on PyTorch, Keras itself cannot say."""
    import keras

    if keras.backend.backend() != "torch":
        return list(keras.distribution.list_devices())
    import torch

    return [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cpu:0"]


@contextmanager
def _muted_stderr() -> Iterator[None]:
    # The descriptor, not sys.stderr: the lines come from C++, some of them before TensorFlow has read its log level.
    saved, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nothing)
