"""ncap verify: it passes here, and it fails when an implementation is wrong."""

import numpy as np
import pytest
from click.testing import CliRunner

from ncap import autodiff, closed_form, verify
from ncap.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")


@pytest.fixture
def tiny(monkeypatch):
    """Two small networks instead of all: what is tested here is the command."""
    monkeypatch.setattr(verify, "WIDTHS", ((2, 3, 2, 2), (4, 6, 3, 5, 2)))


def test_every_check_passes_on_this_machine():
    checks = list(verify.run_checks())
    assert all(check.passed for check in checks), [check for check in checks if not check.passed]
    for dtype in verify.dtypes():
        compared = [check for check in checks if check.dtype.startswith(dtype) and "against oracle" in check.what]
        assert len(compared) == len(verify.METHODS)
        assert all(check.difference > 0 for check in compared)  # something was computed, and rounded


def test_the_command_prints_the_table(tiny):
    result = CliRunner().invoke(main, ["verify"])
    assert result.exit_code == 0, result.output
    assert "autodiff against oracle, hessian/signed" in result.output
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
