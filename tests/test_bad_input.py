"""Every argument of every public function, with what a person would really pass wrong."""

import pickle
import sqlite3
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tiny
from keras import layers
from refusals import Made, Table, assert_refused, cases, untabled
from sklearn.exceptions import NotFittedError

import ncap
from ncap import candidates, scores, targets
from ncap.cost import measure_costs
from ncap.demo import run_demo
from ncap.measure.probe import Probe, find_probe
from ncap.pipeline import NothingRankedError
from ncap.ranking.comparison import compare
from ncap.ranking.order import rank_records
from ncap.records.store import Store, UnusableStoreError
from ncap.report import write_report
from ncap.targets import ArrayTarget, Target

REAL = "must be an array of real numbers"
RAGGED = [np.ones((6, 6, 1)), np.ones((5, 5, 1))]


# the probe and its capacitance


def body_of(*own, shape=(4,), name="body"):
    return keras.Sequential([keras.Input(shape), *own], name=name)


def subclassed():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    return Own(name="own")


def two_outputs():
    inputs = keras.Input((4,))
    return keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(3)(inputs)], name="twins")


def unknown_width():
    inputs = keras.Input((None,))
    return keras.Model(inputs, layers.Activation("relu")(inputs), name="open")


BODY = body_of(layers.Dense(5, activation="relu"))
MODEL = ncap.attach_probe(BODY, 3, hidden=(4, 3))
HEADS = [
    ([layers.Dense(5, "relu"), layers.Dense(3, "softmax", name="top")], "softmax of layer 'top'"),
    ([layers.Dense(3), layers.Activation("softmax", name="act")], "softmax of layer 'act'"),
    ([layers.Dense(3), layers.Softmax(name="last")], "softmax of layer 'last'"),
    ([body_of(layers.Dense(3, "log_softmax", name="inner"))], "log_softmax of layer 'inner'"),
    ([layers.Dense(1, "sigmoid", name="yes_or_no")], "sigmoid of layer 'yes_or_no'"),
]
PROBE = [
    ("body", "resnet50", TypeError, "body must be a keras.Model without its head, got str"),
    ("body", lambda: BODY, TypeError, "got function"),
    ("body", layers.Dense(3), TypeError, "got Dense"),
    (
        "body",
        keras.Sequential([layers.Dense(3)], name="bare"),
        ValueError,
        "'bare' has no input shape yet",
        "keras.Input",
    ),
    ("body", subclassed(), ValueError, "'own' has no input shape yet", "wrap it"),
    ("body", two_outputs(), ValueError, "body 'twins' has 1 inputs and 2 outputs; the probe reads one of each"),
    ("body", body_of(layers.Dense(3), shape=(7, 4)), ValueError, "returns (None, 7, 3)", "flatten or pool"),
    ("body", body_of(layers.Flatten(), shape=(0, 4)), ValueError, "returns (None, 0)", "flatten or pool"),
    ("body", unknown_width(), ValueError, "body 'open' returns (None, None)", "channels known"),
    ("body", MODEL, ValueError, "has an ncap probe already; take it off with ncap.detach_probe"),
    *(
        ("body", body_of(*own), ValueError, f"ends in the {words}: that is a head", "include_top=False, or cut it off")
        for own, words in HEADS
    ),
    *(
        ("classes", value, ValueError, f"classes must be a whole number of at least 2, got {value!r}")
        for value in (0, 1, -3, 2.5, 3.0, "3", None, True, [0, 1, 2], np.nan)
    ),
    ("classes", 1, ValueError, "got 1: a probe tells classes apart; regression onto one output is not supported"),
    ("hidden", 256, ValueError, "hidden must be a list of whole numbers such as (256, 128), got 256"),
    ("hidden", "256,128", ValueError, "got '256,128'"),
    ("hidden", None, ValueError, "got None"),
    ("hidden", (), ValueError, "hidden must name at least two layers, got ()"),
    ("hidden", (256,), ValueError, "got (256,)", "beta_eff is 0 whatever the training state", "hidden=(256, 128)"),
    ("hidden", (256, 0), ValueError, "hidden[1] must be a whole number of at least 1, got 0"),
    ("hidden", (8.7, 6), ValueError, "hidden[0] must be a whole number of at least 1, got 8.7"),
    ("hidden", ("8", "4"), ValueError, "hidden[0]", "got '8'"),
    ("hidden", ((8, 4),), ValueError, "hidden[0]", "got (8, 4)"),
    *(
        (name, value, ValueError, f"{name} must lie in [0, 1), got {value!r}")
        for name in ("dropout", "norm_momentum")
        for value in (-0.1, 1, 40, "0.4", None, np.nan, [0.4], True)
    ),
    *(
        (name, value, ValueError, f"{name} must be True or False, got {value!r}")
        for name in ("batch_norm", "frozen")
        for value in ("no", None, 2)
    ),
    *(
        ("seed", value, ValueError, f"seed must be a whole number from 0 to 4294967295, got {value!r}")
        for value in (-1, 1.5, "0", None, True, 2**32)
    ),
]
PROBED = [
    ("model", None, TypeError, "model must be a Keras model with an ncap probe, got NoneType"),
    ("model", "model.keras", TypeError, "got str"),
    ("model", BODY, ValueError, "has 0 ncap probes, one is needed; put it on with ncap.attach_probe(body, classes)"),
]

N = 9
IMAGES = np.random.default_rng(0).random((N, 6, 6, 1)).astype("float32")
LABELS = np.arange(N) % 3


def image_model():
    return ncap.attach_probe(body_of(layers.Conv2D(4, 3, activation="relu"), shape=(6, 6, 1)), 3, hidden=(5, 4))


IMAGE_MODEL = image_model()
keras.utils.set_random_seed(0)  # a dead layer would be warned of
FLAT_MODEL = ncap.attach_probe(body_of(layers.Dense(3, "relu"), shape=(2,)), 2, hidden=(5, 4))


def compiled(loss):
    model = image_model()
    model.compile("sgd", loss)
    return model


SMOOTHED = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
IGNORING = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
ON_AXIS_0 = keras.losses.CategoricalCrossentropy(from_logits=True, axis=0)


def diverged(where):
    model = image_model()
    variable = find_probe(model).units[0].dense.kernel if where == "probe" else ncap.detach_probe(model).weights[0]
    variable.assign(np.full(variable.shape, np.nan))
    return model


def subclassed():
    """A whole model of a class of its own, with a probe in it, that has been called."""

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.flat, self.probe = layers.Flatten(), Probe(3, (5, 4))

        def call(self, x):
            return self.probe(self.flat(x))

    net = Net()
    net(IMAGES)
    return net


