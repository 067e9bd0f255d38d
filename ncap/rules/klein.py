"""A Bayesian neural network over learning curves, after Klein, Falkner, Springenberg and Hutter 2017."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from ncap.rules.contract import FloatArray
from ncap.rules.learned import Beginnings, Learned, Model

HIDDEN = 24
FIT_STEPS = 1500  # to the mode of the posterior
SAMPLE_STEPS = 1500
SAMPLE_EVERY = 50
BATCH = 128
RATE = 3e-3
DRIFT = 1e-3  # of a parameter in one step of sampling, about
PRIOR = 1.0  # standard deviation of a weight, times 1 / sqrt(inputs)
OUTPUTS = 8  # asymptotic offset, three weights, three rates, log variance

Weights = list[FloatArray]


class Klein(Learned):
    """Mean of y(x, T) over networks drawn from their posterior: y(x, t) = m + sum_i w_i phi_i(t; r_i), all of m, w, r and the noise from x.

    x holds the accuracies seen, standardised over the history, and goes through two layers of 24 tanh units. The basis functions
    phi_1 = 1 - (1 + 10 t)^-r, phi_2 = 1 - exp(-5 r t) and phi_3 = t / (t + r / 5) rise from 0; t is the epoch over that of the
    longest curve of the history, and T = 1. The networks are fitted to every tick of the history, with a normal prior over weights, and
    sampled by stochastic gradient Langevin dynamics, preconditioned as by RMSprop (Li et al. 2016). The standard deviation has the spread
    of the networks and the noise of one epoch. It takes seconds, once for all candidates that were seen at the same epochs.

    What is simpler than in the source (Klein et al. 2017, ICLR):

    1. x is the beginning of the curve; there it is the hyperparameters, and the beginning joins the data of the network.
    2. Two layers of 24 units, three basis functions of one parameter; there three layers of 64 and five functions of two or three.
    3. Langevin dynamics from the mode, 30 networks; there stochastic gradient Hamiltonian Monte Carlo with its own burn-in.
    4. One chain with a fixed seed, whether it has converged or not.

    >>> from ncap.rules.contract import Curve
    >>> Klein().predict(Curve.of(val_accuracy=[0.4, 0.5]), {}).note
    'last-seen accuracy: the rule learns from other records, and was fitted to none'
    """

    name: ClassVar[str] = "klein"
    summary: ClassVar[str] = "A Bayesian neural network over the curves of other candidates."
    source: ClassVar[str] = "Klein et al. 2017, ICLR"
    cost: ClassVar = "high"
    least: ClassVar[int] = 6

    def __init__(self, facts: Sequence[str] = (), steps: tuple[int, int] = (FIT_STEPS, SAMPLE_STEPS)) -> None:
        super().__init__(facts)
        self.steps = steps

    def model(self, known: Beginnings) -> Model:
        """The sampled networks."""
        inputs = np.concatenate([known.seen, known.facts], axis=1)
        x = _Scale.of(inputs)
        points = _points(known)
        y = _Scale.of(points.y[:, None])
        networks = sampled(x.to(inputs)[points.row], points.t, y.to(points.y[:, None])[:, 0], self.steps)

        def model(seen: FloatArray, facts: FloatArray) -> tuple[FloatArray, FloatArray]:
            here, end = x.to(np.concatenate([seen, facts], axis=1)), np.ones(len(seen))
            means, logs = (np.stack(each) for each in zip(*(curve(w, here, end) for w in networks), strict=True))
            variance = means.var(0) + np.exp(logs).mean(0)
            return y.mean[0] + y.deviation[0] * means.mean(0), y.deviation[0] * np.sqrt(variance)

        return model


class _Scale(NamedTuple):
    """Mean and standard deviation of every column; 1 for a column that does not vary."""

    mean: FloatArray
    deviation: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> "_Scale":
        deviation = values.std(0)
        return cls(values.mean(0), np.where(deviation < 1e-12, 1.0, deviation))

    def to(self, values: FloatArray) -> FloatArray:
        """The values in units of the standard deviation; none further than 5 from the mean, beyond which no network has learned."""
        return np.clip((values - self.mean) / self.deviation, -5, 5)


class _Points(NamedTuple):
    """Every tick of every curve: which curve, time as a share of the longest, accuracy."""

    row: FloatArray
    t: FloatArray
    y: FloatArray


def _points(known: Beginnings) -> _Points:
    longest = max(float(curve.epoch[-1]) for curve in known.curves)
    lengths = [len(curve) for curve in known.curves]
    t = np.concatenate([curve.epoch for curve in known.curves]) / (longest if longest > 0 else 1.0)
    y = np.concatenate([curve.val_accuracy for curve in known.curves])
    return _Points(np.repeat(np.arange(len(lengths)), lengths), np.maximum(t, 0.0), y)


def basis(t: FloatArray, logs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """phi_i(t; r_i) and their derivatives in ln r_i, shape (n, 3); t has shape (n,), ln r shape (n, 3).

    >>> basis(np.array([0.0]), np.zeros((1, 3)))[0].tolist()
    [[0.0, 0.0, 0.0]]
    """
    r = np.exp(logs)
    power = (1 + 10 * t) ** -r[:, 0]
    decay = np.exp(-5 * r[:, 1] * t)
    half = r[:, 2] / 5
    values = np.stack([1 - power, 1 - decay, t / (t + half)], axis=1)
    slopes = np.stack(
        [r[:, 0] * np.log1p(10 * t) * power, 5 * r[:, 1] * t * decay, -t * half / (t + half) ** 2], axis=1
    )
    return values, slopes


def forward(weights: Weights, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The two hidden layers and the outputs, for x of shape (n, d)."""
    W1, b1, W2, b2, W3, b3 = weights
    first = np.tanh(x @ W1 + b1)
    second = np.tanh(first @ W2 + b2)
    return first, second, second @ W3 + b3


