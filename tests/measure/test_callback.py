"""The callback: what it writes into the logs, and when."""

import inspect

import keras
import numpy as np
import pytest
import tiny

import ncap


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
    assert of_callback.pop("name") == "beta_eff"
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
