"""Conformance kit of the methods: what one gives for a reading, held against the oracle on the scale of rounding.

    |got - want| <= ROUNDINGS * eps * (the same sum taken over absolute values) + LOST * (smallest normal number)

eps is the spacing at 1 of the dtype computed in; `ncap.reference.rounding` says why. The last term is what a saturated softmax may lose:
errors below the smallest normal number count as 0, times the weights and activations behind them, which LOST bounds. A network may be
anything with `net` (a ncap.reference.MLP with its norm "after"), `x` (N, n_0) and `y` (N,): a drawn case of a property test, or one of
`drawn_cases`.

>>> from ncap.measure import closed_form
>>> for case in drawn_cases(widths=[(2, 3, 2, 2)]):
...     assert_conforms(closed_form.measure, "explicit/magnitude/unit", case)
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np

from ncap import reference as ref
from ncap.measure import readings
from ncap.measure.method import Measure, ProbeData
from ncap.measure.probe import Probe
from ncap.reference.loss import read_targets
from ncap.reference.rounding import ROUNDINGS, uncancelled_degrees, uncancelled_families
from ncap.reference.verdict import FULL_HESSIAN, GRADIENT_FORM, Moments, Reading
from ncap.testing.agreement import assert_close

Degrees = tuple[list[np.ndarray], list[np.ndarray]]
DegreesOf = Callable[[ProbeData, Reading, int], Degrees]
FLOAT32, FLOAT64 = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)

LOST = 2.0**40
SAMPLES = 32
# Widths n_0..n_L: tiny, uneven, deep, and the probe of the paper on 64 features.
WIDTHS = ((2, 3, 2, 2), (5, 3, 7, 4), (6, 5, 4, 5, 3), (4, 6, 3, 5, 4, 6, 2), (64, 256, 128, 10))


class Case(Protocol):
    """A network with data."""

    @property
    def net(self) -> ref.MLP:
        """The network."""
        ...

    @property
    def x(self) -> np.ndarray:
        """Inputs, shape (N, n_0)."""
        ...

    @property
    def y(self) -> np.ndarray:
        """Labels (N,) or targets (N, n_L)."""
        ...


class DrawnCase(NamedTuple):
    """A network with data, drawn by `drawn_cases`."""

    net: ref.MLP
    x: np.ndarray
    y: np.ndarray


class Quantity(NamedTuple):
    """Something that a method gives: what it is, what it gave, what the oracle gives, and the scale of rounding."""

    what: str
    got: Any
    want: Any
    scale: Any

    def roundings(self, eps: float) -> float:
        """max |got - want| / (eps scale); infinite where something is not finite, or differs without having a scale."""
        got, want, scale = (np.atleast_1d(np.asarray(part, float)) for part in (self.got, self.want, self.scale))
        difference = np.abs(got - want)
        if not np.isfinite(difference).all() or (difference[scale == 0] > 0).any():
            return np.inf
        return float((difference[scale > 0] / (eps * scale[scale > 0])).max(initial=0.0))


def check_method(measure: Measure, reading: str, seed: int = 0) -> None:
    """Raise AssertionError where a method does not give a reading as the oracle does, on networks drawn from a seed.

    >>> from ncap.measure import closed_form
    >>> check_method(closed_form.measure, "gradient")
    """
    for case in drawn_cases(seed):
        assert_conforms(measure, reading, case)


def assert_conforms(
    measure: Measure,
    reading: str,
    case: Case,
    *,
    degrees: DegreesOf | None = None,
    dtype: str = "float64",
    eps: float | None = None,
    batch_size: int = 256,
    exact: bool = False,
) -> None:
    """Hold a method against the oracle in one reading: A, D, and where it gives them degrees, sums of magnitudes, standard error.

    Args:
        measure: the method's function (ncap.measure.method). reading: a name of the table of readings. case: network and data.
        degrees: the method's function of that name, where the reading has a P.
        dtype: of the probe and the computation. eps: the spacing at 1 of what is computed in, where that is coarser than `dtype`.
        exact: whether every sum of the case is exact but for the mean over the samples, as with small dyadic numbers and squared
            error. Then "every degree is 0" and the standard error are compared too, which elsewhere may jump at a kink.

    Raises: AssertionError that names the quantity, both values and the tolerance.
    """
    eps = float(np.finfo(dtype).eps) if eps is None else eps
    # What rounds as coarsely as float32 loses what float32 loses: Keras multiplies in it on PyTorch, whatever the dtype.
    smallest = float(np.finfo("float32" if eps >= FLOAT32 else dtype).tiny)
    found = quantities(measure, reading, case, degrees=degrees, dtype=dtype, batch_size=batch_size, exact=exact)
    for what, got, want, scale in found:
        tolerance = ROUNDINGS * eps * np.asarray(scale) + LOST * smallest
        assert_close(got, want, tolerance, f"{what}, {reading}")


def quantities(
    measure: Measure,
    reading: str,
    case: Case,
    *,
    degrees: DegreesOf | None = None,
    dtype: str = "float64",
    weights: str | None = None,
    batch_size: int = 256,
    exact: bool = False,
) -> Iterator[Quantity]:
    """What the method gives for one case, beside the oracle's values; `weights` is the dtype of the probe's variables."""
    parts = readings.check(reading).parts
    data, oracle = probe_data(case, dtype, weights), _oracle(case, parts)
    got, want, before, scale = measure(data, parts, batch_size), oracle.moments, oracle.before, oracle.scale
    yield Quantity("A", got.moments.numerator, want.numerator, scale.numerator)
    yield Quantity("D", got.moments.denominator, want.denominator, scale.denominator)
    if got.uncancelled is not None:
        yield Quantity("A before cancelling", got.uncancelled.numerator, before.numerator, scale.numerator)
        yield Quantity("D before cancelling", got.uncancelled.denominator, before.denominator, scale.denominator)
    if exact:
        yield Quantity("whether all vanishes", got.moments.vanishes, want.vanishes, 0.0)
        yield from _standard_error(got.standard_error, case, parts, scale)
    if degrees is not None:
        sides = zip(
            ("delta_in", "delta_out"), degrees(data, parts, batch_size), oracle.degrees, oracle.reach, strict=True
        )
        for side, *of_side in sides:
            for l, of_layer in enumerate(zip(*of_side, strict=True), 1):
                yield Quantity(f"{side} of layer {l}", *of_layer)


def largest_difference(found: Iterable[Quantity], eps: float) -> float:
    """The largest difference of some quantities in roundings; infinite where one is not finite, NaN where there is none."""
    return max((quantity.roundings(eps) for quantity in found), default=np.nan)


class _Oracle(NamedTuple):
    """What the oracle gives for one reading.

    moments, degrees: A and D, and of every weight. before: A and D before anything cancels.
    scale, reach: A, D and degrees with every sum taken over absolute values, the scale of rounding.
    """

    moments: Moments
    degrees: Degrees
    before: Moments
    scale: Moments
    reach: Degrees


def _oracle(case: Case, parts: Reading) -> _Oracle:
    data = (_with_biases(case.net) if parts == FULL_HESSIAN else case.net), case.x, case.y
    if parts == GRADIENT_FORM:
        c = ref.gradient_capacitance(*data)
        reach = uncancelled_degrees(*data, weighting="relative")
        q, _ = reach
        scale = Moments(2 * sum((q_l**2).sum() for q_l in q[1:]), sum(q_l.sum() for q_l in q), False)
        in_magnitude = ref.degrees(*data, "explicit", "magnitude", "relative")
        before = Moments(c.numerator, _moments(in_magnitude).denominator, False)
        return _Oracle(Moments(c.numerator, c.denominator, c.reason == "zero"), in_magnitude, before, scale, reach)
    degrees = ref.degrees(*data, *parts)
    reach = uncancelled_degrees(*data, parts.interaction, parts.weighting, parts.nodes)
    # In magnitude second derivatives are built entry by entry, and no method gives them.
    explicit = parts.interaction == "explicit"
    every = ref.degrees(*data, *parts._replace(strength="magnitude")) if explicit else degrees
    return _Oracle(_moments(degrees), degrees, _moments(every), _moments(reach), reach)


def _with_biases(net: ref.MLP) -> ref.MLP:
    """The network with the biases of 0 that a probe has where the network has none."""
    biases = [layer.bias for layer in net.layers]
    norms = [norm if norm.there else None for norm in net.norms]
    of_norms = {
        f"{name}s": [None if norm is None else getattr(norm, name) for norm in norms]
        for name in ("scale", "shift", "mean", "deviation")
    }
    return ref.MLP(net.kernels, biases, norm=net.norm, loss=net.loss, **of_norms)


def _moments(degrees: Degrees) -> Moments:
    delta_in, delta_out = degrees
    A = sum(float((d_out * d_in).sum()) for d_in, d_out in zip(delta_in, delta_out, strict=True))
    return Moments(A, sum(float(d.sum()) for d in delta_in), not any(d.any() for d in (*delta_in, *delta_out)))


def _standard_error(got: float, case: Case, parts: Reading, scale: Moments) -> Iterator[Quantity]:
    want = capacitance_of(case, parts)
    if np.isnan(got) or want.degenerate or len(case.x) < 2:
        return
    # psi divides A's and D's errors by D, and squares add up over the samples.
    A, D = scale.numerator / abs(want.denominator), scale.denominator / abs(want.denominator)
    spread = len(case.x) ** 2 * D**2 * scale.denominator if parts == GRADIENT_FORM else len(case.x) * A * D * (1 + D)
    yield Quantity("standard error", got, want.standard_error, spread)


def capacitance_of(case: Case, parts: Reading) -> ref.Capacitance:
    """What the oracle gives for the case in a reading."""
    if parts == GRADIENT_FORM:
        return ref.gradient_capacitance(case.net, case.x, case.y)
    return ref.capacitance(case.net, case.x, case.y, *parts[:3], nodes=parts.nodes)


def probe_data(case: Case, dtype: str, weights: str | None = None) -> ProbeData:
    """The case as ncap.capacitance hands it to a method; `weights` is the dtype of the probe's variables, by default `dtype`."""
    net = case.net
    targets = read_targets(case.y, len(case.x), net.widths[-1], net.loss)
    return ProbeData(probe_of(net, weights or dtype), case.x.astype(dtype), targets.astype(dtype), net.loss)


