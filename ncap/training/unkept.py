"""What a body draws or keeps where no checkpoint reaches: a run that resumed would differ from an undisturbed one, so it is refused.

Keras' own layers draw from SeedGenerators and keep their state in Keras variables. Only a body with code of the user's is traced once more.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from ncap.measure.description import described_layer

_REMEDY = "draw with keras.random and seed=self.seed, a keras.random.SeedGenerator made in __init__"


def check_nothing_unkept(body: keras.Model, kept: Sequence[keras.Variable]) -> None:
    """Raise ValueError if the body, in training, draws from a generator of the backend's own, draws while it is traced, or reads a
    variable that is not among those kept.

    PyTorch is not traced, and the state of its generator is kept.
    """
    own = sorted({type(layer).__name__ for layer in _layers(body) if described_layer(layer) or _is_foreign(layer)})
    if not own or keras.backend.backend() == "torch":
        return
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    graph = _traced(body)
    if (random.getstate(), _plain(np.random.get_state())) != (states[0], _plain(states[1])):  # noqa: NPY002
        raise ValueError(
            f"the body (own layers: {', '.join(own)}) draws from Python or numpy while it is traced, so that a resumed run would differ; "
            f"{_REMEDY}"
        )
    if graph is None:
        return
    if drawing := next(_random_operations(graph), None):
        raise ValueError(
            f"{drawing} draws from TensorFlow's own generator, which no checkpoint has, so that a resumed run would differ; {_REMEDY}"
        )
    values = {id(variable.value) for variable in kept}
    if foreign := [variable.name for variable in graph.variables if id(variable) not in values]:
        raise ValueError(
            f"the body (own layers: {', '.join(own)}) reads {foreign[0]}, no variable of a layer and in no checkpoint, so that a resumed "
            "run would differ; make it with self.add_weight(..., trainable=False), a generator as keras.random.SeedGenerator"
        )


def _is_foreign(layer: keras.layers.Layer) -> bool:
    """Whether Keras' own layer runs code of another origin, as those do that wrap a saved program or a function."""
    return type(layer).__name__ in ("TFSMLayer", "JaxLayer", "FlaxLayer")


def _layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    return layer._flatten_layers()


def _plain(state: Any) -> tuple[Any, ...]:
    kind, keys, *rest = state
    return (kind, keys.tobytes(), *rest)


def _traced(body: keras.Model) -> Any:
    """Run the body's code as training would, on no data; the graph, where the backend has one."""
    inputs = body.inputs[0]
    if keras.backend.backend() == "jax":
        import jax

        state = [
            [variable.value for variable in part] for part in (body.trainable_variables, body.non_trainable_variables)
        ]
        shape = [2 if size is None else size for size in inputs.shape]
        jax.eval_shape(
            lambda x: body.stateless_call(*state, x, training=True), jax.ShapeDtypeStruct(shape, inputs.dtype)
        )
        return None
    import tensorflow as tf

    called = tf.function(lambda x: body(x, training=True), autograph=False)
    return called.get_concrete_function(tf.TensorSpec(inputs.shape, inputs.dtype)).graph


def _random_operations(graph: Any) -> Iterator[str]:
    """The operations that keep the state of a generator themselves, by name, which begins with that of the layer."""
    from tensorflow.python.framework import op_def_registry

    definition = graph.as_graph_def()
    for node in (*definition.node, *(node for function in definition.library.function for node in function.node_def)):
        known = op_def_registry.get(node.op)
        if known is not None and known.is_stateful and any(attribute.name == "seed" for attribute in known.attr):
            yield node.name
