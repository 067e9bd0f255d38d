"""The paper's Supplementary Table S1: what the rules themselves take."""

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit
from benchmarks.evidence.predictions import TIMES


def table(evidence: Evidence) -> pd.DataFrame:
    """Processor time a candidate after five epochs, as `make evidence-slow` measured it; the page does not measure it again."""
    return pd.read_csv(TIMES) if TIMES.exists() else pd.DataFrame(columns=["rule", "epochs", "candidates", "ms"])


EXHIBIT = Exhibit(
    "paper_table_s1",
    "Supplementary Table S1: what the rules take",
    "Milliseconds of the processor a candidate, after five epochs of a target of the small tier, fitting included; of a rule that learns, "
    "learning too. Measured once, on the machine that kept the slow predictions.",
    table,
    shown=lambda rows: rows,
)
