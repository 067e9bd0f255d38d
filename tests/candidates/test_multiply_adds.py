"""Multiply-adds of models, against counts by hand."""

import keras
import pytest
from keras import layers, ops

from ncap.candidates.multiply_adds import count_multiply_adds


def after(shape, *chain):
    return keras.Sequential([keras.Input(shape), *chain])


COUNTED = {
    "no layer that multiplies": (
        after((8, 8, 3), layers.Rescaling(1 / 255), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D()),
        0,
    ),
    "convolution, no padding": (after((8, 8, 3), layers.Conv2D(4, 3)), 6 * 6 * 9 * 3 * 4),
    "convolution, padded, strided": (after((9, 8, 3), layers.Conv2D(4, (3, 5), 2, "same")), 5 * 4 * 15 * 3 * 4),
    "convolution in two groups": (after((4, 4, 6), layers.Conv2D(8, 1, groups=2)), 16 * 6 * 8 // 2),
    "convolution, dilated": (after((8, 8, 1), layers.Conv2D(1, 3, dilation_rate=2)), 4 * 4 * 9),
    "depthwise": (after((8, 8, 5), layers.DepthwiseConv2D(3, 2, "same", depth_multiplier=2)), 4 * 4 * 9 * 10),
    "separable": (after((8, 8, 5), layers.SeparableConv2D(7, 3, padding="same")), 64 * (9 * 5 + 5 * 7)),
    "transposed": (after((4, 4, 3), layers.Conv2DTranspose(2, 3, 2, "same")), 16 * 9 * 3 * 2),
    "one axis": (after((10, 3), layers.Conv1D(4, 3)), 8 * 3 * 3 * 4),
    "dense": (after((6,), layers.Dense(4)), 6 * 4),
    "dense at each place": (after((2, 5, 6), layers.Dense(4)), 10 * 6 * 4),
    "einsum": (after((5, 6), layers.EinsumDense("btc,cd->btd", (5, 4), bias_axes="td")), 5 * 6 * 4),
    "einsum over two axes": (after((5, 6), layers.EinsumDense("btc,tcd->bd", 4)), 5 * 6 * 4),
    "einsum, any places": (after((2, 3, 6), layers.EinsumDense("...c,cd->...d", 4)), 6 * 6 * 4),
    "embedding": (after((7,), layers.Embedding(100, 8)), 0),
    "a model inside": (after((6,), after((6,), layers.Dense(5)), layers.Dense(4)), 6 * 5 + 5 * 4),
}


@pytest.mark.parametrize(("model", "expected"), COUNTED.values(), ids=COUNTED)
def test_multiply_adds_counted_by_hand(model, expected):
    assert count_multiply_adds(model) == expected


def test_attention_by_hand():
    query, value, key = keras.Input((5, 6)), keras.Input((7, 3)), keras.Input((7, 4))
    attend = layers.MultiHeadAttention(2, key_dim=8, value_dim=9)
    # queries, keys, values, scores, sums of values, output
    expected = 5 * 6 * 16 + 7 * 4 * 16 + 7 * 3 * 18 + 5 * 7 * 16 + 5 * 7 * 18 + 5 * 18 * 6
    assert count_multiply_adds(keras.Model([query, value, key], attend(query, value, key))) == expected
    assert count_multiply_adds(keras.Model([query, value, key], attend(query, key=key, value=value))) == expected


def test_attention_to_itself_by_hand():
    x = keras.Input((5, 6))
    expected = 3 * 5 * 6 * 6 + 2 * 5 * 5 * 6 + 5 * 6 * 6
    assert count_multiply_adds(keras.Model(x, layers.MultiHeadAttention(2, 3)(x, x))) == expected


def test_a_product_of_two_tensors_by_hand():
    a, b = keras.Input((5, 6)), keras.Input((6, 7))
    assert count_multiply_adds(keras.Model([a, b], ops.matmul(a, b))) == 5 * 6 * 7


def test_a_layer_called_twice_counts_twice_at_each_size():
    x, conv = keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same")
    assert count_multiply_adds(keras.Model(x, conv(layers.MaxPooling2D()(conv(x))))) == (64 + 16) * 81


class Matrix(layers.Layer):
    """A layer that nobody but its author knows."""

    def build(self, shape):
        self.matrix = self.add_weight(shape=(shape[-1], 2))

    def call(self, x):
        return x @ self.matrix


class NotAGraph(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    "model",
    [
        after((None, None, 3), layers.Conv2D(4, 3)),
        after((6,), Matrix()),
        after((5, 6), layers.LSTM(3)),
        NotAGraph(),
        keras.Sequential([layers.Dense(3)]),
    ],
    ids=["open size", "unknown layer", "recurrent", "no graph", "not built"],
)
def test_what_cannot_be_counted_is_said_to_be_unknown(model):
    assert count_multiply_adds(model) is None


def test_as_published():
    # Howard et al., MobileNets (2017), Table 8 gives 569 million for MobileNet-224, its dense head of 1,024 x 1,000 among them
    model = keras.applications.MobileNet(weights=None)
    assert count_multiply_adds(model) == pytest.approx(569e6, rel=0.01)
