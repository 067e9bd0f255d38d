"""The callback: what it writes into the logs, and when."""

import inspect

import keras
import numpy as np
import pandas as pd
import pytest
import tiny

import ncap
from ncap.rules import resolve
from ncap.rules.contract import Curve, Prediction, Rule


@pytest.fixture(name="model")
def _model():
    keras.utils.set_random_seed(0)
    model = ncap.attach_probe(tiny.body(), classes=10, hidden=(8, 6), frozen=False)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_every_epoch_is_read_and_the_last_is_the_models_own(model):
    target = tiny.target()
    callback = ncap.CapacitanceCallback(target.x_train, target.y_train, batch_size=32)
    history = model.fit(target.x_train, target.y_train, epochs=3, verbose=0, callbacks=[callback]).history
    assert len(set(history["beta_eff"])) == 3
    assert callback.seconds > 0
    # the same function on the same weights: equal, not close
    expected = ncap.capacitance(model, target.x_train, target.y_train, batch_size=32)
    assert callback.last == expected
    assert history["beta_eff"][-1] == expected.beta_eff
    assert history["beta_eff_error"][-1] == expected.standard_error


@pytest.mark.parametrize("reading", ["gradient", "hessian/signed/relative"])
def test_it_takes_any_reading_of_the_table(model, reading):
    target = tiny.target()
    callback = ncap.CapacitanceCallback(target.x_train, target.y_train, reading=reading)
    history = model.fit(target.x_train, target.y_train, verbose=0, callbacks=[callback]).history
    expected = ncap.capacitance(model, target.x_train, target.y_train, reading=reading)
    assert callback.last.interaction == reading.split("/")[0]
    assert history["beta_eff"] == [expected.beta_eff]


@pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")
def test_the_papers_probe_is_alive_in_the_readings_that_t3_leaves():
    """Frozen, three kernels, softmax: with kernels as nodes signed beta_eff is 0 at every epoch, elsewhere it changes with each."""
    dead, alive = (
        ["explicit/signed/unit", "hessian/signed/unit"],
        ["explicit/magnitude/unit", "explicit/signed/unit/norms", "full_hessian/signed/unit"],
    )
    keras.utils.set_random_seed(0)
    model, target = ncap.attach_probe(tiny.body(), classes=10, hidden=(8, 6)), tiny.target()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    callbacks = [
        ncap.CapacitanceCallback(target.x_train, target.y_train, reading=reading, name=reading)
        for reading in (*dead, *alive)
    ]
    history = model.fit(target.x_train, target.y_train, epochs=3, verbose=0, callbacks=callbacks).history
    assert [history[reading] for reading in dead] == [[0, 0, 0]] * 2
    for reading in alive:
        assert np.isfinite(history[reading]).all()
        assert np.all(history[reading])
        assert len(set(history[reading])) == 3


def test_reading_changes_no_training(model):
    target = tiny.target()
    start = model.get_weights()
    weights = []
    for callbacks in ([], [ncap.CapacitanceCallback(target.x_train, target.y_train)]):
        keras.utils.set_random_seed(1)
        model.set_weights(start)
        for variable in model.variables:
            if "seed_generator" in variable.path:
                variable.assign(np.array([1, 0], variable.dtype))
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(target.x_train, target.y_train, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
        weights.append(model.get_weights())
    for without, read in zip(*weights, strict=True):
        np.testing.assert_array_equal(without, read)


def test_a_loss_that_is_not_finite_gives_nan_without_a_reading(model):
    target = tiny.target()
    model.optimizer.learning_rate = 1e30
    callback = ncap.CapacitanceCallback(target.x_train, target.y_train)
    history = model.fit(target.x_train, target.y_train, verbose=0, callbacks=[callback]).history
    assert np.isnan([history["beta_eff"], history["beta_eff_error"]]).all()
    assert callback.last is None


def test_a_model_without_a_probe_is_refused():
    target = tiny.target()
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match="attach_probe"):
        model.fit(
            target.x_train,
            target.y_train,
            verbose=0,
            callbacks=[ncap.CapacitanceCallback(target.x_train, target.y_train)],
        )


