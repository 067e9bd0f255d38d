"""The oracle: neural capacitance of a ReLU network, from the definition to a closed form, in numpy, numba and scipy.

mlp: one network G_A, its gradients, and beta_eff of it in closed form, by the gradient alone, and from the Hessian.
shared_weights: the same for a CNN, whose weights join many pairs of neurons each.
interaction: the line graph G_B of either network and its interaction matrix P: entries, products, degrees, beta_eff.
network: beta_eff of any network, what it is made of, and what failures leave of it.
dynamics: neurons, weights and networks over time, in full, linearised with P, and in one dimension.
keras_models: either network from a Keras model or its probe.
verdict says when beta_eff can be believed, rounding how far two correct implementations of it may differ.

It imports nothing else of ncap and never a deep-learning framework; every name is loaded on first use.

>>> from ncap import reference as ref
>>> net = ref.MLP([[[2.0]], [[3.0]], [[1.0]]], loss="squared_error")
>>> P = ref.interaction_matrix(net, [[1.0]], [[5.0]])
>>> ref.beta_eff(P) == ref.capacitance(net, [[1.0]], [[5.0]]).beta_eff == 2 / 3
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what _HOME says below, for type checkers and editors
    from ncap.reference.dynamics.neurons import NodeTrajectory as NodeTrajectory
    from ncap.reference.dynamics.neurons import node_dynamics as node_dynamics
    from ncap.reference.dynamics.neurons import simulate_nodes as simulate_nodes
    from ncap.reference.dynamics.reduction import reduction_error as reduction_error
    from ncap.reference.dynamics.reduction import simulate as simulate
    from ncap.reference.dynamics.reduction import simulate_reduced as simulate_reduced
    from ncap.reference.dynamics.systems import Dynamics as Dynamics
    from ncap.reference.dynamics.systems import epidemic as epidemic
    from ncap.reference.dynamics.systems import mutualistic as mutualistic
    from ncap.reference.dynamics.systems import regulatory as regulatory
    from ncap.reference.dynamics.trajectory import EdgeTrajectory as EdgeTrajectory
    from ncap.reference.dynamics.trajectory import displacement_error as displacement_error
    from ncap.reference.dynamics.trajectory import trusted_until as trusted_until
    from ncap.reference.dynamics.weights import edge_dynamics as edge_dynamics
    from ncap.reference.dynamics.weights import gradient_descent as gradient_descent
    from ncap.reference.dynamics.weights import linearised_edges as linearised_edges
    from ncap.reference.dynamics.weights import simulate_edges as simulate_edges
    from ncap.reference.interaction.closed_form import capacitance as capacitance
    from ncap.reference.interaction.closed_form import degrees as degrees
    from ncap.reference.interaction.graph import LineGraphSize as LineGraphSize
    from ncap.reference.interaction.graph import line_graph as line_graph
    from ncap.reference.interaction.graph import line_graph_size as line_graph_size
    from ncap.reference.interaction.graph import weight_offsets as weight_offsets
    from ncap.reference.interaction.interchange import to_networkx as to_networkx
    from ncap.reference.interaction.interchange import write_graphml as write_graphml
    from ncap.reference.interaction.linear_operator import interaction_operator as interaction_operator
    from ncap.reference.interaction.matrix import interaction_matrix as interaction_matrix
    from ncap.reference.keras_models import from_keras as from_keras
    from ncap.reference.keras_models import keras_inputs as keras_inputs
    from ncap.reference.mlp.backpropagation import Families as Families
    from ncap.reference.mlp.backpropagation import families as families
    from ncap.reference.mlp.backpropagation import forward as forward
    from ncap.reference.mlp.backpropagation import gradients as gradients
    from ncap.reference.mlp.closed_form import degrees_from as degrees_from
    from ncap.reference.mlp.gradient_form import gradient_capacitance as gradient_capacitance
    from ncap.reference.mlp.perceptron import MLP as MLP
    from ncap.reference.network.files import NamedNetwork as NamedNetwork
    from ncap.reference.network.files import read_adjacency as read_adjacency
    from ncap.reference.network.files import read_edges as read_edges
    from ncap.reference.network.links import giant_component as giant_component
    from ncap.reference.network.perturbation import perturb as perturb
    from ncap.reference.network.perturbation import perturbation_curve as perturbation_curve
    from ncap.reference.network.resilience import Decomposition as Decomposition
    from ncap.reference.network.resilience import beta_eff as beta_eff
    from ncap.reference.network.resilience import decompose as decompose
    from ncap.reference.network.resilience import network_average as network_average
    from ncap.reference.network.spectral import SpectralReduction as SpectralReduction
    from ncap.reference.network.spectral import spectral_reduction as spectral_reduction
    from ncap.reference.shared_weights.cnn import CNN as CNN
    from ncap.reference.shared_weights.convolution import Conv2D as Conv2D
    from ncap.reference.shared_weights.convolution import Dense as Dense
    from ncap.reference.shared_weights.convolution import DepthwiseConv2D as DepthwiseConv2D
    from ncap.reference.shared_weights.pooling import AveragePooling2D as AveragePooling2D
    from ncap.reference.shared_weights.pooling import Flatten as Flatten
    from ncap.reference.shared_weights.pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
    from ncap.reference.shared_weights.pooling import MaxPooling2D as MaxPooling2D
    from ncap.reference.verdict import Capacitance as Capacitance
    from ncap.reference.verdict import CapacitanceWarning as CapacitanceWarning

# Public name -> the module that defines it, below ncap.reference. Loaded on first use: numba and scipy take most of half a second.
_HOME = {
    # mlp: G_A, its families and gradients
    "MLP": "mlp.perceptron",
    "Families": "mlp.backpropagation",
    "families": "mlp.backpropagation",
    "forward": "mlp.backpropagation",
    "gradients": "mlp.backpropagation",
    "degrees_from": "mlp.closed_form",
    "gradient_capacitance": "mlp.gradient_form",
    # shared weights: a CNN and its layers
    "CNN": "shared_weights.cnn",
    "Conv2D": "shared_weights.convolution",
    "Dense": "shared_weights.convolution",
    "DepthwiseConv2D": "shared_weights.convolution",
    "AveragePooling2D": "shared_weights.pooling",
    "Flatten": "shared_weights.pooling",
    "GlobalAveragePooling2D": "shared_weights.pooling",
    "MaxPooling2D": "shared_weights.pooling",
    # either network, from a Keras model
    "from_keras": "keras_models",
    "keras_inputs": "keras_models",
    # either network: its line graph G_B, P, and beta_eff without P
    "LineGraphSize": "interaction.graph",
    "line_graph": "interaction.graph",
    "line_graph_size": "interaction.graph",
    "weight_offsets": "interaction.graph",
    "to_networkx": "interaction.interchange",
    "write_graphml": "interaction.interchange",
    "interaction_matrix": "interaction.matrix",
    "interaction_operator": "interaction.linear_operator",
    "capacitance": "interaction.closed_form",
    "degrees": "interaction.closed_form",
    "Capacitance": "verdict",
    "CapacitanceWarning": "verdict",
    # any network
    "Decomposition": "network.resilience",
    "beta_eff": "network.resilience",
    "decompose": "network.resilience",
    "network_average": "network.resilience",
    "giant_component": "network.links",
    "NamedNetwork": "network.files",
    "read_adjacency": "network.files",
    "read_edges": "network.files",
    "SpectralReduction": "network.spectral",
    "spectral_reduction": "network.spectral",
    "perturb": "network.perturbation",
    "perturbation_curve": "network.perturbation",
    # dynamics: of neurons, of weights, of any network
    "NodeTrajectory": "dynamics.neurons",
    "node_dynamics": "dynamics.neurons",
    "simulate_nodes": "dynamics.neurons",
    "EdgeTrajectory": "dynamics.trajectory",
    "displacement_error": "dynamics.trajectory",
    "trusted_until": "dynamics.trajectory",
    "edge_dynamics": "dynamics.weights",
    "gradient_descent": "dynamics.weights",
    "linearised_edges": "dynamics.weights",
    "simulate_edges": "dynamics.weights",
    "Dynamics": "dynamics.systems",
    "epidemic": "dynamics.systems",
    "mutualistic": "dynamics.systems",
    "regulatory": "dynamics.systems",
    "reduction_error": "dynamics.reduction",
    "simulate": "dynamics.reduction",
    "simulate_reduced": "dynamics.reduction",
}
# Its modules and folders, so that ref.mlp needs no import of its own.
_PARTS = (
    *("arguments", "keras_models", "kernels", "loss", "rounding", "sums", "verdict"),
    *("mlp", "shared_weights", "interaction", "network", "dynamics"),
)

__all__ = sorted(_HOME)


if not TYPE_CHECKING:  # a type checker would take any name for one of these

    def __getattr__(name: str) -> Any:
        if name in _HOME:
            return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        if name in _PARTS:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public names: {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, *_PARTS]
