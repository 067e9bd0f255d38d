"""Capacitance: beta_eff with the facts that tell whether to believe it (MATHEMATICS.md, section 5)."""

import math
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ncap.reference.arguments import choose

INTERACTIONS = ("explicit", "hessian", "full_hessian")
STRENGTHS = ("signed", "magnitude")
WEIGHTINGS = ("unit", "relative")
NODES = ("kernels", "norms")

_REASONS = {
    "depth": "no weight both sends and receives in a probe of at most two kernels, so beta_eff is 0 whatever the training "
    "state; use at least two hidden layers",
    "softmax": "the errors of softmax sum to 0 over the classes, so with at most three kernels signed beta_eff is 0 whatever the "
    "training state (T3); read strength='magnitude'",
    "zero": "every interaction is 0 (no error left, no active path or, for the gradient form, a stationary point), so beta_eff is 0",
    "rounding": "the sums cancel down to rounding noise, so beta_eff is NaN; read strength='magnitude', or, where outputs have met "
    "soft targets, use float64",
}


class CapacitanceWarning(UserWarning):
    """A capacitance is degenerate: it says nothing about the state of training."""


class Reading(NamedTuple):
    """Which of the definitions that the paper's text allows was read (MATHEMATICS.md, section 2)."""

    interaction: str
    strength: str
    weighting: str
    nodes: str = "kernels"

    def __str__(self) -> str:
        """As in the table of observations.

        >>> str(Reading("explicit", "magnitude", "unit")), str(Reading("hessian", "signed", "unit", "norms"))
        ('explicit/magnitude/unit', 'hessian/signed/unit/norms')
        """
        return "/".join(self[:3] if self.nodes == "kernels" else self)


def read(interaction: str, strength: str, weighting: str, nodes: str = "kernels") -> Reading:
    """Check the keywords of a reading and put them together; ValueError names the allowed values, or those that go together."""
    choose("interaction", interaction, INTERACTIONS)
    choose("strength", strength, STRENGTHS)
    choose("weighting", weighting, WEIGHTINGS)
    choose("nodes", nodes, NODES)
    reading = Reading(interaction, strength, weighting, nodes)
    if interaction == "full_hessian" and reading != FULL_HESSIAN:
        raise ValueError(
            f"interaction='full_hessian' is every second derivative as it stands, by all parameters: read it with strength='signed', "
            f"weighting='unit' and nodes='kernels', got {str(reading)!r}"
        )
    if nodes == "norms" and (weighting != "unit" or (interaction == "hessian" and strength != "signed")):
        raise ValueError(
            f"nodes='norms' is read with weighting='unit', and with strength='signed' where interaction='hessian', got {str(reading)!r}"
        )
    return reading


# T7 (b) has no P behind it: |.| of every weight's w dC/dw.
GRADIENT_FORM = Reading("gradient", "magnitude", "relative")
# Its nodes are all parameters: kernels, biases, scales and shifts.
FULL_HESSIAN = Reading("full_hessian", "signed", "unit")


@dataclass(frozen=True)
class Capacitance:
    """Neural capacitance beta_eff = A / D of one state of training, and how far it can be trusted.

    beta_eff: A / D; exactly 0.0 where it is 0 by structure, NaN where only rounding is left.
    numerator, denominator: A = 1'PP1 and D = 1'P1, D before any eps.
    standard_error: of beta_eff over the samples (delta method); NaN where the method cannot give it or N = 1. It is too
        small for a signed ratio whose D lies within a few of its own standard errors of 0: such a ratio has no spread.
    cancellation: magnitude / |signed|, the larger of A's and D's; 1 for magnitude, NaN where the method cannot give it. For the
        gradient form D with every sample's |w dC/dw| / D: how far the samples' gradients cancel.
    degenerate, reason: "" or "depth", "softmax", "zero" (beta_eff is 0.0), "rounding" (beta_eff is NaN).
    n_samples, interaction, strength, weighting, nodes: what was read.
    batch: None, or how many samples each mini-batch had of which this is the mean: beta_eff, numerator and denominator then are means
        over the batches, the standard error is that of beta_eff's mean over them, and cancellation is the largest.
    drawn_from: None, or the N samples of which n_samples were enough for a wanted error; equal where all were needed. As an estimate of
        beta_eff of all N it errs by sqrt((N - n_samples) / (N - 1)) of the standard error (T9).
    """

    beta_eff: float
    numerator: float
    denominator: float
    standard_error: float
    cancellation: float
    degenerate: bool
    reason: str
    n_samples: int
    interaction: str
    strength: str
    weighting: str
    nodes: str = "kernels"
    batch: int | None = None
    drawn_from: int | None = None


