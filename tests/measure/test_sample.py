"""Readings of a sample for a wanted error: which samples, how many, and whether the error holds on networks of Keras (T9)."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

import ncap
from ncap.measure import sample
from ncap.measure.measurement import take
from ncap.reference import CapacitanceWarning

READING = "explicit/magnitude/unit"


@pytest.fixture(name="digits", scope="module")
def _digits():
    x, y = load_digits(return_X_y=True)
    return (x / 16).astype("float32"), y


@pytest.fixture(name="model", scope="module")
def _model(digits):
    keras.utils.set_random_seed(0)
    body = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu")])
    model = ncap.attach_probe(body, classes=10, hidden=(24, 12))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*digits, epochs=2, verbose=0)
    return model


class Seen:
    """Inputs that are read row by row, as those of a target are, and count how often each was asked for."""

    def __init__(self, x):
        self.x, self.times, self.shape = x, np.zeros(len(x), int), x.shape

    def __len__(self):
        return len(self.x)

    def __getitem__(self, rows):
        self.times[rows] += 1
        return self.x[rows]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 2**32 - 1))
def test_every_beginning_of_the_order_is_stratified(labels, seed):
    labels = np.array(labels)
    order = sample.stratified_order(labels, seed)
    assert sorted(order) == list(range(len(labels)))
    for m in range(1, len(labels) + 1):
        for c in np.unique(labels):
            share = m * (labels == c).mean()
            assert abs((labels[order[:m]] == c).sum() - share) < 2.5


def test_every_sample_is_equally_likely_among_the_first():
    """One of a class of its own too, which is among the first quarter in a quarter of the orders."""
    labels = np.repeat([0, 1, 2], [20, 11, 1])
    among = np.zeros(32)
    for seed in range(2000):
        among[sample.stratified_order(labels, seed)[:8]] += 1
    assert np.abs(among / 2000 - 1 / 4).max() < 0.06  # six standard deviations


@given(
    st.floats(0.001, 2), st.floats(-1, 1), st.integers(2, 200), st.integers(1, 200), st.floats(0.01, 2)
)  # fmt: skip
def test_the_size_needed_is_the_smallest(standard_error, bias, m, more, wanted):
    N = m + more

    def square(k):
        left = (N - k) / (k * (N - 1)) * m
        return standard_error**2 * left + (bias * left) ** 2

    k = sample.size_needed(standard_error, m, N, wanted, bias)
    assert square(k) <= wanted**2 * (1 + 1e-6)
    assert k == 1 or square(k - 1) > wanted**2 * (1 - 1e-6)


def test_without_a_bias_the_size_needed_is_that_of_t9():
    m, N, standard_error = 128, 5000, 0.2
    k = sample.size_needed(standard_error, m, N, wanted=0.05)
    over_k = standard_error * np.sqrt(m / k)
    assert sample.sampling_error(over_k, k, N) <= 0.05
    over_fewer = standard_error * np.sqrt(m / (k - 1))
    assert sample.sampling_error(over_fewer, k - 1, N) > 0.05


@pytest.mark.parametrize(
    ("reading", "error"),
    [(READING, 0.03), (READING, 0.01), ("explicit/magnitude/unit/norms", 0.03), ("gradient", 0.1)],
)
def test_the_error_holds_over_many_seeds(model, digits, reading, error):
    """The deviation from all samples, in units of what is promised, has a root mean square of at most about 1."""
    of_all = ncap.capacitance(model, *digits, reading=reading)
    taken = [ncap.capacitance(model, *digits, reading=reading, error=error, seed=seed) for seed in range(25)]
    z = np.array([(c.beta_eff / of_all.beta_eff - 1) / error for c in taken])
    assert 0.02 < np.sqrt((z**2).mean()) < 1.4
    assert np.abs(z).max() < 4
    assert all(sample.START <= c.n_samples < c.drawn_from == len(digits[1]) for c in taken)


def test_a_smaller_error_takes_more_samples_and_they_are_the_first_of_the_order(model, digits):
    x, y = digits
    order = sample.stratified_order(y, 3)
    sizes = []
    for error in (0.05, 0.01, 0.005):
        c = ncap.capacitance(model, x, y, error=error, seed=3)
        first = order[: c.n_samples]
        assert c.beta_eff == pytest.approx(ncap.capacitance(model, x[first], y[first]).beta_eff, rel=1e-5)
        sizes.append(c.n_samples)
    assert sizes[0] < sizes[1] < sizes[2]


@pytest.mark.parametrize(("n", "error"), [(100, 0.05), (400, 1e-6)], ids=["fewer than the start", "too small an error"])
def test_where_all_samples_are_needed_the_reading_is_that_of_all(model, digits, n, error):
    x, y = digits[0][:n], digits[1][:n]
    c, of_all = ncap.capacitance(model, x, y, error=error), ncap.capacitance(model, x, y)
    assert c.n_samples == c.drawn_from == n
    assert of_all.drawn_from is None
    assert c.beta_eff == pytest.approx(of_all.beta_eff, rel=1e-5)
    assert c.standard_error == pytest.approx(of_all.standard_error, rel=1e-4)


def test_what_vanishes_in_the_sample_is_looked_for_in_all(model, digits):
    """Ten samples count among 1,797: a first sample without any of them shows nothing, and nothing is concluded from it."""
    weight = np.zeros(len(digits[1]))
    weight[sample.stratified_order(digits[1], 0)[-10:]] = 1
    c = ncap.capacitance(model, *digits, error=0.1, sample_weight=weight)
    assert (c.n_samples, c.reason) == (len(weight), "")
    assert c.beta_eff == pytest.approx(ncap.capacitance(model, *digits, sample_weight=weight).beta_eff, rel=1e-5)


def test_what_is_0_by_structure_takes_the_first_sample_and_warns_once(model, digits):
    with pytest.warns(CapacitanceWarning, match="softmax") as caught:
        c = ncap.capacitance(model, *digits, reading="explicit/signed/unit", error=0.01)
    assert (c.beta_eff, c.reason, c.n_samples, len(caught)) == (0.0, "softmax", sample.START, 1)


def test_several_readings_share_one_pass_and_take_their_own_numbers(model, digits):
    view = Seen(digits[0])
    names = ["gradient", READING]
    taken = take(model, view, digits[1], names, error=0.03)
    sizes = [taken[name].capacitance.n_samples for name in names]
    assert view.times.max() == 1
    assert view.times.sum() == max(sizes) > min(sizes)
    for name in names:
        alone = ncap.capacitance(model, *digits, reading=name, error=0.03)
        assert taken[name].capacitance.beta_eff == pytest.approx(alone.beta_eff, rel=0.09)


def test_the_callback_takes_a_sample_in_every_epoch(digits):
    keras.utils.set_random_seed(1)
    body = keras.Sequential([keras.Input((64,)), keras.layers.Dense(16, activation="relu")])
    model = ncap.attach_probe(body, classes=10, hidden=(12, 8))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    watch = ncap.CapacitanceCallback(*digits, error=0.05)
    history = model.fit(*digits, epochs=1, verbose=0, callbacks=[watch])
    assert watch.last.n_samples < watch.last.drawn_from == len(digits[1])
    of_all = ncap.capacitance(model, *digits).beta_eff
    assert history.history["beta_eff"][0] == pytest.approx(of_all, rel=0.2)


@pytest.mark.parametrize(
    ("reading", "match"),
    [
        ("hessian/signed/unit", "'hessian/signed/unit' by method='autodiff' has none; leave error out"),
        ("full_hessian/signed/unit", "has none; leave error out"),
        ("gradient/batches64", "a mean over mini-batches .* or read 'gradient'"),
    ],
)
def test_a_reading_without_a_standard_error_is_refused(model, digits, reading, match):
    for call in (
        lambda: ncap.capacitance(model, *digits, reading=reading, error=0.01),
        lambda: take(model, *digits, [READING, reading], error=0.01),
        lambda: ncap.CapacitanceCallback(*digits, reading=reading, error=0.01),
    ):
        with pytest.raises(ValueError, match=match):
            call()


def test_a_method_without_a_standard_error_is_refused_with_the_one_that_has():
    with pytest.raises(ValueError, match="by method='autodiff' has none; use method='closed_form'"):
        ncap.CapacitanceCallback([0], [0], method="autodiff", error=0.01)
