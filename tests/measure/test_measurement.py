"""ncap.capacitance: the whole way from a Keras model to a Capacitance, against the oracle on the same features."""

import gc
import logging
import warnings
import weakref

import keras
import numpy as np
import pytest
from keras import ops
from probes import BACKEND, denses, parameters

import ncap
from ncap import reference as ref
from ncap.measure import readings
from ncap.measure.measurement import take
from ncap.measure.probe import Probe, find_probe
from ncap.records.schema import READINGS


def trained_model(hidden=(6, 5, 4), loss=None, dtype="float32", seed=0):
    """A small convolutional body with a probe, both trained for two epochs, so that every norm has moved."""
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Conv2D(4, 3, activation="relu", dtype=dtype), keras.layers.BatchNormalization(dtype=dtype)]
    body = keras.Sequential([keras.Input((6, 6, 1)), *layers])
    model = ncap.attach_probe(body, classes=3, hidden=hidden, frozen=False, seed=seed)
    model.compile("adam", loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = data()
    model.fit(x, y if loss is None else np.eye(3)[y], epochs=2, verbose=0)
    return model


def data(n=50):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 6, 6, 1)).astype("float32"), rng.integers(0, 3, n)


def as_reference(model, x, loss="cross_entropy"):
    """The oracle's view of the same model: features of the body, the probe's weights in float64."""
    probe = find_probe(model)
    features = ops.convert_to_numpy(probe.features(ncap.detach_probe(model)(x, training=False))).astype(np.float64)
    return ref.MLP(*parameters(probe), loss=loss), features


@pytest.mark.parametrize("batch_size", [7, 256])
@pytest.mark.parametrize(
    ("keywords", "reading"),
    [
        ({}, ("explicit", "magnitude", "unit")),
        ({"strength": "signed"}, ("explicit", "signed", "unit")),
        ({"weighting": "relative"}, ("explicit", "magnitude", "relative")),
        ({"method": "autodiff"}, ("explicit", "signed", "unit")),
        ({"method": "autodiff", "weighting": "relative"}, ("explicit", "signed", "relative")),
        ({"method": "autodiff", "interaction": "hessian"}, ("hessian", "signed", "unit")),
    ],
)
def test_it_is_the_oracle_on_the_bodys_features(keywords, reading, batch_size):
    model, (x, y) = trained_model(), data()
    got = ncap.capacitance(model, x, y, batch_size=batch_size, **keywords)
    net, features = as_reference(model, x)
    want = ref.capacitance(net, features, y, *reading)
    # float32 against float64 on 50 samples: rounding grows with the cancellation of the signed sums, about 1e2 here.
    signed = ref.capacitance(net, features, y, weighting=reading[2])
    tolerance = 1e-5 * (1 if reading[1] == "magnitude" else signed.cancellation)
    assert got.beta_eff == pytest.approx(want.beta_eff, rel=tolerance)
    assert got.numerator == pytest.approx(want.numerator, rel=tolerance)
    assert got.denominator == pytest.approx(want.denominator, rel=tolerance)
    assert (got.interaction, got.strength, got.weighting, got.n_samples) == (*reading, 50)
    if "method" in keywords:
        assert np.isnan(got.standard_error)
        assert np.isnan(got.cancellation)
    else:
        assert got.standard_error == pytest.approx(want.standard_error, rel=10 * tolerance)
        assert got.cancellation == pytest.approx(want.cancellation, rel=10 * tolerance)


TAKEN = readings.names(of_models=True)


@pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")
def test_all_readings_are_taken_from_one_pass_of_the_body(monkeypatch):
    model, (x, y) = trained_model(), data()
    passes, run = [], keras.Model.predict_on_batch

    def counted(body, batch):
        passes.append(len(batch))
        return run(body, batch)

    monkeypatch.setattr(keras.Model, "predict_on_batch", counted)
    taken = take(model, x, y, TAKEN, batch_size=20)
    assert passes == [20, 20, 10]
    monkeypatch.undo()
    assert list(taken) == TAKEN
    for name, measured in taken.items():
        # the same function on the same weights: equal, not close; repr, because NaN differs from itself
        assert repr(measured.capacitance) == repr(ncap.capacitance(model, x, y, reading=name, batch_size=20)), name
        assert measured.seconds > 0


