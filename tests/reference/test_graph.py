"""The line graph G_B: hand-computed, counted, against networkx's reversed line graph, and as the support of P."""

import itertools

import networkx
import numpy as np
import pytest
from cnns import cnn_cases, meetings
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from strategies import cases, widths

from ncap import reference as ref
from ncap.reference.shared_weights.junction import junctions


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


def test_shared_weights_by_hand():
    # Three pixels; weights 0, 1 slide over them to two neurons, the mean of which enters weights 2, 3 to the two outputs.
    net = ref.CNN([ref.Conv2D([[[[1.0]], [[1.0]]]]), ref.GlobalAveragePooling2D(), ref.Dense([[1.0, 1.0]])], (1, 3, 1))
    assert ref.line_graph(net).astype(int).toarray().tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [0] * 4, [0] * 4]
    # Each of 0, 1 joins two pairs of neurons, each of 2, 3 one; every link is made by both neurons.
    assert ref.line_graph_size(net) == (4, 4, 6, 8)
    # Unless the mean is of one neuron: the stride leaves out the second place.
    net = ref.CNN([ref.Conv2D([[[[1.0]], [[1.0]]]], strides=2), ref.Flatten(), ref.Dense([[1.0, 1.0]])], (1, 3, 1))
    assert ref.line_graph_size(net) == (4, 4, 4, 4)


@settings(max_examples=50)
@given(cnn_cases())
def test_shared_weights_meet_where_a_neuron_is_entered_and_left(case):
    paths, B, size = meetings(case.net), ref.line_graph(case.net), ref.line_graph_size(case.net)
    assert B.dtype == bool
    assert B.has_canonical_format
    assert {(int(p), int(q)) for p, q in zip(*B.nonzero(), strict=True)} == set(paths)
    assert (size.nodes, size.links) == (B.shape[0], B.nnz) == (ref.weight_offsets(case.net)[-1], len(paths))
    assert size.paths == sum(paths.values())


@given(cnn_cases())
def test_the_support_of_a_shared_p_lies_in_the_line_graph(case):
    P = ref.interaction_matrix(case.net, case.x, case.y, strength="magnitude") != 0
    assert (ref.line_graph(case.net) < P).nnz == 0


@given(cnn_cases(values="positive", max_pooling=False, losses=("squared_error",)))
def test_the_support_of_a_shared_p_is_the_line_graph_when_no_factor_vanishes(case):
    """Positive throughout, targets below every output, no maxima, which choose, and no neuron left out by a window's stride."""
    targets = -np.ones((len(case.x), case.net.kernels[-1].shape[1]))
    assume(all(junction.g.all() for junction in junctions(case.net, case.x, targets)))
    P = ref.interaction_matrix(case.net, case.x, targets)
    assert (ref.line_graph(case.net) != (P != 0)).nnz == 0


@given(widths(min_depth=1, max_depth=4, max_width=5))
def test_an_mlp_is_counted_as_it_is_built(sizes):
    links = sum(a * b * c for a, b, c in zip(sizes, sizes[1:], sizes[2:], strict=False))
    nodes = sum(a * b for a, b in itertools.pairwise(sizes))
    assert ref.line_graph_size(sizes) == (nodes, links, nodes, links)
    net = ref.MLP([np.ones(shape) for shape in itertools.pairwise(sizes)])
    assert ref.line_graph_size(net) == ref.line_graph_size(sizes)
    assert (ref.line_graph(net) != ref.line_graph(sizes)).nnz == 0


def test_what_could_never_be_built_is_counted_and_refused():
    kernels = [np.ones((3, 3, *channels)) for channels in ((3, 256), (256, 256))]
    convolutions = [ref.Conv2D(kernel, padding="same") for kernel in kernels]
    net = ref.CNN([*convolutions, ref.GlobalAveragePooling2D(), ref.Dense(np.ones((256, 1000)))], (16, 16, 3))
    # Any of 9 entries meets any of 9; the mean joins every neuron of a channel to every output.
    links = 9 * 9 * 3 * 256 * 256 + 9 * 256 * 256 * 1000
    joined_along_an_axis = 15 + 16 + 15  # the outer entries of a window miss one place
    connections = joined_along_an_axis**2 * (3 * 256 + 256 * 256) + 256 * 1000
    assert ref.line_graph_size(net)[1:3] == (links, connections)
    with pytest.raises(
        ValueError, match=f"CNN.Conv2D .16, 16, 256.* a line graph of {links:,} links, more than 200,000,000"
    ):
        ref.line_graph(net)


