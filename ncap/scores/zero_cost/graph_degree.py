"""NASGraph: the average degree of the graph of a network's channels (Huang et al., arXiv 2405.01306).

The abstract leaves open how a network becomes a graph; what follows is read from the published code for NAS-Bench-201. A node is a
channel of what an operation puts out. Every operation is looked at by itself, with kernels from N(0, 1) and without biases: it is fed a
plane of ones on channel i and of zeros on the others, and has an edge from i to each channel j on which it does not answer with zero
everywhere, behind a relu where it has a kernel. The operands of a sum are operations side by side, each with its own edges to what gets the
sum. Edges have no weight; channels without any are no nodes.

What is different here: the whole network is converted, not a smaller one of 16 channels and one cell a stage, and a pooling
before a projection is an operation of its own, as is the normalisation of the pixels.
"""

import math
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.zero_cost.network import batch, features, gaussian_weights, is_kernel

if TYPE_CHECKING:
    import keras

AT_ONCE = 64  # channels that an operation is fed at a time
# What moves no channel to another is passed through: what stands before it leads to what stands behind it.
PASSED = (
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Relu", "Relu6", "Swish", "Silu"),
    *("BatchNormalization", "LayerNormalization", "GroupNormalization", "Dropout", "SpatialDropout2D", "GaussianNoise"),
    *("ZeroPadding2D", "Add", "Subtract", "Average"),
)


def average_degree(model: "keras.Model", images: ArrayLike, y: ArrayLike) -> float:
    """2 edges / nodes of the graph of channels, up to the features before the last global pooling.

    Larger is better, as published. Of a network that is a graph of layers; images and labels are not looked at. An edge needs one place
    at which the operation's answer is above 0, behind a kernel, or not 0. Batch norm is passed through, and so are activations and sums. A
    model inside the model counts as one operation. NaN where there is no edge.

    Raises: ValueError for images or labels that the model cannot take.

    Two channels, a depthwise operation that keeps them apart, and nothing else: four nodes and two edges.

    >>> import keras
    >>> layers = keras.layers.AveragePooling2D(2), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)
    >>> model = keras.Sequential([keras.Input((4, 4, 2)), *layers])
    >>> average_degree(model, np.zeros((1, 4, 4, 2)), [0])
    1.0
    """
    import keras

    batch(model, images, y)
    body = features(model)
    with keras.StatelessScope(state_mapping=gaussian_weights(body, np.random.default_rng(0))):
        edges, nodes = _edges_and_nodes(body)
    return 2 * edges / nodes if nodes else math.nan


def _edges_and_nodes(body: "keras.Model") -> tuple[int, int]:
    """Edges, and channels that have one."""
    # Of every tensor, the outputs of operations that it is made of: its own, or those that were passed through or added up.
    sources = {id(tensor): {id(tensor)} for tensor in body.inputs}
    touched = {id(tensor): np.zeros(tensor.shape[-1], bool) for tensor in body.inputs}
    edges = 0
    for node in _calls(body):
        before = [sources[id(tensor)] for tensor in node.input_tensors]
        for tensor in node.outputs:
            passed = type(node.operation).__name__ in PASSED
            sources[id(tensor)] = set(chain(*before)) if passed else {id(tensor)}
            if passed:
                continue
            touched[id(tensor)] = np.zeros(tensor.shape[-1], bool)
            for place, given in enumerate(before):
                leads = _leads(node, place)
                for source in given:
                    edges += int(leads.sum())
                    touched[source] |= leads.any(axis=1)
                    touched[id(tensor)] |= leads.any(axis=0)
    return edges, sum(int(channels.sum()) for channels in touched.values())


def _calls(body: "keras.Model") -> list[Any]:
    """Every call in the graph but those of inputs, each after those that it needs."""
    by_depth = body._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if node.input_tensors]


def _leads(node: Any, place: int) -> np.ndarray:
    """Whether channel i of an operand leads to channel j of what the operation returns: (channels, channels out). The others are ones."""
    shape = [side or 8 for side in node.input_tensors[place].shape[1:]]
    has_kernel = any(is_kernel(one) for one in getattr(node.operation, "weights", ()))
    nothing = _answers(node, place, np.zeros((1, *shape)))
    found = []
    for first in range(0, shape[-1], AT_ONCE):
        of_channels = np.eye(shape[-1])[first : first + AT_ONCE]
        planes = np.ones((len(of_channels), *shape)) * of_channels.reshape(
            len(of_channels), *(1 for _ in shape[:-1]), -1
        )
        answers = _answers(node, place, planes) - nothing
        found.append((answers > 0 if has_kernel else answers != 0).any(axis=tuple(range(1, answers.ndim - 1))))
    return np.concatenate(found)


def _answers(node: Any, place: int, planes: np.ndarray) -> np.ndarray:
    import keras
    from keras import ops

    given = {}
    for position, tensor in enumerate(node.input_tensors):
        ones = np.ones((len(planes), *(side or 8 for side in tensor.shape[1:])))
        given[id(tensor)] = ops.convert_to_tensor(planes if position == place else ones, dtype=tensor.dtype)
    args, kwargs = node.arguments.fill_in(given)
    answers = keras.tree.flatten(node.operation(*args, **kwargs))
    return np.asarray(ops.convert_to_numpy(answers[0]), np.float64)


SCORE = Score(
    name="average_degree",
    needs="network",
    source="Huang et al., arXiv 2405.01306",
    summary="average degree of the graph of the network's channels",
    function=average_degree,
)