def test_a_measurement_fills_its_row_of_the_table():
    model, (x, y) = trained_model(), data()
    for name, measured in take(model, x, y, ["explicit/magnitude/unit", "hessian/signed/unit"]).items():
        row = measured.row(name)
        assert tuple(row) == READINGS.names[5:]
        assert {column: type(value) for column, value in row.items()} == {
            column: READINGS.types[column] for column in row
        }
        c = measured.capacitance
        assert (row["reading"], row["beta_eff"], row["numerator"], row["n_samples"]) == (
            name,
            c.beta_eff,
            c.numerator,
            50,
        )
    assert np.isnan(row["beta_eff_error"])


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("gradient", TypeError, "readings must be a list of names"),
        ([], TypeError, "readings must be a list of names"),
        (["gradient", "gradient"], ValueError, "each reading once"),
        (["gradient", "gradiant"], ValueError, "did you mean 'gradient'"),
        ([["gradient"]], TypeError, "reading must be a name"),
    ],
)
def test_what_cannot_be_taken(names, error, message):
    with pytest.raises(error, match=message):
        take(trained_model(), *data(), names)


@pytest.mark.parametrize("method", ["closed_form", "autodiff"])
def test_the_gradient_form_is_read_by_its_name_too(method):
    model, (x, y) = trained_model(), data()
    named = ncap.capacitance(model, x, y, method, reading="gradient")
    assert repr(named) == repr(ncap.gradient_capacitance(model, x, y, method))


@pytest.mark.parametrize("method", ["closed_form", "autodiff"])
def test_the_gradient_form_is_the_oracles_on_the_bodys_features(method):
    model, (x, y) = trained_model(), data()
    got = ncap.gradient_capacitance(model, x, y, method, batch_size=7)
    net, features = as_reference(model, x)
    want = ref.gradient_capacitance(net, features, y)
    # float32: a mean of 50 gradients that cancel to about a tenth of their size
    assert (got.numerator, got.denominator) == pytest.approx((want.numerator, want.denominator), rel=1e-4)
    assert got.beta_eff == pytest.approx(want.beta_eff, rel=1e-4)
    if method == "closed_form":
        assert got.standard_error == pytest.approx(want.standard_error, rel=1e-3)
    else:
        assert np.isnan(got.standard_error)
    assert (got.interaction, got.strength, got.weighting) == (want.interaction, want.strength, want.weighting)
    assert (got.n_samples, got.reason) == (50, "")
    if method == "closed_form":
        assert got.cancellation == pytest.approx(want.cancellation, rel=1e-4)
    else:
        assert np.isnan(got.cancellation)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the warning is TensorFlow's")
