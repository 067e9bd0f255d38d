"""The oracle: neural capacitance of a ReLU MLP, from the definition to a closed form, in numpy, numba and scipy.

Read in this order: mlp (G_A, gradients), graph (phi: G_A -> G_B), interaction (P by definition), resilience (beta_eff of
any network), closed_form and its kernels (the same without P), hessian (the other reading), gradient_form (what the
gradient alone gives), verdict (when to believe it), rounding (how far two right implementations may differ). It imports
nothing else of ncap and never a deep-learning framework.

>>> from ncap import reference as ref
>>> net = ref.MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
>>> P = ref.interaction_matrix(net, [[1.0]], [[5.0]])
>>> ref.beta_eff(P) == ref.capacitance(net, [[1.0]], [[5.0]]).beta_eff == 2 / 3
True
"""

from ncap.reference.closed_form import capacitance, degrees, degrees_from
from ncap.reference.gradient_form import gradient_capacitance
from ncap.reference.graph import line_graph, weight_offsets
from ncap.reference.interaction import interaction_matrix
from ncap.reference.mlp import MLP, Families, families, forward, gradients
from ncap.reference.resilience import beta_eff
from ncap.reference.verdict import Capacitance, CapacitanceWarning

__all__ = [
    "MLP",
    "Capacitance",
    "CapacitanceWarning",
    "Families",
    "beta_eff",
    "capacitance",
    "degrees",
    "degrees_from",
    "families",
    "forward",
    "gradient_capacitance",
    "gradients",
    "interaction_matrix",
    "line_graph",
    "weight_offsets",
]
