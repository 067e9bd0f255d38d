"""Neural capacitance: predict from a few epochs of training the accuracy that a network will end with.

>>> import ncap
>>> ncap.regret([0.9, 0.8], [0.5, 0.75], k=1)     # the predicted winner ends 0.25 below the best
0.25
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from wrapt import when_imported

if TYPE_CHECKING:  # the same as _HOME below, for type checkers and editors
    from ncap.candidates.catalog import list_candidates as list_candidates
    from ncap.handover.export import export_model as export_model
    from ncap.measure.callback import CapacitanceCallback as CapacitanceCallback
    from ncap.measure.measurement import capacitance as capacitance
    from ncap.measure.measurement import gradient_capacitance as gradient_capacitance
    from ncap.measure.probe import attach_probe as attach_probe
    from ncap.measure.probe import detach_probe as detach_probe
    from ncap.measure.readings import list_readings as list_readings
    from ncap.pipeline import rank as rank
    from ncap.ranking.agreement import kendall as kendall
    from ncap.ranking.agreement import regret as regret
    from ncap.ranking.agreement import spearman as spearman
    from ncap.ranking.agreement import weighted_tau as weighted_tau
    from ncap.ranking.comparison import compare as compare
    from ncap.ranking.order import Ranking as Ranking
    from ncap.ranking.prediction import predict as predict
    from ncap.records.benchmark import load_benchmark as load_benchmark
    from ncap.rules import list_rules as list_rules
    from ncap.rules.regression import CapacitancePredictor as CapacitancePredictor
    from ncap.scores.scoring import list_scores as list_scores
    from ncap.scores.scoring import score as score
    from ncap.selection import Selection as Selection
    from ncap.selection import select as select
    from ncap.studies import list_studies as list_studies
    from ncap.studies.findings import study as study
    from ncap.targets.catalog import list_targets as list_targets

__version__ = version("ncap")

# Public name -> the module that defines it. Loaded on first use, because most of them need a deep-learning framework.
_HOME = {
    # the probe and its capacitance
    "attach_probe": "ncap.measure.probe",
    "detach_probe": "ncap.measure.probe",
    "capacitance": "ncap.measure.measurement",
    "gradient_capacitance": "ncap.measure.measurement",
    "CapacitanceCallback": "ncap.measure.callback",
    # the main job
    "rank": "ncap.pipeline",
    "Ranking": "ncap.ranking.order",
    "select": "ncap.selection",
    "Selection": "ncap.selection",
    "export_model": "ncap.handover.export",
    "score": "ncap.scores.scoring",
    # from records to predictions
    "predict": "ncap.ranking.prediction",
    "CapacitancePredictor": "ncap.rules.regression",
    # how good a ranking is, or a rule, and on what to try one
    "compare": "ncap.ranking.comparison",
    "study": "ncap.studies.findings",
    "load_benchmark": "ncap.records.benchmark",
    "spearman": "ncap.ranking.agreement",
    "kendall": "ncap.ranking.agreement",
    "weighted_tau": "ncap.ranking.agreement",
    "regret": "ncap.ranking.agreement",
    # which names there are
    "list_candidates": "ncap.candidates.catalog",
    "list_targets": "ncap.targets.catalog",
    "list_readings": "ncap.measure.readings",
    "list_rules": "ncap.rules",
    "list_scores": "ncap.scores.scoring",
    "list_studies": "ncap.studies",
}

__all__ = ["__version__", *_HOME]


@when_imported("keras")
def _register_probe(keras: Any) -> None:
    """Register Probe with Keras once both are imported, so that keras.models.load_model recognises the probe of a saved model."""
    import_module("ncap.measure.probe")


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'ncap' has no attribute {name!r}; public names: {', '.join(__all__)}")
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
