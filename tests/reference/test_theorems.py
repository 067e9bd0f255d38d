"""T1 to T6 of MATHEMATICS.md on drawn networks, and the exact counterexamples of T4."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from agreement import ROUNDINGS, assert_close, sums, uncancelled, uncancelled_families
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import Case, cases

from ncap import reference as ref
from ncap.reference.mlp import softmax

EPS = np.finfo(np.float64).eps
COUNTEREXAMPLES = json.loads(Path(ref.__file__).with_name("counterexamples.json").read_text())

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


# T1


@given(cases(), st.sampled_from(["signed", "magnitude"]))
def test_t1_no_error_on_any_sample_means_no_interaction(case, strength):
    _, _, a = ref.forward(case.net, case.x)
    y = softmax(a) if case.net.loss == "cross_entropy" else a
    got = ref.capacitance(case.net, case.x, y, strength=strength)
    assert ref.interaction_matrix(case.net, case.x, y, strength=strength).nnz == 0
    assert (got.beta_eff, got.numerator, got.denominator) == (0, 0, 0)
    assert got.degenerate
    assert got.reason in ("zero", "softmax")


@given(cases(norms=("none", "before")))
def test_t1_vanishing_gradients_of_every_sample_mean_no_interaction(case):
    """A dead last hidden layer stops every gradient, W_L's through z_{L-1} = 0: then s_{L-1} = 0 and P = 0."""
    layers = case.net.layers
    biases = [layer.bias for layer in layers]
    biases[-2] = np.full_like(biases[-2], -1e6) * np.where(layers[-2].scale < 0, -1, 1)
    net = ref.MLP(
        [layer.kernel for layer in layers],
        biases,
        [layer.scale for layer in layers[:-1]],
        [layer.shift for layer in layers[:-1]],
        norm="before",
        loss=case.net.loss,
    )
    assert all((gradient == 0).all() for gradient in ref.gradients(net, case.x, case.y))
    assert ref.interaction_matrix(net, case.x, case.y).nnz == 0


def test_t1_fails_with_a_shift_behind_the_relu():
    """Every sample's gradient is 0 and yet beta_eff is 1/4: the shifts make z_1 and z_2 vanish where the units are on."""
    net = ref.MLP([[[1.0]], [[0.0]], [[1.0, 0.0]]], [None, [1.0], None], None, [[-1.0], [-1.0]], loss="squared_error")
    x, y = [[1.0], [2.0]], [[-1.0, 0.0], [0.0, -1.0]]
    for sample in range(2):
        gradients = ref.gradients(net, x[sample : sample + 1], y[sample : sample + 1])
        assert all((gradient == 0).all() for gradient in gradients)
    assert ref.capacitance(net, x, y).beta_eff == 0.25


# T2


@given(cases())
def test_t2_magnitude_is_bounded_by_the_error(case):
    net = case.net
    beta = ref.capacitance(net, case.x, case.y, strength="magnitude").beta_eff
    delta_in, _ = ref.degrees(net, case.x, case.y, strength="magnitude")
    families = ref.families(net, case.x, case.y)
    B = max(float(np.abs(z).max()) for z in families.z)
    om1 = max(1.0, *(float(np.abs(layer.kernel).sum(axis=0).max()) for layer in net.layers))
    K = np.prod([max(1.0, float(np.abs(layer.scale).max())) for layer in net.layers[:-1]])
    largest = max(float(d.max()) for d in delta_in[1:-1])
    bound = B * om1 ** (net.depth - 3) * float(np.abs(families.g[-1]).sum(axis=1).mean()) * K
    slack = 1 + ROUNDINGS * EPS
    assert 0 <= beta <= largest * slack
    assert largest <= bound * slack


@given(cases(), st.sampled_from([1.0, 1e-3]))
def test_t2_signed_is_bounded_with_eps(case, eps):
    net = case.net
    got = ref.capacitance(net, case.x, case.y, eps=eps)
    assume(got.reason != "rounding")
    families = ref.families(net, case.x, case.y)
    B = max(float(np.abs(z).max()) for z in families.z)
    om = max(1.0, *(float(np.abs(layer.kernel).sum(axis=1).max()) for layer in net.layers))
    K = np.prod([max(1.0, float(np.abs(layer.scale).max())) for layer in net.layers[:-1]])
    r = float(np.abs(families.g[-1]).max())
    n_weights = ref.weight_offsets(net.widths)[-1]
    assert abs(got.beta_eff) <= n_weights**3 * (B * K * om**net.depth) ** 2 * r**2 / eps


