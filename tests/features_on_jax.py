"""Features of candidates as Keras on JAX computes them, in a process of its own."""

import os
import subprocess
import sys

import numpy as np

SCRIPT = (
    "import sys, numpy as np; from ncap import candidates; x = np.load(sys.argv[1]);"
    "chosen = candidates.resolve(sys.argv[3]);"
    "np.savez(sys.argv[2], **{name: one.build().predict(x, verbose=0) for name, one in chosen.items()})"
)


def features_on_jax(names, pixels, folder):
    """{name: features (n, ...)} of the pixels (n, h, w, c)."""
    np.save(folder / "x.npy", pixels)
    command = [sys.executable, "-c", SCRIPT, folder / "x.npy", folder / "features.npz", ",".join(names)]
    subprocess.run(command, env={**os.environ, "KERAS_BACKEND": "jax"}, check=True, capture_output=True)
    with np.load(folder / "features.npz", allow_pickle=False) as archive:
        return dict(archive)
