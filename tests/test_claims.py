"""The paper beside the code: what reference/README.md names exists, its verdicts have their evidence, the numbers their place."""

import ast
import inspect
import pkgutil
import re
import tomllib
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import keras
import pytest

import ncap
from ncap import published
from ncap import reference as ref

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "reference"
if not FOLDER.is_dir():
    pytest.skip("the claims are not part of a wheel", allow_module_level=True)

PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
PUBLISHED = tomllib.loads((FOLDER / "published.toml").read_text(encoding="utf-8"))
ENTRIES = {f"{group}.{name}": entry for group, entries in PUBLISHED.items() for name, entry in entries.items()}
FILES = {path.name: path for path in (ROOT / "tests").rglob("test_*.py")}
THEOREMS = re.findall(r"^Theorem (\w+)", (ROOT / "proofs" / "theorems.v").read_text(encoding="utf-8"), re.MULTILINE)

# What each verdict cannot stand without.
NEEDS = {
    "proven": ("theorem",),
    "by construction": (),
    "cross-checked": ("test",),
    "contradicted": ("test", "counterexample"),
    "not yet": ("reason",),
}


# The tables


class Row(NamedTuple):
    """One claim: where the paper makes it, what it says, and how it stands."""

    where: str
    says: str
    verdict: str
    evidence: str
    why: str

    @property
    def evidence_by_kind(self):
        """What the row names, by kind: the shape of a name tells. A test is (file, pattern), a file going before its tests."""
        named, file = {"function": [], "theorem": [], "test": [], "number": []}, None
        for name in re.findall(r"`([^`]+)`", self.evidence):
            if name.endswith(".py"):
                file = name
            elif name.startswith("test_"):
                named["test"].append((file, name))
            elif name.startswith(("ref.", "ncap.")):
                named["function"].append(name)
            else:
                named["number" if "." in name else "theorem"].append(name)
        return named

    @property
    def words(self):
        """The last cell but for the numbers of remarks."""
        return re.sub(r"\[\d+\]\(#remarks\)", "", self.why).strip()


def rows_of(page):
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        for line in table.splitlines()[2:]:
            yield Row(*(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]))


def matching(pattern, known):
    return [name for name in known if fnmatchcase(name, pattern)]


def defined_tests(file):
    tree = ast.parse(FILES[file].read_text(encoding="utf-8")) if file in FILES else ast.Module([], [])
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def is_function(name):
    try:
        return callable(pkgutil.resolve_name(re.sub(r"^ref\.", "ncap.reference.", name)))
    except (AttributeError, ImportError, ValueError):
        return False


def faults(row):
    """What is wrong with a row, in words."""
    named = row.evidence_by_kind
    missing = [f"function {name}" for name in named["function"] if not is_function(name)]
    missing += [f"theorem {name}" for name in named["theorem"] if not matching(name, THEOREMS)]
    missing += [f"test {name} in {file}" for file, name in named["test"] if not matching(name, defined_tests(file))]
    missing += [f"number {name}" for name in named["number"] if not matching(name, ENTRIES)]
    found = [f"no {name}" for name in missing]
    has = named | {"counterexample": row.words, "reason": row.words}
    if row.verdict not in NEEDS:
        found.append(f"{row.verdict!r} is no verdict")
    found += [f"{row.verdict} without {thing}" for thing in NEEDS.get(row.verdict, ()) if not has[thing]]
    if not has["test"] and not has["reason"]:
        found.append("neither test nor reason")
    return found


ROWS = list(rows_of(PAGE))


@pytest.mark.parametrize("row", ROWS, ids=[row.where for row in ROWS])
def test_a_row_names_what_exists_and_has_what_its_verdict_needs(row):
    assert row.where
    assert faults(row) == []


GOOD = "`ref.beta_eff` `ncap.rank` `T0_*` `test_claims.py` `test_every_*` `cost.ratio`"


@pytest.mark.parametrize(
    ("verdict", "evidence", "why", "fault"),
    [
        ("proven", GOOD, "", []),
        ("proven", f"{GOOD} `ref.gamma_eff`", "", ["no function ref.gamma_eff"]),
        ("proven", f"{GOOD} `ncap.published.PAPER_RATIO`", "", ["no function ncap.published.PAPER_RATIO"]),
        ("proven", f"{GOOD} `T10_*`", "", ["no theorem T10_*"]),
        ("proven", f"{GOOD} `test_nothing`", "", ["no test test_nothing in test_claims.py"]),
        ("proven", f"`test_every_*` {GOOD}", "", ["no test test_every_* in None"]),
        ("proven", f"{GOOD} `test_nowhere.py` `test_*`", "", ["no test test_* in test_nowhere.py"]),
        ("proven", f"{GOOD} `cost.price`", "", ["no number cost.price"]),
        ("plausible", GOOD, "", ["'plausible' is no verdict"]),
        ("proven", "`test_claims.py` `test_every_*`", "", ["proven without theorem"]),
        ("cross-checked", "`T0_*`", "so", ["cross-checked without test"]),
        ("contradicted", GOOD, "[1](#remarks)", ["contradicted without counterexample"]),
        ("contradicted", "`T0_*`", "2 t", ["contradicted without test"]),
        ("not yet", GOOD, "", ["not yet without reason"]),
        ("by construction", "`ref.MLP` `test_claims.py`", "[1](#remarks)", ["neither test nor reason"]),
        ("by construction", "`ref.MLP`", "so", []),
    ],
)
def test_a_fault_of_a_row_is_found(verdict, evidence, why, fault):
    assert faults(Row("Eq. 2", "", verdict, evidence, why)) == fault


