"""A network in a file, as people have them: a list of its edges, or a table of its adjacency."""

import csv
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ncap.reference.arguments import choose
from ncap.reference.network.links import Links, as_links

ROWS = ("send", "receive")
SEPARATORS = "\t;,"  # the first that the first line holds; else spaces
ENDS = {("source", "target"), ("sender", "receiver"), ("from", "to"), ("u", "v"), ("i", "j"), ("node1", "node2")}


class NamedNetwork(NamedTuple):
    """A network and what its file calls the nodes: P (n, n), whose row receives, and the n names in the order of its rows."""

    P: Links
    nodes: list[str]


def read_edges(path: "str | PathLike[str]", directed: bool = True, weight: str | None = "weight") -> NamedNetwork:
    """A network from a list of edges, one a line: the sender, the receiver, and perhaps a weight.

        P[receiver, sender] = weight, 1 where the file has none

    Columns are separated by tabs, semicolons, commas or spaces; lines that begin with # or % are left out. The first line is a heading
    if it calls the first two columns source and target, sender and receiver, or from and to, or if its third entry is not a number; then
    `weight` names the column of the weights. Parallel edges add up. Nodes are numbered in the order in which they occur.

    Args:
        path: of a text file in UTF-8, such as a .csv, .tsv or .txt.
        directed: False where every edge is a link in both directions.
        weight: the heading of the weights' column, where there are headings; None to count every edge as 1.

    Returns: NamedNetwork (P, nodes).

    Raises: ValueError, which names the line, for edges without two ends, weights that are not finite numbers, or columns of which none
    is said to be the weight; TypeError for anything but a path, OSError where the file cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "pollination.csv").write_text("source,target,visits\\nbee,sage,5\\nbee,thyme,2\\n")
    ...     P, nodes = read_edges(Path(folder, "pollination.csv"), weight="visits")
    >>> nodes, P.toarray()[:, nodes.index("bee")].tolist()     # what the bee sends
    (['bee', 'sage', 'thyme'], [0.0, 5.0, 2.0])
    """
    if not isinstance(directed, bool):
        raise TypeError(f"directed must be True or False, got {directed!r:.80}")
    lines, position = list(_rows_of(path)), dict[str, int]()
    headed = bool(lines) and _is_heading(lines[0][1])
    if len(lines) == headed:
        raise ValueError(f"path {path} lists no edge; write one a line, such as a,b or a,b,2.5")
    column = _weight_column(path, lines[0][1], weight)
    senders, receiving, weights = [], [], []
    for number, cells in lines[headed:]:
        if len(cells) < 2 or "" in cells[:2]:
            raise ValueError(f"path {path}, line {number}: an edge needs a sender and a receiver, got {cells!r:.80}")
        senders.append(position.setdefault(cells[0], len(position)))
        receiving.append(position.setdefault(cells[1], len(position)))
        weights.append(1.0 if column is None else _number(path, number, cells, column))
    ends, data = np.array([receiving, senders], dtype=np.intp), np.array(weights, dtype=np.float64)
    if not directed:
        back = ends[0] != ends[1]
        ends, data = np.hstack([ends, ends[::-1, back]]), np.concatenate([data, data[back]])
    n = len(position)
    return NamedNetwork(as_links(sparse.coo_array((data, tuple(ends)), shape=(n, n))), list(position))