def test_many_readings_of_one_model_bring_no_warning_of_retracing(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tensorflow"), "propagate", True)
    body = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    model = ncap.attach_probe(body, 2, hidden=(5, 4, 3))
    for weighting in ("unit", "relative"):
        for keywords in (
            {"strength": "signed"},
            {"strength": "magnitude"},
            {"method": "autodiff"},
            {"method": "autodiff", "interaction": "hessian"},
        ):
            ncap.capacitance(model, np.eye(3), [0, 1, 0], weighting=weighting, **keywords)
    for method in ("closed_form", "autodiff"):
        ncap.gradient_capacitance(model, np.eye(3), [0, 1, 0], method)
    assert "retracing" not in caplog.text


def test_the_gradient_form_vanishes_where_the_probe_is_stationary():
    """Errors of a repeated sample with two labels cancel in the gradient: the form is 0, beta_eff of either weighting is not."""
    body = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    model = ncap.attach_probe(body, 2, hidden=(5, 4), batch_norm=False, frozen=False)
    first, second, logits = denses(find_probe(model))
    first.kernel.assign(ops.ones((3, 5)))
    second.kernel.assign(ops.ones((5, 4)))
    logits.set_weights([np.array([[1, -1]] * 4), np.array([-20, 20])])  # z_2 is 5 in all four units: logits 0, p = 1/2
    x, y = np.repeat(np.eye(3, dtype="float32"), 2, axis=0), [0, 1] * 3
    with pytest.warns(ref.CapacitanceWarning, match="zero"):
        got = ncap.gradient_capacitance(model, x, y)
    assert (got.beta_eff, got.reason) == (0, "zero")
    for weighting in ("unit", "relative"):
        assert ncap.capacitance(model, x, y, weighting=weighting).beta_eff > 0


def test_it_sees_the_weights_of_now():
    """Compiled functions must not keep the weights of their first call."""
    model, (x, y) = trained_model(), data()
    for method in ("closed_form", "autodiff"):
        before = ncap.gradient_capacitance(model, x, y, method)
        find_probe(model).units[1].dense.kernel.assign_add(ops.ones((6, 5)))
        after = ncap.gradient_capacitance(model, x, y, method)
        net, features = as_reference(model, x)
        assert before.beta_eff != after.beta_eff
        assert after.beta_eff == pytest.approx(ref.gradient_capacitance(net, features, y).beta_eff, rel=1e-3)
    for method in ("closed_form", "autodiff"):
        before = ncap.capacitance(model, x, y, method=method)
        find_probe(model).units[1].dense.kernel.assign_add(ops.ones((6, 5)))
        after = ncap.capacitance(model, x, y, method=method)
        net, features = as_reference(model, x)
        assert before.beta_eff != after.beta_eff
        assert after.beta_eff == pytest.approx(
            ref.capacitance(net, features, y, strength=after.strength).beta_eff, rel=1e-3
        )


def test_the_compiled_loss_is_read():
    model, (x, y) = trained_model(loss="mse"), data()
    net, features = as_reference(model, x, loss="squared_error")
    assert ncap.capacitance(model, x, y).beta_eff == pytest.approx(
        ref.capacitance(net, features, y, strength="magnitude").beta_eff, rel=1e-4
    )
    with pytest.warns(UserWarning, match=r"loss='cross_entropy' is passed, but the model is compiled with 'mse'"):
        other = ncap.capacitance(model, x, y, loss="cross_entropy").beta_eff
    assert other != ncap.capacitance(model, x, y).beta_eff


@pytest.mark.parametrize(
    ("loss", "reading"),
    [
        ("MeanSquaredError", "squared_error"),
        (keras.losses.MeanSquaredError(name="mine"), "squared_error"),
        (keras.losses.CategoricalCrossentropy(from_logits=True, name="mine"), "cross_entropy"),
    ],
)
def test_a_loss_is_known_by_its_kind_and_not_by_its_name(loss, reading):
    model, (x, y) = recompiled(loss), data()
    assert ncap.capacitance(model, x, y) == ncap.capacitance(model, x, y, loss=reading)


def test_a_loss_that_borrows_a_name_is_refused():
    def mse(y, a):
        return ops.mean(ops.abs(y - a), axis=-1)

    with pytest.raises(ValueError, match="compiled loss 'mse' is not supported"):
        ncap.capacitance(recompiled(mse), *data())


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16", "float16"])
def test_half_precision_is_read_in_closed_form_and_float32(policy):
    keras.utils.set_random_seed(0)
    body = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu", dtype=policy)])
    probe = Probe(2, (4, 4), dtype=policy)
    model = keras.Model(body.inputs, probe(body.outputs[0]))
    features = ops.convert_to_numpy(ops.cast(body(np.eye(3)), "float32"))
    want = ref.capacitance(ref.MLP(*parameters(probe)), features, [0, 1, 0], strength="magnitude")
    # nothing cancels in magnitudes, so float32's 1e-7 grows with the widths alone; sums in half precision would err by 1e-2
    assert ncap.capacitance(model, np.eye(3), [0, 1, 0]).beta_eff == pytest.approx(want.beta_eff, rel=1e-5)
    with pytest.raises(ValueError, match=r"compute in b?float16 on b?float\d\d weights; use method='closed_form'"):
        ncap.capacitance(model, np.eye(3), [0, 1, 0], method="autodiff")


@pytest.mark.parametrize("method", ["closed_form", "autodiff"])
def test_a_model_that_was_read_can_be_freed(method):
    model, (x, y) = trained_model(), data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ref.CapacitanceWarning)
        ncap.capacitance(model, x, y, method=method)
    gone = weakref.ref(find_probe(model))
    del model
    keras.utils.clear_session()
    gc.collect()
    assert gone() is None


