"""A saturated softmax: p of the true class is 1 but for 1e-8, and errors, beta_eff and its standard error keep their digits."""

import warnings
from fractions import Fraction

import numpy as np
import pytest

from ncap import reference as ref
from ncap.measure import autodiff, readings
from ncap.measure.autodiff.loss import total_loss
from ncap.measure.closed_form import error_cancellation
from ncap.measure.measurement import _one
from ncap.testing.methods import DrawnCase, assert_conforms, probe_data, unit_roundoff

# Of kernels as nodes; in the others, tests/measure/test_conformance.py tries errors as small.
OF_KERNELS = {
    name: entry
    for name, entry in readings.READINGS.items()
    if not (entry.batch or entry.needs_norms or entry.parts.interaction == "full_hessian")
}
TAKEN = [(name, method) for name, entry in OF_KERNELS.items() for method in entry.model_methods]
EXPLICIT = [reading for reading in OF_KERNELS if reading.startswith("explicit")]
# Mean losses of 2e-2, 7e-7, 3.5e-8 and 1e-22: before, p - 1 made beta_eff 21 % too high at the second and 19 % too low at the third.
LOSSES = (2e-2, 7e-7, 3.5e-8, 1e-22)


class Case:
    """Four samples that a network gets right by a margin; every number above softmax is a float32 number."""

    def __init__(self, loss):
        rng = np.random.default_rng(0)
        kernels = [rng.integers(1, 4, shape) / 4 for shape in ((3, 5), (5, 4), (4, 4))]
        # The last layer tells the classes apart by its bias, so that the margin is what is asked for.
        margin = np.round(np.log(2 / loss) * 4) / 4
        kernels.append(rng.integers(-1, 2, (4, 3)) / 64)
        self.net = ref.MLP(kernels, [None, None, None, [margin, 0, 0.25]])
        self.x, self.y = rng.integers(0, 3, (4, 3)) / 2 + 0.5, np.zeros(4, int)


def exact_errors(case):
    """p - y with p from a softmax in 60 digits."""
    a = ref.forward(case.net, case.x)[2]
    rows = []
    for row in a:
        e = [exp(Fraction(float(value)) - Fraction(float(row.max()))) for value in row]
        rows.append([(value - (k == 0) * sum(e)) / sum(e) for k, value in enumerate(e)])
    return rows


def exp(x):
    """exp in fractions, to 1e-60: the series of x / 2^10, squared ten times."""
    term, total, n = Fraction(1), Fraction(1), 0
    while abs(term) > Fraction(1, 10**80):
        n += 1
        term = Fraction(round(term * x / 1024 / n * 10**90), 10**90)
        total += term
    for _ in range(10):
        total = Fraction(round(total * total * 10**90), 10**90)
    return total


def exact_beta(case, strength, weighting):
    values = ref.families(case.net, case.x, case.y)
    g = [np.array([[float(value) for value in row] for row in exact_errors(case)])]
    for layer, s in zip(case.net.layers[:1:-1], values.s[:0:-1], strict=True):
        g.append(s * (g[-1] @ layer.kernel.T))
    kernels = [layer.kernel for layer in case.net.layers]
    delta_in, delta_out = ref.degrees_from(values.z[:-1], values.s, g[::-1], strength, weighting, kernels)
    A = sum((d_out * d_in).sum() for d_in, d_out in zip(delta_in, delta_out, strict=True))
    return A / sum(d.sum() for d in delta_in)


def measured(case, reading, method, dtype="float32"):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ref.CapacitanceWarning)
        return _one(readings.check(reading), readings.READINGS[reading].methods[method], probe_data(case, dtype), 3)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_cases_have_the_losses_they_are_named_by(loss):
    errors = np.array([[float(value) for value in row] for row in exact_errors(Case(loss))])
    assert -np.log1p(errors[:, 0]).mean() == pytest.approx(loss, rel=0.3)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("reading", EXPLICIT)
def test_the_oracle_keeps_its_digits(loss, reading):
    case = Case(loss)
    _, strength, weighting = reading.split("/")
    got = ref.capacitance(case.net, case.x, case.y, "explicit", strength, weighting)
    assert got.beta_eff == pytest.approx(exact_beta(case, strength, weighting), rel=1e-10, abs=0)
    one_hot = ref.capacitance(case.net, case.x, np.eye(3)[case.y], "explicit", strength, weighting)
    assert one_hot == got


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("reading", "method"), TAKEN)
def test_every_method_keeps_its_digits_in_float32(loss, reading, method):
    case = Case(loss)
    of_oracle = ref.gradient_capacitance if reading == "gradient" else ref.capacitance
    want = of_oracle(case.net, case.x, case.y, *(() if reading == "gradient" else reading.split("/")))
    got = measured(case, reading, method)
    # Logits of 50 err by 50 eps, p by that times itself; signed sums cancel by `cancellation`.
    tolerance = 400 * unit_roundoff(method, "float32") * (1 if np.isnan(want.cancellation) else want.cancellation)
    assert got.beta_eff == pytest.approx(want.beta_eff, rel=tolerance, abs=0)
    if not np.isnan(got.standard_error):
        assert got.standard_error == pytest.approx(want.standard_error, rel=10 * tolerance, abs=0)


