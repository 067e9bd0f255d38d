"""The answer in words, whose numbers come from the tables.

answer.md is written by a person who has seen the tables; answer.toml says where each number in it stands, and which comparisons the words
rely on. In the text {name} is a value with two decimals, {name:range} the same with its interval, {name:points} points of accuracy with
one decimal, {name:count} a whole number. A number that was typed, a value that the tables lack, and a comparison that no longer holds are
refused: then the text must be written anew.
"""

import operator
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

TEXT, VALUES = (Path(__file__).with_name(f"answer.{kind}") for kind in ("md", "toml"))
_FORMS = ("", "range", "points", "count")
_PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")
_NOT_PROSE = re.compile(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->", re.DOTALL)
# A number, and not a part of a name, such as CIFAR-10, regret@1 or 3a.
_TYPED = re.compile(r"(?<![\w.@-])\d(?:[\d.,]*\d)?(?!\w)")
_COMPARED = re.compile(r"(\S+) (<|<=|>|>=) (\S+)")
_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def written(text: str, values: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """The text with its numbers.

    Args:
        text: of answer.md. values: of answer.toml. tables: name -> table, as the files have them.

    Raises: ValueError, which names the place, for what the module says is refused.

    >>> tables = {"rules": pd.DataFrame({"rule": ["a", "b"], "rho": [0.5, 0.75], "rho_low": 0.25, "rho_high": 0.9})}
    >>> values = '''[values]
    ... best = { table = "rules", column = "rho", rule = "b" }
    ... [[claims]]
    ... says = "b is good"
    ... holds = "best > 0.7"
    ... '''
    >>> written("It is {best}, that is {best:range}.", values, tables)
    'It is 0.75, that is 0.75 [0.25, 0.90].'
    >>> written("It is 0.75.", values, tables)
    Traceback (most recent call last):
    ValueError: answer.md: the number '0.75' was typed; name it in answer.toml and write {name}
    """
    given = tomllib.loads(values)
    if typed := _TYPED.findall(_PLACE.sub("", _NOT_PROSE.sub("", text))):
        raise ValueError(f"answer.md: the number {typed[0]!r} was typed; name it in answer.toml and write {{name}}")
    found = {name: _row(name, where, tables) for name, where in given["values"].items()}
    for claim in given.get("claims", []):
        _check(claim, {name: float(row[given["values"][name]["column"]]) for name, row in found.items()})
    for name, form in _PLACE.findall(text):
        if name not in found:
            raise ValueError(f"answer.md: {{{name}}} is not in answer.toml")
        if form not in _FORMS:
            raise ValueError(f"answer.md: {{{name}:{form}}} has no form of {', '.join(filter(None, _FORMS))}")
    return _PLACE.sub(lambda at: _said(found[at[1]], given["values"][at[1]]["column"], at[2] or ""), text)


def _row(name: str, where: dict[str, Any], tables: Mapping[str, pd.DataFrame]) -> "pd.Series[Any]":
    """The one row of a table that a value stands in."""
    where = dict(where)
    table, column = tables[where.pop("table")], where.pop("column")
    rows = table
    for key, value in where.items():
        rows = rows[rows[key] == value] if key in rows else rows.iloc[:0]
    if len(rows) != 1 or column not in rows or pd.isna(rows.iloc[0][column]):
        raise ValueError(
            f"answer.toml: {name} must be one number of the tables, found {len(rows)} rows; write the answer anew"
        )
    return rows.iloc[0]


def _said(row: "pd.Series[Any]", column: str, form: str) -> str:
    """A value in the form asked for; a gain has a sign."""
    scale, spec = (100.0, ".1f") if column.startswith("regret") or form == "points" else (1.0, ".2f")
    sign = "+" if column.endswith("_gain") else ""
    if form == "count":
        return f"{float(row[column]):.0f}"
    value = f"{scale * float(row[column]):{sign}{spec}}"
    if form == "range":
        low, high = (f"{scale * float(row[f'{column}_{end}']):{sign}{spec}}" for end in ("low", "high"))
        return f"{value} [{low}, {high}]"
    return value


def _check(claim: dict[str, str], values: Mapping[str, float]) -> None:
    """Raise ValueError where a comparison does not hold."""
    compared = _COMPARED.fullmatch(claim["holds"])
    if compared is None:
        raise ValueError(f"answer.toml: a claim is a comparison such as 'a < b', got {claim['holds']!r}")
    left, right = (values[word] if word in values else float(word) for word in (compared[1], compared[3]))
    if not _SIGNS[compared[2]](left, right):
        raise ValueError(
            f"answer.toml: {claim['says']!r} no longer holds: {claim['holds']} is {left:g} {compared[2]} {right:g}; write the answer anew"
        )
