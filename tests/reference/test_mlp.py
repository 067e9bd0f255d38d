"""The network G_A: its forward pass, its gradients against differences, and every bad input with its message."""

import itertools
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import cases

from ncap import reference as ref


@pytest.mark.parametrize(("norm", "off"), [("after", -1.0), ("before", 0.0)])
def test_the_forward_pass_by_hand(norm, off):
    """x = 1: a_1 = 2 + 1 is on, z_1 = 3 a_1 - 1. x = -1: a_1 = -2 + 1 is off, and only a norm after the relu still shifts."""
    net = ref.MLP([[[2.0]], [[5.0, 0.0]]], [[1.0], [-7.0, 4.0]], [[3.0]], [[-1.0]], norm=norm)
    z, s, a = ref.forward(net, [[1.0], [-1.0]])
    assert [z_l.tolist() for z_l in z] == [[[1.0], [-1.0]], [[8.0], [off]]]
    assert [s_l.tolist() for s_l in s] == [[[3.0], [0.0]]]
    assert a.tolist() == [[5 * 8.0 - 7, 4.0], [5 * off - 7, 4.0]]


@pytest.mark.parametrize("sizes", [(3, 4, 5, 2), (3, 2)])
@pytest.mark.parametrize("norm", ["after", "before"])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_gradients_are_central_differences_of_the_loss(norm, loss, sizes):
    rng = np.random.default_rng(0)
    parts = [[rng.normal(size=(a, b)) for a, b in itertools.pairwise(sizes)]]
    parts += [
        [rng.normal(size=n) for n in sizes[1:]],
        [rng.normal(size=n) for n in sizes[1:-1]],
        [rng.normal(size=n) for n in sizes[1:-1]],
    ]
    x, y = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)

    def mean_loss(kernels):
        a = ref.forward(ref.MLP(kernels, *parts[1:], norm=norm), x)[2]
        if loss == "squared_error":
            return ((a - np.eye(2)[y]) ** 2).sum() / 2 / len(x)
        return -np.mean(a[np.arange(len(y)), y] - np.log(np.exp(a).sum(axis=1)))

    got = ref.gradients(ref.MLP(*parts, norm=norm, loss=loss), x, y)
    h = 1e-6  # differences err by about h^2 and eps / h: 1e-10 at losses of order 1
    for l, dW in enumerate(got):
        for index in np.ndindex(dW.shape):
            up, down = [[k.copy() for k in parts[0]] for _ in range(2)]
            up[l][index] += h
            down[l][index] -= h
            assert dW[index] == pytest.approx((mean_loss(up) - mean_loss(down)) / (2 * h), abs=1e-7)


@given(cases())
def test_labels_and_their_one_hot_rows_are_one_target(case):
    one_hot = np.eye(case.net.widths[-1])[case.y]
    for a, b in zip(ref.gradients(case.net, case.x, case.y), ref.gradients(case.net, case.x, one_hot), strict=True):
        np.testing.assert_array_equal(a, b)


@given(cases(norms=("after", "before")), st.sampled_from(["after", "before"]))
def test_derivatives_are_0_or_the_scale(case, norm):
    _, s, _ = ref.forward(case.net, case.x)
    for s_l, layer in zip(s, case.net.layers, strict=False):
        assert ((s_l == 0) | (s_l == layer.scale)).all()


def test_the_relu_is_off_at_0():
    z, s, _ = ref.forward(ref.MLP([[[1.0]], [[1.0]]]), [[0.0]])
    assert z[1] == 0
    assert s[0] == 0


def test_a_column_of_labels_is_a_list_of_labels():
    net, x = ref.MLP([np.ones((2, 3)), np.ones((3, 2))]), np.ones((3, 2))
    for a, b in zip(ref.gradients(net, x, [[0], [1], [1]]), ref.gradients(net, x, [0, 1, 1]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_was_checked_stays_as_it_was():
    kernel, shift = np.eye(2), np.zeros(2)
    net = ref.MLP([kernel, kernel], shifts=[shift])
    kernel[0, 0] = shift[0] = np.nan
    assert net.layers[0].kernel[0, 0] == net.kernels[0][0, 0] == 1
    assert net.layers[0].shift[0] == net.shifts[0][0] == 0
    with pytest.raises(FrozenInstanceError):
        net.norm = "before"


def test_a_network_is_itself_and_prints_in_short():
    net = ref.MLP([np.ones((2, 3)), np.ones((3, 1))], norm="before")
    assert net in {net}
    assert repr(net) == "MLP(widths=(2, 3, 1), norm='before', loss='cross_entropy')"


def test_every_layer_has_vectors_of_its_width():
    for layer in ref.MLP([np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 1))]).layers:
        assert layer.bias.shape == layer.scale.shape == layer.shift.shape == layer.kernel.shape[1:]


