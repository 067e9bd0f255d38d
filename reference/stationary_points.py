"""Draw reference/stationary_points.png: where training stops, beta_eff need not vanish (T4 in practice).

Two relu networks learn the same sixty digits, by squared error, until the gradient has fallen by ten orders of magnitude or more.
The wide one interpolates, and every reading of beta_eff vanishes with its errors. The narrow one stops at a local minimum that leaves
errors: the gradient is 0 but for rounding, beta_eff is not. Only the gradient form vanishes in both.

python reference/stationary_points.py
"""

import itertools
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression, minimize
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from ncap import reference as ref

MAGNITUDE, RELATIVE, SIGNED, FORM = "magnitude", "relative magnitude", "signed", "gradient form"


class Training(NamedTuple):
    """A training: which units and seed it starts from, and how many steps of Newton's method follow L-BFGS."""

    hidden: tuple[int, ...]
    seed: int
    newton_steps: int


# From two seeds in three so small a relu network stops on a kink, where the gradient of no side vanishes; from this one it does not.
NARROW = Training(hidden=(3, 3), seed=91, newton_steps=3)
WIDE = Training(hidden=(64, 64), seed=0, newton_steps=0)


class History(NamedTuple):
    """What a training passed through: iterations (from 1), loss, norm of the gradient, and beta_eff by reading."""

    iteration: np.ndarray
    loss: np.ndarray
    gradient: np.ndarray
    beta_eff: dict[str, np.ndarray]


# Training


def digits():
    """The first sixty 0s, 1s and 2s: their four leading principal components (60, 4), and one-hot targets (60, 3)."""
    images, labels = load_digits(n_class=3, return_X_y=True)
    return PCA(4).fit_transform(images[:60] / 16), np.eye(3)[labels[:60]]


def network(w, widths):
    shapes = list(itertools.pairwise(widths))
    parts = np.split(w, np.cumsum([a * b for a, b in shapes])[:-1])
    return ref.MLP([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)], loss="squared_error")


def loss_and_gradient(w, widths, x, y):
    net = network(w, widths)
    error = ref.forward(net, x)[2] - y
    return (error**2).sum() / (2 * len(x)), np.concatenate([dW.ravel() for dW in ref.gradients(net, x, y)])


def hessian(w, widths, x, y, h=1e-6):
    """Second derivatives of the loss, by central differences of the gradient, which is a polynomial away from the kinks."""
    ends = [[loss_and_gradient(w + step, widths, x, y)[1] for step in (e, -e)] for e in h * np.eye(len(w))]
    return np.array([(ahead - behind) / (2 * h) for ahead, behind in ends])


def train(training):
    """The weights after every iteration, the start included; the widths; inputs and targets.

    L-BFGS ends where progress is lost in the rounding of the loss, at 1e-9 of the first gradient; Newton's method, which sees the
    gradient only, takes it down to rounding. The Hessian is singular, for rescaled relu units change nothing: least squares.
    """
    x, y = digits()
    widths = (x.shape[1], *training.hidden, y.shape[1])
    rng = np.random.default_rng(training.seed)
    he_normal = [rng.normal(size=shape) * np.sqrt(2 / shape[0]) for shape in itertools.pairwise(widths)]
    path = [np.concatenate([kernel.ravel() for kernel in he_normal])]
    minimize(
        loss_and_gradient,
        path[0],
        args=(widths, x, y),
        jac=True,
        method="L-BFGS-B",
        callback=lambda w: path.append(w.copy()),
        options={"maxcor": 30, "ftol": 0, "gtol": 1e-10, "maxiter": 20_000, "maxfun": 40_000},
    )
    for _ in range(training.newton_steps):
        gradient = loss_and_gradient(path[-1], widths, x, y)[1]
        path.append(path[-1] - np.linalg.lstsq(hessian(path[-1], widths, x, y), gradient, rcond=1e-8)[0])
    return path, widths, x, y


# Reading


