"""What a reading of beta_eff costs, in epochs of training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ncap.ranking.curves import after_the_first, joined
from ncap.records.schema import Column, Table
from ncap.studies.case import Case
from ncap.studies.contract import TARGET, Asked, Study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

USUAL = 5  # ticks


class Cost(Study):
    """T_train, T_beta and c = T_beta / T_train of every candidate, from the seconds in the records.

    `share` is what k observations cost of training to the end, k (T_train + T_beta) / (K T_train), with K the epochs in the records and
    one tick an epoch; `share_beta` is c k / K, which counts the readings alone, as the paper does.
    """

    name: ClassVar[str] = "cost"
    summary: ClassVar[str] = "How long does a reading of beta_eff take, beside an epoch of training?"
    shows: ClassVar[str] = "Fig. S3, Table S1"
    caption: ClassVar[str] = (
        "Median seconds of an epoch of training and of a reading of beta_eff, and their ratio c, in the mean over the targets (small: each "
        "of them). The paper measured its ratio on four V100 GPUs."
    )
    lacks: ClassVar[str] = "seconds of both training and readings"
    options: ClassVar[tuple[str, ...]] = ("ticks",)
    table: ClassVar[Table] = Table(
        "cost",
        "what a reading of beta_eff costs, beside an epoch of training",
        (
            TARGET,
            Column("candidate", str, "", "name of the network"),
            Column("ticks", int, "", "number of observations, k, that `share` counts"),
            Column("reading", str, "", "the reading that was timed"),
            Column("seconds_train", float, "s", "T_train: median over the epochs, the first of every run left out"),
            Column("seconds_beta", float, "s", "T_beta: median over the readings, the first of every run left out"),
            Column("ratio", float, "", "c = T_beta / T_train"),
            Column("epochs", float, "epochs", "K: epochs of the longest run"),
            Column("share", float, "", "k (T_train + T_beta) / (K T_train)"),
            Column("share_beta", float, "", "c k / K"),
        ),
        keys=3,
    )

    def rows(self, cases: Sequence[Case], asked: Asked) -> list[dict[str, Any]]:
        """A row per target, candidate and number of observations; none for a candidate whose seconds were not recorded."""
        made = []
        for case in cases:
            records = case.records
            rows = joined(records.observations, records.readings, records.reading)
            for candidate, own in rows.groupby("candidate"):
                train, beta = seconds(own)
                if not (train > 0 and np.isfinite(beta)):
                    continue
                epochs, ratio = float(own["epoch"].max()), beta / train
                made += [
                    {
                        "target": case.target,
                        "candidate": candidate,
                        "ticks": count,
                        "reading": records.reading,
                        "seconds_train": train,
                        "seconds_beta": beta,
                        "ratio": ratio,
                        "epochs": epochs,
                        "share": count * (1 + ratio) / epochs,
                        "share_beta": count * ratio / epochs,
                    }
                    for count in asked.counts((USUAL,), case.last)
                ]
        return made

    def draw(self, table: "pd.DataFrame") -> "Figure":
        """Left: seconds per candidate. Right: their ratio, beside the paper's."""
        from ncap.report.figures import canvas
        from ncap.report.figures.cost import draw_ratios, draw_seconds

        once = table.drop_duplicates(["target", "candidate"])
        means = once.groupby("candidate", sort=False)[["seconds_train", "seconds_beta"]].mean()
        times = {str(name): (train, beta) for name, train, beta in means.itertuples()}
        colours = canvas.colours(list(times))
        figure, (left, right) = canvas.pair(0.34 * len(times) + 1.7, (1.25, 1), share_y=True)
        draw_seconds(left, times, colours)
        left.set_xlabel("seconds per epoch (median)")
        each = (
            {str(name): own["ratio"].tolist() for name, own in once.groupby("candidate")}
            if once["target"].nunique() > 1
            else {}
        )
        draw_ratios(right, times, colours, each)
        right.tick_params(axis="y", length=0, labelleft=False)
        return figure


def seconds(rows: "pd.DataFrame") -> tuple[float, float]:
    """Median seconds of an epoch of training and of a reading, of one candidate's joined rows; NaN where they were not recorded.

    The first epoch and the first reading of a run include compilation and are left out, unless the run has no other.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"run": 0, "tick": [1, 2, 3, 4], "epoch": [0.5, 1, 2, 3], "read": True,
    ...                      "seconds_train": [9.0, 2.0, 4.0, 5.0], "seconds_beta": [3.0, 1.0, 1.0, 1.0]})
    >>> seconds(rows)
    (4.5, 1.0)
    """
    epochs = (
        rows.assign(epoch=np.ceil(rows["epoch"]))
        .groupby(["run", "epoch"])["seconds_train"]
        .agg(lambda ticks: ticks.sum(skipna=False))
    )
    trained, read = after_the_first(epochs.reset_index()), after_the_first(rows[rows["read"]])
    return float(trained["seconds_train"].median()), float(read["seconds_beta"].median())
