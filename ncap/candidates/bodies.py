"""Ten small bodies for 16 x 16 grey images, one per family: the networks of the collection "mini".

Each function returns an untrained Keras model without a head, whose first layer maps raw pixels 0..255 to -1..1. All have between
15,000 and 60,000 parameters, so that what sets the families apart is their structure.
"""

from collections.abc import Callable

import keras
from keras import KerasTensor, layers

INPUT_SHAPE = (16, 16, 1)
# 300 training images make 5 steps an epoch: with Keras' 0.99 the statistics for inference would lag behind for 30 epochs
MOMENTUM = 0.9


def _pixels() -> tuple[KerasTensor, KerasTensor]:
    inputs = keras.Input(INPUT_SHAPE)
    return inputs, layers.Rescaling(1 / 127.5, offset=-1)(inputs)


def _conv(x: KerasTensor, filters: int, size: int = 3, strides: int = 1) -> KerasTensor:
    return layers.Conv2D(filters, size, strides, padding="same", activation="relu")(x)


def _conv_norm(
    x: KerasTensor, filters: int, size: int = 3, strides: int = 1, activation: str | None = "relu"
) -> KerasTensor:
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    return layers.Activation(activation)(x) if activation else x


def plain() -> keras.Model:
    """Convolutions and pooling, nothing else (VGG)."""
    inputs, x = _pixels()
    x = layers.MaxPooling2D(2)(_conv(x, 16))
    x = layers.MaxPooling2D(2)(_conv(x, 32))
    x = _conv(x, 64)
    return keras.Model(inputs, x)


def batch_norm() -> keras.Model:
    """Strided convolutions, each with batch normalisation before the relu."""
    inputs, x = _pixels()
    x = _conv_norm(x, 24, strides=2)
    x = _conv_norm(x, 40, strides=2)
    x = _conv_norm(x, 64)
    return keras.Model(inputs, x)


def group_norm() -> keras.Model:
    """Strided 5 x 5 convolutions with group normalisation and swish: no statistics over the batch."""
    inputs, x = _pixels()
    for filters in (16, 32, 40):
        x = layers.Conv2D(filters, 5, 2, padding="same", use_bias=False)(x)
        x = layers.Activation("swish")(layers.GroupNormalization(8)(x))
    return keras.Model(inputs, x)


def residual() -> keras.Model:
    """Two blocks of two normalised convolutions around an identity or projected shortcut (ResNet)."""
    inputs, x = _pixels()
    x = _conv_norm(x, 24, strides=2)
    for filters, strides in ((24, 1), (40, 2)):
        shortcut = x if strides == 1 else layers.Conv2D(filters, 1, strides, use_bias=False)(x)
        x = _conv_norm(x, filters, strides=strides)
        x = _conv_norm(x, filters, activation=None)
        x = layers.Activation("relu")(layers.Add()([x, shortcut]))
    return keras.Model(inputs, x)


def dense() -> keras.Model:
    """Every layer sees the outputs of all layers before it at its resolution (DenseNet)."""
    inputs, x = _pixels()
    x = _conv(x, 24, strides=2)
    for block in range(2):
        for _ in range(3):
            x = layers.Concatenate()([x, _conv(x, 16)])
        if block == 0:
            x = layers.AveragePooling2D(2)(_conv(x, 32, size=1))
    return keras.Model(inputs, x)


def depthwise() -> keras.Model:
    """A depthwise and a pointwise convolution in place of each full one (Xception)."""
    inputs, x = _pixels()
    x = _conv_norm(x, 32, strides=2)
    for filters, strides in ((64, 1), (96, 2), (128, 1)):
        x = layers.SeparableConv2D(filters, 3, strides, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=MOMENTUM)(x))
    return keras.Model(inputs, x)


def inverted_residual() -> keras.Model:
    """Shortcuts between narrow layers, depthwise convolutions in wide ones, no activation on the narrow (MobileNetV2)."""
    inputs, x = _pixels()
    x = _conv_norm(x, 24, strides=2, activation="relu6")
    for filters, strides in ((24, 1), (48, 2)):
        shortcut, width = x, 6 * x.shape[-1]
        x = _conv_norm(x, width, size=1, activation="relu6")
        x = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
        x = layers.Activation("relu6")(layers.BatchNormalization(momentum=MOMENTUM)(x))
        x = _conv_norm(x, filters, size=1, activation=None)
        x = layers.Add()([x, shortcut]) if shortcut.shape == x.shape else x
    return keras.Model(inputs, x)


def inception() -> keras.Model:
    """Parallel 1 x 1, 3 x 3, 5 x 5 and pooled paths, concatenated (GoogLeNet)."""
    inputs, x = _pixels()
    x = _conv(x, 24, strides=2)
    for block in range(2):
        paths = [
            _conv(x, 16, size=1),
            _conv(_conv(x, 16, size=1), 32),
            _conv(_conv(x, 8, size=1), 16, size=5),
            _conv(layers.MaxPooling2D(3, 1, padding="same")(x), 16, size=1),
        ]
        x = layers.Concatenate()(paths)
        if block == 0:
            x = layers.MaxPooling2D(2)(x)
    return keras.Model(inputs, x)


def squeeze() -> keras.Model:
    """Fire modules: squeeze by 1 x 1, expand by 1 x 1 and 3 x 3 (SqueezeNet)."""
    inputs, x = _pixels()
    x = _conv(x, 32, strides=2)
    for squeezed, expanded in ((16, 32), (24, 48), (24, 64)):
        x = _conv(x, squeezed, size=1)
        x = layers.Concatenate()([_conv(x, expanded, size=1), _conv(x, expanded)])
        if squeezed == 16:
            x = layers.MaxPooling2D(2)(x)
    return keras.Model(inputs, x)


def mlp() -> keras.Model:
    """Dense layers on the flattened image: no convolution at all."""
    inputs, x = _pixels()
    x = layers.Flatten()(x)
    for units in (128, 96, 64):
        x = layers.Dense(units, activation="relu")(x)
    return keras.Model(inputs, x)


# name -> (family, body)
BODIES: dict[str, tuple[str, Callable[[], keras.Model]]] = {
    "plain": ("VGG", plain),
    "batch_norm": ("VGG, batch-normalised", batch_norm),
    "group_norm": ("5 x 5 VGG, group-normalised", group_norm),
    "residual": ("ResNet", residual),
    "dense": ("DenseNet", dense),
    "depthwise": ("Xception", depthwise),
    "inverted_residual": ("MobileNetV2", inverted_residual),
    "inception": ("GoogLeNet", inception),
    "squeeze": ("SqueezeNet", squeeze),
    "mlp": ("multilayer perceptron", mlp),
}
