"""One comparison of arrays that explains a failure."""

from typing import Any

import numpy as np


def assert_close(got: Any, want: Any, tolerance: Any, what: str) -> None:
    """|got - want| <= tolerance elementwise; a failure names the worst index, both values, their ratio and the tolerance.

    >>> assert_close([1.0, 2.0], [1.0, 2.1], 0.2, "delta")
    """
    got, want, tolerance = np.broadcast_arrays(
        np.asarray(got, float), np.asarray(want, float), np.asarray(tolerance, float)
    )
    assert np.isfinite(got).all(), f"{what}: not finite: {got}"
    excess = np.abs(got - want) - tolerance
    if (excess <= 0).all():
        return
    worst = np.unravel_index(np.argmax(excess), excess.shape)
    ratio = got[worst] / want[worst] if want[worst] else np.inf
    raise AssertionError(
        f"{what}: {np.count_nonzero(excess > 0)} of {excess.size} differ; worst at {tuple(map(int, worst))}: got {got[worst]:.17g}, "
        f"want {want[worst]:.17g}, ratio {ratio:.3g}, tolerance {tolerance[worst]:.3g}; got in [{got.min():.3g}, {got.max():.3g}]"
    )
