"""The NCP unit: on and off, frozen or not, saved and loaded, seeded, and refused with a reason."""

import keras
import numpy as np
import pytest
from keras import ops
from probes import denses, parameters

import ncap
from ncap import reference as ref
from ncap.measure.probe import Probe, find_probe


def body_of(shape=(6,), width=5):
    keras.utils.set_random_seed(0)
    layers = (
        [keras.layers.Dense(width, activation="relu")]
        if len(shape) == 1
        else [keras.layers.Conv2D(width, 3, activation="relu")]
    )
    return keras.Sequential([keras.Input(shape), *layers])


def weights_of(probe):
    return [ops.convert_to_numpy(weight) for weight in probe.weights]


@pytest.mark.parametrize("shape", [(6,), (8, 8, 2)])
def test_it_goes_on_and_comes_off(shape):
    body = body_of(shape)
    model = ncap.attach_probe(body, classes=3, hidden=(7, 4))
    assert model.output_shape == (None, 3)
    assert ncap.detach_probe(model) is body


def test_feature_maps_are_averaged_over_space():
    body = body_of((8, 8, 2))
    probe = find_probe(ncap.attach_probe(body, classes=3, hidden=(7, 4)))
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 2)).astype("float32")
    maps = body(x)
    features = ops.convert_to_numpy(probe.features(maps))
    np.testing.assert_allclose(features, ops.convert_to_numpy(maps).mean(axis=(1, 2)), rtol=1e-5)


def test_the_layers_are_those_of_the_paper():
    """Dense, relu, norm, dropout per hidden layer, then dense: z_l = k relu(a_l) + c."""
    model = ncap.attach_probe(body_of(), classes=3, hidden=(7, 4), dropout=0.5)
    probe = find_probe(model)
    features = np.random.default_rng(0).normal(size=(10, 5)).astype("float32")
    z = features
    for unit in probe.units:
        kernel, bias = unit.dense.get_weights()
        gamma, beta, mean, variance = unit.norm.get_weights()
        z = gamma * (np.maximum(z @ kernel + bias, 0) - mean) / np.sqrt(variance + 1e-3) + beta
        assert unit.dropout.rate == 0.5
    kernel, bias = probe.logits.get_weights()
    np.testing.assert_allclose(
        ops.convert_to_numpy(probe(features, training=False)), z @ kernel + bias, rtol=1e-4, atol=1e-5
    )


def test_kernels_start_he_normal_and_biases_at_zero():
    probe = find_probe(ncap.attach_probe(body_of(width=400), classes=100, hidden=(300, 200)))
    for dense, n_in in zip(denses(probe), (400, 300, 200), strict=True):
        kernel, bias = dense.get_weights()
        sigma = np.sqrt(2 / n_in)
        # A standard deviation from 20,000 draws and more is good to 0.4 %; five of those.
        assert kernel.std() == pytest.approx(sigma, rel=0.02)
        # A normal distribution cut at two of its own sigmas, which are 2.274 of what is left: 7.1 % lie beyond 1.8 sigma, to 0.2 % of all
        # kernels; of a uniform one with that spread, which ends at sqrt(3) sigma, nothing does.
        assert np.mean(np.abs(kernel) > 1.8 * sigma) == pytest.approx(0.071, abs=0.01)
        assert 2.2 * sigma < np.abs(kernel).max() < 2.28 * sigma
        assert not bias.any()


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_keeps_every_weight_of_the_probe_and_trains_the_body(frozen):
    model = ncap.attach_probe(body_of(), classes=3, hidden=(7, 4), frozen=frozen)
    probe, before = find_probe(model), weights_of(find_probe(model))
    body_before = weights_of(ncap.detach_probe(model))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(32, 6)).astype("float32"), rng.integers(0, 3, 32), epochs=2, verbose=0)
    unchanged = [np.array_equal(a, b) for a, b in zip(before, weights_of(probe), strict=True)]
    assert all(unchanged) if frozen else not any(unchanged)
    assert not any(np.array_equal(a, b) for a, b in zip(body_before, weights_of(ncap.detach_probe(model)), strict=True))


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("shape", [(6,), (8, 8, 2)])
def test_it_is_found_again_in_a_saved_model(tmp_path, frozen, shape):
    model = ncap.attach_probe(body_of(shape), classes=3, hidden=(7, 4), frozen=frozen, seed=5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    x, y = np.random.default_rng(0).normal(size=(9, *shape)).astype("float32"), np.arange(9) % 3
    assert ncap.capacitance(loaded, x, y) == ncap.capacitance(model, x, y)
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
    features = [ops.convert_to_numpy(ncap.detach_probe(of)(x)) for of in (loaded, model)]
    np.testing.assert_array_equal(*features)


def test_the_seed_decides_the_probe_and_dropout_does_not():
    def kernels(**settings):
        return weights_of(find_probe(ncap.attach_probe(body_of(), classes=3, hidden=(7, 4), **settings)))

    for a, b, c in zip(kernels(seed=1), kernels(seed=1, dropout=0.0), kernels(seed=2), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.array_equal(a, c) == (a.ndim == 1)  # kernels differ, biases and norms start alike


def test_a_graph_with_the_probe_inside_gives_back_its_part_below():
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(5, activation="relu")(inputs)
    probe = Probe(3, (7, 4))
    body = ncap.detach_probe(keras.Model(inputs, probe(hidden)))
    assert body.output_shape == (None, 5)


def test_a_nested_model_is_not_taken_for_the_whole_body():
    """Between the input and the nested model lies a layer, which belongs to the body too."""
    inputs = keras.Input((6,))
    nested = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, activation="relu")])
    model = keras.Model(inputs, Probe(3, (7, 4))(nested(keras.layers.Dense(5)(inputs))))
    x, y = np.random.default_rng(0).normal(size=(9, 6)).astype("float32"), np.arange(9) % 3
    features = ops.convert_to_numpy(nested(model.layers[1](x)))
    net = ref.MLP(*parameters(find_probe(model)))
    want = ref.capacitance(net, features, y, strength="magnitude").beta_eff
    # float32 sums of magnitudes, in which nothing cancels
    assert ncap.capacitance(model, x, y).beta_eff == pytest.approx(want, rel=1e-5)


