"""The probe's parameters as the nodes of second derivatives: which there are, in which groups, and what the products with H make of them.

nodes "norms": the chain W_1; k_1, c_1; W_2; ...; W_L of Keras' layers, each a group; a group interacts with its two neighbours
nodes "all":   every kernel, bias, scale and shift in one group, which interacts with itself
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ncap.measure.probe import Probe, check_norms


def groups_of(probe: Probe, nodes: str) -> list[list[keras.Variable]]:
    """The variables of every group, in the order of the network; of a norm gamma before beta.

    Raises: ValueError for nodes "norms" of a probe without norms.
    """
    if nodes == "norms":
        check_norms(probe)
    groups: list[list[keras.Variable]] = []
    for unit in probe.units:
        norm = [] if unit.norm is None else [unit.norm.gamma, unit.norm.beta]
        groups += [[unit.dense.kernel], [unit.dense.bias], norm]
    groups += [[probe.logits.kernel], [probe.logits.bias]]
    if nodes == "norms":
        return [group for index, group in enumerate(groups[:-1]) if index % 3 != 1]  # biases are no nodes
    return [[variable for group in groups for variable in group]]


def neighbours_of(groups: Sequence[Any], m: int) -> tuple[list[int], list[int]]:
    """Which groups receive from group m and which send to it: the one below and the one above, or itself where it is the only one.

    >>> [neighbours_of("abc", m) for m in range(3)], neighbours_of("a", 0)
    ([([], [1]), ([0], [2]), ([1], [])], ([0], [0]))
    """
    if len(groups) == 1:
        return [0], [0]
    return [m - 1] if m else [], [m + 1] if m + 1 < len(groups) else []


def as_layers(probe: Probe, sums: list[np.ndarray], nodes: str) -> list[np.ndarray]:
    """Arrays of every variable of the groups as one array a layer of nodes: a bias as (1, n), a norm as (2, n), scale above shift."""
    variables = [variable for group in groups_of(probe, nodes) for variable in group]
    layers: list[np.ndarray] = []
    betas = {id(unit.norm.beta) for unit in probe.units if unit.norm is not None}
    for variable, array in zip(variables, sums, strict=True):
        if id(variable) in betas:
            layers[-1] = np.concatenate([layers[-1], array[None]])
        else:
            layers.append(array if array.ndim == 2 else array[None])
    return layers
