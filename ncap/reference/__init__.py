"""The oracle: neural capacitance of a ReLU MLP, from the definition to a closed form, in numpy, numba and scipy.

Read in this order: mlp (G_A, gradients), graph (phi: G_A -> G_B), interaction (P by definition), resilience (beta_eff of
any network), closed_form and its kernels (the same without P), hessian (the other reading), gradient_form (what the
gradient alone gives), dynamics (neurons and weights in time), verdict (when to believe it), rounding (how far two right
implementations may differ). On any network: network (how it is read), resilience, perturbation (what failures leave of
it), reduction (its dynamics, in full and in one dimension). Where weights are shared: window, convolution and pooling
(the layers), cnn (G_A), junction (where two layers of weights meet), connections (P by definition), shared_weights (the
closed form). For either: linear_operator (P v without P), interchange (the line graph for other tools). It imports
nothing else of ncap and never a deep-learning framework.

>>> from ncap import reference as ref
>>> net = ref.MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
>>> P = ref.interaction_matrix(net, [[1.0]], [[5.0]])
>>> ref.beta_eff(P) == ref.capacitance(net, [[1.0]], [[5.0]]).beta_eff == 2 / 3
True
"""

from ncap.reference.closed_form import capacitance, degrees, degrees_from
from ncap.reference.cnn import CNN
from ncap.reference.convolution import Conv2D, Dense, DepthwiseConv2D
from ncap.reference.dynamics import (
    EdgeTrajectory,
    NodeTrajectory,
    displacement_error,
    edge_dynamics,
    gradient_descent,
    linearised_edges,
    node_dynamics,
    simulate_edges,
    simulate_nodes,
    trusted_until,
)
from ncap.reference.gradient_form import gradient_capacitance
from ncap.reference.graph import LineGraphSize, line_graph, line_graph_size, weight_offsets
from ncap.reference.interaction import interaction_matrix
from ncap.reference.interchange import to_networkx, write_graphml
from ncap.reference.linear_operator import interaction_operator
from ncap.reference.mlp import MLP, Families, families, forward, gradients
from ncap.reference.network import giant_component
from ncap.reference.perturbation import perturb, perturbation_curve
from ncap.reference.pooling import AveragePooling2D, Flatten, GlobalAveragePooling2D, MaxPooling2D
from ncap.reference.reduction import (
    Dynamics,
    epidemic,
    mutualistic,
    reduction_error,
    regulatory,
    simulate,
    simulate_reduced,
)
from ncap.reference.resilience import Decomposition, beta_eff, decompose, network_average
from ncap.reference.verdict import Capacitance, CapacitanceWarning

__all__ = [
    "CNN",
    "MLP",
    "AveragePooling2D",
    "Capacitance",
    "CapacitanceWarning",
    "Conv2D",
    "Decomposition",
    "Dense",
    "DepthwiseConv2D",
    "Dynamics",
    "EdgeTrajectory",
    "Families",
    "Flatten",
    "GlobalAveragePooling2D",
    "LineGraphSize",
    "MaxPooling2D",
    "NodeTrajectory",
    "beta_eff",
    "capacitance",
    "decompose",
    "degrees",
    "degrees_from",
    "displacement_error",
    "edge_dynamics",
    "epidemic",
    "families",
    "forward",
    "giant_component",
    "gradient_capacitance",
    "gradient_descent",
    "gradients",
    "interaction_matrix",
    "interaction_operator",
    "line_graph",
    "line_graph_size",
    "linearised_edges",
    "mutualistic",
    "network_average",
    "node_dynamics",
    "perturb",
    "perturbation_curve",
    "reduction_error",
    "regulatory",
    "simulate",
    "simulate_edges",
    "simulate_nodes",
    "simulate_reduced",
    "to_networkx",
    "trusted_until",
    "weight_offsets",
    "write_graphml",
]
