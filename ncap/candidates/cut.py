"""Taking the head off a Keras model, where it is clear where the features end."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from ncap.heads import head_of

# What may stand between the features and the output of a classifier, each with one input.
_IN_A_HEAD = (
    *(
        "Dense",
        "Activation",
        "ReLU",
        "LeakyReLU",
        "PReLU",
        "ELU",
        "Softmax",
        "Dropout",
        "AlphaDropout",
        "GaussianDropout",
        "GaussianNoise",
    ),
    *(
        "BatchNormalization",
        "LayerNormalization",
        "Rescaling",
        "Identity",
        "Relu",
        "LogSoftmax",
        "Sigmoid",
        "Gelu",
        "Silu",
    ),
)
_SHOWN = 8  # layers to choose from in a message


class Features(NamedTuple):
    """Where the features of a model end: the tensor, the name of the layer that returns it, and the layers above, from the last down."""

    tensor: Any
    layer: str
    left_out: list[Any]


def cut_at(model: keras.Model, layer: str) -> tuple[keras.Model, str]:
    """The part of a model up to a layer, and a note that says so.

    layer: a name, or "model/name" for a layer of a model that is itself a layer. Raises ValueError where there is no such layer, or its
    output is neither (n, d) nor (n, h, w, d), with the names of those that can be chosen.
    """
    name, slash, inner = layer.partition("/")
    found = [(operation, node) for operation, node in _calls(model) if operation.name == (name if slash else layer)]
    if len(found) != 1:
        problem = "is called in several places" if found else "does not exist"
        raise ValueError(f"layer {layer!r} of model {model.name!r} {problem}; choose one of {_names(model)}")
    operation, node = found[0]
    if slash and isinstance(operation, keras.Model):
        part, note = cut_at(operation, inner)
        return _model(model, part(node.input_tensors[0])), note.replace(f"'{inner}'", f"'{layer}'")
    features = node.output_tensors[0]
    if slash or not _fit(features):
        raise ValueError(
            f"layer {layer!r} of model {model.name!r} returns no features (n, d) or (n, h, w, d); choose one of {_names(model)}"
        )
    return _model(model, features), f"cut at layer {layer!r}, as asked"


def without_head(
    model: keras.Model, dense_is_head: bool = False, how: str = "keras.Model(body.inputs, body.get_layer(NAME).output)"
) -> tuple[keras.Model, str]:
    """The model without its head, and a note that says where it was cut; the model itself and "" where it has none.

    A head is a softmax or a single sigmoid at the end, with the dense layers below it down to the last pooling, or to what is flattened.
    `dense_is_head`: whether dense layers above the last pooling are taken for a head even without a softmax, as of a classifier that
    returns logits. Raises ValueError where it is not clear where the features end, with the names of the layers and `how` to choose one.
    """
    head = head_of(model)
    if not head and not dense_is_head:
        return model, ""
    found = _features(model)
    if found is None:
        if not head:
            return model, ""
        raise ValueError(
            f"body {model.name!r} ends in the {head}: that is a head, and it is not clear where the features end; cut it with {how} at "
            f"one of {_names(model, below=1)}"
        )
    if not found.left_out:
        return model, ""
    body = _model(model, found.tensor)
    return body, f"cut at layer {found.layer!r}; left out: {', '.join(one.name for one in reversed(found.left_out))}"


def _features(model: keras.Model) -> Features | None:
    """Down from the output through what stands in a head to the last pooling, or to what is flattened; None where it is not clear."""
    tensor: Any = model.outputs[0]
    left_out: list[Any] = []
    while True:
        operation, node = _last(tensor), _node(tensor)
        kind, inputs = type(operation).__name__, node.input_tensors
        if isinstance(operation, keras.Model):
            return _features_of_part(operation, tensor, inputs, left_out)
        if len(inputs) != 1:
            return None
        if re.search("Pooling2D$", kind) or (
            kind in ("Mean", "Max") and (len(inputs[0].shape), len(tensor.shape)) == (4, 2)
        ):
            return _checked(model, tensor, left_out)
        if kind in ("Flatten", "Reshape") and not _is_a_vector(inputs[0]):
            return _checked(model, inputs[0], [*left_out, operation]) if len(inputs[0].shape) == 4 else None
        if not (kind in (*_IN_A_HEAD, "Flatten", "Reshape") or (kind == "Conv2D" and _is_a_vector(inputs[0]))):
            return None
        left_out.append(operation)
        tensor = inputs[0]


def _features_of_part(part: keras.Model, tensor: Any, inputs: list[Any], left_out: list[Any]) -> Features | None:
    """The features of a model that is itself the last layer below a head: its output, or, if the head is in it, what is below that."""
    within = _features(part)
    if any(_makes_scores(one) for one in left_out):
        # The head is above: this part must return features, maps or pooled ones, and nothing of a head.
        ends_in_features = len(tensor.shape) == 4 or (within is not None and not within.left_out)
        return Features(tensor, part.name, left_out) if ends_in_features and part.weights else None
    if within is None:
        return None
    return Features(
        _model(part, within.tensor)(inputs[0]), f"{part.name}/{within.layer}", [*left_out, *within.left_out]
    )


def _checked(model: keras.Model, tensor: Any, left_out: list[Any]) -> Features | None:
    """None where nothing below has weights, or where what is pooled are class scores: no layer above makes them."""
    if not _model(model, tensor).weights or (left_out and not any(_makes_scores(one) for one in left_out)):
        return None
    return Features(tensor, _last(tensor).name, left_out)


def _makes_scores(operation: Any) -> bool:
    return type(operation).__name__ in ("Dense", "Conv2D")


def _is_a_vector(tensor: Any) -> bool:
    """Of shape (n, d), or (n, 1, 1, d)."""
    return len(tensor.shape) == 2 or (len(tensor.shape) == 4 and tuple(tensor.shape[1:3]) == (1, 1))


def _fit(tensor: Any) -> bool:
    return len(tensor.shape) in (2, 4) and tensor.shape[-1] is not None


def _last(tensor: Any) -> Any:
    """The operation that returns a tensor."""
    return tensor._keras_history.operation


def _node(tensor: Any) -> Any:
    """The call of that operation, which may have several."""
    return _last(tensor)._inbound_nodes[tensor._keras_history.node_index]


def _calls(model: keras.Model) -> Iterator[tuple[Any, Any]]:
    """Every operation of a model's graph with its call, the last first."""
    seen, waiting = set(), list(model.outputs)
    while waiting:
        tensor = waiting.pop(0)
        node = _node(tensor)
        if id(node) not in seen:
            seen.add(id(node))
            yield _last(tensor), node
            waiting += node.input_tensors


def _names(model: keras.Model, below: int = 0) -> str:
    """The last layers that could be chosen, the last first; those on top are left out."""
    names = [
        one.name for one, node in _calls(model) if node.input_tensors and _fit(node.output_tensors[0]) and one.name
    ]
    shown = names[below : below + _SHOWN]
    return ", ".join([*shown, "..."] if names[below + _SHOWN :] else shown)


def _model(model: keras.Model, features: Any) -> keras.Model:
    """From the model's input to the features, under the model's name, with the variables that these need."""
    # One input as itself: Keras on torch warns of a tensor where a list of one was declared.
    return keras.Model(model.inputs[0] if len(model.inputs) == 1 else model.inputs, features, name=model.name)
