"""A reading is taken in float32 whatever the training around it does."""

import keras
import pytest

from ncap.measure.precision import matmul_precision


def tf32_is_allowed():
    if keras.backend.backend() == "jax":
        import jax

        return {"float32": False, "tensorfloat32": True, None: None}[jax.config.jax_default_matmul_precision]
    if keras.backend.backend() == "torch":
        import torch

        return torch.get_float32_matmul_precision() != "highest"
    from tensorflow.config import experimental

    return experimental.tensor_float_32_execution_enabled()


def fail_inside(precision, seen):
    with matmul_precision(precision):
        seen.append(tf32_is_allowed())
        raise RuntimeError


@pytest.mark.parametrize(("precision", "tf32"), [("float32", False), ("tf32", True)])
def test_precision_holds_inside_the_block_only(precision, tf32):
    before, seen = tf32_is_allowed(), []
    with pytest.raises(RuntimeError):
        fail_inside(precision, seen)
    assert seen == [tf32]
    assert tf32_is_allowed() == before


def test_the_precision_before_comes_back_whatever_it_was():
    with matmul_precision("float32"):
        with matmul_precision("tf32"):
            assert tf32_is_allowed()
        assert not tf32_is_allowed()
