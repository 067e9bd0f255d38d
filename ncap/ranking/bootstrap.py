"""Intervals of the measures of agreement, by resampling candidates.

The measures of `ncap.ranking.agreement`, written a second time for many samples of the same candidates at once; a test holds each sample
against the plain function. A sample is described by how often it holds each candidate, counts of shape (b, n): a sum over pairs of the
sample is then c' M c with one n x n matrix M for all samples, where candidates are compared once.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Indices = NDArray[np.intp]

SAMPLES = 1000
MOST_PAIRS = 4_000_000  # of candidates that are compared at a time
ENDS = (2.5, 97.5)  # percentiles: a 95 % interval
NAMES = ("rho", "tau", "weighted_tau", "regret_1", "regret_3")


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
        return dict.fromkeys(NAMES, (np.nan, np.nan))
    drawn = np.random.default_rng(seed).integers(0, n, (samples, n))
    return {name: ends(values) for name, values in measures(predicted, true, drawn).items()}


def measures(predicted: FloatArray, true: FloatArray, drawn: Indices) -> dict[str, FloatArray]:
    """Every measure of every sample, each of shape (b,); `drawn` holds the candidates of the samples, shape (b, n).

    >>> measures(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]), np.array([[0, 1, 2], [0, 0, 1]]))["tau"].round(3).tolist()
    [0.333, 1.0]
    """
    counts = _counts(drawn, len(true))
    p, t = _Side.of(predicted, counts), _Side.of(true, counts)
    concordance = _concordance(p.codes, t.codes, counts)
    weighted = [_weighted(p, t, concordance, _weights(*sides, counts)) for sides in ((p, t), (t, p))]
    return {
        "rho": _spearman(p, t, counts),
        "tau": _kendall(p, t, counts, concordance),
        "weighted_tau": (weighted[0] + weighted[1]) / 2,
        "regret_1": regret(p.codes[drawn], true[drawn], 1),
        "regret_3": regret(p.codes[drawn], true[drawn], 3),
    }


def _counts(drawn: Indices, n: int) -> FloatArray:
    """How often each sample holds each candidate, shape (b, n)."""
    b = len(drawn)
    cells = drawn + n * np.arange(b)[:, None]
    return np.bincount(cells.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)


def _concordance(p: Indices, t: Indices, counts: FloatArray) -> FloatArray:
    """sum_j c_j sgn(p_i - p_j) sgn(t_i - t_j), shape (b, n); whole numbers below 2^24, which float32 adds exactly."""
    n, made = len(t), np.empty(counts.shape)
    single = counts.astype(np.float32)
    step = max(1, MOST_PAIRS // n)
    for start in range(0, n, step):
        rows = slice(start, start + step)
        signs = np.sign(p[rows, None] - p[None]) * np.sign(t[rows, None] - t[None])
        made[:, rows] = single @ signs.T.astype(np.float32)
    return made


class _Side(NamedTuple):
    """One side of the comparison, the predicted or the true.

    codes: the order of the values, equal ones on one whole number, shape (n,); nothing else of them matters. tied: how many of the sample
    are tied with each candidate, itself included; ranks: its rank among the sample less the mean rank, ties on their average; (b, n) both.
    """

    codes: Indices
    tied: FloatArray
    ranks: FloatArray

    @classmethod
    def of(cls, values: FloatArray, counts: FloatArray) -> Self:
        codes = np.unique(values, return_inverse=True)[1]
        order = np.argsort(codes, kind="stable")
        groups = counts[:, order]
        if codes.max() + 1 < len(codes):
            groups = np.add.reduceat(groups, np.flatnonzero(np.diff(codes[order], prepend=-1)), axis=1)
        ranks = np.cumsum(groups, axis=1) - groups / 2 - counts.sum(1, keepdims=True) / 2
        return cls(codes, groups[:, codes], ranks[:, codes])


def _spearman(p: _Side, t: _Side, counts: FloatArray) -> FloatArray:
    a, b = counts * p.ranks, counts * t.ranks
    return _ratio((a * t.ranks).sum(1), (a * p.ranks).sum(1) * (b * t.ranks).sum(1))


def _kendall(p: _Side, t: _Side, counts: FloatArray, concordance: FloatArray) -> FloatArray:
    n = counts.sum(1)
    untied_p, untied_t = (n**2 - (counts * side.tied).sum(1) for side in (p, t))
    return _ratio((counts * concordance).sum(1), untied_p * untied_t)


def _weights(first: _Side, then: _Side, counts: FloatArray) -> FloatArray:
    """sum of 1 / r over the copies of each candidate, r = 1 for the best by `first`, ties by `then`; shape (b, n).

    Candidates tied in both are ordered by position, which changes no sum: they agree with every other alike.
    """
    order = np.lexsort((then.codes, first.codes))[::-1]
    sorted_counts = counts[:, order]
    reached = np.cumsum(sorted_counts, axis=1)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, counts.sum(1).max() + 1))])
    weights = np.empty(counts.shape)
    weights[:, order] = harmonic[reached.astype(int)] - harmonic[(reached - sorted_counts).astype(int)]
    return weights


def _weighted(p: _Side, t: _Side, concordance: FloatArray, weights: FloatArray) -> FloatArray:
    """Vigna's weighted tau for one order of the weights: every pair counts 1 / r_i + 1 / r_j."""
    n = p.codes.size  # as many are drawn
    pp, tt = ((weights * (n - side.tied)).sum(1) for side in (p, t))
    return _ratio((weights * concordance).sum(1), pp * tt)


def regret(p: NDArray[np.generic], t: FloatArray, k: int) -> FloatArray:
    """The expected loss of every row by taking the k best predicted, ties picked at random; p and t have shape (b, n)."""
    b, n = t.shape
    k = min(k, n)
    cut = np.partition(p, n - k, axis=1)[:, n - k, None]
    best_sure = np.where(p > cut, t, -np.inf).max(1, keepdims=True)
    count, picks = (p == cut).sum(1), k - (p > cut).sum(1)
    most = int(count.max())
    at_cut = np.where(p == cut, t, -np.inf)
    tied = -np.sort(
        -np.partition(at_cut, n - most, axis=1)[:, n - most :], axis=1
    )  # the tied ones, best first, then -inf
    loss = t.max(1, keepdims=True) - np.maximum(tied, best_sure)
    # P(the i-th best of `count` tied is the best of `picks`) = C(count - 1 - i, picks - 1) / C(count, picks), from one to the next.
    chance, expected = picks / count, np.zeros(b)
    for i in range(most):
        reached = (i < count) & (chance > 0)
        if not reached.any():
            break
        expected += np.where(reached, chance * np.where(reached, loss[:, i], 0.0), 0.0)
        left = count - 1 - i
        chance = np.where(left > 0, chance * np.maximum(left - (picks - 1), 0) / np.maximum(left, 1), 0.0)
    return expected


def ends(values: FloatArray) -> tuple[float, float]:
    """The 95 % percentile interval of the finite values, shape (b,); NaN where there is none."""
    defined = values[np.isfinite(values)]
    if not defined.size:
        return np.nan, np.nan
    low, high = np.percentile(defined, ENDS)
    return float(low), float(high)


def _ratio(above: FloatArray, below_squared: FloatArray) -> FloatArray:
    """above / sqrt(below_squared), NaN where that is 0."""
    # Sums of ranks and of weights are halves and fractions: what is 0 but for their rounding is 0.
    below = np.sqrt(np.where(below_squared > 1e-18, below_squared, 0.0))
    return np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)
