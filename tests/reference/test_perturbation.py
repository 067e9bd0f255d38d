"""Failures of nodes and links, and weaker weights: against networkx, by exact expectation, and by what must hold."""

from itertools import combinations, permutations

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import FORMS, MATRICES, ring, star

from ncap import reference as ref

FRACTIONS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])  # exact times dyadic weights: what cancels, cancels
RANDOM = st.sampled_from(["nodes", "links"])


@given(MATRICES, FRACTIONS, st.integers(0, 3))
def test_nodes_that_fail_lose_their_links_and_nothing_else_is_lost(P, fraction, seed):
    left = ref.perturb(P, "nodes", fraction, seed).toarray()
    alive = (left != 0).any(axis=0) | (left != 0).any(axis=1)
    lost = (P != 0) & (left == 0)
    gone = round(fraction * len(P))
    # Some set of that many nodes covers every lost link and touches no link that is left.
    candidates = (set(nodes[:gone]) for nodes in permutations(range(len(P)), gone))
    assert any(
        not any(alive[list(nodes)]) and all(i in nodes or j in nodes for i, j in np.argwhere(lost))
        for nodes in candidates
    )
    np.testing.assert_array_equal(left[left != 0], P[left != 0])


@given(MATRICES, FRACTIONS, st.integers(0, 3))
def test_that_many_links_fail_and_the_rest_stay_as_they_were(P, fraction, seed):
    left = ref.perturb(P, "links", fraction, seed)
    links = np.count_nonzero(P)
    assert left.nnz == links - round(fraction * links)
    left = left.toarray()
    np.testing.assert_array_equal(left[left != 0], P[left != 0])


@given(MATRICES, FRACTIONS)
def test_weights_weaken_alike_and_beta_eff_with_them(P, fraction):
    np.testing.assert_array_equal(ref.perturb(P, "weights", fraction).toarray(), P * (1 - fraction))
    (got,), beta = ref.perturbation_curve(P, "weights", [fraction], repeats=1), ref.beta_eff(P)
    assert got == (pytest.approx(beta * (1 - fraction), rel=1e-15) if fraction < 1 else 0)  # one division each


@given(MATRICES, RANDOM, st.integers(0, 3))
def test_more_is_removed_on_top_of_what_was(P, remove, seed):
    before = P != 0
    for fraction in (0.0, 0.2, 0.5, 0.7, 1.0):
        after = ref.perturb(P, remove, fraction, seed).toarray() != 0
        assert not (after & ~before).any()
        before = after
    assert not before.any()


@given(MATRICES, st.sampled_from(["nodes", "links", "weights"]), st.integers(0, 3))
def test_the_curve_is_beta_eff_of_the_perturbed_networks(P, remove, seed):
    fractions = [0.0, 0.25, 0.5, 1.0]
    curve = ref.perturbation_curve(FORMS["networkx"](P), remove, fractions, repeats=2, seed=seed)
    assert curve.shape == (4, 2)
    for f, fraction in enumerate(fractions):
        for repeat in range(2):
            assert curve[f, repeat] == ref.beta_eff(ref.perturb(P, remove, fraction, seed, repeat))
    np.testing.assert_array_equal(curve[0], ref.beta_eff(P))
    np.testing.assert_array_equal(curve[-1], 0)


def test_the_mean_over_many_orders_is_the_exact_expectation():
    """A ring of 10 links keeps 7: each pair of links in a row with probability (7 6) / (10 9), so E[beta_eff] = 6 / 9."""
    repeats = 1000
    curve = ref.perturbation_curve(ring(10, 1), "links", [0.3], repeats)
    # One order's beta_eff varies by about 0.1 (measured); five standard errors.
    assert curve.mean() == pytest.approx(6 / 9, abs=5 * 0.1 / np.sqrt(repeats))
    # A star of 9 leaves without 4 of its nodes: (5 + 1) / 2 while the hub stands, with probability 6 / 10, else 0.
    curve = ref.perturbation_curve(star(9), "nodes", [0.4], repeats)
    assert set(np.unique(curve)) == {0.0, 3.0}
    assert curve.mean() == pytest.approx(3 * 0.6, abs=5 * 3 * np.sqrt(0.4 * 0.6 / repeats))