MODELS = [
    *PROBED,
    (
        "model",
        compiled("hinge"),
        ValueError,
        "compiled loss 'hinge' is not supported",
        "beta_eff is read of one loss, softmax cross-entropy or mean squared error",
    ),
    ("model", compiled("mae"), ValueError, "'mean_absolute_error' is not supported"),
    (
        "model",
        compiled("binary_crossentropy"),
        ValueError,
        "'binary_crossentropy' over labels that do not exclude each other is not supported",
    ),
    (
        "model",
        subclassed(),
        ValueError,
        "(Net) is no graph of layers with an input",
        "pass ncap.attach_probe(body, classes)",
    ),
    ("model", compiled(SMOOTHED), ValueError, "label_smoothing=0.1; pass loss='cross_entropy' with smoothed targets y"),
    (
        "model",
        compiled(IGNORING),
        ValueError,
        "ignore_class=0, and beta_eff would count its samples; leave them out of x and y",
    ),
    ("model", compiled(ON_AXIS_0), ValueError, "axis=0, but the classes are on the last axis, -1"),
    ("model", compiled(["mse"]), ValueError, "['mse']", "is not one loss; beta_eff is read of one loss"),
]
READ = [
    ("x", None, ValueError, f"x {REAL}, got None"),
    ("x", "x.npy", ValueError, "got 'x.npy'"),
    ("x", {"image": IMAGES}, ValueError, f"x {REAL}, got {{'image'"),
    ("x", (image for image in IMAGES), ValueError, "got <generator object"),
    ("x", keras.Input((6, 6, 1)), ValueError, "x must be one array of real numbers: A KerasTensor is symbolic"),
    ("x", RAGGED, ValueError, "x must be one array of real numbers", "inhomogeneous shape"),
    (
        "x",
        np.ma.masked_equal(IMAGES, IMAGES[0, 0, 0, 0]),
        ValueError,
        "x is a masked array",
        "pass x.filled(number) or leave rows out",
    ),
    ("y", np.ma.masked_equal(LABELS, 0), ValueError, "y is a masked array"),
    ("x", IMAGES.astype(str), ValueError, f"x {REAL}, got dtype <U32 of shape (9, 6, 6, 1)"),
    ("x", IMAGES * 1j, ValueError, "dtype complex64"),
    ("x", IMAGES[:0], ValueError, "x must have shape (N, 6, 6, 1), N at least 1, got (0, 6, 6, 1)"),
    ("x", IMAGES[0], ValueError, "got (6, 6, 1)"),
    ("x", IMAGES[..., 0], ValueError, "got (9, 6, 6); add the axis of channels, x[..., None]"),
    ("x", IMAGES.transpose(0, 3, 1, 2), ValueError, "got (9, 1, 6, 6); channels come last, x.transpose(0, 2, 3, 1)"),
    ("x", np.repeat(IMAGES, 3, axis=-1), ValueError, "got (9, 6, 6, 3)"),
    ("y", None, ValueError, "y must be integer labels of shape (9,) or targets of shape (9, 3), got None"),
    ("y", LABELS[:-1], ValueError, "got (8,)"),
    ("y", np.eye(5)[LABELS], ValueError, "got (9, 5)"),
    ("y", LABELS + 1, ValueError, "labels y must lie in 0..2, one for each output, got 1..3"),
    ("y", LABELS / 2, ValueError, "got dtype float64; pass y.astype(int) once they are whole numbers, 0.5 is not"),
    (
        "y",
        pd.Series(list("abcabcabc"), dtype="category"),
        ValueError,
        "dtype object; number the classes, y = np.unique(",
    ),
    ("y", np.eye(3)[LABELS] * 100, ValueError, "must sum to 1 in every row, row 0 sums to 100; divide by the row sums"),
    ("loss", "mse", ValueError, "loss must be one of 'cross_entropy', 'squared_error', got 'mse'"),
]
WEIGHTS = [
    (
        "sample_weight",
        np.ones(8),
        ValueError,
        "sample_weight must have shape (9,), one number for each sample, got (8,)",
    ),
    ("sample_weight", np.ones((9, 1)), ValueError, "got (9, 1)"),
    ("sample_weight", "balanced", ValueError, "sample_weight must be an array of real numbers, got 'balanced'"),
    (
        "sample_weight",
        {0: 1.0, 1: 2.0},
        ValueError,
        "sample_weight must be an array of real numbers, got {0: 1.0, 1: 2.0}",
    ),
    ("sample_weight", -np.ones(9), ValueError, "at least 0 and not 0 throughout, got -1.0..-1.0"),
    ("sample_weight", np.zeros(9), ValueError, "got 0.0..0.0"),
    ("sample_weight", np.full(9, np.inf), ValueError, "sample_weight must be finite"),
]
SETTINGS = [
    ("method", "auto", ValueError, "method must be one of 'closed_form', 'autodiff', got 'auto'"),
    (
        "interaction",
        "relative",
        ValueError,
        "interaction must be one of 'explicit', 'hessian', 'full_hessian', got 'relative'",
    ),
    ("strength", "loud", ValueError, "strength must be one of 'signed', 'magnitude', got 'loud'"),
    ("weighting", "", ValueError, "weighting must be one of 'unit', 'relative', got ''"),
    ("nodes", "all", ValueError, "nodes must be one of 'kernels', 'norms', got 'all'"),
    ("reading", "explicit/magnitud/unit", ValueError, "did you mean 'explicit/magnitude/unit'?"),
    ("reading", "hessian/magnitude/unit", ValueError, "by the oracle alone", "use ncap.reference.capacitance"),
    ("reading", 3, TypeError, "reading must be a name such as 'explicit/magnitude/unit', got 3"),
    ("loss", keras.losses.Huber(), ValueError, "loss must be one of 'cross_entropy', 'squared_error', got <Loss"),
    *(
        ("batch_size", value, ValueError, f"batch_size must be a whole number of at least 1, got {value!r}")
        for value in (0, -5, 2.5, "32", None, True, np.nan, np.inf)
    ),
    *(
        (
            "error",
            value,
            ValueError,
            f"error must lie between 0 and 1, such as 0.01 for a hundredth of beta_eff, got {value!r}",
        )
        for value in (0, -0.1, 1, 5, np.nan)
    ),
    *(("error", value, TypeError, "error must be a number such as 0.01") for value in ("small", True, [0.1])),
    *(("seed", value, ValueError, "seed must be a whole number", f"got {value!r}") for value in (-1, 2**32, 0.5, None)),
]
READABLE = {"model": IMAGE_MODEL, "x": IMAGES, "y": LABELS}
NOT_FINITE = [
    ("x", IMAGES * np.nan, ValueError, "x holds NaN or infinity; pass finite inputs"),
    ("x", pd.DataFrame({"a": [1.0], "b": ["k"]}), ValueError, f"x {REAL}, got dtype object of shape (1, 2)"),
]


def train_with_callback(x, y, loss=None, model=None):
    """One epoch: fails the test if bad input is found after it only."""
    model = model or compiled(keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_: pytest.fail("trained first"))
    model.fit(IMAGES, LABELS, verbose=0, callbacks=[watch, ncap.CapacitanceCallback(x, y, loss=loss)])


TABLES = {
    "attach_probe": Table(ncap.attach_probe, {"body": BODY, "classes": 3, "hidden": (4, 3)}, PROBE),
    "detach_probe": Table(ncap.detach_probe, {"model": MODEL}, PROBED),
    "find_probe": Table(find_probe, {"model": MODEL}, PROBED),
    "capacitance": Table(ncap.capacitance, READABLE, MODELS + READ + WEIGHTS + SETTINGS + NOT_FINITE),
    "gradient_capacitance": Table(
        ncap.gradient_capacitance,
        READABLE,
        [*MODELS, *READ, *NOT_FINITE, *(row for row in SETTINGS if row[0] in ("method", "loss", "batch_size"))],
    ),
    "autodiff": Table(
        ncap.capacitance,
        READABLE | {"method": "autodiff"},
        [
            ("strength", "magnitude", ValueError, "gives strength='signed' only", "use method='closed_form'"),
            (
                "reading",
                "explicit/magnitude/unit",
                ValueError,
                "gives strength='signed' only",
                "use method='closed_form'",
            ),
        ],
    ),
    "a reading and its parts": Table(
        ncap.capacitance,
        READABLE | {"weighting": "unit"},
        [("reading", "explicit/signed/relative", ValueError, "and weighting='unit' contradict each other")],
    ),
    "CapacitanceCallback": Table(
        ncap.CapacitanceCallback,
        {"x": IMAGES, "y": LABELS},
        [
            *SETTINGS,
            *(
                (name, value, TypeError, f"{name} must be a text, the key in the logs")
                for name in ("name", "accuracy")
                for value in ("", None, 3)
            ),
            ("rule", "last_sen", ValueError, "unknown rule 'last_sen'; did you mean 'last_seen'?"),
            ("horizon", 0, ValueError, "horizon must be a positive number of epochs, got 0"),
        ],
    ),
    "fit with CapacitanceCallback": Table(
        train_with_callback, {"x": IMAGES, "y": LABELS}, [row for row in READ if row[0] in "xy"]
    ),
}


# from observations to a prediction

BETA, ACCURACY = [[4.0], [3.0], [2.0], [1.0]], [0.5, 0.6, 0.7, 0.8]


def fit(X=BETA, y=ACCURACY, t0="bic"):
    return ncap.CapacitancePredictor(t0=t0).fit(X, y)


def predict(X, fitted=True):
    return (fit() if fitted else ncap.CapacitancePredictor()).predict(X)


NO_READING = "contains NaN or infinity, in row 1 (1 in all): leave out epochs without a readable beta_eff"
TABLES |= {
    "CapacitancePredictor": Table(
        fit,
        {},
        [
            *(
                ("t0", value, ValueError, 't0 must be "bic" or an int >= 0', f"got t0={value!r}")
                for value in ("aic", "0", -1, 1.5, None, True, [0])
            ),
            ("X", [[4.0], [np.nan], [2.0], [1.0]], ValueError, f"Input X {NO_READING}"),
            ("X", [[4.0], [np.inf], [2.0], [1.0]], ValueError, f"Input X {NO_READING}"),
            ("y", list("abcd"), ValueError, f"y {REAL}, got dtype <U1 of shape (4,)"),
            ("y", [0.5, np.nan, 0.7, 0.8], ValueError, "Input y contains NaN"),
            ("y", None, ValueError, "requires y to be passed"),
            ("y", np.c_[ACCURACY, ACCURACY], ValueError, "y should be a 1d array, got an array of shape (4, 2)"),
        ],
    ),
    "CapacitancePredictor, by scikit-learn": Table(
        fit,
        {},
        [
            ("X", [4.0, 3.0, 2.0, 1.0], ValueError, "Expected 2D array, got 1D array", "array.reshape(-1, 1)"),
            ("X", pd.Series([4.0, 3.0, 2.0, 1.0]), ValueError, "Expected a 2-dimensional container", "pandas.Series"),
            ("X", [], ValueError, "Expected 2D array, got 1D array"),
            ("X", np.empty((0, 1)), ValueError, "0 sample(s)", "minimum of 1 is required"),
            ("X", np.ones((4, 1, 1)), ValueError, "dim 3", "dim <= 2 is required"),
            ("X", [["a"]] * 4, ValueError, "could not convert string to float: 'a'"),
            ("y", ACCURACY[:3], ValueError, "inconsistent numbers of samples: [4, 3]"),
        ],
        own_words=False,
    ),
    "predict": Table(predict, {"X": BETA}, [("X", [[0.0], [np.nan]], ValueError, f"Input X {NO_READING}")]),
    "predict, by scikit-learn": Table(
        predict,
        {"X": BETA},
        [
            ("X", [[1.0, 2.0]], ValueError, "X has 2 features, but CapacitancePredictor is expecting 1"),
            ("X", [1.0], ValueError, "Expected 2D array, got 1D array"),
            ("fitted", False, NotFittedError, "This CapacitancePredictor instance is not fitted yet. Call 'fit'"),
        ],
        own_words=False,
    ),
}


