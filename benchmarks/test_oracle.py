"""What the oracle costs: against its own matrix products, and against a dense P built with BLAS, over N.

Run with `make bench`, or `pytest benchmarks --benchmark-only`. The ratios are printed and kept as extra_info; they compare
runs taken in turn, and no absolute time across machines.
"""

import itertools
import time

import numpy as np
import pytest

from ncap import reference as ref

LARGE, SMALL = (2048, 256, 128, 100), (32, 32, 32, 10)


def drawn(widths, samples, loss="squared_error"):
    rng = np.random.default_rng(0)
    net = ref.MLP([rng.normal(size=shape) * np.sqrt(2 / shape[0]) for shape in itertools.pairwise(widths)], loss=loss)
    return net, rng.normal(size=(samples, widths[0])), rng.integers(0, widths[-1], samples)


def ratio_of_times(one, other, repeats=15):
    """Least time of one over least time of the other, taken in turn: what a busy machine adds is left out of both."""
    seconds = {one: [], other: []}
    for function in (one, other):
        function()  # compiles, and warms the caches
    for _ in range(repeats):
        for function in (one, other):
            start = time.perf_counter()
            function()
            seconds[function].append(time.perf_counter() - start)
    return min(seconds[one]) / min(seconds[other])


def own_products(net, x, y):
    """Exactly the matrix products of the magnitude reading of a three-kernel net, and nothing else."""
    z, s, g, _ = ref.families(net, x, y)
    W = [layer.kernel for layer in net.layers]
    degrees = np.ones_like(W[1])

    def products():
        x @ W[0], z[1] @ W[1], z[2] @ W[2], g[1] @ W[2].T  # forward and backward
        z[1].T @ s[1], s[0].T @ g[0]  # degrees of the interior layer
        z[1] @ degrees, s[0] @ degrees  # standard error

    return products


def dense_beta_eff(net, x, y):
    """beta_eff through a dense P, each neuron's block one BLAS product: the rival with P."""
    z, s, g, _ = ref.families(net, x, y)
    offsets = ref.weight_offsets(net.widths)
    P = np.zeros((offsets[-1], offsets[-1]))
    for l in range(1, net.depth):
        n, n_out = net.widths[l], net.widths[l + 1]
        for i in range(n):
            block = (z[l - 1] * s[l - 1][:, i : i + 1]).T @ g[l - 1] / len(x)
            P[offsets[l - 1] + i : offsets[l] : n, offsets[l] + i * n_out : offsets[l] + (i + 1) * n_out] = block
    return ref.beta_eff(P)


def test_closed_form_against_its_own_products(benchmark):
    """2048-256-128-100 at 4,096 samples, magnitude with its standard error."""
    net, x, y = drawn(LARGE, 4096, "cross_entropy")

    def closed_form():
        return ref.capacitance(net, x, y, strength="magnitude")

    ratio = ratio_of_times(closed_form, own_products(net, x, y))
    benchmark.extra_info["closed form / its own products"] = round(ratio, 2)
    print(f"\nclosed form / its own products, {LARGE}, N = 4096: {ratio:.2f}")
    benchmark(closed_form)


@pytest.mark.parametrize("samples", [1, 16, 128, 1024])
def test_closed_form_against_dense_p(benchmark, samples):
    """32-32-32-10, signed with its magnitude and standard error."""
    net, x, y = drawn(SMALL, samples)
    assert dense_beta_eff(net, x, y) == pytest.approx(ref.capacitance(net, x, y, strength="signed").beta_eff, rel=1e-9)
    gain = ratio_of_times(lambda: dense_beta_eff(net, x, y), lambda: ref.capacitance(net, x, y))
    benchmark.extra_info["dense P / closed form"] = round(gain, 1)
    print(f"\ndense P / closed form, {SMALL}, N = {samples}: {gain:.1f}")
    benchmark(lambda: ref.capacitance(net, x, y))
