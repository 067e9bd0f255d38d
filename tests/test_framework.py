"""What a Python program sees of the framework under ncap: nothing on its standard error."""

import os
import subprocess
import sys

import pytest

from ncap import framework

RANK = """
import ncap
from ncap import targets

def factory(width):
    def build():
        import keras
        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(width)]
        return keras.Sequential([keras.Input((8, 8, 1)), *layers])
    return build

bodies = {f"dense{width}": factory(width) for width in range(2, 9)}
ncap.rank(bodies, targets.load("digits").few(60, seed=0), epochs=1, out=None, hidden=(4, 3), progress=False)
"""
READ = """
import sys
from ncap import framework
framework.load()
import keras, numpy as np, ncap

keras.utils.set_random_seed(0)  # a dead layer would be warned of
for width in range(8, 15):
    body = keras.Sequential([keras.Input((3,)), keras.layers.Dense(width, activation="relu")])
    model = ncap.attach_probe(body, 2, hidden=(5, 4))
    for reading in ("explicit/magnitude/unit", "gradient", "hessian/signed/relative"):
        ncap.capacitance(model, np.eye(3, dtype="float32")[[0, 1, 2, 0, 1]], [0, 1, 0, 0, 1], reading=reading, batch_size=3)
"""


@pytest.mark.parametrize("program", [RANK, READ], ids=["rank", "read"])
def test_standard_error_stays_empty(program, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""


def test_retracing_is_held_back_inside_the_outermost_block_only(caplog, monkeypatch):
    monkeypatch.setattr(framework.TENSORFLOW, "propagate", True)

    def messages():
        caplog.clear()
        framework.TENSORFLOW.error("triggered tf.function retracing")
        framework.TENSORFLOW.error("out of memory")
        return caplog.messages

    with framework.quiet_tracing():
        with framework.quiet_tracing():
            assert messages() == ["out of memory"]
        assert messages() == ["out of memory"]
    assert messages() == ["triggered tf.function retracing", "out of memory"]


def test_a_programs_own_lines_still_appear_after_the_import():
    program = "import sys; from ncap import framework; framework.load(); print('mine', file=sys.stderr)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr == "mine\n"
    )


def test_a_backend_that_cannot_be_loaded_is_named():
    program = "from ncap import framework\ntry: framework.load()\nexcept ValueError as error: print(error)"
    environment = os.environ | {"KERAS_BACKEND": "abacus"}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.startswith("Keras cannot load its backend 'abacus'")
    assert "set KERAS_BACKEND to tensorflow" in ran.stdout
