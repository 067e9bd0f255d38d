"""A backbone file with every kind of operation, made here, and what it computes, in plain NumPy."""

import json

import numpy as np
from PIL import Image

CONV = {"type": "conv", "act": "relu6", "stride": 1, "padding": "SAME", "groups": 1, "bias": True, "store": "float16"}
LEAKY = {"act": "leaky_relu", "alpha": 0.1}
DEPTHWISE = CONV | {"type": "depthwise", "act": "linear"}

# Every type, every padding, every activation, both stores; windows whose SAME padding is asymmetric at an even size.
OPERATIONS = [
    CONV | {"name": "stem", "inputs": ["input"], "shape": [3, 3, 3, 8], "stride": 2},
    DEPTHWISE | {"name": "dw", "inputs": ["stem"], "shape": [3, 3, 8, 1], "padding": [[1, 1], [2, 0]], "store": "q8"},
    CONV | {"name": "narrow", "inputs": ["dw"], "shape": [1, 1, 8, 8], "act": "linear", "store": "q8", "per": "channel"},
    {"name": "sum", "type": "add", "inputs": ["stem", "narrow"], "act": "linear"},
    {"name": "left", "type": "slice", "inputs": ["sum"], "start": 0, "stop": 3},
    {"name": "right", "type": "slice", "inputs": ["sum"], "start": 3, "stop": 8},
    CONV | {"name": "wide", "inputs": ["right"], "shape": [3, 3, 5, 9], "padding": "SAME"} | LEAKY,
    {"name": "both", "type": "concat", "inputs": ["left", "wide"]},
    {"name": "mixed", "type": "channel_shuffle", "inputs": ["both"], "groups": 3},
    {"name": "squeezed", "type": "global_avgpool", "inputs": ["mixed"], "keepdims": True},
    CONV | {"name": "gate", "inputs": ["squeezed"], "shape": [1, 1, 12, 12], "act": "relu", "bias": False},
    {"name": "gated", "type": "multiply", "inputs": ["mixed", "gate"]},
    {"name": "halved", "type": "maxpool", "inputs": ["gated"], "size": 2, "stride": 2, "padding": "SAME"},
    CONV | {"name": "valid", "inputs": ["halved"], "shape": [2, 2, 4, 6], "groups": 3, "padding": "VALID"} | LEAKY,
    {"name": "padded", "type": "maxpool", "inputs": ["valid"], "size": 2, "stride": 1, "padding": [[1, 1], [0, 1]]},
    {"name": "pooled", "type": "global_avgpool", "inputs": ["padded"], "keepdims": True},
    {"name": "logits", "type": "dense", "inputs": ["pooled"], "shape": [6, 5], "act": "linear", "bias": True, "store": "float16"},
]  # fmt: skip
PIXELS = {"size": [20, 20, 3], "channel_order": "BGR", "mean": [104.0, 117.0, 123.0], "std": [50.0, 60.0, 70.0]}
CLASSES = {"imagenet": True, "offset": 1, "map": [2, 0, 3, 1]}


def members(operations=OPERATIONS, seed=0):
    """The arrays of a file: random weights, and one channel of the depthwise convolution that is constant."""
    rng = np.random.default_rng(seed)
    found = {}
    for number, one in enumerate(operations):
        if "shape" not in one:
            continue
        key = one["key"] = f"{number:02d}"
        shape = one["shape"]
        outputs = shape[2] * shape[3] if one["type"] == "depthwise" else shape[-1]
        fan_in = np.prod(shape[:2]) if one["type"] == "depthwise" else np.prod(shape[:-1])
        kernel = rng.normal(0, np.sqrt(2 / fan_in), shape)
        if one["type"] == "depthwise":
            kernel[:, :, 3] = 0
        if one["bias"]:
            found[f"{key}_bias"] = rng.normal(0.8, 0.3, outputs).astype(np.float32)
        if one["store"] == "float16":
            found[f"{key}_w"] = kernel.astype(np.float16)
            continue
        scales = outputs if one.get("per") == "channel" else 1
        one["bcast"] = [1, 1, 1, -1]
        found[f"{key}_scale"] = np.full(scales, abs(kernel).max() / 100, np.float32) * np.linspace(
            1, 1.2, scales
        ).astype(np.float32)
        found[f"{key}_zp"] = np.full(scales, 120, np.int32)
        found[f"{key}_q"] = np.clip(np.round(kernel / found[f"{key}_scale"]) + 120, 0, 255).astype(np.uint8)
    return found