def test_labels_one_hot_and_soft_targets():
    model, (x, y) = trained_model(), data()
    one_hot = np.eye(3)[y]
    assert ncap.capacitance(model, x, one_hot) == ncap.capacitance(model, x, y)
    soft = 0.9 * one_hot + 0.1 / 3
    net, features = as_reference(model, x)
    assert ncap.capacitance(model, x, soft).beta_eff == pytest.approx(
        ref.capacitance(net, features, soft, strength="magnitude").beta_eff, rel=1e-4
    )


def test_a_loss_of_probabilities_is_pointed_out():
    model, (x, y) = trained_model(), data()
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.warns(UserWarning, match="returns logits but its compiled loss .* has from_logits=False"):
        ncap.capacitance(model, x, y)


def recompiled(loss):
    model = trained_model()
    model.compile("adam", loss)
    return model


@pytest.mark.skipif(BACKEND != "jax", reason="only JAX narrows float64 by itself")
def test_a_float64_probe_in_float32_jax_is_pointed_out():
    import jax

    if jax.config.jax_enable_x64:
        pytest.skip("JAX_ENABLE_X64 is set")
    body = keras.Sequential([keras.Input((3,)), keras.layers.Identity(dtype="float64")], name="wide")
    probe = Probe(2, (4, 4), dtype="float64")
    model = keras.Model(body.inputs, probe(body.outputs[0]))
    with pytest.warns(UserWarning, match="set JAX_ENABLE_X64=1"):
        ncap.capacitance(model, np.eye(3), [0, 1, 0])


class Squared(keras.losses.SparseCategoricalCrossentropy):
    """A loss of the user's that is Keras' own by its class and name only."""

    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) ** 2


class OwnLoss(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(y_pred**2)


class OwnStep(keras.Model):
    def train_step(self, *data):
        return {}


@pytest.mark.parametrize("kind", [keras.Model, OwnLoss, OwnStep])
def test_a_loss_of_the_users_own_is_not_read_as_keras_own(kind):
    model, (x, y) = trained_model(), data()
    own = kind(model.inputs, model.outputs)
    loss = Squared if kind is keras.Model else keras.losses.SparseCategoricalCrossentropy
    own.compile("sgd", loss(from_logits=True))
    with pytest.raises(ValueError, match="not supported" if kind is keras.Model else "computes a loss of its own"):
        ncap.capacitance(own, x, y)
    if kind is not keras.Model:
        assert ncap.capacitance(own, x, y, loss="cross_entropy") == ncap.capacitance(model, x, y)


def test_rows_of_pandas_that_have_other_labels_are_not_paired_by_position():
    import pandas as pd

    body = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="relu")])
    model, x = ncap.attach_probe(body, classes=2, hidden=(5, 4)), pd.DataFrame(np.eye(3, dtype="float32"))
    for y, weight in (
        (pd.Series([0, 1, 0], index=[2, 1, 0]), None),
        (pd.Series([0, 1, 0]), pd.Series([1.0, 2, 3], index=[2, 1, 0])),
    ):
        with pytest.raises(ValueError, match="go by position, but their indices differ"):
            ncap.capacitance(model, x, y, sample_weight=weight)
