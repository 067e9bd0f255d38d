"""Whether a model ends in a head: what it returns then is no features. No framework is loaded here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def head_of(body: "keras.Model") -> str:
    """The last operation of a body, in words, where it turns features into probabilities; "" where it does not, or cannot be seen."""
    if not getattr(body, "outputs", None):  # a model without a graph, or a layer that is no model
        return ""
    last = body.outputs[0]._keras_history.operation
    if hasattr(last, "outputs"):
        return head_of(last)
    activation = getattr(getattr(last, "activation", None), "__name__", type(last).__name__.lower())
    # Hidden layers of sigmoids exist, so that several of them may well be features.
    if activation in ("softmax", "log_softmax") or (activation == "sigmoid" and body.outputs[0].shape[-1] == 1):
        return f"{activation} of layer {last.name!r}"
    return ""
