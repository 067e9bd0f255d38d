"""Keras models as the oracle sees them: the same outputs, the same beta_eff as ncap.capacitance, and refusals by the name of the layer."""

import keras
import numpy as np
import pytest
from keras import layers

import ncap
from ncap import reference as ref
from ncap.reference.loss import softmax
from ncap.reference.mlp import backpropagation
from ncap.reference.shared_weights import cnn

READINGS = [
    "explicit/magnitude/unit",
    "explicit/signed/unit",
    "explicit/magnitude/relative",
    "explicit/signed/unit/norms",
    "full_hessian/signed/unit",
]


@pytest.fixture(scope="module", autouse=True)
def in_float64():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


def data(shape, n=40, classes=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, *shape)), rng.integers(0, classes, n)


def model_of(*stack, shape=(5,)):
    """A Sequential model of which no bias and no norm is as it starts."""
    return drawn(keras.Sequential([keras.Input(shape), *stack]))


def drawn(model):
    rng = np.random.default_rng(1)
    for weight in model.weights:
        signs = rng.choice([-1, 1], weight.shape) if "variance" not in weight.path else 1
        weight.assign(signs * rng.uniform(0.2, 0.8, weight.shape))
    return model


def seen_by_the_oracle(model, shape):
    """The oracle's network, which gives what the model gives."""
    x, _ = data(shape)
    net, inputs = ref.from_keras(model), ref.keras_inputs(model, x)
    a = cnn.forward(net, inputs).a if isinstance(net, ref.CNN) else backpropagation.forward(net, inputs)[2]
    want = keras.ops.convert_to_numpy(model(x, training=False))
    ends_in_softmax = np.allclose(want.sum(axis=1), 1)
    np.testing.assert_allclose(softmax(a) if ends_in_softmax else a, want, rtol=1e-9, atol=1e-12)
    return net


# The probe


@pytest.fixture(scope="module")
def probed():
    """A convolutional body and a probe, of which no norm is as it starts; and its data."""
    body = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization()]
    )
    model = drawn(ncap.attach_probe(body, classes=3, hidden=(6, 5, 4), frozen=False))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, *data((6, 6, 1))


@pytest.mark.parametrize("reading", READINGS)
def test_beta_eff_of_a_probe_is_that_of_ncap_capacitance(probed, reading):
    model, x, y = probed
    got = ncap.capacitance(model, x, y, reading=reading)
    parts = reading.split("/")
    net = ref.from_keras(model)
    want = ref.capacitance(net, ref.keras_inputs(model, x), y, *parts[:3], nodes="norms" if parts[3:] else "kernels")
    assert got.numerator == pytest.approx(want.numerator, rel=1e-11)
    assert got.denominator == pytest.approx(want.denominator, rel=1e-11)
    assert got.beta_eff == pytest.approx(want.beta_eff, rel=1e-11)
    assert want.beta_eff != 0


def test_a_probe_alone_and_the_gradient_form(probed):
    model, x, y = probed
    net = ref.from_keras(model.layers[-1])
    assert net.widths == (4, 6, 5, 4, 3)
    assert ref.line_graph(net).nnz == 4 * 6 * 5 + 6 * 5 * 4 + 5 * 4 * 3
    want = ncap.gradient_capacitance(model, x, y)
    assert ref.gradient_capacitance(net, ref.keras_inputs(model, x), y).beta_eff == pytest.approx(
        want.beta_eff, rel=1e-11
    )


def test_the_loss_is_the_compiled_one_unless_it_is_given(probed):
    model, _, _ = probed
    assert ref.from_keras(model).loss == "cross_entropy"
    assert ref.from_keras(model, loss="squared_error").loss == "squared_error"
    other = ncap.attach_probe(keras.Sequential([keras.Input((4,)), layers.Identity()]), classes=2, hidden=(3, 3))
    assert ref.from_keras(other).loss == "cross_entropy"
    other.compile("sgd", "mse")
    assert ref.from_keras(other).loss == "squared_error"
    x, y = data((4,), classes=2)
    want = ref.capacitance(ref.from_keras(other), ref.keras_inputs(other, x), y, strength="magnitude")
    assert ncap.capacitance(other, x, y).beta_eff == pytest.approx(want.beta_eff, rel=1e-11)


# Whole models


