"""The full system against its reduction: where they are one, in closed form, and where they part, in closed form too."""

import re

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import FORMS, MATRICES, ring, star
from scipy import linalg

from ncap import reference as ref
from ncap.reference.dynamics import network_solver
from ncap.reference.dynamics.network_solver import LinkRates
from ncap.reference.network.links import as_links

DYNAMICS = {"mutualistic": ref.mutualistic(), "epidemic": ref.epidemic(), "regulatory": ref.regulatory()}
START = {"mutualistic": 8.0, "epidemic": 0.3, "regulatory": 3.0}
TIMES = [0.0, 0.5, 2.0, 10.0, 40.0]
RTOL = 1e-8  # of a step, simulate's default
# Errors of steps add up while states part, and shrink while they rest; measured below 30 RTOL in these systems.
SOLVED = 100 * RTOL


# The three systems


def test_the_equations_by_hand():
    x, y = np.array([2.0]), np.array([3.0])
    m, e, r = ref.mutualistic(), ref.epidemic(B=0.5), ref.regulatory(B=2, f=2, h=3)
    assert m.f(x) == pytest.approx(0.1 + 2 * (1 - 2 / 5) * (2 / 1 - 1))
    assert m.h(x, y) == pytest.approx(2 * 3 / (5 + 0.9 * 2 + 0.1 * 3))
    assert e.f(x) == pytest.approx(-1)
    assert e.h(x / 10, y / 10) == pytest.approx(0.8 * 0.3)
    assert r.f(x) == pytest.approx(-2 * 4)
    assert r.h(x, y) == pytest.approx(27 / 28)
    assert ref.mutualistic(B=0, C=2, D=3, E=0, H=1, K=4).f(x) == 0
    assert ref.mutualistic(B=0, C=2, D=3, E=0, H=1, K=4).h(x, y) == pytest.approx(6 / 6)


# The full system


@pytest.mark.parametrize("form", FORMS)
def test_the_full_system_is_eq_1_entry_by_entry(form):
    """Against Euler steps written out with two loops, h told apart by its arguments: the row receives."""
    rng = np.random.default_rng(0)
    P = rng.normal(size=(4, 4)) * (rng.random((4, 4)) < 0.6)
    dynamics = ref.Dynamics("drawn", lambda x: np.cos(x) - x, lambda x_i, x_j: np.sin(x_i + 2 * x_j))
    x_0 = rng.random(4)
    got = ref.simulate(FORMS[form](P), dynamics, x_0, [0, 0.25, 0.5])
    x, steps = x_0.copy(), 2000
    for _ in range(steps):
        rate = np.cos(x) - x
        for i in range(4):
            for j in range(4):
                rate[i] += P[i, j] * np.sin(x[i] + 2 * x[j])
        x += 0.5 / steps * rate
    assert got.shape == (4, 3)
    np.testing.assert_array_equal(got[:, 0], x_0)
    np.testing.assert_allclose(got[:, -1], x, atol=2 / steps)  # Euler's error is of the size of one step


@given(MATRICES.filter(len))
def test_a_linear_system_is_the_exponential_of_its_matrix(P):
    """dx/dt = -x + P x: x(t) = exp((P - 1) t) x_0."""
    x_0, relay = np.arange(1.0, len(P) + 1), ref.Dynamics("relay", lambda x: -x, lambda x_i, x_j: x_j)
    want = linalg.expm((P - np.eye(len(P))) * 2) @ x_0
    scale = linalg.norm(linalg.expm((abs(P) - np.eye(len(P))) * 2) @ x_0)  # signs cancel: errors do not
    np.testing.assert_allclose(ref.simulate(P, relay, x_0, [0, 2])[:, -1], want, atol=SOLVED * scale)


# Where the reduction is exact


@st.composite
def regular_networks(draw):
    """Every row of the drawn whole weights divided by its sum: in-degrees 4, out-degrees as they fall."""
    n = draw(st.integers(1, 6))
    P = np.array(draw(st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n), min_size=n, max_size=n)), float)
    P[np.arange(n), draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n))] += 1  # no row of zeros
    return 4 * P / P.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", DYNAMICS)
@settings(max_examples=10)
@given(P=regular_networks())
def test_equal_in_degrees_and_a_uniform_start_are_reduced_exactly(name, P):
    assert ref.beta_eff(P) == pytest.approx(4)
    assert ref.reduction_error(P, DYNAMICS[name], START[name], TIMES).max() < SOLVED


