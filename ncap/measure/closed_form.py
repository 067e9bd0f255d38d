"""beta_eff of a probe in closed form on keras.ops: it runs wherever Keras runs, in batches, compiled, without P.

The formulas are those of MATHEMATICS.md, section 3, written once more and independently of ncap.reference; the tests
hold the two against each other. What crosses the border to the device is the probe's features z_0 and its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from ncap.measure.method import ProbeData, Sums
from ncap.measure.probe import HiddenUnit, Probe
from ncap.reference.verdict import GRADIENT_FORM, Moments, Reading


class Families(NamedTuple):
    """z = [z_0..z_{L-2}], s = [s_1..s_{L-1}], g = [g_2..g_L] of one batch, each (n, n_l) on the device, and W = [W_1..W_L]."""

    z: list[Any]
    s: list[Any]
    g: list[Any]
    W: list[Any]


class Factors(NamedTuple):
    """What P's block from layer l+1 to layer l is made of, of |.| for magnitude.

    Unit weighting has Z and G as row sums (n, 1) and v = u = 1; relative has Z = z W_l, G = g W_{l+1}^T, v = W_l, u = W_{l+1}.
    Then delta_in(l) = v * z^T (s * G) / N, delta_out(l+1) = u * (s * Z)^T g / N, D_n = sum_i (s * Z * G)[n,i].
    """

    z: Any  # z_{l-1}
    s: Any  # s_l
    g: Any  # g_{l+1}
    Z: Any
    G: Any
    v: Any
    u: Any


class StrengthSums(NamedTuple):
    """What one strength leaves behind on N samples: degrees of the layers in `span` (means over n) and D."""

    delta_in: list[np.ndarray]
    delta_out: list[np.ndarray]
    denominator: float

    @property
    def moments(self) -> Moments:
        """A and D; whether all degrees vanish is for the caller to find out where both are 0."""
        # No BLAS: its threads would wait for those of the backend, longer than such a sum takes.
        A = sum(float((d_out * d_in).sum()) for d_in, d_out in zip(self.delta_in, self.delta_out, strict=True))
        return Moments(A, self.denominator, False)


def measure(data: ProbeData, reading: Reading, batch_size: int) -> Sums:
    """A, D, their magnitudes and the standard error of an explicit reading or of the gradient form; see ncap.measure.method."""
    batches = _batches(data, batch_size)
    return _of_gradient_form(batches) if reading == GRADIENT_FORM else _explicit(batches, reading)


def measure_each(data: ProbeData, reading: Reading, size: int) -> list[Sums]:
    """The same of every mini-batch of `size` samples, without standard errors, whose weights are read once for all of them."""
    of = _of_gradient_form if reading == GRADIENT_FORM else partial(_explicit, reading=reading)
    return [of([families], with_error=False) for families in _batches(data, size)]


def _explicit(batches: list[Families], reading: Reading, with_error: bool = True) -> Sums:
    """A and D of the explicit reading in the wanted strength and in magnitude, and the standard error of A / D.

    The families z, s, g of all samples stay on the device, O(N sum_l n_l): one sweep over them adds up the degrees of
    the interior layers, a second takes every sample's share in them.
    """
    strength, weighting = reading.strength, reading.weighting
    strengths = tuple(dict.fromkeys((strength, "magnitude")))
    sums = _sum_up(batches, strengths, weighting, "interior")
    moments = {name: sums[name].moments for name in strengths}
    for name, (A, D, _) in moments.items():
        if A == D == 0:  # only then do the outermost layers' degrees have to be looked at
            every = _sum_up(batches, (name,), weighting, "all")[name]
            moments[name] = Moments(A, D, not any(d.any() for d in (*every.delta_in, *every.delta_out)))
    error = _standard_error(batches, strength, weighting, sums[strength]) if with_error else np.nan
    return Sums(moments[strength], moments["magnitude"], error)


def _of_gradient_form(batches: list[Families], with_error: bool = True) -> Sums:
    """A and D of the gradient form (T7 b), from q = W * dC/dW = delta_in of the signed relative reading; D before the samples
    cancel; and the standard error.

    psi_n = (2 <q, q_n> - 2A) / D - beta (<sgn q, q_n> - D) / D over the samples, q_n being sample n's own q.
    """
    sums = _sum_up(batches, ("signed", "magnitude"), "relative", "all")
    q = sums["signed"].delta_in
    A, D = sum(float((q_l**2).sum()) for q_l in q[1:]), sum(float(np.abs(q_l).sum()) for q_l in q)
    moments = Moments(A, D, not any(q_l.any() for q_l in q))
    uncancelled = Moments(A, sums["magnitude"].denominator, False)
    if not with_error:
        return Sums(moments, uncancelled, np.nan)
    scale = largest(q)
    of_A = [q_l * (2 / scale) if l else np.zeros_like(q_l) for l, q_l in enumerate(q)]
    A_n, D_n = over_samples(_sample_gradients, batches, of_A, [np.sign(q_l) for q_l in q])
    A_n *= scale
    return Sums(moments, uncancelled, delta_method(A_n - 2 * A, D_n - D, A, D))


def degrees(data: ProbeData, reading: Reading, batch_size: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """delta_in and delta_out of every weight of the probe (explicit), two lists of L float64 arrays (n_{l-1}, n_l)."""
    probe, strength = data.probe, reading.strength
    sums = _sum_up(_batches(data, batch_size), (strength,), reading.weighting, "all")[strength]
    first, last = (np.zeros(tuple(dense.kernel.shape)) for dense in (probe.units[0].dense, probe.logits))
    return [*sums.delta_in, last], [first, *sums.delta_out]


def error_cancellation(data: ProbeData, batch_size: int) -> float:
    """sum (|p| + |y|) / sum |p - y|, as ncap.reference.loss.error_cancellation; one more pass of the probe, where targets are no labels."""
    probe, features, targets, loss, _ = data
    if loss == "cross_entropy" and (targets * (1 - targets) == 0).all():
        return 1.0
    layers, whole, left = _layers(probe, features.dtype.name), 0.0, 0.0
    for start in range(0, len(features), batch_size):
        x, y = (ops.convert_to_tensor(values[start : start + batch_size]) for values in (features, targets))
        of_batch = (float(ops.convert_to_numpy(part)) for part in run(_error_sums, layers, x, y, loss=loss))
        whole, left = (total + part for total, part in zip((whole, left), of_batch, strict=True))
    return whole / left if left else np.inf


def _error_sums(layers: list[Any], x: Any, y: Any, *, loss: str) -> tuple[Any, Any]:
    """sum (|p| + |y|) and sum |p - y| of one batch."""
    p = outputs(_forward(layers, x)[2], loss)
    return ops.sum(ops.abs(p) + ops.abs(y)), ops.sum(ops.abs(p - y))


def _sum_up(batches: list[Families], strengths: tuple[str, ...], weighting: str, span: str) -> dict[str, StrengthSums]:
    """Degrees and D by strength, added up over batches on the device; beta_eff of batches is never averaged."""
    total: Any = None
    static: dict[str, Any] = {"strengths": strengths, "weighting": weighting, "span": span}
    for families in batches:
        part = run(_batch_sums, families, **static)
        total = part if total is None else keras.tree.map_structure(ops.add, total, part)
    n = sum(families.z[0].shape[0] for families in batches)
    mean = keras.tree.map_structure(lambda part: np.asarray(ops.convert_to_numpy(part), np.float64) / n, total)
    return {name: StrengthSums(mean[name][0], mean[name][1], float(mean[name][2])) for name in strengths}


def _standard_error(batches: list[Families], strength: str, weighting: str, sums: StrengthSums) -> float:
    """sd(psi) / sqrt(N), psi_n = (<out, in_n> + <out_n, in> - 2A) / D - beta (D_n - D) / D (delta method)."""
    A, D, _ = sums.moments
    static = {"strength": strength, "weighting": weighting}
    scale = largest(sums.delta_in, sums.delta_out)
    sides = ([d / scale for d in side] for side in (sums.delta_in, sums.delta_out))
    A_n, D_n = over_samples(_sample_shares, batches, *sides, **static)
    return delta_method(scale * A_n - 2 * A, D_n - D, A, D)


def delta_method(dA: np.ndarray, dD: np.ndarray, A: float, D: float) -> float:
    """Standard error of A / D from every sample's dA_n and dD_n; NaN for one sample or D = 0."""
    if len(dA) < 2 or D == 0:
        return np.nan
    psi = dA / D - (A / D) * dD / D
    return float(psi.std(ddof=1) / np.sqrt(len(psi)))


