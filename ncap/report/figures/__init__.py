"""The figures of the report.

A new figure is one file that defines a `Drawing` named DRAWING, and one line below; the page shows them in this order.
"""

from ncap.registry import Registry
from ncap.report.figures.drawing import Drawing

FIGURES: Registry[Drawing] = Registry(
    "figure",
    {
        "predicted_vs_true": "ncap.report.figures.predicted_vs_true:DRAWING",
        "fit": "ncap.report.figures.fit:DRAWING",
        "learning_curves": "ncap.report.figures.learning_curves:DRAWING",
        "beta_eff": "ncap.report.figures.beta_eff:DRAWING",
        "cost": "ncap.report.figures.cost:DRAWING",
    },
)
