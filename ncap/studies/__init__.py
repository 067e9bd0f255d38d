"""Studies: questions of the paper that are asked of records again, each answered by a table and a figure.

A new study is one file that defines a subclass of `ncap.studies.contract.Study`, and one line below.
"""

from typing import TYPE_CHECKING

from ncap.registry import Registry
from ncap.studies.contract import Study

if TYPE_CHECKING:
    import pandas as pd

STUDIES: Registry[type[Study]] = Registry(
    "study",
    {
        "size": "ncap.studies.size:Size",
        "t0": "ncap.studies.t0:FirstTick",
        "observations": "ncap.studies.observations:Observations",
        "runs": "ncap.studies.runs:Runs",
        "cost": "ncap.studies.cost:Cost",
    },
)


def list_studies() -> "pd.DataFrame":
    """The registered studies, one row each.

    Returns: a DataFrame with the columns study, summary, shows (its place in the paper), and options (those of `ncap.study` that it
    reads beside the ones that all do).

    >>> list_studies().set_index("study").loc["size", "shows"]
    'Fig. 3c'
    """
    import pandas as pd

    rows = [
        {"study": name, "summary": study.summary, "shows": study.shows, "options": ", ".join(study.options)}
        for name, study in STUDIES.members().items()
    ]
    return pd.DataFrame(rows, columns=["study", "summary", "shows", "options"])
