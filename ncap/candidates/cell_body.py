"""The published network of NAS-Bench-201 around a cell, in Keras and without its head."""

import keras
from keras import KerasTensor, initializers, layers

from ncap.candidates.cells import CELLS_PER_STAGE, CHANNELS, Cell

# of CIFAR-10, on 0..255, as the benchmark normalises its images
MEAN, DEVIATION = (125.3, 123.0, 113.9), (63.0, 62.1, 66.7)
MOMENTUM, EPSILON = 0.9, 1e-5  # PyTorch's, which the benchmark was trained with
# Its initial kernels too: of variance 1 / (3 fan-in), and so within 1 / sqrt(fan-in).
UNIFORM = {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}


def cell_body(cell: Cell) -> keras.Model:
    """An untrained body (n, 32, 32, 3) -> (n, 8, 8, 64) that takes raw pixels; the initialisers draw from Python's generator."""
    images = keras.Input((32, 32, 3))
    offset = [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)]
    x = layers.Rescaling([1 / deviation for deviation in DEVIATION], offset)(images)
    x = _norm(_conv(x, CHANNELS[0], 3))
    for channels in CHANNELS:
        if channels != CHANNELS[0]:
            x = _reduction(x, channels)
        for _ in range(CELLS_PER_STAGE):
            x = _in_cell(cell, x)
    return keras.Model(images, layers.ReLU()(_norm(x)))


def _in_cell(cell: Cell, x: KerasTensor) -> KerasTensor:
    nodes = [x]
    for node in (1, 2, 3):
        brought = [_BRANCHES[name](nodes[i]) for (i, j), name in cell.edges() if j == node]
        nodes.append(layers.Add()(brought) if len(brought) > 1 else brought[0])
    return nodes[3]


def _reduction(x: KerasTensor, channels: int) -> KerasTensor:
    """Two convolutions, the first of stride 2, beside a pooled and projected shortcut."""
    main = _relu_conv_norm(_relu_conv_norm(x, channels, 3, strides=2), channels, 3)
    return layers.Add()([main, _conv(layers.AveragePooling2D(2)(x), channels, 1)])


def _relu_conv_norm(x: KerasTensor, channels: int, size: int, strides: int = 1) -> KerasTensor:
    return _norm(_conv(layers.ReLU()(x), channels, size, strides))


def _conv(x: KerasTensor, channels: int, size: int, strides: int = 1) -> KerasTensor:
    padding = "same"
    if strides > 1:  # Keras would pad an even side on the right and below alone; PyTorch pads all around
        x, padding = layers.ZeroPadding2D(1)(x), "valid"
    drawn = initializers.VarianceScaling(**UNIFORM)
    return layers.Conv2D(channels, size, strides, padding, use_bias=False, kernel_initializer=drawn)(x)


def _norm(x: KerasTensor) -> KerasTensor:
    return layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON)(x)


_BRANCHES = {
    "none": lambda x: layers.Rescaling(0.0)(x),
    "skip_connect": lambda x: layers.Identity()(x),
    "nor_conv_1x1": lambda x: _relu_conv_norm(x, x.shape[-1], 1),
    "nor_conv_3x3": lambda x: _relu_conv_norm(x, x.shape[-1], 3),
    "avg_pool_3x3": lambda x: layers.AveragePooling2D(3, 1, "same")(
        x
    ),  # the mean of those places that lie in the image
}