def over_samples(
    function: Callable[..., Any], batches: Sequence[Any], *weights: list[np.ndarray], **static: str
) -> list[np.ndarray]:
    """Every sample's two numbers, (N,) float64 each, that the function gives for batches and arrays over the weights."""
    dtype = keras.backend.standardize_dtype(batches[0].z[0].dtype)
    on_device = [[ops.convert_to_tensor(array, dtype) for array in side] for side in weights]
    parts = [run(function, families, *on_device, **static) for families in batches]
    return [
        np.concatenate([ops.convert_to_numpy(part) for part in side]).astype(np.float64)
        for side in zip(*parts, strict=True)
    ]


def largest(*weights: list[np.ndarray]) -> float:
    """max |.| of some arrays, 1.0 where all are 0: degrees are divided by it on the device, where small ones times errors underflow."""
    return max((float(np.abs(array).max()) for side in weights for array in side), default=0.0) or 1.0


def _batches(data: ProbeData, batch_size: int) -> list[Families]:
    """The families of all samples, batch by batch."""
    probe, features, targets, loss, weights = data
    layers, batches = _layers(probe, features.dtype.name), []
    for start in range(0, len(features), batch_size):
        part = slice(start, start + batch_size)
        x, y = (ops.convert_to_tensor(values[part]) for values in (features, targets))
        families = Families(*run(_families, layers, x, y, loss=loss))
        if weights is not None:  # every error is linear in g_L
            of_samples = ops.convert_to_tensor(weights[part, None])
            families = families._replace(g=[g * of_samples for g in families.g])
        batches.append(families)
    return batches


