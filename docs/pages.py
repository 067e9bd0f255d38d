"""Gather the pages of the site in build/docs, as Sphinx wants them: what the repository says already, and a page for every public name.

python docs/pages.py

README is taken apart at its headings; the how-to pages, the claims, the mathematics, the proofs and the evidence keep their places, so that
their links to each other hold. Names in backticks become links to their pages.
"""

import inspect
import re
import shutil
from importlib import import_module
from pathlib import Path
from posixpath import normpath, relpath

import click

from ncap.cli import COMMANDS

ROOT = Path(__file__).parents[1]

# Heading in the menu -> its pages. "README: X" is the part of README under the heading X, and a folder stands for its README.
MENU = {
    "How to": ["docs/rank.md", "docs/callback.md", "docs/rule.md", "docs/cluster.md"],
    "In depth": [
        "README: Rank your own networks",
        "README: Select one and keep it",
        "README: In your own training",
        "README: One training, many rules",
        "README: The paper's studies",
        "README: Gotchas",
        "README: Questions",
    ],
    "The metric": [
        "README: The metric in six lines",
        "docs/tour.md",
        "reference/README.md",
        "reference/MATHEMATICS.md",
        "proofs/README.md",
    ],
    "Evidence": ["benchmarks/evidence/README.md", "benchmarks/evidence/RUNS.md", "benchmarks/evidence/table/README.md"],
    "Names": ["api/ncap", "api/ncap.reference", "api/ncap.scores", "api/contracts", "api/commands"],
    "The project": [
        "README: Adding a rule, score, reading, engine, target, candidate or figure",
        "README: Working on it",
        "CHANGELOG.md",
    ],
}
OTHERS = "Sources, contracts and checks"  # the page of packages and modules that the menu does not name
FRONT = ("Install", "Ten lines", "Citation, licence and patent")  # parts of README on the front page

# Packages whose `__all__` is public, with what their page says first.
PACKAGES = {
    "ncap": "What `import ncap` offers; each name is loaded on first use.",
    "ncap.reference": "The oracle, in numpy, numba and scipy. It imports nothing else of ncap and never a deep-learning framework.",
    "ncap.scores": "Scores as functions of arrays. The larger, the better, for all of them.",
    "ncap.candidates": "Where networks come from. `ncap models` lists those that have names.",
    "ncap.targets": "Where images come from. `ncap datasets` lists those that have names.",
    "ncap.testing": "The laws of each contract as checks, for what you add.",
}
# Modules whose classes and functions are public: contracts, and what joins ncap to other tools.
MODULES = {
    "ncap.rules.contract": "What a rule reads, gives and promises.",
    "ncap.engines.contract": "What an engine promises.",
    "ncap.measure.method": "What a method that computes beta_eff promises.",
    "ncap.integrations.optuna": "A pruner for Optuna that uses any rule (`pip install '.[optuna]'`).",
    "ncap.integrations.trial_callback": "Reports to that pruner from `model.fit`.",
}


# Names


def groups(package):
    """Heading -> the public names under it: of `_HOME`, which has them as comments, else one group."""
    module = import_module(package)
    names = [name for name in module.__all__ if not name.startswith("__")]
    found, heading = {}, ""
    for line in inspect.getsource(module).partition("\n_HOME = {\n")[2].partition("\n}")[0].splitlines():
        if line.startswith("    # "):
            heading = line.removeprefix("    # ")
        elif name := re.match(r'    "(\w+)":', line):
            found.setdefault(heading, []).append(name[1])
    return found if {name for group in found.values() for name in group} == set(names) else {"": names}


def members(module):
    """The public classes and functions that a module defines."""
    found = vars(import_module(module)).items()
    return [name for name, value in found if not name.startswith("_") and getattr(value, "__module__", "") == module]


