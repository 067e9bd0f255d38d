"""The bounds of T2 and T7 on drawn and on trained networks, and how tight they are.

Hypothesis is told to look for tight cases (`target`); what the trained networks give is recorded with each test and printed with -s.
"""

import itertools
from typing import NamedTuple

import exact
import numpy as np
import pytest
from agreement import ROUNDINGS
from hypothesis import given, target
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from strategies import Case, cases

from ncap import reference as ref

EPS = np.finfo(np.float64).eps
SLACK = 1 + ROUNDINGS * EPS  # both sides of an inequality round

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


class Bound(NamedTuple):
    """A value that should lie between 0 and a bound."""

    value: float
    bound: float

    def holds(self):
        return 0 <= self.value <= self.bound * SLACK

    @property
    def tightness(self):
        return self.value / self.bound if self.bound else 0.0


def gain(net, first):
    """K: product of max(1, max |k_l|) over the hidden layers from `first` on."""
    return float(np.prod([max(1.0, np.abs(layer.scale).max()) for layer in net.layers[first - 1 : -1]]))


def largest_kernel_sum(net, first, axis):
    """Largest sum of |W_l| along an axis, 0 for columns and 1 for rows, over the kernels from `first` on; at least 1."""
    return max(1.0, *(float(np.abs(layer.kernel).sum(axis=axis).max()) for layer in net.layers[first - 1 :]))


def largest_activation(z):
    return max(float(np.abs(z_l).max()) for z_l in z)


# T2, hessian


def hessian_entry(case):
    """max |P| of the hessian reading <= K B (G + B om G^2) r with G = K om^L, for softmax with labels."""
    net, values = case.net, ref.families(case.net, case.x, case.y)
    B, K, om = largest_activation(values.z), gain(net, 1), largest_kernel_sum(net, 2, 1)
    growth, r = K * om**net.depth, float(np.abs(values.g[-1]).max())
    P = ref.interaction_matrix(net, case.x, case.y, "hessian")
    return Bound(float(np.abs(P.data).max(initial=0)), K * B * (growth + B * om * growth**2) * r)


# T2, magnitude


def magnitude_by_in_degree(case):
    """0 <= beta_eff <= max over layers 2..L-1 of delta_in."""
    delta_in, _ = ref.degrees(case.net, case.x, case.y, strength="magnitude")
    beta = ref.capacitance(case.net, case.x, case.y, strength="magnitude").beta_eff
    return Bound(beta, max(float(d.max()) for d in delta_in[1:-1]))


def in_degree_by_error(case):
    """That maximum <= B K om1^(L-3) mean_n |g_L|_1: |z_1..z_{L-2}| <= B, columns of |W_4..W_L| sum to om1 at most."""
    net, values = case.net, ref.families(case.net, case.x, case.y)
    om1 = largest_kernel_sum(net, 4, axis=0) if net.depth > 3 else 1.0
    error = float(np.abs(values.g[-1]).sum(axis=1).mean())
    bound = largest_activation(values.z[1:-1]) * gain(net, 2) * om1 ** (net.depth - 3) * error
    return Bound(magnitude_by_in_degree(case).bound, bound)


# T2, signed


def reach(case):
    """B K om^(L-2) r, a bound on every entry of P: |z_0..z_{L-2}| <= B, rows of |W_3..W_L| sum to om at most, |g_L| <= r."""
    net, values = case.net, ref.families(case.net, case.x, case.y)
    om, r = largest_kernel_sum(net, 3, axis=1), float(np.abs(values.g[-1]).max())
    return largest_activation(values.z[:-1]) * gain(net, 1) * om ** (net.depth - 2) * r


def entry_by_reach(case):
    """max |P| <= reach, for magnitude too: the step of the proof that is not mere counting."""
    P = ref.interaction_matrix(case.net, case.x, case.y, strength="magnitude")
    return Bound(float(P.max()) if P.nnz else 0.0, reach(case))


def signed_sign_safe(case, eps):
    """|A| / (|D| + eps) <= n_E^3 reach^2 / eps."""
    got = ref.capacitance(case.net, case.x, case.y, eps=eps)
    n_E = ref.weight_offsets(case.net.widths)[-1]
    beta = abs(got.numerator) / (abs(got.denominator) + eps)
    assert got.degenerate or abs(got.beta_eff) == pytest.approx(beta, rel=4 * EPS)
    return Bound(beta, n_E**3 * reach(case) ** 2 / eps)


def signed_plain(case, eps):
    """|A / (D + eps)| <= n_E^3 reach^2 / (eps / 2), once n_E^2 reach <= eps / 2; ncap itself has no plain eps."""
    n_E, size = ref.weight_offsets(case.net.widths)[-1], reach(case)
    got = ref.capacitance(case.net, case.x, case.y)
    return Bound(abs(got.numerator / (got.denominator + eps)), n_E**3 * size**2 / (eps / 2))


def smallest_plain_eps(case):
    return 2 * ref.weight_offsets(case.net.widths)[-1] ** 2 * reach(case)


# T7


def gradient_form(case):
    """0 <= the gradient form <= max |w dC/dw| over layers 2..L-1."""
    gradients = ref.gradients(case.net, case.x, case.y)
    q = [layer.kernel * dW for layer, dW in zip(case.net.layers, gradients, strict=True)]
    largest = max(float(np.abs(q_l).max()) for q_l in q[1:-1])
    return Bound(ref.gradient_capacitance(case.net, case.x, case.y).beta_eff, largest)


# Drawn networks


def check(bound, label):
    target(bound.tightness, label=label)
    assert bound.holds(), bound


@given(cases())
def test_t2_magnitude_is_bounded_by_the_largest_in_degree(case):
    check(magnitude_by_in_degree(case), "beta_eff over the largest in-degree")


