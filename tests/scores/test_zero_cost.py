"""Training-free proxies against a second, naive implementation each, and what each is known not to change under.

The naive ones know nothing of Keras: a network in numpy, derivatives by differences. Everything is in float64.
"""

import math

import keras
import numpy as np
import pytest
from keras import layers

import ncap
from ncap import candidates, scores
from ncap.scores import SCORES
from ncap.scores.samples import own_order
from ncap.scores.zero_cost import graph_degree, jacobian_correlation, network, sign_agreement

TORCH = keras.backend.backend() == "torch"
ROUNDING = 1e-6 if TORCH else 1e-12  # there Keras computes in float32 all the same
PROXIES = [name for name in scores.names() if SCORES.get(name).needs == "network"]
GENERATOR = np.random.default_rng(5)
X, Y = GENERATOR.uniform(0, 255, (6, 5, 5, 2)).astype(np.float32).astype(float), np.array([0, 1, 2, 0, 1, 2])
SCALE, OFFSET = 1 / 60, -1.5


@pytest.fixture(scope="module", autouse=True)
def double_precision():
    """Networks of float64; JAX needs JAX_ENABLE_X64 beside it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="module")
def net(double_precision):
    """A 3 x 3 convolution, batch norm, relu, a 1 x 1 convolution with a relu of its own, pooling and a dense layer."""
    inputs = keras.Input((5, 5, 2))
    x = layers.Rescaling(SCALE, OFFSET)(inputs)
    x = layers.BatchNormalization(epsilon=1e-3)(layers.Conv2D(3, 3, padding="same", use_bias=False)(x))
    x = layers.Conv2D(4, 1, activation="relu")(layers.ReLU()(x))
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    drawn = np.random.default_rng(1)
    model.set_weights(
        [drawn.normal(size=w.shape) if w.ndim > 1 else 0.3 + drawn.uniform(size=w.shape) for w in model.get_weights()]
    )
    return model


class Naive:
    """The same network in numpy. Weights: kernel, gamma, beta, kernel, bias, kernel, bias; statistics of norms left out."""

    def __init__(self, model):
        first, gamma, beta, _, _, *rest = (np.array(w) for w in model.get_weights())
        self.weights = [first, gamma, beta, *rest]
        self.kernels = [0, 3, 5]

    def convolved(self, x, kernel):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return sum(padded[:, i : i + 5, j : j + 5] @ kernel[i, j] for i in range(3) for j in range(3))

    def run(self, x, factors=None, normed=True, normalise=True):
        """logits, features, whether units are on, variances."""
        first, gamma, beta, second, bias, dense, bias_of_head = self.weights
        by = factors or [1.0, 1.0, 1.0]
        a = self.convolved(x * SCALE + OFFSET if normalise else x, first) * by[0]
        mean, variance = a.mean(axis=(0, 1, 2)), a.var(axis=(0, 1, 2))
        b = (a - mean) / np.sqrt(variance + 1e-3) * gamma + beta if normed else a
        c = np.maximum(np.maximum(b, 0) @ second[0, 0] + bias, 0)
        logits = ((c * by[1]).mean(axis=(1, 2)) @ dense + bias_of_head) * by[2]
        return logits, c, [b > 0, c > 0], variance

    def loss(self, x=X, y=Y, **options):
        logits = self.run(x, **options)[0]
        return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y])

    def gradients(self, x=X, y=Y, step=1e-5):
        """dL/dtheta by central differences, weight by weight."""
        found = []
        for place in self.kernels:
            slope = np.empty_like(self.weights[place])
            for index in np.ndindex(slope.shape):
                kept, sides = self.weights[place][index], []
                for sign in (1, -1):
                    self.weights[place][index] = kept + sign * step
                    sides.append(self.loss(x, y))
                self.weights[place][index] = kept
                slope[index] = (sides[0] - sides[1]) / (2 * step)
            found.append(slope)
        return found


def naive_snip(naive):
    return sum(
        np.abs(naive.weights[place] * slope).sum()
        for place, slope in zip(naive.kernels, naive.gradients(), strict=True)
    )


def naive_grad_norm(naive):
    return sum(math.sqrt((slope**2).sum()) for slope in naive.gradients())


def naive_grasp(naive, step=1e-3):
    """-theta . (g(theta + h g) - g(theta - h g)) / 2 h"""
    theta, g, sides = [naive.weights[place].copy() for place in naive.kernels], naive.gradients(), []
    for sign in (1, -1):
        for place, kernel, slope in zip(naive.kernels, theta, g, strict=True):
            naive.weights[place] = kernel + sign * step * slope
        sides.append(naive.gradients())
    return -sum((kernel * (up - down)).sum() / (2 * step) for kernel, up, down in zip(theta, *sides, strict=True))


def naive_fisher(naive, step=1e-5):
    total = 0.0
    for layer, channels in enumerate((3, 4, 3)):
        shape = (len(X), 1, 1, channels) if layer < 2 else (len(X), channels)
        for index in np.ndindex(shape):
            sides = []
            for sign in (1, -1):
                factors = [1.0, 1.0, 1.0]
                factors[layer] = np.ones(shape)
                factors[layer][index] += sign * step
                sides.append(naive.loss(factors=factors))
            total += ((sides[0] - sides[1]) / (2 * step)) ** 2
    return total / (2 * len(X))


def naive_synflow(naive):
    """R is linear in every single weight: theta_k dR/dtheta_k = R - R without it."""
    naive.weights = [np.abs(weight) for weight in naive.weights]
    ones = np.ones((1, 5, 5, 2))

    def flow():
        return naive.run(ones, normed=False, normalise=False)[0].sum()

    total = 0.0
    for place in naive.kernels:
        for index in np.ndindex(naive.weights[place].shape):
            kept, whole = naive.weights[place][index], flow()
            naive.weights[place][index] = 0
            total += whole - flow()
            naive.weights[place][index] = kept
    return math.log(1 + total)


def naive_naswot(naive):
    on = np.concatenate([units.reshape(len(X), -1) for units in naive.run(X)[2]], axis=1)
    kernel = [[sum(a == b for a, b in zip(one, two, strict=True)) for two in on] for one in on]
    return math.log(np.linalg.det(np.array(kernel, float)))


def naive_jacob_cov(naive, step=1e-3):
    jacobians = np.empty((len(X), X[0].size))
    for place, index in enumerate(np.ndindex(X.shape[1:])):
        for image in range(len(X)):
            sides = []
            for sign in (1, -1):
                moved = X.copy()
                moved[(image, *index)] += sign * step
                sides.append(naive.run(moved)[0].sum())
            jacobians[image, place] = (sides[0] - sides[1]) / (2 * step)
    v = np.linalg.eigvals(np.corrcoef(jacobians)).real
    return -sum(math.log(value + 1e-5) + 1 / (value + 1e-5) for value in v)


def naive_zen(naive):
    drawn = np.random.default_rng(0)
    first, second = drawn.normal(size=(3, 3, 2, 3)), drawn.normal(size=(1, 1, 3, 4))
    naive.weights = [first, np.ones(3), np.zeros(3), second, np.zeros(4), naive.weights[5], naive.weights[6]]
    noise, change = drawn.normal(size=(2, *X.shape))
    _, at, _, _ = naive.run(noise, normalise=False)
    _, beside, _, variance = naive.run(noise + 0.01 * change, normalise=False)
    moved = np.mean([np.abs(one - two).sum() for one, two in zip(at, beside, strict=True)])
    return math.log(moved) + math.log(math.sqrt(variance.mean()))


def naive_grad_sign(naive):
    votes = [0, 0, 0]
    for i in range(len(X)):
        slopes = naive.gradients(X[i : i + 1], Y[i : i + 1])
        votes = [
            vote + np.sign(np.where(np.abs(slope) < 1e-9, 0, slope)) for vote, slope in zip(votes, slopes, strict=True)
        ]
    return sum(np.abs(vote).sum() for vote in votes)


def naive_zico(naive):
    order = own_order(X.astype(np.float32).reshape(len(X), -1))
    pairs = zip(*(naive.gradients(X[rows], Y[rows]) for rows in (order[::2], order[1::2])), strict=True)
    total = 0.0
    for one, two in pairs:
        ratios = [
            (abs(a) + abs(b)) / 2 / (abs(a - b) / 2)
            for a, b in zip(one.flat, two.flat, strict=True)
            if abs(a - b) > 1e-9
        ]
        total += math.log(sum(ratios))
    return total


def naive_average_degree(naive):
    """Pixels, their normalisation, two convolutions: nodes are (layer, channel), an edge is where a plane of ones is answered."""
    drawn = np.random.default_rng(0)
    first, second = drawn.normal(size=(3, 3, 2, 3)), drawn.normal(size=(1, 1, 3, 4))
    edges = {((0, i), (1, i)) for i in range(2)}
    for i in range(2):
        plane = np.zeros((1, 5, 5, 2))
        plane[..., i] = 1
        edges |= {((1, i), (2, j)) for j in range(3) if naive.convolved(plane, first)[..., j].max() > 0}
    edges |= {((2, i), (3, j)) for i in range(3) for j in range(4) if second[0, 0, i, j] > 0}
    nodes = {node for edge in edges for node in edge}
    return sum(sum(node in edge for edge in edges) for node in nodes) / len(nodes)


NAIVE = {
    "synflow": (naive_synflow, 1e-6),  # the image of ones is float32, as all images
    "snip": (naive_snip, 1e-6),
    "grasp": (naive_grasp, 1e-4),
    "fisher": (naive_fisher, 1e-6),
    "naswot": (naive_naswot, 1e-9),
    "jacob_cov": (naive_jacob_cov, 1e-4),
    "zen": (naive_zen, 1e-4),  # so is the noise
    "grad_sign": (naive_grad_sign, 0),
    "zico": (naive_zico, 1e-4),
    "grad_norm": (naive_grad_norm, 1e-6),
    "average_degree": (naive_average_degree, 1e-12),
}


def test_every_proxy_has_a_second_implementation():
    assert set(NAIVE) == set(PROXIES)


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_is_what_the_naive_one_computes(net, name):
    naive, rtol = NAIVE[name]
    assert SCORES.get(name).value(net, X, Y) == (pytest.approx(naive(Naive(net)), rel=rtol), "")


# what each is known for


def chain(*kernels):
    model = keras.Sequential(
        [keras.Input((kernels[0].shape[0],)), *(layers.Dense(k.shape[1], use_bias=False) for k in kernels)]
    )
    model.set_weights(kernels)
    return model


def test_the_flow_of_a_chain_is_its_product():
    kernels = [GENERATOR.normal(size=shape) for shape in ((4, 5), (5, 3), (3, 2))]
    product = np.linalg.multi_dot([np.ones((1, 4)), *map(np.abs, kernels), np.ones((2, 1))])[0, 0]
    assert scores.synflow(chain(*kernels), np.zeros((1, 4)), [0]) == pytest.approx(
        math.log(1 + 3 * product), rel=ROUNDING
    )


@pytest.mark.skipif(TORCH, reason="Keras computes in float32 on PyTorch, whatever a layer's precision")
def test_the_flow_of_a_deep_network_does_not_overflow():
    keras.config.set_dtype_policy("float32")
    try:
        model = chain(*(np.full((10, 10), 1e3) for _ in range(60)))  # R = 10 (10 * 1e3)^60 = 1e241
    finally:
        keras.config.set_dtype_policy("float64")
    assert scores.synflow(model, np.zeros((1, 10)), [0]) == pytest.approx(math.log(60) + 241 * math.log(10), rel=1e-6)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}


def test_nothing_flows_through_a_cut():
    model = chain(np.ones((2, 3)), np.zeros((3, 2)))
    assert scores.synflow(model, np.zeros((1, 2)), [0]) == 0


def test_flow_is_not_defined_across_a_norm_of_the_sample():
    model = keras.Sequential([keras.Input((4,)), layers.LayerNormalization(), layers.Dense(2)])
    value, note = SCORES.get("synflow").value(model, np.zeros((1, 4)), [0])
    assert math.isnan(value)
    assert note.startswith("LayerNormalization takes the mean")


def test_signs_do_not_change_the_flow(net):
    flipped = keras.models.clone_model(net)
    flipped.set_weights([-w if w.ndim > 1 else w for w in net.get_weights()])
    assert scores.synflow(flipped, X, Y) == pytest.approx(scores.synflow(net, X, Y), rel=ROUNDING)


def test_sensitivity_does_not_change_when_a_factor_moves_behind_a_relu():
    kernels = GENERATOR.normal(size=(6, 20)), GENERATOR.normal(size=(20, 3))
    x, y = GENERATOR.normal(size=(4, 6)), np.arange(4) % 3
    values = []
    for factor in (1.0, 7.0):
        model = keras.Sequential(
            [keras.Input((6,)), layers.Dense(20, "relu", use_bias=False), layers.Dense(3, use_bias=False)]
        )
        model.set_weights([kernels[0] * factor, kernels[1] / factor])
        values.append([scores.snip(model, x, y), scores.fisher(model, x, y), scores.naswot(model, x, y)])
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_the_hessian_product_is_that_of_differences(net):
    """By the gradients of the implementation itself, which SNIP's oracle has checked."""
    theta, g = network.gradients(net, X.astype(np.float32), Y)
    variables, sides, step = network.kernels(net), [], 1e-3  # pooling on JAX is of float32, at 1e-8
    for sign in (1, -1):
        for variable, kernel, slope in zip(variables, theta, g, strict=True):
            variable.assign(kernel + sign * step * slope)
        sides.append(network.gradients(net, X.astype(np.float32), Y)[1])
    for variable, kernel in zip(variables, theta, strict=True):
        variable.assign(kernel)
    products = [(up - down) / (2 * step) for up, down in zip(*sides, strict=True)]
    assert scores.grasp(net, X, Y) == pytest.approx(
        -sum((k * p).sum() for k, p in zip(theta, products, strict=True)), rel=3e-5
    )


