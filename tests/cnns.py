"""Hypothesis strategies for small CNNs with data, and every connection of theirs by nested loops: the definition, spelled out.

Geometry is drawn, values come from a drawn seed. Dyadic values are exact in every implementation of the same sums, so that
they can be compared for equality; normal ones never lie at relu's kink.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from ncap import reference as ref

DYADIC = (0.0, 0.5, -0.5, 1.0, -1.0)
POWERS_OF_TWO = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class CNNCase:
    """A network of shared weights with data."""

    net: ref.CNN
    x: np.ndarray
    y: np.ndarray


@st.composite
def cnn_cases(
    draw, values="dyadic", max_convolutions=2, max_dense=3, losses=("squared_error", "cross_entropy"), **kinds
):
    """values: "dyadic", "normal" or "positive"; kinds: what poolings takes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def numbers(*shape):
        if values == "dyadic":
            return rng.choice(DYADIC, shape)
        return rng.normal(size=shape) if values == "normal" else rng.uniform(0.5, 1, shape)

    shape = input_shape = (draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 2)))
    layers = [draw(poolings(shape, **kinds))] if draw(st.integers(0, 4)) == 4 else []
    shape = layers[0].output_shape(shape) if layers else shape
    for _ in range(draw(st.integers(1, max_convolutions))):
        layers += [draw(convolutions(shape, numbers))]
        shape = layers[-1].output_shape(shape)
        if draw(st.booleans()):
            layers += [draw(poolings(shape, **kinds))]
            shape = layers[-1].output_shape(shape)
    exact_mean = shape[0] * shape[1] in POWERS_OF_TWO
    layers += [ref.GlobalAveragePooling2D() if exact_mean and draw(st.booleans()) else ref.Flatten()]
    (width,) = layers[-1].output_shape(shape)
    for _ in range(draw(st.integers(1, max_dense))):
        out = draw(st.integers(1, 3))
        layers += [ref.Dense(numbers(width, out), numbers(out))]
        width = out
    n = draw(st.integers(1, 3))
    net = ref.CNN(layers, input_shape, loss=draw(st.sampled_from(losses)))
    return CNNCase(net, numbers(n, *input_shape), rng.integers(0, width, n))


@st.composite
def convolutions(draw, shape, numbers):
    padding = draw(st.sampled_from(["valid", "same"]))
    size = tuple(draw(st.integers(1, 3 if padding == "same" else min(3, n))) for n in shape[:2])
    stride = draw(st.integers(1, 3))
    if draw(st.booleans()):
        multiplier = draw(st.integers(1, 2))
        kernel, bias = numbers(*size, shape[2], multiplier), numbers(shape[2] * multiplier)
        return ref.DepthwiseConv2D(kernel, draw(st.sampled_from([None, bias])), stride, padding)
    strides = draw(st.sampled_from([stride, (stride, 1), (1, stride)]))
    out = draw(st.integers(1, 2))
    return ref.Conv2D(numbers(*size, shape[2], out), draw(st.sampled_from([None, numbers(out)])), strides, padding)


@st.composite
def poolings(draw, shape, max_pooling=True):
    padding = draw(st.sampled_from(["valid", "same"]))
    largest = 2 if padding == "same" else min(2, *shape[:2])
    size = draw(st.integers(1, largest))
    strides = draw(st.sampled_from([None, 1, 2, 3]))
    kind = draw(st.sampled_from([ref.AveragePooling2D, ref.MaxPooling2D][: 1 + max_pooling]))
    return kind(size, strides, padding)


