"""A PyTorch network as a body, on Keras' torch backend: it trains under the probe and is read in closed form. make torch runs it."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import ops
from probes import BACKEND, parameters
from tiny import ranked, without_times

import ncap
from ncap import reference as ref
from ncap.measure.measurement import take
from ncap.measure.probe import find_probe
from ncap.records.loading import load
from ncap.training.fingerprint import body_fingerprint

if BACKEND != "torch":
    pytest.skip("needs KERAS_BACKEND=torch", allow_module_level=True)

torch = pytest.importorskip("torch")

READINGS = ["explicit/magnitude/unit", "explicit/signed/relative", "hessian/signed/unit", "gradient"]


def module():
    """A convolutional network as a PyTorch user has it, channels first, with a norm that has a state."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(4 * 6 * 6, 6), torch.nn.ReLU(),
    )  # fmt: skip


@pytest.fixture(name="model")
def _model():
    wrapped = keras.layers.TorchModuleWrapper(module(), output_shape=(None, 6))
    model = ncap.attach_probe(
        keras.Sequential([keras.Input((1, 8, 8)), wrapped]), classes=3, hidden=(7, 6, 5), dropout=0.0, seed=1
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def data(n=60):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    return (rng.normal(size=(n, 1, 8, 8)) + 2 * (y[:, None, None, None] - 1)).astype("float32"), y


def test_it_trains_under_the_frozen_probe(model):
    x, y = data()
    probe_before = [ops.convert_to_numpy(weight) for weight in find_probe(model).weights]
    history = model.fit(x, y, epochs=30, verbose=0, callbacks=[ncap.CapacitanceCallback(x, y)]).history
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert len(set(history["beta_eff"])) == 30
    for before, weight in zip(probe_before, find_probe(model).weights, strict=True):
        np.testing.assert_array_equal(before, ops.convert_to_numpy(weight))


@pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")
def test_every_reading_is_the_oracles_on_the_modules_features(model):
    x, y = data()
    model.fit(x, y, epochs=2, verbose=0)
    wrapped = ncap.detach_probe(model).layers[-1].module.eval()
    with torch.no_grad():  # the PyTorch network itself, without Keras around it
        features = wrapped(torch.as_tensor(x)).numpy().astype(np.float64)
    net = ref.MLP(*parameters(find_probe(model)))
    for name, measured in take(model, x, y, READINGS, batch_size=25).items():
        of_oracle = ref.gradient_capacitance if name == "gradient" else ref.capacitance
        want = of_oracle(net, features, y, *([] if name == "gradient" else name.split("/")))
        # float32 against float64: rounding grows with the cancellation of signed sums, under 1e3 here
        assert measured.capacitance.beta_eff == pytest.approx(want.beta_eff, rel=1e-5 if "magnitude" in name else 1e-3)


def test_seeds_of_the_probe_that_torch_cannot_hold_are_reduced(model):
    """Seed 1 draws seeds above 2^31, with which attach_probe failed here."""
    drawn = np.random.SeedSequence(1).generate_state(2 * 3 + 2)
    assert drawn.max() >= 2**31
    kernels = [ops.convert_to_numpy(unit.dense.kernel) for unit in find_probe(model).units]
    assert all(kernel.std() > 0.1 for kernel in kernels)


def flat(*more):
    """A factory of a flat network whose last modules keep a state, or draw from PyTorch's own generator."""

    def factory():
        torch.manual_seed(0)
        inside = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 6), *(make() for make in more))
        wrapped = keras.layers.TorchModuleWrapper(inside, output_shape=(None, 6))
        return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255), wrapped])

    return factory


@pytest.mark.parametrize("ticks", [1, 2])
@pytest.mark.parametrize("more", [lambda: torch.nn.BatchNorm1d(6, momentum=0.01), lambda: torch.nn.Dropout(0.5)])
def test_moving_statistics_and_dropout_are_resumed(tmp_path, more, ticks):
    """The first are no weights to Keras, the second draws from no generator of Keras'."""
    options = {"runs": 1, "batch_size": 16, "ticks_per_epoch": ticks, "rule": "last_seen"}
    ranked(tmp_path / "once.db", {"flat": flat(more)}, epochs=3, **options)
    for epochs in (1, 3):
        ranked(tmp_path / "twice.db", {"flat": flat(more)}, epochs=epochs, **options)
    once, twice = (without_times(load(tmp_path / name).observations) for name in ("once.db", "twice.db"))
    pd.testing.assert_frame_equal(once, twice)


def test_moving_statistics_are_part_of_a_body():
    body = flat(lambda: torch.nn.BatchNorm1d(6))()
    before = body_fingerprint(body)
    body.layers[-1].module[2].running_mean += 1.0
    assert body_fingerprint(body) != before
