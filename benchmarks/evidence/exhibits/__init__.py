"""The exhibits: tables and figures of the evidence.

A new one is one file that defines an `Exhibit` named EXHIBIT, and one line below; the page shows them in this order.
"""

from benchmarks.evidence.exhibits.contract import Exhibit
from ncap.registry import Registry

_HERE = "benchmarks.evidence.exhibits"
EXHIBITS: Registry[Exhibit] = Registry(
    "exhibit",
    {
        name: f"{_HERE}.{name}:EXHIBIT"
        for name in (
            "cells",
            "rules",
            "first_epoch",
            "readings",
            "scores",
            "equal_seconds",
            "ablation",
            "noise_ceiling",
            "leave_one_out",
            "ill_defined",
            "dead_networks",
            "paper_table_1",
            "paper_figure_2",
            "paper_figure_3a",
            "paper_figure_3b",
            "paper_figure_3c",
            "paper_figure_4",
            "paper_figure_s1",
            "paper_figure_s2",
            "paper_figure_s3",
            "paper_table_s1",
        )
    },
)
