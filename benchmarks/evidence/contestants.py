"""Who is judged: every rule, every reading of beta_eff, every score, and the controls that say where a gain comes from.

A contestant is a rule, the reading that stands for beta_eff, and perhaps a change of what the rule sees. Its name says all three:
"capacitance" reads the protocol's reading, "capacitance[gradient]" another, "capacitance[training loss]" has the training loss in the
place of beta_eff. Rules and scores that are registered in ncap are contestants without another line here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

import numpy as np

from ncap.measure.readings import names as readings
from ncap.rules import RULES, resolve
from ncap.rules.capacitance import Capacitance
from ncap.rules.contract import Curve, Prediction, Rule
from ncap.scores import SCORES
from ncap.training.seeds import derived_seed

# What a rule is shown instead: the curves of all candidates after the ticks observed, and a seed, give others.
Change = Callable[[list[Curve], int], list[Curve]]

BETA_RULES = ("capacitance", "capacitance_forecast")
DRAWS = 5  # of a control that is drawn
EXPONENT = -0.7
T0_EPOCHS, T0_MOST = 10, 6  # Fig. 3b: the epochs observed, and the most that are left out at their beginning
FEW_READINGS = ("gradient",)  # beside the protocol's own, where there are many targets


@dataclass(frozen=True)
class Contestant:
    """One way to order candidates.

    group: curve (reads no beta_eff), capacitance (a rule and a reading), control, paper (observes once an epoch, as the paper does), t0, or
    score (known before training). reading: what stands in the column beta_eff. draws: how often a drawn control is drawn. few: whether it
    is judged on sub-targets, of which there are many, as well.
    """

    name: str
    group: str
    rule: Rule
    reading: str = ""
    change: Change | None = None
    draws: int = 1
    few: bool = True

    @property
    def stored(self) -> bool:
        """Whether its predictions are kept: a ridge is fitted for each, or it takes seconds; those of a rule that learns are not, as they
        depend on every other curve of the table."""
        return not self.rule.learns and ("beta_eff" in self.rule.needs or self.rule.cost == "high")


class Lowest(Rule):
    """The lower a column of the curve at the last tick, the better: a score that orders."""

    name: ClassVar[str] = "lowest"
    summary: ClassVar[str] = "Minus the last value of one column."
    source: ClassVar[str] = "EVIDENCE.md, controls"
    is_accuracy: ClassVar[bool] = False

    def __init__(self, column: str) -> None:
        self.column = column
        vars(self)["needs"] = (column,)

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        seen = curve.having(self.column)
        if not len(seen):
            return Prediction.fallback(curve, f"no {self.column}")
        return Prediction.of_score(-float(getattr(seen, self.column)[-1]), seen)


class Known(Rule):
    """A score that was known before training."""

    name: ClassVar[str] = "score"
    summary: ClassVar[str] = "A score, as it is."
    source: ClassVar[str] = "ncap.scores"
    is_accuracy: ClassVar[bool] = False

    def __init__(self, score: str) -> None:
        self.score = score
        vars(self)["needs"] = (f"score:{score}",)

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        return Prediction.of_score(scores.get(self.score, np.nan), curve)


def over_epochs(curves: list[Curve], seed: int) -> list[Curve]:
    """Every candidate's own readings, in an order drawn at random.

    >>> made = over_epochs([Curve.of(beta_eff=[3, 2, 1], val_accuracy=[0.1, 0.2, 0.3])], 0)
    >>> sorted(made[0].beta_eff.tolist()), made[0].val_accuracy.tolist()
    ([1.0, 2.0, 3.0], [0.1, 0.2, 0.3])
    """
    drawn = [np.random.default_rng(derived_seed(seed, curve.candidate)) for curve in curves]
    return [replace(curve, beta_eff=rng.permutation(curve.beta_eff)) for curve, rng in zip(curves, drawn, strict=True)]


def over_models(curves: list[Curve], seed: int) -> list[Curve]:
    """The readings of another candidate, tick by tick; nobody keeps his own.

    >>> two = [Curve.of("a", beta_eff=[2, 1]), Curve.of("b", beta_eff=[4, 3])]
    >>> [(curve.candidate, curve.beta_eff.tolist()) for curve in over_models(two, 0)]
    [('a', [4.0, 3.0]), ('b', [2.0, 1.0])]
    """
    order = np.random.default_rng(seed).permutation(len(curves))
    given = dict(zip(order, np.roll(order, 1), strict=True))  # round a ring in which all stand in a drawn order
    return [_with(curve, curves[given[i]]) for i, curve in enumerate(curves)]


def _with(curve: Curve, giver: Curve) -> Curve:
    """The curve with the readings of another at its own ticks, NaN where that has none."""
    at = dict(zip(giver.tick.tolist(), giver.beta_eff.tolist(), strict=True))
    return replace(curve, beta_eff=np.array([at.get(tick, np.nan) for tick in curve.tick.tolist()], dtype=np.float64))


def training_loss(curves: list[Curve], seed: int) -> list[Curve]:
    """The training loss in the place of beta_eff."""
    return [replace(curve, beta_eff=curve.train_loss) for curve in curves]


def training_error(curves: list[Curve], seed: int) -> list[Curve]:
    """1 - training accuracy: the table has no mean absolute error, whose thresholded form this is."""
    return [replace(curve, beta_eff=1 - curve.train_accuracy) for curve in curves]


def power_of_time(curves: list[Curve], seed: int) -> list[Curve]:
    """t^-0.7, t in epochs: the same for every candidate.

    >>> power_of_time([Curve.of(beta_eff=[2, 1])], 0)[0].beta_eff.round(3).tolist()
    [1.0, 0.616]
    """
    return [replace(curve, beta_eff=curve.epoch**EXPONENT) for curve in curves]


def whole_epochs(curves: list[Curve], seed: int) -> list[Curve]:
    """The ticks at the ends of epochs alone, as the paper observes."""
    return [curve.at(curve.epoch % 1 == 0) for curve in curves]


CONTROLS: dict[str, tuple[Change, int, bool]] = {
    "shuffled over epochs": (over_epochs, DRAWS, False),
    "shuffled over models": (over_models, DRAWS, False),
    "training loss": (training_loss, 1, True),
    "training error": (training_error, 1, False),
    "t^-0.7": (power_of_time, 1, True),
}
LOWEST = {"beta_eff": "beta_eff alone", "train_loss": "training loss alone", "val_loss": "validation loss alone"}


@cache
def contestants(reading: str) -> dict[str, Contestant]:
    """All of them by name, in the order of the tables; `reading` is the protocol's."""
    rules = {name: resolve(name) for name in RULES.names() if name not in BETA_RULES}
    found = [Contestant(name, "curve", rule, few=not rule.learns) for name, rule in rules.items()]
    for rule in BETA_RULES:
        found.append(Contestant(rule, "capacitance", resolve(rule), reading))
        others = [name for name in readings(of_models=True) if name != reading]
        found += [
            Contestant(f"{rule}[{name}]", "capacitance", resolve(rule), name, few=name in FEW_READINGS)
            for name in others
        ]
        found += [
            Contestant(f"{rule}[{words}]", "control", resolve(rule), reading if draws > 1 else "", change, draws, few)
            for words, (change, draws, few) in CONTROLS.items()  # what is drawn, is drawn from readings
        ]
    for column, words in LOWEST.items():
        found.append(Contestant(words, "control", Lowest(column), reading if column == "beta_eff" else ""))
    found += [
        _as_the_paper(name, reading) for name in ("last_seen", "best_seen", "baker", "affine_curves", *BETA_RULES)
    ]
    found += [
        Contestant(f"capacitance[t0 = {t0 + 1}]", "t0", Capacitance(t0), reading, whole_epochs, few=False)
        for t0 in range(T0_MOST + 1)
    ]
    found += [Contestant(name, "score", Known(name)) for name in SCORES.names()]
    return {one.name: one for one in found}


def _as_the_paper(rule: str, reading: str) -> Contestant:
    made = resolve(rule)
    return Contestant(
        f"{rule}[whole epochs]", "paper", made, reading if rule in BETA_RULES else "", whole_epochs, few=False
    )