# quality of a ranking


def paired(predicted, true):
    return {"predicted": predicted, "true": true}


A_AND_B = pd.Series([1.0, 2.0], index=["a", "b"])
RANKED = [
    ("predicted", [1.0, 2.0], ValueError, "predicted and true must be 1-D of one length, got shapes (2,) and (3,)"),
    ("predicted", np.eye(3), ValueError, "got shapes (3, 3) and (3,)"),
    ("predicted", ["plain", "mlp", "dense"], ValueError, f"predicted {REAL}, got dtype <U5 of shape (3,)"),
    ("predicted", {"plain": 0.5}, ValueError, "got {'plain': 0.5}"),
    ("predicted", None, ValueError, f"predicted {REAL}, got None"),
    ("predicted", [np.nan, 1.0, 2.0], ValueError, "predicted must be finite or -inf, got nan at position 0 (1 in all)"),
    ("predicted", [None, 1.0, 2.0], ValueError, "got nan at position 0", "or give it -inf to rank it last"),
    ("predicted", [1.0, np.inf, 2.0], ValueError, "got inf at position 1"),
    ("true", [1.0, np.nan, -np.inf], ValueError, "true must be finite, got nan at position 1 (2 in all)", "leave out"),
    ("true", ["a", "b", "c"], ValueError, f"true {REAL}"),
    ("true", [[1.0], [1.0, 2.0]], ValueError, "true must be one array of real numbers"),
]
METRICS = ("spearman", "kendall", "weighted_tau", "regret")
TABLES |= {name: Table(getattr(ncap, name), paired([1.0, 3.0, 2.0], [1.0, 2.0, 3.0]), list(RANKED)) for name in METRICS}
TABLES["regret"].rows.extend(
    ("k", value, ValueError, "k must be an int >= 1, the number of candidates picked", f"got k={value!r}")
    for value in (0, -1, 1.5, "1", None, True)
)
TABLES |= {
    f"{name} of pandas": Table(
        getattr(ncap, name),
        paired(A_AND_B, A_AND_B),
        [
            (
                "true",
                A_AND_B[::-1],
                ValueError,
                "indices differ, got ['a', 'b'] and ['b', 'a']",
                "true.reindex(predicted.index)",
            )
        ],
    )
    for name in METRICS
}


# targets

X, Y = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8), np.arange(30) % 3
NUMBER = "y = np.unique(y, return_inverse=True)[1]"


def npz(**arrays):
    def save(folder):
        np.savez(folder / "mine.npz", **arrays)
        return folder / "mine.npz"

    return Made(save)


def file(name, content=b""):
    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return Made(write)


def truncated(folder):
    path = npz(x=X, y=Y).make(folder)
    path.write_bytes(path.read_bytes()[:-100])
    return path


def endless(folder):
    (folder / "endless.npz").symlink_to("endless.npz")
    return folder / "endless.npz"


NAMES = [
    ("spec", Made(endless), ValueError, "endless.npz: cannot be read (Too many levels of symbolic links)"),
    ("spec", "cifar-100", ValueError, "did you mean 'cifar100'?", "or tfds:NAME, or a folder with SVHN's .mat files"),
    ("spec", "Digits", ValueError, "unknown target 'Digits'; did you mean 'digits'?", "or the path of a .npz file"),
    ("spec", "fashion-mnist", ValueError, "did you mean 'fashion_mnist'?"),
    ("spec", "imagenet", ValueError, "unknown target 'imagenet'", "known: digits, fashion_mnist, cifar10"),
    ("spec", "", ValueError, "unknown target ''"),
    ("spec", "x" * 300, ValueError, "unknown target 'xxx"),
    (
        "spec",
        Made(lambda folder: folder),
        ValueError,
        "has 0 class folders, and two are needed; pass one folder of images per class",
    ),
    (
        "spec",
        Made(lambda folder: folder / "absent.npz"),
        ValueError,
        "absent.npz: cannot be read (No such file or directory); pass the path of a .npz",
    ),
    (
        "spec",
        file("notes.npz", b"hello"),
        ValueError,
        "notes.npz: not an .npz archive; save it with numpy.savez_compressed",
    ),
    ("spec", file("empty.npz"), ValueError, "empty.npz: not an .npz archive"),
    ("spec", file("table.csv", b"a,b"), ValueError, "table.csv: not an .npz archive"),
    ("spec", file("pickled.npz", pickle.dumps({"x": X})), ValueError, "pickled.npz: not an .npz archive"),
    ("spec", Made(truncated), ValueError, "mine.npz: not an .npz archive"),
    ("spec", None, TypeError, "target must be a name, the path of a .npz file or an ncap.targets.Target, got NoneType"),
    ("spec", (X, Y), TypeError, "got tuple; save arrays with numpy.savez(path, x=x, y=y)"),
    ("spec", {"x": X, "y": Y}, TypeError, "got dict", "Target.from_parts(name, {'all': (x, y)}, seed=0)"),
]
SIZES = [
    (
        name,
        value,
        ValueError,
        f"{name} must be a share between 0 and 1, such as 0.2, or a whole number of images, such as 15000, got {value!r}",
    )
    for name in ("validation", "test")
    for value in (0, 1.5, -0.2, -3, np.nan, np.inf, "many", "", "0", True, [0.2])
]
ON_BAD = [
    ("on_bad", "skp", ValueError, "on_bad must be one of fail, skip, got 'skp'; did you mean 'skip'?"),
    ("on_bad", None, ValueError, "got None"),
]
LAYOUT = "keys must be x_train, y_train[, x_val, y_val][, x_test, y_test], or x, y; got "
FILES = [
    ("spec", npz(images=X, labels=Y), ValueError, f"mine.npz: the {LAYOUT}['images', 'labels']"),
    ("spec", npz(), ValueError, f"{LAYOUT}[]"),
    ("spec", npz(x_test=X, y_test=Y), ValueError, f"{LAYOUT}['x_test', 'y_test']"),
    ("spec", npz(x=X, y=Y, x_train=X, y_train=Y), ValueError, LAYOUT),
    ("spec", npz(x=X), ValueError, "x and y must be given together, got ['x']"),
    (
        "spec",
        npz(x_train=X, y_train=Y, x_valid=X, y_valid=Y),
        ValueError,
        "unknown key 'x_valid'; the keys are x_train",
    ),
    (
        "spec",
        npz(x=X.astype(object), y=Y),
        ValueError,
        "mine.npz: x cannot be read",
        "object arrays are pickles and never loaded",
    ),
    ("spec", npz(x=X, y=Y.astype(object)), ValueError, "y cannot be read", "save arrays of numbers"),
    ("spec", npz(x=X, y=7 * Y), ValueError, "class 1 has no sample while the largest label is 14", NUMBER),
    ("spec", npz(x=X[:-1], y=Y), ValueError, "x has 29 images, but y has 30 labels"),
    ("spec", npz(x=X, y=Y.astype(str)), ValueError, "y: labels must be the integers 0..C-1, got dtype <U21", NUMBER),
    ("spec", npz(x=X, y=Y / 2), ValueError, "got dtype float64", NUMBER),
    ("spec", npz(x=X, y=Y - 1), ValueError, "got -1", NUMBER),
    ("spec", npz(x=X, y=Y + 1), ValueError, "class 0 has no sample while the largest label is 3", NUMBER),
    (
        "spec",
        npz(x=X, y=np.eye(3)[Y]),
        ValueError,
        "shape (n,), got (30, 3); if they are one-hot: y = y.argmax(axis=1)",
    ),
    ("spec", npz(x=X, y=0 * Y), ValueError, "y: at least two classes are needed, got 1"),
    (
        "spec",
        npz(x=X, y=np.r_[Y[:-1], 3]),
        ValueError,
        "at least 5 samples of each class, class 3 has 1; pass x_val, y_val",
    ),
    ("spec", npz(x=X[:2], y=Y[:2]), ValueError, "at least 5 samples of each class, class 0 has 1"),
    ("spec", npz(x=X[:, 0], y=Y), ValueError, "x: images must have shape (n, h, w) or (n, h, w, c)", "got (30, 8)"),
    ("spec", npz(x=np.stack([X] * 3, axis=1), y=Y), ValueError, "got (30, 3, 8, 8)", "pass x.transpose(0, 2, 3, 1)"),
    (
        "spec",
        npz(x_train=X / 255, y_train=Y, x_val=X / 250, y_val=Y),
        ValueError,
        "mine.npz: x_val: its largest value is 1.02, just above 1: neither fractions of white nor values in 0..255",
        "clip every part to 1",
    ),
    (
        "spec",
        npz(x_train=X / 255, y_train=Y, x_val=X, y_val=Y),
        ValueError,
        "x_train: its values lie in 0..1, but those of x_val reach 255; save all parts in one scale, 0..255",
    ),
    (
        "spec",
        npz(x=X, y=np.where(Y == 1, np.uint64(2**64 - 1), Y.astype(np.uint64))),
        ValueError,
        "got 18446744073709551615",
        NUMBER,
    ),
    (
        "spec",
        npz(x=X / 127.5 - 1, y=Y),
        ValueError,
        "x: values must lie in 0..255, got -1.0 to 1.0",
        "candidate's own first layer",
    ),
    ("spec", npz(x=X * np.nan, y=Y), ValueError, "got nan to nan"),
    (
        "spec",
        npz(x_train=X, y_train=Y, x_val=X, y_val=Y + 1),
        ValueError,
        "y_val: label 3, but the classes of y_train are 0..2",
    ),
    (
        "spec",
        npz(x_train=X, y_train=Y, x_val=X[:, :4], y_val=Y),
        ValueError,
        "x_val: images of shape (4, 8, 1)",
        "(8, 8, 1)",
    ),
]
SEEDS = [
    ("seed", value, ValueError, f"seed must be a whole number from 0 to 4294967295, got {value!r}")
    for value in (-1, 1.5, "0", None, True, 2**32)
]
WHOLE = {
    "name": "whole", "x_train": X, "y_train": Y, "x_val": X, "y_val": Y, "x_test": X, "y_test": Y, "classes": 3
}  # fmt: skip
TARGET = ArrayTarget(**WHOLE)
PART = [
    ("part", value, ValueError, f"part must be one of 'train', 'val', 'test' of 'whole', got {value!r}")
    for value in ("validation", "all", None, 0)
]