# T3


@pytest.mark.parametrize("interaction", ["explicit", "hessian"])
@given(data=st.data())
def test_t3_softmax_sends_nothing_in_sum_to_the_last_hidden_layer(interaction, data):
    case = data.draw(cases(losses=("cross_entropy",), max_depth=5, max_width=5))
    delta_in, _ = ref.degrees(case.net, case.x, case.y, interaction)
    scale, _ = uncancelled(case, interaction)
    # sum_k p_k rounds to 1 within eps n_L, and the hessian's ones stay ones up to softmax's own error.
    assert_close(delta_in[-2], 0, ROUNDINGS * EPS * scale[-2], "delta_in of layer L-1")


@pytest.mark.parametrize("interaction", ["explicit", "hessian"])
@given(data=st.data())
def test_t3_signed_beta_eff_of_three_kernels_is_zero_by_structure(interaction, data):
    case = data.draw(cases(losses=("cross_entropy",), max_depth=3, max_width=5))
    got = ref.capacitance(case.net, case.x, case.y, interaction)
    assert (got.beta_eff, got.numerator, got.degenerate, got.reason) == (0, 0, True, "softmax")


# T4


def squared_error_families(t):
    """z, s, g in fractions of the network with squared error, residuals scaled by t."""
    table = COUNTEREXAMPLES["squared_error_2_2_2_2"]
    error = t * fractions(table["error"])
    return (*forward(table), [fractions(kernel) for kernel in table["kernels"]], error, table)


def fractions(rows):
    return np.array([[Fraction(value) for value in row] for row in rows], dtype=object)


def forward(table):
    kernels = [fractions(kernel) for kernel in table["kernels"]]
    z, s = [fractions(table["x"])], []
    for kernel in kernels[:-1]:
        a = z[-1] @ kernel
        s.append(np.vectorize(lambda value: Fraction(value > 0), otypes=[object])(a))
        z.append(s[-1] * a)
    return z, s


def errors(kernels, s, g_last):
    g = [g_last]
    for kernel, s_l in zip(kernels[:0:-1], s[::-1], strict=True):
        g.append(s_l * (g[-1] @ kernel.T))
    return g[::-1]  # g_1..g_L


def exact_moments(z, s, g):
    delta_in, delta_out = ref.degrees_from(z[:-1], s, g[1:])
    A = sum((o * i).sum() for o, i in zip(delta_out, delta_in, strict=True))
    return A, sum(d.sum() for d in delta_in)


@pytest.mark.parametrize("t", [Fraction(1), Fraction(1, 2), Fraction(1, 5), Fraction(1, 10), Fraction(1, 100)])
def test_t4_squared_error_exactly(t):
    """Every batch gradient is 0, and beta_eff is 2t."""
    z, s, kernels, error, table = squared_error_families(t)
    assert (z[-1] @ kernels[-1] == fractions(table["outputs"])).all()
    g = errors(kernels, s, error)
    assert all((z_l.T @ g_l == 0).all() for z_l, g_l in zip(z, g, strict=True))
    A, D = exact_moments(z, s, g)
    assert (-(t**2) / 3, -t / 6, 2 * t) == (A, D, A / D)


@pytest.mark.parametrize("t", [1.0, 0.5, 0.01])
def test_t4_squared_error_in_floats(t):
    table = COUNTEREXAMPLES["squared_error_2_2_2_2"]
    net = ref.MLP(table["kernels"], loss="squared_error")
    y = np.array(table["outputs"]) - t * np.array(table["error"])
    case = Case(net, np.array(table["x"], float), y)
    scales = [np.abs(z).T @ g / len(y) for z, g in zip(*uncancelled_families_from_layer_2(case), strict=True)]
    for gradient, scale in zip(ref.gradients(net, case.x, y)[1:], scales, strict=True):
        assert_close(gradient, 0, ROUNDINGS * EPS * scale, "gradient")
    got = ref.capacitance(net, case.x, y)
    scale_A, scale_D = sums(uncancelled(case))
    assert got.beta_eff == pytest.approx(2 * t, rel=ROUNDINGS * EPS * (scale_A / (t**2 / 3) + scale_D / (t / 6)))
    assert not got.degenerate