def test_the_callback_takes_what_capacitance_takes():
    of_callback, of_function = (
        {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
        for function in (ncap.CapacitanceCallback, ncap.capacitance)
    )
    own = {name: of_callback.pop(name) for name in ("name", "rule", "horizon", "accuracy")}
    assert own == {"name": "beta_eff", "rule": "capacitance", "horizon": 30.0, "accuracy": "val_accuracy"}
    assert {"model": inspect.Parameter.empty} | of_callback == of_function
    assert ["model", *of_callback] == list(of_function)


def test_callbacks_behind_it_log_and_monitor_beta_eff(model, tmp_path):
    """The order of the list is the order in which they see the logs."""
    target = tiny.target()
    stop = keras.callbacks.EarlyStopping("beta_eff", mode="min", patience=1, min_delta=1e9)  # nothing falls by as much
    callbacks = [
        ncap.CapacitanceCallback(target.x_train, target.y_train),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        stop,
    ]
    history = model.fit(target.x_train, target.y_train, epochs=5, verbose=0, callbacks=callbacks).history
    assert len(history["beta_eff"]) == 2
    assert stop.stopped_epoch == 1
    header, *rows = (tmp_path / "log.csv").read_text().splitlines()
    assert {"beta_eff", "beta_eff_error"} < set(header.split(","))
    assert len(rows) == 2


def test_several_callbacks_write_under_names_of_their_own(model):
    target = tiny.target()
    data = target.x_train, target.y_train
    callbacks = [
        ncap.CapacitanceCallback(*data),
        ncap.CapacitanceCallback(*data, reading="gradient", name="gradient_form"),
    ]
    history = model.fit(*data, verbose=0, callbacks=callbacks).history
    assert history["beta_eff"] == [ncap.capacitance(model, *data).beta_eff]
    assert history["gradient_form"] == [ncap.gradient_capacitance(model, *data).beta_eff]
    assert history["gradient_form_error"] != history["beta_eff_error"]
    with pytest.raises(ValueError, match=r"logs hold 'beta_eff' already.*name='beta_eff_2'"):
        model.fit(*data, verbose=0, callbacks=[ncap.CapacitanceCallback(*data), ncap.CapacitanceCallback(*data)])


def test_sample_weights_are_read(model):
    """A sample that counts k times is k samples: the mean over N then divides by N and not by the sum of the weights."""
    target = tiny.target()
    x, y = target.x_train[:8], target.y_train[:8]
    weight = np.array([1, 2, 3, 0, 1, 1, 2, 2])
    for reading in ("explicit/magnitude/unit", "explicit/signed/relative", "gradient"):
        want = ncap.capacitance(model, x.repeat(weight, axis=0), y.repeat(weight), reading=reading).beta_eff
        got = ncap.capacitance(model, x, y, reading=reading, sample_weight=weight).beta_eff
        assert got == pytest.approx(want * weight.sum() / 8, rel=1e-3 if "signed" in reading else 1e-4)
    callback = ncap.CapacitanceCallback(x, y, sample_weight=weight)
    history = model.fit(x, y, sample_weight=weight, verbose=0, callbacks=[callback]).history
    assert history["beta_eff"] == [ncap.capacitance(model, x, y, sample_weight=weight).beta_eff]
    assert history["beta_eff"] != [ncap.capacitance(model, x, y).beta_eff]


@pytest.mark.parametrize(
    ("weight", "options", "message"),
    [
        (np.ones(3), {}, r"must have shape \(60,\)"),
        (-np.ones(60), {}, "at least 0"),
        (np.zeros(60), {}, "not 0 throughout"),
        (np.full(60, np.nan), {}, "finite"),
        (np.ones(60), {"interaction": "hessian"}, "method='closed_form' only"),
    ],
)
def test_sample_weights_that_cannot_be_read(model, weight, options, message):
    target = tiny.target()
    callback = ncap.CapacitanceCallback(target.x_train, target.y_train, sample_weight=weight, **options)
    with pytest.raises(ValueError, match=message):
        model.fit(target.x_train, target.y_train, verbose=0, callbacks=[callback])
    with pytest.raises(ValueError, match=message):
        ncap.capacitance(model, target.x_train, target.y_train, sample_weight=weight, **options)


def test_the_error_of_one_callback_does_not_overwrite_another(model):
    target = tiny.target()
    x, y = target.x_train, target.y_train
    both = [ncap.CapacitanceCallback(x, y, name=name) for name in ("beta_error", "beta")]
    with pytest.raises(ValueError, match="the logs hold 'beta_error' already"):
        model.fit(x, y, verbose=0, callbacks=both)


# what it predicts


def with_accuracy(model, optimizer="adam"):
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


@pytest.mark.parametrize("rule", ["capacitance", "capacitance_forecast", "best_seen"])
def test_the_prediction_is_the_rules_own_from_the_epochs_so_far(model, rule):
    target = tiny.target()
    callback = ncap.CapacitanceCallback(target.x_train, target.y_train, rule=rule, horizon=9)
    val = target.read("val", np.arange(60))
    seen = with_accuracy(model).fit(
        target.x_train, target.y_train, validation_data=val, epochs=6, verbose=0, callbacks=[callback]
    )
    history = seen.history
    for epoch in range(1, 7):
        curve = Curve.of(
            horizon=9.0, **{name: history[name][:epoch] for name in ("val_accuracy", "beta_eff", "beta_eff_error")}
        )
        assert history["beta_eff_prediction"][epoch - 1] == resolve(rule).predict(curve, {}).value
    assert callback.prediction.value == history["beta_eff_prediction"][-1]
    assert callback.prediction.status == "ok"


def test_a_second_training_begins_anew(model):
    target = tiny.target()
    callback = ncap.CapacitanceCallback(target.x_train, target.y_train, rule="mean_seen")
    given = {"validation_data": target.read("val", np.arange(60)), "verbose": 0, "callbacks": [callback]}
    with_accuracy(model).fit(target.x_train, target.y_train, epochs=2, **given)
    history = model.fit(target.x_train, target.y_train, epochs=2, **given).history
    assert history["beta_eff_prediction"] == [history["val_accuracy"][0], np.mean(history["val_accuracy"])]


def test_without_a_validation_accuracy_there_is_no_prediction(model):
    target = tiny.target()
    x, y = target.x_train, target.y_train
    callbacks = [ncap.CapacitanceCallback(x, y), ncap.CapacitanceCallback(x, y, name="beta", accuracy="accuracy")]
    history = with_accuracy(model).fit(x, y, epochs=2, verbose=0, callbacks=callbacks).history
    assert "beta_eff_prediction" not in history
    assert history["beta_prediction"] == history["accuracy"]  # the last seen, as long as nothing can be fitted


def test_a_rule_reads_nothing_of_a_network_whose_features_have_died():
    class Watching(Rule):
        """The last accuracy, and a look at what there is to read."""

        name, summary, needs, source = "watching", "A test.", ("val_accuracy", "beta_eff"), "this test"
        seen = None

        def predict(self, curve, scores):
            self.seen = curve.beta_eff.tolist()
            return Prediction.of_accuracy(curve.val_accuracy[-1], curve)

    target, rule = tiny.target(), Watching()
    dead = keras.layers.Dense(6, activation="relu", bias_initializer=keras.initializers.Constant(-1e6))
    body = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), dead])
    model = ncap.attach_probe(body, classes=10, hidden=(8, 6), frozen=False)
    callback = ncap.CapacitanceCallback(target.x_train, target.y_train, rule=rule)
    val = target.read("val", np.arange(60))
    with pytest.warns(ncap.reference.CapacitanceWarning, match="every interaction is 0"):
        history = with_accuracy(model).fit(
            target.x_train, target.y_train, validation_data=val, epochs=2, verbose=0, callbacks=[callback]
        )
    assert history.history["beta_eff"] == [0.0, 0.0]
    assert np.isnan(rule.seen).tolist() == [True, True]


