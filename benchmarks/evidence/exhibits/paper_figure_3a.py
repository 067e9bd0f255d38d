"""The paper's Figure 3a: predicted and final accuracies on CIFAR-10."""

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits import paper
from benchmarks.evidence.exhibits.contract import Exhibit
from benchmarks.evidence.exhibits.drawing import scatters


def table(evidence: Evidence) -> pd.DataFrame:
    """One row per candidate on CIFAR-10."""
    return paper.predicted(evidence, ["cifar10"])


EXHIBIT = Exhibit(
    "paper_figure_3a",
    "Figure 3a of the paper: predicted and final accuracy on CIFAR-10",
    f"h(0) after five epochs, probe frozen, beside the last-seen accuracy. The paper: rho > {paper.published('ranking', 'rho_cifar10'):g} "
    "with seventeen ImageNet networks.",
    table,
    draw=scatters,
)