class Moments(NamedTuple):
    """A and D of one strength, and whether every degree is exactly 0: all of P that beta_eff can see."""

    numerator: float
    denominator: float
    vanishes: bool


def structural_reason(depth: int, loss: str, reading: Reading) -> str:
    """Why beta_eff is 0 whatever the data: "depth" where no node both sends and receives, "softmax" for T3, "" otherwise.

    With kernels as nodes these are L <= 2 and L = 3. A norm between two kernels does both, and vanishes by T3 where it is the only one:
    L = 1 and L = 2. The full Hessian links every parameter to itself, and what the last layer sends is 0: L = 1 for T3.

    >>> structural_reason(3, "cross_entropy", Reading("explicit", "signed", "unit"))
    'softmax'
    >>> structural_reason(3, "squared_error", Reading("explicit", "signed", "unit"))
    ''
    >>> structural_reason(3, "cross_entropy", Reading("explicit", "signed", "unit", "norms"))
    ''
    """
    deepest = 0 if reading == FULL_HESSIAN else 1 if reading.nodes == "norms" else 2
    if depth <= deepest:
        return "depth"
    softmax = loss == "cross_entropy" and reading.strength == "signed" and reading.weighting == "unit"
    return "softmax" if softmax and depth == deepest + 1 else ""


def judge(
    moments: Moments,
    reading: Reading,
    *,
    structural: str,
    magnitude: Moments | None,
    standard_error: float,
    n_samples: int,
    interior_weights: int,
    rounding: float,
    eps: float = 0.0,
    errors: float = 1.0,
) -> Capacitance:
    """Turn sums into a Capacitance: 0.0 where it is structural, NaN where rounding explains it, and a warning for both.

    cancellation = max over A and D of magnitude / |signed|; rounding noise when it exceeds 1 / (10 eps_m log2(2m)),
    eps_m = `rounding`, the spacing of the computing dtype at 1, and m = N times the number of interior weights. The gradient
    form, which has no pole, keeps its value there and loses its standard error.

    Args:
        magnitude: the sums of magnitudes; None where the method has none (cancellation is then NaN).
        eps: added to |D| when the strength is signed; magnitude needs none.
        errors: how far outputs and targets cancel in g_L (ncap.reference.loss.error_cancellation), which concerns every reading.

    >>> judge(Moments(2.0, 3.0, False), Reading("explicit", "signed", "unit"), structural="",
    ...       magnitude=Moments(4.0, 3.0, False), standard_error=0.1, n_samples=5, interior_weights=1, rounding=2e-16).cancellation
    2.0
    """
    numerator, denominator, vanishes = moments
    if not (math.isfinite(numerator) and math.isfinite(denominator)):
        raise ValueError(
            f"the sums A = {numerator} and D = {denominator} are not finite: activations or errors overflow; "
            "training has diverged, or the inputs are not normalised"
        )
    cancels = reading.strength == "signed" or reading == GRADIENT_FORM
    cancellation = math.nan if cancels else 1.0
    if structural:
        numerator = 0.0
    if magnitude is not None and cancels:
        cancellation = max(
            _cancellation(magnitude.numerator, numerator), _cancellation(magnitude.denominator, denominator)
        )
    most = 1 / (10 * rounding * math.log2(2 * max(1, n_samples * interior_weights)))
    noise = cancellation > most
    if noise and reading == GRADIENT_FORM:  # without a pole it errs by no more than rounding; |q| has a kink there
        noise, standard_error = False, math.nan
    noise = noise or errors > most
    reason = structural or ("zero" if vanishes else "rounding" if noise or not denominator else "")
    if reason:
        warnings.warn(f"degenerate beta_eff ({reason}): {_REASONS[reason]}", CapacitanceWarning, stacklevel=3)
    beta = ratio(numerator, denominator, eps if reading.strength == "signed" else 0.0)
    if n_samples == 1 or reading.interaction in ("hessian", "full_hessian") or reason == "rounding":
        standard_error = math.nan
    elif reason:
        standard_error = 0.0
    return Capacitance(
        beta_eff=math.nan if reason == "rounding" else 0.0 if reason else beta,
        numerator=float(numerator),
        denominator=float(denominator),
        standard_error=float(standard_error),
        cancellation=cancellation,
        degenerate=bool(reason),
        reason=reason,
        n_samples=n_samples,
        interaction=reading.interaction,
        strength=reading.strength,
        weighting=reading.weighting,
        nodes=reading.nodes,
    )


