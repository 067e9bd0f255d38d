"""The environment of a run: versions, backend and device."""

import platform
from importlib import import_module
from importlib.metadata import version

import keras
import numpy as np

from ncap.framework import devices


def environment() -> dict[str, str]:
    """The versions, backend, device and, where it is not float32, precision that produce the numbers."""
    policy = keras.config.dtype_policy().name
    backend = import_module(keras.backend.backend())  # the module, because the distribution may have another name
    return {
        "ncap": version("ncap"),
        "keras": keras.__version__,
        "backend_version": backend.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "backend": keras.backend.backend(),
        "device": ", ".join(devices()),
        "machine": f"{platform.system()} {platform.machine()}",
    } | ({} if policy == "float32" else {"dtype_policy": policy})


def check_backend() -> None:
    """Raise ValueError on a Keras backend that can only infer."""
    if keras.backend.backend() in ("numpy", "openvino"):
        raise ValueError(
            f"Keras' backend {keras.backend.backend()!r} cannot train; set KERAS_BACKEND to tensorflow, or to jax after "
            "pip install 'ncap[jax]'"
        )
