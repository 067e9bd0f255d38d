"""The contract of an exhibit: the evidence in, a table out, and perhaps a figure of that table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.evidence.evidence import Evidence

DIGITS = 4  # of the numbers in the files
MEASURES = {"rho": "rho", "tau": "tau", "weighted_tau": "weighted tau", "regret_1": "regret@1", "regret_3": "regret@3"}


@dataclass(frozen=True)
class Exhibit:
    """One table of the evidence, and perhaps a figure.

    Laws: `table` depends on the evidence alone, has the columns tier and probe, or says in `caption` of what it is, and beside every
    measure the number of candidates, targets and runs it is of; an evidence without the cells for it gives an empty table, not an error.
    `draw` reads the table alone, and returns None where there is nothing to draw.

    Attributes:
        name: stem of its files, tables/NAME.csv and figures/NAME.png.
        heading, caption: of its section on the page.
        table: makes it; what the file holds.
        shown: the part that the page prints; by default nothing but the number of rows.
        draw: the figure; None for an exhibit without one.
    """

    name: str
    heading: str
    caption: str
    table: Callable[[Evidence], pd.DataFrame]
    shown: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    draw: Callable[[pd.DataFrame], Figure | None] | None = None


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Floats with the digits that the files have; -0 is 0.

    >>> rounded(pd.DataFrame({"rho": [0.123456, -0.0]}))["rho"].tolist()
    [0.1235, 0.0]
    """
    floats = table.select_dtypes("float").columns
    return table.assign(**{name: table[name].round(DIGITS) + 0.0 for name in floats})


def ranged(rows: pd.DataFrame, measure: str) -> pd.Series:
    """A measure with its interval as text, "0.91 [0.80, 0.97]"; points of accuracy for a regret.

    >>> ranged(pd.DataFrame({"rho": [0.905], "rho_low": [0.8], "rho_high": [float("nan")]}), "rho").tolist()
    ['0.91 [0.80, -]']
    """
    scale, digits = (100.0, 1) if measure.startswith("regret") else (1.0, 2)

    def text(value: float) -> str:
        return "-" if pd.isna(value) else f"{scale * value + 0.0:.{digits}f}"

    ends = zip(rows[measure], rows[f"{measure}_low"], rows[f"{measure}_high"], strict=True)
    words = [
        text(value) if pd.isna(low) and pd.isna(high) else f"{text(value)} [{text(low)}, {text(high)}]"
        for value, low, high in ends
    ]
    return pd.Series(words, index=rows.index, dtype=object)


def by_epochs(rows: pd.DataFrame, measure: str, first: Sequence[str]) -> pd.DataFrame:
    """A wide table: the columns `first`, then a measure with its interval for every number of epochs observed, in the order of the rows.

    >>> rows = pd.DataFrame({"rule": "a", "epochs": [1.0, 2.0], "rho": 0.5, "rho_low": 0.4, "rho_high": 0.6})
    >>> by_epochs(rows, "rho", ["rule"]).to_dict("records")
    [{'rule': 'a', '1 epoch': '0.50 [0.40, 0.60]', '2 epochs': '0.50 [0.40, 0.60]'}]
    """
    if rows.empty:
        return pd.DataFrame(columns=list(first))
    cells = rows.assign(cell=ranged(rows, measure), order=pd.factorize(rows[first[-1]])[0])
    wide = cells.pivot_table(index=list(first), columns="epochs", values="cell", aggfunc="first", sort=False)
    wide = wide[sorted(wide.columns)]
    wide.columns = [f"{count:g} epoch{'s'[: count != 1]}" for count in wide.columns]
    return wide.reset_index().fillna("-")


def selected(rows: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    """The rows whose columns hold these values, or one of them where a list is given; empty where the table is.

    >>> selected(pd.DataFrame({"rule": ["a", "b"], "k": [1, 2]}), rule=["b", "c"]).to_dict("records")
    [{'rule': 'b', 'k': 2}]
    """
    for column, value in wanted.items():
        if column not in rows.columns:
            return rows.iloc[:0]
        rows = rows[rows[column].isin(value if isinstance(value, list | tuple | set) else [value])]
    return rows.reset_index(drop=True)
