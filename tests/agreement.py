"""One comparison that explains a failure, on the scale of rounding that ncap.reference.rounding gives."""

import numpy as np

from ncap.reference.rounding import ROUNDINGS, uncancelled_degrees, uncancelled_families

__all__ = ["ROUNDINGS", "assert_close", "assert_degrees_agree", "sums", "uncancelled", "uncancelled_families"]


def uncancelled(case, interaction="explicit", weighting="unit"):
    """Degrees with every sum taken over absolute values: the scale of rounding errors."""
    return uncancelled_degrees(case.net, case.x, case.y, interaction, weighting)


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
