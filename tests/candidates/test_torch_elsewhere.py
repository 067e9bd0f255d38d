"""What can be said of PyTorch candidates without PyTorch: arguments, and the backend that they need."""

import os
import subprocess
import sys

import pytest
from probes import BACKEND

from ncap import candidates


def module():
    raise AssertionError("nothing is built")


@pytest.mark.skipif(BACKEND == "torch", reason="this is the backend that it needs")
@pytest.mark.parametrize(
    "named",
    [lambda: candidates.from_torch("mine", module), lambda: candidates.resolve("timm:resnet18")],
    ids=["from_torch", "timm"],
)
def test_another_backend_is_refused_before_anything_is_built(named):
    with pytest.raises(
        ValueError, match=rf"is a PyTorch module, .* the backend is '{BACKEND}'; set KERAS_BACKEND=torch"
    ):
        named()


@pytest.mark.parametrize(
    ("environment", "settings", "backend"),
    [
        ({"KERAS_BACKEND": "torch"}, '{"backend": "jax"}', "torch"),
        ({"KERAS_BACKEND": ""}, '{"backend": "torch"}', "torch"),
        ({"KERAS_BACKEND": ""}, "no JSON", "tensorflow"),
        ({"KERAS_BACKEND": ""}, "[]", "tensorflow"),
    ],
)
def test_the_backend_is_known_without_loading_keras(tmp_path, environment, settings, backend):
    (tmp_path / "keras.json").write_text(settings)
    script = "import sys; from ncap.candidates import torch_modules as t; print(t._backend(), 'keras' in sys.modules)"
    own = {**os.environ, "KERAS_HOME": str(tmp_path), **environment}
    result = subprocess.run([sys.executable, "-c", script], env=own, capture_output=True, text=True, check=True)
    assert result.stdout.split() == [backend, "False"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"name": ""}, TypeError, "name must be a text that is not empty, got ''"),
        (
            {"module": "resnet18"},
            TypeError,
            "a torch.nn.Module, or a function that returns a fresh one, is needed, got 'resnet18'",
        ),
        ({"mean": 0.5}, ValueError, "mean and std go together, got mean=0.5, std=None"),
        ({"mean": 0.5, "std": 0}, ValueError, "std must be positive, got 0"),
        ({"mean": float("nan"), "std": 1}, ValueError, "mean must be finite numbers, got nan"),
        ({"size": 0}, ValueError, "size must be a whole number of at least 1, got 0"),
        ({"size": (8, 8, 3)}, ValueError, r"size must be a number or \(height, width\), got \(8, 8, 3\)"),
        ({"channels": 0.5}, ValueError, "channels must be a whole number of at least 1, got 0.5"),
    ],
)
def test_arguments_that_cannot_be_used(options, error, message):
    with pytest.raises(error, match=message):
        candidates.from_torch(**{"name": "mine", "module": module} | options)