def test_no_two_rows_have_one_name():
    where = [row.where for row in ROWS]
    assert len(set(where)) == len(where)


def test_every_equation_and_every_step_of_the_algorithm_has_a_row():
    where = " ".join(row.where for row in ROWS)
    for name in [*(f"Eq. {number}" for number in range(1, 10)), *(f"Algorithm 1, {step}" for step in range(1, 6))]:
        assert name in where


@pytest.mark.parametrize(
    ("kind", "whole"),
    [("theorem", THEOREMS), ("number", list(ENTRIES)), ("function", [f"ref.{name}" for name in ref.__all__])],
)
def test_every_theorem_published_number_and_public_name_of_the_oracle_has_a_row(kind, whole):
    named = {match for row in ROWS for pattern in row.evidence_by_kind[kind] for match in matching(pattern, whole)}
    assert whole
    assert sorted(set(whole) - named) == []


def test_every_link_leads_somewhere():
    headings = {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("https://"):
            assert (FOLDER / target).exists(), target


def test_every_remark_is_cited_in_order_and_every_citation_has_one():
    remarks = re.findall(r"^(\d+)\. ", PAGE.partition("## Remarks")[2], re.MULTILINE)
    cited = re.findall(r"\[(\d+)\]\(#remarks\)", PAGE)
    assert remarks == list(dict.fromkeys(cited))


# The published numbers


def section(article, heading):
    """The paragraphs below a heading, up to the next: a heading is a short line, a paragraph a long one."""
    lines = article.replace("Figure ", "Fig. ").splitlines()
    (start,) = (number for number, line in enumerate(lines) if line.startswith(heading) and len(line) < 100)
    end = next(number for number in range(start + 1, len(lines)) if len(lines[number]) < 100)
    return "\n".join(lines[start + 1 : end])


def numbers(printed):
    """The numbers in a piece of the article; a last K or millions counts for all of them."""
    scale = next((scale for unit, scale in (("K", 1e3), ("millions", 1e6)) if printed.endswith(unit)), 1)
    return {float(number) * scale for number in re.findall(r"\d+(?:\.\d+)?", printed)}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_published_number_has_its_place(name):
    entry = ENTRIES[name]
    assert {"value", "what", "place", "printed"} <= set(entry) <= {"value", "unit", "what", "place", "printed"}
    assert all(isinstance(entry[key], str) and entry[key] for key in set(entry) - {"value"})


@pytest.mark.parametrize("name", ENTRIES)
def test_a_published_number_stands_in_the_article_where_it_says(name, shared_data):
    path = shared_data.parent / "paper" / "article.txt"
    if not path.is_file():
        pytest.skip(f"no article at {path}")
    entry = ENTRIES[name]
    heading, *figures = entry["place"].split("; ")
    text = section(path.read_text(encoding="utf-8"), heading)
    assert all(part in text for part in (*figures, entry["printed"]))
    values = entry["value"] if isinstance(entry["value"], list) else [entry["value"]]
    for value in values:
        assert value in text if isinstance(value, str) else value in numbers(entry["printed"]), value


def test_the_constants_of_the_package_are_the_published_ones():
    constants = {name: value for name, value in vars(published).items() if name.isupper()}
    assert constants == {"PAPER_RATIO": ENTRIES["cost.ratio"]["value"]}


# Numbers of the paper that are checked here


def test_defaults_are_the_papers():
    probe, job = inspect.signature(ncap.attach_probe).parameters, inspect.signature(ncap.rank).parameters
    assert list(probe["hidden"].default) == ENTRIES["probe.hidden"]["value"]
    assert probe["dropout"].default == ENTRIES["probe.dropout"]["value"]
    assert (probe["batch_norm"].default, probe["frozen"].default) == (True, True)
    assert job["batch_size"].default == ENTRIES["training.batch_size"]["value"]
    assert job["learning_rate"].default == ENTRIES["training.learning_rate"]["value"]
    assert job["epochs"].default == ENTRIES["ranking.observations"]["value"]


@pytest.mark.parametrize(
    ("model", "claimed", "weights"),
    [("MobileNet", "models.weights_mobilenet", 4_253_864), ("VGG16", "models.weights_vgg16", 138_357_544)],
)
def test_weights_claimed_are_megabytes(model, claimed, weights):
    assert getattr(keras.applications, model)(weights=None).count_params() == weights
    assert round(4 * weights / 2**20) == ENTRIES[claimed]["value"] / 1e6  # four bytes a weight, 2^20 a megabyte


def test_keras_has_no_alexnet():
    assert not [name for name in dir(keras.applications) if "alex" in name.lower()]


def test_the_share_leaves_the_training_of_the_observed_epochs_out():
    c, k, K, share = (
        Fraction(str(ENTRIES[f"cost.{name}"]["value"])) for name in ("ratio", "observed", "full", "share")
    )
    assert 100 * c * k / K == share
    assert 100 * (1 + c) * k / K == 23
    k = 50
    assert (K - c * k, (1 + c) * k) == (35, 115)  # epochs that it saves by the paper's account, and that it costs
