"""Neural capacitance as the paper predicts from it: I* = h(0)."""

from collections.abc import Mapping
from typing import ClassVar

from ncap.rules.contract import Curve, Fit, Prediction, Rule

NO_BETA = "last-seen accuracy: no epoch has a beta_eff"


class Capacitance(Rule):
    """I* = h(0): the accuracy where beta_eff would have vanished (Jiang et al. 2024; MATHEMATICS.md, section 6).

    h is the Bayesian ridge of accuracy on beta_eff, `ncap.CapacitancePredictor`, over the ticks at which both can be read. Where h cannot
    be fitted the last-seen accuracy stands in. The interval is at least as wide as h(0) can be from the value at 0 of a line that the
    accuracies keep to within the largest residual (T8).

    Accuracy 0.9 - beta / 10 is 0.9 at 0:

    >>> curve = Curve.of(beta_eff=[4, 3, 2, 1], val_accuracy=[0.5, 0.6, 0.7, 0.8])
    >>> round(Capacitance().predict(curve, {}).value, 3)
    0.9
    """

    name: ClassVar[str] = "capacitance"
    summary: ClassVar[str] = "h(0): the ridge of accuracy on beta_eff, continued to beta_eff = 0."
    needs: ClassVar[tuple[str, ...]] = ("val_accuracy", "beta_eff")
    source: ClassVar[str] = "Jiang et al. 2024, Nature Communications 15, 5718"

    def __init__(self, t0: str | int = "bic") -> None:
        """t0: the first row of the fit, as `ncap.CapacitancePredictor` takes it."""
        self.t0 = t0

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate; the scores are not read."""
        from ncap.rules.regression import FAR, CapacitancePredictor

        seen = curve.having("val_accuracy")
        readable = seen.having("beta_eff")
        if not len(readable):
            return Prediction.fallback(seen, NO_BETA)
        predictor = CapacitancePredictor(self.t0).fit(readable.beta_eff[:, None], readable.val_accuracy)
        if predictor.status_ == "fallback":
            return Prediction.fallback(seen, predictor.note_, points(readable))
        remark = ""
        if predictor.clipped_:
            remark = f"h(0) = {predictor.unclipped_:.2f}, clipped"
        elif predictor.extrapolation_ >= FAR:
            remark = f"0 lies {predictor.extrapolation_:.2g} ranges away"
        fit = points(readable, t0=predictor.t0_, line=predictor.line, remark=remark, reach=predictor.reach)
        return Prediction.of_accuracy(predictor.unclipped_, seen, predictor.std_, predictor.note_, fit=fit)


def points(curve: Curve, **drawn: object) -> Fit:
    """The fit that goes through the points of a curve, all of which can be read."""
    return Fit(tuple(map(int, curve.tick)), curve.beta_eff, curve.val_accuracy, **drawn)  # type: ignore[arg-type]