@pytest.mark.parametrize("name", DYNAMICS)
def test_equal_in_degrees_are_enough_with_weights_of_both_signs_too(name):
    P = ring(8, 4, -1)
    assert ref.beta_eff(P) == 3
    assert ref.reduction_error(P, DYNAMICS[name], START[name], [0, 0.5, 1]).max() < SOLVED


@pytest.mark.parametrize("form", FORMS)
def test_an_epidemic_on_a_regular_network_is_logistic(form):
    """dx/dt = (k - B) x - k x^2: x(t) = r x_0 e^rt / (r + k x_0 (e^rt - 1)), r = k - B, in every node."""
    k, B, x_0, t = 3.0, 0.5, 0.01, np.array([0.0, 1, 2, 3, 5, 10])
    P, r = FORMS[form](ring(7, 2, 1)), k - B
    want = r * x_0 * np.exp(r * t) / (r + k * x_0 * (np.exp(r * t) - 1))
    # 1 % grows to 80 % on the way: an error of the first steps is multiplied by as much.
    np.testing.assert_allclose(ref.simulate(P, ref.epidemic(B), x_0, t), np.tile(want, (7, 1)), rtol=SOLVED)
    np.testing.assert_allclose(ref.simulate_reduced(P, ref.epidemic(B), x_0, t), want, rtol=SOLVED)


@pytest.mark.parametrize("x_0", [0.4, 0.6, 1.0, 5.0])
def test_regulation_rests_where_its_quadratic_does(x_0):
    """beta_eff = 5/2: x = 0, or x^2 - 5/2 x + 1 = 0, x = 1/2 (not stable) and x = 2."""
    got = ref.simulate_reduced([[2.5]], ref.regulatory(), x_0, [0, 100])[-1]
    assert got == pytest.approx(0 if x_0 < 0.5 else 2, rel=SOLVED, abs=SOLVED)


def test_regulation_has_no_second_state_below_beta_eff_2():
    high = [ref.simulate_reduced([[beta]], ref.regulatory(), 10.0, [0, 300])[-1] for beta in (1.95, 2.05)]
    assert high[0] == pytest.approx(0, abs=1e-6)
    assert high[1] == pytest.approx((2.05 + np.sqrt(2.05**2 - 4)) / 2, rel=SOLVED)


@pytest.mark.parametrize("beta", [0.5, 4.0, 20.0])
def test_mutualists_rest_at_a_root_of_their_quartic(beta):
    """(B + x (1 - x/K)(x/C - 1)) (D + (E + H) x) + beta x^2 = 0; from far above, the largest root."""
    cubic = np.poly1d([-1 / 5, 1 + 1 / 5, -1, 0.1])  # C = 1, K = 5
    largest = max(
        root.real for root in (cubic * np.poly1d([1.0, 5.0]) + np.poly1d([beta, 0, 0])).roots if not root.imag
    )
    got = ref.simulate_reduced([[beta]], ref.mutualistic(), 50.0, [0, 100])[-1]
    assert got == pytest.approx(largest, rel=SOLVED)


def test_a_stiff_method_finds_the_same():
    for method in ("Radau", "BDF", "LSODA"):
        got = ref.simulate(ring(5, 4), ref.mutualistic(), 8.0, TIMES, rtol=1e-6, method=method)
        np.testing.assert_allclose(got, ref.simulate(ring(5, 4), ref.mutualistic(), 8.0, TIMES), rtol=1e-4)


# Where it is good


def test_published_networks_are_reduced_within_a_tenth(shared_data):
    """Real mutualistic networks of beta_eff 8 to 28: the abundances that the reduction promises are right to 10 %."""
    networks = np.load(shared_data / "networks" / "mutualistic.npz", allow_pickle=False)
    for name in networks:
        error = ref.reduction_error(networks[name], ref.mutualistic(), 10.0, [0, 5, 20])
        assert 0.01 < error[-1] < 0.1, (name, error)  # measured 0.013 to 0.096


def test_far_from_the_threshold_degrees_are_better_and_near_it_the_eigenvector(shared_data):
    """As the docstring of reduction_error says, on all eight networks but for B = alpha / 2 on none."""
    networks = np.load(shared_data / "networks" / "mutualistic.npz", allow_pickle=False)
    worst = {}
    for name in networks:
        P, alpha = networks[name], ref.spectral_reduction(networks[name]).alpha
        for share, (better, worse) in {
            1 / alpha: ("degree", "spectral"),
            0.5: ("spectral", "degree"),
            0.9: ("spectral", "degree"),
        }.items():
            x_0, times = 0.5, [0, 50 / (1 - share)]
            errors = [
                ref.reduction_error(P, ref.epidemic(share * alpha), x_0, times, 1e-6, "BDF", reduction=reduction)[-1]
                for reduction in (better, worse)
            ]
            assert errors[0] < errors[1], (name, share, errors)
            worst[worse] = max(worst.get(worse, 0), errors[1])
    assert worst["spectral"] < 0.4 < 1 <= worst["degree"]
    start = (
        networks["anemone_fish_B"],
        ref.mutualistic(),
        0.0,
        [0, 20],
        1e-6,
    )  # below the threshold by degrees, above it in truth
    by_degree, spectral = (ref.reduction_error(*start, reduction=reduction)[-1] for reduction in ("degree", "spectral"))
    assert by_degree > 0.9
    assert spectral < 0.1


