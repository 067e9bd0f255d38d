"""The oracle's CNNs against Keras' own layers: outputs, gradients, and P by automatic differentiation, on drawn networks.

P[:, q] is F_l at the unit vector q: the gradient of <g_{l+1}, a_{l+1}(W_l, V)> by W_l, linear in the kernel V of layer l + 1,
with g_{l+1} held fixed and what layer l reads, s_l and the maxima as they are. float64.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cnns import cnn_cases
from hypothesis import given, settings

from ncap import reference as ref
from ncap.reference.shared_weights import cnn

pytestmark = [
    pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning"),
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="GradientTape is TensorFlow's"),
]

# Sums of some hundred products of normal numbers; what they cancel stays below this many of their roundings.
TOLERANCE = 1e-10


def in_keras(layer):
    """The Keras layer of the same name and parameters."""
    kind, float64 = getattr(keras.layers, type(layer).__name__), {"dtype": "float64"}
    if isinstance(layer, ref.Dense):
        return kind(layer.kernel.shape[1], **float64)
    if isinstance(layer, ref.Conv2D):
        return kind(layer.kernel.shape[3], layer.kernel.shape[:2], layer.strides, layer.padding, **float64)
    if isinstance(layer, ref.DepthwiseConv2D):
        size, multiplier = layer.kernel.shape[:2], layer.kernel.shape[3]
        return kind(size, layer.strides, layer.padding, depth_multiplier=multiplier, **float64)
    if isinstance(layer, ref.AveragePooling2D | ref.MaxPooling2D):
        return kind(layer.pool_size, layer.strides, layer.padding, **float64)
    return kind(**float64)


class InKeras:
    """A network of Keras layers: stages of (layer with weights, what stands behind it), and what comes first."""

    def __init__(self, net, x):
        self.loss, self.entrance, self.stages = net.loss, [], []
        z = tf.constant(x)
        for layer in net.layers:
            copy = in_keras(layer)
            z = copy(z)
            if hasattr(layer, "kernel"):
                copy.set_weights([layer.kernel, layer.bias])
                self.stages.append((copy, []))
            else:
                (self.stages[-1][1] if self.stages else self.entrance).append(copy)

    def behind(self, l, a):
        """What layer l + 1 reads."""
        z = tf.nn.relu(a)
        for layer in self.stages[l][1]:
            z = layer(z)
        return z

    def passes(self, x, y):
        """u_0..u_{L-1}, g_1..g_L, a_L and the gradients by the kernels."""
        u, a = [tf.constant(x)], []
        for layer in self.entrance:
            u = [layer(u[0])]
        kernels = [layer.kernel for layer, _ in self.stages]
        with tf.GradientTape() as tape:
            for l, (layer, _) in enumerate(self.stages):
                a.append(layer(u[l]))
                tape.watch(a[l])
                u.append(self.behind(l, a[l]))
            target = tf.one_hot(y, a[-1].shape[1], dtype=tf.float64)
            if self.loss == "cross_entropy":
                loss = tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(target, a[-1]))
            else:
                loss = tf.reduce_sum((a[-1] - target) ** 2) / 2
        of_a, of_kernels = tape.gradient(loss, [a, kernels])
        return u[:-1], of_a, a[-1].numpy(), [g.numpy() / len(x) for g in of_kernels]

    def block(self, l, u, g):
        """P between layers l and l + 1, counted from 0, column by column."""
        (receiving, _), (sending, _) = self.stages[l : l + 2]
        kernel, columns = sending.kernel.numpy(), []
        for q in range(kernel.size):
            unit = np.zeros(kernel.size)
            unit[q] = 1
            sending.kernel.assign(unit.reshape(kernel.shape))
            with tf.GradientTape() as tape:
                along = tf.reduce_sum(g[l + 1] * sending(self.behind(l, receiving(u[l]))))
            columns.append(tape.gradient(along, receiving.kernel).numpy().ravel() / len(u[l]))
        sending.kernel.assign(kernel)
        return np.transpose(columns)


def interactions(model, x, y):
    """P by automatic differentiation, dense."""
    u, g, _, _ = model.passes(x, y)
    sizes = [layer.kernel.numpy().size for layer, _ in model.stages]
    offsets = np.cumsum([0, *sizes])
    P = np.zeros((offsets[-1],) * 2)
    for l in range(len(sizes) - 1):
        P[offsets[l] : offsets[l + 1], offsets[l + 1] : offsets[l + 2]] = model.block(l, u, g)
    return P


@settings(max_examples=50)
@given(cnn_cases(values="normal"))
def test_outputs_and_gradients_are_those_of_keras(case):
    _, _, outputs, gradients = InKeras(case.net, case.x).passes(case.x, case.y)
    np.testing.assert_allclose(cnn.forward(case.net, case.x).a, outputs, rtol=TOLERANCE, atol=TOLERANCE)
    # Euler (T5): P times the weights is the gradient, but for the last layer's.
    w = np.concatenate([kernel.ravel() for kernel in case.net.kernels])
    P = ref.interaction_operator(case.net, case.x, case.y)
    want = np.concatenate([gradient.ravel() for gradient in gradients])
    want[-case.net.kernels[-1].size :] = 0
    np.testing.assert_allclose(P @ w, want, rtol=TOLERANCE, atol=TOLERANCE * (1 + np.abs(want).max()))


@settings(max_examples=30)
@given(cnn_cases(values="normal"))
def test_p_and_beta_eff_are_those_of_automatic_differentiation(case):
    got = ref.interaction_matrix(case.net, case.x, case.y)
    want = interactions(InKeras(case.net, case.x), case.x, case.y)
    size = TOLERANCE * (1 + np.abs(want).max())
    np.testing.assert_allclose(got.toarray(), want, rtol=TOLERANCE, atol=size)
    delta_in, delta_out = ref.degrees(case.net, case.x, case.y)
    for degrees, axis in ((delta_in, 1), (delta_out, 0)):
        flat = np.concatenate([d.ravel() for d in degrees])
        np.testing.assert_allclose(flat, want.sum(axis=axis), rtol=TOLERANCE, atol=size * len(want))
    capacitance = ref.capacitance(case.net, case.x, case.y)
    if not capacitance.degenerate and capacitance.cancellation < 100:
        assert capacitance.beta_eff == pytest.approx(ref.beta_eff(want), rel=100 * TOLERANCE)


@settings(max_examples=30)
@given(cnn_cases(values="positive", max_pooling=False))
def test_the_line_graph_is_the_sparsity_of_the_gradient_with_the_errors_held_fixed(case):
    """Everything positive, errors too: each relu is on, and nothing cancels."""
    model = InKeras(case.net, case.x)
    u, g, _, _ = model.passes(case.x, case.y)
    positive = [tf.abs(g_l) + 1.0 for g_l in g]
    offsets, B = ref.weight_offsets(case.net), ref.line_graph(case.net).toarray()
    for l in range(len(offsets) - 2):
        block = B[offsets[l] : offsets[l + 1], offsets[l + 1] : offsets[l + 2]]
        np.testing.assert_array_equal(model.block(l, u, positive) != 0, block)
    assert B.sum() == ref.line_graph_size(case.net).links


def test_the_second_derivative_is_wider_than_the_line_graph():
    """It has the impact of W_{l+1} on g_{l+1}, too, which the explicit reading holds fixed."""
    rng = np.random.default_rng(0)
    layers = [
        ref.Conv2D(rng.uniform(0.5, 1, (2, 2, 1, 2))),
        ref.Conv2D(rng.uniform(0.5, 1, (2, 1, 2, 2))),
        ref.Flatten(),
    ]
    net = ref.CNN([*layers, ref.Dense(rng.uniform(0.5, 1, (8, 2)))], (4, 3, 1), loss="squared_error")
    x, y = rng.uniform(0.5, 1, (2, 4, 3, 1)), [0, 1]
    model = InKeras(net, x)
    (first, _), (second, _), (top, _) = model.stages
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            a = top(model.behind(1, second(model.behind(0, first(tf.constant(x))))))
            loss = tf.reduce_sum((a - tf.one_hot(y, 2, dtype=tf.float64)) ** 2)
        gradient = inner.gradient(loss, first.kernel)
    links = ref.line_graph(net)[:8, 8:16].nnz
    assert np.count_nonzero(outer.jacobian(gradient, second.kernel)) == 8 * 8 > links == 4 * 2 * 2 * 2
