"""Degrees by PyTorch's automatic differentiation: reverse over reverse, through the probe's own layers.

Keras multiplies matrices in float32 on PyTorch whatever the dtype of its layers, so a float64 probe is read in float32 here; the closed
form reads it in float64.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import keras
import torch

from ncap.measure.autodiff.loss import total_loss
from ncap.measure.autodiff.parameters import groups_of, neighbours_of
from ncap.measure.probe import Probe

Degrees = tuple[list[torch.Tensor], list[torch.Tensor]]


def degree_sums(probe: Probe, x: torch.Tensor, y: torch.Tensor, loss: str, interaction: str, weighting: str) -> Degrees:
    """N times delta_in and delta_out of one batch; see ncap.measure.autodiff for the contract."""
    v = [kernel if weighting == "relative" else torch.ones_like(kernel) for kernel in _kernels(probe)]
    degrees = _explicit if interaction == "explicit" else _hessian
    delta_in, delta_out = degrees(probe, x, y, loss, v)
    return [v_l * d for v_l, d in zip(v, delta_in, strict=True)], [v_l * d for v_l, d in zip(v, delta_out, strict=True)]


def gradient_sums(probe: Probe, x: torch.Tensor, y: torch.Tensor, loss: str) -> list[torch.Tensor]:
    """Gradients of one batch's summed loss by the kernels."""
    kernels = _leaves(_kernels(probe))
    return list(torch.autograd.grad(_loss_at(probe, kernels, x, y, loss), kernels))


def product_sums(probe: Probe, x: torch.Tensor, y: torch.Tensor, loss: str, nodes: str) -> Degrees:
    """N times what every variable of the groups receives and sends; see ncap.measure.autodiff for the contract."""
    groups = groups_of(probe, nodes)
    leaves = [_leaves([variable.value for variable in group]) for group in groups]
    own = [pair for of_group in zip(groups, leaves, strict=True) for pair in zip(*of_group, strict=True)]
    with keras.StatelessScope(state_mapping=own):
        total = total_loss(probe(x, training=False), y, loss)
    received, sent = ([[torch.zeros_like(leaf) for leaf in group] for group in leaves] for _ in range(2))
    slopes = torch.autograd.grad(total, [leaf for _, leaf in own], create_graph=True)
    ends = list(accumulate(map(len, groups), initial=0))
    totals = [torch.stack([torch.sum(slope) for slope in slopes[a:b]]).sum() for a, b in pairwise(ends)]
    for m, total_of_group in enumerate(totals):
        for side, neighbours in zip((received, sent), neighbours_of(groups, m), strict=True):
            for l in neighbours:
                products = torch.autograd.grad(total_of_group, leaves[l], retain_graph=True, materialize_grads=True)
                side[l] = list(products)
    return [value for group in received for value in group], [value for group in sent for value in group]


def _explicit(probe: Probe, x: torch.Tensor, y: torch.Tensor, loss: str, v: list[torch.Tensor]) -> Degrees:
    z, g = _activations_and_errors(probe, x, y, loss)
    delta_in, delta_out = [torch.zeros_like(v_l) for v_l in v], [torch.zeros_like(v_l) for v_l in v]
    for l, unit in enumerate(probe.units):
        kernel, sending = _leaves([unit.dense.kernel.value, v[l + 1]])
        with keras.StatelessScope(state_mapping=[(unit.dense.kernel, kernel)]):
            z_l = probe.activate(unit, unit.dense(z[l]))
        impact = torch.sum(g[l + 1] * (z_l @ sending))
        (received,) = torch.autograd.grad(impact, kernel, create_graph=True)
        delta_in[l] = received.detach()
        (delta_out[l + 1],) = torch.autograd.grad(torch.sum(v[l] * received), sending)
    return delta_in, delta_out


def _activations_and_errors(
    probe: Probe, x: torch.Tensor, y: torch.Tensor, loss: str
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """[z_0..z_{L-1}] and [g_1..g_L], g_l the gradient of the summed loss by a shift of a_l; constants from here on."""
    z, shifts = [x], _leaves([torch.zeros_like(x[:, :1]).expand(-1, dense.units) for dense in _denses(probe)])
    for unit, shift in zip(probe.units, shifts, strict=False):
        z.append(probe.activate(unit, unit.dense(z[-1]) + shift))
    g = torch.autograd.grad(total_loss(probe.logits(z[-1]) + shifts[-1], y, loss), shifts)
    return [z_l.detach() for z_l in z], list(g)


def _hessian(probe: Probe, x: torch.Tensor, y: torch.Tensor, loss: str, v: list[torch.Tensor]) -> Degrees:
    kernels = _leaves(_kernels(probe))
    gradients = torch.autograd.grad(_loss_at(probe, kernels, x, y, loss), kernels, create_graph=True)
    delta_in, delta_out = [torch.zeros_like(v_l) for v_l in v], [torch.zeros_like(v_l) for v_l in v]
    for m, (v_m, gradient) in enumerate(zip(v, gradients, strict=True)):
        # Without curvature between two layers (dead units, a linear loss) nothing leads from one to the other: zero.
        along = torch.sum(v_m * gradient)
        products = torch.autograd.grad(along, kernels, retain_graph=True, materialize_grads=True)
        if m > 0:
            delta_in[m - 1] = products[m - 1]
        if m + 1 < len(kernels):
            delta_out[m + 1] = products[m + 1]
    return delta_in, delta_out


def _loss_at(probe: Probe, kernels: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor, loss: str) -> torch.Tensor:
    """The summed loss with these kernels in place of the probe's own."""
    variables = [dense.kernel for dense in _denses(probe)]
    with keras.StatelessScope(state_mapping=list(zip(variables, kernels, strict=True))):
        return total_loss(probe(x, training=False), y, loss)


def _leaves(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Copies that a gradient can be taken by, whether the probe is frozen or not."""
    return [tensor.detach().clone().requires_grad_() for tensor in tensors]


def _kernels(probe: Probe) -> list[torch.Tensor]:
    return [dense.kernel.value.detach() for dense in _denses(probe)]


def _denses(probe: Probe) -> list[Any]:
    return [*(unit.dense for unit in probe.units), probe.logits]
