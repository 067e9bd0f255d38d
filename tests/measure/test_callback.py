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
    assert {"model": inspect.Parameter.empty} | of_callback == of_function
    assert ["model", *of_callback] == list(of_function)