def test_codes_that_are_alike_or_opposite():
    """Two images with one code: K is singular. With opposite codes: K = units times the identity."""
    units = layers.Dense(4, "relu", use_bias=False)
    model = keras.Sequential([keras.Input((1,)), units, layers.Dense(2)])
    units.set_weights([np.array([[1.0, 1.0, -1.0, -1.0]])])
    assert math.isnan(scores.naswot(model, [[1.0], [2.0]], [0, 1]))
    assert scores.naswot(model, [[1.0], [-2.0]], [0, 1]) == pytest.approx(math.log(4 * 4))
    _, note = SCORES.get("naswot").value(chain(np.ones((1, 2))), [[1.0]], [0])
    assert note.startswith("no layer of the network has one of the activations relu")


def test_jacobians_that_do_not_correlate_are_the_best():
    orthogonal = np.array([[1.0, -1, 0, 0], [0, 0, 1, -1]])
    best = -2 * (math.log(1 + jacobian_correlation.K) + 1 / (1 + jacobian_correlation.K))
    assert jacobian_correlation._of_jacobians(orthogonal) == pytest.approx(best, rel=1e-12)
    assert jacobian_correlation._of_jacobians(3 * orthogonal + 1) == pytest.approx(best, rel=1e-12)
    assert math.isnan(jacobian_correlation._of_jacobians(np.ones((2, 4))))


