"""Degrees by JAX's automatic differentiation: reverse over reverse, through the probe's own layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import jax
import jax.numpy as jnp
import keras

from ncap.measure.autodiff.loss import total_loss
from ncap.measure.autodiff.parameters import groups_of, neighbours_of
from ncap.measure.probe import Probe

Degrees = tuple[list[jax.Array], list[jax.Array]]


_compiled: WeakKeyDictionary[Probe, dict[tuple[Any, ...], Any]] = WeakKeyDictionary()


def degree_sums(probe: Probe, x: jax.Array, y: jax.Array, loss: str, interaction: str, weighting: str) -> Degrees:
    """N times delta_in and delta_out of one batch; see ncap.measure.autodiff for the contract."""
    return _run(_degree_sums, probe, x, y, loss, interaction, weighting)


def gradient_sums(probe: Probe, x: jax.Array, y: jax.Array, loss: str) -> list[jax.Array]:
    """Gradients of one batch's summed loss by the kernels."""
    return _run(_gradients, probe, x, y, loss)


def product_sums(probe: Probe, x: jax.Array, y: jax.Array, loss: str, nodes: str) -> Degrees:
    """N times what every variable of the groups receives and sends; see ncap.measure.autodiff for the contract."""
    return _run(_product_sums, probe, x, y, loss, nodes)


def _run(function: Callable[..., Any], probe: Probe, x: jax.Array, y: jax.Array, *settings: str) -> Any:
    functions = _compiled.setdefault(probe, {})  # of each probe its own, which go when the probe goes
    if (function, *settings) not in functions:
        functions[function, *settings] = _compile(function, ref(probe), *settings)
    # Weights go in as arguments: what a compiled function closes over would stay as it was at the first epoch.
    return functions[function, *settings]([variable.value for variable in probe.variables], x, y)


def _compile(function: Callable[..., Any], probe: ReferenceType[Probe], *settings: str) -> Any:
    """The compiled function of a probe that it does not keep alive: a weak reference is read while tracing only."""

    def run(state: list[jax.Array], x: jax.Array, y: jax.Array) -> Any:
        traced = probe()
        assert traced is not None  # traced inside a call that holds it
        return function(traced, state, x, y, *settings)

    return jax.jit(run)


def _degree_sums(
    probe: Probe, state: list[jax.Array], x: jax.Array, y: jax.Array, loss: str, interaction: str, weighting: str
) -> Degrees:
    kernels = _kernels(probe, state)
    v = kernels if weighting == "relative" else [jnp.ones_like(kernel) for kernel in kernels]
    degrees = _explicit if interaction == "explicit" else _hessian
    delta_in, delta_out = degrees(probe, state, x, y, loss, v)
    return [v_l * d for v_l, d in zip(v, delta_in, strict=True)], [v_l * d for v_l, d in zip(v, delta_out, strict=True)]


def _explicit(
    probe: Probe, state: list[jax.Array], x: jax.Array, y: jax.Array, loss: str, v: list[jax.Array]
) -> Degrees:
    kernels = _kernels(probe, state)
    with keras.StatelessScope(state_mapping=list(zip(probe.variables, state, strict=True))):
        z, g = _activations_and_errors(probe, x, y, loss)
        delta_in, delta_out = [jnp.zeros_like(k) for k in kernels], [jnp.zeros_like(k) for k in kernels]
        for l in range(len(probe.units)):

            def received(V: jax.Array, l: int = l) -> jax.Array:
                def impact(W: jax.Array) -> jax.Array:
                    return jnp.sum(g[l + 1] * (_hidden_output(probe, l, W, z[l]) @ V))

                return jax.grad(impact)(kernels[l])

            delta_in[l] = received(v[l + 1])
            delta_out[l + 1] = jax.grad(lambda V, l=l, received=received: jnp.sum(v[l] * received(V)))(v[l + 1])
    return delta_in, delta_out


def _hidden_output(probe: Probe, l: int, kernel: jax.Array, z: jax.Array) -> jax.Array:
    unit = probe.units[l]
    with keras.StatelessScope(state_mapping=[*_current(probe), (unit.dense.kernel, kernel)]):
        return probe.activate(unit, unit.dense(z))


