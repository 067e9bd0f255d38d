"""ncap verify: oracle, closed form and automatic differentiation against each other on the machine and device at hand."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ncap import reference as ref
from ncap.measure import autodiff, closed_form
from ncap.measure.precision import TF32_EPS, has_tf32, matmul_precision
from ncap.measure.probe import Probe
from ncap.reference.mlp import read_targets, softmax
from ncap.reference.rounding import ROUNDINGS, uncancelled_degrees, uncancelled_families
from ncap.reference.shared_weights import Degrees
from ncap.reference.verdict import GRADIENT_FORM, WEIGHTINGS, Reading

if TYPE_CHECKING:
    from rich.table import Table

SAMPLES = 32
# Widths n_0..n_L of the networks compared: tiny, uneven, deep, and the probe of the paper on 64 features.
WIDTHS = ((2, 3, 2, 2), (5, 3, 7, 4), (6, 5, 4, 5, 3), (4, 6, 3, 5, 4, 6, 2), (64, 256, 128, 10))
METHODS = (
    *(
        (name, Reading(interaction, strength, weighting))
        for weighting in WEIGHTINGS
        for name, interaction, strength in (
            ("closed form", "explicit", "signed"),
            ("closed form", "explicit", "magnitude"),
            ("autodiff", "explicit", "signed"),
            ("autodiff", "hessian", "signed"),
        )
    ),
    ("closed form", GRADIENT_FORM),
    ("autodiff", GRADIENT_FORM),
)


@dataclass(frozen=True)
class Check:
    """One line of the table: the largest difference found, in units of `unit`, and what it may be.

    unit: "roundings" of the dtype on the scale of the uncancelled sums, or "" for a difference that must be 0.
    """

    what: str
    dtype: str
    difference: float
    bound: float
    unit: str
    where: str

    @property
    def passed(self) -> bool:
        """Whether the difference is a number within its bound."""
        return self.difference <= self.bound


def run_checks(seed: int = 0) -> Iterator[Check]:
    """Every check that this device can make, one after the other."""
    yield from _golden_values()
    for arithmetic in arithmetics():
        for method in METHODS:
            if arithmetic.weights == arithmetic.dtype or method[0] == "closed form":
                yield _largest_difference(method, arithmetic, seed)


@dataclass(frozen=True)
class Arithmetic:
    """What a device computes in: dtype of the sums, dtype of the probe's weights, spacing at 1, precision of matrix products."""

    name: str
    dtype: str
    weights: str
    eps: float
    matmul: str = "float32"


def arithmetics() -> list[Arithmetic]:
    """Those that the backend has here: float64 on JAX only with JAX_ENABLE_X64, TF32 on a GPU, bfloat16 weights everywhere.

    Only the closed form reads weights that are narrower than its sums.
    """
    narrow = float(np.finfo(np.float32).eps)
    found = [Arithmetic("float32", "float32", "float32", narrow)]
    if keras.backend.standardize_dtype(keras.ops.convert_to_tensor(np.zeros(1, np.float64)).dtype) == "float64":
        found.insert(0, Arithmetic("float64", "float64", "float64", float(np.finfo(np.float64).eps)))
    if has_tf32():
        found.append(Arithmetic("TF32", "float32", "float32", TF32_EPS, "tf32"))
    return [*found, Arithmetic("bfloat16 weights", "float32", "bfloat16", narrow)]


def _largest_difference(method: tuple[str, Reading], arithmetic: Arithmetic, seed: int) -> Check:
    name, reading = method
    worst, where = np.nan, "no network"
    # Keras' batch norm, which autodiff goes through, computes in float32 on JAX whatever its dtype.
    narrow = arithmetic.dtype == "float64" and name == "autodiff" and keras.backend.backend() == "jax"
    eps = float(np.finfo(np.float32).eps) if narrow else arithmetic.eps
    for net, x, y in _networks(seed, arithmetic):
        probe, targets = _probe_of(net, arithmetic.weights), read_targets(y, len(x), net.widths[-1], net.loss)
        data = probe, x.astype(arithmetic.dtype), targets.astype(arithmetic.dtype), net.loss
        # 20 samples at a time: two batches, the second smaller, so that adding up is part of what is checked.
        with matmul_precision(arithmetic.matmul):
            if reading == GRADIENT_FORM:
                difference = _of_gradient_form(name, data, net, x, y, eps)
            elif name == "closed form":
                got = closed_form.degrees(*data, reading.strength, reading.weighting, 20)
                difference = _of_degrees(got, net, x, y, reading, eps)
            else:
                got = autodiff.degrees(*data, reading.interaction, reading.weighting, 20)
                difference = _of_degrees(got, net, x, y, reading, eps)
        if not difference <= worst:  # the first, a larger one, or NaN
            worst, where = difference, f"{'-'.join(map(str, net.widths))}, {net.loss}"
    shown = f"{arithmetic.name}, norm in float32" if narrow else arithmetic.name
    return Check(f"{name} against oracle, {reading}", shown, worst, ROUNDINGS, "roundings", where)


