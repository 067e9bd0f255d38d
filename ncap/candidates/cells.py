"""Cells of NAS-Bench-201 (Dong and Yang, ICLR 2020) as their strings: four nodes, an operation on each of the six edges between them.

Node 0 is the input x_0, and node j adds up what the edges from all nodes before it bring, x_j = sum_{i<j} o_ij(x_i); node 3 is the
output. A string lists, node by node, the operation and the source of every edge: "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...|".
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # (i, j) of o_ij, as a string lists them
# The published skeleton: a stem, three stages of five cells, two residual reductions between them.
CHANNELS, SIDES, CELLS_PER_STAGE = (16, 32, 64), (32, 16, 8), 5
_EXAMPLE = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
_KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 9}


@dataclass(frozen=True)
class Cell:
    """One of the 5^6 = 15,625 cells: the operations of the six EDGES, in their order.

    >>> cell = Cell.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|skip_connect~2|")
    >>> cell.operations[:3]
    ('nor_conv_3x3', 'none', 'skip_connect')
    >>> Cell.parse(str(cell)) == cell
    True
    """

    operations: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The cell of a string. Raises ValueError, with what the string must look like, for any other."""
        nodes = [re.findall(r"([a-z0-9_]+)~(\d)\|", node) for node in text.split("+")]
        operations = tuple(name for node in nodes for name, _ in node)
        sources = [tuple(int(source) for _, source in node) for node in nodes]
        if sources != [(0,), (0, 1), (0, 1, 2)] or not set(operations) <= set(OPERATIONS):
            raise ValueError(_wrong(text))
        cell = cls(operations)
        if str(cell) != text:
            raise ValueError(_wrong(text))
        return cell

    def __str__(self) -> str:
        """As the benchmark writes it."""
        nodes = [[f"{name}~{i}" for (i, j), name in self.edges() if j == node] for node in (1, 2, 3)]
        return "+".join(f"|{'|'.join(node)}|" for node in nodes)

    def edges(self) -> Iterator[tuple[tuple[int, int], str]]:
        """((i, j), operation) of every edge."""
        return zip(EDGES, self.operations, strict=True)

    def unique(self) -> str:
        """The string by which the benchmark knows isomorphic cells: equal for two cells that it counts as one.

        Node 0 is "0"; an operation o of a node n is "(n)@o", a skip n itself, and "#" where o is none or n is "#"; a node joins its sorted
        edges by "+". It makes 6,466 classes of the 15,625 cells. Within a class, one convolution that two skips carry on counts as much as
        two convolutions of the same input, so that members can differ in parameters; and a sum such as "#+#" is not taken for "#".

        >>> Cell.parse("|none~0|+|skip_connect~0|none~1|+|none~0|none~1|nor_conv_1x1~2|").unique()
        '#+#+(#+0)@nor_conv_1x1'
        """
        nodes = ["0", "", "", ""]
        for node in (1, 2, 3):
            nodes[node] = "+".join(sorted(_carried(nodes[i], name) for (i, j), name in self.edges() if j == node))
        return nodes[3]

    def trained_parameters(self, classes: int = 0) -> int:
        """Numbers that training changes in the published network: the statistics of norms are none; with its head for so many classes.

        A k x k convolution of c channels with its norm has k^2 c^2 + 2 c; the rest of the network, without head, 72,656.

        >>> Cell(("nor_conv_3x3",) * 6).trained_parameters(classes=10)
        1531546
        """
        in_cells = sum(
            CELLS_PER_STAGE * (_KERNELS[name] * c * c + 2 * c)
            for c in CHANNELS
            for name in self.operations
            if name in _KERNELS
        )
        return in_cells + 72_656 + (CHANNELS[-1] * classes + classes)

    def parameters(self) -> int:
        """All weights of the body as Keras counts them: those that are trained, and two statistics for every channel of a norm."""
        convolutions = sum(name in _KERNELS for name in self.operations)
        normed = convolutions * CELLS_PER_STAGE * sum(CHANNELS) + 16 + 2 * 32 + 2 * 64 + 64
        return self.trained_parameters() + 2 * normed

    def multiply_adds(self) -> int:
        """Of one image of 32 x 32 x 3 through the body: k^2 c^2 s^2 of a convolution on s x s places; the rest takes 7,782,400.

        >>> Cell(("nor_conv_3x3",) * 6).multiply_adds()
        220119040
        """
        places = zip(CHANNELS, SIDES, strict=True)
        of_kernel = CELLS_PER_STAGE * sum(c * c * side * side for c, side in places)
        return of_kernel * sum(_KERNELS.get(name, 0) for name in self.operations) + 7_782_400


def all_cells() -> Iterator[Cell]:
    """Every cell of the search space.

    >>> sum(1 for _ in all_cells())
    15625
    """
    return (Cell(operations) for operations in itertools.product(OPERATIONS, repeat=len(EDGES)))


def _carried(node: str, operation: str) -> str:
    if operation == "none" or node == "#":
        return "#"
    return node if operation == "skip_connect" else f"({node})@{operation}"


def _wrong(text: str) -> str:
    return (
        f"a cell of NAS-Bench-201 lists six operations, each one of {', '.join(OPERATIONS)}, with the node it comes from, such as "
        f"{_EXAMPLE}; got {text!r:.200}"
    )