def test_a_graph_is_built_up_to_its_largest_number_of_links(monkeypatch):
    monkeypatch.setattr("ncap.reference.interaction.graph.MAX_LINKS", 2 * 3 * 4 + 3 * 4 * 5)
    assert ref.line_graph((2, 3, 4, 5)).nnz == 84
    monkeypatch.setattr("ncap.reference.interaction.graph.MAX_LINKS", 83)
    with pytest.raises(ValueError, match="a line graph of 84 links, more than 83"):
        ref.line_graph((2, 3, 4, 5))


@pytest.mark.parametrize("sizes", [(), (3,), (3, 0, 2), (3, 2.5), (3, float("nan"))])
def test_bad_widths_are_refused_with_the_rule(sizes):
    with pytest.raises(ValueError, match=r"widths must be at least two whole numbers of at least 1.*got"):
        ref.line_graph(sizes)


@pytest.mark.parametrize("sizes", [np.array([1, 2, 1]), [1.0, 2.0, 1.0]])
def test_whole_numbers_of_any_type_are_widths(sizes):
    assert ref.line_graph(sizes).nnz == 2


def networks():
    return st.one_of(cases(min_depth=1, max_depth=4, max_width=4), cnn_cases())


@settings(max_examples=50)
@given(networks())
def test_networkx_holds_the_same_links_the_way_the_error_flows(case):
    B = ref.line_graph(case.net)
    graph = ref.to_networkx(case.net)
    # networkx calls the row the sender.
    assert (networkx.to_scipy_sparse_array(graph, dtype=bool).T != B).nnz == 0 if B.nnz else not graph.edges
    kernels = [np.asarray(kernel) for kernel in case.net.kernels]
    entries = [(l, index) for l, kernel in enumerate(kernels, 1) for index in np.ndindex(kernel.shape)]
    assert list(graph) == list(range(len(entries)))
    assert [(n["layer"], tuple(map(int, n["entry"].split(",")))) for _, n in graph.nodes(data=True)] == entries
    P = ref.interaction_matrix(case.net, case.x, case.y)
    weighted = ref.to_networkx(case.net, P)
    assert {(u, v): w for u, v, w in weighted.edges(data="weight")} == {
        (q, p): w for (p, q), w in sparse.dok_array(P).items()
    }
    assert ref.beta_eff(weighted) == pytest.approx(ref.beta_eff(P), rel=1e-9)  # the order of sums that may cancel


@pytest.mark.parametrize("weighted", [False, True])
def test_graphml_brings_the_graph_back(weighted, tmp_path):
    rng = np.random.default_rng(0)
    net = ref.CNN(
        [ref.Conv2D(rng.normal(size=(2, 2, 1, 2))), ref.Flatten(), ref.Dense(rng.normal(size=(8, 2)))], (3, 3, 1)
    )
    P = ref.interaction_matrix(net, rng.normal(size=(2, 3, 3, 1)), [0, 1]) if weighted else None
    graph = ref.to_networkx(net, P)
    ref.write_graphml(tmp_path / "line_graph.graphml", net, P)
    read = networkx.read_graphml(tmp_path / "line_graph.graphml", node_type=int)
    assert dict(read.nodes(data=True)) == dict(graph.nodes(data=True))
    assert list(read.edges(data=True)) == list(graph.edges(data=True))


def test_networkx_is_not_given_more_than_it_can_hold(monkeypatch):
    P = ref.interaction_matrix(ref.MLP([np.ones((2, 2))] * 3), [[1.0, 1.0]], [[0.0, 1.0]])
    monkeypatch.setattr("ncap.reference.interaction.interchange.MAX_LINKS", 16)
    assert len(ref.to_networkx((2, 2, 2, 2)).edges) == 16
    monkeypatch.setattr("ncap.reference.interaction.interchange.MAX_LINKS", 15)
    with pytest.raises(ValueError, match="widths would give networkx 16 links, more than 15"):
        ref.to_networkx((2, 2, 2, 2))
    assert len(ref.to_networkx((2, 2, 2, 2), P).edges) == P.nnz == 8
