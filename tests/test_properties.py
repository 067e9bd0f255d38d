"""Properties of beta_eff that do not use its formula, held by every implementation: symmetries, additivity, homogeneity."""

import itertools
import os

import numpy as np
import pytest
from agreement import ROUNDINGS, assert_close, assert_degrees_agree, sums, uncancelled
from hypothesis import given, settings
from hypothesis import strategies as st
from probes import eagerly, probe_of
from strategies import Case, arrays, cases

from ncap import reference as ref

EPS = np.finfo(np.float64).eps

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


def oracle(case, strength="signed", weighting="unit"):
    return ref.degrees(case.net, case.x, case.y, "explicit", strength, weighting)


def closed_form(case, strength="signed", weighting="unit"):
    import ncap.measure.closed_form

    return on_keras(case, lambda *data: ncap.measure.closed_form.degrees(*data, strength, weighting, 256))


def autodiff(case, strength="signed", weighting="unit"):
    import ncap.measure.autodiff

    return on_keras(case, lambda *data: ncap.measure.autodiff.degrees(*data, "explicit", weighting, 256))


def on_keras(case, method):
    targets = ref.mlp.read_targets(case.y, len(case.x), case.net.widths[-1], case.net.loss)
    with eagerly():
        return method(probe_of(case.net, "float64"), case.x, targets, case.net.loss)


IMPLEMENTATIONS = [
    pytest.param(implementation, (strength, weighting), id=f"{implementation.__name__}-{strength}-{weighting}")
    for implementation, strengths in (
        (oracle, ("signed", "magnitude")),
        (closed_form, ("signed", "magnitude")),
        (autodiff, ("signed",)),
    )
    for strength in strengths
    for weighting in ("unit", "relative")
]
every_implementation = pytest.mark.parametrize(("implementation", "reading"), IMPLEMENTATIONS)
every_relative_implementation = pytest.mark.parametrize(
    ("implementation", "reading"), [p for p in IMPLEMENTATIONS if p.values[1][1] == "relative"]
)
few = settings() if "NCAP_HYPOTHESIS" in os.environ else settings(max_examples=25)
PROBE_CASES = {"norms": ("none",), "max_depth": 4, "max_width": 5}


def assert_same_sums(got, want, case, weighting, factors=(1, 1)):
    """A and D equal up to rounding, times the given factors."""
    scales = sums(uncancelled(case, weighting=weighting))
    for name, g, w, scale, factor in zip("AD", sums(got), sums(want), scales, factors, strict=True):
        assert_close(g, w * factor, 2 * ROUNDINGS * EPS * scale * abs(factor), name)


def with_layers(net, kernels, biases, scales=None, shifts=None):
    return ref.MLP(kernels, biases, scales, shifts, norm=net.norm, loss=net.loss)


def parts(net):
    kernels, biases = [[getattr(layer, name) for layer in net.layers] for name in ("kernel", "bias")]
    scales, shifts = [[getattr(layer, name) for layer in net.layers[:-1]] for name in ("scale", "shift")]
    return kernels, biases, scales, shifts


@every_implementation
@few
@given(case=cases(**PROBE_CASES), data=st.data())
def test_the_order_of_hidden_units_does_not_matter(implementation, reading, case, data):
    l = data.draw(st.integers(1, case.net.depth - 1))
    order = data.draw(st.permutations(range(case.net.widths[l])))
    kernels, biases, _, _ = parts(case.net)
    kernels[l - 1], kernels[l], biases[l - 1] = kernels[l - 1][:, order], kernels[l][order], biases[l - 1][order]
    permuted = case.replace(net=with_layers(case.net, kernels, biases))
    assert_same_sums(implementation(permuted, *reading), implementation(case, *reading), case, reading[1])


@every_implementation
@few
@given(case=cases(**PROBE_CASES), data=st.data())
def test_relabelled_classes_are_the_same_task(implementation, reading, case, data):
    order = np.array(data.draw(st.permutations(range(case.net.widths[-1]))))
    kernels, biases, _, _ = parts(case.net)
    kernels[-1], biases[-1] = kernels[-1][:, order], biases[-1][order]
    relabelled = Case(with_layers(case.net, kernels, biases), case.x, np.argsort(order)[case.y])
    assert_same_sums(implementation(relabelled, *reading), implementation(case, *reading), case, reading[1])


@every_implementation
@few
@given(case=cases(**PROBE_CASES), cut=st.integers(0, 5))
def test_degrees_of_a_batch_are_the_means_over_its_parts(implementation, reading, case, cut):
    n, k = len(case.x), min(cut, len(case.x) - 1)
    whole = implementation(case, *reading)
    pieces = [case.replace(x=case.x[a:b], y=case.y[a:b]) for a, b in ((0, k), (k, n)) if b > a]
    degrees = [implementation(piece, *reading) for piece in pieces]
    mean = [
        [
            sum(len(piece.x) * d[side][l] for piece, d in zip(pieces, degrees, strict=True)) / n
            for l in range(case.net.depth)
        ]
        for side in (0, 1)
    ]
    for got_side, want_side, scale_side in zip(mean, whole, uncancelled(case, weighting=reading[1]), strict=True):
        for got, want, scale in zip(got_side, want_side, scale_side, strict=True):
            assert_close(got, want, ROUNDINGS * EPS * scale, "mean of the parts")


@every_implementation
@few
@given(case=cases(**PROBE_CASES), times=st.integers(2, 3))
def test_a_batch_seen_twice_is_the_same_batch(implementation, reading, case, times):
    repeated = case.replace(x=np.tile(case.x, (times, 1)), y=np.tile(case.y, times))
    assert_same_sums(implementation(repeated, *reading), implementation(case, *reading), case, reading[1])