K = [np.ones((2, 3)), np.ones((3, 2))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernels": []}, "kernels is empty"),
        ({"kernels": [np.ones(3)]}, r"kernels\[0\] must have shape \(n_in, n_out\).*got \(3,\)"),
        ({"kernels": [np.ones((2, 0))]}, r"kernels\[0\] must have shape"),
        (
            {"kernels": [np.ones((2, 3)), np.ones((4, 2))]},
            r"kernels\[1\] must have 3 rows, one for each output of kernels\[0\], got \(4, 2\)",
        ),
        ({"kernels": [[["a"]]]}, r"kernels\[0\] must be an array of real numbers"),
        ({"kernels": [[[np.nan]]]}, r"kernels\[0\] holds NaN or infinity"),
        ({"kernels": K, "biases": [np.ones(3)]}, "biases must have 2 entries, None where a layer has none, got 1"),
        ({"kernels": K, "biases": [np.ones(2), None]}, r"biases\[0\] must have shape \(3,\), got \(2,\)"),
        ({"kernels": K, "scales": [np.ones(3), np.ones(2)]}, "scales must have 1 entries"),
        ({"kernels": K, "shifts": [[np.inf] * 3]}, r"shifts\[0\] holds NaN or infinity"),
        ({"kernels": K, "norm": "behind"}, "norm must be one of 'after', 'before', got 'behind'"),
        ({"kernels": K, "loss": "mse"}, "loss must be one of 'cross_entropy', 'squared_error', got 'mse'"),
    ],
)
def test_bad_networks_are_refused_with_input_rule_and_remedy(arguments, message):
    with pytest.raises(ValueError, match=message):
        ref.MLP(**arguments)


X = np.ones((3, 2))


@pytest.mark.parametrize(
    ("x", "y", "loss", "message"),
    [
        (np.ones((3, 5)), [0, 1, 0], "cross_entropy", r"x must have shape \(N, 2\).*got \(3, 5\)"),
        (np.ones(2), [0], "cross_entropy", r"x must have shape \(N, 2\).*got \(2,\)"),
        (np.ones((0, 2)), [], "cross_entropy", r"x must have shape \(N, 2\), N at least 1"),
        ([[1.0, np.nan]], [0], "cross_entropy", "x holds NaN or infinity"),
        (X, [0, 1, 2], "cross_entropy", r"labels y must lie in 0\.\.1.*got 0\.\.2"),
        (X, [0, 1, 3], "cross_entropy", r"labels y must lie in 0\.\.1.*got 0\.\.3"),
        (X, [0, -1, 1], "squared_error", r"labels y must lie in 0\.\.1.*got -1\.\.1"),
        (
            X,
            [0.0, 1.5, 0.5],
            "cross_entropy",
            r"dtype float64; pass y\.astype\(int\) once they are whole numbers, 1\.5 is not",
        ),
        (X, [True, False, True], "cross_entropy", r"got dtype bool; pass y\.astype\(int\), or targets of shape"),
        (
            X,
            [0, 1],
            "cross_entropy",
            r"y must be integer labels of shape \(3,\) or targets of shape \(3, 2\), got \(2,\)",
        ),
        (X, np.ones((3, 3)), "squared_error", r"got \(3, 3\)"),
        (X, np.full((3, 2), np.nan), "squared_error", "y holds NaN"),
        (X, [[2.0, -1.0]] * 3, "cross_entropy", "targets y must be at least 0, got -1.0"),
        (X, [[1.0, 0.0], [0.5, 0.5], [50.0, 50.0]], "cross_entropy", "row 2 sums to 100; divide by the row sums"),
        (X, [[1.0, 0.0], [0.25, 0.25], [1.0, 0.0]], "cross_entropy", r"row 1 sums to 0\.5"),
        (X, [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], "cross_entropy", "row 2 sums to 2"),
    ],
)
def test_bad_data_is_refused_with_input_rule_and_remedy(x, y, loss, message):
    with pytest.raises(ValueError, match=message):
        ref.gradients(ref.MLP(K, loss=loss), x, y)