def spread(length, size, stride, padding):
    """[(place, k, cell)] of one axis, as Keras documents it, without the padding."""
    if padding == "valid":
        count, before = (length - size) // stride + 1, 0
    else:
        count = -(-length // stride)
        before = max((count - 1) * stride + size - length, 0) // 2
    return [
        (o, k, o * stride + k - before)
        for o in range(count)
        for k in range(size)
        if 0 <= o * stride + k - before < length
    ]


def windows(layer, shape):
    """[((h, w), (i, j), (row, column))], every pixel under a window."""
    if isinstance(layer, ref.GlobalAveragePooling2D):
        size, strides, padding = shape[:2], (1, 1), "valid"
    elif isinstance(layer, ref.Conv2D | ref.DepthwiseConv2D):
        size, strides, padding = layer.kernel.shape[:2], layer.strides, layer.padding
    else:
        size, padding = (layer.pool_size, layer.pool_size), layer.padding
        strides = (layer.strides or layer.pool_size,) * 2
    rows, columns = (spread(n, k, s, padding) for n, k, s in zip(shape[:2], size, strides, strict=True))
    return [((h, w), (i, j), (r, c)) for (h, i, r), (w, j, c) in itertools.product(rows, columns)]


def joined(layer, shape):
    """[(weight, source, target)] of a layer of weights, as flat indices in C order."""
    number = np.ravel_multi_index
    if isinstance(layer, ref.Dense):
        return [(number(e, layer.kernel.shape), *e) for e in np.ndindex(layer.kernel.shape)]
    out = layer.output_shape(shape)
    found = []
    for place, entry, cell in windows(layer, shape):
        for c, d in np.ndindex(layer.kernel.shape[2:]):
            target = d if isinstance(layer, ref.Conv2D) else c * layer.kernel.shape[3] + d
            weight = number((*entry, c, d), layer.kernel.shape)
            found.append((weight, number((*cell, c), shape), number((*place, target), out)))
    return found


def pooled(layer, shape):
    """{target: [sources]} of a pooling or flatten, in the order of the window."""
    if isinstance(layer, ref.Flatten):
        return {i: [i] for i in range(np.prod(shape))}
    out = layer.output_shape(shape)
    members = {}
    for place, _, cell in windows(layer, shape):
        for c in range(shape[2]):
            target = c if len(out) == 1 else np.ravel_multi_index((*place, c), out)
            members.setdefault(int(target), []).append(int(np.ravel_multi_index((*cell, c), shape)))
    return members


@dataclass
class Block:
    """One layer of weights in loops: its connections; and, for one sample, what it reads, s, and the pooling behind it.

    passed[i'] is {i: share} of the neurons i that i' of the next layer's inputs is made of.
    """

    layer: object
    joined: list
    u: np.ndarray = None
    s: np.ndarray = None
    passed: dict = None


def blocks(net, x):
    """Forward pass of one sample by loops: a Block for every layer of weights, and a_L."""
    found, shape, value, own = [], net.input_shape, x.ravel(), None
    for layer in net.layers:
        out = layer.output_shape(shape)
        if isinstance(layer, ref.Conv2D | ref.DepthwiseConv2D | ref.Dense):
            own = Block(layer, joined(layer, shape), value)
            found.append(own)
            a = np.tile(layer.bias, int(np.prod(out)) // len(layer.bias))
            for weight, source, target in own.joined:
                a[target] += layer.kernel.ravel()[weight] * value[source]
            own.s, value = (a > 0).astype(float), np.maximum(a, 0)
            own.passed = {i: {i: 1.0} for i in range(len(a))}
        else:
            value = passed_on(layer, pooled(layer, shape), own, value)
        shape = out
    return found, a


def passed_on(layer, members, own, value):
    """The pooled value; composes the layer's shares onto those of its block."""
    shares = {}
    for target, sources in members.items():
        if isinstance(layer, ref.MaxPooling2D):
            largest = max(sources, key=lambda i: value[i])  # the first of equal ones
            shares[target] = {largest: 1.0}
        else:
            shares[target] = {i: 1 / len(sources) for i in sources}
    if own is not None:
        own.passed = {
            target: {
                i: sum(share * own.passed[m].get(i, 0) for m, share in mine.items())
                for i in set().union(*(own.passed[m] for m in mine))
            }
            for target, mine in shares.items()
        }
    return np.array([sum(share * value[i] for i, share in shares[target].items()) for target in sorted(shares)])


def interactions(net, x, y, strength):
    """P by the definition, dense, as a sum over pairs of connections; for squared error."""
    offsets = ref.weight_offsets(net)
    P = np.zeros((offsets[-1],) * 2)
    size = abs if strength == "magnitude" else float
    for sample, label in zip(x, y, strict=True):
        found, a = blocks(net, sample)
        g = a - np.eye(len(a))[label]
        for l in range(len(found) - 2, -1, -1):
            below, above = found[l], found[l + 1]
            carried = np.zeros(len(below.s))
            for q, source, k in above.joined:
                for i, share in below.passed[source].items():
                    carried[i] += share * above.layer.kernel.ravel()[q] * g[k]
                    for p, j, target in below.joined:
                        if target == i:
                            term = size(below.s[i]) * size(below.u[j]) * size(g[k]) * share
                            P[offsets[l] + p, offsets[l + 1] + q] += term
            g = below.s * carried
    return P / len(x)


def meetings(net):
    """{(p, q): paths} of the line graph, by loops."""
    offsets = ref.weight_offsets(net)
    found, _ = blocks(net, np.ones(net.input_shape))
    shape, behind, paths = net.input_shape, None, {}
    for layer in net.layers:
        if isinstance(layer, ref.Conv2D | ref.DepthwiseConv2D | ref.Dense):
            l = next(i for i, block in enumerate(found) if block.layer is layer)
            if behind is not None:
                for q, source, _ in found[l].joined:
                    for i, ways in behind.get(source, {}).items():
                        for p, _, target in found[l - 1].joined:
                            if target == i:
                                link = offsets[l - 1] + p, offsets[l] + q
                                paths[link] = paths.get(link, 0) + ways
            behind = {i: {i: 1} for i in range(int(np.prod(layer.output_shape(shape))))}
        elif behind is not None:
            composed = {}
            for target, sources in pooled(layer, shape).items():
                composed[target] = {}
                for m in sources:
                    for i, ways in behind[m].items():
                        composed[target][i] = composed[target].get(i, 0) + ways
            behind = composed
        shape = layer.output_shape(shape)
    return paths
