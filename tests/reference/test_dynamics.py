"""Node dynamics A and edge dynamics B against fixed points, closed solutions, conserved quantities and explicit P."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from sklearn.datasets import load_digits
from strategies import Case, cases

from ncap import reference as ref

RTOL = 1e-6  # of the solver, where a test is about the solution and not about its default


def random_case(widths=(5, 6, 4, 3), n=20, loss="cross_entropy", norm="after", biases=False, seed=0):
    rng = np.random.default_rng(seed)
    kernels = [rng.normal(size=(a, b)) * np.sqrt(2 / a) for a, b in pairwise(widths)]
    b = [rng.normal(size=width) for width in widths[1:]] if biases else None
    scales, shifts = ([rng.normal(size=width) for width in widths[1:-1]] if biases else None for _ in range(2))
    net = ref.MLP(kernels, b, scales, shifts, norm=norm, loss=loss)
    return Case(net, rng.normal(size=(n, widths[0])), rng.integers(0, widths[-1], n))


def digits(loss, widths=(64, 32, 16, 10), n=300, seed=0):
    """A network at He's initial weights, and images to train it on."""
    images, labels = load_digits(return_X_y=True)
    chosen = np.random.default_rng(seed).permutation(len(images))[:n]
    net = random_case(widths, n, loss, seed=seed).net
    return Case(net, images[chosen] / 16, labels[chosen])


def flat(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def weights(net):
    return flat(net.kernels)


def gradient(case, w=None):
    return -ref.edge_dynamics(case.net, case.x, case.y)(0.0, weights(case.net) if w is None else w)


# A, the neurons


@given(cases(min_depth=1, norms=("none", "after", "before")))
def test_the_forward_pass_is_the_fixed_point(case):
    z, _, a = ref.forward(case.net, case.x)
    rest = flat([*z[1:], a])
    assert (ref.node_dynamics(case.net, case.x)(0.0, rest) == 0).all()  # dyadic values: nothing is rounded


def distance_bound(case, start, rest, t):
    """exp(-t) sum_m t^(l-m) / (l-m)! |e_m(0)| |W_{m+1}| |k_{m+1}| ...: exp(-t) exp(t K) |e(0)|, K the layers' moduli."""
    layers, sizes = case.net.layers, case.net.widths[1:]
    ends = np.cumsum(sizes)
    K = np.zeros((ends[-1], ends[-1]))
    for l, layer in enumerate(layers[1:], 1):
        above, below = slice(ends[l - 1], ends[l]), slice(ends[l - 1] - sizes[l - 1], ends[l - 1])
        K[above, below] = (np.abs(layer.kernel) * np.abs(layer.scale)).T
    e = np.concatenate([np.abs(a - b) for a, b in zip(start, rest, strict=True)], axis=1)
    return np.exp(-t) * e @ expm(t * K).T


@given(cases(max_depth=4, max_width=4), st.integers(0, 2**16), st.sampled_from([0.5, 2.0, 8.0]))
@settings(max_examples=50)
def test_the_neurons_converge_as_exp_times_a_polynomial(case, seed, t):
    z, _, a = ref.forward(case.net, case.x)
    rest = [*z[1:], a]
    rng = np.random.default_rng(seed)
    start = [rng.normal(size=z_l.shape) for z_l in rest]
    moved = [z_l[1] for z_l in ref.simulate_nodes(case.net, case.x, [0, t], start, rtol=RTOL).z]
    e = np.concatenate([np.abs(a - b) for a, b in zip(moved, rest, strict=True)], axis=1)
    bound = distance_bound(case, start, rest, t)
    # The solver errs by about rtol of the largest number there is, times what the layers above make of it.
    slack = 100 * RTOL * (1 + distance_bound(case, start, [0 * z_l for z_l in rest], 0).max() + bound.max())
    assert (e <= bound + slack).all()


def test_the_polynomial_is_exact_where_every_relu_is_on_and_nothing_is_negative():
    rng = np.random.default_rng(0)
    widths = (3, 4, 4, 2)
    net = ref.MLP([rng.random((a, b)) for a, b in pairwise(widths)], scales=[rng.random(4), None])
    x = rng.random((5, 3))
    z, _, a = ref.forward(net, x)
    rest = [*z[1:], a]
    start = [z_l + rng.random(z_l.shape) for z_l in rest]
    for t in (0.1, 1.0, 5.0):
        moved = [z_l[1] for z_l in ref.simulate_nodes(net, x, [0, t], start, rtol=1e-10).z]
        e = np.concatenate([a - b for a, b in zip(moved, rest, strict=True)], axis=1)
        want = distance_bound(Case(net, x, None), start, rest, t)
        np.testing.assert_allclose(e, want, rtol=0, atol=1e-8)  # rtol of the solver, a hundred steps


@pytest.mark.parametrize("norm", ["after", "before"])
@pytest.mark.parametrize("seed", [None, 1])
def test_the_neurons_arrive_at_the_forward_pass_from_any_start(norm, seed):
    case = random_case(norm=norm, biases=True)
    z, _, a = ref.forward(case.net, case.x)
    start = None if seed is None else [10 * np.random.default_rng(seed).normal(size=z_l.shape) for z_l in [*z[1:], a]]
    path = ref.simulate_nodes(case.net, case.x, [0.0, 1.0, 40.0], start)
    assert [z_l.shape for z_l in path.z] == [(3, *z_l.shape) for z_l in [*z[1:], a]]
    for got, want, first in zip(path.z, [*z[1:], a], start or [0, 0, 0], strict=True):
        assert (got[0] == first).all()
        np.testing.assert_allclose(got[-1], want, rtol=1e-5, atol=1e-5)  # exp(-40) is gone: ten times the solver's rtol


# B, the weights


@given(cases(norms=("none", "after", "before")))
def test_the_edge_dynamics_are_minus_p_w_below_the_last_layer(case):
    """T5, and with it the node order of the line graph."""
    rate = ref.edge_dynamics(case.net, case.x, case.y)(0.0, weights(case.net))
    below = rate.size - case.net.kernels[-1].size
    P = ref.interaction_matrix(case.net, case.x, case.y)
    # 100 roundings of what is summed, over the samples too: their terms may cancel in P.
    size = ref.interaction_matrix(case.net, case.x, case.y, strength="magnitude") @ np.abs(weights(case.net))
    assert (np.abs(rate + P @ weights(case.net))[:below] <= 100 * np.finfo(float).eps * size[:below]).all()
    np.testing.assert_array_equal(rate, -flat(ref.gradients(case.net, case.x, case.y)))


def test_linear_regression_relaxes_exponentially():
    """L = 1: dW/dt = -x'(x W - y) / N, so W = W* + exp(-t x'x / N) (W(0) - W*)."""
    rng = np.random.default_rng(0)
    x, y, W = rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), rng.normal(size=(3, 2))
    net, times = ref.MLP([W], loss="squared_error"), np.array([0.0, 0.5, 3.0])
    path = ref.simulate_edges(net, x, y, times, rtol=1e-10, method="DOP853")
    best = np.linalg.lstsq(x, y)[0]
    for t, got, loss in zip(times, path.kernels[0], path.loss, strict=True):
        want = best + expm(-t * x.T @ x / 9) @ (W - best)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-8)  # rtol of the solver, a hundred steps
        assert loss == pytest.approx(((x @ want - y) ** 2).sum() / 18, rel=1e-8)


