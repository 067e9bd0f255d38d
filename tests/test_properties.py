"""Properties of beta_eff that do not use its formula, held by every implementation: symmetries, additivity, homogeneity."""

import os

import numpy as np
import pytest
from agreement import ROUNDINGS, assert_close, sums, uncancelled
from hypothesis import given, settings
from hypothesis import strategies as st
from probes import eagerly, probe_of
from strategies import Case, cases

from ncap import reference as ref

EPS = np.finfo(np.float64).eps


def oracle(case, strength="signed"):
    return ref.degrees(case.net, case.x, case.y, strength=strength)


def closed_form(case, strength="signed"):
    import ncap.closed_form

    return on_keras(case, lambda *data: ncap.closed_form.degrees(*data, strength, 256))


def autodiff(case, strength="signed"):
    import ncap.autodiff

    return on_keras(case, lambda *data: ncap.autodiff.degrees(*data, "explicit", 256))


def on_keras(case, method):
    targets = ref.mlp.read_targets(case.y, len(case.x), case.net.widths[-1], case.net.loss)
    with eagerly():
        return method(probe_of(case.net, "float64"), case.x, targets, case.net.loss)


IMPLEMENTATIONS = [
    pytest.param(oracle, "signed", id="oracle-signed"),
    pytest.param(oracle, "magnitude", id="oracle-magnitude"),
    pytest.param(closed_form, "signed", id="closed_form-signed"),
    pytest.param(closed_form, "magnitude", id="closed_form-magnitude"),
    pytest.param(autodiff, "signed", id="autodiff-signed"),
]
every_implementation = pytest.mark.parametrize(("implementation", "strength"), IMPLEMENTATIONS)
few = settings() if "NCAP_HYPOTHESIS" in os.environ else settings(max_examples=25)
PROBE_CASES = {"norms": ("none",), "max_depth": 4, "max_width": 5}


def assert_same_sums(got, want, case, factors=(1, 1)):
    """A and D equal up to rounding, times the given factors."""
    for name, g, w, scale, factor in zip("AD", sums(got), sums(want), sums(uncancelled(case)), factors, strict=True):
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
def test_the_order_of_hidden_units_does_not_matter(implementation, strength, case, data):
    l = data.draw(st.integers(1, case.net.depth - 1))
    order = data.draw(st.permutations(range(case.net.widths[l])))
    kernels, biases, _, _ = parts(case.net)
    kernels[l - 1], kernels[l], biases[l - 1] = kernels[l - 1][:, order], kernels[l][order], biases[l - 1][order]
    permuted = case.replace(net=with_layers(case.net, kernels, biases))
    assert_same_sums(implementation(permuted, strength), implementation(case, strength), case)


@every_implementation
@few
@given(case=cases(**PROBE_CASES), data=st.data())
def test_relabelled_classes_are_the_same_task(implementation, strength, case, data):
    order = np.array(data.draw(st.permutations(range(case.net.widths[-1]))))
    kernels, biases, _, _ = parts(case.net)
    kernels[-1], biases[-1] = kernels[-1][:, order], biases[-1][order]
    relabelled = Case(with_layers(case.net, kernels, biases), case.x, np.argsort(order)[case.y])
    assert_same_sums(implementation(relabelled, strength), implementation(case, strength), case)


@every_implementation
@few
@given(case=cases(**PROBE_CASES), cut=st.integers(0, 5))
def test_degrees_of_a_batch_are_the_means_over_its_parts(implementation, strength, case, cut):
    n, k = len(case.x), min(cut, len(case.x) - 1)
    whole = implementation(case, strength)
    pieces = [case.replace(x=case.x[a:b], y=case.y[a:b]) for a, b in ((0, k), (k, n)) if b > a]
    degrees = [implementation(piece, strength) for piece in pieces]
    mean = [
        [
            sum(len(piece.x) * d[side][l] for piece, d in zip(pieces, degrees, strict=True)) / n
            for l in range(case.net.depth)
        ]
        for side in (0, 1)
    ]
    for got_side, want_side, scale_side in zip(mean, whole, uncancelled(case), strict=True):
        for got, want, scale in zip(got_side, want_side, scale_side, strict=True):
            assert_close(got, want, ROUNDINGS * EPS * scale, "mean of the parts")


@every_implementation
@few
@given(case=cases(**PROBE_CASES), times=st.integers(2, 3))
def test_a_batch_seen_twice_is_the_same_batch(implementation, strength, case, times):
    repeated = case.replace(x=np.tile(case.x, (times, 1)), y=np.tile(case.y, times))
    assert_same_sums(implementation(repeated, strength), implementation(case, strength), case)


@every_implementation
@few
@given(case=cases(**PROBE_CASES), data=st.data())
def test_a_dead_unit_changes_nothing(implementation, strength, case, data):
    """A unit whose pre-activation is 0 on every sample is off, whatever its outgoing weights are."""
    l = data.draw(st.integers(1, case.net.depth - 1))
    kernels, biases, _, _ = parts(case.net)
    kernels[l - 1] = np.hstack([kernels[l - 1], np.zeros((kernels[l - 1].shape[0], 1))])
    kernels[l] = np.vstack([kernels[l], np.ones((1, kernels[l].shape[1]))])
    biases[l - 1] = np.append(biases[l - 1], 0.0)
    extended = case.replace(net=with_layers(case.net, kernels, biases))
    assert_same_sums(implementation(extended, strength), implementation(case, strength), case)


@every_implementation
@few
@given(case=cases(losses=("squared_error",), **PROBE_CASES), t=st.sampled_from([0.5, 2.0, -1.0]))
def test_beta_eff_is_homogeneous_in_the_error(implementation, strength, case, t):
    """g_L -> t g_L scales every g, so A by t^2 and D by t (|t| for magnitude), and beta_eff by their ratio."""
    a = ref.forward(case.net, case.x)[2]
    one_hot = np.eye(a.shape[1])[case.y]
    case = case.replace(y=one_hot)
    scaled = case.replace(y=a - t * (a - one_hot))
    factor = abs(t) if strength == "magnitude" else t
    assert_same_sums(implementation(scaled, strength), implementation(case, strength), case, (t**2, factor))


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
    for strength in ("signed", "magnitude"):
        assert_same_sums(oracle(permuted, strength), oracle(case, strength), case)