def test_a_validation_accuracy_that_is_no_fraction_is_refused(model):
    target = tiny.target()
    callback = ncap.CapacitanceCallback(target.x_train, target.y_train, accuracy="loss")
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), loss_weights=1000.0)
    with pytest.raises(ValueError, match=r"accuracy: logs\['loss'\] is .*, and a fraction in 0..1 is needed"):
        model.fit(target.x_train, target.y_train, verbose=0, callbacks=[callback])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras' TensorBoard writes with TensorFlow alone")
def test_csv_tensorboard_and_early_stopping_see_reading_error_and_prediction(model, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    target = tiny.target()
    stop = keras.callbacks.EarlyStopping("beta_eff_prediction", mode="max", patience=2, min_delta=1)  # no accuracy does
    callbacks = [
        ncap.CapacitanceCallback(target.x_train, target.y_train),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.TensorBoard(tmp_path / "board"),
        stop,
    ]
    val = target.read("val", np.arange(60))
    history = with_accuracy(model).fit(
        target.x_train, target.y_train, validation_data=val, epochs=9, verbose=0, callbacks=callbacks
    )
    keys = ["beta_eff", "beta_eff_error", "beta_eff_prediction"]
    shown = {key: history.history[key] for key in keys}
    assert [len(values) for values in shown.values()] == [3, 3, 3]
    assert stop.stopped_epoch == 2
    table = pd.read_csv(tmp_path / "log.csv")
    board = EventAccumulator(str(tmp_path / "board" / "train")).Reload()
    for key, values in shown.items():
        np.testing.assert_allclose(table[key], values, rtol=1e-12)
        drawn = [float(make_ndarray(event.tensor_proto)) for event in board.Tensors(f"epoch_{key}")]
        np.testing.assert_allclose(drawn, values, rtol=1e-6)
