"""LogME: the evidence for a linear model of the labels on the features (You et al., ICML 2021, and JMLR 23, 2022).

For one class, let y in {0, 1}^N tell which samples are of it, and F be the features (N, D). Under the prior w ~ N(0, I / alpha) and the
noise y ~ N(F w, I / beta), the labels have the evidence

    log p(y | F) = log N(y; 0, I / beta + F F^T / alpha)
                 = N/2 log beta - N/2 log 2 pi - 1/2 sum_i log(1 + s_i / t) - beta/2 q(t),
    q(t) = sum_i z_i^2 t / (t + s_i) + |y|^2 - |z|^2,      t = alpha / beta,

where s_i are the squared singular values of F = U S V^T and z = U^T y. LogME is its maximum over alpha and beta, divided by N and averaged
over the classes. For a given t the best beta is N / q(t), so that a function of t alone is left to be maximised. You et al. iterate
alpha and beta to a fixed point, which is a stationary point of that function; it can have several, so the largest is searched for here.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from ncap.scores.contract import Score
from ncap.scores.decomposition import decomposed
from ncap.scores.samples import one_class, one_hot, samples

# t lies within this factor of the largest s_i, either way. Where the features fit a class exactly although F has a rank below N, as when
# N < D and two samples are the same, the evidence grows without bound as the noise 1 / beta goes to 0.
SMALLEST = 2.0**-40
_EXACT = 2.0**-44  # a residual |y|^2 - |z|^2 below this share of |y|^2 is rounding
_GRID = 16  # values of t per factor of e^4: the function changes over factors of e at the fastest


def log_me(features: ArrayLike, y: ArrayLike) -> float:
    """LogME of features (N, D) and labels (N,): mean over the classes of max_{alpha, beta} log p(y_class | F) / N, in nats.

    Larger is better. NaN where all samples are of one class. Computed in float64. It does not change when samples are permuted, classes
    renumbered, or features scaled by one factor, rotated, reflected or joined by constant zeros; it does when features are shifted, as
    the model has no intercept. Features that are all 0 give the evidence of pure noise. alpha / beta is kept within a factor 2^40 of the
    largest squared singular value of F, which bounds the evidence where the features fit the labels exactly.

    Raises: ValueError for features or labels of another shape, for labels that are not whole numbers, and for values that are not finite.

    Two classes on two axes, twice each: with a = s_i / t = 2 / t, class 1 has q = 2 / (1 + a) and evidence
    2 log(4 / q) - 2 log 2 pi - log(1 + a) - 2 = log(1 + a) + 2 log(1 / pi) - 2, which grows up to the bound a = 2^40.

    >>> value = log_me([[1, 0], [0, 1], [1, 0], [0, 1]], [0, 1, 0, 1])
    >>> bool(np.isclose(value, (np.log(1 + 2.0**40) - 2 * np.log(np.pi) - 2) / 4))
    True
    >>> log_me([[1.0], [2.0]], [3, 3])
    nan
    """
    z, classes = samples(features, y)
    if not classes.max():
        return math.nan
    hot = one_hot(classes)
    s, energy, rest = decomposed(z, hot)
    rest[rest < _EXACT * hot.sum(axis=0)] = 0
    return float(np.mean(_best_evidence(s, energy, rest, len(z)))) / len(z)


def _best_evidence(s: np.ndarray, energy: np.ndarray, rest: np.ndarray, n: int) -> list[float]:
    """Per class, the maximum over t of the evidence. s: (k,), energy z_i^2: (k, classes), rest |y|^2 - |z|^2: (classes,)."""
    if not s.max():  # every t gives the same
        return list(_evidence(np.ones(1), s, energy, rest, n)[0])
    centre, reach = math.log(s.max()), -math.log(SMALLEST)
    grid = np.linspace(centre - reach, centre + reach, math.ceil(reach / 2 * _GRID) + 1)
    best = _evidence(np.exp(grid), s, energy, rest, n).argmax(axis=0)
    return [
        _refined(grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)], s, energy[:, [c]], rest[[c]], n)
        for c, at in enumerate(best)
    ]


def _refined(low: float, high: float, s: np.ndarray, energy: np.ndarray, rest: np.ndarray, n: int) -> float:
    """The maximum for one class between two values of log t, its ends included."""

    def loss(log_t: float) -> float:
        return -float(_evidence(np.exp([log_t]), s, energy, rest, n)[0, 0])

    inside = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6}).fun
    return -min(float(inside), loss(low), loss(high))


def _evidence(t: np.ndarray, s: np.ndarray, energy: np.ndarray, rest: np.ndarray, n: int) -> np.ndarray:
    """log p(y | F) at beta = N / q(t), of every t (T,) and class: (T, classes)."""
    q = (t[:, None] / (t[:, None] + s)) @ energy + rest
    determinant = np.log1p(s / t[:, None]).sum(axis=1)[:, None]
    return n / 2 * np.log(n / q) - n / 2 * math.log(2 * math.pi) - determinant / 2 - n / 2


SCORE = Score(
    name="log_me",
    needs="features",
    source="You et al., ICML 2021; JMLR 23, 2022",
    summary="evidence for a linear model of the labels on the features",
    function=log_me,
    undefined=one_class,
)
