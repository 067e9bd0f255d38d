"""Degrees by TensorFlow's automatic differentiation: reverse over reverse, through the probe's own layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import tensorflow as tf

from ncap.measure.autodiff.loss import total_loss
from ncap.measure.autodiff.parameters import groups_of, neighbours_of
from ncap.measure.probe import Probe

Degrees = tuple[list[tf.Tensor], list[tf.Tensor]]


_graphs: WeakKeyDictionary[Probe, Any] = WeakKeyDictionary()


def degree_sums(probe: Probe, x: tf.Tensor, y: tf.Tensor, loss: str, interaction: str, weighting: str) -> Degrees:
    """N times delta_in and delta_out of one batch; see ncap.measure.autodiff for the contract."""
    return _run(_degree_sums, probe, x, y, loss, interaction, weighting)


def gradient_sums(probe: Probe, x: tf.Tensor, y: tf.Tensor, loss: str) -> list[tf.Tensor]:
    """Gradients of one batch's summed loss by the kernels."""
    return _run(_gradients, probe, x, y, loss)


def product_sums(probe: Probe, x: tf.Tensor, y: tf.Tensor, loss: str, nodes: str) -> Degrees:
    """N times what every variable of the groups receives and sends; see ncap.measure.autodiff for the contract."""
    return _run(_product_sums, probe, x, y, loss, nodes)


def _run(function: Callable[..., Any], probe: Probe, x: tf.Tensor, y: tf.Tensor, *settings: str) -> Any:
    graphs = _graphs.setdefault(probe, {})  # of each probe its own, which go when the probe goes
    if (function, *settings) not in graphs:
        graphs[function, *settings] = _compile(function, ref(probe), x, y, *settings)
    return graphs[function, *settings](x, y)


def _compile(
    function: Callable[..., Any], probe: ReferenceType[Probe], x: tf.Tensor, y: tf.Tensor, *settings: str
) -> Any:
    """The graph of a probe that it does not keep alive: a weak reference is read while tracing only."""
    # One trace for any number of samples. No autograph: what it would convert, loops over layers, is to be unrolled. And no function
    # of its own: TensorFlow counts the traces of one by its code, and would warn of retracing for many probes.
    specs = [tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for tensor in (x, y)]
    return tf.function(partial(_on_probe, function, probe, settings), input_signature=specs, autograph=False)


def _on_probe(
    function: Callable[..., Any], probe: ReferenceType[Probe], settings: tuple[str, ...], x: tf.Tensor, y: tf.Tensor
) -> Any:
    traced = probe()
    assert traced is not None  # traced inside a call that holds it
    return function(traced, x, y, *settings)


def _gradients(probe: Probe, x: tf.Tensor, y: tf.Tensor, loss: str) -> list[tf.Tensor]:
    kernels = _kernels(probe)
    with tf.GradientTape() as tape:
        tape.watch(kernels)
        total = total_loss(probe(x, training=False), y, loss)
    return tape.gradient(total, kernels)


def _degree_sums(probe: Probe, x: tf.Tensor, y: tf.Tensor, loss: str, interaction: str, weighting: str) -> Degrees:
    v = _kernels(probe) if weighting == "relative" else [tf.ones_like(kernel) for kernel in _kernels(probe)]
    degrees = _explicit if interaction == "explicit" else _hessian
    delta_in, delta_out = degrees(probe, x, y, loss, v)
    return [v_l * d for v_l, d in zip(v, delta_in, strict=True)], [v_l * d for v_l, d in zip(v, delta_out, strict=True)]


def _explicit(probe: Probe, x: tf.Tensor, y: tf.Tensor, loss: str, v: list[tf.Tensor]) -> Degrees:
    z, g = _activations_and_errors(probe, x, y, loss)
    kernels = _kernels(probe)
    delta_in, delta_out = [tf.zeros_like(k) for k in kernels], [tf.zeros_like(k) for k in kernels]
    for l, unit in enumerate(probe.units):
        # A tensor of its own: what a tape watches must not be the kernel that the layer computes with.
        sending = tf.identity(v[l + 1])
        with tf.GradientTape() as outer:
            outer.watch(sending)
            with tf.GradientTape() as inner:
                inner.watch(kernels[l])
                z_l = probe.activate(unit, unit.dense(z[l]))
                impact = tf.reduce_sum(g[l + 1] * (z_l @ sending))
            delta_in[l] = inner.gradient(impact, kernels[l])
            received = tf.reduce_sum(v[l] * delta_in[l])
        delta_out[l + 1] = outer.gradient(received, sending)
    return delta_in, delta_out


def _activations_and_errors(
    probe: Probe, x: tf.Tensor, y: tf.Tensor, loss: str
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """[z_0..z_{L-1}] and [g_1..g_L], g_l the gradient of the summed loss by a_l."""
    z, a = [x], []
    with tf.GradientTape() as tape:
        for unit in probe.units:
            a.append(unit.dense(z[-1]))
            tape.watch(a[-1])  # a frozen kernel is no trainable variable, so nothing is watched by itself
            z.append(probe.activate(unit, a[-1]))
        a.append(probe.logits(z[-1]))
        tape.watch(a[-1])
        total = total_loss(a[-1], y, loss)
    return z, tape.gradient(total, a)


def _hessian(probe: Probe, x: tf.Tensor, y: tf.Tensor, loss: str, v: list[tf.Tensor]) -> Degrees:
    kernels = _kernels(probe)
    delta_in, delta_out = [tf.zeros_like(k) for k in kernels], [tf.zeros_like(k) for k in kernels]
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(kernels)
        with tf.GradientTape() as inner:
            inner.watch(kernels)
            total = total_loss(probe(x, training=False), y, loss)
        fixed = [tf.stop_gradient(v_l) for v_l in v]  # the direction, which is not differentiated
        totals = [tf.reduce_sum(v_l * dW) for v_l, dW in zip(fixed, inner.gradient(total, kernels), strict=True)]
    for m in range(len(kernels)):
        # Without curvature between two layers (dead units, a linear loss) the gradient is None: zero.
        if m > 0:
            delta_in[m - 1] = outer.gradient(totals[m], kernels[m - 1], unconnected_gradients="zero")
        if m + 1 < len(kernels):
            delta_out[m + 1] = outer.gradient(totals[m], kernels[m + 1], unconnected_gradients="zero")
    return delta_in, delta_out


def _product_sums(probe: Probe, x: tf.Tensor, y: tf.Tensor, loss: str, nodes: str) -> Degrees:
    groups = [[variable.value for variable in group] for group in groups_of(probe, nodes)]
    every = [value for group in groups for value in group]
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(every)
        with tf.GradientTape() as inner:
            inner.watch(every)
            total = total_loss(probe(x, training=False), y, loss)
        slopes = inner.gradient(total, groups)
        totals = [tf.add_n([tf.reduce_sum(slope) for slope in of_group]) for of_group in slopes]
    received, sent = ([[tf.zeros_like(value) for value in group] for group in groups] for _ in range(2))
    for m, total_of_group in enumerate(totals):
        receivers, senders = neighbours_of(groups, m)
        # The product with all ones in group m: what others receive from it and, H being symmetric, what they send to it.
        products = outer.gradient(
            total_of_group, {l: groups[l] for l in {*receivers, *senders}}, unconnected_gradients="zero"
        )
        for l in receivers:
            received[l] = products[l]
        for l in senders:
            sent[l] = products[l]
    return [value for group in received for value in group], [value for group in sent for value in group]


def _kernels(probe: Probe) -> list[Any]:
    return [*(unit.dense.kernel.value for unit in probe.units), probe.logits.kernel.value]
