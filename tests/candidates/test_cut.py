"""Where a Keras model with a head is cut."""

import keras
import numpy as np
import pytest
from keras import layers

from ncap.candidates import FactoryCandidate
from ncap.candidates.cut import cut_at, without_head
from ncap.testing.candidates import check_candidate


def sequential(*above, shape=(16, 16, 3)):
    return keras.Sequential(
        [keras.Input(shape), layers.Rescaling(1 / 255), layers.Conv2D(4, 3, strides=2, name="conv"), *above], name="own"
    )


def head(units=5, activation="softmax"):
    return layers.Dense(units, activation, name="top")


def nested():
    """A classifier inside a model that normalises its images."""
    images = keras.Input((16, 16, 3))
    inner = sequential(layers.GlobalMaxPooling2D(name="pool"), head())
    return keras.Model(images, inner(layers.Rescaling(1.0)(images)), name="outer")


def on_a_body(*below):
    """A head on a body that is itself a layer."""
    images = keras.Input((16, 16, 3))
    return keras.Model(images, head()(layers.Dropout(0.2, name="drop")(sequential(*below)(images))), name="outer")


def functional_pool():
    images = keras.Input((16, 16, 3))
    maps = layers.Conv2D(4, 3, name="conv")(images)
    return keras.Model(images, head()(keras.ops.mean(maps, axis=(1, 2))), name="own")


CLEAR = {
    # what comes last -> the layer whose output is kept, its shape, what is left out
    "global pooling": (lambda: sequential(layers.GlobalAveragePooling2D(name="pool"), head()), "pool", (4,), "top"),
    "one sigmoid": (
        lambda: sequential(layers.GlobalAveragePooling2D(name="pool"), head(1, "sigmoid")), "pool", (4,), "top",
    ),
    "hidden layers": (
        lambda: sequential(
            layers.GlobalAveragePooling2D(name="pool"), layers.Dense(8, "relu", name="fc"), layers.BatchNormalization(name="bn"),
            layers.Dropout(0.5, name="drop"), layers.Dense(5, name="top"), layers.Softmax(name="soft"),
        ), "pool", (4,), "fc, bn, drop, top, soft",
    ),
    "flattened maps": (lambda: sequential(layers.Flatten(name="flat"), head()), "conv", (7, 7, 4), "flat, top"),
    "flattened pooled maps": (
        lambda: sequential(layers.MaxPooling2D(name="pool"), layers.Flatten(name="flat"), head()), "pool", (3, 3, 4), "flat, top",
    ),
    "a convolution of one pixel": (
        lambda: sequential(
            layers.GlobalAveragePooling2D(keepdims=True, name="pool"), layers.Conv2D(5, 1, name="top"), layers.Flatten(name="flat"),
            layers.Activation("softmax", name="soft"),
        ), "pool", (1, 1, 4), "top, flat, soft",
    ),
    "pooling as an operation": (functional_pool, "mean", (4,), "top"),
    "a classifier in a model": (nested, "own/pool", (4,), "top"),
    "a head on maps": (lambda: on_a_body(layers.GlobalAveragePooling2D()), "own", (4,), "drop, top"),
}  # fmt: skip

UNCLEAR = {
    "scores are pooled": lambda: sequential(layers.GlobalAveragePooling2D(), layers.Softmax(name="soft")),
    "pixels are flattened": lambda: keras.Sequential([keras.Input((16, 16, 3)), layers.Flatten(), head()]),
    "a dense body": lambda: keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Flatten(), layers.Dense(8, "relu"), head()]
    ),
    "two branches": lambda: branches(),
    "features of dense layers": lambda: on_a_body(layers.GlobalAveragePooling2D(), layers.Dense(8, "relu")),
}


def branches():
    images = keras.Input((16, 16, 3))
    maps = layers.Conv2D(4, 3)(images)
    both = layers.Concatenate(name="both")([layers.GlobalAveragePooling2D()(maps), layers.GlobalMaxPooling2D()(maps)])
    return keras.Model(images, head()(both))


PIXELS = np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)).astype(np.float32)


