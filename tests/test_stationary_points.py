"""T4 in practice, on the trainings that reference/stationary_points.png shows."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from ncap import reference as ref

SCRIPT = Path(__file__).parents[1] / "reference" / "stationary_points.py"
if not SCRIPT.is_file():
    pytest.skip("the folder reference is not part of a wheel", allow_module_level=True)

spec = importlib.util.spec_from_file_location("stationary_points", SCRIPT)
figure = importlib.util.module_from_spec(spec)
spec.loader.exec_module(figure)


@pytest.fixture(scope="module")
def narrow():
    return figure.train(figure.NARROW)


@pytest.fixture(scope="module")
def wide():
    return figure.train(figure.WIDE)


def end_over_start(past):
    """What is left of loss, gradient norm and every reading, as a share of the first."""
    curves = {"loss": past.loss, "gradient": past.gradient} | past.beta_eff
    return {name: abs(values[-1] / values[0]) for name, values in curves.items()}


def test_beta_eff_stays_where_the_gradient_vanishes_and_errors_are_left(narrow):
    """The gradient falls by fifteen orders of magnitude, the gradient form with it; magnitude by one, signed by three."""
    left = end_over_start(figure.history(*narrow))
    assert left["gradient"] < 1e-13  # rounding: sums of 60 terms of order 1 are good to 1e-15
    assert left["loss"] > 1e-3  # about 1e-2
    assert left[figure.MAGNITUDE] > 1e-2  # about 0.08
    assert left[figure.RELATIVE] > 1e-2  # about 0.06
    assert left[figure.SIGNED] > 1e-4  # about 1e-3
    assert left[figure.FORM] < 1e-13


def test_the_signed_reading_there_is_no_rounding(narrow):
    path, widths, x, y = narrow
    got = ref.capacitance(figure.network(path[-1], widths), x, y)
    assert not got.degenerate
    assert got.cancellation * np.finfo(float).eps < 1e-9  # cancellation is about 1e5: rounding is 1e-11 of the value


def test_the_narrow_network_stands_at_a_local_minimum_off_every_kink(narrow):
    """No unit is at its kink on any image, and the loss curves up along all but its symmetries, along which it is constant.

    Those are one for each unit that can be rescaled, and four for two units of the second layer: they are on for every image, so
    any invertible 2 x 2 matrix may stand between them and the outputs.
    """
    path, widths, x, y = narrow
    net = figure.network(path[-1], widths)
    z, s, _ = ref.forward(net, x)
    assert min(np.abs(z_l @ layer.kernel).min() for z_l, layer in zip(z[:-1], net.layers[:-1], strict=True)) > 1e-6
    always_on = [int(s_l.all(axis=0).sum()) for s_l in s]
    assert always_on == [0, 2]
    curvatures = np.linalg.eigvalsh(figure.hessian(path[-1], widths, x, y))
    # Rounding of the gradient, 1e-16, over the differences' step, 1e-6, is 1e-10; the least curvature is about 1e-3.
    assert (np.abs(curvatures) < 1e-7).sum() == 3 + 1 + 2**2
    assert curvatures.min() > -1e-7


def test_every_reading_vanishes_where_the_errors_do(wide):
    """The loss falls to about 1e-17 of its start, so the errors to about 1e-8, and every reading is at least linear in them."""
    left = end_over_start(figure.history(*wide))
    assert left["loss"] < 1e-14
    for name in ("gradient", figure.MAGNITUDE, figure.RELATIVE, figure.FORM):
        assert left[name] < 1e-8, name
    assert left[figure.SIGNED] < 1e-6  # whose last readings are near rounding: 1e-9 and 1e-10 on two kinds of BLAS


def test_the_picture_shows_both_trainings(narrow, wide, tmp_path):
    drawn = figure.Figure(figsize=(9.5, 6.2), layout="constrained")
    figure.draw(drawn, {"narrow": figure.history(*narrow), "wide": figure.history(*wide)})
    drawn.savefig(tmp_path / "drawn.png")
    assert [axes.get_title(loc="left") for axes in drawn.axes[:2]] == ["narrow", "wide"]
    for axes in drawn.axes:
        named = [text.get_text() for text in axes.texts]
        assert len(named) == len(axes.lines) == len(set(named))