def probe_of(net: ref.MLP, dtype: str) -> Probe:
    """A built Probe with the weights of `net`, norms "after", each deviation at least 1/2: epsilon is 1/4, so that of 1 it is exact."""
    norm = any(norm.there for norm in net.norms)
    probe = Probe(net.widths[-1], net.widths[1:-1], batch_norm=norm, dtype=dtype)
    norms = [unit.norm for unit in probe.units if unit.norm is not None]
    for of_unit in norms:
        of_unit.epsilon = 0.25
    probe.build((None, net.widths[0]))
    for layer, dense in zip(net.layers, denses(probe), strict=True):
        dense.set_weights([layer.kernel, layer.bias])
    for norm_of_net, of_unit in zip(net.norms, norms, strict=False):
        scale, shift, mean, deviation, _ = norm_of_net
        of_unit.set_weights([scale, shift, mean, deviation**2 - of_unit.epsilon])
    return probe


def denses(probe: Probe) -> list[keras.layers.Dense]:
    """The probe's dense layers, from its features to its logits."""
    return [*(unit.dense for unit in probe.units), probe.logits]


def drawn_cases(
    seed: int = 0, widths: Sequence[Sequence[int]] = WIDTHS, weights: str = "float32", eps: float = FLOAT32
) -> Iterator[DrawnCase]:
    """Networks with data, the same for every backend; samples with a unit within rounding of relu's kink are left out.

    Weights are numbers of the dtype `weights`, and inputs of float32, so that every implementation computes with the same ones. A coarse
    eps may leave a wide network without a sample; it is then left out too.
    """
    rng = np.random.default_rng(seed)
    of_norms = np.random.default_rng(
        (seed, 1)
    )  # of their own, so that what a norm adds leaves the networks as they are
    for sizes in widths:
        for loss in ("cross_entropy", "squared_error"):
            kernels = [_rounded(rng.normal(size=(a, b)) / np.sqrt(a), weights) for a, b in itertools.pairwise(sizes)]
            biases = [_rounded(rng.normal(size=n) / 4, weights) for n in sizes[1:]]
            scales = [_rounded(rng.uniform(0.5, 1.5, n), weights) for n in sizes[1:-1]]
            shifts = [_rounded(rng.normal(size=n) / 4, weights) for n in sizes[1:-1]]
            x, y = _rounded(rng.normal(size=(SAMPLES, sizes[0])), "float32"), rng.integers(0, sizes[-1], SAMPLES)
            means = [_rounded(of_norms.uniform(0, 0.5, n), weights) for n in sizes[1:-1]]
            variances = [_rounded(of_norms.uniform(0.25, 1, n), weights) for n in sizes[1:-1]]
            deviations = [np.sqrt(variance + 0.25) for variance in variances]  # epsilon of probe_of
            net = ref.MLP(kernels, biases, scales, shifts, "after", loss, means, deviations)
            clear = _clear_of_kinks(net, x, y, eps)
            if clear.any():
                yield DrawnCase(net, x[clear], y[clear])


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


def unit_roundoff(method: str, dtype: str, normalised: bool = True) -> float:
    """eps of what a method computes in, which is not always the dtype's.

    Automatic differentiation goes through Keras' layers: whatever their dtype, the batch norm is float32 on JAX, and matrix products
    are on PyTorch.
    """
    narrow = {"jax": normalised, "torch": True}.get(keras.backend.backend(), False)
    return FLOAT32 if method == "autodiff" and narrow else float(np.finfo(dtype).eps)
