"""The tables that the proofs compute with are those of the code; the proofs themselves are built by `make proofs`."""

import ast
import json
import re
import shutil
import subprocess
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


AT_ONCE = "Proof. exact: P_vanishes_when_fitted. Qed."
CHEATS = {
    "a hidden hypothesis": (AT_ONCE, "Proof. by move=> *; apply: fact. Qed.", "Theorem T1_P", r"\+ .*a = 0"),
    "a statement weakened to True": (
        "Theorem T1_P : backprop L w N s g W -> fits L w N g ->\n  forall x y, inside L w x -> inside L w y -> P N z s g x y = 0.\n"
        f"{AT_ONCE}",
        "Theorem T1_P : True.\nProof. by []. Qed.",
        "",
        r"\+ +: True",
    ),
    "a definition in a theorem's place": (
        AT_ONCE,
        "Proof. Abort.\nDefinition T1_P := tt.",
        "",
        "word that assumes, or that gives up",
    ),
    "an indented theorem": (AT_ONCE, f"{AT_ONCE}\n  Theorem more : True. Proof. by []. Qed.", "", r"\+more"),
    "a proof that is admitted": (AT_ONCE, "Proof. Admitted.", "", "word that assumes"),
}


@pytest.fixture
def built(tmp_path):
    """A copy of the proofs as `make proofs` has left them, so that only what a test changes is compiled again."""
    if shutil.which("coqc") is None or not (PROOFS / "theorems.vo").exists():
        pytest.skip("the proofs are not built here: make proofs")
    return Path(shutil.copytree(PROOFS, tmp_path / "proofs"))


def audit(folder):
    done = subprocess.run(["make"], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_proofs_pass_their_audit(built):
    code, output = audit(built)
    assert code == 0, output
    assert "closed under the global context" in output


@pytest.mark.parametrize("cheat", CHEATS)
def test_the_audit_sees(built, cheat):
    honest, planted, before, seen = CHEATS[cheat]
    path = built / "theorems.v"
    source = path.read_text(encoding="utf-8")
    assert source.count(honest) == 1
    source = source.replace(honest, planted)
    if before:
        source = source.replace(before, f"Context (fact : forall a : R, a = 0).\n{before}", 1)
    path.write_text(source, encoding="utf-8")
    code, output = audit(built)
    assert code != 0
    assert re.search(seen, output), output


def test_the_audit_sees_a_file_that_is_not_built(built):
    (built / "more.v").write_text("Theorem more : True. Proof. exact I. Qed.\n", encoding="utf-8")
    code, output = audit(built)
    assert code != 0
    assert "more.v is not built" in output
