"""The cost of a reading of beta_eff, in epochs of training: T_beta / T_train."""

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ncap.measure.readings import METHODS, READINGS, check
from ncap.published import PAPER_RATIO

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from ncap.candidates import Candidate
    from ncap.reference import Capacitance
    from ncap.targets import Target
    from ncap.training.run import Training

# Method -> the first reading in the table that it computes; the cost of a method hardly depends on the reading.
TIMED = {method: next(name for name, entry in READINGS.items() if method in entry.methods) for method in METHODS}


def measure_costs(
    candidates: Any = "mini",
    target: Any = "digits",
    n_train: int = 400,
    repeats: int = 5,
    seed: int = 0,
    readings: Sequence[str] = (),
) -> "pd.DataFrame":
    """Seconds taken by one training epoch, and by one reading with each method, or by each of `readings`, per candidate.

    Both use the same training images, a reading at most 4,096 of them. The first epoch and the first reading include compilation and
    are left out; the result is the median of the next `repeats`.

    Raises: TypeError or ValueError for an argument that cannot be used, as `ncap.rank` does.

    Returns: columns candidate, seconds_train, and per method, or reading, seconds_<method> and ratio_<method> = T_beta / T_train.
    """
    import pandas as pd

    from ncap import candidates as collections
    from ncap import targets
    from ncap.arguments import whole_number
    from ncap.framework import clear_session, quiet_tracing
    from ncap.training.environment import check_backend

    check_backend()
    n_train, repeats = whole_number("n_train", n_train, least=1), whole_number("repeats", repeats, least=1)
    timed = {name: (name, check(name).method_for()) for name in readings} or {
        method: (name, method) for method, name in TIMED.items()
    }
    loaded = targets.load(target, seed)
    if n_train < loaded.lengths["train"]:
        loaded = loaded.few(n_train, seed)
    lines = []
    for name, candidate in collections.resolve(candidates).items():
        with quiet_tracing():
            training = prepare(candidate, loaded, seed)
            seconds = {"train": median_seconds(partial(train_epoch, training), repeats)}
            for column, (reading, method) in timed.items():
                seconds[column] = median_seconds(partial(_read, training, reading, method), repeats)
        lines.append(
            {"candidate": name}
            | {f"seconds_{work}": value for work, value in seconds.items()}
            | {f"ratio_{column}": seconds[column] / seconds["train"] for column in timed}
        )
        clear_session()
    return pd.DataFrame(lines)


def prepare(candidate: "Candidate", target: "Target", seed: int = 0) -> "Training":
    """A candidate set up as in a job with the default settings, before its first epoch."""
    from ncap.job import Job
    from ncap.training.run import Training

    return Training(Job(seed=seed), candidate, target)


def train_epoch(training: "Training", epoch: int) -> dict[str, float]:
    """Train one whole epoch, and return Keras' logs of it."""
    from ncap.job import Place

    return training.train(Place(epoch, part=1, parts=1))


def read_beta(training: "Training", method: str, reading: str | None = None) -> "Capacitance":
    """One reading by a method, by default the first that it gives, on the samples that the job would use."""
    from ncap.measure.measurement import capacitance
    from ncap.reference.verdict import CapacitanceWarning

    with warnings.catch_warnings():
        # A signed reading is degenerate for a softmax of three kernels (T3), and takes the same work as one that is not.
        warnings.filterwarnings("ignore", category=CapacitanceWarning)
        return capacitance(training.model, *training.samples, method=method, reading=reading or TIMED[method])


def _read(training: "Training", reading: str, method: str, _: int) -> None:
    read_beta(training, method, reading)


def median_seconds(work: Callable[[int], Any], repeats: int) -> float:
    """The median time of work(2), work(3), ..., after work(1) has compiled what there is to compile."""
    work(1)
    times = []
    for index in range(2, repeats + 2):
        start = time.perf_counter()
        work(index)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def cost_table(costs: "pd.DataFrame") -> "Table":
    """The costs as a rich table, with the median over candidates and the paper's ratio below."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title="Seconds of one training epoch and of one reading of beta_eff",
        caption=f"The paper reports T_beta / T_train = {PAPER_RATIO} (four V100 GPUs).",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        header_style="bold",
    )
    table.add_column("candidate")
    timed = [str(column).removeprefix("ratio_") for column in costs.columns if str(column).startswith("ratio_")]
    names = [name.replace("_", " ") if name in METHODS else name for name in timed]
    for heading in ("train", *names, *(f"{name} / train" for name in names)):
        table.add_column(heading, justify="right")
    columns = [
        "seconds_train",
        *(f"seconds_{name}" for name in timed),
        *(f"ratio_{name}" for name in timed),
    ]
    for line in costs.to_dict("records"):
        table.add_row(Text(line["candidate"]), *(f"{line[column]:.3f}" for column in columns))
    table.add_section()
    table.add_row("median", *(f"{costs[column].median():.3f}" for column in columns))
    return table