@pytest.mark.parametrize("case", CLEAR)
def test_a_head_is_cut_where_it_is_clear_where_the_features_end(case):
    make, layer, shape, left_out = CLEAR[case]
    keras.utils.clear_session()  # Keras numbers the operations of a process, "mean_169"
    model = make()
    body, note = without_head(model)
    assert note.removesuffix(left_out).startswith(f"cut at layer {layer!r}; left out: ")
    assert note.endswith(f": {left_out}")
    assert body.output_shape == (None, *shape)
    assert "top" not in {variable.path.split("/")[0] for variable in body.variables}
    assert {id(one) for one in body.variables} < {id(one) for one in model.variables}
    features = body.predict(PIXELS, verbose=0)
    assert features.std(axis=0).max() > 0


@pytest.mark.parametrize("case", CLEAR)
def test_the_head_on_what_is_kept_gives_the_whole_model(case):
    """Nothing was lost between the two."""
    make = CLEAR[case][0]
    model = make()
    body, note = without_head(model)
    tail = {one.name: one for one in model.layers} | {
        one.name: one for part in model.layers if isinstance(part, keras.Model) for one in part.layers
    }
    z = body(PIXELS)
    for name in note.split("left out: ")[1].split(", "):
        z = tail[name](z)
    np.testing.assert_allclose(np.asarray(z), np.asarray(model(PIXELS)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", UNCLEAR)
def test_a_head_is_refused_with_the_names_of_the_layers_where_it_is_not_clear(case):
    model = UNCLEAR[case]()
    with pytest.raises(ValueError, match="that is a head, and it is not clear where the features end") as caught:
        without_head(model)
    head, *below = [layer.name for layer in reversed(model.layers)]
    named = str(caught.value).split("at one of ")[1].split(", ")
    assert below[0] in named
    assert head not in named


@pytest.mark.parametrize(
    "make",
    [
        lambda: sequential(),
        lambda: sequential(layers.GlobalAveragePooling2D()),
        lambda: sequential(layers.GlobalAveragePooling2D(), layers.BatchNormalization(), layers.Dropout(0.1)),
        lambda: sequential(layers.Flatten()),
    ],
)
def test_a_body_stays_as_it_is(make):
    body = make()
    for dense_is_head in (False, True):
        assert without_head(body, dense_is_head) == (body, "")


def test_dense_layers_above_the_pooling_are_a_head_only_where_that_is_said():
    model = sequential(layers.GlobalAveragePooling2D(name="pool"), layers.Dense(5, name="logits"))
    assert without_head(model) == (model, "")
    body, note = without_head(model, dense_is_head=True)
    assert (body.output_shape, note) == ((None, 4), "cut at layer 'pool'; left out: logits")


@pytest.mark.parametrize(
    ("layer", "shape"), [("own/conv", (None, 7, 7, 4)), ("own/pool", (None, 4)), ("own", (None, 5))]
)
def test_a_model_is_cut_at_the_layer_that_is_asked_for(layer, shape):
    model = nested()
    body, note = cut_at(model, layer)
    assert (body.output_shape, note) == (shape, f"cut at layer {layer!r}, as asked")
    assert body.predict(PIXELS, verbose=0).std(axis=0).max() > 0


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("pole", "layer 'pole' of model 'outer' does not exist; choose one of own, rescaling"),
        ("own/pole", "layer 'pole' of model 'own' does not exist; choose one of top, pool, conv"),
        ("own/conv/pool", "layer 'conv/pool' of model 'own' returns no features"),
    ],
)
def test_a_layer_that_is_none_of_the_models_is_answered_with_those_that_are(layer, message):
    with pytest.raises(ValueError, match=message):
        cut_at(nested(), layer)


def test_a_layer_that_is_called_twice_is_no_place_to_cut():
    images = keras.Input((16, 16, 3))
    conv = layers.Conv2D(3, 3, padding="same", name="conv")
    with pytest.raises(ValueError, match="layer 'conv' of model 'own' is called in several places; choose one of"):
        cut_at(keras.Model(images, conv(conv(images)), name="own"), "conv")


def test_what_a_function_builds_is_cut_and_noted():
    one = FactoryCandidate("mine", lambda: keras.utils.set_random_seed(1) or CLEAR["hidden layers"][0]())
    assert one.notes == ""
    check_candidate(one)
    assert one.notes == "cut at layer 'pool'; left out: fc, bn, drop, top, soft"