def curve(weights: Weights, x: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """y(x, t) and the logarithm of its variance, each of shape (n,)."""
    out = forward(weights, x)[2]
    values, _ = basis(t, np.clip(out[:, 4:7], -3, 3))
    return out[:, 0] + (out[:, 1:4] * values).sum(1), np.clip(out[:, 7], -9, 2)


def gradient(weights: Weights, x: FloatArray, t: FloatArray, y: FloatArray) -> Weights:
    """The gradient of the mean of (s + (y - y(x, t))^2 exp(-s)) / 2, s the logarithm of the variance, in every weight."""
    n = len(y)
    first, second, out = forward(weights, x)
    logs, s = np.clip(out[:, 4:7], -3, 3), np.clip(out[:, 7], -9, 2)
    values, slopes = basis(t, logs)
    error, precision = out[:, 0] + (out[:, 1:4] * values).sum(1) - y, np.exp(-s)
    along = (error * precision / n)[:, None]
    inside = np.abs(out[:, 4:7]) < 3
    at_out = np.concatenate(
        [
            along,
            along * values,
            along * out[:, 1:4] * slopes * inside,
            ((1 - error**2 * precision) * ((out[:, 7] > -9) & (out[:, 7] < 2)) / (2 * n))[:, None],
        ],
        axis=1,
    )
    W2, W3 = weights[2], weights[4]
    at_second = (at_out @ W3.T) * (1 - second**2)
    at_first = (at_second @ W2.T) * (1 - first**2)
    return [x.T @ at_first, at_first.sum(0), first.T @ at_second, at_second.sum(0), second.T @ at_out, at_out.sum(0)]


def sampled(x: FloatArray, t: FloatArray, y: FloatArray, steps: tuple[int, int], seed: int = 0) -> list[Weights]:
    """Networks from the posterior given n points: x of shape (n, d), t and y of shape (n,)."""
    rng, n = np.random.default_rng(seed), len(y)
    sizes = [(x.shape[1], HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, OUTPUTS)]
    weights: Weights = []
    for inputs, outputs in sizes:
        weights += [rng.normal(size=(inputs, outputs)) / np.sqrt(inputs), np.zeros(outputs)]
    precisions = [max(len(part), 1) / PRIOR**2 if part.ndim == 2 else 1 / PRIOR**2 for part in weights]

    def slope() -> Weights:
        batch = rng.integers(0, n, BATCH)
        found = gradient(weights, x[batch], t[batch], y[batch])
        return [g + p * w / n for g, w, p in zip(found, weights, precisions, strict=True)]

    squares = _to_mode(weights, slope, steps[0])
    kept = []
    for step in range(1, steps[1] + 1):
        for part, g, square in zip(weights, slope(), squares, strict=True):
            square *= 0.99
            square += 0.01 * g**2
            scale = 1 / (1e-4 + np.sqrt(square))
            # Langevin dynamics with step 2 DRIFT / n: a drift of DRIFT along g / |g|, and the noise that belongs to it.
            part -= DRIFT * scale * g - np.sqrt(2 * DRIFT / n * scale) * rng.normal(size=part.shape)
        if step % SAMPLE_EVERY == 0:
            kept.append([part.copy() for part in weights])
    return kept or [weights]


def _to_mode(weights: Weights, slope: Callable[[], Weights], steps: int) -> Weights:
    """Adam to the mode of the posterior, in place, at a rate that falls to 0; the mean squares of the gradients."""
    means, squares = ([np.zeros_like(part) for part in weights] for _ in range(2))
    for step in range(1, steps + 1):
        rate = RATE * (1 - step / (steps + 1))
        for part, g, mean, square in zip(weights, slope(), means, squares, strict=True):
            mean += 0.1 * (g - mean)
            square += 0.01 * (g**2 - square)
            part -= rate * (mean / (1 - 0.9**step)) / (1e-8 + np.sqrt(square / (1 - 0.99**step)))
    return squares