def horizon(case):
    """A time in which the weights move by about their own length, and no more than 1: slow starts may grow fast."""
    way, speed = np.linalg.norm(weights(case.net)), np.linalg.norm(gradient(case))
    return float(min(1, way / speed)) if way and speed else 1.0


@given(cases(min_depth=1, max_depth=4, max_width=5, norms=("none", "after", "before")))
@settings(max_examples=30)
def test_the_loss_never_rises_along_the_flow(case):
    times = np.linspace(0, horizon(case), 21)
    path = ref.simulate_edges(case.net, case.x, case.y, times)
    steepest = max(np.linalg.norm(gradient(case, w)) for w in path.weights)
    # Over a kink the solver may take one step of its own error, rtol |w|, uphill.
    assert (np.diff(path.loss) <= 1e-4 * np.linalg.norm(path.weights, axis=1).max() * steepest).all()
    assert path.loss[-1] <= path.loss[0]


@given(cases(max_depth=4, max_width=5, norms=("none",), biases=False))
@settings(max_examples=20)
def test_the_flow_keeps_what_a_neuron_receives_less_what_it_sends(case):
    """sum_j W_l[j,i]^2 - sum_k W_{l+1}[i,k]^2 is conserved, by both halves of T5; across the kinks too."""
    path = ref.simulate_edges(case.net, case.x, case.y, [0.0, horizon(case)])
    size = max(1, np.abs(path.weights).max()) ** 2
    for below, above in pairwise(path.kernels):
        kept = (below**2).sum(axis=1) - (above**2).sum(axis=2)
        assert np.abs(kept[1] - kept[0]).max() <= 0.01 * size  # a hundred steps of rtol 1e-4