@pytest.mark.parametrize("margin", [-800.0, -25.0, 0.0, 25.0, 800.0])
def test_a_margin_is_differentiated_twice_to_the_last_digits(margin):
    """PyTorch's softplus is its argument itself from 20 on, with slope 1 and no curvature."""
    import hand_written

    y, one = hand_written.tensor(np.array([[0.0, 1.0]])), hand_written.tensor(np.array([[1.0, 0.0]]))

    def slope(a):
        return hand_written.gradient(lambda logits: total_loss(logits, y, "cross_entropy"), a)

    a = hand_written.tensor(np.array([[margin, 0.0]]))
    below = np.exp(-abs(margin))  # s is 1 / (1 + below), or below / (1 + below), and its derivative
    s = np.where(margin > 0, 1, below) / (1 + below)
    np.testing.assert_allclose(np.asarray(slope(a)), [[s, -s]], rtol=1e-15)
    curved = hand_written.gradient(lambda logits: hand_written.total(slope(logits) * one), a)
    # A curvature of 1.4e-11 is added up beside slopes of 1, in orders of the backends' own: a few roundings of 1 are left.
    np.testing.assert_allclose(np.asarray(curved)[0, 0], below / (1 + below) ** 2, rtol=1e-12, atol=1e-15)


def test_soft_targets_that_the_outputs_have_met_are_rounding():
    """What is left of p - y is then the rounding of p: no reading of the errors has a value."""
    case = Case(2e-2)
    a = ref.forward(case.net, case.x)[2]
    p = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    case.y = p + 1e-9 * np.array([1, -1, 0])
    with pytest.warns(ref.CapacitanceWarning, match=r"\(rounding\).*soft targets"):
        got = _one(
            readings.check("explicit/magnitude/unit"), "ncap.measure.closed_form", probe_data(case, "float32"), 3
        )
    assert np.isnan(got.beta_eff)
    assert measured(case, "explicit/magnitude/unit", "closed_form", "float64").beta_eff > 0
    assert error_cancellation(probe_data(case, "float64"), 3) == pytest.approx(1e9, rel=1e-3)
    case.y = p + 1e-16 * np.array([1, -1, 0])
    with pytest.warns(ref.CapacitanceWarning, match="rounding"):
        assert np.isnan(ref.capacitance(case.net, case.x, case.y, strength="magnitude").beta_eff)
    with pytest.warns(ref.CapacitanceWarning, match="rounding"):
        assert np.isnan(ref.gradient_capacitance(case.net, case.x, case.y).beta_eff)


@pytest.mark.parametrize("strength", ["signed", "magnitude"])
def test_a_cnn_of_the_oracle_is_read_as_the_same_mlp(strength):
    case = Case(3.5e-8)
    dense = [ref.Dense(layer.kernel, layer.bias) for layer in case.net.layers]
    net = ref.CNN(dense, input_shape=(3,))
    want = ref.capacitance(case.net, case.x, case.y, strength=strength)
    assert ref.capacitance(net, case.x, case.y, strength=strength).beta_eff == pytest.approx(
        want.beta_eff, rel=1e-12, abs=0
    )
    met = Case(2e-2)
    a = ref.forward(met.net, met.x)[2]
    y = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True) + 1e-16 * np.array([1, -1, 0])
    net = ref.CNN([ref.Dense(layer.kernel, layer.bias) for layer in met.net.layers], input_shape=(3,))
    with pytest.warns(ref.CapacitanceWarning, match="rounding"):
        assert np.isnan(ref.capacitance(net, met.x, y, strength=strength).beta_eff)


@pytest.mark.parametrize("weighting", ["unit", "relative"])
def test_an_unlikely_label_keeps_the_digits_of_its_small_curvature(weighting):
    """p of the label is 1e-7 and its gradient nearly -1: its row of the Hessian is as small as p, and came with the rounding of a 1."""
    kernels = [
        np.zeros((1, 3)),
        np.array([[0, 1, 0, 0.5], [0, 0.5, 0, 1], [0, 0, 0, 1]]),
        np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, -1, 1, 1], [1, 1, 1, 1, 0, 0], [-1, 1, 1, 1, 1, 1.0]]),
    ]
    scales, shifts = [[1, 2, 1], [-1, 2, -1, -1]], [[1, 1, 0.5], [-0.5, 0.5, 1, -0.5]]
    net = ref.MLP(kernels, scales=scales, shifts=shifts, norm="after", deviations=[np.ones(3), np.ones(4)])
    case, eps = DrawnCase(net, np.zeros((1, 1)), np.array([3])), unit_roundoff("autodiff", "float64")
    reading = f"hessian/signed/{weighting}"
    assert_conforms(autodiff.measure, reading, case, degrees=autodiff.degrees, eps=eps)
