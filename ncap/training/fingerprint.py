"""Fingerprints, which tell one body, or one state of training, from another."""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ncap.measure.description import described_model

if TYPE_CHECKING:
    import keras


def fingerprint(arrays: Iterable[Any]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of arrays, their shapes and their types; None marks an absent array.

    >>> fingerprint([np.zeros(2)]) == fingerprint([np.zeros(2)]), fingerprint([np.zeros(2)]) == fingerprint([np.zeros((2, 1))])
    (True, False)
    """
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"absent")
            continue
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data.cast("B") if array.size else b"")
    return digest.hexdigest()[:16]


def body_fingerprint(body: "keras.Model") -> str:
    """The fingerprint of a body: "<weights>:<version of Keras>:<architecture>", each a short hash or text.

    The architecture is what Keras would save of the model, except for layer names, which Keras numbers throughout the life of a process.
    For layers that are not Keras' own, it includes their code and their attributes.
    """
    import keras

    from ncap.training.buffers import buffers

    held = [keras.ops.convert_to_numpy(buffer.value) for buffer in buffers(body)]
    return f"{fingerprint([*body.get_weights(), *held])}:{keras.__version__}:{architecture_fingerprint(body)}"


def same_body(stored: str, own: str) -> bool:
    """Whether two fingerprints belong to the same body. Only what both of them contain is compared.

    ncap 0.1 kept only the weights, and another version of Keras may describe the same architecture differently.

    >>> same_body("ab", "ab:3.15.1:cd"), same_body("ab:3.15.1:cd", "ab:3.15.1:ef"), same_body("ab:3.14.0:cd", "ab:3.15.1:ef")
    (True, False, True)
    """
    (weights, *rest), (own_weights, *own_rest) = stored.split(":"), own.split(":")
    comparable = rest and own_rest and rest[0] == own_rest[0]
    return weights == own_weights and (not comparable or rest == own_rest)


def check_same_body(candidate: str, own: str, stored: str) -> None:
    """Raise ValueError if a run started from another body than this; "" stands for one that is not known.

    >>> check_same_body("mlp", "ab:3.15.1:cd", "")
    """
    if stored and not same_body(stored, own):
        raise ValueError(
            f"the body of {candidate!r} is not the one whose epochs the store has (fingerprint {own}, stored {stored}); give it another "
            "name or use another store"
        )


def architecture_fingerprint(body: "keras.Model") -> str:
    """The first 8 hexadecimal digits of the SHA-256 of a model's architecture."""
    return hashlib.sha256(described_model(body).encode()).hexdigest()[:8]