def rows_of(argument):
    return [
        *(
            (argument, value, ValueError, f"{argument} must be a list of indices of the train part, whole numbers")
            for value in (0, "0", [0.5], [[0]], [True])
        ),
        (argument, [0, 30], ValueError, f"{argument} must lie in 0..29, the indices of the train part, got 30"),
        (argument, [-1], ValueError, "got -1"),
    ]


PARTS = 'parts must be {"all": (x, y)}, or "train" with or without "val" and "test", each a pair (x, y), got '


def part_rows(part):
    x, y = f"x_{part}", f"y_{part}"
    return [
        (x, [], ValueError, f"{x}: images must have shape", "got (0,)"),
        (x, "digits", ValueError, "images must be integers or floats from 0 to 255, got 'digits'"),
        (x, RAGGED, ValueError, f"{x} must be one array of real numbers"),
        (x, X[1:], ValueError, f"{x} has 29 images, but {y} has 30 labels"),
        (y, [], ValueError, f"{y}: labels must have shape (n,), n at least 1, got (0,)"),
        (y, Y.astype(str), ValueError, f"{y}: labels must be the integers 0..C-1, got dtype <U21", NUMBER),
    ]


TABLES |= {
    "targets.load": Table(
        targets.load,
        {"spec": "digits"},
        [
            *SEEDS,
            *SIZES,
            *ON_BAD,
            ("validation", 1437, ValueError, "1437 for validation, 360 for test of 1797 images leave 0 to train on"),
            ("validation", 9, ValueError, "9 for validation, 360 for test are fewer than the 10 classes; hold out more"),
            ("test", 0.001, ValueError, "2 for test) needs at least 1000 samples of each class, class 8 has 174; pass x_val, y_val"),
        ],
    ),
    "targets.load of names": Table(targets.load, {"spec": "digits"}, NAMES + FILES, own_words=False),
    "targets.resolve": Table(targets.resolve, {"spec": "digits"}, NAMES, own_words=False),
    "targets.stratified_subset": Table(
        targets.stratified_subset,
        {"y": Y, "n": 6, "seed": 0},
        [
            *SEEDS,
            *(
                ("n", value, ValueError, f"n must be a whole number of at least 1, got {value!r}")
                for value in (0, -1, 2.5, "3", None)
            ),
            ("y", None, ValueError, "y: labels must have shape (n,), n at least 1, got None"),
            ("y", [], ValueError, "got (0,)"),
            ("y", Y / 2, ValueError, "got dtype float64", NUMBER),
            ("y", np.eye(3)[Y], ValueError, "if they are one-hot: y = y.argmax(axis=1)"),
        ],
    ),
    "ArrayTarget": Table(
        ArrayTarget,
        WHOLE,
        [
            *(row for part in ("train", "val", "test") for row in part_rows(part)),
            ("name", None, ValueError, "name: a target is named by a text that is not empty, got None"),
            ("name", "", ValueError, "got ''"),
            ("classes", 4, ValueError, "classes=4, but y_train has 3 classes"),
            ("classes", 3.0, ValueError, "classes must be a whole number of at least 2, got 3.0"),
            ("x_test", None, ValueError, "x_test and y_test must be given together, or both be None"),
            ("y_test", Y + 1, ValueError, "y_test: label 3, but the classes of y_train are 0..2"),
        ],
    ),
    "Target.from_parts": Table(
        Target.from_parts,
        {"name": "whole", "parts": {"all": (X, Y)}, "seed": 0},
        [
            *SEEDS,
            *SIZES,
            ("name", 3, ValueError, "name: a target is named by a text that is not empty, got 3"),
            ("parts", None, ValueError, f"{PARTS}None"),
            ("parts", {}, ValueError, f"{PARTS}{{}}"),
            ("parts", [X, Y], ValueError, PARTS),
            ("parts", {"training": (X, Y)}, ValueError, f"{PARTS}['training']"),
            ("parts", {"train": (X, Y), "validation": (X, Y)}, ValueError, f"{PARTS}['train', 'validation']"),
            ("parts", {"all": (X, Y), "test": (X, Y)}, ValueError, f"{PARTS}['all', 'test']"),
            ("parts", {"train": X}, ValueError, "parts['train'] must be a pair (x, y) of images and labels, got ndarray"),
            ("parts", {"train": (X,)}, ValueError, "parts['train'] must be a pair", "got tuple"),
        ],
    ),
    "Target.read": Table(
        TARGET.read,
        {"part": "train", "rows": [0], "shape": None},
        [
            *PART,
            *rows_of("rows"),
            *(
                ("shape", value, ValueError, f"shape: images have the shape (h, w, c), got {value!r}")
                for value in (8, (8, 8), "8x8x1", (64,))
            ),
            ("shape", (0, 8, 1), ValueError, "positive integers or None for h and w, got (0, 8, 1)"),
            ("shape", (8, 8, 3.0), ValueError, "got (8, 8, 3.0)"),
            ("shape", (8, 8, None), ValueError, "give the candidate's Input a definite number of channels"),
        ],
    ),
    "Target.batches": Table(
        TARGET.batches,
        {"part": "train", "order": None, "size": 8, "shape": None},
        [
            *PART,
            *rows_of("order"),
            *(("size", value, ValueError, f"size must be a whole number of at least 1, got {value!r}") for value in (0, 2.5, "3", None)),
            ("shape", (8, 8), ValueError, "shape: images have the shape (h, w, c), got (8, 8)"),
        ],
    ),
    "Target.sample": Table(
        TARGET.sample,
        {"part": "train", "n": 6, "seed": 0, "shape": None},
        [
            *PART,
            *SEEDS,
            *(("n", value, ValueError, f"n must be a whole number of at least 1, got {value!r}") for value in (0, 2.5, "3", None)),
            ("shape", (8, 8), ValueError, "shape: images have the shape (h, w, c), got (8, 8)"),
        ],
    ),
    "Target.few": Table(
        TARGET.few,
        {"n_train": 6, "seed": 0},
        [
            *SEEDS,
            ("n_train", 2, ValueError, "n_train: must lie between the number of classes, 3, and of training images, 30, got 2"),
            ("n_train", 31, ValueError, "got 31"),
            *(("n_train", value, ValueError, f"n_train must be a whole number of at least 0, got {value!r}") for value in ("9", 9.5, None)),
        ],
    ),
}  # fmt: skip