def test_votes_are_the_same_one_by_one_and_together(net):
    """Also with strides, with padding, where a layer is called twice, and where another one is grouped, which goes one by one."""
    inputs, twice = keras.Input((5, 5, 2)), layers.Conv2D(3, 3, padding="same", activation="relu", name="twice")
    x = layers.BatchNormalization()(layers.Conv2D(3, 3, strides=2, padding="same")(inputs))
    x = layers.Dense(3, activation="tanh")(twice(twice(x)))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    for one in (net, model):
        plain = network.with_kernels(one)
        assert all(map(sign_agreement._is_plain, plain))
        apart = sign_agreement._one_by_one(one, X, Y)
        for vote, other in zip(sign_agreement._together(one, plain, X, Y), apart, strict=True):
            np.testing.assert_array_equal(vote.reshape(other.shape), other)
        assert [layer.activation for layer in plain].count(None) == 0
    grouped = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.Conv2D(4, 3, groups=2)(inputs))))
    assert (
        scores.grad_sign(grouped, X, Y) == sum(np.abs(v).sum() for v in sign_agreement._one_by_one(grouped, X, Y)) > 0
    )


def test_a_frozen_norm_neither_scales_nor_shifts_the_drawn_network():
    """It uses its moving statistics, which are 0 and 1: not the variance of 0, which would scale by 1000^(1/2)."""
    inputs, convolution = keras.Input((5, 5, 2)), layers.Conv2D(3, 3, use_bias=False)
    frozen = layers.BatchNormalization(trainable=False)
    values = [
        scores.zen(keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x))), X, Y)
        for x in (convolution(inputs), frozen(convolution(inputs)))
    ]
    assert values[0] == pytest.approx(values[1] + math.log(1.001) / 2, abs=1e-5)