@pytest.mark.parametrize(
    "stack",
    [
        lambda: [layers.Dense(4, "relu"), layers.Dense(3, "relu"), layers.Dense(3)],
        lambda: [
            layers.Dense(4),
            layers.ReLU(),
            layers.Dropout(0.5),
            layers.Dense(3, use_bias=False),
            layers.Softmax(),
        ],
        lambda: [layers.Dense(4), layers.BatchNormalization(), layers.Activation("relu"), layers.Dense(3, "softmax")],
        lambda: [
            layers.Dense(4, "relu"),
            layers.BatchNormalization(scale=False),
            layers.Dense(4, "relu"),
            layers.Dense(3),
        ],
        lambda: [layers.Dense(4, "relu"), layers.BatchNormalization(center=False), layers.Dense(3)],
        lambda: [layers.Dense(3)],
    ],
)
def test_an_mlp_gives_what_its_model_gives(stack):
    net = seen_by_the_oracle(model_of(*stack()), (5,))
    assert isinstance(net, ref.MLP)
    assert net.widths[0] == 5


def test_the_norms_stand_where_they_stood():
    behind = model_of(layers.Dense(4, "relu"), layers.BatchNormalization(epsilon=0.25), layers.Dense(3))
    before = model_of(layers.Dense(4), layers.BatchNormalization(), layers.ReLU(), layers.Dense(3))
    assert (ref.from_keras(behind).norm, ref.from_keras(before).norm) == ("after", "before")
    *_, variance = behind.layers[1].get_weights()
    (norm,) = ref.from_keras(behind).norms
    np.testing.assert_allclose(norm.deviation, np.sqrt(variance + 0.25))