def _of_degrees(got: Degrees, net: ref.MLP, x: np.ndarray, y: np.ndarray, reading: Reading, eps: float) -> float:
    """How far degrees are from the oracle's, in roundings."""
    scale = uncancelled_degrees(net, x, y, reading.interaction, reading.weighting)
    return _roundings_between(got, ref.degrees(net, x, y, *reading), scale, eps)


def _of_gradient_form(
    name: str, data: tuple[Probe, np.ndarray, np.ndarray, str], net: ref.MLP, x: np.ndarray, y: np.ndarray, eps: float
) -> float:
    """How far the gradient form's A and D are from the oracle's, in roundings of q on the scale of its uncancelled sums."""
    (A, D, _), *_ = (
        closed_form.gradient_moments(*data, 20) if name == "closed form" else (autodiff.gradient_moments(*data, 20),)
    )
    want = ref.gradient_capacitance(net, x, y)
    q, _ = uncancelled_degrees(net, x, y, weighting="relative")
    scale_A, scale_D = 2 * sum((q_l**2).sum() for q_l in q[1:]), sum(q_l.sum() for q_l in q)
    differences = np.array([abs(A - want.numerator) / scale_A, abs(D - want.denominator) / scale_D]) / eps
    return float(differences.max()) if np.isfinite(differences).all() else np.inf


def _roundings_between(one: Degrees, other: Degrees, scale: Degrees, eps: float) -> float:
    """max |one - other| / (eps scale) over all degrees; a degree without scale must agree exactly."""
    flat = [
        np.concatenate([d.ravel() for side in degrees for d in side]).astype(float) for degrees in (one, other, scale)
    ]
    difference, unit = np.abs(flat[0] - flat[1]), eps * flat[2]
    if not np.isfinite(difference).all() or (difference[unit == 0] > 0).any():
        return np.inf
    return float((difference[unit > 0] / unit[unit > 0]).max(initial=0.0))


def _networks(seed: int, arithmetic: Arithmetic) -> Iterator[tuple[ref.MLP, np.ndarray, np.ndarray]]:
    """Drawn networks with data, the same for every backend; samples with a unit within rounding of the relu's kink are left out.

    Weights are numbers of the probe's dtype and inputs float32 numbers, so that every implementation computes with the same ones.
    A coarse arithmetic may leave a wide network without a sample, and the network is then left out too.
    """
    rng = np.random.default_rng(seed)
    weights = "float32" if arithmetic.weights == "float64" else arithmetic.weights
    for widths in WIDTHS:
        for loss in ("cross_entropy", "squared_error"):
            kernels = [_rounded(rng.normal(size=(a, b)) / np.sqrt(a), weights) for a, b in itertools.pairwise(widths)]
            biases = [_rounded(rng.normal(size=n) / 4, weights) for n in widths[1:]]
            scales = [_rounded(rng.uniform(0.5, 1.5, n), weights) for n in widths[1:-1]]
            shifts = [_rounded(rng.normal(size=n) / 4, weights) for n in widths[1:-1]]
            net = ref.MLP(kernels, biases, scales, shifts, loss=loss)
            x, y = _rounded(rng.normal(size=(SAMPLES, widths[0])), "float32"), rng.integers(0, widths[-1], SAMPLES)
            clear = _clear_of_kinks(net, x, y, arithmetic.eps)
            if clear.any():
                yield net, x[clear], y[clear]


def _clear_of_kinks(net: ref.MLP, x: np.ndarray, y: np.ndarray, eps: float) -> np.ndarray:
    z, _, _ = ref.forward(net, x)
    reach = uncancelled_families(net, x, y).z
    clear = np.ones(len(x), dtype=bool)
    for layer, below, bound in zip(net.layers[:-1], z, reach, strict=False):
        a, size = below @ layer.kernel + layer.bias, bound @ np.abs(layer.kernel) + np.abs(layer.bias)
        clear &= (np.abs(a) > 16 * eps * size).all(axis=1)
    return clear


def _rounded(values: np.ndarray, dtype: str) -> np.ndarray:
    return values.astype(np.dtype(dtype)).astype(np.float64)