def test_zico_of_one_image_is_not_defined(net):
    value, note = SCORES.get("zico").value(net, X[:1], Y[:1])
    assert (math.isnan(value), note) == (True, "one image makes no two halves")
    assert math.isnan(scores.zico(net, X[:1], Y[:1]))


def test_sums_and_merged_channels_in_the_graph():
    """x + pool(x), then both joined: a pool and an identity lead one to one, and a join leads every channel to one place."""
    inputs = keras.Input((4, 4, 2))
    added = layers.Add()([inputs, layers.AveragePooling2D(3, 1, "same")(inputs)])
    joined = layers.Concatenate()([added, layers.Identity()(added)])
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(joined)))
    # pool <- input 2; identity <- input, pool 4; join <- input, pool 4 and identity 2; nodes 2 + 2 + 2 + 4
    assert graph_degree.average_degree(model, np.zeros((1, 4, 4, 2)), [0]) == pytest.approx(2 * 12 / 10)


def test_values_reach_the_first_kernel_as_they_are(net):
    values = GENERATOR.normal(size=(3, 5, 5, 2))
    np.testing.assert_allclose(network.pixels(net, values) * SCALE + OFFSET, values, atol=1e-5)
    folded = keras.Sequential(
        [keras.Input((5, 5, 2)), layers.AveragePooling2D(5), layers.Conv2D(1, 1), layers.Flatten(), layers.Dense(2)]
    )
    assert network.pixels(folded, np.ones((1, 5, 5, 2))) == pytest.approx(np.ones((1, 5, 5, 2)))
    grey = keras.Sequential(
        [
            keras.Input((5, 5, 2)),
            layers.Lambda(lambda x: keras.ops.mean(x, axis=-1, keepdims=True) + 0 * x),
            layers.Conv2D(1, 1),
        ]
    )
    with pytest.raises(ValueError, match="affine map that can be inverted"):
        network.pixels(grey, np.ones((1, 5, 5, 2)))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:, :4], Y, r"images must have the shape \(n, 5, 5, 2\) that the network takes, got \(6, 4, 5, 2\)"),
        (X, Y[1:], r"y must be whole numbers of the shape \(6,\), one per image"),
        (X, Y + 1, "y must name one of the network's 3 classes, 0 to 2"),
        (X, Y + 0.5, "y must be whole numbers"),
    ],
)
def test_batches_that_the_network_cannot_take_are_refused(net, x, y, message):
    for name in PROXIES:
        with pytest.raises(ValueError, match=message):
            SCORES.get(name).function(net, x, y)


