"""Cells of NAS-Bench-201 as candidates, "nb201:CELL": the published network around a cell, before any training.

The skeleton (Dong and Yang, ICLR 2020) is a 3 x 3 convolution with batch norm, three stages of five cells at 16, 32 and 64 channels, a
residual block that halves the side between two stages, and batch norm with relu before the pooling, which belongs to the head.
"""

from typing import TYPE_CHECKING

from ncap.candidates.cells import Cell
from ncap.candidates.contract import Candidate
from ncap.candidates.random_start import seeded

if TYPE_CHECKING:
    import keras

PREFIX = "nb201:"


class CellCandidate(Candidate):
    """The network of one cell with its initial weights, drawn for the cell's string alone and the same each time it is built.

    Kernels are uniform within 1 / sqrt(fan-in), as PyTorch draws them; norms begin as the identity. Every edge is there, also one that
    nothing reaches or that leads nowhere, as in the benchmark; "none" multiplies by zero.
    """

    def __init__(self, cell: Cell) -> None:
        self.cell, self.name = cell, f"{PREFIX}{cell}"
        self.family, self.input_shape = "NAS-Bench-201", (32, 32, 3)
        self.parameters, self.multiply_adds = cell.parameters(), cell.multiply_adds()

    def weights(self) -> str:
        """They are drawn."""
        return "at hand"

    def untrained(self) -> Candidate:
        """Raises ValueError: it is untrained as it is."""
        raise ValueError(f"candidate {self.name!r} has random weights as it is; leave ':random' out")

    def build(self) -> "keras.Model":
        """A fresh body (n, 32, 32, 3) -> (n, 8, 8, 64)."""
        from ncap.candidates.cell_body import cell_body

        with seeded(self.name):
            return cell_body(self.cell)


class Cells:
    """nb201:CELL for the string of any of the 15,625 cells.

    >>> CELLS.accepts("nb201:|none~0|"), CELLS.accepts("mlp")
    (True, False)
    """

    def names(self) -> list[str]:
        """None: they are too many to list."""
        return []

    def accepts(self, word: str) -> bool:
        """Whether the word begins with "nb201:"."""
        return word.startswith(PREFIX)

    def candidate(self, word: str) -> CellCandidate:
        """The network around that cell. Raises ValueError for what is the string of no cell."""
        try:
            return CellCandidate(Cell.parse(word.removeprefix(PREFIX)))
        except ValueError as error:
            raise ValueError(f"candidate {word!r:.200}: {error}") from None


CELLS = Cells()