# Where it breaks


def test_the_error_grows_with_the_dispersion_of_the_degrees():
    """Mean degree 6 with more and more spread: equal, random (Erdos and Renyi), by preference (Barabasi and Albert), a hub."""
    graphs = [
        networkx.random_regular_graph(6, 200, seed=0),
        networkx.gnm_random_graph(200, 600, seed=0),
        networkx.barabasi_albert_graph(200, 3, seed=0),
    ]
    graphs.append(networkx.compose(graphs[0], networkx.star_graph(199)))
    heterogeneity = [ref.decompose(graph).heterogeneity for graph in graphs]
    assert heterogeneity == sorted(heterogeneity)
    for name in ("mutualistic", "epidemic"):
        errors = [ref.reduction_error(graph, DYNAMICS[name], START[name], [0, 30])[-1] for graph in graphs]
        assert errors[0] < SOLVED
        assert errors == sorted(errors)
        assert errors[-1] > 0.1


def test_an_epidemic_on_a_star_dies_out_where_the_reduction_lets_it_last():
    """25 leaves: the spectral radius is 5, beta_eff 13. At B = 6 it dies out; the reduction rests at 1 - 6 / 13."""
    P, times = star(25), [0, 30]
    assert ref.beta_eff(P) == 13
    assert ref.simulate(P, ref.epidemic(B=6), 0.5, times)[:, -1].max() < 1e-10
    assert ref.simulate_reduced(P, ref.epidemic(B=6), 0.5, times)[-1] == pytest.approx(1 - 6 / 13)
    # Below both thresholds' B it lasts in both, and the fixed point of hub X and leaves y is closed:
    # B X = 25 (1 - X) y, B y = (1 - y) X, so X = (25 - B^2) / (25 + B) and y = X / (B + X).
    X = (25 - 2**2) / (25 + 2)
    y = X / (2 + X)
    x = ref.simulate(P, ref.epidemic(B=2), 0.5, times)[:, -1]
    np.testing.assert_allclose(x, [X] + [y] * 25, rtol=SOLVED)


def test_one_reduction_serves_all_wirings_of_the_same_degrees():
    """Two rings apart, of degrees 3 and 12, each exact in itself; and the same degrees wired without correlation."""
    n, B, times = 60, 4.0, [0.0, 60.0]
    apart = np.kron(np.diag([1.0, 0.0]), ring(n, 2, 1)) + np.kron(np.diag([0.0, 1.0]), ring(n, 8, 4))
    s = apart.sum(axis=1)
    mixed = np.outer(s, s) / s.sum()  # every node linked to every other in proportion to both degrees
    np.testing.assert_allclose(mixed.sum(axis=0), s)
    beta = (9 + 144) / 15
    assert ref.beta_eff(apart) == pytest.approx(ref.beta_eff(mixed)) == pytest.approx(beta)
    # Apart the infection dies out at degree 3 < B and rests at 1 - B / 12 at degree 12, which sends 12 of 15.
    full = ref.network_average(apart, ref.simulate(apart, ref.epidemic(B), 0.5, times))[-1]
    assert full == pytest.approx(12 / 15 * (1 - B / 12), rel=SOLVED)
    error = {"apart": ref.reduction_error(apart, ref.epidemic(B), 0.5, times)[-1]}
    assert error["apart"] == pytest.approx((1 - B / beta) / full - 1, rel=1e-5)  # 0.14
    error["mixed"] = ref.reduction_error(mixed, ref.epidemic(B), 0.5, times)[-1]
    assert error["mixed"] < 0.7 * error["apart"]


