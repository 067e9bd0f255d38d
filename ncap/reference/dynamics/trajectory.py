"""The weights of an MLP over time, and how far one such trajectory is from another."""

from typing import NamedTuple

import numpy as np

from ncap.reference.arguments import Array, positive


class EdgeTrajectory(NamedTuple):
    """The weights in time: times (T,), kernels = [W_1..W_L], each (T, n_{l-1}, n_l), and the mean loss (T,)."""

    times: Array
    kernels: list[Array]
    loss: Array

    @property
    def weights(self) -> Array:
        """(T, n_E): the kernels in the node order of the line graph."""
        return np.concatenate([kernel.reshape(len(self.times), -1) for kernel in self.kernels], axis=1)


def displacement_error(exact: EdgeTrajectory, approximate: EdgeTrajectory) -> Array:
    """Distance between two trajectories, as a fraction of the way that the exact one has gone: |v - w| / |w - w(0)|.

    Args:
        exact: w. approximate: v, at the same times and from the same start.

    Returns: (T,), 0 where both are 0, as at the start, and infinity where only the way is 0.

    Raises: TypeError for anything but trajectories of weights, ValueError where they do not fit one another.

    >>> times, loss = np.array([0.0, 1.0]), np.zeros(2)
    >>> w, v = (EdgeTrajectory(times, [np.array([[[0.0]], [[end]]])], loss) for end in (2.0, 3.0))
    >>> displacement_error(w, v).tolist()
    [0.0, 0.5]
    """
    for name, given in (("exact", exact), ("approximate", approximate)):
        if not isinstance(given, EdgeTrajectory):
            raise TypeError(
                f"{name} must be an EdgeTrajectory, as simulate_edges returns it, got {type(given).__name__}"
            )
    w, v = exact.weights, approximate.weights
    if w.shape != v.shape or not np.array_equal(exact.times, approximate.times) or not np.array_equal(w[0], v[0]):
        raise ValueError(
            "exact and approximate must have the same times and start at the same weights, got "
            f"{w.shape[0]} times of {w.shape[1]} weights and {v.shape[0]} of {v.shape[1]}"
        )
    way, error = np.linalg.norm(w - w[0], axis=1), np.linalg.norm(v - w, axis=1)
    return np.asarray(np.divide(error, way, out=np.where(error > 0, np.inf, 0.0), where=way > 0))


def trusted_until(exact: EdgeTrajectory, approximate: EdgeTrajectory, tolerance: float = 0.1) -> float:
    """Time at which displacement_error first exceeds the tolerance, interpolated between the times given.

    Args:
        exact, approximate: as for displacement_error. tolerance: above 0; a fraction of the way.

    Returns: a float, in the units of the times; infinity where the error stays below the tolerance at all of them.

    Raises: TypeError or ValueError as displacement_error, and for a tolerance that is not a number above 0.

    >>> times, loss = np.array([0.0, 1.0]), np.zeros(2)
    >>> w, v = (EdgeTrajectory(times, [np.array([[[0.0]], [[end]]])], loss) for end in (2.0, 3.0))
    >>> trusted_until(w, v)     # the error grows from 0 to 0.5
    0.2
    """
    positive("tolerance", tolerance)
    error, times = displacement_error(exact, approximate), exact.times
    beyond = np.flatnonzero(error > tolerance)
    if not len(beyond):
        return float("inf")
    i = beyond[0]  # at least 1: both start at the same weights
    return float(times[i - 1] + (times[i] - times[i - 1]) * (tolerance - error[i - 1]) / (error[i] - error[i - 1]))
