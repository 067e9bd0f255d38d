"""Oracle, Keras closed form and automatic differentiation are one contract: degrees, sums and verdicts agree on drawn networks."""

import os
import warnings

import numpy as np
import pytest
from agreement import ROUNDINGS, assert_close, assert_degrees_agree, sums, uncancelled
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from probes import BACKEND, eagerly, probe_of
from strategies import cases

from ncap import reference as ref
from ncap.measure import autodiff, closed_form

FLOAT64, FLOAT32 = np.finfo(np.float64).eps, np.finfo(np.float32).eps
PROBE_NORMS = ("none", "after")
every_weighting = pytest.mark.parametrize("weighting", ["unit", "relative"])
LONG = "NCAP_HYPOTHESIS" in os.environ  # long-keras draws 1,000 examples of every test
# A TensorFlow example costs tens of milliseconds. JAX compiles every operation anew for every shape, even eagerly: seconds
# for each new network, so it draws fewer and from fewer shapes.
few = settings() if LONG else settings(max_examples=40 if BACKEND == "tensorflow" else 10)
BOUNDS = {"max_depth": 6, "max_width": 8} if LONG or BACKEND == "tensorflow" else {"max_depth": 4, "max_width": 3}

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


def eps_of(case, dtype):
    """Rounding unit of the automatic differentiation: Keras' batch norm computes in float32 under JAX, whatever its dtype."""
    normalised = any((layer.scale != 1).any() or (layer.shift != 0).any() for layer in case.net.layers)
    return FLOAT32 if dtype == "float32" or (BACKEND == "jax" and normalised) else FLOAT64


def exact_in_float32(case):
    """Whether every pre-activation is a float32 number: then no unit can switch sides."""
    z, _, a = ref.forward(case.net, case.x)
    return all((v == v.astype(np.float32)).all() for v in (*z, a)) and max(np.abs(v).max() for v in (*z, a)) < 2**20


def clear_of_underflow(case):
    """Whether no error is so small that float32, where what is below 1e-38 counts as 0, could lose products with it."""
    errors = np.abs(np.concatenate([g.ravel() for g in ref.families(case.net, case.x, case.y).g]))
    return (errors[errors > 0] > 1e-25).all()


def data_of(case, dtype):
    """Features and targets as ncap.capacitance hands them to a method."""
    targets = ref.mlp.read_targets(case.y, len(case.x), case.net.widths[-1], case.net.loss)
    return case.x.astype(dtype), targets.astype(dtype), case.net.loss


@every_weighting
@pytest.mark.parametrize("strength", ["signed", "magnitude"])
@few
@given(case=cases(norms=PROBE_NORMS, **BOUNDS), batch_size=st.sampled_from([1, 2, 256]))
def test_closed_form_in_float64(case, batch_size, strength, weighting):
    data = probe_of(case.net, "float64"), *data_of(case, "float64")
    with eagerly():
        got = closed_form.degrees(*data, strength, weighting, batch_size)
    want = ref.degrees(case.net, case.x, case.y, "explicit", strength, weighting)
    assert_degrees_agree(got, want, uncancelled(case, weighting=weighting), FLOAT64, f"{strength} {weighting}")


@every_weighting
@pytest.mark.parametrize("interaction", ["explicit", "hessian"])
@few
@given(case=cases(norms=PROBE_NORMS, **BOUNDS), batch_size=st.sampled_from([1, 2, 256]))
def test_autodiff_in_float64(case, batch_size, interaction, weighting):
    data = probe_of(case.net, "float64"), *data_of(case, "float64")
    with eagerly():
        got = autodiff.degrees(*data, interaction, weighting, batch_size)
    want = ref.degrees(case.net, case.x, case.y, interaction, "signed", weighting)
    scale = uncancelled(case, interaction, weighting)
    assert_degrees_agree(got, want, scale, eps_of(case, "float64"), f"{interaction} {weighting}")


