"""Shared weights, rung by rung: layers and P by nested loops, P by definition, closed form and linear operator, MLPs as CNNs."""

import itertools

import numpy as np
import pytest
from agreement import ROUNDINGS, assert_close
from cnns import blocks, cnn_cases, convolutions, interactions, joined, pooled, poolings
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import cases

from ncap import reference as ref
from ncap.reference.shared_weights import cnn
from ncap.reference.shared_weights.connections import connections

EPS = np.finfo(np.float64).eps
READINGS = list(itertools.product(["signed", "magnitude"], ["unit", "relative"]))
every_reading = pytest.mark.parametrize("reading", READINGS, ids="-".join)

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


def flat(arrays):
    return np.concatenate([array.ravel() for array in arrays])


@given(data=st.data())
def test_the_maps_of_a_layer_are_one_bilinear_form(data):
    """<g, K(V) u> = <K(V)' g, u> = <V, gradient>, and that of the connections by loops; dyadic values: exact."""
    shape = (data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5)), data.draw(st.integers(1, 2)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    layer = data.draw(convolutions(shape, lambda *s: rng.choice([0.5, -1.0, 2.0], s)))
    u = rng.choice([1.0, -0.5, 3.0], (2, *shape))
    g = rng.choice([1.0, -0.5, 3.0], (2, *layer.output_shape(shape)))
    by_loops = sum(
        layer.kernel.ravel()[p] * u[n].ravel()[j] * g[n].ravel()[i] for p, j, i in joined(layer, shape) for n in (0, 1)
    )
    assert np.vdot(g, layer.apply(layer.kernel, u)) == by_loops
    assert np.vdot(layer.transpose(layer.kernel, g, shape), u) == by_loops
    assert np.vdot(layer.kernel, layer.gradient(u, g)) == by_loops
    assert sorted(zip(*connections(layer, shape), strict=True)) == sorted(joined(layer, shape))


@given(data=st.data())
def test_poolings_are_their_windows_means_and_maxima(data):
    shape = (data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5)), data.draw(st.integers(1, 2)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    layer = data.draw(st.one_of(poolings(shape), st.just(ref.GlobalAveragePooling2D()), st.just(ref.Flatten())))
    z, g = rng.integers(0, 4, (2, *shape)) / 2, rng.integers(0, 4, (2, *layer.output_shape(shape))) / 2
    passage = layer.at(z)
    of = np.max if isinstance(layer, ref.MaxPooling2D) else np.mean
    members = pooled(layer, shape)
    want = [[of(z[n].ravel()[members[i]]) for i in range(g[0].size)] for n in (0, 1)]
    # Means over at most 25 pixels round; the rest is exact.
    np.testing.assert_allclose(passage.forward(z).reshape(2, -1), want, rtol=32 * EPS)
    assert np.vdot(g, passage.forward(z)) == pytest.approx(np.vdot(passage.transpose(g), z), rel=64 * EPS)


@settings(max_examples=50)
@given(cnn_cases())
def test_the_forward_pass_is_that_of_the_loops(case):
    u, s, _, a = cnn.forward(case.net, case.x)
    for n, sample in enumerate(case.x):
        found, a_n = blocks(case.net, sample)
        np.testing.assert_array_equal(a[n], a_n)
        for l, block in enumerate(found):
            np.testing.assert_array_equal(u[l][n].ravel(), block.u)
            if l < len(s):
                np.testing.assert_array_equal(s[l][n].ravel(), block.s)


@pytest.mark.parametrize("strength", ["signed", "magnitude"])
@settings(max_examples=50)
@given(case=cnn_cases(losses=("squared_error",)))
def test_p_is_the_sum_over_pairs_of_connections(strength, case):
    """Dyadic values: only the mean over samples rounds, once an entry."""
    P = ref.interaction_matrix(case.net, case.x, case.y, strength=strength)
    np.testing.assert_array_equal(P.toarray(), interactions(case.net, case.x, case.y, strength))
    assert P.data.all()


@every_reading
@given(case=cnn_cases())
def test_degrees_in_closed_form_are_the_sums_of_p(reading, case):
    """T0 with shared weights. Both take s, u and g from one forward pass, so what rounds are the sums over paths."""
    P = ref.interaction_matrix(case.net, case.x, case.y, "explicit", *reading)
    sizes = ref.interaction_matrix(case.net, case.x, case.y, "explicit", "magnitude", reading[1])
    delta_in, delta_out = ref.degrees(case.net, case.x, case.y, "explicit", *reading)
    assert [d.shape for d in delta_in] == [d.shape for d in delta_out] == [W.shape for W in case.net.kernels]
    for got, axis in ((delta_in, 1), (delta_out, 0)):
        assert_close(flat(got), P.sum(axis=axis), ROUNDINGS * EPS * sizes.sum(axis=axis), f"axis {axis}")


@every_reading
@given(case=cnn_cases())
def test_capacitance_is_beta_eff_of_p(reading, case):
    got = ref.capacitance(case.net, case.x, case.y, "explicit", *reading)
    P = ref.interaction_matrix(case.net, case.x, case.y, "explicit", *reading)
    sizes = ref.interaction_matrix(case.net, case.x, case.y, "explicit", "magnitude", reading[1])
    scale_A, scale_D = sizes.sum(axis=0) @ sizes.sum(axis=1), sizes.sum()
    if got.reason not in ("softmax", "depth"):
        assert_close(got.numerator, P.sum(axis=0) @ P.sum(axis=1), ROUNDINGS * EPS * scale_A, "A")
    assert_close(got.denominator, P.sum(), ROUNDINGS * EPS * scale_D, "D")
    assert (got.n_samples, got.strength, got.weighting) == (len(case.x), *reading)
    if not got.degenerate:
        cancellation = scale_A / abs(got.numerator) + scale_D / abs(got.denominator) if got.numerator else np.inf
        if cancellation < 1e8:
            assert got.beta_eff == pytest.approx(ref.beta_eff(P), rel=ROUNDINGS * EPS * cancellation)


@settings(max_examples=50)
@given(case=cnn_cases())
def test_standard_error_is_that_of_the_samples_own_degrees(case):
    n = len(case.x)
    for reading in READINGS:
        got = ref.capacitance(case.net, case.x, case.y, "explicit", *reading)
        if n == 1 or got.degenerate:
            assert np.isnan(got.standard_error) or got.standard_error == 0
            continue
        P = [
            ref.interaction_matrix(case.net, case.x[i : i + 1], case.y[i : i + 1], "explicit", *reading)
            for i in range(n)
        ]
        d_in, d_out = (np.array([p.sum(axis=axis) for p in P]) for axis in (1, 0))
        A, D = d_out.mean(0) @ d_in.mean(0), d_in.sum(1).mean()
        psi = (d_in @ d_out.mean(0) + d_out @ d_in.mean(0) - 2 * A) / D - A / D * (d_in.sum(1) - D) / D
        scale = sum(abs(p).sum() for p in P) * got.cancellation
        bound = ROUNDINGS * EPS * n * (scale / abs(D)) ** 2 * (1 + scale)
        assert_close(got.standard_error, psi.std(ddof=1) / np.sqrt(n), bound, f"standard error, {reading}")


@every_reading
@given(case=st.one_of(cnn_cases(), cases(min_depth=1, max_depth=5)), seed=st.integers(0, 99))
def test_the_operator_multiplies_as_p_does(reading, case, seed):
    P = ref.interaction_matrix(case.net, case.x, case.y, "explicit", *reading)
    sizes = ref.interaction_matrix(case.net, case.x, case.y, "explicit", "magnitude", reading[1])
    operator = ref.interaction_operator(case.net, case.x, case.y, *reading)
    v = np.random.default_rng(seed).normal(size=(P.shape[0], 2))
    assert (operator.shape, operator.dtype) == (P.shape, P.dtype)
    for got, matrix, size in ((operator @ v, P, sizes), (operator.T @ v, P.T, sizes.T)):
        assert_close(got, matrix @ v, ROUNDINGS * EPS * (size @ np.abs(v)), "product")
    assert_close((operator @ v[:, 0]), (operator @ v)[:, 0], 0, "one vector")


@every_reading
def test_the_operator_multiplies_where_p_cannot_be_built(reading):
    """With vectors of ones, against the closed form of an MLP, which is another code; P would have 5e8 entries."""
    rng = np.random.default_rng(0)
    net = ref.MLP([rng.normal(size=shape) / 32 for shape in itertools.pairwise((2048, 1024, 256, 10))])
    x, y = rng.normal(size=(4, 2048)), [0, 3, 6, 9]
    with pytest.raises(ValueError, match="need no P"):
        ref.interaction_matrix(net, x, y)
    operator = ref.interaction_operator(net, x, y, *reading)
    ones = np.ones(operator.shape[0])
    scale = ref.degrees(net, x, y, "explicit", "magnitude", reading[1])
    for product, got, size in zip(
        (operator @ ones, operator.T @ ones), ref.degrees(net, x, y, "explicit", *reading), scale, strict=True
    ):
        assert_close(product, flat(got), ROUNDINGS * EPS * flat(size), "degrees")


@every_reading
@given(case=cases(norms=("none",), min_depth=1, max_depth=5))
def test_an_mlp_is_a_cnn_of_dense_layers(reading, case):
    layers = [ref.Dense(layer.kernel, layer.bias) for layer in case.net.layers]
    net = ref.CNN(layers, case.net.widths[:1], loss=case.net.loss)
    both = [
        ref.interaction_matrix(network, case.x, case.y, "explicit", *reading).toarray() for network in (net, case.net)
    ]
    sizes = ref.interaction_matrix(case.net, case.x, case.y, "explicit", "magnitude", reading[1]).toarray()
    assert_close(*both, ROUNDINGS * EPS * sizes, "P")
    assert (ref.line_graph(net) != ref.line_graph(case.net)).nnz == 0
    assert ref.line_graph_size(net) == ref.line_graph_size(case.net) == ref.line_graph_size(case.net.widths)
    got, want = (ref.capacitance(network, case.x, case.y, "explicit", *reading) for network in (net, case.net))
    assert (got.reason, got.n_samples) == (want.reason, want.n_samples)
    scale_A, scale_D = sizes.sum(axis=0) @ sizes.sum(axis=1), sizes.sum()
    assert_close(got.numerator, want.numerator, ROUNDINGS * EPS * scale_A, "A")
    assert_close(got.denominator, want.denominator, ROUNDINGS * EPS * scale_D, "D")


def test_convolutions_of_one_pixel_are_an_mlp():
    rng = np.random.default_rng(0)
    kernels = [rng.normal(size=shape) for shape in ((3, 4), (4, 2), (2, 3))]
    x, y = rng.normal(size=(5, 3)), [0, 1, 2, 0, 1]
    net = ref.CNN(
        [*(ref.Conv2D(W[None, None], padding="same") for W in kernels[:2]), ref.Flatten(), ref.Dense(kernels[2])],
        (1, 1, 3),
    )
    want = ref.interaction_matrix(ref.MLP(kernels), x, y).toarray()
    # Sums of at most four products of numbers of the order of 1.
    np.testing.assert_allclose(ref.interaction_matrix(net, x[:, None, None], y).toarray(), want, atol=1e-14)


@given(case=cnn_cases())
def test_p_times_the_weights_is_the_gradient(case):
    """Euler (T5): F_l is linear in W_{l+1}; against a difference quotient of the loss, where no relu switches."""
    net, h = case.net, 2.0**-20
    rng = np.random.default_rng(0)
    x = case.x + rng.normal(size=case.x.shape)  # off the kinks
    gradient = ref.interaction_operator(net, x, case.y) @ flat(net.kernels)
    for p in range(min(4, net.kernels[0].size)):
        losses, signs = zip(*(loss_of(nudged(net, p, step), x, case.y) for step in (-h, 0.0, h)), strict=True)
        if all(np.array_equal(a, b) for a, b in zip(signs[0], signs[2], strict=True)):
            # Differences of order h^2 |loss'''| and of rounding eps |loss| / h.
            assert gradient[p] == pytest.approx((losses[2] - losses[0]) / (2 * h), abs=1e-7 * (1 + abs(losses[1])))


def nudged(net, p, step):
    """The network with one weight of its first layer moved."""
    layers = list(net.layers)
    first = next(i for i, layer in enumerate(layers) if hasattr(layer, "kernel"))
    kernel = layers[first].kernel.copy()
    kernel.flat[p] += step
    layers[first] = type(layers[first])(**{**vars(layers[first]), "kernel": kernel})
    return ref.CNN(layers, net.input_shape, net.loss)


def loss_of(net, x, y):
    """The mean loss, and everything that selects: relus, maxima."""
    _, s, passages, a = cnn.forward(net, x)
    chosen = [passage.choice for steps in passages for passage in steps if hasattr(passage, "choice")]
    if net.loss == "squared_error":
        return ((a - np.eye(a.shape[1])[y]) ** 2).sum(axis=1).mean() / 2, [*s, *chosen]
    log_sum = np.log(np.exp(a - a.max(axis=1, keepdims=True)).sum(axis=1)) + a.max(axis=1)
    return (log_sum - a[np.arange(len(y)), y]).mean(), [*s, *chosen]


def test_no_error_left_is_no_interaction():
    """T1: the targets are the outputs."""
    rng = np.random.default_rng(0)
    net = ref.CNN(
        [
            ref.Conv2D(rng.normal(size=(3, 3, 1, 2))),
            ref.Flatten(),
            *(ref.Dense(rng.normal(size=s)) for s in ((8, 3), (3, 2))),
        ],
        (4, 4, 1),
        loss="squared_error",
    )
    x = rng.normal(size=(3, 4, 4, 1))
    got = ref.capacitance(net, x, cnn.forward(net, x).a)
    assert (got.beta_eff, got.reason) == (0, "zero")


@pytest.mark.parametrize("last", [ref.Flatten, ref.GlobalAveragePooling2D])
def test_softmax_silences_three_kernels_of_shared_weights_too(last):
    """T3: the top is dense, so that layer L - 1 receives the sum of the errors, 0."""
    rng = np.random.default_rng(0)
    layers = [ref.Conv2D(rng.normal(size=(2, 2, 1, 3))), ref.Conv2D(rng.normal(size=(2, 2, 3, 2))), last()]
    layers += [ref.Dense(rng.normal(size=(layers[-1].output_shape((2, 2, 2))[0], 3)))]
    net = ref.CNN(layers, (4, 4, 1))
    x, y = rng.normal(size=(5, 4, 4, 1)), [0, 1, 2, 0, 1]
    got = ref.capacitance(net, x, y)
    assert (got.beta_eff, got.reason) == (0, "softmax")
    # Sums of three errors of the order of 1.
    np.testing.assert_allclose(ref.degrees(net, x, y)[0][1], 0, atol=1e-14)
    assert ref.capacitance(net, x, y, strength="magnitude").beta_eff > 0


@pytest.mark.parametrize("function", [ref.interaction_matrix, ref.degrees, ref.capacitance])
def test_shared_weights_have_no_hessian_reading(function):
    net = ref.CNN([ref.Dense(np.ones((2, 2)))], (2,))
    with pytest.raises(ValueError, match=r"interaction='hessian' is for an MLP.* read with interaction='explicit'"):
        function(net, np.ones((1, 2)), [0], "hessian")


@pytest.mark.parametrize("limit", ["links", "connections"])
def test_a_matrix_too_large_to_build_is_refused_with_what_needs_none(limit, monkeypatch):
    shape = (4, 4, 1) if limit == "connections" else (2, 2, 1)
    net = ref.CNN([ref.Conv2D(np.ones((2, 2, 1, 2))), ref.GlobalAveragePooling2D(), ref.Dense(np.ones((2, 3)))], shape)
    size = ref.line_graph_size(net)
    assert max(size.links, size.connections) == getattr(size, limit)
    x = np.ones((1, *shape))
    monkeypatch.setattr("ncap.reference.interaction.matrix.MAX_ENTRIES", getattr(size, limit))
    assert ref.interaction_matrix(net, x, [0]).nnz == size.links == 4 * 2 * 3
    monkeypatch.setattr("ncap.reference.interaction.matrix.MAX_ENTRIES", getattr(size, limit) - 1)
    with pytest.raises(
        ValueError, match=rf"P would have 24 entries, summed over {size.connections} connections.*need no P"
    ):
        ref.interaction_matrix(net, x, [0])
