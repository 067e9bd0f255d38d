"""The line graph G_B: hand-computed, counted, against networkx's reversed line graph, and as the support of P."""

import networkx
import numpy as np
import pytest
from hypothesis import given
from strategies import cases, widths

from ncap import reference as ref


def test_two_by_two_by_hand():
    # W_1 has 1->1, 1->2 (nodes 0, 1); W_2 has 1->1, 1->2, 2->1, 2->2 (nodes 2..5). Node 0 enters neuron 1, whose weights are 2, 3.
    B = ref.line_graph((1, 2, 2)).toarray()
    assert {(int(i), int(j)) for i, j in zip(*B.nonzero(), strict=True)} == {(0, 2), (0, 3), (1, 4), (1, 5)}
    assert B.dtype == bool


@given(widths(min_depth=1, max_depth=4, max_width=5))
def test_it_is_the_reversed_line_graph_of_networkx(sizes):
    layered = networkx.DiGraph()
    edges = [((l, j), (l + 1, i)) for l in range(len(sizes) - 1) for j in range(sizes[l]) for i in range(sizes[l + 1])]
    layered.add_edges_from(edges)
    position = {edge: node for node, edge in enumerate(edges)}
    want = np.zeros((len(edges), len(edges)), bool)
    for before, after in networkx.line_graph(layered).edges:
        want[position[before], position[after]] = True  # reversed: the earlier weight receives, as the row
    B = ref.line_graph(sizes)
    np.testing.assert_array_equal(B.toarray(), want)
    assert B.nnz == sum(a * b * c for a, b, c in zip(sizes, sizes[1:], sizes[2:], strict=False))


@given(cases(max_depth=5, max_width=5))
def test_the_support_of_p_lies_in_the_line_graph(case):
    P = ref.interaction_matrix(case.net, case.x, case.y).toarray() != 0
    B = ref.line_graph(case.net.widths).toarray()
    assert not (P & ~B).any()


def test_the_support_of_p_is_the_line_graph_when_no_factor_vanishes():
    rng = np.random.default_rng(0)
    net = ref.MLP([rng.uniform(0.1, 1, size=(a, b)) for a, b in ((3, 4), (4, 3), (3, 2))])
    x, y = rng.uniform(0.1, 1, size=(5, 3)), [0, 1, 0, 1, 0]
    P = ref.interaction_matrix(net, x, y, strength="magnitude").toarray() != 0
    B = ref.line_graph(net.widths)
    assert (B.toarray() == P).all()
    # MATHEMATICS.md, section 2: the hessian reading is wider, 216 entries against 60 links.
    assert (ref.interaction_matrix(net, x, y, interaction="hessian").nnz, B.nnz) == (216, 60)


def test_a_graph_is_built_up_to_its_largest_number_of_links(monkeypatch):
    monkeypatch.setattr("ncap.reference.graph.MAX_LINKS", 2 * 3 * 4 + 3 * 4 * 5)
    assert ref.line_graph((2, 3, 4, 5)).nnz == 84
    monkeypatch.setattr("ncap.reference.graph.MAX_LINKS", 83)
    with pytest.raises(ValueError, match="a line graph of 84 links, more than 83"):
        ref.line_graph((2, 3, 4, 5))


@pytest.mark.parametrize("sizes", [(), (3,), (3, 0, 2), (3, 2.5), (3, float("nan"))])
def test_bad_widths_are_refused_with_the_rule(sizes):
    with pytest.raises(ValueError, match=r"widths must be at least two whole numbers of at least 1.*got"):
        ref.line_graph(sizes)


@pytest.mark.parametrize("sizes", [np.array([1, 2, 1]), [1.0, 2.0, 1.0]])
def test_whole_numbers_of_any_type_are_widths(sizes):
    assert ref.line_graph(sizes).nnz == 2