def test_with_both_signs_the_average_leaves_the_range_of_the_states():
    """Two genes, 1 -> 0 with weight 1 and 0 -> 1 with -0.99: weights add up to 0.01, out-degrees -0.99 and 1."""
    P = np.array([[0, 1], [-0.99, 0]])
    assert ref.beta_eff(P) == pytest.approx(2 * -0.99 / 0.01)  # the pole is near
    x = ref.simulate(P, ref.regulatory(), 1.0, [0, 1])[:, -1]
    assert ((x > 0) & (x < 1)).all()
    assert ref.network_average(P, x) < -20
    assert ref.reduction_error(P, ref.regulatory(), 1.0, [0, 1])[-1] > 0.9


def test_close_to_a_threshold_small_differences_decide():
    """Regulation on degrees 1.9 and 2.1, apart: one falls to 0, the other rests; beta_eff = 2.005 says that both rest."""
    P = np.diag([1.9, 2.1])
    x = ref.simulate(P, ref.regulatory(), 3.0, [0, 300])[:, -1]
    np.testing.assert_allclose(x, [0, (2.1 + np.sqrt(2.1**2 - 4)) / 2], rtol=SOLVED, atol=1e-6)
    beta = (1.9**2 + 2.1**2) / 4
    reduced = ref.simulate_reduced(P, ref.regulatory(), 3.0, [0, 300])[-1]
    assert reduced == pytest.approx((beta + np.sqrt(beta**2 - 4)) / 2, rel=1e-5)  # slow near its own threshold
    assert ref.reduction_error(P, ref.regulatory(), 3.0, [0, 300])[-1] > 0.4


# The spectral reduction


def test_a_regular_network_has_one_reduction():
    """Equal in-degrees: alpha = beta_eff, beta = 1, and both are exact from one state."""
    rng = np.random.default_rng(0)
    P = rng.random((8, 8))
    P *= 3 / P.sum(axis=1, keepdims=True)
    alpha, beta, a = ref.spectral_reduction(P)
    assert (alpha, beta, a.sum()) == pytest.approx((3, 1, 1))
    np.testing.assert_allclose(a @ P, alpha * a, atol=1e-14)
    for name, dynamics in DYNAMICS.items():
        assert ref.reduction_error(P, dynamics, START[name], TIMES, reduction="spectral").max() < SOLVED
        by_degree, spectral = (
            ref.simulate_reduced(P, dynamics, START[name], TIMES, reduction=reduction)
            for reduction in ("degree", "spectral")
        )
        np.testing.assert_allclose(by_degree, spectral, rtol=SOLVED)


@pytest.mark.parametrize("form", FORMS)
def test_a_star_has_the_eigenvector_of_its_leaves_and_its_hub(form):
    """n leaves: alpha = sqrt(n), a is sqrt(n) at the hub to 1 at a leaf, beta = (n n + n) / (2 n sqrt(n)); by either solver."""
    for n in (16, 400):
        alpha, beta, a = ref.spectral_reduction(FORMS[form](star(n)))
        assert alpha == pytest.approx(np.sqrt(n))
        assert beta == pytest.approx((n + 1) / (2 * np.sqrt(n)))
        np.testing.assert_allclose(a, np.array([np.sqrt(n)] + [1.0] * n) / (np.sqrt(n) + n))


def test_an_epidemic_on_a_star_dies_out_in_the_spectral_reduction_too():
    P, times = star(25), [0, 30]
    assert ref.simulate_reduced(P, ref.epidemic(B=6), 0.5, times, reduction="spectral")[-1] < 1e-10
    assert ref.simulate_reduced(P, ref.epidemic(B=4), 0.5, times, reduction="spectral")[-1] > 0.05


def test_links_that_lead_to_no_cycle_are_not_seen():
    """1 and 2 infect each other; 2 infects 3, and 0 is infected by none and infects 1: only 0, 1 and 2 lead to the cycle."""
    P = np.zeros((4, 4))
    P[1, 2] = P[2, 1] = P[3, 2] = P[1, 0] = 1
    alpha, _, a = ref.spectral_reduction(P)
    assert alpha == pytest.approx(1)
    np.testing.assert_allclose(a, [1 / 3, 1 / 3, 1 / 3, 0], atol=1e-15)


@given(MATRICES)
def test_the_dominant_eigenvector_is_one_of_no_negative_entry(P):
    P = abs(P)
    radius = max(abs(linalg.eigvals(P)), default=0)
    if not networkx.is_directed_acyclic_graph(FORMS["networkx"](P)):
        alpha, beta, a = ref.spectral_reduction(P)
        assert alpha == pytest.approx(
            radius, rel=1e-4
        )  # of a Jordan block's eigenvalue a quarter of the digits are left
        assert (a >= 0).all()
        assert a.sum() == pytest.approx(1)
        np.testing.assert_allclose(a @ P, alpha * a, atol=1e-3)
        assert beta >= 0
    else:
        with pytest.raises(ValueError, match="P has no cycle"):
            ref.spectral_reduction(P)


