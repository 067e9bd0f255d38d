"""The contract of a rule: a candidate's curve and scores in, a prediction out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from numbers import Real
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ncap.arguments import numbers

FloatArray = NDArray[np.float64]
Status = Literal["ok", "fallback", "failed"]

HORIZON = 30.0  # epochs; where a rule is asked for the end of training
NOTHING_SEEN = "no epoch that every run has"
UNFITTED = "last-seen accuracy: the rule learns from other records, and was fitted to none"
# Half the width of the middle 95 % of a normal distribution, in standard deviations.
NORMAL_95 = 1.959963984540054


def checked_horizon(horizon: Any) -> float:
    """A positive number of epochs. Raises ValueError."""
    number = float(horizon) if isinstance(horizon, Real) and not isinstance(horizon, bool) else 0.0
    if not (isfinite(number) and number > 0):
        raise ValueError(f"horizon must be a positive number of epochs, got {horizon!r:.80}")
    return number


@dataclass(frozen=True, eq=False)
class Curve:
    """What one candidate showed, tick by tick, as a mean over its runs; it holds no test accuracy.

    A value is NaN at a tick where any of the runs lacks it: a mean over some of the runs would jump where one could not be read.

    Attributes:
        candidate: its name.
        reading: which definition of beta_eff was read; "" for none.
        tick: numbers of the ticks, increasing, shape (n,).
        epoch: epochs trained at each, shape (n,), as all arrays below; a fraction inside an epoch.
        train_accuracy, val_accuracy: shares of right labels, in 0..1.
        train_loss, val_loss: mean cross-entropy in nats.
        beta_eff, beta_eff_error: the reading and its standard error.
        seconds: training time since the last tick.
        reason: why the reading is degenerate in some run, "" where it is not; n texts.
        horizon: the epoch at which the accuracy is asked for.
    """

    candidate: str
    reading: str
    tick: NDArray[np.int64]
    epoch: FloatArray
    train_accuracy: FloatArray
    train_loss: FloatArray
    val_accuracy: FloatArray
    val_loss: FloatArray
    beta_eff: FloatArray
    beta_eff_error: FloatArray
    seconds: FloatArray
    reason: tuple[str, ...]
    horizon: float = HORIZON

    @classmethod
    def of(
        cls,
        candidate: str = "candidate",
        reading: str = "",
        horizon: float = HORIZON,
        reason: Sequence[str] | None = None,
        tick: ArrayLike | None = None,
        **columns: ArrayLike,
    ) -> Self:
        """A curve of the columns given, the others NaN; ticks and epochs count from 1 unless given.

        Raises: TypeError or ValueError for unknown, masked or unequal columns, accuracies that are no fractions, and ticks or epochs out
        of order.

        >>> Curve.of(val_accuracy=[0.5, 0.6]).epoch
        array([1., 2.])
        """
        given = {name: numbers(name, values).astype(np.float64) for name, values in columns.items()}
        sizes = [len(values) for values in (*given.values(), *(() if reason is None else (reason,)))]
        if unknown := sorted(set(given) - set(cls.columns())):
            raise TypeError(f"unknown column {unknown[0]!r} of a curve; known: {', '.join(cls.columns())}")
        n = sizes[0] if sizes else 0
        if any(size != n for size in sizes):
            raise ValueError(f"the columns of a curve must have one length, got {sizes}")
        ticks = np.arange(1, n + 1) if tick is None else numbers("tick", tick)
        _check_curve(ticks, given)
        filled = {name: given.get(name, np.full(n, np.nan)) for name in cls.columns()}
        if "epoch" not in given:
            filled["epoch"] = ticks.astype(np.float64)
        reasons = ("",) * n if reason is None else tuple(reason)
        return cls(candidate, reading, ticks.astype(np.int64), **filled, reason=reasons, horizon=float(horizon))

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """The names of the arrays of numbers, `tick` left out."""
        own = {"candidate", "reading", "tick", "reason", "horizon"}
        return tuple(column.name for column in fields(cls) if column.name not in own)

    def __len__(self) -> int:
        """The number of ticks."""
        return len(self.tick)

    def having(self, *columns: str) -> Self:
        """The ticks at which all these columns hold a number.

        >>> Curve.of(val_accuracy=[0.5, 0.6], beta_eff=[float("nan"), 2.0]).having("beta_eff").tick.tolist()
        [2]
        """
        kept = np.ones(len(self), dtype=bool)
        for name in columns:
            kept &= np.isfinite(getattr(self, name))
        return self if kept.all() else self.at(kept)

    def at(self, kept: NDArray[np.bool_]) -> Self:
        """The ticks at which `kept`, shape (n,), is true."""
        arrays = {name: getattr(self, name)[kept] for name in ("tick", *self.columns())}
        return replace(self, **arrays, reason=tuple(np.asarray(self.reason, dtype=object)[kept]))


def _check_curve(ticks: NDArray[Any], given: Mapping[str, FloatArray]) -> None:
    """Raise ValueError for what would be read as if nothing were wrong: the last row is taken for the last tick."""
    if (ticks != np.floor(ticks)).any() or (np.diff(ticks) <= 0).any():
        raise ValueError(f"tick must be whole numbers that increase, got {ticks.tolist()!r:.80}")
    epochs = given.get("epoch", np.empty(0))
    if (np.diff(epochs[np.isfinite(epochs)]) < 0).any():
        raise ValueError(f"epoch must not fall from one tick to the next, got {epochs.tolist()!r:.80}")
    for name in ("train_accuracy", "val_accuracy"):
        odd = [value for value in given.get(name, np.empty(0)).tolist() if value < 0 or 1 < value < np.inf]
        if odd:
            raise ValueError(f"{name} must be numbers in 0..1, got {odd[0]:g}; pass fractions, not percent")


@dataclass(frozen=True, eq=False)
class Fit:
    """A fit of accuracy on beta_eff as a figure draws it: nothing is fitted a second time.

    Attributes:
        ticks: of the points, m of them.
        beta, accuracy: the points, shape (m,).
        t0: index of the first point that the line was fitted to.
        line: beta of shape (k,) -> (mean, standard deviation) of the accuracy there; None where no line could be fitted.
        at: beta at which the prediction was read off.
        label: what the prediction is called in formulas, such as "h(0)".
        remark: what must be known of it, in a few words; "" if nothing.
        reach: eta -> how far the prediction can lie from the value of a line that the accuracies keep to within eta, or within the
            largest residual (T8); None where no such bound is known.
    """

    ticks: tuple[int, ...]
    beta: FloatArray
    accuracy: FloatArray
    t0: int = 0
    line: Callable[[FloatArray], tuple[FloatArray, FloatArray]] | None = None
    at: float = 0.0
    label: str = "h(0)"
    remark: str = ""
    reach: Callable[[float], float] | None = None


@dataclass(frozen=True)
class Prediction:
    """What a rule predicts of one candidate.

    Attributes:
        value: the accuracy at the end, clipped to 0..1, or a score that only orders; NaN where there is nothing to predict from.
        low, high: the ends of its 95 % interval, clipped likewise; where the fit has a reach (T8), those of the wider of the two; NaN
            where the rule has none.
        std: standard deviation before clipping; NaN where the rule has none.
        is_accuracy: whether the value is an accuracy.
        status: "ok"; "fallback": the last-seen accuracy stands in; "failed": every run failed.
        note: what else must be known, in a short sentence; "" if nothing.
        order: the value before clipping, by which candidates are ordered.
        ticks: the numbers of the ticks that were read.
        fit: what a figure draws of the fit; None where there is none.
    """

    value: float
    low: float
    high: float
    std: float
    is_accuracy: bool
    status: Status
    note: str
    order: float
    ticks: tuple[int, ...]
    fit: Fit | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_accuracy(
        cls,
        order: float,
        curve: Curve,
        std: float = np.nan,
        note: str = "",
        status: Status = "ok",
        fit: Fit | None = None,
    ) -> Self:
        """An accuracy, clipped to 0..1, read from the ticks of a curve.

        >>> p = Prediction.of_accuracy(1.2, Curve.of(val_accuracy=[0.5, 0.6]), std=0.2)
        >>> p.value, p.order, round(p.low, 2), p.high, p.ticks
        (1.0, 1.2, 0.81, 1.0, (1, 2))
        """
        low, high = (float(np.clip(order + z * std, 0.0, 1.0)) for z in (-NORMAL_95, NORMAL_95))
        value = float(np.clip(order, 0.0, 1.0))
        made = cls(value, low, high, float(std), True, status, note, float(order), _ticks(curve), fit)
        return made.allowing(0.0)

    def allowing(self, eta: float) -> Self:
        """The same with an interval that allows for errors of eta in the accuracies seen, where the fit has a reach (T8).

        >>> fit = Fit((1, 2), np.array([2.0, 1.0]), np.array([0.5, 0.6]), reach=lambda eta: 3 * eta)
        >>> p = Prediction.of_accuracy(0.7, Curve.of(val_accuracy=[0.5, 0.6]), std=0.01, fit=fit).allowing(0.05)
        >>> round(p.low, 2), round(p.high, 2), p.std
        (0.55, 0.85, 0.01)
        """
        reach = self.fit.reach(eta) if self.fit is not None and self.fit.reach is not None else np.nan
        if not np.isfinite(reach):
            return self
        low, high = (float(np.clip(self.order + side * reach, 0.0, 1.0)) for side in (-1, 1))
        return replace(self, low=float(np.fmin(self.low, low)), high=float(np.fmax(self.high, high)))

    @classmethod
    def of_score(cls, score: float, curve: Curve, note: str = "") -> Self:
        """A score that orders candidates and is no accuracy."""
        nan = float("nan")
        return cls(float(score), nan, nan, nan, False, "ok", note, float(score), _ticks(curve))

    @classmethod
    def fallback(cls, curve: Curve, note: str, fit: Fit | None = None) -> Self:
        """The last-seen accuracy instead of a prediction; NaN where no accuracy was seen, and `note` is replaced by that.

        >>> Prediction.fallback(Curve.of(val_accuracy=[0.5, 0.6]), "no beta_eff").value
        0.6
        """
        seen = curve.having("val_accuracy")
        if not len(seen):
            return cls.of_accuracy(float("nan"), seen, note=NOTHING_SEEN, status="fallback")
        return cls.of_accuracy(float(seen.val_accuracy[-1]), seen, note=note, status="fallback", fit=fit)

    @classmethod
    def failure(cls, curve: Curve, note: str) -> Self:
        """No prediction, because every run failed."""
        return cls.of_accuracy(float("nan"), curve.having("val_accuracy"), note=note, status="failed")


def _ticks(curve: Curve) -> tuple[int, ...]:
    return tuple(int(tick) for tick in curve.tick)


class Outcome(NamedTuple):
    """How one candidate ended: what a rule that learns is fitted to.

    target: what it was trained on. curve: all of its training, which names the candidate. scores: score -> value. accuracy: the
    validation accuracy that it ended with, in 0..1.
    """

    target: str
    curve: Curve
    scores: Mapping[str, float]
    accuracy: float

    @property
    def pair(self) -> tuple[str, str]:
        """Target and candidate: what no rule may have learned from that is asked about it."""
        return self.target, self.curve.candidate


def _folded(target: str, candidate: str) -> tuple[str, str]:
    """A pair as what is learned from and what is judged are compared: "Digits" and "digits" are one target."""
    return target.strip().casefold(), candidate


class Rule(ABC):
    """A rule predicts the accuracy of one candidate at the end of training from what was seen of it, or only orders candidates.

    Laws, which `ncap.testing.rules.check_rule` tests:

    1. `predict` raises for no curve, however short, constant or empty of numbers: status and note say what is wrong.
    2. It depends on what `needs` names alone, and not on the candidate's name; the same input gives the same
       prediction.
    3. A tick that holds no number changes nothing.
    4. An accuracy lies in 0..1 and is `order`, clipped; low <= value <= high where there is an interval.
    5. A fallback's value is the last-seen accuracy, or NaN where none was seen; its note says why.
    6. `ticks` are ticks of the curve, in order.
    7. A rule that is `scale_free` predicts the same for beta_eff and c beta_eff, c > 0.
    8. A rule that `learns` falls back before it is fitted; then it keeps the other laws. One that does not refuses to be fitted.
    9. `predict_many` gives what `predict` gives, curve by curve.
    10. A rule is not fitted to what it is judged on: `fit` refuses the outcome of a pair of target and candidate that it will be asked
        about, and what judges rules (`ncap.predict`, `ncap.compare`, rankings) refuses a rule that has learned from such a pair. Targets
        whose names differ in capitals alone count as one.

    A rule's class has the attributes:
        name: by which it is registered and printed.
        summary: one sentence on what it predicts.
        needs: the attributes of `Curve` (`tick` apart) and the scores (as "score:NAME") that it reads.
        source: where it comes from.
        learns: whether it must be fitted to other records first; it then defines `learn`.
        cost: its cost class, for one candidate: "low" for milliseconds or less, "high" for seconds.
        is_accuracy: whether its values are accuracies.
        scale_free: whether the unit of beta_eff is irrelevant to it.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    source: ClassVar[str]
    learns: ClassVar[bool] = False
    cost: ClassVar[Literal["low", "high"]] = "low"
    is_accuracy: ClassVar[bool] = True
    scale_free: ClassVar[bool] = True
    learned_from: frozenset[tuple[str, str]] = frozenset()
    _learned: frozenset[tuple[str, str]] = frozenset()

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a class that defines `fit` and would not refuse what it is judged on."""
        super().__init_subclass__(**options)
        if "fit" in vars(cls):
            raise TypeError(
                f"{cls.__name__} defines fit, which refuses what a rule is judged on; define learn(history) in its place"
            )

    @abstractmethod
    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate from its curve and its scores (name -> value)."""

    def predict_many(self, curves: Sequence[Curve], scores: Sequence[Mapping[str, float]]) -> list[Prediction]:
        """The predictions for several candidates. A rule defines it where many at once cost less than one after the other."""
        return [self.predict(curve, known) for curve, known in zip(curves, scores, strict=True)]

    def fit(self, history: Sequence[Outcome], judged: Iterable[tuple[str, str]]) -> Self:
        """A copy of the rule that has learned from how other candidates ended.

        Args:
            history: the outcomes to learn from.
            judged: the pairs of target and candidate that the rule will be asked about.

        Raises: TypeError where the rule does not learn; ValueError for an outcome of a pair that is judged.
        """
        if not self.learns:
            raise TypeError(f"the rule {self.name!r} does not learn; call predict without fit")
        asked = {_folded(str(target), str(candidate)) for target, candidate in judged}
        if known := [outcome.pair for outcome in history if _folded(*outcome.pair) in asked]:
            raise ValueError(
                f"history holds the outcome of {known[0][1]!r:.80} on {known[0][0]!r:.80} ({len(known)} of them in all), which the rule "
                f"{self.name!r} is judged on; leave them out"
            )
        fitted = deepcopy(self)  # `learn` may change in place what the rule holds
        fitted.learn(list(history))
        fitted.learned_from = frozenset(outcome.pair for outcome in history)
        fitted._learned = frozenset(_folded(*pair) for pair in fitted.learned_from)
        return fitted

    def learn(self, history: list[Outcome]) -> None:
        """Keep what `predict` needs of the history, which `fit` has checked; a rule that learns defines it."""
        raise NotImplementedError(f"{type(self).__name__} learns, and does not define learn(history)")

    def check_judged(self, target: str, candidate: str) -> None:
        """Raise ValueError where the rule has learned from this candidate on this target."""
        if (target, candidate) in self.learned_from or _folded(target, candidate) in self._learned:
            raise ValueError(
                f"the rule {self.name!r} has learned from {candidate!r:.80} on {target!r:.80}, which it is asked about; fit it to a "
                "history without that outcome"
            )

    def __repr__(self) -> str:
        """The name of the rule."""
        return f"<rule {self.name}>"