@pytest.mark.parametrize(
    "stack",
    [
        lambda: [
            layers.Conv2D(3, 3, 2, "same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(3),
        ],
        lambda: [layers.Conv2D(3, 3), layers.ReLU(), layers.GlobalAveragePooling2D(), layers.Dense(3, "softmax")],
        lambda: [
            layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"),
            layers.AveragePooling2D(2, 1, "same"),
            layers.Conv2D(3, 1, use_bias=False, activation="relu"),
            layers.Flatten(),
            layers.Dense(4, "relu"),
            layers.Dense(3),
        ],
    ],
)
def test_a_cnn_gives_what_its_model_gives(stack):
    net = seen_by_the_oracle(model_of(*stack(), shape=(8, 7, 2)), (8, 7, 2))
    assert isinstance(net, ref.CNN)
    assert ref.line_graph(net).shape == (sum(kernel.size for kernel in net.kernels),) * 2


def test_what_stands_before_the_first_weights_is_run_and_is_no_part_of_the_network():
    stack = [layers.Rescaling(1 / 4), layers.Flatten(), layers.Dense(4, "relu"), layers.Dense(3)]
    assert seen_by_the_oracle(model_of(*stack, shape=(4, 3)), (4, 3)).widths == (12, 4, 3)
    images = [layers.AveragePooling2D(2), layers.Conv2D(2, 2, activation="relu"), layers.Flatten(), layers.Dense(3)]
    assert seen_by_the_oracle(model_of(*images, shape=(6, 6, 1)), (6, 6, 1)).input_shape == (3, 3, 1)


def test_models_inside_models_are_followed():
    inner = model_of(layers.Dense(4, "relu"), layers.Dense(3, "relu"))
    inputs = keras.Input((5,))
    model = keras.Model(inputs, layers.Dense(3)(inner(layers.Rescaling(2.0)(inputs))))
    assert seen_by_the_oracle(model, (5,)).widths == (5, 4, 3, 3)
    assert ref.from_keras(inner.__class__([keras.Input((5,)), inner, layers.Dense(2)])).widths == (5, 4, 3, 2)


def test_the_probe_as_a_stack_of_layers_has_its_beta_eff(probed):
    """A model without a probe, which ncap.capacitance does not read, in the weights of one that it does."""
    model, x, y = probed
    probe = model.layers[-1]
    hidden = [
        layer for unit in probe.units for layer in (layers.Dense(unit.dense.units, "relu"), layers.BatchNormalization())
    ]
    stack = keras.Sequential([keras.Input((4,)), *hidden, layers.Dense(3)])
    weighty = [layer for unit in probe.units for layer in (unit.dense, unit.norm)] + [probe.logits]
    for layer, given in zip(stack.layers, weighty, strict=True):
        layer.set_weights(given.get_weights())
    got = ref.capacitance(ref.from_keras(stack), ref.keras_inputs(model, x), y, strength="magnitude")
    assert got.beta_eff == pytest.approx(ncap.capacitance(model, x, y).beta_eff, rel=1e-11)


# What the oracle cannot say


def branched():
    inputs = keras.Input((5,))
    a = layers.Dense(4, "relu")(inputs)
    return keras.Model(inputs, layers.Dense(3)(layers.Add(name="odd")([a, a])))


class OwnDense(layers.Dense):
    """A layer that may do anything."""


@pytest.mark.parametrize(
    ("stack", "shape", "said"),
    [
        ([layers.Dense(4, "tanh", name="odd"), layers.Dense(3)], (5,), "has the activation 'tanh'"),
        ([layers.Dense(4, name="odd"), layers.Dense(3)], (5,), "has no relu between it and layer"),
        (
            [layers.Dense(4), layers.ReLU(max_value=6, name="odd"), layers.Dense(3)],
            (5,),
            "has the activation 'another relu'",
        ),
        (
            [layers.Dense(4, "relu"), layers.LayerNormalization(name="odd"), layers.Dense(3)],
            (5,),
            "is a LayerNormalization",
        ),
        ([layers.BatchNormalization(name="odd"), layers.Dense(3)], (5,), "stands before the first layer"),
        ([layers.Dense(4, "relu"), layers.Dense(3, "relu", name="odd")], (5,), "must end in softmax or in nothing"),
        ([layers.Dense(4, "softmax"), layers.Dense(3, name="odd")], (5,), "comes behind a softmax"),
        ([layers.Dense(4, "relu"), OwnDense(3, name="odd")], (5,), "is a OwnDense"),
        ([layers.Dense(4, "relu", name="odd"), layers.Flatten(), layers.Dense(3)], (2, 5), "takes more than vectors"),
        (
            [layers.Conv2D(3, 2, activation="relu", name="odd"), layers.GlobalAveragePooling2D()],
            (5, 5, 1),
            "which must be a Dense",
        ),
        (
            [layers.Conv2D(4, 2, groups=2, activation="relu", name="odd"), layers.Flatten(), layers.Dense(3)],
            (5, 5, 2),
            "has groups or a dilation",
        ),
        (
            [layers.Conv2D(3, 2), layers.MaxPooling2D(name="odd"), layers.ReLU(), layers.Flatten(), layers.Dense(3)],
            (5, 5, 1),
            "comes before the relu",
        ),
        (
            [
                layers.Conv2D(3, 2, activation="relu"),
                layers.BatchNormalization(name="odd"),
                layers.Flatten(),
                layers.Dense(3),
            ],
            (5, 5, 1),
            "in an MLP alone",
        ),
        (
            [
                *(layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dense(4)),
                *(layers.BatchNormalization(name="odd"), layers.ReLU(), layers.Dense(3)),
            ],
            (5,),
            "the oracle knows one order",
        ),
    ],
)
def test_what_the_oracle_cannot_say_is_refused_by_the_name_of_the_layer(stack, shape, said):
    with pytest.raises(ValueError, match="layer 'odd' of model") as refused:
        ref.from_keras(keras.Sequential([keras.Input(shape), *stack]))
    assert said in str(refused.value)


def test_a_layer_that_is_called_twice_is_refused():
    twice = layers.Dense(5, "relu", name="odd")
    inputs = keras.Input((5,))
    with pytest.raises(ValueError, match="layer 'odd' of model is called twice"):
        ref.from_keras(keras.Model(inputs, layers.Dense(3)(twice(twice(inputs)))))


def test_a_model_that_is_no_chain_is_refused():
    with pytest.raises(ValueError, match="layer 'odd' of model takes 2 inputs"):
        ref.from_keras(branched())
    with pytest.raises(ValueError, match=r"no graph with one input and one output.*keras\.Input"):
        ref.from_keras(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(ValueError, match="no layer of weights that the oracle knows"):
        ref.from_keras(keras.Sequential([keras.Input((5,)), layers.Rescaling(2.0)]))


@pytest.mark.parametrize(
    ("activation", "loss", "said"),
    [
        (None, "sparse_categorical_crossentropy", "returns logits, and its loss takes probabilities"),
        (
            "softmax",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "returns a softmax, and its loss takes logits",
        ),
        ("softmax", "mse", "is a softmax under a squared error"),
        (None, "hinge", "compiled with the loss 'hinge'"),
        (
            None,
            keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
            "compiled with label_smoothing=0.1",
        ),
        (
            None,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0),
            "compiled with ignore_class=0",
        ),
    ],
)
def test_a_loss_that_is_not_the_oracles_is_refused(activation, loss, said):
    model = model_of(layers.Dense(4, "relu"), layers.Dense(3, activation))
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match=said):
        ref.from_keras(model)
