"""The handwritten digits that come with scikit-learn: 1797 images of 8 x 8, offline."""

import numpy as np

from ncap.targets.arrays import load_arrays
from ncap.targets.contract import Loading, Source, Target


def load(loading: Loading) -> Target:
    """The digits, their sixteen grey levels spread over 0..255; `loading` decides the splits."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.float32)
    return load_arrays("digits", {"all": (pixels, labels)}, loading)


SOURCE = Source("digits", (8, 8, 1), 10, "scikit-learn, offline", load, "CC BY 4.0 (UCI, Alpaydin and Kaynak 1998)")
