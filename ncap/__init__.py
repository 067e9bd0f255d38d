"""Neural capacitance: predict the accuracy a network will end with from a few epochs of training.

>>> import ncap
>>> ncap.regret([0.9, 0.8], [0.5, 0.75], k=1)     # the candidate picked by prediction ends 0.25 below the best
0.25
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what _HOME says below, for type checkers and editors
    from ncap.measure import capacitance as capacitance
    from ncap.measure import gradient_capacitance as gradient_capacitance
    from ncap.observe import CapacitanceCallback as CapacitanceCallback
    from ncap.probe import attach_probe as attach_probe
    from ncap.probe import detach_probe as detach_probe
    from ncap.ranking.agreement import kendall as kendall
    from ncap.ranking.agreement import regret as regret
    from ncap.ranking.agreement import spearman as spearman
    from ncap.ranking.agreement import weighted_tau as weighted_tau
    from ncap.ranking.comparison import compare as compare
    from ncap.ranking.order import Ranking as Ranking
    from ncap.ranking.prediction import predict as predict
    from ncap.rules import list_rules as list_rules
    from ncap.rules.regression import CapacitancePredictor as CapacitancePredictor
    from ncap.select import rank as rank

__version__ = version("ncap")

# Public name -> the module that defines it. Loaded on first use, because most of them need a deep-learning framework.
_HOME = {
    # the probe and its capacitance
    "attach_probe": "ncap.probe",
    "detach_probe": "ncap.probe",
    "capacitance": "ncap.measure",
    "gradient_capacitance": "ncap.measure",
    "CapacitanceCallback": "ncap.observe",
    # from records to predictions
    "CapacitancePredictor": "ncap.rules.regression",
    "list_rules": "ncap.rules",
    "predict": "ncap.ranking.prediction",
    # the main job
    "rank": "ncap.select",
    "Ranking": "ncap.ranking.order",
    # quality of a ranking, and of rules
    "compare": "ncap.ranking.comparison",
    "spearman": "ncap.ranking.agreement",
    "kendall": "ncap.ranking.agreement",
    "weighted_tau": "ncap.ranking.agreement",
    "regret": "ncap.ranking.agreement",
}

__all__ = ["__version__", *_HOME]


if not TYPE_CHECKING:  # a type checker would take any name for one of these

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'ncap' has no attribute {name!r}; public names: {', '.join(__all__)}")
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