@pytest.mark.parametrize("remove", ["nodes", "links"])
def test_seeds_and_repeats_are_orders_of_their_own_and_come_again(remove):
    P = np.random.default_rng(0).random((20, 20))
    curve = ref.perturbation_curve(P, remove, [0.5], repeats=3, seed=1)
    np.testing.assert_array_equal(curve, ref.perturbation_curve(P, remove, [0.5], repeats=3, seed=1))
    others = ref.perturbation_curve(P, remove, [0.5], repeats=3, seed=2)
    assert len(np.unique(np.concatenate([curve, others]))) == 6


# Hubs


@pytest.mark.parametrize("order", ["degree", "in_strength", "out_strength"])
@settings(max_examples=30)
@given(P=MATRICES, seed=st.integers(0, 3))
def test_hubs_go_first(order, P, seed):
    """Whoever is left has no more than whoever is gone, of what the order counts in the whole network."""
    counts = {
        "degree": (P != 0).sum(axis=0) + (P != 0).sum(axis=1),
        "in_strength": P.sum(axis=1),
        "out_strength": P.sum(axis=0),
    }[order]
    for fraction in (0.25, 0.5, 0.75):
        gone = round(fraction * len(P))
        want = np.sort(counts)[::-1][:gone].sum()  # ties may fall either way
        left = ref.perturb(P, "nodes", fraction, seed, order=order).toarray()
        sets = (
            list(nodes) for nodes in combinations(range(len(P)), gone) if np.isclose(counts[list(nodes)].sum(), want)
        )
        assert any(np.array_equal(left, without(P, nodes)) for nodes in sets)


def without(P, nodes):
    left = P.copy()
    left[nodes] = 0
    left[:, nodes] = 0
    return left


@settings(max_examples=30)
@given(MATRICES.filter(len), st.randoms(use_true_random=False))
def test_a_given_order_is_followed_whatever_the_form(P, random):
    order = random.sample(range(len(P)), len(P))
    named = networkx.relabel_nodes(FORMS["networkx"](P), {i: f"node {i}" for i in range(len(P))})
    for fraction in (0.0, 0.3, 0.5, 1.0):
        want = without(P, order[: round(fraction * len(P))])
        for form in FORMS.values():
            np.testing.assert_array_equal(ref.perturb(form(P), "nodes", fraction, order=order).toarray(), want)
        by_name = ref.perturb(named, "nodes", fraction, order=[f"node {i}" for i in order])
        np.testing.assert_array_equal(by_name.toarray(), want)
    curve = ref.perturbation_curve(P, "nodes", [0.3, 0.5], repeats=2, order=np.array(order))
    np.testing.assert_array_equal(curve[:, 0], curve[:, 1])


def test_an_attack_on_hubs_does_more_than_chance():
    graph = networkx.barabasi_albert_graph(300, 3, seed=0)
    by_chance, attacked = (
        ref.perturbation_curve(graph, "nodes", [0, 0.05, 0.2], 3, order=order) for order in ("random", "degree")
    )
    np.testing.assert_array_equal(by_chance[0], attacked[0])
    assert (attacked[1:] < by_chance[1:].min(axis=1, keepdims=True)).all()
    # 300 nodes with ties: each repeat draws them anew, and they come again.
    assert len(np.unique(ref.perturbation_curve(graph, "nodes", [0.2], 5, order="degree"))) > 1
    np.testing.assert_array_equal(attacked, ref.perturbation_curve(graph, "nodes", [0, 0.05, 0.2], 3, order="degree"))


def test_hubs_are_of_the_weights_that_are_named():
    graph = networkx.DiGraph([("a", "b", {"flow": 9.0, "rank": 1.0}), ("c", "d", {"flow": 1.0, "rank": 9.0})])
    for weight, left in (("flow", "d"), ("rank", "b")):
        P = ref.perturb(graph, "nodes", 0.25, order="out_strength", weight=weight)
        (receiver,) = P.sum(axis=1).nonzero()[0]
        assert list(graph)[receiver] == left


@pytest.mark.parametrize("remove", ["links", "weights"])
def test_an_order_of_nodes_is_refused_where_none_is_removed(remove):
    with pytest.raises(
        ValueError, match=f"order='degree' is of nodes, and remove='{remove}' removes none; leave order out"
    ):
        ref.perturb(np.eye(2), remove, order="degree")
