"""Eighteen small bodies for 32 x 32 colour images, one per family: the networks of the collection "mini32".

Each function returns an untrained Keras model without a head, whose first layer maps raw pixels 0..255 to -1..1. All have between
50,000 and 300,000 parameters and at most six million multiply-adds, most of them at 8 x 8 and 4 x 4 places, so that a benchmark can
afford hundreds of trainings on two cores. The first ten are the families of `ncap.candidates.bodies` at this size.
"""

from collections.abc import Callable

import keras
from keras import KerasTensor, layers, ops

INPUT_SHAPE = (32, 32, 3)
# a few hundred training images make few steps an epoch: with Keras' 0.99 the statistics for inference would lag behind
MOMENTUM = 0.9


def _pixels() -> tuple[KerasTensor, KerasTensor]:
    inputs = keras.Input(INPUT_SHAPE)
    return inputs, layers.Rescaling(1 / 127.5, offset=-1)(inputs)


def _norm(x: KerasTensor, activation: str | None = "relu") -> KerasTensor:
    x = layers.BatchNormalization(momentum=MOMENTUM)(x)
    return layers.Activation(activation)(x) if activation else x


def _conv(x: KerasTensor, filters: int, size: int = 3, strides: int = 1) -> KerasTensor:
    return layers.Conv2D(filters, size, strides, padding="same", activation="relu", kernel_initializer="he_normal")(x)


def _conv_norm(
    x: KerasTensor, filters: int, size: int = 3, strides: int = 1, activation: str | None = "relu"
) -> KerasTensor:
    return _norm(layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x), activation)


def _depthwise_norm(x: KerasTensor, size: int = 3, strides: int = 1, activation: str | None = "relu") -> KerasTensor:
    return _norm(layers.DepthwiseConv2D(size, strides, padding="same", use_bias=False)(x), activation)