# Large networks


@pytest.fixture(scope="module")
def large():
    """1,200 nodes, more than of which the whole Jacobian is formed, with hubs of degrees up to about 150."""
    return networkx.to_scipy_sparse_array(networkx.barabasi_albert_graph(1200, 4, seed=0), dtype=float)


@pytest.mark.parametrize("method", ["BDF", "Radau", "LSODA"])
def test_the_diagonal_of_the_jacobian_is_enough(large, method):
    times, rtol = [0, 0.1, 2.0], 1e-5
    want = ref.simulate(large, ref.epidemic(B=4), 0.3, times, rtol, method="RK45")
    got = ref.simulate(large, ref.epidemic(B=4), 0.3, times, rtol, method=method)
    np.testing.assert_allclose(got, want, rtol=100 * rtol)


def test_the_derivatives_are_those_of_the_equations():
    """epidemic: df_i/dx_j = P_ij (1 - x_i), and on the diagonal -B - sum_j P_ij x_j + P_ii (1 - x_i)."""
    rng = np.random.default_rng(0)
    P, x = rng.random((5, 5)) * (rng.random((5, 5)) < 0.7), rng.random(5)
    P[2] = 0  # receives nothing
    rates = LinkRates(as_links(P), ref.epidemic(B=2))
    want = P * (1 - x)[:, None] - np.diag(2 + P @ x)
    np.testing.assert_allclose(rates.jacobian(x), want, atol=1e-6)  # one-sided differences
    np.testing.assert_allclose(rates.diagonal(x), np.diag(want - np.diag(np.diag(P) * (1 - x))), atol=1e-6)
    np.testing.assert_allclose(rates.rate(x), -2 * x + (1 - x) * (P @ x))


def test_stiff_networks_take_far_fewer_evaluations(large, monkeypatch):
    evaluations = {"DOP853": 0, "auto": 0}
    for method in evaluations:
        rate = LinkRates.rate

        def counted(rates, x, rate=rate, method=method):
            evaluations[method] += 1
            return rate(rates, x)

        monkeypatch.setattr(LinkRates, "rate", counted)
        ref.reduction_error(large, ref.epidemic(B=4), 0.3, [0, 20], method=method)
        monkeypatch.undo()
    assert evaluations["auto"] < evaluations["DOP853"] / 4  # measured 3,500 and 600


def test_a_long_solution_says_how_far_it_is(large, monkeypatch, capsys):
    monkeypatch.setattr(network_solver, "SILENCE", 0.0)
    for progress in (True, False):
        ref.simulate(large, ref.epidemic(B=4), 0.3, [0, 0.1], rtol=1e-3, progress=progress)
        said = capsys.readouterr().err
        assert (
            bool(re.search(r"the full system, epidemic, is at t = [\d.e-]+ of 0.1 after \d+ evaluations", said))
            == progress
        )


# What cannot be solved


def test_what_has_no_average_has_no_reduction():
    for P in (np.zeros((3, 3)), [[0, 1], [-1, 0]]):
        with pytest.raises(ValueError, match="P has no links, or its weights add up to 0"):
            ref.simulate_reduced(P, ref.epidemic(), 0.5, [0, 1])
    alone = ref.simulate(np.zeros((3, 3)), ref.epidemic(), 0.5, TIMES)  # though it has dynamics
    np.testing.assert_allclose(alone, np.tile(0.5 * np.exp(-np.array(TIMES)), (3, 1)), rtol=SOLVED, atol=SOLVED)


@pytest.mark.parametrize(
    ("dynamics", "x_0", "message"),
    [
        (
            ref.Dynamics("growth", lambda x: 0 * x, lambda x_i, x_j: x_i * x_j),
            1.0,
            "growth, could not be followed beyond t = 0",
        ),
        (ref.regulatory(f=0.5), -1.0, "regulatory, has no finite rate at its start; look at f and h of x_0"),
        (
            ref.regulatory(B=9, f=0.5),
            1.0,
            "regulatory, could not be followed beyond t = 0",
        ),  # x reaches 0 in finite time
    ],
)
def test_a_solution_that_ends_early_is_no_result(dynamics, x_0, message):
    with pytest.raises(ArithmeticError, match=message):
        ref.simulate([[1.0]], dynamics, x_0, [0, 5])


def test_an_error_where_nothing_is_left_is_0():
    assert ref.reduction_error(ring(3, 1), ref.epidemic(), 0.0, [0, 1]).tolist() == [0, 0]
