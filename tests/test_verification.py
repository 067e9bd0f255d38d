"""ncap verify: it passes here, and it fails when an implementation is wrong."""

import numpy as np
import pytest
from click.testing import CliRunner

from ncap import verification
from ncap.cli import main
from ncap.measure import autodiff, closed_form

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


@pytest.fixture
def tiny(monkeypatch):
    """A small network in float32 alone instead of all: what is tested here is the command."""
    monkeypatch.setattr(verification, "WIDTHS", ((4, 6, 3, 5, 2),))
    monkeypatch.setattr(
        verification, "arithmetics", lambda every=verification.arithmetics: [a for a in every() if a.name == "float32"]
    )


def test_every_check_passes_on_this_machine():
    checks = list(verification.run_checks())
    assert all(check.passed for check in checks), [check for check in checks if not check.passed]
    for arithmetic in verification.arithmetics():
        compared = [c for c in checks if c.dtype.startswith(arithmetic.name) and "against oracle" in c.what]
        made = [
            method for method, _ in verification.METHODS if arithmetic.weights != "bfloat16" or method == "closed form"
        ]
        assert len(compared) == len(made)
        assert all(check.difference > 0 for check in compared)  # something was computed, and rounded


def test_the_command_prints_the_table(tiny):
    result = CliRunner().invoke(main, ["verify"])
    assert result.exit_code == 0, result.output
    assert "autodiff against oracle, hessian/signed" in result.output
    assert "closed form against oracle, gradient" in result.output
    assert "T4, softmax, -24 / 2500" in result.output


@pytest.mark.parametrize("broken", [closed_form, autodiff])
@pytest.mark.parametrize("error", [1e-3, np.nan])
def test_a_wrong_implementation_is_found(tiny, monkeypatch, broken, error):
    right = broken.degrees

    def wrong(*arguments):
        delta_in, delta_out = right(*arguments)
        delta_in[0] = delta_in[0] + error
        return delta_in, delta_out

    monkeypatch.setattr(broken, "degrees", wrong)
    result = CliRunner().invoke(main, ["verify"])
    assert result.exit_code == 1
    assert "checks failed" in result.output


@pytest.mark.parametrize("part", ["numerator", "denominator"])
@pytest.mark.parametrize("error", [1e-3, np.nan])
def test_a_wrong_gradient_form_is_found(tiny, monkeypatch, error, part):
    right = autodiff.gradient_moments

    def wrong(*data):
        moments = right(*data)
        return moments._replace(**{part: getattr(moments, part) + error})

    monkeypatch.setattr(autodiff, "gradient_moments", wrong)
    result = CliRunner().invoke(main, ["verify"])
    assert result.exit_code == 1
    assert "checks failed" in result.output


def test_a_gpus_tf32_has_its_own_rows(monkeypatch):
    """A CPU computes them in float32, so that only the plumbing is tested here; on a GPU `ncap verify` is the test."""
    monkeypatch.setattr(verification, "has_tf32", lambda: True)
    (arithmetic,) = [a for a in verification.arithmetics() if a.name == "TF32"]
    check = verification._largest_difference(verification.METHODS[0], arithmetic, seed=0)
    assert 0 < check.difference < check.bound
    assert check.where != "64-256-128-10"  # no sample is clear of all its 384 kinks by TF32's rounding


def test_no_comparison_is_no_pass(monkeypatch):
    monkeypatch.setattr(verification, "WIDTHS", ())
    assert not any(check.passed for check in verification.run_checks() if "against oracle" in check.what)