def public_names():
    """Full name -> what it names, of every name that has a page; where several name one thing, the first."""
    named, seen = {}, set()
    lists = {package: [name for names in groups(package).values() for name in names] for package in PACKAGES}
    for home, names in (lists | {module: members(module) for module in MODULES}).items():
        for name in names:
            value = getattr(import_module(home), name)
            if id(value) not in seen:
                named[f"{home}.{name}"] = value
                seen.add(id(value))
    return named


def summary(value):
    """The first sentence of a docstring."""
    first = (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=[.])\s(?=[A-Z])", first)[0]


def page_of_name(full, value):
    """The page of one name, whose docstring Sphinx reads."""
    kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
    return f"{full}\n{'=' * len(full)}\n\n.. {kind}:: {full}\n"


def page_of_names(title, remark, grouped, named):
    """The list of the names of a package or module, with their first sentences and, in the menu, their pages."""
    from docstrings import restructured

    lines = [title, "=" * len(title), "", restructured(remark)]
    for heading, names in grouped.items():
        heading = heading[:1].upper() + heading[1:]
        lines += [heading, "-" * len(heading), ""] if heading else []
        for full, value in names.items():
            lines += [f":py:obj:`{full} <{full}>`", f"    {restructured(summary(value)).strip()}", ""]
        own = [f"    {full.rpartition('.')[2]} <{full}>" for full in names if full in named]
        lines += [".. toctree::", "    :hidden:", "", *own, ""] if own else []
    return "\n".join(lines)


def pages_of_names():
    """Path -> text: a page for every public name, one for every package and module, and one for the contracts."""
    named = public_names()
    shown = {id(value): full for full, value in named.items()}
    made = {f"api/{full}.rst": page_of_name(full, value) for full, value in named.items()}
    for package, remark in PACKAGES.items():
        values = {
            heading: {shown[id(value)]: value for value in (getattr(import_module(package), name) for name in names)}
            for heading, names in groups(package).items()
        }
        own = {full for full in named if full.rpartition(".")[0] == package}
        made[f"api/{package}.rst"] = page_of_names(package, remark, values, own)
    for module, remark in MODULES.items():
        own = {full: value for full, value in named.items() if full.rpartition(".")[0] == module}
        made[f"api/{module}.rst"] = page_of_names(module, remark, {"": own}, own)
    rest = [home for home in (*PACKAGES, *MODULES) if f"api/{home}" not in MENU["Names"]]
    made["api/contracts.rst"] = page_of_packages({home: (PACKAGES | MODULES)[home] for home in rest})
    return made | {"api/commands.rst": page_of_commands()}


def page_of_packages(remarks):
    """The list of the packages and modules that the menu does not name, with what they are."""
    from docstrings import restructured

    lines = [OTHERS, "=" * len(OTHERS), ""]
    lines += [".. toctree::", "    :hidden:", "", *(f"    {home}" for home in remarks), ""]
    for home, remark in remarks.items():
        lines += [f":doc:`{home}`", f"    {restructured(remark).strip()}", ""]
    return "\n".join(lines)


def page_of_commands():
    """What --help says of every command, for a screen of any width."""
    from docstrings import restructured

    from ncap.cli import main

    parent = click.Context(main, info_name="ncap", terminal_width=10_000, **main.context_settings)
    lines = ["Commands", "========", "", restructured("`ncap COMMAND --help` says the same.")]
    for name in COMMANDS:
        command = main.get_command(parent, name)
        context = click.Context(command, info_name=name, parent=parent)
        lines += [f"ncap {name}", "-" * (5 + len(name)), "", restructured(inspect.cleandoc(command.help or ""))]
        lines += ["::", "", f"    {' '.join([context.command_path, *command.collect_usage_pieces(context)])}", ""]
        records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
        for option, text in filter(None, records):
            lines += [f"``{option}``", f"    {restructured(text).strip()}", ""]
    return "\n".join(lines)


# Prose


def slug(heading):
    """A heading as the anchor that a link to it names."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def outside_code(change, text):
    """The text with a change made to all that stands outside blocks of code."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = map(change, parts[::2])
    return "".join(parts)


