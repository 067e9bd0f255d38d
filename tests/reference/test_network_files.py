"""Networks in files: lists of edges and tables of adjacency as people and other tools write them."""

import networkx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from networks import MATRICES

from ncap import reference as ref


def written(folder, text, name="network.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def as_edges(network):
    """{(sender, receiver): weight}."""
    P = network.P.tocoo()
    return {
        (network.nodes[j], network.nodes[i]): float(w) for i, j, w in zip(P.coords[0], P.coords[1], P.data, strict=True)
    }


TWO = {("bee", "sage"): 5.0, ("sage", "fly"): 2.5}


@pytest.mark.parametrize(
    "text",
    [
        "bee,sage,5\nsage,fly,2.5\n",
        "source,target,weight\nbee,sage,5\nsage,fly,2.5\n",
        "From, To, weight\nbee, sage, 5\nsage, fly, 2.5\n",
        "\ufeffbee;sage;5\nsage;fly;2.5",
        "# two links\n% of a food web\n\nbee sage 5\nsage\tfly 2.5\n".replace("\t", "   "),
        "bee\tsage\t5\r\nsage\tfly\t2.5\r\n",
        'giver,taker,weight,year\n"bee",sage,5,1\nsage,"fly",2.5,2\n',
        "bee,sage,2\nsage,fly,2.5\nbee,sage,3\n",  # parallel edges add up
    ],
)
def test_edges_are_read_however_they_are_written(tmp_path, text):
    network = ref.read_edges(written(tmp_path, text))
    assert as_edges(network) == TWO
    assert network.nodes == ["bee", "sage", "fly"]


def test_weights_are_the_column_that_is_named(tmp_path):
    path = written(tmp_path, "source,target,visits,years\na,b,7,2\n")
    assert as_edges(ref.read_edges(path, weight="visits")) == {("a", "b"): 7.0}
    assert as_edges(ref.read_edges(path, weight="years")) == {("a", "b"): 2.0}
    assert as_edges(ref.read_edges(path, weight=None)) == {("a", "b"): 1.0}
    with pytest.raises(
        ValueError, match=r"no column weight='weight' after the first two; pass one of \['visits', 'years'\]"
    ):
        ref.read_edges(path)
    assert as_edges(ref.read_edges(written(tmp_path, "sender,receiver\na,b\n"))) == {("a", "b"): 1.0}
    with pytest.raises(ValueError, match="no column weight='visits'"):
        ref.read_edges(written(tmp_path, "sender,receiver\na,b\n"), weight="visits")


def test_an_undirected_edge_is_a_link_in_both_directions_and_a_loop_is_one(tmp_path):
    network = ref.read_edges(written(tmp_path, "a,b,3\nb,b,2\n"), directed=False)
    assert network.P.toarray().tolist() == [[0, 3], [3, 2]]


@pytest.mark.parametrize("kind", [networkx.DiGraph, networkx.Graph])
def test_what_networkx_writes_is_what_it_holds(tmp_path, kind):
    graph = networkx.gnm_random_graph(12, 30, seed=0, directed=kind is networkx.DiGraph)
    for number, (u, v) in enumerate(graph.edges):
        graph.edges[u, v]["weight"] = 1 + number / 4
    networkx.write_weighted_edgelist(graph, tmp_path / "edges.txt")
    P, nodes = ref.read_edges(tmp_path / "edges.txt", directed=kind is networkx.DiGraph)
    assert ref.beta_eff(P) == pytest.approx(ref.beta_eff(graph))
    order = [nodes.index(str(node)) for node in graph]
    np.testing.assert_array_equal(P.toarray()[np.ix_(order, order)], networkx.to_numpy_array(graph).T)


@settings(max_examples=30)
@given(P=MATRICES.filter(len))
def test_a_table_is_read_back_in_either_sense_with_and_without_names(tmp_path_factory, P):
    path, names = tmp_path_factory.mktemp("table") / "table.csv", [f"n{i}" for i in range(len(P))]
    for header, index in ((names, names), (names, None), (None, None)):
        table = pd.DataFrame(P, index=index, columns=header)
        table.to_csv(path, header=header is not None, index=index is not None)
        for rows, want in (("receive", P), ("send", P.T)):
            network = ref.read_adjacency(path, rows)
            np.testing.assert_array_equal(network.P.toarray(), want)
            assert network.nodes == (names if header else [str(i) for i in range(len(P))])
        if np.array_equal(P, P.T):
            np.testing.assert_array_equal(ref.read_adjacency(path).P.toarray(), P)
        else:
            with pytest.raises(ValueError, match="is not symmetric: pass rows='send'"):
                ref.read_adjacency(path)


def test_what_networkx_and_pandas_call_adjacency_has_rows_that_send(tmp_path):
    graph = networkx.DiGraph([("here", "there", {"weight": 3.0}), ("there", "elsewhere", {"weight": 1.0})])
    networkx.to_pandas_adjacency(graph).to_csv(tmp_path / "table.csv")
    network = ref.read_adjacency(tmp_path / "table.csv", rows="send")
    assert network.nodes == list(graph)
    assert as_edges(network) == {("here", "there"): 3.0, ("there", "elsewhere"): 1.0}


def test_an_empty_cell_of_a_table_is_no_link(tmp_path):
    assert ref.read_adjacency(written(tmp_path, "name,a,b\na,,2\nb,2,\n")).P.toarray().tolist() == [[0, 2], [2, 0]]


def test_published_networks_survive_the_way_through_a_file(shared_data, tmp_path):
    networks = np.load(shared_data / "networks" / "mutualistic.npz", allow_pickle=False)
    for name in networks:
        np.savetxt(tmp_path / "table.csv", networks[name], delimiter=",", fmt="%.17g")
        np.testing.assert_array_equal(ref.read_adjacency(tmp_path / "table.csv").P.toarray(), networks[name])