def read_adjacency(path: "str | PathLike[str]", rows: str | None = None) -> NamedNetwork:
    """A network from a table of its adjacency, n rows of n numbers, with or without names of the nodes above and beside them.

        P = table where rows receive,   P = table' where rows send

    networkx, pandas and most files have rows that send; in this package a row receives. So a table that is not symmetric is read only
    where `rows` says which it is. Separators and comments are as in read_edges; an empty cell is 0.

    Args:
        path: of a text file in UTF-8. rows: "send" or "receive"; may be left out where the table is symmetric.

    Returns: NamedNetwork (P, nodes); the names are "0", "1", ... where the file has none.

    Raises: ValueError, which names the line, for tables that are not square, entries that are not finite numbers, names beside the rows
    that are not those above the columns, or asymmetry without `rows`; TypeError for anything but a path, OSError where it cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "trade.csv").write_text(",here,there\\nhere,0,3\\nthere,1,0\\n")
    ...     P, nodes = read_adjacency(Path(folder, "trade.csv"), rows="send")
    >>> nodes, P.toarray().tolist()     # here sends 3 to there
    (['here', 'there'], [[0.0, 1.0], [3.0, 0.0]])
    """
    if rows is not None:
        choose("rows", rows, ROWS)
    table = list(_rows_of(path))
    above = _names_above(table)
    body = table[1:] if above is not None else table
    beside = above is not None and bool(body) and len(body[0][1]) == len(body) + 1
    if not body:
        raise ValueError(f"path {path} holds no table of numbers, one row for each node")
    n, names = len(body), [str(i) for i in range(len(body))] if above is None else above
    matrix = np.zeros((n, n))
    for i, (number, cells) in enumerate(body):
        entries = cells[1:] if beside else cells
        if len(entries) != n or len(names) != n:
            raise ValueError(
                f"path {path}, line {number}: the table has {n} rows, so it must have {n} columns, got {len(entries)} with "
                f"{len(names)} names; a list of edges is read by read_edges"
            )
        if beside and cells[0] != names[i]:
            raise ValueError(
                f"path {path}, line {number}: row {cells[0]!r} must be {names[i]!r}, in the order of the columns"
            )
        matrix[i] = [
            _number(path, number, cells, column) if cells[column] else 0 for column in range(beside, n + beside)
        ]
    if rows is None and not np.allclose(matrix, matrix.T, rtol=1e-9, atol=0):  # symmetric but for rounding will do
        raise ValueError(
            f"the table in path {path} is not symmetric: pass rows='send' (row i lists what i sends, as in networkx and most files) or "
            "rows='receive' (as in P)"
        )
    return NamedNetwork(as_links(matrix.T if rows == "send" else matrix), names)


def _rows_of(path: Any) -> Iterator[tuple[int, list[str]]]:
    """Every line that is neither empty nor a comment, with its number, in cells."""
    if not isinstance(path, str | PathLike):
        raise TypeError(f"path must be the name of a file, got {path!r:.80}")
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        split: Callable[[str], list[str]] | None = None
        for number, line in enumerate(file, 1):
            text = line.strip("\r\n")
            if not text.strip() or text.lstrip().startswith(("#", "%")):
                continue
            split = split or _splitter(text)
            yield number, [cell.strip() for cell in split(text)]


def _splitter(line: str) -> Callable[[str], list[str]]:
    separator = next((mark for mark in SEPARATORS if mark in line), None)
    if separator is None:
        return str.split
    return lambda text: next(csv.reader([text], delimiter=separator))


def _is_heading(cells: list[str]) -> bool:
    return tuple(cell.lower() for cell in cells[:2]) in ENDS or (len(cells) > 2 and not _is_number(cells[2]))


def _weight_column(path: Any, first: list[str], weight: Any) -> int | None:
    """The column of the weights; None where each edge counts 1."""
    if not isinstance(weight, str | None):
        raise TypeError(f"weight must be the heading of a column, or None for 1 each, got {weight!r:.80}")
    if weight is None or (len(first) <= 2 and weight == "weight"):
        return None
    if not _is_heading(first):
        if weight == "weight" and len(first) == 3:
            return 2
        raise ValueError(
            f"path {path} has {len(first)} columns and no headings, so that none is called weight={weight!r:.80}; put headings above "
            "them, such as source,target,weight, or pass weight=None to count every edge as 1"
        )
    if weight not in first[2:]:
        raise ValueError(
            f"path {path} has no column weight={weight!r:.80} after the first two; pass one of {first[2:]!r:.100}, or weight=None to "
            "count every edge as 1"
        )
    return first.index(weight, 2)


def _names_above(table: list[tuple[int, list[str]]]) -> list[str] | None:
    """The names of the columns, if the first line holds any; the corner above names of rows is no column."""
    if not table or (all(_is_number(cell) or not cell for cell in table[0][1]) and table[0][1][:1] != [""]):
        return None
    names = table[0][1]
    return names[1:] if len(table) > 1 and len(names) == len(table) else names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(path: Any, line: int, cells: list[str], column: int) -> float:
    text = cells[column] if column < len(cells) else ""
    value = float(text) if _is_number(text) else np.nan
    if not np.isfinite(value):
        raise ValueError(f"path {path}, line {line}, column {column + 1}: must be a finite number, got {text!r:.80}")
    return value
