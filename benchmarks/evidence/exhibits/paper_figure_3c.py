"""The paper's Figure 3c: the size of the training set; the table has no trainings for it."""

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits import paper
from benchmarks.evidence.exhibits.contract import Exhibit

ENOUGH, ALL_IMAGES = paper.published("training_size", "enough"), paper.published("data", "cifar10_train")


def table(evidence: Evidence) -> pd.DataFrame:
    """Empty: every training of a target in the table has the same images."""
    return pd.DataFrame(columns=["tier", "probe", "target", "n_train", "candidates", "runs", "rho"])


EXHIBIT = Exhibit(
    "paper_figure_3c",
    "Figure 3c of the paper: less training data",
    f"Not from this table, whose trainings of a target all have the same images: `ncap study size` trains for it. The paper: {ENOUGH:,.0f} "
    f"of {ALL_IMAGES:,.0f} CIFAR-10 images rank about as well as all.",
    table,
)
