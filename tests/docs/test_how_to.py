"""The how-to pages do what they say, and README and the public names all have their place on the site."""

import re
import shlex
import sys
from pathlib import Path
from posixpath import dirname, normpath

import numpy as np
import pytest
from commands import call

import ncap
from ncap import reference as ref
from ncap import rules, scores, testing
from ncap.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs"
if not FOLDER.is_dir():
    pytest.skip("the site is not part of a wheel", allow_module_level=True)

sys.path.append(str(FOLDER))
import docstrings  # noqa: E402
import pages  # noqa: E402

TEXTS = {path.name: path.read_text(encoding="utf-8") for path in [*sorted(FOLDER.glob("*.md")), ROOT / "README.md"]}
NUMBER = re.compile(r"\d[\d,]*(\.\d+)?")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXTS[page], re.MULTILINE | re.DOTALL)


def printed(code, monkeypatch, capsys):
    exec(compile(code, "the page", "exec"), {"__name__": "page"})
    return capsys.readouterr().out


# The pages


def masked(line):
    """A line of a table without its numbers, which are another machine's, and without its widths."""
    return NUMBER.sub("#", " ".join(line.split()))


def test_every_command_of_the_page_on_ranking_runs_and_prints_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "".join(blocks("rank.md", "console")).replace("\\\n", "")
    steps = [part.split("\n") for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]
    names = [command.split()[1] for command, *_ in steps]
    assert names == ["datasets", "datasets", "models", "rank", "report", "compare", "export"]
    for command, *shown in steps:
        done = call(*shlex.split(command)[1:])
        assert done.exit_code == 0, done.output
        lines = {masked(line) for line in done.output.splitlines()}
        assert {masked(line) for line in shown if line not in ("", "...")} <= lines, done.output


@pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")
def test_the_page_on_the_callback_prints_what_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    examples = list(zip(blocks("callback.md", "python"), blocks("callback.md", "text"), strict=True))
    assert len(examples) == 2
    for code, shown in examples:
        got = printed(code, monkeypatch, capsys)
        assert NUMBER.sub("#", got) == NUMBER.sub("#", shown)
        values = ([float(number[0]) for number in re.finditer(r"\d+\.\d+", text)] for text in (got, shown))
        np.testing.assert_allclose(
            *values, rtol=0, atol=0.1
        )  # a short training ends a little apart on another processor


def test_the_rule_of_the_page_on_rules_keeps_the_laws(tmp_path, monkeypatch, capsys):
    rule, trial = blocks("rule.md", "python")
    (tmp_path / "one_more.py").write_text(rule, encoding="utf-8")
    monkeypatch.setattr(rules, "__path__", [*rules.__path__, str(tmp_path)])
    assert printed(trial, monkeypatch, capsys) == blocks("rule.md", "text")[0]
    monkeypatch.delitem(sys.modules, "ncap.rules.one_more")


def test_what_the_page_on_rules_says_to_register_is_where_it_says():
    before, _ = blocks("rule.md", "text")[1].splitlines()
    assert before in (ROOT / "ncap" / "rules" / "__init__.py").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("page", sorted(TEXTS))
def test_every_option_that_a_page_names_exists(page):
    """Of each `ncap COMMAND ...` in a block; `make` has the targets."""
    lines = [
        line
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```$", TEXTS[page], re.M | re.S)
        for line in joined(block)
    ]
    for line in lines:
        words = line.removeprefix("$ ").partition("#")[0].split()
        if words[:1] == ["make"]:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M), line
        if words[:1] == ["ncap"]:
            assert words[1] in COMMANDS, line
            parameters = main.get_command(None, words[1]).params
            known = {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}
            assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known, line


def joined(block):
    """The lines of a block, those that end in a backslash with their next."""
    return block.replace("\\\n", "").splitlines()


# The site


def test_every_part_of_readme_has_one_page():
    named = [
        entry.removeprefix("README: ") for entries in pages.MENU.values() for entry in entries if "README: " in entry
    ]
    assert sorted(["", *pages.FRONT, *named]) == sorted(pages.parts_of_readme())


def test_every_how_to_page_is_in_the_menu():
    entries = {entry for entries in pages.MENU.values() for entry in entries}
    assert {f"docs/{path.name}" for path in FOLDER.glob("*.md")} <= entries


def test_every_link_of_a_page_leads_to_another_or_to_a_file():
    made = pages.pages_of_prose()
    for page, text in made.items():
        shown, files = pages.linked(page, text, {})
        assert [file for file in files if not (ROOT / file).is_file()] == [], page
        linked = re.findall(r"\]\(([^()#\s:]+\.md)", re.sub(r"^```.*?^```$", "", shown, flags=re.MULTILINE | re.DOTALL))
        assert {normpath(f"{dirname(page)}/{target}".lstrip("/")) for target in linked} <= set(made), page


@pytest.mark.parametrize("module", [ncap, ref, scores, testing], ids=lambda module: module.__name__)
def test_every_public_name_is_in_a_group(module):
    names = [name for group in pages.groups(module.__name__).values() for name in group]
    assert sorted(names) == sorted(name for name in module.__all__ if name != "__version__")


@pytest.mark.parametrize("module", [ncap, ref])
def test_the_names_of_ncap_and_of_the_oracle_are_grouped_by_what_they_are_for(module):
    assert "" not in pages.groups(module.__name__)


def test_a_docstring_is_read_as_it_is_written():
    text = (
        "The mean in-degree <s> of P, 1'P_ij* |x| (`a_b`).\n\n    beta_eff = A / D\n\n"
        "Args:\n    net, x: the network\n        and `ncap.rank`.\n    a,\n        b: both\n\n"
        "Returns: P.\n\nRaises:\n    ValueError.\n\n>>> 1\n1"
    )
    assert docstrings.restructured(text, {"ncap.rank"}) == (
        "The mean in-degree \\<s\\> of P, 1'P\\_ij\\* \\|x\\| (\\ ``a_b``\\ ).\n\n::\n\n    beta_eff = A / D\n\n"
        "**Args:**\n\n``net, x``\n    the network\n    and \\ :py:obj:`ncap.rank <ncap.rank>`\\ .\n\n"
        "``a, b``\n    both\n\n**Returns:** P.\n\n**Raises:** ValueError.\n\n>>> 1\n1\n"
    )


def test_links_and_names_are_made_those_of_the_site():
    text = (
        "[Gotchas](../README.md#gotchas) [T](tour.py) [here](#remarks) [code](../proofs/theorems.v) `ref.MLP` `ref.nothing`\n"
        "```\n[a](b.py)\n```\n"
    )
    made, files = pages.linked("reference/README.md", text, {"ncap.reference.MLP"})
    assert made == (
        '[Gotchas](../gotchas.md) <a href="../tour.html">T</a> [here](README.md#remarks) [code](../proofs/theorems.v) '
        "{py:obj}`ref.MLP <ncap.reference.MLP>` `ref.nothing`\n```\n[a](b.py)\n```\n"
    )
    assert files == {"proofs/theorems.v"}
