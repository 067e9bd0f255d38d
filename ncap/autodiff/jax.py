"""Degrees by JAX's automatic differentiation: reverse over reverse, through the probe's own layers."""

from __future__ import annotations

from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import jax
import jax.numpy as jnp
import keras

from ncap.probe import Probe

Degrees = tuple[list[jax.Array], list[jax.Array]]


_compiled: WeakKeyDictionary[Probe, dict[tuple[str, str], Any]] = WeakKeyDictionary()


def degree_sums(probe: Probe, x: jax.Array, y: jax.Array, loss: str, interaction: str) -> Degrees:
    """N times delta_in and delta_out of one batch; see ncap.autodiff for the contract."""
    functions = _compiled.setdefault(probe, {})  # of each probe its own, which go when the probe goes
    if (loss, interaction) not in functions:
        functions[loss, interaction] = _compile(ref(probe), loss, interaction)
    # Weights go in as arguments: what a compiled function closes over would stay as it was at the first epoch.
    return functions[loss, interaction]([variable.value for variable in probe.variables], x, y)


def _compile(probe: ReferenceType[Probe], loss: str, interaction: str) -> Any:
    """The compiled function of a probe that it does not keep alive: a weak reference is read while tracing only."""
    degrees = _explicit if interaction == "explicit" else _hessian

    def run(state: list[jax.Array], x: jax.Array, y: jax.Array) -> Degrees:
        traced = probe()
        assert traced is not None  # traced inside a call that holds it
        return degrees(traced, state, x, y, loss)

    return jax.jit(run)


def _explicit(probe: Probe, state: list[jax.Array], x: jax.Array, y: jax.Array, loss: str) -> Degrees:
    with keras.StatelessScope(state_mapping=list(zip(probe.variables, state, strict=True))):
        z, g = _activations_and_errors(probe, x, y, loss)
        kernels = [dense.kernel.value for dense in _denses(probe)]
        delta_in, delta_out = [jnp.zeros_like(k) for k in kernels], [jnp.zeros_like(k) for k in kernels]
        for l in range(len(probe.units)):

            def received(V: jax.Array, l: int = l) -> jax.Array:
                def impact(W: jax.Array) -> jax.Array:
                    return jnp.sum(g[l + 1] * (_hidden_output(probe, l, W, z[l]) @ V))

                return jax.grad(impact)(kernels[l])

            ones = jnp.ones_like(kernels[l + 1])
            delta_in[l] = received(ones)
            delta_out[l + 1] = jax.grad(lambda V, received=received: jnp.sum(received(V)))(ones)
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
        return _total_loss(probe.logits(z[-1]) + shifts[-1], y, loss), z

    zeros = [jnp.zeros((x.shape[0], dense.units), x.dtype) for dense in _denses(probe)]
    g, z = jax.grad(run, has_aux=True)(zeros)
    return z, g


def _hessian(probe: Probe, state: list[jax.Array], x: jax.Array, y: jax.Array, loss: str) -> Degrees:
    variables = [dense.kernel for dense in _denses(probe)]
    mapping = list(zip(probe.variables, state, strict=True))

    def total(kernels: list[jax.Array]) -> jax.Array:
        with keras.StatelessScope(state_mapping=[*mapping, *zip(variables, kernels, strict=True)]):
            return _total_loss(probe(x, training=False), y, loss)

    values = {id(variable): value for variable, value in mapping}
    kernels = [values[id(variable)] for variable in variables]
    delta_in, delta_out = [jnp.zeros_like(k) for k in kernels], [jnp.zeros_like(k) for k in kernels]
    for m in range(len(kernels)):
        products = jax.grad(lambda kernels, m=m: jnp.sum(jax.grad(total)(kernels)[m]))(kernels)
        if m > 0:
            delta_in[m - 1] = products[m - 1]
        if m + 1 < len(kernels):
            delta_out[m + 1] = products[m + 1]
    return delta_in, delta_out


def _current(probe: Probe) -> list[tuple[Any, jax.Array]]:
    """The weights as the scope around sees them; a scope inside another sees none of it by itself."""
    return [(variable, variable.value) for variable in probe.variables]


def _denses(probe: Probe) -> list[keras.layers.Dense]:
    return [*(unit.dense for unit in probe.units), probe.logits]


def _total_loss(logits: jax.Array, y: jax.Array, loss: str) -> jax.Array:
    if loss == "cross_entropy":
        return -jnp.sum(y * jax.nn.log_softmax(logits))
    return jnp.sum(jnp.square(logits - y)) / 2