# candidates

UNKNOWN = "known: mini (all of them), "
FACTORY = "candidates: {name: function that returns a body} is needed, got "
LIST = "candidates: a list of names, or {name: function that returns a body}, is needed, got "
CANDIDATES = [
    ("residul", ValueError, "unknown candidate 'residul'; did you mean 'residual'?", UNKNOWN),
    ("MLP", ValueError, "unknown candidate 'MLP'; did you mean 'mlp'?"),
    (
        "resnet50",
        ValueError,
        f"unknown candidate 'resnet50'; did you mean 'ResNet50'? {UNKNOWN}",
        "passed from Python, ncap.rank({name: function}",
    ),
    ("mlp,,plain", ValueError, "unknown candidate ''"),
    ([], ValueError, "candidates: at least one is needed, got []"),
    ({}, ValueError, "candidates: at least one is needed, got {}"),
    (None, TypeError, f"{LIST}None"),
    (3, TypeError, f"{LIST}3"),
    (np.array(["mlp"]), TypeError, f"{LIST}array(['mlp']"),
    (["mlp", 3], TypeError, f"{LIST}['mlp', 3]"),
    (tiny.body, TypeError, f"{LIST}<function body"),
    (BODY, TypeError, f"{LIST}<Sequential name=body"),
    ([BODY], TypeError, f"{LIST}[<Sequential name=body"),
    ({"mine": 3}, TypeError, f"{FACTORY}{{'mine': 3}}"),
    ({3: tiny.body}, TypeError, f"{FACTORY}{{3: <function body"),
    ({"": tiny.body}, TypeError, f"{FACTORY}{{'': <function body"),
    (
        {"mine": BODY},
        TypeError,
        "the function of 'mine' must take no argument and return a fresh body",
        "a model itself",
    ),
    ({"mine": lambda width: BODY}, TypeError, "the function of 'mine' must take no argument"),
]
TABLES["FactoryCandidate"] = Table(
    candidates.FactoryCandidate,
    {"name": "mine", "factory": tiny.body},
    [
        ("name", 3, TypeError, f"{FACTORY}{{3: <function body"),
        ("name", "", TypeError, f"{FACTORY}{{'': <function body"),
        ("factory", 3, TypeError, f"{FACTORY}{{'mine': 3}}"),
        (
            "factory",
            BODY,
            TypeError,
            "the function of 'mine' must take no argument and return a fresh body",
            "a model itself",
        ),
    ],
    own_words=False,
)
TABLES |= {
    name: Table(
        function, {"spec": "mlp"}, [("spec", *row) for row in CANDIDATES if row[0] is not None], own_words=False
    )
    for name, function in (("candidates.describe", candidates.describe), ("list_candidates", ncap.list_candidates))
}
# scores

SCORES = "known: log_me"
TABLES["score"] = Table(
    ncap.score,
    {"candidate": {"narrow": tiny.narrow}, "target": tiny.target(), "names": "log_me", "n": 20, "seed": 0},
    [
        *SEEDS,
        *(
            ("n", value, ValueError, f"n must be a whole number of at least 1, got {value!r}")
            for value in (0, 2.5, "3", None)
        ),
        ("names", "logme", ValueError, "unknown score 'logme'; did you mean 'log_me'?", SCORES),
        ("names", "log_me,", ValueError, "unknown score ''", SCORES),
        ("names", [], ValueError, "names must hold one score at least, got []", SCORES),
        ("names", 3, TypeError, "names must be a list of scores, or a text of them separated by commas, got 3"),
        ("names", ["log_me", 3], TypeError, "names must be a list of scores", "got ['log_me', 3]"),
        ("error", "yes", ValueError, "error must be True or False, got 'yes'"),
        *(
            ("size", value, ValueError, f"size must be a whole number of at least 1, got {value!r}")
            for value in (0, 2.5, "3")
        ),
        ("history", 3, TypeError, "history must be a pandas DataFrame, got int"),
        (
            "history",
            pd.DataFrame({"target": ["a"], "candidate": ["b"], "accuracy": [70.0]}),
            ValueError,
            "history.accuracy must be numbers in 0..1, got 70",
        ),
        *(("candidate", *row) for row in CANDIDATES),
        ("target", "digitz", ValueError, "unknown target 'digitz'; did you mean 'digits'?"),
        ("target", None, TypeError, "target must be a name", "got NoneType"),
    ],
    own_words=False,
)
TABLES["log_me"] = Table(
    scores.log_me,
    {"features": np.eye(6), "y": np.arange(6) % 2},
    [
        ("features", None, ValueError, "features must be an array of real numbers, got None"),
        ("features", np.ones(6), ValueError, "features must have the shape (n, d), neither of them 0, got (6,)"),
        ("features", np.ones((6, 2, 2, 3)), ValueError, "pool maps over their pixels first"),
        ("features", np.ones((6, 0)), ValueError, "got (6, 0)"),
        ("features", np.eye(6)[:5], ValueError, "features has 5 samples, but y has 6 labels"),
        ("features", np.full((6, 2), np.nan), ValueError, "features must be finite, but 12 of 12 are NaN or infinite"),
        ("y", None, ValueError, "y must be an array of real numbers, got None"),
        ("y", np.eye(6), ValueError, "y must be whole numbers of the shape (n,), got dtype float64 of shape (6, 6)"),
        ("y", np.linspace(0, 1, 6), ValueError, "got dtype float64 of shape (6,)"),
        ("y", np.arange(5), ValueError, "features has 6 samples, but y has 5 labels"),
    ],
)
TABLES["candidates.resolve"] = Table(
    candidates.resolve, {"spec": "mini"}, [("spec", *row) for row in CANDIDATES], own_words=False
)


# the main job


def with_head():
    return body_of(layers.Flatten(), layers.Dense(10, "softmax", name="top"), shape=(8, 8, 1))


def flat():
    return body_of(layers.Dense(6, "relu"), shape=(64,))


def four_channels():
    return body_of(layers.Flatten(), layers.Dense(6, "relu"), shape=(8, 8, 4))


def foreign_database(folder):
    with sqlite3.connect(folder / "other.db") as db:
        db.execute("CREATE TABLE mine (a)")
    db.close()
    return folder / "other.db"


