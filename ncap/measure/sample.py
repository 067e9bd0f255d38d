"""How many samples a reading needs for a wanted error, and which (MATHEMATICS.md, section 4, T9).

Nothing here knows a network: orders of samples, sample sizes, and what may be asked for.
"""

from math import ceil, isfinite, sqrt
from typing import Any

import numpy as np

from ncap.arguments import relative_error
from ncap.measure.readings import Entry

# Samples taken first: of fewer, the standard error itself is known too badly.
START = 128


def stratified_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """An order of all N samples of which every beginning is a stratified sample: m of them hold about m n_c / N of class c.

    Sample k of the n_c of a class, in random order, stands at (k + u_c) / n_c, u_c uniform in [0, 1) and one for each class: systematic
    sampling, in which every sample of the class is equally likely among the first.

    Args:
        labels: classes, whole numbers (N,). seed: the same labels and seed give the same order.

    >>> labels = np.repeat([0, 1], [60, 30])
    >>> np.bincount(labels[stratified_order(labels, seed=0)[:9]])
    array([6, 3])
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, sizes = np.unique(labels, return_counts=True)
    places = [(np.arange(size) + rng.random()) / size for size in sizes]
    return by_class[np.argsort(np.concatenate(places), kind="stable")]


def sampling_error(standard_error: float, m: int, N: int) -> float:
    """Standard error of a reading of m of N samples, as an estimate of the reading of all N, from its standard error over the m (T9).

        sd(psi) / sqrt(m) sqrt((N - m) / (N - 1)),   standard_error = sd(psi) / sqrt(m)

    >>> sampling_error(0.1, 64, 64), round(sampling_error(0.1, 64, 10**9), 6)
    (0.0, 0.1)
    """
    return standard_error * sqrt((N - m) / (N - 1)) if m < N else 0.0


def size_needed(standard_error: float, m: int, N: int, wanted: float, bias: float = 0.0) -> int:
    """The smallest sample of N that errs by at most `wanted` in the root mean square, where m samples have this standard error and bias.

    With sigma^2 = m standard_error^2 and b = m bias, of infinitely many samples (T9):

        sigma^2 f / k + (b f / k)^2 <= wanted^2,   f = (N - k) / (N - 1)   <=>   k >= N / (1 + (N - 1) r),
        r = wanted^2 / (sigma^2 / 2 + sqrt(sigma^4 / 4 + wanted^2 b^2)), the largest f / k allowed

    >>> size_needed(0.1, m=100, N=10_000, wanted=0.1), size_needed(0.1, m=100, N=10_000, wanted=0.02)
    (100, 2001)
    >>> size_needed(0.1, m=100, N=10_000, wanted=0.1, bias=0.1)
    160
    """
    if wanted == 0 or not isfinite(standard_error + bias):
        return N
    variance = m * standard_error**2 / 2
    least = variance + sqrt(variance**2 + (wanted * m * bias) ** 2)
    return min(N, ceil(N / (1 + (N - 1) * wanted**2 / least) - 1e-9)) if least else 1


def next_size(m: int, needed: int, N: int) -> int:
    """The sample to take after m samples that were too few: what is needed, but at most twice as many, and at least a quarter more.

    What is needed is an estimate from m samples, and is made anew from every sample.

    >>> [next_size(128, needed, 1000) for needed in (130, 200, 900)], next_size(600, 900, 1000), next_size(900, 901, 1000)
    ([160, 200, 256], 900, 1000)
    """
    return min(N, 2 * m, max(needed, m + ceil(m / 4)))


def check_error(error: Any, entry: Entry, method: str) -> float:
    """A wanted relative standard error, above 0 and below 1, of a reading that has a standard error over samples.

    Raises: TypeError or ValueError for any other number, and for a reading or method without one.

    >>> from ncap.measure.readings import READINGS
    >>> check_error(0.01, READINGS["hessian/signed/unit"], "autodiff")
    Traceback (most recent call last):
    ValueError: error=0.01 needs a standard error over the samples, and 'hessian/signed/unit' by method='autodiff' has none; leave error out
    """
    error = relative_error(error)
    if method == "autodiff":
        remedy = "use method='closed_form'" if "closed_form" in entry.methods else "leave error out"
        raise ValueError(
            f"error={error:g} needs a standard error over the samples, and {entry.name!r} by method='autodiff' has none; {remedy}"
        )
    if entry.batch:
        raise ValueError(
            f"error={error:g} takes a sample, and {entry.name!r} is a mean over mini-batches in the order of training; leave error out, or "
            f"read {entry.name.rsplit('/', 1)[0]!r}"
        )
    return error
