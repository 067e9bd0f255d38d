"""The contract of a study: records of jobs in, a table out, and a figure of that table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ncap.records.schema import COMPARISON, Column, Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ncap.rules.contract import Rule
    from ncap.studies.case import Case

OPTIONS = ("rules", "ticks", "images", "draw")  # of `ncap.study`, which some studies read and others do not

# Numbers of ticks that are tried where none are given: every one at first, where most is learned from one more.
LADDER = (*range(1, 11), 12, 15, 20, 25, 30, 40, 50)

# What a study that judges rules says of each, as `ncap.compare` does.
MEASURED = tuple(
    COMPARISON[name]
    for name in ("seconds", "rho", "rho_low", "rho_high", "tau", "weighted_tau", "regret_1", "regret_3", "fallbacks")
)
TARGET, RULE, TICKS = (COMPARISON[name] for name in ("target", "rule", "ticks"))


@dataclass(frozen=True)
class Asked:
    """What a study is asked.

    Attributes:
        rules: those that are judged, in this order; none of them learns.
        ticks: how many ticks are read, one number or several; () for the study's own choice.
        images: numbers of training images, or shares of them below 1; () for the study's own choice.
        horizon: the epoch for which rules that extrapolate predict; None for the last one in the records.
    """

    rules: tuple["Rule", ...] = ()
    ticks: tuple[int, ...] = ()
    images: tuple[float | int, ...] = ()
    horizon: float | None = None

    def counts(self, usual: Sequence[int], last: int) -> list[int]:
        """The numbers of ticks to read of `last`: those asked for, else the usual ones; more than there are become all of them.

        Without a tick there is none to read.

        >>> Asked().counts((5, 10), last=8), Asked(ticks=(3,)).counts((5, 10), last=8)
        ([5, 8], [3])
        """
        return list(dict.fromkeys(min(count, last) for count in self.ticks or usual if last))


class Portion(NamedTuple):
    """What must be trained of a job: on how many of its training images, and up to which tick; None for all of its ticks."""

    images: int
    ticks: int | None = None


class Study(ABC):
    """One question about how well candidates can be ordered, asked of the records of one or several jobs.

    Laws, which `ncap.testing.studies.check_study` tests:

    1. `rows` gives rows of `table`: its columns, its types, its key at most once.
    2. The same cases give the same table, and the same table the same figure, byte for byte; neither changes what it is given.
    3. The figure follows from the table alone: read back from its CSV file, it is the same.
    4. What became of the candidates is read from `Case.ends` alone; without the test accuracies of the records the table is the same.
    5. Cases that hold too little (one candidate, one run, one tick, no reading, failures only) give fewer rows or NaN, and no error.

    A study's class has the attributes:
        name: by which it is registered.
        summary: one sentence on what it asks.
        shows: the figure or table of the paper that it makes again.
        caption: what is seen in the figure, and how to read it.
        lacks: what records must hold for a row, as the end of "the records hold no ...".
        options: the members of `OPTIONS` that it reads.
        table: its columns, with unit and meaning.
        by_size: whether it reads jobs that differ in the number of training images, and in nothing else, together.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    shows: ClassVar[str]
    caption: ClassVar[str]
    lacks: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ("rules", "ticks")
    table: ClassVar[Table]
    by_size: ClassVar[bool] = False

    def portions(self, images: int, asked: Asked) -> list[Portion]:
        """What is trained of a job with so many training images, where the study is to train: the whole, unless a member says more."""
        return [Portion(images)]

    @abstractmethod
    def rows(self, cases: "Sequence[Case]", asked: Asked) -> list[dict[str, Any]]:
        """The rows of the table, in its order."""

    @abstractmethod
    def draw(self, table: "pd.DataFrame") -> "Figure":
        """The figure of a table with at least one row."""


def judged(keys: Sequence[Column], name: str, meaning: str, further: Sequence[Column] = ()) -> Table:
    """A table that judges rules: its key, how many ticks they read, what `MEASURED` names, and further columns."""
    return Table(name, meaning, (*keys, *MEASURED, *further), keys=len(keys))


def measured(row: Mapping[str, Any]) -> dict[str, Any]:
    """Of a row of a comparison, what `MEASURED` names."""
    return {column.name: row[column.name] for column in MEASURED}
