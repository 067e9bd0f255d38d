"""ncap verify: oracle, closed form and automatic differentiation compared on this machine and device."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ncap import reference as ref
from ncap.measure.precision import TF32_EPS, has_tf32, matmul_precision
from ncap.measure.readings import READINGS, Entry
from ncap.reference.loss import softmax
from ncap.reference.rounding import ROUNDINGS, uncancelled_degrees
from ncap.testing import methods as kit

if TYPE_CHECKING:
    from rich.table import Table

BATCH_SIZE = 20  # of 32 samples: two batches, the second one smaller, so that the summation over batches is checked too


@dataclass(frozen=True)
class Check:
    """One line of the table: the largest difference found, in units of `unit`, and its bound.

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

    def row(self) -> dict[str, Any]:
        """The line as columns of a table."""
        return asdict(self) | {"passed": self.passed}


def run_checks(seed: int = 0) -> Iterator[Check]:
    """Every check that this device can make, in turn."""
    yield from _golden_values()
    for arithmetic in arithmetics():
        for entry, method in methods():
            if arithmetic.weights == arithmetic.dtype or method == "closed_form":
                yield _largest_difference(entry, method, arithmetic, seed)


def methods() -> list[tuple[Entry, str]]:
    """Every reading of a Keras model, with every method that computes it; of mini-batches, the methods are those of their own reading."""
    return [(entry, method) for entry in READINGS.values() if not entry.batch for method in entry.model_methods]


@dataclass(frozen=True)
class Arithmetic:
    """What a device computes in: dtype of the sums, dtype of the probe's weights, spacing at 1, precision of matrix products."""

    name: str
    dtype: str
    weights: str
    eps: float
    matmul: str = "float32"


def arithmetics() -> list[Arithmetic]:
    """What the backend offers on this machine: float64 (on JAX only with JAX_ENABLE_X64), TF32 on a GPU, bfloat16 weights everywhere.

    Only the closed form reads weights of lower precision than its sums.
    """
    narrow = float(np.finfo(np.float32).eps)
    found = [Arithmetic("float32", "float32", "float32", narrow)]
    if keras.backend.standardize_dtype(keras.ops.convert_to_tensor(np.zeros(1, np.float64)).dtype) == "float64":
        found.insert(0, Arithmetic("float64", "float64", "float64", float(np.finfo(np.float64).eps)))
    if has_tf32():
        found.append(Arithmetic("TF32", "float32", "float32", TF32_EPS, "tf32"))
    return [*found, Arithmetic("bfloat16 weights", "float32", "bfloat16", narrow)]


def _largest_difference(entry: Entry, method: str, arithmetic: Arithmetic, seed: int) -> Check:
    """The largest difference between a method and the oracle over the drawn networks, in roundings."""
    module, worst, where = import_module(entry.methods[method]), np.nan, "no network"
    eps = max(arithmetic.eps, kit.unit_roundoff(method, arithmetic.dtype))
    weights = "float32" if arithmetic.weights == "float64" else arithmetic.weights
    degrees = None if entry.name == "gradient" else module.degrees  # the gradient form has no P
    for case in kit.drawn_cases(seed, kit.WIDTHS, weights, eps):
        with matmul_precision(arithmetic.matmul):
            found = kit.quantities(
                module.measure, entry.name, case, degrees=degrees,
                dtype=arithmetic.dtype, weights=arithmetic.weights, batch_size=BATCH_SIZE,
            )  # fmt: skip
            difference = kit.largest_difference(found, eps)
        if not difference <= worst:  # the first, a larger one, or NaN
            worst, where = difference, f"{'-'.join(map(str, case.net.widths))}, {case.net.loss}"
    shown = f"{arithmetic.name}, layers in float32" if eps > arithmetic.eps else arithmetic.name
    what = f"{method.replace('_', ' ')} against oracle, {entry.name}"
    return Check(what, shown, worst, ROUNDINGS, "roundings", where)


def _golden_values() -> Iterator[Check]:
    """Exactly known values, from the oracle: by hand, and the counterexamples of T4 in fractions and in floats."""
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
    degrees = zip(ref.degrees(net, x, y), exact, uncancelled_degrees(net, x, y), strict=True)
    layers = [kit.Quantity("degrees", *of_layer) for side in degrees for of_layer in zip(*side, strict=True)]
    difference = kit.largest_difference(layers, kit.FLOAT64)
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
