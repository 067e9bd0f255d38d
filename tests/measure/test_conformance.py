"""Oracle, Keras closed form and automatic differentiation are one contract: degrees, sums and verdicts agree on drawn networks."""

import itertools
import os
import warnings
from importlib import import_module

import numpy as np
import pytest
from agreement import assert_degrees_agree, uncancelled
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from probes import BACKEND, eagerly
from strategies import Case, cases

from ncap import reference as ref
from ncap.measure import autodiff, readings
from ncap.reference.loss import read_targets
from ncap.testing.agreement import assert_close
from ncap.testing.methods import (
    FLOAT32,
    FLOAT64,
    DrawnCase,
    Quantity,
    assert_conforms,
    largest_difference,
    unit_roundoff,
)

PROBE_NORMS = ("none", "after")
LONG = "NCAP_HYPOTHESIS" in os.environ  # long-keras draws 1,000 examples of every test
# An example costs tens of milliseconds on TensorFlow, and more on torch, which computes as it does. JAX compiles every operation anew for
# every shape, even eagerly: seconds for each new network, so it draws fewer and from fewer shapes.
few = settings() if LONG else settings(max_examples={"jax": 7, "torch": 15}.get(BACKEND, 40))
BOUNDS = {"max_depth": 4, "max_width": 3} if BACKEND == "jax" and not LONG else {"max_depth": 6, "max_width": 8}

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


def exact_in_float32(case):
    """Whether every pre-activation is a float32 number: then no unit can switch sides."""
    z, _, a = ref.forward(case.net, case.x)
    return all((v == v.astype(np.float32)).all() for v in (*z, a)) and max(np.abs(v).max() for v in (*z, a)) < 2**20


def eps_of(case, method, dtype):
    """The spacing at 1 of what a method computes the case in."""
    return unit_roundoff(method, dtype, any(norm.there for norm in case.net.norms))


# Every method of every reading of the table, but for those that only the oracle has, and for means over mini-batches.
TAKEN = [
    pytest.param(name, method, import_module(module), id=f"{name}-{method}")
    for name, entry in readings.READINGS.items()
    if not entry.batch
    for method, module in entry.model_methods.items()
]
every_method = pytest.mark.parametrize(("reading", "method", "module"), TAKEN)


def cases_of(reading):
    entry = readings.READINGS[reading]
    if not entry.needs_norms:
        return cases(norms=PROBE_NORMS, **BOUNDS)
    # Of second derivatives the chain takes 2L - 1 products, each through the whole network.
    short = {"max_depth": 4} if entry.parts.interaction == "hessian" else {}
    return cases(norms=("after",), **BOUNDS | short)


def degrees_of(module, reading):
    return None if reading == "gradient" else module.degrees  # the gradient form has no P


@every_method
@few
@given(data=st.data(), batch_size=st.sampled_from([1, 2, 256]))
def test_sums_and_degrees_in_float64(reading, method, module, data, batch_size):
    case = data.draw(cases_of(reading))
    with eagerly():
        eps, degrees = eps_of(case, method, "float64"), degrees_of(module, reading)
        exact = case.net.loss == "squared_error" and eps < FLOAT32
        assert_conforms(module.measure, reading, case, degrees=degrees, eps=eps, batch_size=batch_size, exact=exact)


@every_method
def test_errors_below_what_float32_can_hold(reading, method, module):
    """A deep probe that is sure of its class: the other errors are 1e-43, which float32 rounds to a few bits."""
    widths = (3, 5, 7, 8, 4, 6)
    kernels = [np.full(pair, 0.5) for pair in itertools.pairwise(widths)]
    kernels[-1][[0, 3], 1] = -0.5
    scales = [np.ones(n) for n in widths[1:-1]] if readings.READINGS[reading].needs_norms else None
    case = DrawnCase(ref.MLP(kernels, scales=scales), np.ones((1, 3)), np.array([0]))
    eps = eps_of(case, method, "float64")
    with eagerly():
        assert_conforms(module.measure, reading, case, degrees=degrees_of(module, reading), eps=eps)


@every_method
@few
@given(data=st.data())
def test_sums_and_degrees_in_float32_relative_to_the_magnitude_sums(reading, method, module, data):
    case = data.draw(cases_of(reading))
    assume(exact_in_float32(case))
    with eagerly():
        assert_conforms(module.measure, reading, case, degrees=degrees_of(module, reading), dtype="float32")


