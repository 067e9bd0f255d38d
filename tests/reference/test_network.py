"""Reading any network, and its largest component: by hand and against networkx."""

import subprocess
import sys

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import FORMS, MATRICES
from scipy import sparse

from ncap import reference as ref
from ncap.reference.network.links import as_links, as_matrix


@pytest.mark.parametrize("form", FORMS)
def test_the_row_receives_and_the_column_sends(form):
    """a -> b with weight 5, b -> c without one: P[1, 0] = 5, P[2, 1] = 1; a sends 5, b sends 1, c sends nothing."""
    P = np.array([[0, 0, 0], [5, 0, 0], [0, 1, 0]])
    graph = networkx.DiGraph()
    graph.add_nodes_from("abc")
    graph.add_edge("a", "b", weight=5)
    graph.add_edge("b", "c")
    network = graph if form == "networkx" else FORMS[form](P)
    np.testing.assert_array_equal(as_links(network).toarray(), P)
    assert ref.network_average(network, [1, 0, 0]) == 5 / 6
    assert ref.network_average(network, [0, 0, 1]) == 0
    assert ref.beta_eff(network) == 5 * 1 / 6  # only b both receives, 5, and sends, 1


@given(MATRICES)
def test_all_three_forms_are_one_network(P):
    for form in FORMS.values():
        links = as_links(form(P))
        np.testing.assert_array_equal(links.toarray(), P)
        assert links.nnz == np.count_nonzero(P)
        assert links.dtype == np.float64


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([None, 1, -2, 0.5])), max_size=12))
def test_graphs_of_networkx_are_its_own_matrix_transposed(edges):
    for kind in (networkx.Graph, networkx.DiGraph, networkx.MultiGraph, networkx.MultiDiGraph):
        graph = kind()
        graph.add_nodes_from([3, "b", (1, 2), 0, 4])  # the order of the graph, not of the names
        names = list(graph)
        for u, v, weight in edges:
            graph.add_edge(names[u], names[v], **({} if weight is None else {"weight": weight}))
        # Sums of parallel edges are exact: small dyadic weights.
        np.testing.assert_array_equal(as_links(graph).toarray(), networkx.to_numpy_array(graph).T)


def test_what_is_passed_is_neither_copied_without_need_nor_changed():
    P = sparse.csr_array(np.random.default_rng(0).random((5, 5)))
    assert np.shares_memory(as_matrix(P).data, P.data)
    assert np.shares_memory(as_links(P).data, P.data)
    dense = P.toarray()
    assert as_matrix(dense) is dense
    # Twice the link 2 -> 0, a stored zero, a pair that cancels, columns out of order.
    untidy = ([1.0, 2.0, 0.0, 3.0, 4.0, -4.0], [2, 2, 1, 0, 1, 1], [0, 3, 4, 6])
    P = sparse.csr_array(tuple(map(np.array, untidy)), shape=(3, 3))
    want = [[0, 0, 3], [3, 0, 0], [0, 0, 0]]
    assert as_links(P).toarray().tolist() == want
    assert as_links(P).nnz == 2
    for remove in ("nodes", "links", "weights"):
        ref.perturb(P, remove, 0.5)
        ref.perturbation_curve(P, remove)
    for function in (ref.beta_eff, ref.decompose, ref.giant_component):
        function(P)
    ref.simulate(P, ref.epidemic(), 0.5, [0, 1])
    for array, before in zip((P.data, P.indices, P.indptr), untidy, strict=True):
        assert array.tolist() == before


def test_a_perturbed_network_is_the_callers_own():
    P = sparse.csr_array(np.ones((3, 3)))
    ref.perturb(P, "weights", 0.0).indices[:] = 0
    assert P.indices.tolist() == [0, 1, 2] * 3


def test_without_a_graph_networkx_is_not_imported():
    code = "import sys; from ncap import reference as ref; ref.beta_eff([[1.0]]); print('networkx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


# The giant component


@given(MATRICES)
def test_the_giant_component_is_the_largest_of_networkx_and_of_equals_the_first(P):
    graph = FORMS["networkx"](P)
    want = min(networkx.weakly_connected_components(graph), key=lambda nodes: (-len(nodes), min(nodes)), default=set())
    for form in FORMS.values():
        links, nodes = ref.giant_component(form(P))
        assert nodes.tolist() == sorted(want)
        np.testing.assert_array_equal(links.toarray(), P[np.ix_(nodes, nodes)])


@pytest.mark.parametrize(
    "stored",
    [
        ([0.0, 1.0], [1, 2], [0, 1, 2, 2, 2]),  # 1 -> 0 is stored, as 0
        ([1.0, -1.0, 1.0], [1, 1, 2], [0, 2, 3, 3, 3]),  # 1 -> 0 is stored twice, and adds up to 0
    ],
)
def test_links_of_weight_zero_hold_nothing_together(stored):
    P = sparse.csr_array(tuple(map(np.array, stored)), shape=(4, 4))
    assert ref.giant_component(P)[1].tolist() == [1, 2]
    assert ref.perturb(P, "links", 1.0).nnz == 0
    assert ref.perturb(P, "links", 0.0).nnz == 1