def _feed_forward(x: KerasTensor, hidden: int) -> KerasTensor:
    seen = layers.Dense(hidden, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
    return layers.Add()([x, layers.Dense(x.shape[-1])(seen)])


def plain_32() -> keras.Model:
    """Convolutions and pooling, nothing else (VGG)."""
    inputs, x = _pixels()
    x = _conv(x, 24, strides=2)
    for filters in (32, 64):
        x = layers.MaxPooling2D(2)(_conv(x, filters))
    x = _conv(_conv(x, 96), 96)
    return keras.Model(inputs, x)


def batch_norm_32() -> keras.Model:
    """Strided convolutions, each with batch normalisation before the relu."""
    inputs, x = _pixels()
    for filters, strides in ((24, 2), (48, 2), (64, 1), (96, 2), (96, 1)):
        x = _conv_norm(x, filters, strides=strides)
    return keras.Model(inputs, x)


def group_norm_32() -> keras.Model:
    """Strided 5 x 5 convolutions with group normalisation and swish: no statistics over the batch."""
    inputs, x = _pixels()
    for filters in (24, 40, 64, 64):
        x = layers.Conv2D(filters, 5, 2, padding="same", use_bias=False)(x)
        x = layers.Activation("swish")(layers.GroupNormalization(8)(x))
    return keras.Model(inputs, x)


def residual_32() -> keras.Model:
    """Blocks of two normalised convolutions around an identity or projected shortcut (ResNet)."""
    inputs, x = _pixels()
    x = _conv_norm(x, 24, strides=2)
    for filters, strides in ((32, 2), (32, 1), (64, 2), (64, 1)):
        projected = strides > 1
        shortcut = layers.Conv2D(filters, 1, strides, use_bias=False)(x) if projected else x
        x = _conv_norm(x, filters, strides=strides)
        x = _conv_norm(x, filters, activation=None)
        x = layers.Activation("relu")(layers.Add()([x, shortcut]))
    return keras.Model(inputs, x)


def dense_32() -> keras.Model:
    """Every layer sees the outputs of all layers before it at its resolution (DenseNet)."""
    inputs, x = _pixels()
    x = layers.AveragePooling2D(2)(_conv(x, 32, strides=2))
    for block in range(2):
        for _ in range(4):
            new = layers.Conv2D(24, 3, padding="same", use_bias=False)(_norm(x))
            x = layers.Concatenate()([x, new])
        if block == 0:
            x = layers.AveragePooling2D(2)(layers.Conv2D(64, 1, use_bias=False)(_norm(x)))
    return keras.Model(inputs, _norm(x))


def depthwise_32() -> keras.Model:
    """A depthwise and a pointwise convolution in place of each full one (Xception)."""
    inputs, x = _pixels()
    x = _conv_norm(x, 32, strides=2)
    for filters, strides in ((64, 2), (96, 1), (160, 2), (160, 1), (192, 1)):
        x = _norm(layers.SeparableConv2D(filters, 3, strides, padding="same", use_bias=False)(x))
    return keras.Model(inputs, x)


def inverted_residual_32() -> keras.Model:
    """Shortcuts between narrow layers, depthwise convolutions in wide ones, no activation on the narrow (MobileNetV2)."""
    inputs, x = _pixels()
    x = _conv_norm(x, 16, strides=2, activation="relu6")
    for filters, strides in ((24, 2), (24, 1), (48, 2), (48, 1), (48, 1)):
        shortcut, width = x, 5 * x.shape[-1]
        x = _conv_norm(x, width, size=1, activation="relu6")
        x = _depthwise_norm(x, strides=strides, activation="relu6")
        x = _conv_norm(x, filters, size=1, activation=None)
        x = layers.Add()([x, shortcut]) if shortcut.shape == x.shape else x
    return keras.Model(inputs, _conv_norm(x, 160, size=1, activation="relu6"))


def inception_32() -> keras.Model:
    """Parallel 1 x 1, 3 x 3, 5 x 5 and pooled paths, concatenated (GoogLeNet)."""
    inputs, x = _pixels()
    x = layers.MaxPooling2D(2)(_conv(x, 32, strides=2))
    for block, (single, triple, quintuple) in enumerate(((24, 48, 16), (32, 64, 24), (48, 80, 32))):
        paths = [
            _conv(x, single, size=1),
            _conv(_conv(x, triple // 2, size=1), triple),
            _conv(_conv(x, quintuple // 2, size=1), quintuple, size=5),
            _conv(layers.MaxPooling2D(3, 1, padding="same")(x), quintuple, size=1),
        ]
        x = layers.Concatenate()(paths)
        if block == 0:
            x = layers.MaxPooling2D(2)(x)
    return keras.Model(inputs, x)


def squeeze_32() -> keras.Model:
    """Fire modules: squeeze by 1 x 1, expand by 1 x 1 and 3 x 3 (SqueezeNet)."""
    inputs, x = _pixels()
    x = layers.MaxPooling2D(2)(_conv(x, 32, strides=2))
    for squeezed, expanded in ((16, 48), (24, 64), (32, 80), (32, 96)):
        x = _conv(x, squeezed, size=1)
        x = layers.Concatenate()([_conv(x, expanded, size=1), _conv(x, expanded)])
        if squeezed == 24:
            x = layers.MaxPooling2D(2)(x)
    return keras.Model(inputs, x)


def mlp_32() -> keras.Model:
    """Dense layers on the flattened image, halved in size: no convolution at all."""
    inputs, x = _pixels()
    x = layers.Flatten()(layers.AveragePooling2D(2)(x))
    for units in (256, 192, 128):
        x = layers.Dense(units, activation="relu", kernel_initializer="he_normal")(x)
    return keras.Model(inputs, x)


def channel_shuffle_32() -> keras.Model:
    """Half of the channels pass by, half through depthwise and pointwise convolutions, then they are shuffled (ShuffleNetV2)."""
    inputs, x = _pixels()
    x = _conv_norm(x, 32, strides=2)
    for filters, strides in ((80, 2), (80, 1), (160, 2), (160, 1), (160, 1)):
        if strides == 1:
            passing, x = ops.split(x, 2, axis=-1)
        else:
            passing = _conv_norm(_depthwise_norm(x, strides=2, activation=None), filters // 2, size=1)
        x = _conv_norm(x, filters // 2, size=1)
        x = _depthwise_norm(x, strides=strides, activation=None)
        x = layers.Concatenate()([passing, _conv_norm(x, filters // 2, size=1)])
        side = x.shape[1]
        x = layers.Permute((1, 2, 4, 3))(layers.Reshape((side, side, 2, filters // 2))(x))
        x = layers.Reshape((side, side, filters))(x)
    return keras.Model(inputs, x)


def squeeze_excite_32() -> keras.Model:
    """Inverted residuals whose channels are weighted by what the whole image shows, with swish (EfficientNet)."""
    inputs, x = _pixels()
    x = _conv_norm(x, 16, strides=2, activation="swish")
    for filters, strides in ((24, 2), (24, 1), (48, 2), (48, 1)):
        shortcut, narrow, width = x, x.shape[-1] // 4, 4 * x.shape[-1]
        x = _conv_norm(x, width, size=1, activation="swish")
        x = _depthwise_norm(x, strides=strides, activation="swish")
        seen = layers.GlobalAveragePooling2D(keepdims=True)(x)
        seen = layers.Conv2D(narrow, 1, activation="swish")(seen)
        x = layers.Multiply()([x, layers.Conv2D(width, 1, activation="sigmoid")(seen)])
        x = _conv_norm(x, filters, size=1, activation=None)
        x = layers.Add()([x, shortcut]) if shortcut.shape == x.shape else x
    return keras.Model(inputs, _conv_norm(x, 160, size=1, activation="swish"))


def large_kernel_32() -> keras.Model:
    """Residual blocks of a 7 x 7 depthwise convolution and a pointwise perceptron, layer normalisation, gelu (ConvNeXt)."""
    inputs, x = _pixels()
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Conv2D(48, 4, 4)(x))
    for stage, filters in enumerate((48, 80)):
        if stage:
            x = layers.Conv2D(filters, 2, 2)(layers.LayerNormalization(epsilon=1e-6)(x))
        for _ in range(2):
            shortcut = x
            x = layers.LayerNormalization(epsilon=1e-6)(layers.DepthwiseConv2D(7, padding="same")(x))
            x = layers.Dense(filters)(layers.Dense(3 * filters, activation="gelu")(x))
            x = layers.Add()([x, shortcut])
    return keras.Model(inputs, layers.LayerNormalization(epsilon=1e-6)(x))


def mixer_32() -> keras.Model:
    """Perceptrons over the patches of each channel, and over the channels of each patch, in turn (MLP-Mixer)."""
    inputs, x = _pixels()
    x = layers.Reshape((64, 64))(layers.Conv2D(64, 4, 4)(x))
    for _ in range(4):
        mixed = layers.Permute((2, 1))(layers.LayerNormalization(epsilon=1e-6)(x))
        mixed = layers.Dense(64)(layers.Dense(32, activation="gelu")(mixed))
        x = layers.Add()([x, layers.Permute((2, 1))(mixed)])
        x = _feed_forward(x, 128)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))


def attention_32() -> keras.Model:
    """Patches that attend to each other, with a bias of its own for each place (Vision Transformer)."""
    inputs, x = _pixels()
    x = layers.Reshape((64, 48))(layers.Conv2D(48, 4, 4)(x))
    # a dense layer whose bias depends on the place: the learned position
    x = layers.EinsumDense("btc,cd->btd", (64, 48), bias_axes="td")(x)
    for _ in range(3):
        seen = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(3, 16)(seen, seen)])
        x = _feed_forward(x, 144)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))


def ghost_32() -> keras.Model:
    """Half of the maps of a layer are convolved, the other half are cheap depthwise copies of the first (GhostNet)."""
    inputs, x = _pixels()

    def ghost(x: KerasTensor, filters: int, activation: str | None) -> KerasTensor:
        own = _conv_norm(x, filters // 2, size=1, activation=activation)
        return layers.Concatenate()([own, _depthwise_norm(own, activation=activation)])

    x = _conv_norm(x, 24, strides=2)
    for filters, strides in ((40, 2), (40, 1), (80, 2), (80, 1)):
        shortcut = x
        if shortcut.shape[-1] != filters:
            shortcut = _depthwise_norm(x, strides=strides, activation=None)
            shortcut = _conv_norm(shortcut, filters, size=1, activation=None)
        x = ghost(x, 3 * filters, "relu")
        x = _depthwise_norm(x, strides=strides, activation=None) if strides > 1 else x
        x = layers.Add()([ghost(x, filters, None), shortcut])
    return keras.Model(inputs, _conv_norm(x, 192, size=1))


def parallel_32() -> keras.Model:
    """A 3 x 3 and a 1 x 1 convolution and the input itself, each normalised, added before the relu (RepVGG)."""
    inputs, x = _pixels()
    for filters, strides in ((24, 2), (48, 2), (48, 1), (80, 2), (80, 1)):
        paths = [_conv_norm(x, filters, size, strides, activation=None) for size in (3, 1)]
        if x.shape[-1] == filters:
            paths.append(_norm(x, activation=None))
        x = layers.Activation("relu")(layers.Add()(paths))
    return keras.Model(inputs, x)


def hierarchical_32() -> keras.Model:
    """Residual blocks whose channels are convolved in four groups, each of which is added to the next one's input (Res2Net)."""
    inputs, x = _pixels()
    x = _conv_norm(x, 32, strides=2)
    for filters, strides in ((64, 2), (64, 1), (128, 2), (128, 1)):
        shortcut = x if x.shape[-1] == filters else _conv_norm(x, filters, 1, strides, activation=None)
        first, *others = ops.split(_conv_norm(x, filters, 1, strides), 4, axis=-1)
        groups = [first]
        for group in others:
            given = layers.Add()([group, groups[-1]]) if len(groups) > 1 else group
            groups.append(_conv_norm(given, filters // 4))
        x = _conv_norm(layers.Concatenate()(groups), filters, size=1, activation=None)
        x = layers.Activation("relu")(layers.Add()([x, shortcut]))
    return keras.Model(inputs, x)


# name -> (family, body)
BODIES: dict[str, tuple[str, Callable[[], keras.Model]]] = {
    "plain_32": ("VGG", plain_32),
    "batch_norm_32": ("VGG, batch-normalised", batch_norm_32),
    "group_norm_32": ("5 x 5 VGG, group-normalised", group_norm_32),
    "residual_32": ("ResNet", residual_32),
    "dense_32": ("DenseNet", dense_32),
    "depthwise_32": ("Xception", depthwise_32),
    "inverted_residual_32": ("MobileNetV2", inverted_residual_32),
    "inception_32": ("GoogLeNet", inception_32),
    "squeeze_32": ("SqueezeNet", squeeze_32),
    "mlp_32": ("multilayer perceptron", mlp_32),
    "channel_shuffle_32": ("ShuffleNetV2", channel_shuffle_32),
    "squeeze_excite_32": ("EfficientNet", squeeze_excite_32),
    "large_kernel_32": ("ConvNeXt", large_kernel_32),
    "mixer_32": ("MLP-Mixer", mixer_32),
    "attention_32": ("Vision Transformer", attention_32),
    "ghost_32": ("GhostNet", ghost_32),
    "parallel_32": ("RepVGG", parallel_32),
    "hierarchical_32": ("Res2Net", hierarchical_32),
}
