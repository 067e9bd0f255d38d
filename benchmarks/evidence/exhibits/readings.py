"""Every reading of beta_eff after the same epochs."""

import pandas as pd

from benchmarks.evidence.evidence import Evidence
from benchmarks.evidence.exhibits.contract import Exhibit, selected
from benchmarks.evidence.exhibits.rules import shown


def table(evidence: Evidence) -> pd.DataFrame:
    """The verdicts of both rules that read beta_eff, in every reading; readings that no training has are left out."""
    rows = selected(evidence.verdicts, group="capacitance")
    return rows[rows["fallbacks"] < 1].reset_index(drop=True) if len(rows) else rows


EXHIBIT = Exhibit(
    "readings",
    "Every reading of beta_eff after k epochs",
    "As above, for h(0) (`capacitance`) and for h at the beta_eff forecast for the last epoch (`capacitance_forecast`); without brackets "
    "in the protocol's reading. Where a reading is not defined, the last-seen accuracy stands in; the file has the share (`fallbacks`), "
    "and a row in which it stands in for all is left out.",
    table,
    shown,
)
