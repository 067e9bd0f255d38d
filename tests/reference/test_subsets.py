"""What follows from some of the samples, in exact fractions: T1 for batches, and T9, the variance of a subsample, stratified too."""

import itertools
import json
from fractions import Fraction
from math import comb, prod
from pathlib import Path

import exact
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncap import reference as ref

TABLE = json.loads(Path(ref.__file__).with_name("counterexamples.json").read_text())["squared_error_2_2_2_2"]
numbers = st.sampled_from(exact.NUMBERS)


# T1 for stochastic gradient descent


@given(st.lists(numbers, min_size=2, max_size=6), st.data())
def test_t1_every_batch_is_flat_only_where_every_sample_is(gradients, data):
    """Of one weight: some batch of B < N samples has a gradient unless no sample has one."""
    size = data.draw(st.integers(1, len(gradients) - 1))
    assert any(map(sum, itertools.combinations(gradients, size))) == any(gradients)


def twice():
    """The network of T4 with each of its six samples twice: z, s, g."""
    net = exact.bias_free([[[Fraction(w) for w in row] for row in kernel] for kernel in TABLE["kernels"]])
    x, error = ([[Fraction(v) for v in row] for row in TABLE[name]] * 2 for name in ("x", "error"))
    return net, exact.families(net, x, error)


def batch_gradient(net, values, batch):
    z, g = ({l: [family[l][n] for n in batch] for l in family} for family in (values.z, values.g))
    return exact.gradient(net, z, g)


def test_t1_fails_for_a_fixed_partition_into_batches():
    """Two batches of six, each T4's samples: neither moves the network, and beta_eff is 2."""
    net, values = twice()
    for batch in (range(6), range(6, 12)):
        assert not any(batch_gradient(net, values, batch).values())
    P = exact.interaction(values.z, values.s, values.g)
    assert exact.two_steps(P) / sum(P.values()) == 2


def test_t1_batches_drawn_at_random_move_the_network_that_a_partition_leaves():
    net, values = twice()
    moved = [
        batch for batch in itertools.combinations(range(12), 6) if any(batch_gradient(net, values, batch).values())
    ]
    assert 0 < len(moved) < comb(12, 6)


# T9


def centre(values):
    return sum(values, Fraction(0)) / len(values)


def variance(values):
    return centre([(value - centre(values)) ** 2 for value in values])


def of_drawing(values, m):
    """(N - m) / (m (N - 1)) times the variance."""
    return Fraction(len(values) - m, m * (len(values) - 1)) * variance(values)


@given(st.lists(numbers, min_size=2, max_size=7), st.data())
def test_t9_the_variance_of_a_subsamples_mean_over_every_subset(values, data):
    m = data.draw(st.integers(1, len(values)))
    means = [centre(drawn) for drawn in itertools.combinations(values, m)]
    assert centre([(mean - centre(values)) ** 2 for mean in means]) == of_drawing(values, m)


@given(st.lists(st.lists(numbers, min_size=2, max_size=4), min_size=1, max_size=3), st.data())
def test_t9_the_variance_of_a_stratified_mean_over_every_choice(classes, data):
    """Any number of each class, the classes weighted by their share of all samples: the mean of the means is that of all."""
    sizes = [data.draw(st.integers(1, len(values))) for values in classes]
    everyone = list(itertools.chain(*classes))
    shares = [Fraction(len(values), len(everyone)) for values in classes]
    choices = list(
        itertools.product(*(itertools.combinations(values, m) for values, m in zip(classes, sizes, strict=True)))
    )
    means = [sum(share * centre(drawn) for share, drawn in zip(shares, choice, strict=True)) for choice in choices]
    assert len(means) == prod(comb(len(values), m) for values, m in zip(classes, sizes, strict=True))
    assert centre(means) == centre(everyone)
    assert centre([(mean - centre(everyone)) ** 2 for mean in means]) == sum(
        share**2 * of_drawing(values, m) for share, values, m in zip(shares, classes, sizes, strict=True)
    )


@pytest.mark.parametrize("taken", [1, 2])
def test_t9_strata_help_where_the_classes_differ(taken):
    """Two classes of three: what differs between them no longer counts."""
    classes = [[Fraction(v) for v in values] for values in ([0, 1, 2], [10, 11, 12])]
    stratified = sum(Fraction(1, 2) ** 2 * of_drawing(values, taken) for values in classes)
    assert 0 < stratified < of_drawing(list(itertools.chain(*classes)), 2 * taken) / 10
