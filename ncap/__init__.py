"""Neural capacitance: predict the accuracy a network will end with from a few epochs of training.

>>> import ncap
>>> ncap.regret([0.9, 0.8], [0.5, 0.75], k=1)     # the candidate picked by prediction ends 0.25 below the best
0.25
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what _HOME says below, for type checkers and editors
    from ncap.candidates.catalog import list_candidates as list_candidates
    from ncap.leaderboard import Ranking as Ranking
    from ncap.measure import capacitance as capacitance
    from ncap.measure import gradient_capacitance as gradient_capacitance
    from ncap.observe import CapacitanceCallback as CapacitanceCallback
    from ncap.predict import CapacitancePredictor as CapacitancePredictor
    from ncap.probe import attach_probe as attach_probe
    from ncap.probe import detach_probe as detach_probe
    from ncap.ranking import kendall as kendall
    from ncap.ranking import regret as regret
    from ncap.ranking import spearman as spearman
    from ncap.ranking import weighted_tau as weighted_tau
    from ncap.scores.scoring import list_scores as list_scores
    from ncap.scores.scoring import score as score
    from ncap.select import rank as rank
    from ncap.targets.catalog import list_targets as list_targets

__version__ = version("ncap")

# Public name -> the module that defines it. Loaded on first use, because most of them need a deep-learning framework.
_HOME = {
    # the probe and its capacitance
    "attach_probe": "ncap.probe",
    "detach_probe": "ncap.probe",
    "capacitance": "ncap.measure",
    "gradient_capacitance": "ncap.measure",
    "CapacitanceCallback": "ncap.observe",
    # from observations to a prediction
    "CapacitancePredictor": "ncap.predict",
    # the main job
    "rank": "ncap.select",
    "Ranking": "ncap.leaderboard",
    # what there is to rank, and numbers that need no training
    "list_candidates": "ncap.candidates.catalog",
    "list_targets": "ncap.targets.catalog",
    "list_scores": "ncap.scores.scoring",
    "score": "ncap.scores.scoring",
    # quality of a ranking
    "spearman": "ncap.ranking",
    "kendall": "ncap.ranking",
    "weighted_tau": "ncap.ranking",
    "regret": "ncap.ranking",
}

__all__ = ["__version__", *_HOME]


if not TYPE_CHECKING:  # a type checker would take any name for one of these

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'ncap' has no attribute {name!r}; public names: {', '.join(__all__)}")
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
