"""The closed form never forms P: at the size where P would have 2e9 entries it stays under a gigabyte."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import re, numpy as np
from itertools import pairwise
from pathlib import Path
from ncap import reference as ref
rng = np.random.default_rng(0)
sizes = (2048, 256, 128, 100)
net = ref.MLP([rng.normal(size=shape) / 16 for shape in pairwise(sizes)])
ref.capacitance(net, rng.normal(size=(4096, 2048)), rng.integers(0, 100, 4096), strength="magnitude")
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text()).group(1))
"""


# Not getrusage: its peak begins with that of the process that was forked from.
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux' /proc")
def test_the_large_network_fits_in_a_gigabyte():
    """4,096 samples of 2048-256-128-100: the whole process, interpreter and data included."""
    peak = 1024 * int(subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout)
    assert peak < 1e9, f"{peak / 1e9:.2f} GB"