@every_implementation
@few
@given(case=cases(**PROBE_CASES), data=st.data())
def test_a_dead_unit_changes_nothing(implementation, reading, case, data):
    """A unit whose pre-activation is 0 on every sample is off, whatever its outgoing weights are."""
    l = data.draw(st.integers(1, case.net.depth - 1))
    kernels, biases, _, _ = parts(case.net)
    kernels[l - 1] = np.hstack([kernels[l - 1], np.zeros((kernels[l - 1].shape[0], 1))])
    kernels[l] = np.vstack([kernels[l], np.ones((1, kernels[l].shape[1]))])
    biases[l - 1] = np.append(biases[l - 1], 0.0)
    extended = case.replace(net=with_layers(case.net, kernels, biases))
    assert_same_sums(implementation(extended, *reading), implementation(case, *reading), case, reading[1])


@every_implementation
@few
@given(case=cases(losses=("squared_error",), **PROBE_CASES), t=st.sampled_from([0.5, 2.0, -1.0]))
def test_beta_eff_is_homogeneous_in_the_error(implementation, reading, case, t):
    """g_L -> t g_L scales every g, so A by t^2 and D by t (|t| for magnitude), and beta_eff by their ratio."""
    a = ref.forward(case.net, case.x)[2]
    one_hot = np.eye(a.shape[1])[case.y]
    case = case.replace(y=one_hot)
    scaled = case.replace(y=a - t * (a - one_hot))
    factor = abs(t) if reading[0] == "magnitude" else t
    assert_same_sums(implementation(scaled, *reading), implementation(case, *reading), case, reading[1], (t**2, factor))


@given(case=cases(norms=("after", "before"), max_depth=5, max_width=5), data=st.data())
def test_norms_are_permuted_with_their_units_in_the_oracle(case, data):
    """For both orders of the norm: scales and shifts belong to their units."""
    l = data.draw(st.integers(1, case.net.depth - 1))
    order = data.draw(st.permutations(range(case.net.widths[l])))
    kernels, biases, scales, shifts = parts(case.net)
    kernels[l - 1], kernels[l] = kernels[l - 1][:, order], kernels[l][order]
    for family in (biases, scales, shifts):
        family[l - 1] = family[l - 1][order]
    permuted = case.replace(net=with_layers(case.net, kernels, biases, scales, shifts))
    for reading in itertools.product(("signed", "magnitude"), ("unit", "relative")):
        assert_same_sums(oracle(permuted, *reading), oracle(case, *reading), case, reading[1])


# Rescaling (T7): what enters a relu unit times c > 0, what leaves it divided by c, is the same function of x. Powers of two
# keep every product exact, so that no unit crosses its kink by rounding; any rational c is in tests/reference, in fractions.

FACTORS = (0.25, 0.5, 1.0, 2.0, 8.0)


def rescaled(case, data):
    """The case with every hidden unit rescaled by a factor of its own."""
    kernels, biases, scales, shifts = parts(case.net)
    for l, width in enumerate(case.net.widths[1:-1]):
        c = data.draw(arrays(width, FACTORS))
        kernels[l], kernels[l + 1] = kernels[l] * c, kernels[l + 1] / c[:, None]
        biases[l], shifts[l] = biases[l] * c, shifts[l] * c
    return case.replace(net=with_layers(case.net, kernels, biases, scales, shifts))


def assert_same_degrees(got, want, case, interaction="explicit"):
    assert_degrees_agree(got, want, uncancelled(case, interaction, "relative"), EPS, "rescaled")


@every_relative_implementation
@few
@given(case=cases(**PROBE_CASES), data=st.data())
def test_rescaling_relu_units_changes_no_relative_degree(implementation, reading, case, data):
    other = rescaled(case, data)
    assert_same_degrees(implementation(other, *reading), implementation(case, *reading), case)


@given(case=cases(norms=("none", "after", "before"), max_depth=5, max_width=5), data=st.data())
def test_rescaling_changes_nothing_relative_in_the_oracle(case, data):
    """With norms in both orders, in every reading, and in the standard error."""
    other = rescaled(case, data)
    for interaction, strength in itertools.product(("explicit", "hessian"), ("signed", "magnitude")):
        got, want = (ref.degrees(c.net, c.x, c.y, interaction, strength, "relative") for c in (other, case))
        assert_same_degrees(got, want, case, interaction)
    got, want = (ref.gradient_capacitance(c.net, c.x, c.y) for c in (other, case))
    assert (got.beta_eff, got.reason) == (pytest.approx(want.beta_eff, rel=ROUNDINGS * EPS), want.reason)
    assert got.standard_error == pytest.approx(want.standard_error, rel=ROUNDINGS * EPS, nan_ok=True)


@few
@given(case=cases(**PROBE_CASES), data=st.data())
def test_rescaling_does_not_change_the_gradient_form(case, data):
    import ncap.measure.autodiff
    import ncap.measure.closed_form

    other = rescaled(case, data)
    for method in (
        lambda *probe: ncap.measure.closed_form.gradient_moments(*probe, 256)[0],
        lambda *probe: ncap.measure.autodiff.gradient_moments(*probe, 256),
    ):
        got, want = on_keras(other, method), on_keras(case, method)
        assert got == pytest.approx(want, rel=ROUNDINGS * EPS)


def test_rescaling_does_change_unit_weighting():
    """Otherwise the properties above could not fail."""
    net = ref.MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
    other = ref.MLP([[[4.0]], [[1.5]], [[1.0]]], loss="squared_error")
    of = [
        [ref.capacitance(n, [[1.0]], [[5.0]], weighting=w).beta_eff for n in (net, other)] for w in ("unit", "relative")
    ]
    assert of[0][0] != of[0][1]
    assert of[1][0] == of[1][1]