STORES = [
    (
        "store",
        Made(lambda folder: folder),
        UnusableStoreError,
        "cannot be read (Is a directory); pass the path of a store",
    ),
    ("store", file("text.db", b"hello"), UnusableStoreError, "text.db: not an ncap store, left untouched"),
    ("store", Made(foreign_database), UnusableStoreError, "other.db: not an ncap store, left untouched"),
    (
        "store",
        Made(lambda folder: folder / "absent" / "runs.db"),
        UnusableStoreError,
        "runs.db: unable to open",
        "writable folder",
    ),
]
FAILED = "every candidate failed; mine in epoch 1: "
LIMITS = [
    *(
        (
            name,
            value,
            ValueError,
            f"{name} must be a positive number, or one with a unit such as 5M or 300k, got {value!r}",
        )
        for name in ("max_parameters", "max_multiply_adds")
        for value in (0, -1, "many", "5 X", "", True, np.nan, np.inf, [5])
    ),
    *(
        (
            "max_milliseconds",
            value,
            ValueError,
            f"max_milliseconds must be a positive number of milliseconds an image, got {value!r}",
        )
        for value in (0, -1, "5", True, np.nan, np.inf)
    ),
    ("licences", 3, TypeError, "licences must be a list of licences such as ['MIT', 'Apache-2.0'], got 3"),
    ("licences", [None], TypeError, "got [None]"),
    (
        "licences",
        "MIT,,BSD",
        ValueError,
        "licences must name a licence in every place, such as 'MIT,Apache-2.0', got 'MIT,,BSD'",
    ),
    ("licences", "MIT", ValueError, "none is within the limits (mine: licence not known, not one of licences=mit)"),
]
RANK = {
    "candidates": {"mine": tiny.body}, "target": tiny.target(), "epochs": 1, "hidden": (4, 3), "out": None, "progress": False,
    "store": Made(lambda folder: folder / "runs.db"),
}  # fmt: skip
TABLES |= {
    "rank": Table(
        ncap.rank,
        RANK,
        [
            *(
                (name, value, ValueError, f"{name} must be a whole number of at least {least}, got {value!r}")
                for name, least in (("epochs", 1), ("runs", 1), ("batch_size", 1))
                for value in (least - 1, 1.5, "5", None, True)
            ),
            *(
                (name, value, ValueError, f"{name} must be a whole number of at least 1, got {value!r}")
                for name in ("size", "threads", "jobs")
                for value in (0, 1.5, "5", True)
            ),
            *(
                ("memory", value, ValueError, f"memory must be a number of bytes, or one with a unit such as 4GB or 512MiB, got {value!r}")
                for value in (0, -1, "much", True, np.nan, np.inf)
            ),
            *(
                ("budget", value, ValueError, "budget must be a time such as 30min, 90s or 1h30min, or a positive number", f"got {value!r}")
                for value in (0, -1, "soon", True, np.nan, np.inf)
            ),
            ("precision", "bfloat16", ValueError, "precision must be one of float32, mixed_bfloat16, mixed_float16, got 'bfloat16'"),
            ("precision", 16, ValueError, "got 16"),
            ("size", 32, NothingRankedError, "size=32: the body of 'mine' takes images of", "leave the size out", FAILED),
            *(
                ("seed", value, ValueError, f"seed must be a whole number from 0 to 4294967295, got {value!r}")
                for value in (-1, 1.5, "5", None, True, 2**32)
            ),
            *(
                ("learning_rate", value, ValueError, f"learning_rate must be positive and finite, got {value!r}")
                for value in (0, -1, np.nan, np.inf, "fast", True, None)
            ),
            ("optimizer", None, TypeError, "optimizer must be a name such as 'adam' or keras.optimizers.serialize(optimizer)"),
            ("optimizer", keras.optimizers.Adam(), TypeError, "got <keras.src.optimizers.adam.Adam"),
            ("optimizer", "adamm", ValueError, "optimizer 'adamm' is not one of Keras'; did you mean 'adam'? pass a name such as 'adam'"),
            (
                "optimizer", {"class_name": "Adam", "config": {"nonsense": 1}}, ValueError,
                "cannot be made (Argument(s) not recognized: {'nonsense': 1}); pass what keras.optimizers.serialize(optimizer) returns",
            ),
            *(
                ("address", value, ValueError, f"address must be auto or HOST:PORT, or None for this machine alone, got {value!r}")
                for value in ("", 6379, True)
            ),
            ("address", "auto", ValueError, "engine 'local' trains on this machine alone, got address='auto'"),
            ("engine", "moon", ValueError, "unknown engine 'moon'; known: local, ray"),
            ("engine", None, TypeError, "engine must be a name, got None; known: local, ray"),
            ("rule", "last_sen", ValueError, "unknown rule 'last_sen'; did you mean 'last_seen'?"),
            ("horizon", -1, ValueError, "horizon must be a positive number of epochs, got -1"),
            ("scores", "logme", ValueError, "unknown score 'logme'; did you mean 'log_me'?"),
            ("scores", 3, TypeError, "scores must be a list of scores, or a text of them separated by commas, got 3"),
            ("scores", [], ValueError, "scores must hold one score at least, got []"),
            *LIMITS,
            *SIZES,
            *ON_BAD,
            ("validation", 30, ValueError, "validation=30: the target 'digits' is given with its parts, and nothing is split off"),
            ("augment", "flip,rotate", ValueError, "augment must be one of flip, crop, got 'rotate'"),
            ("augment", ["crops"], ValueError, "did you mean 'crop'?"),
            ("augment", True, TypeError, "augment must be a list of flip and crop, or empty, got True"),
            ("augment", [1], TypeError, "got [1]"),
            ("metric", "balanced", ValueError, "metric must be one of accuracy, balanced_accuracy, macro_f1, got 'balanced'"),
            ("metric", None, ValueError, "got None"),
            ("readings", ["explicit"], ValueError, "unknown reading 'explicit'"),
            ("readings", ["hessian/magnitude/unit"], ValueError, "reading 'hessian/magnitude/unit' is taken by the oracle alone"),
            ("readings", ["gradient"] * 2, ValueError, "readings: name every reading once, got ['gradient', 'gradient']"),
            ("readings", 3, TypeError, "readings must be a list of readings such as ['explicit/magnitude/unit'], got 3"),
            ("error", "1%", TypeError, "error must be a number such as 0.01, for a hundredth of beta_eff, got '1%'"),
            ("error", 2, ValueError, "error must lie between 0 and 1, such as 0.01 for a hundredth of beta_eff, got 2"),
            ("ticks_per_epoch", 0, ValueError, "ticks_per_epoch must be a whole number of at least 1, got 0"),
            ("ticks_per_epoch", "4", ValueError, "ticks_per_epoch must be a whole number of at least 1, got '4'"),
            ("ticks_per_epoch", (), ValueError, "ticks_per_epoch must be a whole number, or several of which the last repeats"),
            ("epoch", 3, TypeError, "unknown setting 'epoch'; did you mean 'epochs'?"),
            ("interaction", "hessian", ValueError, "interaction='hessian' can be read with strength='signed' only, got 'magnitude'"),
            ("interaction", "relative", ValueError, "interaction must be one of 'explicit', 'hessian', 'full_hessian', got 'relative'"),
            ("strength", "loud", ValueError, "strength must be one of 'signed', 'magnitude', got 'loud'"),
            ("weighting", "degree", ValueError, "weighting must be one of 'unit', 'relative', got 'degree'"),
            ("hidden", 8, ValueError, "hidden must be a list of whole numbers such as (256, 128), got 8"),
            ("hidden", (8,), ValueError, "hidden must name at least two layers, got (8,)"),
            ("hidden", (8.7, 6.2), ValueError, "hidden[0] must be a whole number of at least 1, got 8.7"),
            ("hidden", (8, 0), ValueError, "hidden[1] must be a whole number of at least 1, got 0"),
            ("dropout", 1.5, ValueError, "dropout must lie in [0, 1), got 1.5"),
            ("dropout", "0.4", ValueError, "dropout must lie in [0, 1), got '0.4'"),
            ("norm_momentum", 1, ValueError, "norm_momentum must lie in [0, 1), got 1"),
            ("out", file("taken"), ValueError, "out must be a folder that can be written", "taken' (File exists)"),
            ("out", "", ValueError, "out must be a path, got ''"),
            ("out", 3, TypeError, "out must be a path, a text or a pathlib.Path, got 3"),
        ],
    ),
    "rank, of what it is given": Table(
        ncap.rank,
        RANK,
        [
            *(("candidates", *row) for row in CANDIDATES),
            *(("target", *row[1:]) for row in NAMES),
            *STORES,
            ("candidates", {"mine": lambda: None}, NothingRankedError, FAILED, "must return a keras.Model, got NoneType"),
            ("candidates", {"mine": with_head}, NothingRankedError, FAILED, "body 'body' ends in the softmax of layer 'top'"),
            ("candidates", {"mine": flat}, NothingRankedError, FAILED, "images have the shape (h, w, c), got (64,)"),
            ("frozen", "no", ValueError, "frozen must be True or False, got 'no'"),
            ("batch_norm", "no", ValueError, "batch_norm must be True or False, got 'no'"),
        ],
        own_words=False,
    ),
    "measure_costs": Table(
        measure_costs,
        {"candidates": "mlp", "target": tiny.target(), "n_train": 60, "repeats": 1},
        [
            *SEEDS,
            *(
                (name, value, ValueError, f"{name} must be a whole number of at least 1, got {value!r}")
                for name in ("n_train", "repeats")
                for value in (0, "5", None)
            ),
            ("readings", ["gradiant"], ValueError, "did you mean 'gradient'"),
            ("n_train", 9, ValueError, "n_train: must lie between the number of classes, 10, and of training images, 60, got 9"),
            *(("candidates", *row) for row in CANDIDATES if row[1] is TypeError),
            ("target", None, TypeError, "target must be a name, the path of a .npz file or an ncap.targets.Target, got NoneType"),
        ],
    ),
    "run_demo": Table(
        run_demo,
        {"out": Made(lambda folder: folder / "demo")},
        [
            ("out", file("taken"), ValueError, "out must be a folder that can be written", "taken' (File exists)"),
            ("out", "", ValueError, "out must be a path, got ''"),
            ("seed", -1, ValueError, "seed must be a whole number"),
            ("seed", None, ValueError, "seed must be a whole number", "got None"),
        ],
    ),
    "Store": Table(
        Store,
        {"path": Made(lambda folder: folder / "runs.db")},
        [
            *(("path", *row[1:]) for row in STORES),
            ("create", False, UnusableStoreError, "runs.db: no such store; `ncap rank --store", "makes one"),
        ],
        own_words=False,
    ),
}  # fmt: skip


# what is kept of a job


def once(*names):
    """The first row about each argument of some tables: what another function passes on is refused in the same way."""
    return list({row[0]: row for name in reversed(names) for row in reversed(TABLES[name].rows)}.values())


@cache
def trained():
    """A store with one embedded candidate, trained for an epoch on the digits."""
    store = Path(tempfile.mkdtemp()) / "runs.db"
    ncap.rank("mlp", "digits", epochs=1, hidden=(4, 3), store=store, out=None, progress=False)
    return store


