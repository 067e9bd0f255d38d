"""Eq. 2 on any network, its decomposition and the average that it is made of."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from networks import FORMS, MATRICES, ring, star
from scipy import sparse

from ncap import reference as ref
from ncap.reference.verdict import ratio

EPS = np.finfo(np.float64).eps


@given(st.integers(0, 5).flatmap(lambda n: hnp.arrays(np.float64, (n, n), elements=st.integers(-3, 3).map(float))))
def test_beta_eff_is_the_ratio_of_walks_of_two_steps_to_links(P):
    ones = np.ones(len(P))
    want = ratio(float(ones @ P @ P @ ones), float(ones @ P @ ones))
    assert ref.beta_eff(P) == ref.beta_eff(sparse.csr_array(P)) == ref.beta_eff(FORMS["networkx"](P)) == want


def test_a_regular_network_has_its_degree():
    assert ref.beta_eff(ring(7, 1, 1)) == 2


def test_the_ratio_at_its_edges():
    assert ref.beta_eff(np.zeros((0, 0))) == ref.beta_eff(np.zeros((3, 3))) == 0
    assert ref.beta_eff([[1, -1], [1, -1]]) == 0  # A = D = 0
    assert ref.beta_eff([[1.0, 1.0], [0.0, -2.0]]) == np.inf  # in-degrees 2, -2, out-degrees 1, -1: A = 4, D = 0
    assert ratio(1.0, 1.0, eps=1.0) == 0.5
    assert ratio(1.0, -1.0, eps=1.0) == -0.5
    assert ratio(1.0, 0.0, eps=0.5) == 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("factor", [1e160, 1e-170, 1e-300, 1e305])
def test_beta_eff_is_homogeneous_of_degree_1_at_any_scale(form, factor):
    """Products of degrees leave float64 long before P does: 1e160 gave infinity, 1e-170 gave 0."""
    P = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [3.0, 0.0, 0.5]])
    want, scaled = ref.beta_eff(P), FORMS[form](P * factor)
    assert ref.beta_eff(scaled) / factor == pytest.approx(want, rel=1e-14, abs=0)
    assert ref.decompose(scaled).beta_eff / factor == pytest.approx(want, rel=1e-14, abs=0)
    assert ref.network_average(scaled, [1.0, 2.0, 4.0]) == pytest.approx(
        ref.network_average(P, [1.0, 2.0, 4.0]), rel=1e-14
    )


@pytest.mark.parametrize("form", FORMS)
def test_published_networks(shared_data, form):
    """T6: beta_eff as Gao, Barzel and Barabasi computed it, and the same three ways."""
    networks = np.load(shared_data / "networks" / "mutualistic.npz", allow_pickle=False)
    published = json.loads((shared_data / "networks" / "published_beta_eff.json").read_text())
    assert set(networks) == set(published)
    for name, want in published.items():
        P = FORMS[form](networks[name])
        assert ref.beta_eff(P) == pytest.approx(want, rel=1e-12), name
        assert ref.beta_eff(P, giant_component=True) == pytest.approx(want, rel=1e-12), name  # they are connected
        # A covariance from sums of at most 100 degrees: a few hundred roundings.
        assert ref.decompose(P).beta_eff == pytest.approx(want, rel=1e-12), name


@pytest.mark.parametrize("form", FORMS)
def test_the_giant_component_alone(form):
    apart = np.zeros((6, 6))
    apart[:4, :4], apart[4:, 4:] = star(3), 100 * ring(2, 1)
    P = FORMS[form](apart)
    assert ref.beta_eff(P, giant_component=True) == ref.beta_eff(star(3)) == 2
    assert ref.beta_eff(P) == (3 * 3 + 3 + 2 * 100**2) / (6 + 200)


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
    for function in (ref.beta_eff, ref.decompose, ref.giant_component):
        with pytest.raises(ValueError, match=message):
            function(P)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
def test_every_sparse_format_is_read_in_float64(kind):
    P = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    assert ref.beta_eff(getattr(sparse, f"{kind}_array")(P)) == pytest.approx(ref.beta_eff(P), rel=1e-13)


# L_P


@given(MATRICES, st.data())
def test_the_average_is_what_every_node_sends(P, data):
    v = data.draw(hnp.arrays(np.float64, (len(P), 3), elements=st.integers(-3, 3).map(float)))
    ones = np.ones(len(P))
    want = [ratio(float(ones @ P @ column), float(ones @ P @ ones)) for column in v.T]
    for form in FORMS.values():
        assert ref.network_average(form(P), v).tolist() == want
        assert ref.network_average(form(P), v[:, 0]) == want[0]


@given(MATRICES)
def test_beta_eff_is_the_average_of_the_in_degrees(P):
    assert ref.network_average(P, P.sum(axis=1)) == ref.beta_eff(P)


# <s> + S H


@given(MATRICES)
def test_mean_degree_symmetry_and_heterogeneity_make_up_beta_eff(P):
    want = ref.beta_eff(P)
    for form in FORMS.values():
        d = ref.decompose(form(P))
        assert -1 <= d.symmetry <= 1
        if d.mean_degree:
            assert d.heterogeneity == d.sigma_in * d.sigma_out / d.mean_degree
            # Exact degrees; mean, covariance and sigmas take some tens of roundings each.
            spread = abs(d.sigma_in * d.sigma_out / d.mean_degree)
            assert d.beta_eff == pytest.approx(want, abs=100 * EPS * (abs(d.mean_degree) + spread))
            assert d.mean_degree + d.symmetry * d.heterogeneity == pytest.approx(d.beta_eff)
        else:
            assert d.beta_eff == want  # 0 or an infinity


def test_the_parts_by_hand():
    """A star of 4 leaves, degrees 4, 1, 1, 1, 1: mean 8/5, variance 4 - 64/25 = 36/25, undirected; beta_eff = 20 / 8."""
    d = ref.decompose(star(4))
    assert d == pytest.approx((8 / 5, 36 / 25 / (8 / 5), 1, 6 / 5, 6 / 5))
    assert d.beta_eff == pytest.approx(20 / 8)


def test_undirected_networks_are_symmetric_and_a_chain_of_command_is_not():
    tree = np.zeros((7, 7))
    for node in range(1, 7):
        tree[node, (node - 1) // 2] = 1  # the parent sends
    assert ref.decompose(tree + tree.T).symmetry == pytest.approx(1)
    assert ref.decompose(tree).symmetry < 0
    assert ref.beta_eff(tree) < ref.decompose(tree).mean_degree


@pytest.mark.parametrize("form", FORMS)
def test_decomposition_at_its_edges(form):
    of = FORMS[form]
    assert ref.decompose(of(np.zeros((0, 0)))) == ref.decompose(of(np.zeros((3, 3)))) == (0, 0, 0, 0, 0)
    # Equal in-degrees up to rounding, 0.1 + 0.2 + 0.3 in three orders; the out-degrees are not equal.
    P = np.array([[0, 0.1, 0.2, 0.3], [0.3, 0, 0.2, 0.1], [0.2, 0.3, 0, 0.1], [0.3, 0.2, 0.1, 0]])
    d = ref.decompose(of(P))
    assert (d.sigma_in, d.symmetry, d.heterogeneity) == (0, 0, 0)
    assert d.sigma_out > 0.01
    assert d.beta_eff == d.mean_degree == pytest.approx(0.6)
    # Weights that add up to 0, and degrees that vary together: a pole.
    d = ref.decompose(of(np.array([[1.0, 1.0], [0.0, -2.0]])))
    assert (d.mean_degree, d.heterogeneity, d.beta_eff) == (0, np.inf, np.inf)


# Size


@pytest.mark.parametrize(
    "function", ["beta_eff", "decompose", "network_average", "giant_component", "perturbation_curve"]
)
def test_memory_grows_with_the_links_and_no_faster(function):
    """Beyond the input, which takes 12 bytes a link: at most 30 bytes a link, at ten times the links as before."""

    def bytes_per_link(links):
        rng = np.random.default_rng(0)
        n = links // 10
        ends = rng.integers(0, n, (2, links))
        P = sparse.csr_array(sparse.coo_array((rng.random(links), ends), shape=(n, n)))
        rest = {"network_average": (np.ones(n),), "perturbation_curve": ("nodes", [0.1, 0.5], 1)}.get(function, ())
        tracemalloc.start()  # numpy reports its arrays to it
        getattr(ref, function)(P, *rest)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / links

    small, large = bytes_per_link(100_000), bytes_per_link(1_000_000)
    assert large < 1.1 * small  # what does not grow is spread over more links
    assert large < 30


@given(MATRICES)
def test_the_parts_of_the_giant_component_are_its_own(P):
    of_all, of_giant = ref.decompose(P), ref.decompose(P, giant_component=True)
    assert of_giant == ref.decompose(ref.giant_component(P)[0])
    if len(ref.giant_component(P)[1]) == len(P):
        assert of_giant == of_all


def test_nodes_without_links_lower_the_mean_degree_and_not_beta_eff():
    P = np.zeros((6, 6))
    P[:3, :3] = [[0, 3, 0], [1, 0, 2], [1, 1, 0]]
    of_all, of_giant = ref.decompose(P), ref.decompose(P, giant_component=True)
    assert of_all.mean_degree == of_giant.mean_degree / 2 == 8 / 6
    assert of_all.beta_eff == pytest.approx(of_giant.beta_eff) == pytest.approx(ref.beta_eff(P))