def readings(net, x, y):
    """Every reading of beta_eff, NaN where only rounding is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ref.CapacitanceWarning)
        results = {
            MAGNITUDE: ref.capacitance(net, x, y, strength="magnitude"),
            RELATIVE: ref.capacitance(net, x, y, strength="magnitude", weighting="relative"),
            SIGNED: ref.capacitance(net, x, y),
            FORM: ref.gradient_capacitance(net, x, y),
        }
    return {name: result.beta_eff for name, result in results.items()}


def history(path, widths, x, y, points=150):
    """The training at iterations evenly spaced on a logarithmic scale, first and last included."""
    iterations = np.unique(np.geomspace(1, len(path), points).round().astype(int))
    states = [path[i - 1] for i in iterations]
    losses, gradients = zip(*(loss_and_gradient(w, widths, x, y) for w in states), strict=True)
    read = [readings(network(w, widths), x, y) for w in states]
    return History(
        iterations,
        np.array(losses),
        np.linalg.norm(gradients, axis=1),
        {name: np.array([of[name] for of in read]) for name in read[0]},
    )


# Drawing


# Okabe and Ito's colours, which the colour-blind tell apart.
COLOURS = {
    "loss": "#000000",
    "gradient norm": "#0072b2",
    MAGNITUDE: "#d55e00",
    RELATIVE: "#e69f00",
    SIGNED: "#56b4e9",
    FORM: "#009e73",
}


def spread(heights, gap):
    """Heights moved as little as may be, in least squares and in their order, until neighbours are at least `gap` apart."""
    order = np.argsort(heights)
    steps = gap * np.arange(len(order))
    placed = np.empty(len(order))
    placed[order] = isotonic_regression(np.array(heights)[order] - steps).x + steps
    return placed


def draw_curves(axes, iterations, curves):
    """Curves in their colours, each with its name behind its last point."""
    shown = {name: np.abs(values) for name, values in curves.items()}
    for name, values in shown.items():
        axes.loglog(iterations, values, color=COLOURS[name], lw=1.0 if name == SIGNED else 2.0)
    ends = [np.log10(values[np.isfinite(values) & (values > 0)][-1]) for values in shown.values()]
    low, high = np.log10(axes.get_ylim())
    for name, height in zip(shown, spread(ends, (high - low) / 14), strict=True):
        axes.text(iterations[-1] * 1.25, 10**height, name, color=COLOURS[name], va="center", fontsize=9.5)
    axes.set_xlim(0.9, iterations[-1] ** 1.55)  # a good third of the width is left for the names
    axes.set_xticks([10**d for d in range(int(np.log10(iterations[-1])) + 1)])
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_yticks(10.0 ** np.arange(-18, 1, 3))
    axes.minorticks_off()
    axes.grid(axis="y", color="0.9")


def draw(figure, histories):
    """A column for each history, by title: loss and gradient above, readings below."""
    panels = figure.subplots(2, len(histories), sharex="col", sharey=True)
    panels[0, 0].set_ylim(1e-18, 1e2)
    for (above, below), (title, past) in zip(panels.T, histories.items(), strict=True):
        above.set_title(title, fontsize=11, loc="left")
        draw_curves(above, past.iteration, {"loss": past.loss, "gradient norm": past.gradient})
        draw_curves(below, past.iteration, past.beta_eff)
        below.set_xlabel("iteration")
    panels[0, 0].set_ylabel("loss, gradient norm")
    panels[1, 0].set_ylabel(r"$|\beta_{\mathrm{eff}}|$")


def main():
    titles = {
        "3 + 3 units: the gradient vanishes, errors are left": NARROW,
        "64 + 64 units: the errors vanish": WIDE,
    }
    figure = Figure(figsize=(9.5, 6.2), layout="constrained")
    figure.suptitle(
        r"$\beta_{\mathrm{eff}}$ follows the errors, the gradient form the gradient: two relu networks trained on the same sixty digits"
    )
    draw(figure, {title: history(*train(training)) for title, training in titles.items()})
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
