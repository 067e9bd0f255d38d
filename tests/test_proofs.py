"""The tables that the proofs compute with are those of the code; the proofs themselves are built by `make proofs`."""

import ast
import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

from ncap import reference as ref

PROOFS = Path(__file__).parents[1] / "proofs"
TABLES = json.loads(Path(ref.__file__).with_name("counterexamples.json").read_text(encoding="utf-8"))

if not PROOFS.is_dir():
    pytest.skip("the proofs are not part of a wheel", allow_module_level=True)


def table(name):
    """A nested list of integers that counterexamples.v defines."""
    source = (PROOFS / "counterexamples.v").read_text(encoding="utf-8")
    (text,) = re.findall(rf"^Definition {name} := (?:nth 0%N )?(.*?)(?:%Z|%N)\.$", source, re.DOTALL | re.MULTILINE)
    return ast.literal_eval(text.replace("[::", "[").replace(";", ","))


def times(scale, nested):
    return [times(scale, part) for part in nested] if isinstance(nested, list) else scale * Fraction(nested)


@pytest.mark.parametrize(
    ("proof", "code", "of_kernels", "of_errors"),
    [("squared", "squared_error_2_2_2_2", 1, 1), ("softmax", "softmax_2_2_2_2_3", 10, 500)],
)
def test_the_counterexamples_of_the_proofs_are_those_of_the_code(proof, code, of_kernels, of_errors):
    """Kernels, inputs and errors; that the rest of the tables follows from them is what the proofs check."""
    given = TABLES[code]
    assert table(f"{proof}_kernels") == times(of_kernels, given["kernels"])
    assert table(f"{proof}_z")[0] == given["x"]
    assert table(f"{proof}_g")[-1] == times(of_errors, given["error"])
    assert table(f"{proof}_widths") == [len(given["x"][0]), *(len(kernel[0]) for kernel in given["kernels"])]


def test_every_theorem_is_in_the_readme():
    theorems = re.findall(r"^Theorem (\w+)", (PROOFS / "theorems.v").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"`(\w+\*?)`", (PROOFS / "README.md").read_text(encoding="utf-8"))
    assert theorems
    for theorem in theorems:
        assert any(theorem == name or (name.endswith("*") and theorem.startswith(name[:-1])) for name in named), theorem
