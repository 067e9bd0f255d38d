"""A Sphinx extension that reads the docstrings of ncap, which are prose with `code`, formulas and sections such as "Args:".

What a reader sees in an editor is what the page shows: an indented block stays as it is laid out, a section is a list of names with what is
said of each, and every other character stands for itself. A name of ncap in backticks is a link to its page.
"""

import re
from pydoc import locate

from numpy.typing import ArrayLike

CODE = re.compile(r"`([^`]+)`")
SPECIAL = re.compile(r"([\\*_|`<>])")  # what reStructuredText would read as markup
OURS = re.compile(r"ncap(\.\w+)+")
ITEM = re.compile(r"(?P<names>[*\w]+(?:, [*\w]+)*): (?P<text>.*)")
WRAPPED = re.compile(r"^((?:[*\w]+, )*[*\w]+,)\n +", re.MULTILINE)  # names that go on in the next line
LABEL = re.compile(r"(Returns|Raises|Warns|Source|Attributes|Shapes|Keys|Columns|What is not guaranteed):(?= )")
LISTED = re.compile(r"(\d+\.|-) ")


def restructured(text, pages=frozenset()):
    """A docstring, as inspect.cleandoc leaves it, in reStructuredText.

    Args:
        text: the docstring.
        pages: full names that have a page, to which their mentions link.
    """
    return "\n\n".join(_block(block, pages) for block in re.split(r"\n{2,}", text.strip("\n"))) + "\n"


def _block(block, pages):
    """One paragraph, formula, example, list or section."""
    lines = block.split("\n")
    if block.startswith(">>>"):
        return block
    if all(line.startswith("    ") for line in lines):
        return _literal(lines)
    if lines[0].endswith(":") and len(lines) > 1 and all(line.startswith("    ") for line in lines[1:]):
        return _section(lines[0], "\n".join(line.removeprefix("    ") for line in lines[1:]), pages)
    if len(lines) > 1 and all(ITEM.match(line) or line.startswith("    ") for line in lines) and not LABEL.match(block):
        return _items(lines, pages)
    prose = _prose(block, pages)
    return prose if LISTED.match(block) else LABEL.sub(r"**\1:**", prose, count=1)


def _section(title, body, pages):
    """A title and, below it, a list of names, a sentence, or what is laid out by hand."""
    body = WRAPPED.sub(r"\1 ", body)
    if ITEM.match(body):
        return f"**{SPECIAL.sub(_escaped, title)}**\n\n{_items(body.splitlines(), pages)}"
    if LABEL.match(title + " "):
        return f"**{title}** {_prose(body, pages)}"
    return f"{_prose(title, pages)}\n\n{_literal(['    ' + line for line in body.splitlines()])}"


def _literal(lines):
    return "::\n\n" + "\n".join(lines)


def _items(lines, pages):
    """A definition list of "names: text", which goes on in the lines below."""
    items = []
    for line in lines:
        if item := ITEM.fullmatch(line):
            items.append((item["names"], [item["text"]]))
        else:
            items[-1][1].append(line.strip())
    indented = [(names, _prose("\n".join(text), pages).replace("\n", "\n    ")) for names, text in items]
    return "\n\n".join(f"``{names}``\n    {text}" for names, text in indented)


def _prose(text, pages):
    """Text with its code marked as code, all else as it stands; code may go on in the next line."""
    parts = CODE.split(text)
    parts[::2] = [SPECIAL.sub(_escaped, part) for part in parts[::2]]
    parts[1::2] = [_code(part, pages) for part in parts[1::2]]
    return "\\ ".join(parts).replace("\\ \n", "\n") if len(parts) > 1 else parts[0]


def _code(code, pages):
    code = " ".join(code.split())
    if code in pages:
        return f":py:obj:`{code} <{code}>`"
    if OURS.fullmatch(code) and locate(code) is None:
        from sphinx.util.logging import getLogger  # Sphinx counts its own warnings, and fails on any

        getLogger(__name__).warning("a docstring names `%s`, which does not exist", code)
    return f"``{code}``"


def _escaped(match):
    return "\\" + match[0]


def _read(app, what, name, obj, options, lines):
    lines[:] = restructured("\n".join(lines), app.env.ncap_pages).split("\n")


def _shorten(app, what, name, obj, options, signature, returned):
    """Arrays by the name that numpy has for them, not by all that they may be."""
    from sphinx.util.typing import stringify_annotation

    whole = stringify_annotation(ArrayLike, "smart")
    array = re.compile(
        r"~?(?:numpy\.)?ndarray\[tuple\[(?:~?typing\.)?Any, \.\.\.\], ~?(?:numpy\.)?dtype\[(?:~?(?:numpy|typing)\.)?(\w+)\]\]"
    )
    return tuple(part and array.sub(r"NDArray[\1]", part.replace(whole, "ArrayLike")) for part in (signature, returned))


def _skip(app, what, name, obj, skip, options):
    """Fields of named tuples have no docstring of their own: their class says what they are."""
    return True if str(getattr(obj, "__doc__", "")).startswith("Alias for field number") else None


def _know_pages(app, env, names):
    from pages import public_names

    env.ncap_pages = frozenset(public_names())


def setup(app):
    """What Sphinx calls."""
    app.connect("env-before-read-docs", _know_pages)
    app.connect("autodoc-process-docstring", _read)
    app.connect("autodoc-process-signature", _shorten)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True}
