"""The closed form never forms P: at the size where P would have 2e9 entries it stays under a gigabyte."""

import subprocess
import sys

CODE = """
import resource, numpy as np
from ncap import reference as ref
rng = np.random.default_rng(0)
sizes = (2048, 256, 128, 100)
net = ref.MLP([rng.normal(size=shape) / 16 for shape in zip(sizes, sizes[1:])])
ref.capacitance(net, rng.normal(size=(4096, 2048)), rng.integers(0, 100, 4096), strength="magnitude")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1024 if __import__("sys").platform != "darwin" else 1))
"""


def test_the_large_network_fits_in_a_gigabyte():
    """4,096 samples of 2048-256-128-100: the whole process, interpreter and data included."""
    peak = int(subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout)
    assert peak < 1e9, f"{peak / 1e9:.2f} GB"
