"""Learning curves that others have published, as records: one row of a CSV file per network, one column per epoch.

A file is recognised by its columns; a new one is one `Layout` in `LAYOUTS`. Nothing of the networks is needed but what the file says.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.arguments import path_text
from ncap.records.schema import OBSERVATIONS, SCORES
from ncap.records.tables import checked_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Layout:
    """What the columns of a file of curves mean.

    Attributes:
        name: of the collection; it is the target of its records, for its networks were trained by one recipe that no other shares.
        source: where it comes from.
        candidate: the column that names a network; None numbers them by row, from 1.
        accuracy: the name of the column of an epoch's accuracy, in 0..1, with {} for the number of the epoch.
        loss: likewise for the training loss, in nats; None where there is none.
        facts: score -> the column that holds it.
    """

    name: str
    source: str
    candidate: str | None
    accuracy: str
    loss: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    def epochs(self, columns: Sequence[str]) -> list[int]:
        """The epochs of which the file has the accuracy, in order."""
        before, after = map(re.escape, self.accuracy.split("{}"))
        found = (re.fullmatch(f"{before}(0|[1-9][0-9]*){after}", str(name)) for name in columns)
        return sorted(int(match[1]) for match in found if match)

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether a file with these columns is of this layout."""
        named = {*self.facts.values(), *([self.candidate] if self.candidate else [])}
        return named <= set(columns) and bool(self.epochs(columns))


LAYOUTS = (
    Layout(
        "naap440",
        "Hakim 2022, arXiv 2209.06626: 440 CNNs, 90 epochs of CIFAR-10; the accuracy is that on the test images, and counts as validation",
        "ModelId",
        "e{}Accuracy",
        "e{}LossMean",
        {"parameters": "NumParams", "multiply_adds": "NumMACs", "layers": "NumLayers"},
    ),
    Layout(
        "metaqnn_cifar10",
        "Baker et al. 2017, arXiv 1705.10823: 1,000 CNNs sampled by MetaQNN, 20 epochs of CIFAR-10, validation accuracy",
        None,
        "acc_{}",
        None,
        {"parameters": "num_params", "layers": "depth"},
    ),
)


def read_curves(path: str | Path, layout: Layout | None = None) -> "dict[str, pd.DataFrame]":
    """The records of a CSV file of learning curves: the tables observations and scores, as `ncap.predict` and `ncap.compare` take them.

    An epoch is a tick. The accuracies are validation accuracies, whatever images they were measured on: nothing else was held back.
    An epoch whose accuracy is missing has no row.

    Args:
        layout: what the columns mean; None takes the entry of `LAYOUTS` that fits.

    Raises: ValueError for a file that cannot be read, that has other columns, or whose accuracies are no fractions; an infinite accuracy
    or fact is none, while the loss of a training that diverged may be infinite.
    """
    import pandas as pd

    file = Path(path_text("path", path))
    try:
        rows = pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: cannot be read as a CSV file of learning curves ({error})") from error
    known = layout or _layout_of(file, list(rows.columns))
    if not known.fits(list(rows.columns)):
        raise ValueError(f"{file}: has not the columns of {known.name}, such as {known.accuracy.format(1)}")
    try:
        names = _names(known, rows)
        observations = checked_table(OBSERVATIONS, _observations(known, rows, names))
        scores = checked_table(SCORES, _scores(known, rows, names))
        _check_finite(observations, "val_accuracy")
        _check_finite(scores, "value")
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file}: {error}") from error
    return {"observations": observations, "scores": scores}


def import_curves(path: str | Path, store: str | Path, layout: Layout | None = None) -> dict[str, int]:
    """Import a CSV file of learning curves into a store, created if it is missing, and return the number of new rows per table.

    Rows that the store already has stay as they are. Raises: as `read_curves`, and for a row that the store has with other values.
    """
    from ncap.records.store import Store

    tables = read_curves(path, layout)
    known = layout or next(one for one in LAYOUTS if one.name == tables["observations"]["target"].iloc[0])
    with Store(store) as opened:
        settings = opened.add_settings(_parameters(known), {"source": known.source})
        kept = {OBSERVATIONS.name: OBSERVATIONS, SCORES.name: SCORES}
        return opened.merge({name: (kept[name], rows.assign(settings=settings)) for name, rows in tables.items()})


def _check_finite(table: "pd.DataFrame", column: str) -> None:
    """Raise ValueError for an infinite number, which tables of records would take for a missing one."""
    endless = table[table[column].abs() == inf]
    if len(endless):
        first = endless.iloc[0]
        what = f"epoch {first['tick']}" if "tick" in table else f"the score {first['score']!r}"
        raise ValueError(
            f"{column} of network {first['candidate']!r:.80} is {first[column]:g} at {what}; leave the cell empty where it is not known"
        )


def _layout_of(file: Path, columns: list[str]) -> Layout:
    for one in LAYOUTS:
        if one.fits(columns):
            return one
    raise ValueError(
        f"{file}: its columns are those of no known collection ({', '.join(one.name for one in LAYOUTS)}); it has "
        f"{', '.join(map(str, columns)):.80}; pass a Layout"
    )


def _parameters(layout: Layout) -> dict[str, Any]:
    return {"curves": layout.name}


def _names(layout: Layout, rows: "pd.DataFrame") -> list[str]:
    """The names of the networks; a number is one however it is written. Raises ValueError for a row without a name."""
    if layout.candidate is None:
        return [f"net{number:04d}" for number in range(1, len(rows) + 1)]
    given = rows[layout.candidate]
    if given.isna().any():
        raise ValueError(f"row {int(given.isna().argmax()) + 1} has no {layout.candidate}, which names its network")
    return [
        str(name) if isinstance(name, str) or not float(name).is_integer() else f"net{int(name):04d}"
        for name in given.tolist()
    ]


def _key(layout: Layout) -> dict[str, str]:
    from ncap.records.migrations import settings_hash

    return {"settings": settings_hash(_parameters(layout))[0], "target": layout.name}


def _observations(layout: Layout, rows: "pd.DataFrame", names: list[str]) -> "pd.DataFrame":
    import pandas as pd

    epochs = layout.epochs(list(rows.columns))
    parts = []
    for epoch in epochs:
        loss = layout.loss.format(epoch) if layout.loss else ""
        known = {"candidate": names, "run": 0, "tick": epoch, "epoch": float(epoch)}
        known["val_accuracy"] = rows[layout.accuracy.format(epoch)]
        known["train_loss"] = rows[loss] if loss in rows.columns else float("nan")
        parts.append(pd.DataFrame(_key(layout) | known))
    return pd.concat(parts, ignore_index=True).dropna(subset="val_accuracy")


def _scores(layout: Layout, rows: "pd.DataFrame", names: list[str]) -> "pd.DataFrame":
    import pandas as pd

    parts = [
        pd.DataFrame(_key(layout) | {"candidate": names, "score": score, "value": rows[column]})
        for score, column in layout.facts.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else SCORES.empty()
