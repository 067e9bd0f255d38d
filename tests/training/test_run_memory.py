"""What a run holds in memory: no resized copy of the training set, however large the candidate's input is."""

import subprocess
import sys

import pytest

RUN = """
import resource, sys
import numpy as np, keras, ncap
from ncap import candidates, targets
from ncap.job import Job
from ncap.training.run import train

n = int(sys.argv[1])
x, y = np.zeros((n, 8, 8, 1), np.uint8), np.arange(n) % 2
x[::2] = 200
target = targets.Target.from_parts("halves", {"train": (x, y), "val": (x[:20], y[:20])}, seed=0)

def body():
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.AveragePooling2D(32), keras.layers.Flatten(), keras.layers.Dense(3, "relu")]
    return keras.Sequential([keras.Input((128, 128, 3)), *layers])

(candidate,) = candidates.resolve({"large": body}).values()
job = Job(epochs=1, hidden=(4, 3), batch_size=32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ticks = list(train(job, candidate, target))
assert len(ticks) == 1 and ticks[0].readings[0]["n_samples"] == 4096
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
def test_a_run_holds_no_resized_copy_of_its_training_set():
    """5,000 images of 64 bytes are 983 MB at 128 x 128 x 3 in float32: the peak grows by far less than that."""
    done = subprocess.run([sys.executable, "-c", RUN, "5000"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    grown = float(done.stdout.splitlines()[-1])
    copy = 5000 * 128 * 128 * 3 * 4 / 2**20
    print(f"peak grew by {grown:.0f} MiB; a copy takes {copy:.0f}")
    assert grown < copy / 2
