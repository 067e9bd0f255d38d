"""Rules: what is known of one candidate in, a prediction out.

A new rule is one file that defines a subclass of `ncap.rules.contract.Rule`, and one line below.
"""

from typing import TYPE_CHECKING

from ncap.registry import Registry
from ncap.rules.contract import Rule

if TYPE_CHECKING:
    import pandas as pd

RULES: Registry[type[Rule]] = Registry(
    "rule",
    {
        "capacitance": "ncap.rules.capacitance:Capacitance",
        "capacitance_forecast": "ncap.rules.capacitance_forecast:CapacitanceForecast",
        "last_seen": "ncap.rules.last_seen:LastSeen",
        "best_seen": "ncap.rules.best_seen:BestSeen",
        "mean_seen": "ncap.rules.mean_seen:MeanSeen",
        "i_epoch": "ncap.rules.i_epoch:IEpoch",
        "pow3": "ncap.rules.pow3:Pow3",
        "pow4": "ncap.rules.pow4:Pow4",
        "mmf": "ncap.rules.mmf:Mmf",
        "weibull": "ncap.rules.weibull:Weibull",
        "exp": "ncap.rules.exponential:Exponential",
        "gaussian_process": "ncap.rules.gaussian_process:GaussianProcess",
        "affine_curves": "ncap.rules.affine_curves:AffineCurves",
        "baker": "ncap.rules.baker:Baker",
        "wistuba_pedapati": "ncap.rules.wistuba_pedapati:WistubaPedapati",
        "domhan": "ncap.rules.domhan:Domhan",
        "klein": "ncap.rules.klein:Klein",
    },
)


def resolve(rule: str | Rule) -> Rule:
    """The rule itself, or the registered one of that name, made with its defaults.

    Raises: TypeError for what is neither, ValueError for an unknown name, with the nearest known one.

    >>> resolve("last_seen").name
    'last_seen'
    """
    if isinstance(rule, Rule):
        return rule
    return RULES.get(RULES.check(rule, also="; or pass an ncap.rules.contract.Rule"))()


def list_rules() -> "pd.DataFrame":
    """The registered rules, one row each.

    Returns: a DataFrame with the columns rule, summary, needs (what it reads, comma-separated), learns (whether it must be
    fitted to other records first), cost (low: milliseconds a candidate; high: seconds) and source.

    >>> list_rules().set_index("rule").loc["capacitance", "needs"]
    'val_accuracy, beta_eff'
    """
    import pandas as pd

    rows = [
        {
            "rule": name,
            "summary": rule.summary,
            "needs": ", ".join(rule.needs),
            "learns": rule.learns,
            "cost": rule.cost,
            "source": rule.source,
        }
        for name, rule in RULES.members().items()
    ]
    return pd.DataFrame(rows, columns=["rule", "summary", "needs", "learns", "cost", "source"])