def uncancelled_families_from_layer_2(case):
    families = uncancelled_families(case.net, case.x, case.y)
    return families.z[1:], families.g


def test_t4_softmax_exactly():
    table = COUNTEREXAMPLES["softmax_2_2_2_2_3"]
    kernels = [fractions(kernel) for kernel in table["kernels"]]
    z, s = forward(table)
    error = fractions(table["error"])
    assert (error.sum(axis=1) == 0).all()
    g = errors(kernels, s, error)
    assert all((z_l.T @ g_l == 0).all() for z_l, g_l in zip(z, g, strict=True))
    A, D = exact_moments(z, s, g)
    assert Fraction(table["beta_eff"]) == A / D


def test_t4_softmax_in_floats():
    table = COUNTEREXAMPLES["softmax_2_2_2_2_3"]
    net = ref.MLP([fractions(kernel).astype(float) for kernel in table["kernels"]])
    x = np.array(table["x"], float)
    y = softmax(ref.forward(net, x)[2]) - fractions(table["error"]).astype(float)
    assert y.min() > 0
    got = ref.capacitance(net, x, y)
    scale_A, scale_D = sums(uncancelled(Case(net, x, y)))
    relative = scale_A / abs(got.numerator) + scale_D / abs(got.denominator)
    assert got.beta_eff == pytest.approx(-24 / 2500, rel=ROUNDINGS * EPS * relative)


# T5


@given(cases())
def test_t5_euler_the_weights_weigh_p_into_the_gradient(case):
    """sum_k P[(l;j->i),(l+1;i->k)] W_{l+1}[i,k] = dC/dW_l[j,i], with biases and norms too."""
    net = case.net
    P = ref.interaction_matrix(net, case.x, case.y)
    w = np.concatenate([layer.kernel.ravel() for layer in net.layers])
    gradient = np.concatenate([dW.ravel() for dW in ref.gradients(net, case.x, case.y)])
    n_last = net.layers[-1].kernel.size
    scale = np.concatenate([d.ravel() for d in uncancelled(case)[0]])  # |W| <= 1 in these draws
    assert_close((P @ w)[:-n_last], gradient[:-n_last], ROUNDINGS * EPS * scale[:-n_last], "P w")


@given(cases())
def test_t5_euler_from_the_senders_side(case):
    """sum_j W_l[j,i] P[(l;j->i),(l+1;i->k)] = dC/dW_{l+1}[i,k] - mean_n (z_l - s_l * (z_{l-1} W_l))[n,i] g_{l+1}[n,k]."""
    net, n = case.net, len(case.x)
    P = ref.interaction_matrix(net, case.x, case.y)
    w = np.concatenate([layer.kernel.ravel() for layer in net.layers])
    offsets = ref.weight_offsets(net.widths)
    z, s, g, _ = ref.families(net, case.x, case.y)
    gradients = ref.gradients(net, case.x, case.y)
    scales = uncancelled(case)[1]
    bounds = uncancelled_families(case.net, case.x, case.y)
    for l in range(1, net.depth):
        rest = (z[l] - s[l - 1] * (z[l - 1] @ net.layers[l - 1].kernel)).T @ g[l - 1] / n
        got = (w @ P)[offsets[l] : offsets[l + 1]].reshape(gradients[l].shape)
        scale = scales[l] + bounds.z[l].T @ bounds.g[l - 1] / n
        assert_close(got, gradients[l] - rest, ROUNDINGS * EPS * scale, f"w P, layer {l + 1}")


# T6


def test_t6_published_networks(shared_data):
    networks = np.load(shared_data / "networks" / "mutualistic.npz", allow_pickle=False)
    published = json.loads((shared_data / "networks" / "published_beta_eff.json").read_text())
    compared = 0
    for name, want in published.items():
        if name in networks:
            assert ref.beta_eff(networks[name]) == pytest.approx(want, rel=1e-12), name
            compared += 1
    assert compared == len(published) > 0
