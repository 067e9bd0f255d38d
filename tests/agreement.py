"""How far two implementations may lie apart, and one comparison that explains a failure.

Every sum of the closed form is compared on the scale of the same sum with nothing cancelled anywhere: activations of the
network of absolute values, errors |p| + |y| before they are subtracted, |W| on the way back. A dot product of n terms
computed in any order errs by less than n eps times that scale (Higham, Accuracy and Stability, section 3.1); chains of
L products and the softmax multiply it by their lengths. `ROUNDINGS` allows for both, many times over.
"""

import numpy as np

from ncap import reference as ref

ROUNDINGS = 256


def uncancelled_families(case):
    """|z|, |s|, g and p with every sum taken over absolute values."""
    net = case.net
    _, s, _a = ref.forward(net, case.x)
    s = [np.abs(s_l) for s_l in s]
    z = [np.abs(case.x)]
    for layer, s_l in zip(net.layers[:-1], s, strict=True):
        reach = z[-1] @ np.abs(layer.kernel) + np.abs(layer.bias)
        z.append(
            s_l * reach + np.abs(layer.shift)
        )  # the shift passes where the unit is off, too, when it follows the relu
    reach = z[-1] @ np.abs(net.layers[-1].kernel) + np.abs(net.layers[-1].bias)
    p = ref.families(net, case.x, case.y).p
    error = (
        p * (1 + 2 * reach.max(axis=1, keepdims=True)) if net.loss == "cross_entropy" else reach
    )  # exp(a) errs by eps |a|
    g = [error + ref.mlp.read_targets(case.y, len(p), p.shape[1], net.loss)]
    for layer, s_l in zip(net.layers[:1:-1], s[:0:-1], strict=True):
        g.append(s_l * (g[-1] @ np.abs(layer.kernel.T)))
    return ref.Families(z, s, g[::-1], p)


def uncancelled(case, interaction="explicit"):
    """Degrees with every sum taken over absolute values: the scale of rounding errors."""
    z, s, g, p = uncancelled_families(case)
    delta_in, delta_out = ref.degrees_from(z[:-1], s, g, strength="magnitude")
    if interaction == "explicit":
        return delta_in, delta_out
    W, n = [np.abs(layer.kernel) for layer in case.net.layers], len(p)
    L = len(W)
    for l in range(1, L):
        # |S_l W_{l+1} H_{l+1}| summed over the samples' own columns, H <= diag(p) (1 + 2 reach) + pp' or I.
        H = _curvature_scale(case.net, s, W, p, z, l + 1)
        weight = np.einsum("ik,nkm->nim", W[l], H)
        delta_in[l - 1] = delta_in[l - 1] + np.einsum("nj,ni,nik,nm->ji", z[l - 1], s[l - 1], weight, z[l]) / n
        delta_out[l] = delta_out[l] + np.einsum("nj,ni,nik,nm->mk", z[l - 1], s[l - 1], weight, z[l]) / n
    return delta_in, delta_out


def _curvature_scale(net, s, W, p, z, l):
    reach = 1 + 2 * (z[-1] @ W[-1]).max(axis=1)
    if net.loss == "cross_entropy":
        H = (p[:, :, None] * np.eye(p.shape[1]) + p[:, :, None] * p[:, None, :]) * reach[:, None, None]
    else:
        H = np.broadcast_to(np.eye(p.shape[1]), (*p.shape, p.shape[1]))
    for m in range(net.depth - 1, l - 1, -1):
        H = s[m - 1][:, :, None] * (W[m] @ H @ W[m].T) * s[m - 1][:, None, :]
    return H


def assert_degrees_agree(got, want, scale, eps, what):
    """Every degree within ROUNDINGS * eps of its own uncancelled sum."""
    for side, got_side, want_side, scale_side in zip(("delta_in", "delta_out"), got, want, scale, strict=True):
        for l, (g, w, bound) in enumerate(zip(got_side, want_side, scale_side, strict=True), 1):
            assert_close(g, w, ROUNDINGS * eps * bound, f"{what}: {side} of layer {l}")


def assert_close(got, want, tolerance, what):
    """|got - want| <= tolerance elementwise; a failure names the worst index, both values, their ratio and the tolerance."""
    got, want, tolerance = np.broadcast_arrays(
        np.asarray(got, float), np.asarray(want, float), np.asarray(tolerance, float)
    )
    assert np.isfinite(got).all(), f"{what}: not finite: {got}"
    excess = np.abs(got - want) - tolerance
    if (excess <= 0).all():
        return
    worst = np.unravel_index(np.argmax(excess), excess.shape)
    ratio = got[worst] / want[worst] if want[worst] else np.inf
    raise AssertionError(
        f"{what}: {np.count_nonzero(excess > 0)} of {excess.size} differ; worst at {tuple(map(int, worst))}: got {got[worst]:.17g}, "
        f"want {want[worst]:.17g}, ratio {ratio:.3g}, tolerance {tolerance[worst]:.3g}; got in [{got.min():.3g}, {got.max():.3g}]"
    )


def sums(degrees):
    """A and D of degrees."""
    delta_in, delta_out = degrees
    return sum(float(np.vdot(o, i)) for i, o in zip(delta_in, delta_out, strict=True)), float(
        sum(d.sum() for d in delta_in)
    )