def test_the_loss_falls_by_the_square_of_the_gradient():
    case = random_case()
    times = np.linspace(0, 0.4, 401)
    path = ref.simulate_edges(case.net, case.x, case.y, times, rtol=RTOL)
    squares = np.array([(gradient(case, w) ** 2).sum() for w in path.weights])
    lost = np.cumsum((squares[1:] + squares[:-1]) / 2 * np.diff(times))
    # The trapezoid rule errs where a sample crosses a kink: one of 20 samples, within one of 400 intervals.
    np.testing.assert_allclose(path.loss[0] - path.loss[1:], lost, rtol=5e-3)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_a_flow_that_slides_along_kinks_is_followed_to_the_given_tolerance(loss):
    case = digits(loss, (64, 16, 16, 10), 100)
    times = [0.0, 1.0]
    exact = ref.simulate_edges(case.net, case.x, case.y, times, rtol=RTOL)
    for rtol, error in ((1e-3, 2e-2), (1e-4, 5e-3)):  # of the way; measured 4e-3 and 1e-3
        assert ref.displacement_error(exact, ref.simulate_edges(case.net, case.x, case.y, times, rtol))[1] < error


def test_a_step_of_gradient_descent_is_a_step_along_minus_the_gradient():
    case = random_case(biases=True)
    path = ref.gradient_descent(case.net, case.x, case.y, 0.25, 3)
    assert path.times.tolist() == [0, 0.25, 0.5, 0.75]
    for w, after in pairwise(path.weights):
        np.testing.assert_array_equal(after, w - 0.25 * gradient(case, w))


def test_gradient_descent_converges_to_the_flow_as_the_learning_rate_falls():
    """Euler's method is of first order: half the step, half the error, where no relu switches."""
    rng = np.random.default_rng(0)
    net = ref.MLP([rng.random((3, 4)), rng.random((4, 2))], loss="squared_error")
    x, y = rng.random((6, 3)), rng.random((6, 2))
    end = ref.simulate_edges(net, x, y, [0.0, 1.0], rtol=1e-10, method="DOP853").weights[-1]
    errors = [np.linalg.norm(ref.gradient_descent(net, x, y, 1 / n, n).weights[-1] - end) for n in (1024, 2048, 4096)]
    for error, half in pairwise(errors):
        assert error / half == pytest.approx(2, rel=0.02)  # the next term is O(1 / n)


# B linearised


@given(
    cases(min_depth=1, max_depth=4, max_width=4, norms=("none", "after", "before")), st.sampled_from([0.125, 1.0, 3.0])
)
def test_the_linearised_dynamics_are_the_exponential_of_explicit_p(case, t):
    """(w, 1) obeys a linear system with [[-P, P w* - F], [0, 0]]; P^L = 0."""
    P, w, F = ref.interaction_matrix(case.net, case.x, case.y).toarray(), weights(case.net), gradient(case)
    augmented = np.zeros((w.size + 1, w.size + 1))
    augmented[:-1] = np.column_stack([-P, P @ w - F])
    assert not np.linalg.matrix_power(P, case.net.depth).any()
    want = (expm(t * augmented) @ [*w, 1.0])[:-1]
    got = ref.linearised_edges(case.net, case.x, case.y, [0.0, t]).weights
    np.testing.assert_array_equal(got[0], w)
    size = expm(t * np.abs(augmented)).max() * (1 + np.abs(w).max())
    assert np.abs(got[1] - want).max() <= 1e-12 * size  # eps, and a few hundred roundings of expm


def test_p_is_nilpotent_of_the_depth_and_no_less():
    case = random_case((4, 5, 5, 4, 3))
    P = ref.interaction_matrix(case.net, case.x, case.y).toarray()
    assert np.linalg.matrix_power(P, 3).any()
    assert not np.linalg.matrix_power(P, 4).any()


@pytest.mark.parametrize("biases", [False, True])
def test_the_linearised_dynamics_are_minus_p_w_below_the_last_layer(biases):
    """Eq. 8 by T5 at all times, and a last layer that keeps its first gradient."""
    case = random_case(loss="squared_error", biases=biases)
    times = np.linspace(0, 1, 5)
    path = ref.linearised_edges(case.net, case.x, case.y, times)
    P, h = ref.interaction_matrix(case.net, case.x, case.y), 1e-4
    below = sum(kernel.size for kernel in case.net.kernels[:-1])
    later, earlier = (
        ref.linearised_edges(case.net, case.x, case.y, [0.0, *(times[1:] + d)]).weights[1:] for d in (h, -h)
    )
    rate = (later - earlier) / (2 * h)
    want = -(P @ path.weights[1:].T).T
    want[:, below:] = -gradient(case)[below:]
    np.testing.assert_allclose(rate, want, rtol=0, atol=1e-6 * np.abs(want).max())  # differences of a cubic: h^2


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_the_linearised_dynamics_err_by_half_h_minus_p_times_t_squared(loss):
    case = random_case(loss=loss, n=8)
    F, h = gradient(case), 1e-5
    HF = (gradient(case, weights(case.net) + h * F) - gradient(case, weights(case.net) - h * F)) / (2 * h)
    want = (HF - ref.interaction_matrix(case.net, case.x, case.y) @ F) / 2
    assert np.linalg.norm(want) > 0.1 * np.linalg.norm(F)
    times = np.array([0.0, 1e-4, 2e-4, 4e-4])  # before any of the eight samples meets a kink
    flow = ref.simulate_edges(case.net, case.x, case.y, times, rtol=1e-12, method="DOP853").weights
    error = (flow - ref.linearised_edges(case.net, case.x, case.y, times).weights)[1:]
    sizes = np.linalg.norm(error, axis=1)
    np.testing.assert_allclose(sizes[1:] / sizes[:-1], 4, rtol=0.05)  # order 2; the next term is O(t)
    np.testing.assert_allclose(error[0] / times[1] ** 2, want, rtol=0, atol=0.02 * np.abs(want).max())


