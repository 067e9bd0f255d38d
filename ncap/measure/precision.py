"""What the device makes of a float32 matrix product: NVIDIA GPUs since Ampere round its factors to TF32 unless told otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from ncap.framework import devices

TF32_EPS = 2.0**-10  # spacing at 1: ten bits of mantissa; products are added up in float32


def has_tf32() -> bool:
    """Whether a GPU is at hand; where it is older than Ampere its TF32 is plain float32."""
    return any("gpu" in device or "cuda" in device for device in map(str.lower, devices()))


@contextmanager
def matmul_precision(precision: str) -> Iterator[None]:
    """Have matrix products of float32 computed in "float32" or in "tf32" inside the block; other dtypes stay as they are.

    A body may well be trained in TF32. A reading subtracts nearly equal sums and judges them by float32's rounding, so it is taken
    in float32. On TensorFlow and PyTorch the switch is the whole process's, on JAX the thread's.

    >>> with matmul_precision("float32"):
    ...     print(float((keras.ops.ones((1, 2)) @ keras.ops.ones((2, 1)))[0, 0]))
    2.0
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from tensorflow.config import experimental

        before = experimental.tensor_float_32_execution_enabled()
        experimental.enable_tensor_float_32_execution(precision == "tf32")
        try:
            yield
        finally:
            experimental.enable_tensor_float_32_execution(before)
    elif backend == "jax":
        import jax

        with jax.default_matmul_precision("tensorfloat32" if precision == "tf32" else "float32"):
            yield
    elif backend == "torch":
        import torch

        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
    else:
        yield