@given(cases())
def test_t2_magnitude_in_degrees_are_bounded_by_the_error(case):
    check(in_degree_by_error(case), "the largest in-degree over its bound")


def test_t2_magnitude_bounds_are_reached():
    """One unit a layer, equal activations, kernels and errors of 1: both inequalities are equalities, but for D's first term."""
    net = ref.MLP([[[1.0]]] * 4, loss="squared_error")
    case = Case(net, np.array([[1.0]]), np.array([[0.0]]))
    assert in_degree_by_error(case) == (1.0, 1.0)
    assert magnitude_by_in_degree(case) == (2 / 3, 1.0)  # three links, two of them from interior weights


@given(cases())
def test_t2_signed_entries_are_bounded_by_the_error(case):
    check(entry_by_reach(case), "largest |P| over its bound")


@pytest.mark.parametrize("depth", [3, 4])
def test_t2_signed_entry_bounds_are_reached(depth):
    """A chain of ones, every norm scaled by 2 and the kernels above the first two by 3: B, K, om and r all count."""
    kernels = [[[1.0]], [[1.0]], *[[[3.0]]] * (depth - 2)]
    net = ref.MLP(kernels, scales=[[2.0]] * (depth - 1), loss="squared_error")
    case = Case(net, np.array([[1.0]]), np.array([[-1.0]]))
    first = ref.interaction_matrix(net, case.x, case.y).toarray()[0].max()  # s_1 z_0 g_2
    values = ref.families(net, case.x, case.y)
    assert first == 2 * float(values.g[-1][0, 0]) * (2 * 3) ** (depth - 2)
    B = largest_activation(values.z[:-1])
    assert reach(case) == pytest.approx(first * B, rel=4 * EPS)


@given(cases(), st.sampled_from([1.0, 1e-3]))
def test_t2_signed_is_bounded_with_eps(case, eps):
    check(signed_sign_safe(case, eps), "|beta_eff| over its bound, sign-safe")


@given(cases())
def test_t2_signed_is_bounded_with_plain_eps_once_errors_are_small(case):
    eps = smallest_plain_eps(case)
    if eps:
        check(signed_plain(case, eps), "|beta_eff| over its bound, plain")


@given(st.data())
def test_t2_one_hot_curvature_is_bounded_by_the_error_in_fractions(data):
    """|diag(p) - pp'| <= max |p - y| for a label y; for targets that are p itself there is no error, and curvature is left."""
    width = data.draw(st.integers(2, 4))
    ((*p,),) = data.draw(exact.probabilities(1, width))
    label = data.draw(st.integers(0, width - 1))
    curvature = [[(k == h) * u - u * v for h, v in enumerate(p)] for k, u in enumerate(p)]
    assert 0 < max(abs(c) for row in curvature for c in row) <= max(abs(u - (k == label)) for k, u in enumerate(p))


@given(cases(losses=("cross_entropy",), max_depth=4, max_width=4))
def test_t2_hessian_entries_are_bounded_by_the_error(case):
    check(hessian_entry(case), "largest |P| of the hessian reading over its bound")


@given(cases())
def test_t7_gradient_form_is_bounded_by_the_largest_pull(case):
    check(gradient_form(case), "the gradient form over its bound")


# Trained networks


def readings(case):
    return {
        "magnitude <= largest in-degree": magnitude_by_in_degree(case),
        "largest in-degree <= error": in_degree_by_error(case),
        "largest |P| <= error": entry_by_reach(case),
        "signed, sign-safe eps": signed_sign_safe(case, 1e-3),
        "signed, plain eps": signed_plain(case, smallest_plain_eps(case)),
        "gradient form <= largest |w dC/dw|": gradient_form(case),
    }


def start_and_end(loss, norm, steps=1000, rate=0.05, seed=1):
    """A 64-24-16-12-10 net with biases and frozen norms on 200 digits, before and after gradient descent on its kernels."""
    rng = np.random.default_rng(seed)
    images, labels = load_digits(return_X_y=True)
    widths = (64, 24, 16, 12, 10)
    hidden = widths[1:-1]
    kernels = [rng.normal(size=shape) * np.sqrt(2 / shape[0]) for shape in itertools.pairwise(widths)]
    fixed = {
        "biases": [rng.normal(scale=0.1, size=n) for n in widths[1:]],
        "scales": [rng.uniform(0.5, 1.5, n) for n in hidden],
        "shifts": [rng.normal(scale=0.1, size=n) for n in hidden],
        "norm": norm,
        "loss": loss,
    }
    case = Case(ref.MLP(kernels, **fixed), images[:200] / 16, labels[:200])
    start = case
    for _ in range(steps):
        gradients = ref.gradients(case.net, case.x, case.y)
        kernels = [layer.kernel - rate * dW for layer, dW in zip(case.net.layers, gradients, strict=True)]
        case = case.replace(net=ref.MLP(kernels, **fixed))
    return start, case


@pytest.mark.parametrize("norm", ["after", "before"])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_every_bound_holds_on_a_network_trained_on_digits(loss, norm, record_property):
    states = dict(zip(("start", "end"), start_and_end(loss, norm), strict=True))
    outputs = ref.forward(states["end"].net, states["end"].x)[2]
    assert (outputs.argmax(axis=1) == states["end"].y).mean() > 0.7  # it has learnt: chance is 0.1
    for name, case in states.items():
        for what, bound in readings(case).items():
            record_property(f"{name}: {what}", bound.tightness)
            print(
                f"{loss:>13} {norm:>6} {name:>5}  {what:<34} {bound.value:9.2e} / {bound.bound:9.2e} = {bound.tightness:.1e}"
            )
            assert bound.holds(), (name, what, bound)
            assert bound.value > 0  # nothing here is degenerate