def test_the_derivative_of_the_labels_error_is_as_exact_as_the_sum_that_it_is():
    """The label's own entry is 200 times smaller than the sum of the others that automatic differentiation makes it of."""
    kernels = [
        [[0.5], [0.5]],
        np.zeros((1, 5)),
        [[0, 0, 0], [-1, 0, -1], [-1, -1, 1], [0, -1, -1], [0, 0, 0]],
        [[0, -1, 0, -0.5, -0.5, -0.5, 1, 1], [0.5, -0.5, 0, -0.5, -1, -0.5, -0.5, -1], [1, *[-0.5] * 7]],
        [[1, 0.5, 0.5, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0.5, 1], *[[1, 1, 1, 1]] * 4],
        [[-1] * 8, [-1, 1, -0.5, -1, -1, 0.5, -1, 0.5], [*[-1] * 4, -0.5, *[-1] * 3], [-1, 1, *[-1] * 6]],
    ]
    biases = [[0.5], [-0.5, 0, 1, -0.5, 0], [1, 0, 1], [0.5, -1, 0, -1, 1, 1, 0.5, -1], [1, 1, 0, 0.5]]
    net = ref.MLP(kernels, [*biases, [-0.5, 0, -1, -1, -1, 1, -1, -1]])
    with eagerly():
        assert_conforms(
            autodiff.measure,
            "full_hessian/signed/unit",
            DrawnCase(net, np.ones((1, 2)), np.array([3])),
            degrees=autodiff.degrees,
            eps=unit_roundoff("autodiff", "float64", False),
        )


@few
@given(case=cases(norms=("before",), **BOUNDS))
def test_autodiff_of_a_hand_written_stack_with_the_norm_before_the_relu(case):
    """The probe has its norm after the relu; the other order is held against automatic differentiation here."""
    import hand_written

    net = case.net
    data = case.x, read_targets(case.y, len(case.x), net.widths[-1], net.loss), net.loss
    for interaction in ("explicit", "hessian"):
        got = hand_written.degrees(net, *data, interaction)
        want = ref.degrees(net, case.x, case.y, interaction)
        assert_degrees_agree(got, want, uncancelled(case, interaction), FLOAT64, f"norm before, {interaction}")


def test_a_disagreement_is_reported_with_its_place():
    with pytest.raises(
        AssertionError, match=r"delta: 1 of 2 differ; worst at \(1,\): got 2, want 1, ratio 2, tolerance 0.5"
    ):
        assert_close([1.0, 2.0], [1.0, 1.0], 0.5, "delta")


@pytest.mark.parametrize("wrong", ["numerator", "denominator", "uncancelled", "standard_error"])
def test_the_kit_finds_what_is_wrong(wrong):
    """Each quantity off by a part in a million fails by its name, on a case where all of them are compared."""
    net = ref.MLP([[[1.0, 0.5]], [[1.0, 0.5], [0.5, 1.0]], [[1.0], [0.5]]], loss="squared_error")
    case, closed_form = Case(net, np.array([[1.0], [0.5]]), np.array([0, 0])), import_module("ncap.measure.closed_form")

    def measure(*arguments):
        sums, off = closed_form.measure(*arguments), 1 + 1e-6
        if wrong == "standard_error":
            return sums._replace(standard_error=sums.standard_error * off)
        if wrong == "uncancelled":
            return sums._replace(uncancelled=sums.uncancelled._replace(denominator=sums.uncancelled.denominator * off))
        return sums._replace(moments=sums.moments._replace(**{wrong: getattr(sums.moments, wrong) * off}))

    assert_conforms(closed_form.measure, "explicit/signed/unit", case, exact=True)
    words = {
        "numerator": "^A, ",
        "denominator": "^D, ",
        "uncancelled": "^D before",
        "standard_error": "^standard error",
    }
    with pytest.raises(AssertionError, match=words[wrong]):
        assert_conforms(measure, "explicit/signed/unit", case, exact=True)


@pytest.mark.parametrize(
    ("got", "want", "scale", "roundings"),
    [
        ([1.0, 2.0], [1.0, 2.5], [1.0, 0.5], 4.0),
        ([0.0, 1.0], [0.0, 1.0], [0.0, 1.0], 0.0),
        ([1e-300], [0.0], [0.0], np.inf),
        ([np.nan], [0.0], [1.0], np.inf),
    ],
)
def test_roundings_are_counted_on_the_scale_of_each_entry(got, want, scale, roundings):
    assert largest_difference([Quantity("q", got, want, scale)], eps=0.25) == roundings


def test_warnings_are_those_of_the_oracle():
    """One verdict for all methods: the same reason on a degenerate network."""
    import keras

    import ncap

    body = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    model = ncap.attach_probe(body, 2, hidden=(4, 4))
    for keywords in ({"strength": "signed"}, {"method": "autodiff"}, {"method": "autodiff", "interaction": "hessian"}):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            got = ncap.capacitance(model, np.eye(3, dtype="float32"), [0, 1, 0], **keywords)
        assert (got.beta_eff, got.reason) == (0, "softmax")
        assert any(issubclass(warning.category, ref.CapacitanceWarning) for warning in caught)
