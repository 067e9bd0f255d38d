"""ncap verify: it passes here, and it fails when an implementation is wrong."""

import numpy as np
import pytest
from click.testing import CliRunner

from ncap import verification
from ncap.cli import main
from ncap.measure import autodiff, closed_form
from ncap.reference.verdict import GRADIENT_FORM
from ncap.testing import methods

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


@pytest.fixture
def tiny(monkeypatch):
    """A small network in float32 alone instead of all: what is tested here is the command."""
    monkeypatch.setattr(methods, "WIDTHS", ((4, 6, 3, 5, 2),))
    monkeypatch.setattr(
        verification, "arithmetics", lambda every=verification.arithmetics: [a for a in every() if a.name == "float32"]
    )


def test_every_check_passes_on_this_machine():
    checks = list(verification.run_checks())
    assert all(check.passed for check in checks), [check for check in checks if not check.passed]
    for arithmetic in verification.arithmetics():
        compared = [c for c in checks if c.dtype.startswith(arithmetic.name) and "against oracle" in c.what]
        made = [m for _, m in verification.methods() if arithmetic.weights != "bfloat16" or m == "closed_form"]
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
def test_a_wrong_sum_is_found(tiny, monkeypatch, error, part):
    right = autodiff.measure

    def wrong(data, reading, batch_size):
        sums = right(data, reading, batch_size)
        off = sums.moments._replace(**{part: getattr(sums.moments, part) + error})
        return sums._replace(moments=off) if reading == GRADIENT_FORM else sums

    monkeypatch.setattr(autodiff, "measure", wrong)
    result = CliRunner().invoke(main, ["verify"])
    assert result.exit_code == 1
    assert "checks failed" in result.output


def test_a_gpus_tf32_has_its_own_rows(monkeypatch):
    """A CPU computes them in float32, so that only the plumbing is tested here; on a GPU `ncap verify` is the test."""
    monkeypatch.setattr(verification, "has_tf32", lambda: True)
    (arithmetic,) = [a for a in verification.arithmetics() if a.name == "TF32"]
    check = verification._largest_difference(*verification.methods()[0], arithmetic, seed=0)
    assert 0 < check.difference < check.bound
    assert check.where != "64-256-128-10"  # no sample is clear of all its 384 kinks by TF32's rounding


def test_no_comparison_is_no_pass(monkeypatch):
    monkeypatch.setattr(methods, "WIDTHS", ())
    assert not any(check.passed for check in verification.run_checks() if "against oracle" in check.what)
