"""Eq. 2 on any network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from ncap import reference as ref
from ncap.reference.resilience import ratio


@given(st.integers(0, 5).flatmap(lambda n: hnp.arrays(np.float64, (n, n), elements=st.integers(-3, 3).map(float))))
def test_beta_eff_is_the_ratio_of_walks_of_two_steps_to_links(P):
    ones = np.ones(len(P))
    want = ratio(float(ones @ P @ P @ ones), float(ones @ P @ ones))
    assert ref.beta_eff(P) == ref.beta_eff(sparse.csr_array(P)) == want


def test_a_regular_network_has_its_degree():
    cycle = np.roll(np.eye(7), 1, axis=1) + np.roll(np.eye(7), 2, axis=1)
    assert ref.beta_eff(cycle) == 2


def test_the_ratio_at_its_edges():
    assert ref.beta_eff(np.zeros((0, 0))) == ref.beta_eff(np.zeros((3, 3))) == 0
    assert ref.beta_eff([[1, -1], [1, -1]]) == 0  # A = D = 0
    assert ref.beta_eff([[1.0, 1.0], [0.0, -2.0]]) == np.inf  # in-degrees 2, -2, out-degrees 1, -1: A = 4, D = 0
    assert ratio(1.0, 1.0, eps=1.0) == 0.5
    assert ratio(1.0, -1.0, eps=1.0) == -0.5
    assert ratio(1.0, 0.0, eps=0.5) == 2


@pytest.mark.parametrize(
    ("P", "message"),
    [
        (np.ones((2, 3)), r"square matrix, got shape \(2, 3\)"),
        (np.eye(2) * 1j, "real weights, got complex"),
        (np.ones(3), r"square matrix, got shape \(3,\)"),
        ([[np.nan]], "NaN or infinity"),
        (sparse.csr_array([[np.inf]]), "NaN or infinity"),
    ],
)
def test_bad_matrices_are_refused(P, message):
    with pytest.raises(ValueError, match=message):
        ref.beta_eff(P)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
def test_every_sparse_format_is_read_in_float64(kind):
    P = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    assert ref.beta_eff(getattr(sparse, f"{kind}_array")(P)) == pytest.approx(ref.beta_eff(P), rel=1e-13)
