"""Intervals of the measures of agreement, by resampling candidates.

The measures of `ncap.ranking.agreement`, written a second time for many samples of candidates at once: p and t have shape (b, n), one
sample a row, and every function returns shape (b,). A test holds each row against the plain function.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SAMPLES = 1000
MOST_PAIRS = 4_000_000  # of candidates that are held at a time
ENDS = (2.5, 97.5)  # percentiles: a 95 % interval


def intervals(
    predicted: FloatArray, true: FloatArray, seed: int = 0, samples: int = SAMPLES
) -> dict[str, tuple[float, float]]:
    """The 95 % percentile interval of every measure, over samples of n candidates drawn from the n with replacement.

    The same seed draws the same candidates, so that rules are compared on the same samples. A sample on which a measure has no value is
    left out; the ends are NaN where it has none on any.

    Args:
        predicted: finite, or -inf for a candidate without a prediction, shape (n,).
        true: finite, shape (n,).

    >>> low, high = intervals(np.arange(9.0), np.arange(9.0))["rho"]
    >>> round(low, 12), round(high, 12)
    (1.0, 1.0)
    """
    n = len(true)
    if n == 0:
        return dict.fromkeys(MEASURES, (np.nan, np.nan))
    drawn = np.random.default_rng(seed).integers(0, n, (samples, n))
    parts = np.array_split(drawn, max(1, samples * n * n // MOST_PAIRS))
    return {
        name: _ends(np.concatenate([measure(predicted[part], true[part]) for part in parts]))
        for name, measure in MEASURES.items()
    }


def _ends(values: FloatArray) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if not defined.size:
        return np.nan, np.nan
    low, high = np.percentile(defined, ENDS)
    return float(low), float(high)


def spearman(p: FloatArray, t: FloatArray) -> FloatArray:
    """Spearman's rho of every row."""
    from scipy.stats import rankdata

    a, b = (rankdata(side, axis=1) - (side.shape[1] + 1) / 2 for side in (p, t))
    return _ratio((a * b).sum(1), (a * a).sum(1) * (b * b).sum(1))


def kendall(p: FloatArray, t: FloatArray) -> FloatArray:
    """Kendall's tau-b of every row."""
    a, b = _signs(p), _signs(t)
    ab, aa, bb = ((left * right).sum((1, 2), dtype=np.float64) for left, right in ((a, b), (a, a), (b, b)))
    return _ratio(ab, aa * bb)


def weighted_tau(p: FloatArray, t: FloatArray) -> FloatArray:
    """Vigna's weighted tau of every row: the mean over ranking by predicted and by true value."""
    a, b = _signs(p), _signs(t)
    return (_weighted(a, b, _weights(p, t)) + _weighted(a, b, _weights(t, p))) / 2


def regret(p: FloatArray, t: FloatArray, k: int) -> FloatArray:
    """The expected loss of every row by taking the k best predicted, ties picked at random."""
    b, n = t.shape
    k = min(k, n)
    cut = np.sort(p, axis=1)[:, n - k, None]
    best_sure = np.where(p > cut, t, -np.inf).max(1, keepdims=True)
    tied = -np.sort(-np.where(p == cut, t, -np.inf), axis=1)  # the tied ones, best first, then -inf
    loss = t.max(1, keepdims=True) - np.maximum(tied, best_sure)
    count, picks = (p == cut).sum(1), k - (p > cut).sum(1)
    # P(the i-th best of `count` tied is the best of `picks`) = C(count - 1 - i, picks - 1) / C(count, picks), from one to the next.
    chance, expected = picks / count, np.zeros(b)
    for i in range(n):
        reached = (i < count) & (chance > 0)
        expected += np.where(reached, chance * np.where(reached, loss[:, i], 0.0), 0.0)
        left = count - 1 - i
        chance = np.where(left > 0, chance * np.maximum(left - (picks - 1), 0) / np.maximum(left, 1), 0.0)
    return expected


MEASURES: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "rho": spearman,
    "tau": kendall,
    "weighted_tau": weighted_tau,
    "regret_1": lambda p, t: regret(p, t, 1),
    "regret_3": lambda p, t: regret(p, t, 3),
}


def _signs(values: FloatArray) -> NDArray[np.int8]:
    """sgn(v_i - v_j), shape (b, n, n); two of -inf are equal."""
    rows, columns = values[:, :, None], values[:, None, :]
    return (rows > columns).astype(np.int8) - (rows < columns).astype(np.int8)


def _weights(first: FloatArray, then: FloatArray) -> FloatArray:
    """1 / r_i + 1 / r_j off the diagonal, r = 1 for the best by `first`, ties by `then`; shape (b, n, n)."""
    order = np.lexsort((then, first), axis=1)[:, ::-1]
    inverse_rank = np.empty(first.shape)
    np.put_along_axis(inverse_rank, order, np.broadcast_to(1.0 / np.arange(1, first.shape[1] + 1), first.shape), axis=1)
    return inverse_rank[:, :, None] + inverse_rank[:, None, :]


def _weighted(a: NDArray[np.int8], b: NDArray[np.int8], weights: FloatArray) -> FloatArray:
    ab, aa, bb = ((weights * (left * right)).sum((1, 2)) for left, right in ((a, b), (a, a), (b, b)))
    return _ratio(ab, aa * bb)


def _ratio(above: Any, below_squared: Any) -> FloatArray:
    """above / sqrt(below_squared), NaN where that is 0."""
    below = np.sqrt(np.asarray(below_squared, dtype=np.float64))
    return np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)
