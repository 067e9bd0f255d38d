"""beta_eff with the norms' scales and shifts as nodes between the kernels (nodes="norms"), explicit, in closed form on keras.ops.

The chain is that of Keras' layers, dense, norm, dense, norm, dense: W_1, (k_1, c_1), W_2, ..., W_L, with gamma as k and beta as c. The
formulas are those of MATHEMATICS.md, section 2, written independently of ncap.reference; the tests hold the two against each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from ncap.measure.closed_form import affine, delta_method, largest, output_errors, outputs, over_samples, run
from ncap.measure.method import ProbeData, Sums
from ncap.measure.probe import HiddenUnit, check_norms
from ncap.reference.verdict import Moments, Reading


class NormFamilies(NamedTuple):
    """z = [z_0..z_{L-2}], u = [u_1..u_{L-1}], r = [r_1..r_{L-1}], g = [g_2..g_L] of one batch, each (n, n_l) on the device.

    u_l = (relu(a_l) - mu_l) / sd_l and r_l = relu'(a_l) (g_{l+1} W_{l+1}^T) / sd_l, so that z_l = k_l u_l + c_l and g_l = k_l r_l.
    """

    z: list[Any]
    u: list[Any]
    r: list[Any]
    g: list[Any]


class ChainSums(NamedTuple):
    """Means over the samples in one strength: degrees of W_l and of k_l by l = 1..L-1, and the numbers that the rest comes to.

    of_kernels, to_kernels: delta_in of W_1..W_{L-1} and delta_out of W_2..W_L. of_scales, to_scales: delta_in and delta_out of k_l.
    of_shifts: delta_in of every c_l[i], whose delta_out is 0.
    """

    of_kernels: list[np.ndarray]
    to_kernels: list[np.ndarray]
    of_scales: list[np.ndarray]
    to_scales: list[np.ndarray]
    of_shifts: list[np.ndarray]

    @property
    def moments(self) -> Moments:
        """A and D, and whether every degree is exactly 0."""
        interior = zip(self.of_kernels[1:], self.to_kernels[:-1], strict=True)
        A = sum(float((d_in * d_out).sum()) for d_in, d_out in interior)
        A += sum(float((d_in * d_out).sum()) for d_in, d_out in zip(self.of_scales, self.to_scales, strict=True))
        widths = [len(scale) for scale in self.of_scales]
        D = sum(float(d.sum()) for d in (*self.of_kernels, *self.of_scales))
        D += sum(n * float(shift) for n, shift in zip(widths, self.of_shifts, strict=True))
        return Moments(A, D, not any(d.any() for family in self for d in family))


def measure(data: ProbeData, reading: Reading, batch_size: int) -> Sums:
    """A, D, their magnitudes and the standard error; see ncap.measure.method. Raises: ValueError for a probe without norms."""
    return _sums(_batches(data, batch_size), reading.strength)


def measure_each(data: ProbeData, reading: Reading, size: int) -> list[Sums]:
    """The same of every mini-batch of `size` samples, without standard errors."""
    return [_sums([families], reading.strength, with_error=False) for families in _batches(data, size)]


def degrees(data: ProbeData, reading: Reading, batch_size: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """delta_in and delta_out of every node, two lists of 2L - 1 float64 arrays, (2, n_l) of a norm: its scale above its shift."""
    sums = _sum_up(_batches(data, batch_size), reading.strength)
    delta_in: list[np.ndarray] = []
    delta_out: list[np.ndarray] = [np.zeros_like(sums.of_kernels[0])]
    for of_kernel, to_kernel, of_scale, to_scale, of_shift in zip(*sums, strict=True):
        delta_in += [of_kernel, np.stack([of_scale, np.full_like(of_scale, of_shift)])]
        delta_out += [np.stack([to_scale, np.zeros_like(to_scale)]), to_kernel]
    return [*delta_in, np.zeros_like(delta_out[-1])], delta_out


def _batches(data: ProbeData, batch_size: int) -> list[NormFamilies]:
    """The families of all samples, batch by batch."""
    probe, features, targets, loss, weights = data
    check_norms(probe)
    dtype = features.dtype.name
    layers = [[*affine(unit.dense, dtype), *_norm(unit, dtype)] for unit in probe.units]
    layers, batches = [*layers, affine(probe.logits, dtype)], []
    for start in range(0, len(features), batch_size):
        part = slice(start, start + batch_size)
        x, y = (ops.convert_to_tensor(values[part]) for values in (features, targets))
        of_samples = ops.convert_to_tensor(np.ones_like(features[part, :1]) if weights is None else weights[part, None])
        batches.append(NormFamilies(*run(_families, layers, x, y, of_samples, loss=loss)))
    return batches


def _norm(unit: HiddenUnit, dtype: str) -> list[Any]:
    """gamma, beta, mu and 1 / sd of a hidden layer's norm; cast first, as the closed form does."""
    norm: Any = unit.norm
    gamma, beta, mean, variance = (
        ops.cast(variable, dtype) for variable in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    return [gamma, beta, mean, ops.rsqrt(variance + norm.epsilon)]


def _families(layers: list[Any], x: Any, y: Any, weights: Any, *, loss: str) -> tuple[list[Any], ...]:
    """z, u, r, g of one batch; weights are what each sample's loss counts, (n, 1)."""
    z, u, on = [x], [], []
    for kernel, bias, gamma, beta, mean, over_sd in layers[:-1]:
        a = z[-1] @ kernel + bias
        on.append(ops.where(a > 0, over_sd, ops.zeros_like(over_sd)))
        u.append((ops.relu(a) - mean) * over_sd)
        z.append(gamma * u[-1] + beta)
    kernel, bias = layers[-1]
    g = [output_errors(outputs(z[-1] @ kernel + bias, loss), y, loss) * weights]
    r: list[Any] = []
    for below, above, on_l in zip(layers[-2::-1], layers[:0:-1], on[::-1], strict=True):
        r.append(on_l * (g[-1] @ ops.transpose(above[0])))
        g.append(below[2] * r[-1])
    return z[:-1], u, r[::-1], g[-2::-1]


def _sums(batches: list[NormFamilies], strength: str, with_error: bool = True) -> Sums:
    sums = {name: _sum_up(batches, name) for name in dict.fromkeys((strength, "magnitude"))}
    error = _standard_error(batches, strength, sums[strength]) if with_error else np.nan
    return Sums(sums[strength].moments, sums["magnitude"].moments, error)


def _in_strength(families: NormFamilies, strength: str) -> NormFamilies:
    if strength == "signed":
        return families
    return NormFamilies(*keras.tree.map_structure(ops.abs, tuple(families)))


def _sum_up(batches: list[NormFamilies], strength: str) -> ChainSums:
    """The sums of one strength, added up over batches; beta_eff of batches is never averaged here."""
    total: Any = None
    for families in batches:
        part = run(_batch_sums, families, strength=strength)
        total = part if total is None else keras.tree.map_structure(ops.add, total, part)
    n = sum(families.z[0].shape[0] for families in batches)
    mean = keras.tree.map_structure(lambda part: np.asarray(ops.convert_to_numpy(part), np.float64) / n, total)
    return ChainSums(*mean)


def _batch_sums(families: NormFamilies, *, strength: str) -> list[list[Any]]:
    """n times what ChainSums holds, of one batch."""
    z, u, r, g = _in_strength(families, strength)
    Z, G = ([ops.sum(a, axis=1, keepdims=True) for a in family] for family in (z, g))
    of_kernels = [ops.transpose(z_l) @ r_l for z_l, r_l in zip(z, r, strict=True)]
    to_kernels = [ops.transpose(u_l + 1) @ g_l for u_l, g_l in zip(u, g, strict=True)]
    of_scales = [ops.sum(u_l * G_l, axis=0) for u_l, G_l in zip(u, G, strict=True)]
    to_scales = [ops.sum(r_l * Z_l, axis=0) for r_l, Z_l in zip(r, Z, strict=True)]
    return [of_kernels, to_kernels, of_scales, to_scales, [ops.sum(G_l) for G_l in G]]


def _standard_error(batches: list[NormFamilies], strength: str, sums: ChainSums) -> float:
    """sd(psi) / sqrt(N), psi_n = (<out, in_n> + <out_n, in> - 2A) / D - beta (D_n - D) / D (delta method)."""
    A, D, _ = sums.moments
    interior = [sums.of_kernels[1:], sums.to_kernels[:-1], sums.of_scales, sums.to_scales]
    scale = largest(*interior)
    A_n, D_n = over_samples(
        _sample_shares, batches, *([d / scale for d in side] for side in interior), strength=strength
    )
    return delta_method(scale * A_n - 2 * A, D_n - D, A, D)


def _sample_shares(
    families: NormFamilies,
    of_kernels: list[Any],
    to_kernels: list[Any],
    of_scales: list[Any],
    to_scales: list[Any],
    *,
    strength: str,
) -> tuple[Any, Any]:
    """<out, in_n> + <out_n, in> and D_n of every sample, shape (n,): in_n and out_n are of rank one."""
    z, u, r, g = _in_strength(families, strength)
    A_n = D_n = 0.0
    for z_l, u_l, r_l, g_l, of_scale, to_scale in zip(z, u, r, g, of_scales, to_scales, strict=True):
        Z, G = (ops.sum(a, axis=1) for a in (z_l, g_l))
        A_n += G * ops.sum(u_l * to_scale, axis=1) + Z * ops.sum(r_l * of_scale, axis=1)
        D_n += Z * ops.sum(r_l, axis=1) + G * ops.sum(u_l + 1, axis=1)
    for z_l, r_l, to_kernel in zip(z[1:], r[1:], to_kernels, strict=True):
        A_n += ops.sum((z_l @ to_kernel) * r_l, axis=1)
    for u_l, g_l, of_kernel in zip(u[:-1], g[:-1], of_kernels, strict=True):
        A_n += ops.sum(((u_l + 1) @ of_kernel) * g_l, axis=1)
    return A_n, D_n