def mean_of_batches(parts: Sequence[Capacitance], batch: int) -> Capacitance:
    """The mean of the capacitances of mini-batches of one reading, as a loop over them gives it (section 2, "/batches64").

    It is not the capacitance of all samples: beta_eff is a ratio of sums, of which A is quadratic, so that batches are biased, the more
    the smaller they are. Every batch counts alike, the last one too. Where every batch is degenerate for one reason, so is the mean;
    where one is rounding noise, the mean is NaN.

    Args:
        parts: of every batch. batch: samples of each, of the last perhaps fewer.

    Returns: Capacitance with the means; its standard error is sd / sqrt(batches), ddof = 1, NaN for a single batch.

    >>> half, whole = (Capacitance(b, b, 1.0, 0.1, 1.0, False, "", 2, "explicit", "magnitude", "unit") for b in (0.5, 1.0))
    >>> c = mean_of_batches([half, whole], batch=2)
    >>> c.beta_eff, c.standard_error, c.n_samples, c.batch
    (0.75, 0.25, 4, 2)
    """
    betas, reasons = [part.beta_eff for part in parts], {part.reason for part in parts}
    reason = parts[0].reason if len(reasons) == 1 else "rounding" if "rounding" in reasons else ""
    if reason:
        warnings.warn(f"degenerate beta_eff ({reason}): {_REASONS[reason]}", CapacitanceWarning, stacklevel=3)
    error = statistics.stdev(betas) / math.sqrt(len(betas)) if len(betas) > 1 and reason != "rounding" else math.nan
    return replace(
        parts[0],
        beta_eff=math.nan if reason == "rounding" else statistics.fmean(betas),
        numerator=statistics.fmean(part.numerator for part in parts),
        denominator=statistics.fmean(part.denominator for part in parts),
        standard_error=error,
        cancellation=math.nan
        if any(math.isnan(part.cancellation) for part in parts)
        else max(part.cancellation for part in parts),
        degenerate=bool(reason),
        reason=reason,
        n_samples=sum(part.n_samples for part in parts),
        batch=batch,
    )


def ratio(numerator: float, denominator: float, eps: float = 0.0) -> float:
    """A / (D + sgn(D) eps) with sgn(0) = +1 and 0/0 = 0 (section 3).

    >>> ratio(0.0, 0.0), ratio(-1.0, 0.0), ratio(1.0, -0.5, eps=0.5)
    (0.0, -inf, -1.0)
    """
    regularised = denominator + (eps if denominator >= 0 else -eps)
    if regularised == 0:
        return 0.0 if numerator == 0 else math.copysign(math.inf, numerator)
    return float(numerator / regularised)


def _cancellation(magnitude: float, signed: float) -> float:
    if magnitude == 0:
        return 1.0  # nothing there to cancel
    return magnitude / abs(signed) if signed else math.inf
