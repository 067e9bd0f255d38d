"""Whether a body normalises its images: what reaches its first kernel is looked at, not what its layers are called."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

SPAN = 16.0  # between black and white, from which values are still on the scale of pixels, 0..255


def raw_pixels_at(body: "keras.Model", shape: tuple[int, int, int]) -> str:
    """The kind of layer, such as "Conv2D", whose kernel is the first to be applied and gets pixels on their own scale; else "".

    A black and a white image (h, w, c) are followed to that layer. Pixels count as raw if they arrive without a negative value and more
    than `SPAN` apart: any usual normalisation scales them down, or centres them as networks trained in Caffe expect. Where a layer with
    other weights comes first, such as batch norm, or one that is not Keras' own, the answer is "".

    >>> import keras
    >>> bare = [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)]
    >>> raw_pixels_at(keras.Sequential(bare), (8, 8, 3))
    'Conv2D'
    >>> raw_pixels_at(keras.Sequential([bare[0], keras.layers.Rescaling(1 / 255), bare[1]]), (8, 8, 3))
    ''
    """
    images = np.stack([np.zeros(shape, np.float32), np.full(shape, 255, np.float32)])
    layer, values = _first_with_weights(body, images)
    if layer is None or not _has_kernel(layer):
        return ""
    arrived = np.asarray(values, np.float32)
    low, high = float(arrived.min()), float(arrived.max())
    return type(layer).__name__ if low >= 0 and high - low > SPAN else ""


def _first_with_weights(model: "keras.Model", images: Any) -> tuple[Any, Any]:
    """The first layer that has weights, in the order of computation, inside nested models too, and what it is given."""
    import keras

    graph = keras.Model(model.inputs[0], model.outputs[0])  # of a Sequential too
    depths = sorted(
        graph._nodes_by_depth, reverse=True
    )  # Keras shows the layers, but not on what this graph calls them
    for node in (node for depth in depths for node in graph._nodes_by_depth[depth]):
        layer = node.operation
        if not getattr(layer, "weights", None):
            continue
        given = node.input_tensors[0]
        values = images if given is graph.inputs[0] else keras.Model(graph.inputs[0], given)(images)
        if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
            return _first_with_weights(layer, values)
        return layer, keras.ops.convert_to_numpy(keras.ops.cast(values, "float32"))
    return None, None


def _has_kernel(layer: Any) -> bool:
    """Whether it is one of Keras' own convolutions or dense layers, which do nothing to their input first."""
    own = type(layer).__module__.partition(".")[0] == "keras"
    return own and any(hasattr(layer, name) for name in ("kernel", "depthwise_kernel"))
