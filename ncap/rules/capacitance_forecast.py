"""Neural capacitance where training will really end: h at the beta_eff forecast for the last epoch."""

from collections.abc import Mapping
from math import exp, isfinite, log
from typing import ClassVar

import numpy as np

from ncap.rules.capacitance import NO_BETA, points
from ncap.rules.contract import Curve, FloatArray, Prediction, Rule


class CapacitanceForecast(Rule):
    """h(beta_T), T the horizon in epochs: training stops before beta_eff has vanished (MATHEMATICS.md, section 6).

    h as in the rule `capacitance`. ln beta = a + b ln t by least squares over the ticks seen, t in epochs, and
    beta_T = exp(a + b ln T). Where a beta is not positive, fewer than two ticks can be read, or h cannot be fitted, the last-seen
    accuracy stands in.

    beta = 4 / t is 1 / 2 at epoch 8, where 0.9 - beta / 10 is 0.85:

    >>> curve = Curve.of(beta_eff=[4, 2, 4 / 3, 1], val_accuracy=[0.5, 0.7, 0.9 - 4 / 30, 0.8], horizon=8)
    >>> round(CapacitanceForecast().predict(curve, {}).value, 3)
    0.85
    """

    name: ClassVar[str] = "capacitance_forecast"
    summary: ClassVar[str] = (
        "h(beta_T): the ridge of accuracy on beta_eff, at the beta_eff forecast for the last epoch T."
    )
    needs: ClassVar[tuple[str, ...]] = ("epoch", "val_accuracy", "beta_eff", "horizon")
    source: ClassVar[str] = "this project, after Jiang et al. 2024 (MATHEMATICS.md, sections 6 and 7)"

    def __init__(self, t0: str | int = "bic") -> None:
        """t0: the first row of the fit, as `ncap.CapacitancePredictor` takes it."""
        self.t0 = t0

    def predict(self, curve: Curve, scores: Mapping[str, float]) -> Prediction:
        """The prediction for one candidate; the scores are not read."""
        from ncap.rules.regression import FAR, CapacitancePredictor, distance_of_zero, is_flat

        seen = curve.having("val_accuracy")
        readable = seen.having("epoch", "beta_eff")
        if not len(readable):
            return Prediction.fallback(seen, NO_BETA)
        beta, accuracy = readable.beta_eff, readable.val_accuracy
        if obstacle := _obstacle(readable):
            return Prediction.fallback(seen, f"last-seen accuracy: {obstacle}", points(readable))
        end = power_of_time(readable.epoch, beta, curve.horizon)
        if not isfinite(end):
            return Prediction.fallback(
                seen, f"last-seen accuracy: no finite beta_eff at epoch {curve.horizon:g}", points(readable)
            )
        predictor = CapacitancePredictor(self.t0).fit(beta[:, None], accuracy)
        if predictor.status_ == "fallback":
            return Prediction.fallback(seen, predictor.note_, points(readable))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a forecast may lie at 1e300
            mean, std = (float(value[0]) for value in predictor.line(np.array([end])))
            distance = distance_of_zero(beta[predictor.t0_ :, None] - end)
        if not (isfinite(mean) and isfinite(std)):
            return Prediction.fallback(
                seen, f"last-seen accuracy: no finite h at beta_eff = {end:.2g}", points(readable)
            )
        label, used = f"h(beta_{curve.horizon:g})", slice(predictor.t0_, None)
        remark = f"{label} = {mean:.2f}, clipped" if not 0 <= mean <= 1 else ""
        notes = [f"{label} = {mean:.3g} clipped to {min(max(mean, 0.0), 1.0):g}"] if remark else []
        if end > beta.max():
            notes.insert(0, f"beta_eff rises, to {end:.2g} at epoch {curve.horizon:g}: it shows no convergence")
        if distance >= FAR:
            notes.insert(0, f"beta_{curve.horizon:g} lies {distance:.2g} beta ranges away")
        if curve.horizon < readable.epoch[-1]:
            notes.insert(0, f"epoch {curve.horizon:g} lies before epoch {readable.epoch[-1]:g}, which was seen")
        if is_flat(predictor.line(beta[used])[0], accuracy[used]):
            notes.append("h is flat, the prediction is about the mean accuracy")
        fit = points(readable, t0=predictor.t0_, line=predictor.line, at=end, label=label, remark=remark)
        return Prediction.of_accuracy(mean, seen, std, "; ".join(notes), fit=fit)


def power_of_time(epoch: FloatArray, beta: FloatArray, horizon: float) -> float:
    """beta at epoch T = `horizon`, from ln beta = a + b ln t by least squares; infinite where it overflows.

    >>> round(power_of_time(np.array([1.0, 2.0, 4.0]), np.array([8.0, 4.0, 2.0]), 8.0), 12)
    1.0
    """
    t, y = np.log(epoch), np.log(beta)
    centred = t - t.mean()
    b = float(centred @ y / (centred @ centred))
    exponent = float(y.mean()) + b * (log(horizon) - float(t.mean()))
    return exp(exponent) if exponent < 700 else float("inf")


def _obstacle(readable: Curve) -> str:
    """Why no power of time can be fitted; "" when it can."""
    if len(np.unique(readable.epoch)) < 2:
        return f"{len(readable)} readable epochs, 2 needed for a forecast of beta_eff"
    if (readable.beta_eff <= 0).any():
        return "beta_eff is not positive at every epoch, so no power of time fits it"
    if (readable.epoch <= 0).any():
        return "an epoch is not positive, so no power of time fits beta_eff"
    return ""