TABLES |= {
    "select": Table(
        ncap.select,
        RANK | {"final_epochs": 2},
        [
            *(row for row in once("rank") if row[0] != "scores"),  # which rank alone shows
            *(
                ("final_epochs", value, ValueError, f"final_epochs must be a whole number of at least 1, got {value!r}")
                for value in (0, 1.5, "5", None)
            ),
            *(
                ("reduction", value, ValueError, f"reduction must be a whole number of at least 2, got {value!r}")
                for value in (1, 2.5, None)
            ),
            *(("risk", value, ValueError, "no rule can say yet how likely it drops the best network") for value in (0, 0.05, "low")),
            ("horizon", np.inf, ValueError, "horizon must be a positive number of epochs, got inf"),
        ],
    ),
    "select, of what it is given": Table(
        ncap.select, RANK | {"final_epochs": 2}, once("rank, of what it is given"), own_words=False
    ),
    "export_model": Table(
        ncap.export_model,
        {"store": Made(lambda folder: trained()), "path": Made(lambda folder: folder / "a.keras")},
        [
            ("path", "a.h5", ValueError, "path must end in .keras", "got 'a.h5'"),
            ("path", "none/a.keras", ValueError, "there is no folder 'none' to write 'a.keras' into"),
            ("path", None, TypeError, "path must be a path, a text or a pathlib.Path, got None"),
            ("candidate", "mlq", ValueError, "unknown candidate 'mlq'; the job has mlp"),
            ("candidate", "", ValueError, "unknown candidate ''; the job has mlp"),
            ("start", "begun", ValueError, "start must be one of observed, pretrained, got 'begun'"),
            ("start", None, ValueError, "got None"),
            ("head", "cubic", ValueError, "head must be one of probe, linear, got 'cubic'"),
            ("fine_tune", 1.5, ValueError, "fine_tune must be a whole number of at least 0, got 1.5"),
            ("named", "plain", ValueError, "named: 'plain' is plain, not the candidate 'mlp' of the job"),
            ("data", tiny.target(), ValueError, "data: Target('digits', 60 training", "is not what the job was trained on"),
            ("validation", 0.5, ValueError, "is not what the job was trained on", "validation, test and on_bad"),
            ("test", 0.5, ValueError, "is not what the job was trained on"),
            ("reading", "gradient", ValueError, "the records hold no 'gradient'"),
            ("horizon", 0, ValueError, "horizon must be a positive number of epochs, got 0"),
            ("settings", "abc", ValueError, "holds no job with settings 'abc'"),
            ("target", "cifar10", ValueError, "holds no job with target 'cifar10'"),
        ],
    ),
    "export_model, of what it is given": Table(
        ncap.export_model,
        {"store": Made(lambda folder: trained()), "path": Made(lambda folder: folder / "a.keras")},
        [
            ("store", None, TypeError, "store must be a path"),
            ("store", Made(lambda folder: folder / "none.db"), UnusableStoreError, "no such store"),
            ("rule", "last_sen", ValueError, "unknown rule 'last_sen'"),
            ("on_bad", "skp", ValueError, "on_bad must be one of fail, skip, got 'skp'"),
        ],
        own_words=False,
    ),
}  # fmt: skip


# studies

OF_RANK_ALONE = {"rule", "scores", "max_parameters", "max_multiply_adds", "max_milliseconds", "licences"}
TABLES |= {
    "study": Table(
        ncap.study,
        RANK | {"name": "observations"},
        [
            *(row for row in once("rank") if row[0] not in OF_RANK_ALONE),
            ("name", None, TypeError, "study must be a name, got None; known: size, t0"),
            ("records", "runs.db", ValueError, "records: pass records to read, or candidates and a target to train, got both"),
            ("candidates", None, ValueError, "candidates and a target to train, got neither"),
            ("target", None, ValueError, "target: candidates are trained on one; pass a name, a path or a Target, got None"),
            ("settings", "abc", ValueError, "settings='abc': the hash of a job to read; leave it out where candidates are trained"),
            ("rules", "baker", ValueError, "rules: 'baker' learns from other records, which a study does not fit it to"),
            ("rules", [], TypeError, "rules must be a name, a rule, or a list of them, got []"),
            ("ticks", [5, 0], ValueError, "ticks must be a whole number of at least 1, got 0"),
            ("ticks", (), ValueError, "ticks must be a whole number of at least 1, or several, got ()"),
            ("images", 0.5, ValueError, "images: the study 'observations' does not read it, got 0.5", "It reads rules, ticks"),
            ("draw", "first", ValueError, "draw: the study 'observations' does not read it, got 'first'"),
            ("reading", "gradient", ValueError, "reading must be one of those taken, explicit/magnitude/unit, got 'gradient'"),
            ("truth", "tested", ValueError, "truth must be one of test, validation, got 'tested'; did you mean 'test'?"),
            ("preset", "papers", ValueError, "preset must be one of paper, got 'papers'"),
        ],
    ),
    "study of size": Table(
        ncap.study,
        RANK | {"name": "size"},
        [
            ("images", 61, ValueError, "images: there are 60 training images, got 61; pass fewer, or shares below 1"),
            ("images", 5, ValueError, "images: the first 5 training images of 'digits' have none of class", "draw='stratified'"),
            ("images", [0.5, 0], ValueError, "images must be a share between 0 and 1, such as 0.2, or a whole number of images", "got 0"),
            ("images", "many", ValueError, "images must be", "got 'many'"),
            ("images", [], ValueError, "images must be a number of training images, or a share below 1, or several, got []"),
            ("draw", "last", ValueError, "draw must be one of first, stratified, got 'last'"),
        ],
    ),
    "study, of what it is given": Table(
        ncap.study,
        RANK | {"name": "observations"},
        [
            ("name", "sise", ValueError, "unknown study 'sise'; did you mean 'size'?"),
            *once("rank, of what it is given"),
        ],
        own_words=False,
    ),
    "study of records": Table(
        ncap.study,
        {"name": "observations", "records": Made(lambda folder: trained())},
        [
            ("settings", "abc", ValueError, "holds no job with settings 'abc'"),
            ("target", "cifar10", ValueError, "holds no job with target 'cifar10'"),
            ("target", 3, TypeError, "target: of records, the name of one that they hold, got 3"),
            ("reading", "gradient", ValueError, "reading: the records hold no 'gradient'"),
            ("epochs", 3, ValueError, "epochs: nothing is trained where records are read; leave it out"),
        ],
    ),
}  # fmt: skip


# rankings and their report

KEY = [
    {"settings": "abc", "target": "mine", "candidate": name, "run": 0, "tick": t} for name in "ab" for t in range(1, 5)
]
ROWS = pd.DataFrame(KEY).assign(epoch=[1, 2, 3, 4] * 2, val_accuracy=[0.6, 0.7, 0.8, 0.9] * 2, seconds_train=1.0)
READINGS = pd.DataFrame(KEY).assign(reading="explicit/magnitude/unit", beta_eff=[4.0, 3.0, 2.0, 1.0] * 2, seconds=0.1)
FAILURES = pd.DataFrame(
    {"settings": ["abc"], "target": ["mine"], "candidate": ["c"], "run": [0], "epoch": [1], "reason": ["out of memory"]}
)
RECORDS = {"observations": ROWS, "readings": READINGS}
RANKING = rank_records(RECORDS)
TRUTH = pd.DataFrame({"candidate": ["a", "b"], "true_accuracy": [0.8, 0.9], "true_epochs": 30})
ENDS = pd.DataFrame({"target": "mine", "candidate": ["a", "b"], "accuracy": [0.8, 0.9]})


def holding(**tables):
    return RECORDS | tables