def _probe_of(net: ref.MLP, dtype: str) -> Probe:
    """The same network as a built probe; moving variance 3/4 and epsilon 1/4 make the norm's scale and shift exact."""
    probe = Probe(net.widths[-1], net.widths[1:-1], dtype=dtype)
    norms = [unit.norm for unit in probe.units if unit.norm is not None]
    for norm in norms:
        norm.epsilon = 0.25
    probe.build((None, net.widths[0]))
    for layer, unit, norm in zip(net.layers, probe.units, norms, strict=False):
        n = len(layer.bias)
        unit.dense.set_weights([layer.kernel, layer.bias])
        norm.set_weights([layer.scale, layer.shift, np.zeros(n), np.full(n, 0.75)])
    probe.logits.set_weights([net.layers[-1].kernel, net.layers[-1].bias])
    return probe


def _golden_values() -> Iterator[Check]:
    """Values known exactly, from the oracle: by hand, and the counterexamples of T4 in fractions and in floats."""
    net = ref.MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    yield _exactly("one neuron a layer, 2 / 3", ref.capacitance(net, [[1.0]], [[5.0]]).beta_eff, 2 / 3)
    net = ref.MLP([[[1.0]], [[0.0]], [[1.0, 0.0]]], [None, [1.0], None], None, [[-1.0], [-1.0]], loss="squared_error")
    shifted = ref.capacitance(net, [[1.0], [2.0]], [[-1.0, 0.0], [0.0, -1.0]]).beta_eff
    yield _exactly("T1 with a shift behind the relu, 1 / 4", shifted, 0.25)
    tables = json.loads(Path(ref.__file__).with_name("counterexamples.json").read_text(encoding="utf-8"))
    yield _exactly("T4, squared error, 2t at t = 1", _beta_in_fractions(tables["squared_error_2_2_2_2"]), Fraction(2))
    softmax_table = tables["softmax_2_2_2_2_3"]
    yield _exactly("T4, softmax, -24 / 2500", _beta_in_fractions(softmax_table), Fraction(softmax_table["beta_eff"]))
    kernels = [_fractions(kernel).astype(float) for kernel in softmax_table["kernels"]]
    net, x = ref.MLP(kernels), np.array(softmax_table["x"], float)
    y = softmax(ref.forward(net, x)[2]) - _fractions(softmax_table["error"]).astype(float)
    exact = ref.degrees_from(*_exact_families(softmax_table))
    difference = _roundings_between(
        ref.degrees(net, x, y), exact, uncancelled_degrees(net, x, y), float(np.finfo(float).eps)
    )
    yield Check("T4, softmax, degrees of the closed form", "float64", difference, ROUNDINGS, "roundings", "2-2-2-2-3")


def _exactly(what: str, got: float | Fraction, want: float | Fraction) -> Check:
    dtype = "fractions" if isinstance(got, Fraction) else "float64"
    return Check(what, dtype, 0.0 if got == want else abs(float(got) - float(want)), 0.0, "", "")


def _beta_in_fractions(table: dict[str, Any]) -> Fraction:
    delta_in, delta_out = ref.degrees_from(*_exact_families(table))
    A = sum((d_out * d_in).sum() for d_in, d_out in zip(delta_in, delta_out, strict=True))
    return Fraction(A / sum(d.sum() for d in delta_in))


def _exact_families(table: dict[str, Any]) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """z_0..z_{L-2}, s_1..s_{L-1}, g_2..g_L of a table in fractions, from its kernels, inputs and errors."""
    kernels = [_fractions(kernel) for kernel in table["kernels"]]
    z, s = [_fractions(table["x"])], []
    for kernel in kernels[:-1]:
        a = z[-1] @ kernel
        s.append(np.vectorize(lambda value: Fraction(value > 0), otypes=[object])(a))
        z.append(s[-1] * a)
    g = [_fractions(table["error"])]
    for kernel, s_l in zip(kernels[:1:-1], s[:0:-1], strict=True):
        g.append(s_l * (g[-1] @ kernel.T))
    return z[:-1], s, g[::-1]


def _fractions(rows: list[list[Any]]) -> np.ndarray:
    return np.array([[Fraction(value) for value in row] for row in rows], dtype=object)


def check_table(checks: list[Check]) -> "Table":
    """The checks as a rich table."""
    from rich.table import Table

    table = Table(header_style="bold", pad_edge=False)
    for heading in ("check", "dtype", "largest difference", "bound", "", "where"):
        table.add_column(heading, justify="right" if heading in ("largest difference", "bound") else "left")
    for check in checks:
        figures = (f"{value:.3g}" for value in (check.difference, check.bound))
        verdict = "[green]ok[/]" if check.passed else "[bold red]FAILED[/]"
        table.add_row(
            check.what,
            f"{check.dtype}",
            *(f"{figure} {check.unit}".strip() for figure in figures),
            verdict,
            check.where,
        )
    return table
