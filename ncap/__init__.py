"""Neural capacitance: predict the accuracy a network will end with from a few epochs of training.

>>> import ncap
>>> ncap.regret([0.9, 0.8], [0.5, 0.75], k=1)     # the candidate picked by prediction ends 0.25 below the best
0.25
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("ncap")

# Public name -> the module that defines it. Loaded on first use, because most of them need a deep-learning framework.
_HOME = {
    # the probe and its capacitance
    "attach_probe": "ncap.probe",
    "detach_probe": "ncap.probe",
    "capacitance": "ncap.measure",
    "CapacitanceCallback": "ncap.observe",
    # from observations to a prediction
    "CapacitancePredictor": "ncap.predict",
    # the main job
    "rank": "ncap.select",
    "Ranking": "ncap.leaderboard",
    # quality of a ranking
    "spearman": "ncap.ranking",
    "kendall": "ncap.ranking",
    "weighted_tau": "ncap.ranking",
    "regret": "ncap.ranking",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ncap' has no attribute {name!r}; public names: {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