RECORDS_REFUSED = [
    ("records", {}, ValueError, "records: the table 'observations' is missing; got no table"),
    ("records", holding(observation=ROWS), ValueError, "records: unknown table 'observation'"),
]
RULE_REFUSED = [
    ("rule", "capacitanc", ValueError, "unknown rule 'capacitanc'; did you mean 'capacitance'", "known: capacitance, "),
    ("rule", None, TypeError, "rule must be a name, got None", "or pass an ncap.rules.contract.Rule"),
    (
        "reading",
        "explicit/signed/unit",
        ValueError,
        "the records hold no 'explicit/signed/unit'; ",
        "explicit/magnitude/unit",
    ),
    ("reading", 3, TypeError, "reading must be the name of a reading or None, got 3"),
    ("horizon", -1, ValueError, "horizon must be a positive number of epochs, got -1"),
    ("horizon", "30", ValueError, "got '30'"),
]
TABLES |= {
    "rank_records": Table(rank_records, {"records": RECORDS}, [*RECORDS_REFUSED, *RULE_REFUSED]),
    "tables of rank_records": Table(
        rank_records,
        {"records": RECORDS},
        [
            ("records", holding(observations=None), TypeError, "observations must be a pandas DataFrame, got NoneType; make one: "),
            ("records", holding(observations=ROWS.to_dict("records")), TypeError, "got list"),
            ("records", holding(observations=pd.DataFrame()), ValueError, "observations: missing ['settings', 'target', 'candidate'"),
            ("records", holding(readings=READINGS.drop(columns="reading")), ValueError, "readings: missing ['reading']; the columns are"),
            ("records", holding(readings=READINGS.assign(beta_eff="much")), ValueError, "beta_eff must hold numbers", "pd.to_numeric"),
            ("records", holding(observations=pd.concat([ROWS, ROWS])), ValueError, "got several for abc, mine, a, 0, 1"),
            ("records", holding(observations=ROWS.assign(candidate=None)), ValueError, "candidate must be given in every row, row 0"),
            ("records", holding(failures=[]), TypeError, "failures must be a pandas DataFrame, got list"),
            ("records", holding(failures=pd.concat([FAILURES] * 2)), ValueError, "failures: one row per", "several for abc, mine, c, 0"),
        ],
        own_words=False,
    ),
    "predict": Table(
        ncap.predict,
        {"records": RECORDS},
        [
            *RECORDS_REFUSED,
            *RULE_REFUSED,
            ("ticks", 0, ValueError, "ticks must be a whole number of at least 1, got 0"),
            ("settings", "other", ValueError, "no rows for the job settings 'other'"),
            ("target", "other", ValueError, "target 'other'"),
        ],
    ),
    "compare": Table(
        compare,
        {"records": RECORDS, "truth": ENDS, "rules": ["last_seen"]},
        [
            *RECORDS_REFUSED,
            ("truth", None, TypeError, "truth must be a pandas DataFrame, got NoneType"),
            ("truth", ENDS.drop(columns="target"), ValueError, "truth: missing ['target']"),
            ("truth", ENDS.assign(accuracy=[80, 90]), ValueError, "must be numbers in 0..1, got 80", "pass fractions, not percent"),
            ("rules", [], TypeError, "rules must be a name, a rule, or a list of them, got []"),
            ("ticks", [1, 0], ValueError, "ticks must be a whole number of at least 1, got 0"),
            ("seconds", -1, ValueError, "seconds must be a positive number or several, got -1"),
            ("horizon", 0, ValueError, "horizon must be a positive number of epochs, got 0"),
            ("learn_from", "target", ValueError, "learn_from must be one of targets, candidates, got 'target'"),
        ],
    ),
    "load_benchmark": Table(
        ncap.load_benchmark,
        {"path": "nowhere"},
        [
            ("path", 3, TypeError, "path must be a path, a text or a pathlib.Path, got 3"),
            ("tier", "smal", ValueError, "tier must be one of small, real, subtargets, got 'smal'; did you mean 'small'?"),
            ("probe", "thawed", ValueError, "probe must be one of trained, frozen, got 'thawed'"),
            ("role", 1, ValueError, "role must be one of development, held_out, got 1"),
        ],
    ),
    "write_report": Table(
        write_report,
        {"ranking": RANKING, "out": Made(lambda folder: folder / "out"), "truth": TRUTH},
        [
            ("ranking", None, TypeError, "ranking must be an ncap.Ranking, as ncap.rank returns it, got NoneType"),
            ("ranking", RANKING.table, TypeError, "got DataFrame"),
            ("ranking", replace(RANKING, observations=ROWS.drop(columns="epoch")), ValueError, "ranking.observations: missing ['epoch']"),
            ("ranking", replace(RANKING, table=RANKING.table.drop(columns="note")), ValueError, "ranking.table: missing ['note']"),
            ("out", None, TypeError, "out must be a path, a text or a pathlib.Path, got None"),
            ("out", "", ValueError, "out must be a path, got ''"),
            ("out", file("taken"), ValueError, "out must be a folder that can be written", "taken' (File exists)"),
            ("truth", {"a": 0.9}, TypeError, "truth must be a pandas DataFrame with the columns ['candidate'", "got dict"),
            ("truth", TRUTH.drop(columns="true_epochs"), ValueError, "truth: missing ['true_epochs']"),
            ("truth", pd.concat([TRUTH, TRUTH]), ValueError, "truth: pass one row per candidate, got several for ['a', 'b']"),
            ("truth", TRUTH.assign(true_accuracy=[80, 90]), ValueError, "must be numbers in 0..1, got 80; pass fractions, not percent"),
            ("truth", TRUTH.assign(true_accuracy="high"), ValueError, "got 'high'"),
            ("rules", [3], TypeError, "rule must be a name, got 3"),
            ("rules", ["last"], ValueError, "unknown rule 'last'"),
            ("title", 3, TypeError, "title must be a text or None, got 3"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("table", "row"), cases(TABLES))
def test_a_wrong_argument_is_refused_by_name(table, row, tmp_path):
    assert_refused(table, row, tmp_path)


# Of every parameter of a public function that no row is about, why not.
EXEMPT = {
    "rank": {"progress"},  # any value has a truth
    "select": {"progress"},
    "study": {"progress"},
    "Selection": {"winner", "ranking", "rounds", "model"},  # what ncap.select returns
    "Ranking": {
        "table",
        "runs",
        "observations",
        "target",
        "facts",
        "readings",
        "rule",
        "reading",
        "horizon",
        "predictions",
        "records",
        "models",
    },  # what ncap.rank returns; write_report checks one that was built
}
PUBLIC = {name: getattr(ncap, name) for name in ncap.__all__ if name != "__version__"} | {
    "targets.load": targets.load, "targets.resolve": targets.resolve, "targets.stratified_subset": targets.stratified_subset,
    "ArrayTarget": ArrayTarget, "Target.from_parts": Target.from_parts, "candidates.resolve": candidates.resolve,
    "log_me": scores.log_me, "FactoryCandidate": candidates.FactoryCandidate, "candidates.describe": candidates.describe,
    "Target.read": TARGET.read,
    "Target.batches": TARGET.batches, "Target.sample": TARGET.sample,
    "Store": Store,
    "rank_records": rank_records, "write_report": write_report,
    "measure_costs": measure_costs, "run_demo": run_demo, "find_probe": find_probe,
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_every_parameter_of_a_public_function_has_a_row(name):
    tables = list(TABLES.values())
    if name == "CapacitancePredictor":  # its constructor keeps what fit checks
        assert untabled(fit, tables) == untabled(predict, tables) == set()
        return
    if name == "CapacitanceCallback":  # its data meets its model when training begins
        assert untabled(train_with_callback, tables) == {"loss", "model"}
        assert untabled(PUBLIC[name], tables) == {"x", "y", "sample_weight"}
        return
    assert untabled(PUBLIC[name], tables) == EXEMPT.get(name, set())


def test_every_name_of_the_sources_packages_is_in_the_tables():
    without_arguments = {"names", "list_targets"}
    contracts = {"Target", "Candidate", "Source", "Format"}
    assert {*targets.__all__} - without_arguments - contracts - {"describe"} == {
        "ArrayTarget",
        "load",
        "resolve",
        "stratified_subset",
    }
    assert {*candidates.__all__} - without_arguments - contracts == {
        *("FactoryCandidate", "resolve", "describe", "list_candidates"),
        "from_torch",  # on another backend it refuses everything: tests/candidates/test_torch_elsewhere.py
    }


@pytest.mark.parametrize("where", ["body", "probe"])
@pytest.mark.parametrize("method", ["closed_form", "autodiff"])
def test_a_network_that_has_diverged_is_refused_by_every_method(where, method):
    """Not read as 0: a relu may turn NaN into 0, and no interaction is left."""
    weight = ".*conv2d.*/kernel" if where == "body" else "ncap_probe/dense_1/kernel"
    with pytest.raises(ValueError, match=f"the model's weight {weight} holds NaN or infinity.*lower the learning rate"):
        ncap.capacitance(diverged(where), IMAGES, LABELS, method=method)


def test_features_that_only_look_like_a_head_are_taken():
    for own in ([layers.Dense(3)], [layers.Dense(4, "sigmoid")], [layers.Dense(1, "relu")]):
        assert ncap.attach_probe(body_of(*own), 3, hidden=(4, 3)).output_shape == (None, 3)


def test_what_numpy_reads_as_numbers_is_taken():
    x, y = np.random.default_rng(0).random((9, 2)), np.arange(9) % 2
    expected = ncap.capacitance(FLAT_MODEL, x.astype("float32"), y)
    for inputs, labels in [
        (pd.DataFrame(x), pd.Series(y)),
        (x.tolist(), y.tolist()),
        (pd.DataFrame(x, dtype=object), y[:, None]),
        (keras.ops.convert_to_tensor(x, "float32"), keras.ops.convert_to_tensor(y)),
    ]:
        assert ncap.capacitance(FLAT_MODEL, inputs, labels) == expected
