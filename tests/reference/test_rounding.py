"""The scale of rounding errors: a bound on what it scales, reached where nothing can cancel, and by hand for softmax."""

import itertools

import numpy as np
import pytest
from agreement import ROUNDINGS, assert_close
from hypothesis import given
from hypothesis import strategies as st
from strategies import Case, arrays, cases, widths

from ncap import reference as ref
from ncap.reference.rounding import uncancelled_degrees, uncancelled_families

EPS = np.finfo(np.float64).eps
NOT_NEGATIVE = (0.0, 0.5, 1.0, 2.0)


@st.composite
def cases_that_cannot_cancel(draw):
    """No negative number anywhere, and squared-error targets below every output."""
    sizes = draw(widths(min_depth=1, max_depth=5, max_width=4))
    n, hidden = draw(st.integers(1, 3)), sizes[1:-1]
    net = ref.MLP(
        [draw(arrays(shape, NOT_NEGATIVE)) for shape in itertools.pairwise(sizes)],
        [draw(arrays(width, NOT_NEGATIVE)) for width in sizes[1:]],
        [draw(arrays(width, (0.5, 1.0, 2.0))) for width in hidden],
        [draw(arrays(width, NOT_NEGATIVE)) for width in hidden],
        norm=draw(st.sampled_from(["after", "before"])),
        loss="squared_error",
    )
    return Case(net, draw(arrays((n, sizes[0]), NOT_NEGATIVE)), -draw(arrays((n, sizes[-1]), NOT_NEGATIVE)))


@given(cases_that_cannot_cancel())
def test_families_that_cannot_cancel_are_their_own_scale(case):
    families, scales = ref.families(case.net, case.x, case.y), uncancelled_families(case.net, case.x, case.y)
    for got, want in zip(scales, families, strict=True):
        for got_l, want_l in zip(got, want, strict=True):
            np.testing.assert_array_equal(got_l, want_l)  # dyadic numbers: every sum is exact


@pytest.mark.parametrize("interaction", ["explicit", "hessian"])
@given(case=cases_that_cannot_cancel().filter(lambda case: case.net.depth > 1))
def test_degrees_that_cannot_cancel_are_their_own_scale(case, interaction):
    got = uncancelled_degrees(case.net, case.x, case.y, interaction)
    want = ref.degrees(case.net, case.x, case.y, interaction, "magnitude")
    for got_l, want_l in zip(itertools.chain(*got), itertools.chain(*want), strict=True):
        assert_close(got_l, want_l, ROUNDINGS * EPS * want_l, interaction)  # means over three samples round


@given(cases(min_depth=1))
def test_families_lie_within_their_scale(case):
    families, scales = ref.families(case.net, case.x, case.y), uncancelled_families(case.net, case.x, case.y)
    for got, scale in zip(families[:3], scales[:3], strict=True):  # z, s, g; p is no sum
        for got_l, scale_l in zip(got, scale, strict=True):
            assert (np.abs(got_l) <= scale_l).all()


def test_softmax_by_hand():
    """p errs by eps times what is exponentiated, at most 15 of 6 + 9 and 12 + 3: it is taken 1 + 2 * 15 times.

    g_true of a label is the sum of the other p; a soft target comes on top of p.
    """
    # At x = 1: z = 1, 2, 6 and p = (1/2, 1/2). At x = -1 both units are off, and outputs of 9 and 3 are their biases.
    net = ref.MLP([[[2.0]], [[3.0]], [[1.0, 2.0]]], [None, None, [9.0, 3.0]])
    x, y = [[1.0], [-1.0], [-1.0], [-1.0]], [0, 1, 1, 1]
    _, _, g, p = uncancelled_families(net, x, y)
    np.testing.assert_array_equal(g[1], [[0.5 * 31, 0.5 * 31], *[[p[1, 0] * 19, p[1, 0] * 19]] * 3])
    np.testing.assert_array_equal(g[0], [[15.5 + 2 * 15.5], [0], [0], [0]])
    soft = uncancelled_families(net, x[:1], [[0.25, 0.75]]).g[1]
    np.testing.assert_array_equal(soft, [[0.5 * 31 + 0.25, 0.5 * 31 + 0.75]])
    # A quarter of what the first sample has: s_1 z_0 G_2 = 46.5, s_2 z_1 G_3 = 2 * 31; s_1 Z_0 g_2, s_2 Z_1 g_3 = 2 g_3.
    delta_in, delta_out = uncancelled_degrees(net, x, y)
    assert [d.tolist() for d in delta_in] == [[[11.625]], [[15.5]], [[0.0, 0.0]]]
    assert [d.tolist() for d in delta_out] == [[[0.0]], [[11.625]], [[7.75, 7.75]]]
    # H_3 = 31 (diag(p) + pp'), W_3 H_3 = 31 (1.25, 1.75), H_2 = W_3 H_3 W_3' = 31 * 4.75, W_2 H_2 = 441.75.
    delta_in, delta_out = uncancelled_degrees(net, x, y, "hessian")
    layer_1, layer_2, outputs = 2 * 441.75 / 4, 2 * 6 * 31 * 3 / 4, [2 * 6 * 31 * h / 4 for h in (1.25, 1.75)]
    assert [d.tolist() for d in delta_in] == [[[11.625 + layer_1]], [[15.5 + layer_2]], [[0.0, 0.0]]]
    assert [d.tolist() for d in delta_out] == [[[0.0]], [[11.625 + layer_1]], [[7.75 + outputs[0], 7.75 + outputs[1]]]]