def parts_of_readme():
    """Heading -> text of each part of README, the heading included; "" for what stands before the first."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    marked = outside_code(lambda prose: re.sub(r"^(?=## )", "\0", prose, flags=re.MULTILINE), text)
    first, *others = marked.split("\0")
    return {"": first} | {part.splitlines()[0].removeprefix("## "): part for part in others}


def place(entry):
    """The page of an entry of the menu."""
    heading = entry.partition("README: ")[2]
    return f"{slug(heading)}.md" if heading else entry


def pages_of_prose():
    """Path -> text of every page that is written by hand."""
    parts = parts_of_readme()
    kept = parts[""] + "".join(parts[heading] for heading in FRONT)
    made = {"index.md": kept + menu()}
    for entry in (entry for entries in MENU.values() for entry in entries):
        if heading := entry.partition("README: ")[2]:
            made[place(entry)] = outside_code(
                lambda prose: re.sub(r"^#(?=#+ )", "", prose, flags=re.MULTILINE), parts[heading]
            )
        elif (ROOT / entry).is_file():
            made[entry] = (ROOT / entry).read_text(encoding="utf-8")
    return made


def menu():
    """The menu as Sphinx's lists of contents."""
    lines = []
    for caption, entries in MENU.items():
        pages = [place(entry).removesuffix(".md") for entry in entries]
        lines += ["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""]
    return "\n".join(lines)


def anchors():
    """Anchor of a heading in README -> the page that it is on, with the anchor where it is not the page's title."""
    found = {}
    for heading, part in parts_of_readme().items():
        page = "index.md" if heading in ("", *FRONT) else f"{slug(heading)}.md"
        for title in re.findall(r"^##+ (.+)$", part, re.MULTILINE):
            found[slug(title)] = page if title == heading and page != "index.md" else f"{page}#{slug(title)}"
    return found


def linked(page, text, named):
    """The text of a page with its links and names as they are on the site, and the files that it links to, by path from the root."""
    folder, places, files = page.rpartition("/")[0] or ".", anchors(), set()
    of_readme = page in {place.partition("#")[0] for place in places.values()}

    def link(match):
        words, target, anchor = match[1], *match[2].partition("#")[::2]
        if "://" in target:
            return match[0]
        if not target and of_readme:
            return f"[{words}]({places[anchor]})"
        path = normpath(f"{folder}/{target}") if target else page
        if path == "reference/tour.py":
            return f'<a href="{relpath("tour.html", folder)}">{words}</a>'
        if path == "README.md":
            path, _, anchor = places.get(anchor, "index.md").partition("#")
        elif (ROOT / path).is_dir():
            path = f"{path}/README.md"
        elif not path.endswith(".md"):
            files.add(path)
        return f"[{words}]({relpath(path, folder)}{'#' + anchor if anchor else ''})"

    def name(match):
        full = match[1].replace("ref.", "ncap.reference.", 1) if match[1].startswith("ref.") else match[1]
        return f"{{py:obj}}`{match[1]} <{full}>`" if full in named else match[0]

    text = outside_code(lambda prose: re.sub(r"(?<!`)`((?:ncap|ref)(?:\.\w+)+)`(?!`)", name, prose), text)
    return outside_code(lambda prose: re.sub(r"\[([^\[\]]*)\]\(([^()\s]+)\)", link, prose), text), files


def main():
    """Write all pages anew, and copy the files that they link to."""
    folder = ROOT / "build" / "docs"
    shutil.rmtree(folder, ignore_errors=True)
    named, copied, texts = public_names(), set(), {}
    for page, text in pages_of_prose().items():
        texts[page], files = linked(page, text, named)
        copied |= files
    for page, text in (texts | pages_of_names()).items():
        (folder / page).parent.mkdir(parents=True, exist_ok=True)
        (folder / page).write_text(text, encoding="utf-8")
    for path in copied:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, folder / path)


if __name__ == "__main__":
    main()
