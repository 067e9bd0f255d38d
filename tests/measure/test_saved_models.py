"""A saved model with a probe loads wherever ncap has been imported, in a process of its own as a user's would be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OF_0_1 = (
    Path(__file__).parent / "fixtures" / "probe_0.1.keras"
)  # attach_probe(body of 3 inputs, classes=2, hidden=(5, 4), seed=3)
READ = f"""
import numpy as np
model = keras.models.load_model({str(OF_0_1)!r})
print(float(ncap.capacitance(model, np.eye(3, dtype="float32"), [0, 1, 0]).beta_eff))
"""


def printed(code):
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


@pytest.mark.parametrize(
    "imports", ["import keras, ncap", "import ncap, keras", "import ncap.reference, keras; import ncap"]
)
def test_a_model_saved_by_0_1_is_read_whatever_was_imported_first(imports):
    (beta_eff,) = printed(imports + READ)
    # what 0.1 read when it saved the model; float32 sums of magnitudes, in which nothing cancels
    assert float(beta_eff) == pytest.approx(0.10028544555108664, rel=1e-5)


def test_importing_ncap_loads_no_framework():
    frameworks = ("keras", "tensorflow", "jax", "torch")
    assert printed(f"import sys, ncap; print(*[name for name in {frameworks} if name in sys.modules])") == []


def test_without_ncap_the_probe_is_unknown():
    """Otherwise the test above could not fail."""
    code = f"import keras\ntry: keras.models.load_model({str(OF_0_1)!r})\nexcept TypeError as error: print('Probe' in str(error))"
    assert printed(code) == ["True"]