def _layers(probe: Probe, dtype: str) -> list[Any]:
    """[kernel, bias, scale, shift] of every layer as tensors, the norm's moving statistics folded into scale and shift.

    Cast first: a probe may keep its variables in half a precision that no sum should be taken in.
    """
    hidden = [[*affine(unit.dense, dtype), *_scale_shift(unit, dtype)] for unit in probe.units]
    return [*hidden, affine(probe.logits, dtype)]


def affine(dense: keras.layers.Dense, dtype: str) -> list[Any]:
    """[kernel, bias] of a layer as tensors."""
    return [ops.cast(dense.kernel, dtype), ops.cast(dense.bias, dtype)]


def _scale_shift(unit: HiddenUnit, dtype: str) -> list[Any]:
    norm = unit.norm
    if norm is None:
        return [ops.ones(unit.dense.units, dtype), ops.zeros(unit.dense.units, dtype)]
    gamma, beta, mean, variance = (
        ops.cast(variable, dtype) for variable in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    scale = gamma * ops.rsqrt(variance + norm.epsilon)
    return [scale, beta - mean * scale]


def _families(layers: list[Any], x: Any, y: Any, *, loss: str) -> tuple[list[Any], ...]:
    """z, s, g, W of one batch: the forward pass of the probe, and the pass of errors back through it."""
    z, s, a = _forward(layers, x)
    g = [output_errors(outputs(a, loss), y, loss)]
    for layer, s_l in zip(layers[:1:-1], s[:0:-1], strict=True):
        g.append(s_l * (g[-1] @ ops.transpose(layer[0])))
    return z[:-1], s, g[::-1], [layer[0] for layer in layers]


def _forward(layers: list[Any], x: Any) -> tuple[list[Any], list[Any], Any]:
    """[z_0..z_{L-1}], [s_1..s_{L-1}] and a_L of one batch."""
    z, s = [x], []
    for kernel, bias, scale, shift in layers[:-1]:
        a = z[-1] @ kernel + bias
        s.append(ops.where(a > 0, scale, ops.zeros_like(scale)))
        z.append(scale * ops.relu(a) + shift)
    kernel, bias = layers[-1]
    return z, s, z[-1] @ kernel + bias


def outputs(a: Any, loss: str) -> Any:
    """p = softmax(a_L), or a_L."""
    return ops.exp(a - ops.logsumexp(a, axis=1, keepdims=True)) if loss == "cross_entropy" else a


def output_errors(p: Any, y: Any, loss: str) -> Any:
    """g_L = p - y; of labels g_true = -(sum of the other p), since p - 1 would lose its digits where p is near 1."""
    if loss == "squared_error":
        return p - y
    one_hot, others = ops.all(y * (1 - y) == 0, axis=1, keepdims=True), p * (1 - y)
    return ops.where(one_hot, others - y * ops.sum(others, axis=1, keepdims=True), p - y)


def _factors(families: Families, strength: str, weighting: str) -> list[Factors]:
    """The blocks of P for l = 1..L-1."""
    z, s, g, W = keras.tree.map_structure(ops.abs, tuple(families)) if strength == "magnitude" else families
    if weighting == "relative":
        return [
            Factors(z_l, s_l, g_l, z_l @ v, g_l @ ops.transpose(u), v, u)
            for z_l, s_l, g_l, v, u in zip(z, s, g, W[:-1], W[1:], strict=True)
        ]
    return [
        Factors(z_l, s_l, g_l, ops.sum(z_l, axis=1, keepdims=True), ops.sum(g_l, axis=1, keepdims=True), 1, 1)
        for z_l, s_l, g_l in zip(z, s, g, strict=True)
    ]


def _batch_sums(families: Families, *, strengths: tuple[str, ...], weighting: str, span: str) -> dict[str, Any]:
    """n times the degrees and n times D of one batch, by strength."""
    sums = {}
    for strength in strengths:
        factors = _factors(families, strength, weighting)
        inner = slice(1, None) if span == "interior" else slice(None)
        outer = slice(None, -1) if span == "interior" else slice(None)
        delta_in = [f.v * (ops.transpose(f.z) @ (f.s * f.G)) for f in factors[inner]]
        delta_out = [f.u * (ops.transpose(f.s * f.Z) @ f.g) for f in factors[outer]]
        sums[strength] = [delta_in, delta_out, ops.sum(_denominators(factors))]
    return sums


def _sample_shares(
    families: Families, delta_in: list[Any], delta_out: list[Any], *, strength: str, weighting: str
) -> tuple[Any, Any]:
    """A_n = <out, in_n> + <out_n, in> and D_n of every sample, shape (n,): in_n and out_n are of rank one, times v or u."""
    factors = _factors(families, strength, weighting)
    A_n = 0.0
    for above, below, d_in, d_out in zip(factors[1:], factors[:-1], delta_in, delta_out, strict=True):
        A_n += ops.sum((above.z @ (above.v * d_out)) * (above.s * above.G), axis=1)
        A_n += ops.sum(((below.s * below.Z) @ (below.u * d_in)) * below.g, axis=1)
    return A_n, _denominators(factors)


def _sample_gradients(families: Families, first: list[Any], second: list[Any]) -> tuple[Any, Any]:
    """<V, q_n> of every sample for two lists V of L - 1 arrays (n_{l-1}, n_l), shape (n,): q_n = W_l * z_{l-1}^T g_l."""
    factors = _factors(families, "signed", "relative")

    def along(V: list[Any]) -> Any:
        return sum(ops.sum((f.z @ (f.v * V_l)) * (f.s * f.G), axis=1) for f, V_l in zip(factors, V, strict=True))

    return along(first), along(second)


def _denominators(factors: list[Factors]) -> Any:
    """D_n = sum_{l<L} sum_i (s_l * Z_{l-1} * G_{l+1})[n,i], shape (n,)."""
    return sum(ops.sum(f.s * f.Z * f.G, axis=1) for f in factors)


_functions: dict[tuple[Any, ...], Callable[..., Any]] = {}


def run(function: Callable[..., Any], *arguments: Any, **static: Any) -> Any:
    """The function's value, compiled by the backend once for each network's widths and each setting."""
    key = function, _signature(arguments), *sorted(static.items())
    if key not in _functions:
        _functions[key] = _compile(partial(function, **static), arguments)
    return _functions[key](*arguments)


def _compile(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[..., Any]:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # One trace for any number of samples. No autograph: what it would convert, loops over layers, is to be unrolled.
        specs = keras.tree.map_structure(lambda t: tf.TensorSpec([None, *t.shape[1:]], t.dtype), arguments)
        return tf.function(function, input_signature=specs, autograph=False)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    if keras.backend.backend() == "torch":
        import torch

        return torch.no_grad()(
            function
        )  # not compiled: only the graph for gradients, which nobody asks for, is left out
    return function


def _signature(tensors: Any) -> tuple[Any, ...]:
    """Widths and dtypes: what a graph is compiled for, the number of samples left open."""
    return tuple((tuple(tensor.shape)[-1:], str(tensor.dtype)) for tensor in keras.tree.flatten(tensors))
