"""The paper's Supplementary Figure S3: what a reading costs, in epochs of training."""

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits import paper
from benchmarks.evidence.exhibits.contract import Exhibit
from ncap.report.figures import canvas


def table(evidence: Evidence) -> pd.DataFrame:
    """Per tier, probe and candidate: median seconds of an epoch of training and of a reading after the first epoch, and their ratio c."""
    rows = []
    for race in (race for race in evidence.races if race.tier != "subtargets"):
        records, key = race.records, ["candidate", "run", "tick"]
        read = records.readings[records.readings["reading"] == evidence.reading]
        later = records.observations[records.observations["epoch"] > 1]
        both = later.merge(read[[*key, "seconds"]], on=key)
        both = both.assign(tier=race.tier, probe=race.probe, target=race.target)
        rows.append(both[["tier", "probe", "target", *key, "seconds_train", "seconds"]])
    if not rows:
        return pd.DataFrame()
    every = pd.concat(rows)
    found = every.groupby(["tier", "probe", "candidate"], sort=True).agg(
        targets=("target", "nunique"),
        runs=("run", "nunique"),
        seconds_train=("seconds_train", "median"),
        seconds_beta=("seconds", "median"),
    )
    return found.assign(c=found["seconds_beta"] / found["seconds_train"]).reset_index()


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean over candidates."""
    if rows.empty:
        return rows
    groups = rows.groupby(["tier", "probe"], sort=True)
    made = groups.agg(
        candidates=("candidate", "nunique"),
        targets=("targets", "max"),
        runs=("runs", "max"),
        seconds_train=("seconds_train", "mean"),
        seconds_beta=("seconds_beta", "mean"),
        c=("c", "mean"),
        c_least=("c", "min"),
        c_largest=("c", "max"),
    )
    return made.reset_index().assign(paper_c=paper.published("cost", "ratio")).round(2)


def draw(rows: pd.DataFrame) -> Figure | None:
    """Bars for every candidate, the slowest first."""
    rows = rows[rows["probe"] == paper.PROBE] if len(rows) else rows
    if rows.empty:
        return None
    groups = list(rows.groupby("tier", sort=True))
    figure, axes = canvas.panels(len(groups), height=0.18 * max(len(group) for _, group in groups) + 0.9, share_y=False)
    for ax, (tier, group) in zip(axes, groups, strict=True):
        group = group.sort_values("seconds_train")
        place = range(len(group))
        ax.barh(place, group["seconds_train"], color="#56B4E9", label="an epoch of training")
        ax.barh(place, group["seconds_beta"], left=group["seconds_train"], color="#D55E00", label="a reading")
        ax.set_yticks(list(place), [canvas.label(name, 24) for name in group["candidate"]])
        ax.set(title=f"{tier}, probe frozen", xlabel="seconds of one core")
        ax.grid(visible=False, axis="y")
        ax.legend(loc="lower right")
    return figure


EXHIBIT = Exhibit(
    "paper_figure_s3",
    "Supplementary Figure S3: what a reading costs",
    f"c = T_beta / T_train, the protocol's reading on all training images, here one of those that shared a pass of the body. The paper: c "
    f"about {paper.published('cost', 'ratio'):g} on four V100, double back-propagation; here the closed form on one core.",
    table,
    shown,
    draw,
)
