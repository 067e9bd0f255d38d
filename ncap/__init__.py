"""Neural capacitance: predict the accuracy a network will end with from a few epochs of training.

>>> import ncap
>>> ncap.regret([0.9, 0.8], [0.5, 0.75], k=1)     # the candidate picked by prediction ends 0.25 below the best
0.25
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from wrapt import when_imported

if TYPE_CHECKING:  # what _HOME says below, for type checkers and editors
    from ncap.leaderboard import Ranking as Ranking
    from ncap.measure.callback import CapacitanceCallback as CapacitanceCallback
    from ncap.measure.measurement import capacitance as capacitance
    from ncap.measure.measurement import gradient_capacitance as gradient_capacitance
    from ncap.measure.probe import attach_probe as attach_probe
    from ncap.measure.probe import detach_probe as detach_probe
    from ncap.measure.readings import list_readings as list_readings
    from ncap.predict import CapacitancePredictor as CapacitancePredictor
    from ncap.ranking import kendall as kendall
    from ncap.ranking import regret as regret
    from ncap.ranking import spearman as spearman
    from ncap.ranking import weighted_tau as weighted_tau
    from ncap.select import rank as rank

__version__ = version("ncap")

# Public name -> the module that defines it. Loaded on first use, because most of them need a deep-learning framework.
_HOME = {
    # the probe and its capacitance
    "attach_probe": "ncap.measure.probe",
    "detach_probe": "ncap.measure.probe",
    "capacitance": "ncap.measure.measurement",
    "gradient_capacitance": "ncap.measure.measurement",
    "CapacitanceCallback": "ncap.measure.callback",
    "list_readings": "ncap.measure.readings",
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


@when_imported("keras")
def _register_probe(keras: Any) -> None:
    """Register Probe with Keras as soon as both are there, so that keras.models.load_model knows a saved model's probe."""
    import_module("ncap.measure.probe")


if not TYPE_CHECKING:  # a type checker would take any name for one of these

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'ncap' has no attribute {name!r}; public names: {', '.join(__all__)}")
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
