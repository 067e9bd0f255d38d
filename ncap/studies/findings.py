"""What a study finds: its table and its figure, from records or from trainings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.arguments import make_folder, one_of, part_size, switch, whole_number
from ncap.job import Job, with_settings
from ncap.presets import preset as preset_named
from ncap.studies import STUDIES
from ncap.studies.case import TRUTHS, Case, cases_of
from ncap.studies.contract import OPTIONS, Asked, Study

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from ncap.records.benchmark import Benchmark
    from ncap.records.tables import Records
    from ncap.rules.contract import Rule
    from ncap.targets import Target

RULES = ("capacitance", "capacitance_forecast", "last_seen", "best_seen")  # the usual ones


@dataclass(frozen=True, eq=False)
class Findings:
    """What a study found.

    Attributes:
        study: its name.
        table: as `STUDIES.get(study).table` describes it, column by column.
        figure: the figure of the table, PNG.
        caption: what is seen in it, and how to read it.
    """

    study: str
    table: "pd.DataFrame"
    figure: bytes
    caption: str

    def write(self, out: "str | PathLike[str]") -> list[Path]:
        """Write OUT/study-NAME.csv and OUT/study-NAME.png, in place of those of an earlier call; OSError where that fails."""
        from ncap.files import write_new
        from ncap.report.page import csv_bytes

        folder = make_folder("out", out)
        return [
            write_new(folder / f"study-{self.study}.csv", csv_bytes(self.table)),
            write_new(folder / f"study-{self.study}.png", self.figure),
        ]


@with_settings
def study(
    name: str,
    records: "str | PathLike[str] | Records | Benchmark | Mapping[str, pd.DataFrame] | None" = None,
    *,
    candidates: "str | Sequence[str] | Mapping[str, Callable[[], keras.Model]] | None" = None,
    target: "str | Path | Target | None" = None,
    settings: str | None = None,
    store: str | Path = "runs.db",
    out: str | Path | None = None,
    rules: "str | Rule | Sequence[str | Rule] | None" = None,
    ticks: int | Sequence[int] | None = None,
    images: float | Sequence[float] | None = None,
    draw: str | None = None,
    reading: str | None = None,
    horizon: float | None = None,
    truth: str = "test",
    preset: str | None = None,
    engine: str = "local",
    jobs: int | None = None,
    memory: int | str | None = None,
    address: str | None = None,
    progress: bool = True,
    **trained: Any,
) -> Findings:
    """Ask one of the paper's questions again: of records, or of trainings, of which only what the store lacks is trained.

    Args:
        name: size, t0, observations, runs or cost; `ncap.list_studies` says what each asks.
        records: what to read, with nothing trained: a store's path, its tables, or the benchmark (`ncap.load_benchmark`), of which every
            job is read.
        candidates: what to train, in place of records; as in `ncap.rank`.
        target: what to train on, as in `ncap.rank`; of records, the one to read, where they have several.
        settings: the hash of the job to read, of several in the records; None takes the newest.
        store: SQLite file of the trainings.
        out: folder for study-NAME.csv and study-NAME.png; with None, nothing is written.
        rules: those that are judged; None takes capacitance, capacitance_forecast, last_seen and best_seen. None that learns: those are
            compared by `ncap.compare`.
        ticks: how many ticks are read, one number or several; None takes 5, and in the study of observations all of them.
        images: of the study of size, numbers of training images, or shares of them below 1; None takes the paper's shares, 10, 15, 20,
            25 and 30 of 35.
        draw: of the study of size, which training images a part has: the "first", as in the paper, or a "stratified" sample; None is
            "first".
        reading: the reading of beta_eff; None takes the job's first.
        horizon: the epoch for which rules that extrapolate predict; None takes the last one in the records.
        truth: what the candidates are judged by, their "test" or "validation" accuracy; the mean over the last three epochs and the runs.
        preset: "paper" takes the paper's candidates and settings where none are given.
        engine, jobs, memory, address, progress: as in `ncap.rank`.
        {settings}

    Returns: Findings, with a table and a figure.

    Raises: ValueError or TypeError for an argument that cannot be used, and for records that hold too little; as `ncap.rank` where it
    trains.

    >>> import pandas as pd
    >>> curves = {"a": (0.5, 0.7, 0.8), "b": (0.4, 0.6, 0.7), "c": (0.6, 0.5, 0.5)}
    >>> seen = pd.DataFrame([{"settings": "s", "target": "digits", "candidate": candidate, "run": 0, "tick": t, "epoch": t,
    ...                       "val_accuracy": value, "test_accuracy": value}
    ...                      for candidate, curve in curves.items() for t, value in enumerate(curve, start=1)])
    >>> found = study("observations", {"observations": seen}, rules="last_seen")
    >>> found.table[["ticks", "rho"]].round(2).values.tolist()
    [[1.0, -0.5], [2.0, 1.0], [3.0, 1.0]]
    """
    asks = STUDIES.get(name)()
    _check_options(asks, {"rules": rules, "ticks": ticks, "images": images, "draw": draw})
    asked = Asked(_rules(asks, rules), _ticks(ticks), _images(images), _horizon(horizon))
    if preset is not None:
        chosen = preset_named(preset)
        trained = {**chosen.settings, **trained}
        candidates = chosen.candidates if candidates is None else candidates
    if (records is None) == (candidates is None):
        given = "got neither" if records is None else "got both"
        raise ValueError(f"records: pass records to read, or candidates and a target to train, {given}")
    if out is not None:
        make_folder("out", out)
    if records is not None:
        if trained:
            raise ValueError(f"{next(iter(trained))}: nothing is trained where records are read; leave it out")
        cases = cases_of(records, settings, _target_name(target), truth, reading, asks.by_size)
    else:
        from ncap.studies.trainings import Training
        from ncap.studies.trainings import trained as trained_cases

        job, shown = Job(**trained), switch("progress", progress)
        _check_training(job, target, settings, reading, truth)
        taken = "first" if draw is None else draw
        how = Training(job, candidates, target, store, taken, engine, jobs, memory, address, shown)
        cases = trained_cases(asks, asked, how, truth, reading)
    found = findings(asks, cases, asked)
    if out is not None:
        found.write(out)
    return found


def findings(asks: Study, cases: Sequence[Case], asked: Asked) -> Findings:
    """The table of a study, and its figure. Raises ValueError where the cases hold too little for a row."""
    import pandas as pd

    from ncap.report.figures import canvas

    if "rules" in asks.options and not any(len(case.ends) for case in cases):
        raise ValueError(
            "truth: no run has such an accuracy at the end of an epoch, or all have failed; of records without test accuracies, pass "
            "truth='validation'"
        )
    rows = asks.rows(cases, asked)
    if not rows:
        raise ValueError(f"records: the study {asks.name!r} finds nothing in them; they hold no {asks.lacks}")
    table = pd.DataFrame(rows, columns=list(asks.table.names)).astype(asks.table.types)
    with canvas.style():
        figure = canvas.png(asks.draw(table))
    return Findings(asks.name, table, figure, asks.caption)


def _check_training(job: Job, target: Any, settings: Any, reading: Any, truth: Any) -> None:
    """Refuse, before anything trains, what could not be read afterwards."""
    one_of("truth", truth, TRUTHS)
    if target is None:
        raise ValueError("target: candidates are trained on one; pass a name, a path or a Target, got None")
    if settings is not None:
        raise ValueError(
            f"settings={settings!r:.80}: the hash of a job to read; leave it out where candidates are trained"
        )
    if reading is not None and reading not in job.readings:
        raise ValueError(
            f"reading must be one of those taken, {', '.join(job.readings)}, got {reading!r:.80}; name it in readings, too"
        )


def _check_options(asks: Study, given: Mapping[str, Any]) -> None:
    for option in OPTIONS:
        if given[option] is not None and option not in asks.options:
            raise ValueError(
                f"{option}: the study {asks.name!r} does not read it, got {given[option]!r:.80}; leave it out. It reads "
                f"{', '.join(asks.options)}"
            )


def _rules(asks: Study, given: Any) -> "tuple[Rule, ...]":
    """The rules that are judged; none where the study judges none."""
    if "rules" not in asks.options:
        return ()
    from ncap.ranking.comparison import checked_rules

    words = [word.strip() for word in given.split(",")] if isinstance(given, str) else given
    chosen = checked_rules(RULES if words is None else words)
    for rule in chosen:
        if rule.learns and not rule.learned_from:
            raise ValueError(
                f"rules: {rule.name!r} learns from other records, which a study does not fit it to; leave it out, or use ncap.compare"
            )
    return tuple(chosen)


def _ticks(given: Any) -> tuple[int, ...]:
    return tuple(
        whole_number("ticks", count, least=1) for count in _several("ticks", given, "a whole number of at least 1")
    )


def _images(given: Any) -> tuple[float | int, ...]:
    what = "a number of training images, or a share below 1"
    sizes = [part_size("images", each) for each in _several("images", given, what)]
    if None in sizes:
        raise ValueError(f"images must be {what}, or several, got {given!r}")
    return tuple(size for size in sizes if size is not None)


def _several(name: str, given: Any, what: str) -> list[Any]:
    """A list of what is given, one or several; empty for None. Raises ValueError for an empty list."""
    if given is None:
        return []
    several = list(given) if hasattr(given, "__iter__") and not isinstance(given, str) else [given]
    if not several:
        raise ValueError(f"{name} must be {what}, or several, got {given!r}")
    return several


def _horizon(given: Any) -> float | None:
    from ncap.rules.contract import checked_horizon

    return None if given is None else checked_horizon(given)


def _target_name(given: Any) -> str | None:
    if given is None or isinstance(given, str):
        return given
    raise TypeError(f"target: of records, the name of one that they hold, got {given!r:.80}")