def _activations_and_errors(
    probe: Probe, x: jax.Array, y: jax.Array, loss: str
) -> tuple[list[jax.Array], list[jax.Array]]:
    """[z_0..z_{L-1}] and [g_1..g_L], g_l the gradient of the summed loss by a shift of a_l."""

    def run(shifts: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
        z = [x]
        for unit, shift in zip(probe.units, shifts, strict=False):
            z.append(probe.activate(unit, unit.dense(z[-1]) + shift))
        return total_loss(probe.logits(z[-1]) + shifts[-1], y, loss), z

    zeros = [jnp.zeros((x.shape[0], dense.units), x.dtype) for dense in _denses(probe)]
    g, z = jax.grad(run, has_aux=True)(zeros)
    return z, g


def _hessian(
    probe: Probe, state: list[jax.Array], x: jax.Array, y: jax.Array, loss: str, v: list[jax.Array]
) -> Degrees:
    kernels = _kernels(probe, state)

    def gradients(kernels: list[jax.Array]) -> list[jax.Array]:
        return _gradients(probe, state, x, y, loss, kernels)

    delta_in, delta_out = [jnp.zeros_like(k) for k in kernels], [jnp.zeros_like(k) for k in kernels]
    for m in range(len(kernels)):
        products = jax.grad(lambda kernels, m=m: jnp.sum(v[m] * gradients(kernels)[m]))(kernels)
        if m > 0:
            delta_in[m - 1] = products[m - 1]
        if m + 1 < len(kernels):
            delta_out[m + 1] = products[m + 1]
    return delta_in, delta_out


def _gradients(
    probe: Probe,
    state: list[jax.Array],
    x: jax.Array,
    y: jax.Array,
    loss: str,
    at: list[jax.Array] | None = None,
) -> list[jax.Array]:
    """Gradients of the summed loss by the kernels, at those of the state or at others."""
    variables = [dense.kernel for dense in _denses(probe)]
    mapping = list(zip(probe.variables, state, strict=True))

    def total(kernels: list[jax.Array]) -> jax.Array:
        with keras.StatelessScope(state_mapping=[*mapping, *zip(variables, kernels, strict=True)]):
            return total_loss(probe(x, training=False), y, loss)

    return jax.grad(total)(_kernels(probe, state) if at is None else at)


def _product_sums(probe: Probe, state: list[jax.Array], x: jax.Array, y: jax.Array, loss: str, nodes: str) -> Degrees:
    groups, mapping = groups_of(probe, nodes), list(zip(probe.variables, state, strict=True))
    values = {id(variable): value for variable, value in mapping}
    at = [[values[id(variable)] for variable in group] for group in groups]

    def total(at: list[list[jax.Array]]) -> jax.Array:
        own = [pair for of_group in zip(groups, at, strict=True) for pair in zip(*of_group, strict=True)]
        with keras.StatelessScope(state_mapping=[*mapping, *own]):
            return total_loss(probe(x, training=False), y, loss)

    def product(group: int) -> list[list[jax.Array]]:
        """H times all ones in one group."""
        return jax.grad(lambda at: sum(jnp.sum(slope) for slope in jax.grad(total)(at)[group]))(at)

    received, sent = ([[jnp.zeros_like(value) for value in of_group] for of_group in at] for _ in range(2))
    for m in range(len(groups)):
        (receivers, senders), products = neighbours_of(groups, m), product(m)
        for l in receivers:
            received[l] = products[l]
        for l in senders:  # H is symmetric
            sent[l] = products[l]
    return [value for group in received for value in group], [value for group in sent for value in group]


def _kernels(probe: Probe, state: list[jax.Array]) -> list[jax.Array]:
    """The values of W_1..W_L in a list of all the probe's variables."""
    values = {id(variable): value for variable, value in zip(probe.variables, state, strict=True)}
    return [values[id(dense.kernel)] for dense in _denses(probe)]


def _current(probe: Probe) -> list[tuple[Any, jax.Array]]:
    """The weights as the scope around sees them; a scope inside another sees none of it by itself."""
    return [(variable, variable.value) for variable in probe.variables]


def _denses(probe: Probe) -> list[keras.layers.Dense]:
    return [*(unit.dense for unit in probe.units), probe.logits]