def test_a_network_without_kernels_is_refused():
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization()])
    with pytest.raises(ValueError, match="has no kernel; a proxy needs a dense layer or a convolution"):
        scores.snip(model, np.zeros((1, 3)), [0])


def own_body():
    uniform = keras.initializers.GlorotUniform(seed=1)
    convolution = layers.Conv2D(5, 3, activation="relu", kernel_initializer=uniform, dtype="float32")
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(1 / 16, dtype="float32"), convolution])


def test_candidates_are_scored_under_a_head():
    tables = [ncap.score({"own": own_body}, "digits", PROXIES) for _ in range(2)]
    assert tables[0]["note"].tolist() == [""] * len(PROXIES)
    assert tables[0]["value"].tolist() == tables[1]["value"].tolist()


@pytest.mark.heavy
def test_every_family_of_mini32_has_every_proxy_or_a_reason():
    names = [f"{name}:random" for name in candidates.resolve("mini32")]
    table = ncap.score(names, "digits", PROXIES)
    undefined = table[table["value"].isna()]
    assert len(table) == len(names) * len(PROXIES)
    assert set(undefined["score"]) == {"synflow", "naswot"}
    assert undefined["note"].str.contains("takes the mean or the size|one of the activations").all()
    assert (table["note"] != "").sum() == len(undefined)
