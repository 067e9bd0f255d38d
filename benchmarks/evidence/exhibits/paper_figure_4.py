"""The paper's Figure 4: predicted and final accuracies on every target."""

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits import paper
from benchmarks.evidence.exhibits.contract import Exhibit
from benchmarks.evidence.exhibits.drawing import scatters


def table(evidence: Evidence) -> pd.DataFrame:
    """One row per target and candidate."""
    return paper.predicted(evidence)


EXHIBIT = Exhibit(
    "paper_figure_4",
    "Figure 4 of the paper: predicted and final accuracy on every target",
    "As Figure 3a, for every target of the table.",
    table,
    draw=scatters,
)
