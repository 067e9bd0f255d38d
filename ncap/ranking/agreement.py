"""How good a ranking is: predicted values of n candidates against their true ones.

Higher is better on both sides, and pairs go by position. Ties are never broken by position, so every number is the
same for any order of the candidates. All functions share these rules:

1. True values are finite. Predicted values are finite, or -inf for a candidate without a prediction: it ranks last,
   tied with the others of its kind. NaN is refused, because a failed candidate can be left out or ranked last, and
   these give different numbers.
2. A correlation of fewer than two candidates, or with all predicted or all true values equal, is NaN; nothing warns.
"""

from math import comb, nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ncap.arguments import check_same_index, numbers

FloatArray = NDArray[np.float64]


def spearman(predicted: ArrayLike, true: ArrayLike) -> float:
    """Spearman's rho: the Pearson correlation of the ranks, ties on their average rank.

    Args:
        predicted: Predicted values, shape (n,).
        true: True values, shape (n,).

    Returns:
        rho in [-1, 1]; NaN by rule 2 of the module.

    Raises:
        ValueError: The two are not numbers, 1-D, of one length (and one index, from pandas), or hold what rule 1 of the module refuses.

    Without ties rho = 1 - 6 sum d^2 / (n (n^2 - 1)); here d = (0, 1, -1), so 1 - 12 / 24:

    >>> round(spearman([0.5, 0.7, 0.6], [0.1, 0.2, 0.3]), 12)
    0.5
    """
    predicted, true = _paired(predicted, true)
    if _undefined(predicted, true):
        return nan
    from scipy.stats import spearmanr

    return float(spearmanr(predicted, true).statistic)


def kendall(predicted: ArrayLike, true: ArrayLike) -> float:
    """Kendall's tau-b: (C - D) / sqrt((C + D + T_p)(C + D + T_t)) over pairs of candidates.

    C pairs are in the same order, D in opposite order, T_p tied in `predicted` only, T_t tied in `true` only.
    Arguments, result and errors as in `spearman`.

    Of three pairs two agree and one does not:

    >>> round(kendall([0.5, 0.7, 0.6], [0.1, 0.2, 0.3]), 12)
    0.333333333333
    """
    predicted, true = _paired(predicted, true)
    if _undefined(predicted, true):
        return nan
    from scipy.stats import kendalltau

    return float(kendalltau(predicted, true, variant="b").statistic)


def weighted_tau(predicted: ArrayLike, true: ArrayLike) -> float:
    """Weighted tau (Vigna 2015, `scipy.stats.weightedtau`): Kendall's tau-b with more weight at the top.

    <a, b> = sum_{i<j} sgn(a_i - a_j) sgn(b_i - b_j) (1 / r_i + 1 / r_j), r = 1 for the best; the result is
    <p, t> / sqrt(<p, p> <t, t>). It is the mean of two: r by predicted value with ties ordered by true value, and r by
    true value with ties ordered by predicted value. A tied pair counts 0 in the products that contain its tie.
    Arguments, result and errors as in `spearman`.

    Best and second best swapped costs the pair weight 1 + 1/2 of 3/2 + 4/3 + 5/6, whichever side ranks:

    >>> round(weighted_tau([2, 3, 1], [3, 2, 1]), 12) == round((4 / 3 + 5 / 6 - 3 / 2) / (3 / 2 + 4 / 3 + 5 / 6), 12)
    True
    """
    predicted, true = _paired(predicted, true)
    if _undefined(predicted, true):
        return nan
    from scipy.stats import weightedtau

    return float(weightedtau(predicted, true, rank=True).statistic)


def regret(predicted: ArrayLike, true: ArrayLike, k: int = 1) -> float:
    """What is lost by training only the k best predicted: max true - E[max true over those k], in units of `true`.

    Candidates tied in `predicted` at the k-th place are picked at random, each equally likely, and E is the exact mean
    over these picks: a rule that predicts the same for all is charged what blind picking costs.

    Args:
        predicted: Predicted values, shape (n,).
        true: True values, shape (n,).
        k: How many candidates are picked; all of them when k >= n.

    Returns:
        Regret >= 0; 0 when a best candidate is surely among the picked, NaN for n = 0.

    Raises:
        ValueError: As `spearman`, or k is not an int >= 1.

    >>> regret([3, 2, 1], [0.5, 0.75, 1.0]), regret([3, 2, 1], [0.5, 0.75, 1.0], k=2)
    (0.5, 0.25)
    >>> regret([1, 1, 1], [0.5, 0.75, 1.0])
    0.25
    """
    predicted, true = _paired(predicted, true)
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise ValueError(f"k must be an int >= 1, the number of candidates picked; got k={k!r}")
    if true.size == 0:
        return nan
    k = min(int(k), true.size)
    cut = np.sort(predicted)[-k]
    sure, tied = true[predicted > cut], np.sort(true[predicted == cut])[::-1]
    loss = true.max() - np.maximum(tied, sure.max(initial=-np.inf))  # if this tied candidate is the best one picked
    t, picks = tied.size, k - sure.size
    # The i-th best of the t tied is the best of the picks when the other picks - 1 come from the t - 1 - i below it.
    return float(sum(comb(t - 1 - i, picks - 1) / comb(t, picks) * loss[i] for i in range(t - picks + 1)))


def _paired(predicted: ArrayLike, true: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both as float arrays, checked by rule 1 of the module."""
    p, t = numbers("predicted", predicted).astype(np.float64), numbers("true", true).astype(np.float64)
    check_same_index(("predicted", predicted), ("true", true))
    if p.ndim != 1 or p.shape != t.shape:
        raise ValueError(f"predicted and true must be 1-D of one length, got shapes {p.shape} and {t.shape}")
    if refused := np.flatnonzero(np.isnan(p) | np.isposinf(p)).tolist():
        raise ValueError(
            f"predicted must be finite or -inf, got {p[refused[0]]} at position {refused[0]} ({len(refused)} in all): "
            "leave a candidate without a prediction out, or give it -inf to rank it last"
        )
    if refused := np.flatnonzero(~np.isfinite(t)).tolist():
        raise ValueError(
            f"true must be finite, got {t[refused[0]]} at position {refused[0]} ({len(refused)} in all): "
            "leave out candidates whose true value is unknown"
        )
    return p, t


def _undefined(p: FloatArray, t: FloatArray) -> bool:
    """Whether a correlation has no value, by rule 2 of the module."""
    return p.size < 2 or bool(np.all(p == p[0]) or np.all(t == t[0]))
