"""The laws of a study as tests: `check_study(MyStudy())` in a test of its own raises AssertionError where one does not hold."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from ncap.studies.case import Case
from ncap.studies.contract import OPTIONS, Asked, Study

if TYPE_CHECKING:
    import pandas as pd

READING = "explicit/magnitude/unit"


def case(
    target: str = "digits", candidates: int = 4, runs: int = 2, ticks: int = 4, images: int = 60, noise: float = 0.05,
    read: bool = True, failed: bool = False,
) -> Case:  # fmt: skip
    """A job of candidates whose accuracy rises while beta_eff falls; the noise decides how well anybody can order them early.

    read: whether beta_eff was. failed: whether every run has failed in the end.
    """
    import pandas as pd

    rng = np.random.default_rng(len(target) + images)
    seen, readings, failures = [], [], []
    for name, top in zip("abcdefgh"[:candidates], np.linspace(0.9, 0.6, candidates), strict=True):
        for run in range(runs):
            key = {"settings": f"s{images}", "target": target, "candidate": name, "run": run}
            failures.append(key | {"epoch": ticks + 1, "reason": "lost"})
            for tick in range(1, ticks + 1):
                value = float(np.clip(top - 0.5 / tick + noise * rng.normal(), 0, 1))
                at = key | {"tick": tick}
                seen.append(
                    at
                    | {
                        "epoch": float(tick),
                        "val_accuracy": value,
                        "test_accuracy": value,
                        "seconds_train": 1 + top / tick,
                    }
                )
                readings.append(
                    at
                    | {"reading": READING, "beta_eff": (2 - top) / tick, "seconds": 0.5 + top / 10, "n_samples": images}
                )
    from ncap.records.loading import load

    tables = {"observations": pd.DataFrame(seen)}
    tables |= {"readings": pd.DataFrame(readings)} if read else {}
    tables |= {"failures": pd.DataFrame(failures)} if failed else {}
    return Case.of(load(tables), images=images)


def cases(by_size: bool = False) -> list[Case]:
    """Two targets, enough for any study; by_size: one of them with a second, smaller number of training images, too."""
    smaller = [case(images=30, noise=0.1)] if by_size else []
    return [case(), *smaller, case("letters", candidates=3, images=40)]


def poor() -> dict[str, list[Case]]:
    """Cases that hold too little, by what they lack."""
    return {
        "no case": [],
        "one candidate": [case(candidates=1)],
        "one run": [case(runs=1)],
        "one tick": [case(ticks=1)],
        "no reading": [case(read=False)],
        "failures only": [case(failed=True)],
        "one size": [case()],
        "no number of images": [replace(case(), images=0)],
    }


def check_study(study: Study) -> None:
    """Test the laws of `ncap.studies.contract.Study` on one study, over cases made up by this module.

    Raises: AssertionError with the law that does not hold.

    >>> from ncap.studies.cost import Cost
    >>> check_study(Cost())
    """
    from ncap.ranking.comparison import checked_rules

    asked = Asked(tuple(checked_rules(["last_seen", "mean_seen"])) if "rules" in study.options else (), ticks=(3,))
    _check_class(study)
    given = cases(study.by_size)
    before = [one.records.observations.copy() for one in given]
    table = _table(study, given, asked)
    assert len(table), f"study {study.name}: no row from two targets, two sizes, two runs and four ticks"
    assert not table.duplicated(list(study.table.key)).any(), f"study {study.name}: a key of its table occurs twice"
    assert _table(study, cases(study.by_size), asked).equals(table), (
        f"study {study.name}: the same cases give another table"
    )
    blind = [
        replace(one, records=replace(one.records, observations=one.records.observations.assign(test_accuracy=np.nan)))
        for one in given
    ]
    assert _table(study, blind, asked).equals(table), f"study {study.name}: it reads test accuracies of the records"
    for one, observations in zip(given, before, strict=True):
        assert one.records.observations.equals(observations), f"study {study.name}: it changes the records"
    _check_figure(study, table)
    for what, lacking in poor().items():
        try:
            rows = _table(study, lacking, asked)
            if len(rows):
                study.draw(rows)
        except Exception as error:
            raise AssertionError(f"study {study.name}, {what}: {type(error).__name__}: {error}") from error


def _check_class(study: Study) -> None:
    for name in ("name", "summary", "shows", "caption", "lacks"):
        assert isinstance(getattr(study, name, None), str), f"a study says its {name}"
        assert getattr(study, name), f"a study says its {name}"
    assert set(study.options) <= set(OPTIONS), f"study {study.name}: options are among {', '.join(OPTIONS)}"
    whole = study.portions(700, Asked())[-1]
    assert whole.images == 700, f"study {study.name}: the whole is the last portion"
    assert whole.ticks is None, f"study {study.name}: the whole is trained to the end"


def _table(study: Study, given: Sequence[Case], asked: Asked) -> "pd.DataFrame":
    import pandas as pd

    rows = study.rows(given, asked)
    for row in rows:
        assert set(row) == set(study.table.names), f"study {study.name}: a row has the columns {', '.join(row)}"
    return pd.DataFrame(rows, columns=list(study.table.names)).astype(study.table.types)


def _figure(study: Study, table: "pd.DataFrame") -> bytes:
    from ncap.report.figures import canvas

    with canvas.style():
        return canvas.png(study.draw(table))


def _check_figure(study: Study, table: "pd.DataFrame") -> None:
    import pandas as pd

    untouched, drawn = table.copy(), _figure(study, table)
    assert table.equals(untouched), f"study {study.name}: drawing changes the table"
    texts = [name for name, kind in study.table.types.items() if kind is str]
    read = pd.read_csv(
        BytesIO(table.to_csv(index=False).encode()),
        dtype=dict.fromkeys(texts, str),
        keep_default_na=False,
        na_values=[""],
    )
    assert _figure(study, read.astype(study.table.types)) == drawn, (
        f"study {study.name}: its figure is not that of the table alone, or another every time"
    )