@pytest.mark.parametrize(("loss", "low", "high"), [("cross_entropy", 0.02, 0.12), ("squared_error", 0.002, 0.025)])
def test_the_linearised_dynamics_can_be_trusted_for_less_than_a_step(loss, low, high):
    """Ten percent of the way, on digits: measured 0.026..0.105 and 0.003..0.021, 1 to 11 % longer than without P."""
    case = digits(loss)
    times = np.linspace(0, 2 * high, 101)
    flow = ref.simulate_edges(case.net, case.x, case.y, times)
    linearised = ref.linearised_edges(case.net, case.x, case.y, times)
    t = ref.trusted_until(flow, linearised)
    assert low < t < high
    at_t = [f(case.net, case.x, case.y, [0.0, t]) for f in (ref.simulate_edges, ref.linearised_edges)]
    assert ref.displacement_error(*at_t)[1] == pytest.approx(0.1, rel=0.02)  # interpolation, and rtol 1e-4
    straight = linearised._replace(
        kernels=[
            k[0] - times[:, None, None] * F
            for k, F in zip(linearised.kernels, ref.gradients(case.net, case.x, case.y), strict=True)
        ]
    )
    assert ref.trusted_until(flow, straight) < t < 1.2 * ref.trusted_until(flow, straight)


# the edges


def test_a_start_alone_is_a_trajectory():
    case = random_case()
    for path in (
        ref.simulate_edges(case.net, case.x, case.y, [0.0]),
        ref.linearised_edges(case.net, case.x, case.y, [0.0]),
        ref.gradient_descent(case.net, case.x, case.y, 0.5, 0),
    ):
        assert (path.weights == weights(case.net)).all()
        assert path.loss.shape == (1,)
        assert [k.shape for k in path.kernels] == [(1, *k.shape) for k in case.net.kernels]
    assert [z.shape for z in ref.simulate_nodes(case.net, case.x, [0.0]).z] == [(1, 20, 6), (1, 20, 4), (1, 20, 3)]


def test_a_network_at_rest_is_trusted_for_ever():
    case = random_case(loss="squared_error")
    y = ref.forward(case.net, case.x)[2]
    flow = ref.simulate_edges(case.net, case.x, y, [0.0, 1.0, 100.0])
    still = ref.linearised_edges(case.net, case.x, y, [0.0, 1.0, 100.0])
    assert (flow.loss == 0).all()
    assert ref.displacement_error(flow, still).tolist() == [0, 0, 0]
    assert ref.trusted_until(flow, still) == np.inf
    moved = still._replace(kernels=[k + np.array([0, 0, 1])[:, None, None] for k in still.kernels])
    assert ref.displacement_error(flow, moved).tolist() == [0, 0, np.inf]
    assert ref.trusted_until(flow, moved) == 1


def test_what_overflows_is_said():
    huge = ref.MLP([np.full((2, 2), 1e200)] * 4, loss="squared_error")
    for function in (ref.edge_dynamics, lambda *data: ref.linearised_edges(*data, [0.0, 1.0])):
        with pytest.raises(ArithmeticError, match="the gradient at the start overflows"):
            function(huge, np.ones((3, 2)), [0, 1, 0])
    case = Case(ref.MLP([[[1.0]]], loss="squared_error"), [[1.0]], [[0.0]])  # w <- (1 - 100) w
    with pytest.raises(ArithmeticError, match=r"gradient descent diverged at step \d+; lower learning_rate, 100.0"):
        ref.gradient_descent(case.net, case.x, case.y, 100.0, 200)
    case = random_case(loss="squared_error")
    far = ref.linearised_edges(case.net, case.x, case.y, [0.0, 1e60])
    assert far.loss[1] == np.inf