def write(path, operations=None, pixels=PIXELS, classes=CLASSES, logits="logits", **replaced):
    """Write a backbone file; `replaced` are members in place of its own, None for one that is left out."""
    operations = [dict(one) for one in operations or OPERATIONS]
    arrays = members(operations)
    texts = {
        "meta": json.dumps(operations),
        "input": json.dumps(pixels),
        "outputs": json.dumps({"features": "pooled", "logits": logits}),
        "classes": json.dumps(classes),
        "source": "made by the tests",
        "licence": "MIT (of the tests)",
        "notes": "",
    }
    whole = {**texts, **arrays, **replaced}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{key: value for key, value in whole.items() if value is not None})
    return path


def photograph(folder, n=12, size=24):
    """JPEG pictures in folders of classes, smooth and coloured, each another."""
    rng = np.random.default_rng(1)
    for number in range(n):
        rough = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        path = folder / f"{number % 3:03d}" / f"{number:02d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        rough.resize((size, size), Image.Resampling.BICUBIC).save(path, quality=95)


def computed(path, images):
    """Every output of a file by name, in float64, from its arrays alone."""
    with np.load(path) as archive:
        file = dict(archive)
    pixels = json.loads(str(file["input"]))
    x = images[..., ::-1] if pixels["channel_order"] == "BGR" else images
    found = {"input": (x.astype(float) - pixels["mean"]) / pixels["std"]}
    for one in json.loads(str(file["meta"])):
        found[one["name"]] = _act(one, _applied(one, [found[name] for name in one["inputs"]], file))
    return found


def _applied(one, inputs, file):
    x = inputs[0]
    match one["type"]:
        case "conv" | "depthwise":
            return _convolved(one, x, _kernel(one, file)) + _bias(one, file)
        case "dense":
            return x.reshape(len(x), -1) @ _kernel(one, file) + _bias(one, file)
        case "maxpool":
            return np.stack(
                [[w.max(axis=(1, 2)) for w in row] for row in _windows(one, x, one["size"], one["size"])]
            ).transpose(2, 0, 1, 3)
        case "global_avgpool":
            return x.mean(axis=(1, 2), keepdims=one["keepdims"])
        case "add":
            return inputs[0] + inputs[1]
        case "multiply":
            return inputs[0] * inputs[1]
        case "concat":
            return np.concatenate(inputs, axis=-1)
        case "slice":
            return x[..., one["start"] : one["stop"]]
        case "channel_shuffle":
            n, h, w, c = x.shape
            return x.reshape(n, h, w, one["groups"], c // one["groups"]).transpose(0, 1, 2, 4, 3).reshape(n, h, w, c)


def _kernel(one, file):
    key = one["key"]
    if one["store"] == "float16":
        return file[f"{key}_w"].astype(float)
    return (file[f"{key}_q"].astype(float) - file[f"{key}_zp"]) * file[f"{key}_scale"].astype(float)


def _bias(one, file):
    return file[f"{one['key']}_bias"].astype(float) if one["bias"] else 0.0


def _convolved(one, x, kernel):
    groups = x.shape[-1] if one["type"] == "depthwise" else one["groups"]
    if one["type"] == "depthwise":
        kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    inside, outside = x.shape[-1] // groups, kernel.shape[-1] // groups
    rows = []
    for row in _windows(one, x, *kernel.shape[:2]):
        places = []
        for window in row:
            parts = [
                np.einsum(
                    "nhwc,hwcd->nd",
                    window[..., g * inside : (g + 1) * inside],
                    kernel[..., g * outside : (g + 1) * outside],
                )
                for g in range(groups)
            ]
            places.append(np.concatenate(parts, axis=-1))
        rows.append(places)
    return np.array(rows).transpose(2, 0, 1, 3)


def _windows(one, x, height, width):
    """The windows (n, height, width, c) by row and column."""
    pads = [_pads(one, x.shape[1], height, 0), _pads(one, x.shape[2], width, 1)]
    # Beyond the edge, a maximum sees nothing where TensorFlow pads, and zeros where the file does.
    beyond = -np.inf if one["type"] == "maxpool" and one["padding"] == "SAME" else 0.0
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=beyond)
    step = one["stride"]
    return [
        [x[:, top : top + height, left : left + width] for left in range(0, x.shape[2] - width + 1, step)]
        for top in range(0, x.shape[1] - height + 1, step)
    ]


def _pads(one, side, window, axis):
    if one["padding"] == "VALID":
        return 0, 0
    if one["padding"] == "SAME":
        needed = max((-(-side // one["stride"]) - 1) * one["stride"] + window - side, 0)
        return needed // 2, needed - needed // 2
    return tuple(one["padding"][axis])


def _act(one, x):
    match one.get("act", "linear"):
        case "relu":
            return np.maximum(x, 0)
        case "relu6":
            return np.clip(x, 0, 6)
        case "leaky_relu":
            return np.where(x > 0, x, one["alpha"] * x)
    return x
