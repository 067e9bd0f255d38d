"""Scores: how well a pre-trained network suits a data set, from one pass over it and without training.

Plain functions of arrays: `scores.log_me(features, y)`. `ncap.score` computes them for candidates and targets. A new score is a file in
`transferability` (features, or what the source's own head says, and labels), `static` (what is known of a network) or `zero_cost` (the
network itself, before any training), with the function and its `SCORE`, and one line below.

>>> from ncap import scores
>>> scores.names()[:4]
['log_me', 'leep', 'nce', 'n_leep']
"""

from collections.abc import Callable

from ncap.registry import Registry
from ncap.scores.contract import Score, Value

SCORES: Registry[Score] = Registry(
    "score",
    {
        "log_me": "ncap.scores.transferability.maximum_evidence:SCORE",
        "leep": "ncap.scores.transferability.expected_empirical_prediction:SCORE",
        "nce": "ncap.scores.transferability.conditional_entropy:SCORE",
        "n_leep": "ncap.scores.transferability.gaussian_mixture:SCORE",
        "h_score": "ncap.scores.transferability.maximal_correlation:SCORE",
        "regularized_h_score": "ncap.scores.transferability.shrunk_covariance:SCORE",
        "trans_rate": "ncap.scores.transferability.coding_rate:SCORE",
        "gbc": "ncap.scores.transferability.bhattacharyya:SCORE",
        "parc": "ncap.scores.transferability.pairwise_distances:SCORE",
        "knn_accuracy": "ncap.scores.transferability.nearest_neighbours:SCORE",
        "linear_probe_accuracy": "ncap.scores.transferability.ridge_probe:SCORE",
        "logistic_probe_accuracy": "ncap.scores.transferability.logistic_probe:SCORE",
        "parameters": "ncap.scores.static.size:PARAMETERS",
        "multiply_adds": "ncap.scores.static.size:MULTIPLY_ADDS",
        "source_accuracy": "ncap.scores.static.pretraining:SCORE",
        "mean_rank": "ncap.scores.static.elsewhere:SCORE",
        "synflow": "ncap.scores.zero_cost.synaptic_flow:SCORE",
        "snip": "ncap.scores.zero_cost.connection_sensitivity:SCORE",
        "grasp": "ncap.scores.zero_cost.gradient_flow:SCORE",
        "fisher": "ncap.scores.zero_cost.channel_saliency:SCORE",
        "naswot": "ncap.scores.zero_cost.activation_codes:SCORE",
        "jacob_cov": "ncap.scores.zero_cost.jacobian_correlation:SCORE",
        "zen": "ncap.scores.zero_cost.perturbed_features:SCORE",
        "grad_sign": "ncap.scores.zero_cost.sign_agreement:SCORE",
        "zico": "ncap.scores.zero_cost.gradient_variation:SCORE",
        "grad_norm": "ncap.scores.zero_cost.gradient_size:SCORE",
        "average_degree": "ncap.scores.zero_cost.graph_degree:SCORE",
    },
)

__all__ = ["SCORES", "Score", "Value", "names", *SCORES.names()]


def names() -> list[str]:
    """The scores that can be named."""
    return SCORES.names()


def __getattr__(name: str) -> Callable[..., float]:
    if name not in SCORES:
        raise AttributeError(f"module 'ncap.scores' has no attribute {name!r}; scores: {', '.join(names())}")
    return SCORES.get(name).function


def __dir__() -> list[str]:
    return sorted(__all__)