def _widened(model, layer):
    return keras.Model(model.inputs[0], layer(model.output))


@pytest.mark.parametrize("layer", [keras.layers.Rescaling(0.1), keras.layers.Dense(3), keras.layers.Softmax()])
def test_a_layer_behind_the_probe_is_not_left_out_of_beta_eff(layer):
    model = _widened(ncap.attach_probe(body_of(), classes=3, hidden=(7, 4)), layer)
    with pytest.raises(ValueError, match=f"output of layer '{layer.name}', not the logits of its ncap probe"):
        ncap.capacitance(model, np.ones((3, 6), "float32"), [0, 1, 2])


def _of_a_copy(body, probe, x, y):
    model = ncap.attach_probe(body, classes=3, hidden=(7, 4))
    find_probe(model).set_weights(probe.get_weights())
    return ncap.capacitance(model, x, y).beta_eff


@pytest.mark.parametrize("graph", ["one input", "two inputs", "flat", "sequential"])
def test_a_probe_called_twice_is_read_where_the_model_calls_it(graph):
    first, second, probe = body_of(), body_of(), Probe(classes=3, hidden=(7, 4))
    second.set_weights([2 * weight + 0.1 for weight in second.get_weights()])
    inputs = keras.Input((6,))
    if graph == "sequential":
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5), probe])
        model.pop()
        model.add(keras.layers.Dense(5, activation="relu"))
        model.add(probe)
        second = keras.Sequential([keras.Input((6,)), *model.layers[:-1]])
    elif graph == "flat":
        below = first.layers[0](inputs)
        probe(below)
        features = keras.layers.Dense(5, activation="relu")(below)
        model, second = keras.Model(inputs, probe(features)), keras.Model(inputs, features)
    else:
        probe(first(inputs))
        inputs = inputs if graph == "one input" else keras.Input((6,))
        model = keras.Model(inputs, probe(second(inputs)))
    x, y = np.random.default_rng(0).normal(size=(9, 6)).astype("float32"), np.arange(9) % 3
    assert ncap.capacitance(model, x, y).beta_eff == pytest.approx(_of_a_copy(second, probe, x, y), rel=1e-5)
    below = (ops.convert_to_numpy(body(x)) for body in (ncap.detach_probe(model), second))
    assert np.allclose(*below)


def test_a_model_that_calls_its_probe_twice_is_refused():
    inputs, probe = keras.Input((6,)), Probe(classes=3, hidden=(7, 4))
    model = keras.Model(inputs, [probe(body_of()(inputs)), probe(body_of()(inputs))])
    with pytest.raises(ValueError, match="2 outputs of its one probe"):
        ncap.capacitance(model, np.ones((3, 6), "float32"), [0, 1, 2])


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras quantizes on TensorFlow and JAX")
@pytest.mark.filterwarnings("ignore")
def test_a_quantized_probe_is_refused_and_a_quantized_body_is_not():
    x, y = np.random.default_rng(0).normal(size=(9, 6)).astype("float32"), np.arange(9) % 3
    model = ncap.attach_probe(body_of(), classes=3, hidden=(7, 4))
    before = ncap.capacitance(model, x, y).beta_eff
    ncap.detach_probe(model).layers[0].quantize("int8")
    assert ncap.capacitance(model, x, y).beta_eff == pytest.approx(before, rel=0.05)
    find_probe(model).units[1].dense.quantize("int8")
    with pytest.raises(ValueError, match="'dense_2' is quantized to int8"):
        ncap.capacitance(model, x, y)


@pytest.mark.parametrize("last", [{}, {"data_format": "channels_first"}])
def test_features_with_channels_first_are_not_averaged_over_channels(last):
    """The probe read the columns of an image as its features."""
    layers = [keras.layers.Permute((3, 1, 2)), keras.layers.ZeroPadding2D(1, data_format="channels_first")]
    body = keras.Sequential([keras.Input((6, 6, 5)), *layers, keras.layers.Activation("relu")])
    with pytest.raises(ValueError, match=r"returns \(None, 5, 8, 8\) with channels first, as its layer 'zero_padding"):
        ncap.attach_probe(body, classes=2)
    end = keras.layers.GlobalAveragePooling2D(**last) if last else keras.layers.Permute((2, 3, 1))
    probe = find_probe(ncap.attach_probe(keras.Sequential([body, end]), classes=2))
    assert probe.units[0].dense.kernel.shape[0] == 5


@pytest.mark.parametrize(("attribute", "value"), [("activation", keras.activations.tanh), ("use_bias", False)])
def test_a_probe_whose_layers_were_changed_is_refused(attribute, value):
    """The closed form read them as they had been made."""
    model = ncap.attach_probe(body_of(), classes=3, hidden=(5, 4))
    setattr(find_probe(model).units[0].dense, attribute, value)
    with pytest.raises(ValueError, match="layer 'dense_1' was changed, to activation="):
        ncap.capacitance(model, np.ones((2, 6), np.float32), [0, 1])
