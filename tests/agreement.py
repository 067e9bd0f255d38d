"""One comparison that explains a failure, on the scale of rounding that ncap.reference.rounding gives."""

import numpy as np

from ncap.reference.rounding import ROUNDINGS, uncancelled_degrees, uncancelled_families
from ncap.testing.agreement import assert_close

__all__ = ["ROUNDINGS", "assert_close", "assert_degrees_agree", "sums", "uncancelled", "uncancelled_families"]


def uncancelled(case, interaction="explicit", weighting="unit"):
    """Degrees with every sum taken over absolute values: the scale of rounding errors."""
    return uncancelled_degrees(case.net, case.x, case.y, interaction, weighting)


def assert_degrees_agree(got, want, scale, eps, what):
    """Every degree within ROUNDINGS * eps of its own uncancelled sum."""
    for side, got_side, want_side, scale_side in zip(("delta_in", "delta_out"), got, want, scale, strict=True):
        for l, (g, w, bound) in enumerate(zip(got_side, want_side, scale_side, strict=True), 1):
            assert_close(g, w, ROUNDINGS * eps * bound, f"{what}: {side} of layer {l}")


def sums(degrees):
    """A and D of degrees."""
    delta_in, delta_out = degrees
    return sum(float(np.vdot(o, i)) for i, o in zip(delta_in, delta_out, strict=True)), float(
        sum(d.sum() for d in delta_in)
    )
