"""Every python block of the README runs, and prints what the text block behind it shows."""

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
NUMBER = re.compile(r"\d+\.\d+")


def test_every_python_block_has_its_output():
    assert len(EXAMPLES) == README.read_text(encoding="utf-8").count("```python\n") > 0


@pytest.mark.parametrize(("code", "shown"), EXAMPLES, ids=[f"example-{i}" for i in range(1, len(EXAMPLES) + 1)])
@pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")
def test_the_example_prints_what_is_shown(code, shown, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(README), "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", shown)
    # A training run of six epochs ends a few hundredths apart on another processor; what is computed by hand does not.
    tolerance = 0.05 if "model.fit" in code or "ncap.rank" in code else 0
    got, want = ([float(number) for number in NUMBER.findall(text)] for text in (printed, shown))
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)
