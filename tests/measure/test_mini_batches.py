"""Means over mini-batches: of which samples, in which order, and how far from the capacitance of all samples at once."""

import itertools
import statistics

import keras
import numpy as np
import pytest

import ncap
from ncap import reference as ref
from ncap.job import Job
from ncap.measure import readings
from ncap.measure.measurement import take

AVERAGED = [name for name in readings.names(of_models=True) if readings.READINGS[name].batch]

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


@pytest.fixture(name="model", scope="module")
def _model():
    keras.utils.set_random_seed(0)
    body = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, activation="relu")])
    model = ncap.attach_probe(body, classes=3, hidden=(6, 5, 4), frozen=False)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*data(), epochs=2, verbose=0)
    return model


def data(n=150):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 6)).astype("float32"), rng.integers(0, 3, n)


def test_every_mean_is_that_of_the_readings_of_its_batches(model):
    """Batches of 64, 64 and 22 in the order asked for, each counting alike."""
    x, y = data()
    order = np.random.default_rng(1).permutation(len(x))
    taken = take(model, x, y, AVERAGED, order=order)
    for name, measured in taken.items():
        own = name.removesuffix("/batches64")
        parts = [
            ncap.capacitance(model, x[rows], y[rows], reading=own) for rows in (order[:64], order[64:128], order[128:])
        ]
        got, betas = measured.capacitance, [part.beta_eff for part in parts]
        if got.reason == "":
            assert got.beta_eff == pytest.approx(statistics.fmean(betas), rel=1e-4), name
            assert got.standard_error == pytest.approx(statistics.stdev(betas) / 3**0.5, rel=1e-3), name
        assert (got.batch, got.n_samples) == (64, 150)
    assert [measured.capacitance.reason for measured in taken.values()].count("") > 5


def test_a_single_call_takes_the_samples_in_their_order(model):
    x, y = data()
    name = "explicit/magnitude/unit/batches64"
    turned = take(model, x[::-1], y[::-1], [name], order=np.arange(len(x))[::-1])[name].capacitance
    got = ncap.capacitance(model, x, y, reading=name)
    assert got.beta_eff == pytest.approx(turned.beta_eff, rel=1e-5)
    assert got.beta_eff != pytest.approx(ncap.capacitance(model, x[::-1], y[::-1], reading=name).beta_eff, rel=1e-4)


def drawn_network(n):
    rng = np.random.default_rng(2)
    widths = (4, 6, 5, 3)
    net = ref.MLP([rng.normal(size=pair) for pair in itertools.pairwise(widths)])
    return net, rng.normal(size=(n, 4)), rng.integers(0, 3, n)


def test_the_bias_of_the_numerator_over_all_batches_is_known():
    """A is quadratic in means over samples: over all batches of m of N its mean exceeds A by (N - m) / (m (N - 1)) times the covariance of
    the samples' own degrees; D, linear, keeps its mean."""
    net, x, y = drawn_network(6)
    n, m, reading = 6, 2, ("explicit", "magnitude", "unit")
    batches = [list(rows) for rows in itertools.combinations(range(n), m)]
    parts = [ref.capacitance(net, x[rows], y[rows], *reading) for rows in batches]
    whole, own = (
        ref.capacitance(net, x, y, *reading),
        [ref.capacitance(net, x[[i]], y[[i]], *reading) for i in range(n)],
    )
    covariance = np.mean([of_sample.numerator for of_sample in own]) - whole.numerator
    bias = np.mean([part.numerator for part in parts]) - whole.numerator
    assert bias == pytest.approx((n - m) / (m * (n - 1)) * covariance, rel=1e-9)
    assert bias != pytest.approx(0, abs=1e-3 * whole.numerator)
    assert np.mean([part.denominator for part in parts]) == pytest.approx(whole.denominator, rel=1e-12)


def test_the_mean_nears_the_capacitance_of_all_samples_as_batches_grow():
    net, x, y = drawn_network(512)
    whole = ref.capacitance(net, x, y, strength="magnitude").beta_eff
    bias = []
    for size in (8, 64, 256):
        parts = []
        for seed in range(8):
            order = np.random.default_rng(seed).permutation(512)
            parts += [
                ref.capacitance(net, x[rows], y[rows], strength="magnitude").beta_eff
                for rows in order.reshape(-1, size)
            ]
        bias.append(abs(statistics.fmean(parts) - whole))
    assert bias[0] > 3 * bias[1] > 6 * bias[2]


def test_a_job_without_norms_has_no_reading_of_norms():
    with pytest.raises(ValueError, match="batch_norm=False leaves them out"):
        Job(readings=["explicit/signed/unit/norms/batches64"], batch_norm=False)
    assert Job(readings=["explicit/signed/unit"], batch_norm=False).readings == ("explicit/signed/unit",)
    body = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, activation="relu")])
    model = ncap.attach_probe(body, classes=3, hidden=(5, 4), batch_norm=False)
    for name in readings.names(of_models=True):
        if readings.READINGS[name].needs_norms:
            with pytest.raises(ValueError, match="this one has none; attach it with batch_norm=True"):
                ncap.capacitance(model, *data(), reading=name)
