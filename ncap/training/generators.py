"""The generators of Python, numpy and PyTorch, which a user's layer may draw from: seeded at every epoch, kept inside one.

TensorFlow's own is left alone: setting it clears the cache of compiled kernels, which would slow down every epoch of a small network, and
`ncap.training.unkept` refuses layers that draw from it. JAX has none.
"""

import random
from typing import Any

import keras
import numpy as np


def seed(number: int) -> None:
    """Seed them all."""
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002  the generator that a user's layer may draw from
    if torch := _torch():
        torch.manual_seed(number)


def states() -> list[Any]:
    """Their states as JSON values: Python's, numpy's, and PyTorch's where it is the backend, one per device."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
    found: list[Any] = [random.getstate(), [kind, np.asarray(keys).tolist(), position, has_gauss, gauss]]
    if torch := _torch():
        found.append([state.tolist() for state in (torch.get_rng_state(), *torch.cuda.get_rng_state_all())])
    return found


def set_states(kept: list[Any]) -> None:
    """Set them to what `states` returned; PyTorch's are missing from states of an older ncap."""
    (version, internal, gauss), numpys, *torchs = kept
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(numpys))  # noqa: NPY002
    if torchs and (torch := _torch()):
        on_cpu, *on_devices = (torch.tensor(state, dtype=torch.uint8) for state in torchs[0])
        torch.set_rng_state(on_cpu)
        for index, state in enumerate(on_devices[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(state, index)


def _torch() -> Any:
    if keras.backend.backend() != "torch":
        return None
    import torch

    return torch