@few
@given(case=cases(norms=PROBE_NORMS, **BOUNDS), batch_size=st.sampled_from([1, 2, 256]))
def test_the_gradient_form_in_float64(case, batch_size):
    data = probe_of(case.net, "float64"), *data_of(case, "float64")
    with eagerly():
        of_closed_form, uncancelled_sums, standard_error = closed_form.gradient_moments(*data, batch_size)
        of_autodiff = autodiff.gradient_moments(*data, batch_size)
    want = ref.gradient_capacitance(case.net, case.x, case.y)
    scale, _ = uncancelled(case, weighting="relative")
    scale_A, scale_D = 2 * sum((q_l**2).sum() for q_l in scale[1:]), sum(q_l.sum() for q_l in scale)
    for got, eps, what in (
        (of_closed_form, FLOAT64, "closed form"),
        (of_autodiff, eps_of(case, "float64"), "autodiff"),
    ):
        assert_close(got.numerator, want.numerator, ROUNDINGS * eps * scale_A, f"A, {what}")
        assert_close(got.denominator, want.denominator, ROUNDINGS * eps * scale_D, f"D, {what}")
    if want.denominator:
        got = uncancelled_sums.denominator / want.denominator
        assert_close(got, want.cancellation, ROUNDINGS * FLOAT64 * (scale_D / want.denominator) ** 2, "cancellation")
    if case.net.loss == "squared_error":  # exact but for the mean, so even "every q is exactly 0" agrees
        assert of_closed_form.vanishes == of_autodiff.vanishes == (want.reason == "zero")
        if not want.degenerate and len(case.x) > 1:  # and no q rounds to the wrong side of 0, |q|'s kink
            bound = ROUNDINGS * FLOAT64 * len(case.x) ** 2 * (scale_D / want.denominator) ** 2 * scale_D
            assert_close(standard_error, want.standard_error, bound, "standard error")


@every_weighting
@few
@given(case=cases(norms=PROBE_NORMS, **BOUNDS))
def test_both_in_float32_relative_to_the_magnitude_sums(case, weighting):
    assume(exact_in_float32(case) and clear_of_underflow(case))
    with eagerly():
        data = probe_of(case.net, "float32"), *data_of(case, "float32")
        methods = {
            ("explicit", "signed"): closed_form.degrees(*data, "signed", weighting, 256),
            ("explicit", "magnitude"): closed_form.degrees(*data, "magnitude", weighting, 256),
            ("explicit", "autodiff"): autodiff.degrees(*data, "explicit", weighting, 256),
            ("hessian", "autodiff"): autodiff.degrees(*data, "hessian", weighting, 256),
        }
    for (interaction, method), got in methods.items():
        strength = "magnitude" if method == "magnitude" else "signed"
        want = ref.degrees(case.net, case.x, case.y, interaction, strength, weighting)
        scale = uncancelled(case, interaction, weighting)
        assert_degrees_agree(got, want, scale, FLOAT32, f"{interaction} {method} {weighting}")


@every_weighting
@pytest.mark.parametrize("strength", ["signed", "magnitude"])
@few
@given(case=cases(norms=PROBE_NORMS, **BOUNDS), batch_size=st.sampled_from([2, 256]))
def test_sums_standard_error_and_verdict_of_the_closed_form(case, batch_size, strength, weighting):
    data = probe_of(case.net, "float64"), *data_of(case, "float64")
    with eagerly():
        moments, magnitude, standard_error = closed_form.explicit_moments(*data, strength, weighting, batch_size)
    want, in_magnitude = (
        ref.capacitance(case.net, case.x, case.y, "explicit", of, weighting) for of in (strength, "magnitude")
    )
    scale_A, scale_D = sums(uncancelled(case, weighting=weighting))
    if want.reason != "softmax":
        assert_close(moments.numerator, want.numerator, ROUNDINGS * FLOAT64 * scale_A, "A")
    assert_close(moments.denominator, want.denominator, ROUNDINGS * FLOAT64 * scale_D, "D")
    assert_close(magnitude.numerator, in_magnitude.numerator, ROUNDINGS * FLOAT64 * scale_A, "A in magnitude")
    if case.net.loss == "squared_error":  # exact but for the mean, so even "every degree is exactly 0" agrees
        assert moments.vanishes == (want.reason == "zero")
    if not want.degenerate and len(case.x) > 1:
        D = abs(want.denominator)
        bound = ROUNDINGS * FLOAT64 * len(case.x) * (scale_A / D) * (scale_D / D) * (1 + scale_D / D)
        assert_close(standard_error, want.standard_error, bound, "standard error")


@few
@given(case=cases(norms=("before",), **BOUNDS))
def test_autodiff_of_a_hand_written_stack_with_the_norm_before_the_relu(case):
    """The probe has its norm after the relu; the other order is held against automatic differentiation here."""
    import hand_written

    net, data = case.net, (case.x, *data_of(case, "float64")[1:])
    for interaction in ("explicit", "hessian"):
        got = hand_written.degrees(net, *data, interaction)
        want = ref.degrees(net, case.x, case.y, interaction)
        assert_degrees_agree(got, want, uncancelled(case, interaction), FLOAT64, f"norm before, {interaction}")


def test_a_disagreement_is_reported_with_its_place():
    with pytest.raises(
        AssertionError, match=r"delta: 1 of 2 differ; worst at \(1,\): got 2, want 1, ratio 2, tolerance 0.5"
    ):
        assert_close([1.0, 2.0], [1.0, 1.0], 0.5, "delta")


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
