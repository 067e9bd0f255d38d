"""keras.applications as candidates: the tables beside Keras itself, pixels, weights."""

import importlib
import urllib.error

import h5py
import keras
import numpy as np
import pytest
from keras.src.backend import config as keras_config
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils

from ncap import candidates
from ncap.candidates import applications
from ncap.candidates.applications import FAMILIES, NETWORKS, PAPER17, architecture
from ncap.candidates.preprocessing import normalized
from ncap.testing.candidates import check_candidate

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
# Where Keras defines the networks of a family, and with them what they do to pixels.
MODULES = {
    "VGG": "vgg16",
    "ResNet": "resnet",
    "ResNetV2": "resnet_v2",
    "DenseNet": "densenet",
    "MobileNet": "mobilenet",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3": "mobilenet_v3",
    "Inception": "inception_v3",
    "Inception-ResNet": "inception_resnet_v2",
    "Xception": "xception",
    "NASNet": "nasnet",
    "EfficientNet": "efficientnet",
    "EfficientNetV2": "efficientnet_v2",
    "ConvNeXt": "convnext",
}
# Built in a second each; together they have every kind of file name but those of the large networks.
SMALL = ["VGG16", "MobileNet", "MobileNetV2", "MobileNetV3Small", "Xception", "EfficientNetB0", "ConvNeXtTiny"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of Keras, and no network."""

    def offline(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras_config, "_KERAS_DIR", str(tmp_path))
    monkeypatch.setattr(file_utils, "urlretrieve", offline)
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def asked(monkeypatch):
    """The files that Keras asks for, none of which is loaded."""
    files = []
    monkeypatch.setattr(
        file_utils, "get_file", lambda fname=None, origin=None, **how: files.append((how["cache_subdir"], fname))
    )
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_, **__: None)
    return files


def save_as_published(network, path):
    """The form of the files that Keras publishes."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)


def multiply_adds(model):
    """Of one image: per kernel, its size times the places that it is applied at."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        for kernel in () if isinstance(layer, keras.Model) else layer.weights:
            if kernel.path.endswith("kernel"):
                total += int(np.prod(kernel.shape)) * int(np.prod(layer.output.shape[1:-1]))
    return total


# the tables beside Keras


def test_every_network_of_keras_is_listed():
    assert set(NETWORKS) == {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(FAMILIES) == set(MODULES)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SMALL else pytest.mark.heavy) for name in NETWORKS]
)
def test_what_is_listed_of_a_network_is_what_keras_builds(name, asked):
    known = architecture(name)
    assert getattr(keras.applications, name).__module__.endswith(
        MODULES[known.family].replace("vgg16", name.lower()[:5])
    )
    whole = known.keras_network(known.size, True, "imagenet")
    body = known.keras_network(known.size, False, "imagenet")
    own = getattr(keras.applications, name)(weights=None).input_shape[1]
    assert known.size == (own or 224)  # Keras leaves the side of MobileNetV3 open
    assert whole.output_shape == (None, 1000)
    assert body.count_params() == known.parameters
    assert multiply_adds(body) == known.multiply_adds
    assert asked == [("models", known.weights_path(known.size, top).name) for top in (True, False)]


@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV2"])
@pytest.mark.filterwarnings("ignore:.*Weights for input shape")
def test_weights_of_other_sides_are_those_that_keras_asks_for(name, asked):
    sides = [32, 96, 128, 160, 192, 224, 256]
    for side in sides:
        architecture(name).keras_network(side, False, "imagenet")
    assert asked == [("models", architecture(name).weights_path(side, top=False).name) for side in sides]
    assert len(set(asked)) == len(applications._OWN_SIDES[name])


@pytest.mark.parametrize("family", MODULES)
def test_pixels_become_what_the_familys_own_function_makes_of_them(family):
    images = keras.Input((32, 32, 3))
    ours = keras.Model(images, normalized(images, FAMILIES[family].mode)).predict(PIXELS, verbose=0)
    theirs = importlib.import_module(f"keras.applications.{MODULES[family]}").preprocess_input(PIXELS.copy())
    # float32, at values up to 255
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=2e-5)
    assert (FAMILIES[family].mode == "inside") == np.array_equal(theirs, PIXELS)


@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny"])
def test_a_network_that_is_given_raw_pixels_normalises_them_first(name):
    layers = architecture(name).network(32, top=False).layers
    kinds = [type(layer).__name__ for layer in layers[1:4]] + [layer.name for layer in layers[1:3]]
    assert {"Rescaling", "Normalization"} & set(kinds) or "prestem" in " ".join(kinds)


@pytest.mark.parametrize("name", ["MobileNet", "Xception", "InceptionV3"])
def test_the_smallest_side_is_keras_own(name):
    least = architecture(name).least
    assert architecture(name).network(least, top=False).input_shape == (None, least, least, 3)
    with pytest.raises(ValueError, match="Input size must be at least"):
        architecture(name).network(least - 1, top=False)
    with pytest.raises(ValueError, match=rf"size={least - 1}: {name} takes images of at least {least} x {least}"):
        candidates.resolve(name)[name].at_size(least - 1)


# names


def test_the_papers_seventeen_can_be_asked_for_by_one_name():
    assert list(candidates.resolve("paper17")) == PAPER17.names()
    assert len(PAPER17.names()) == 17
    assert set(PAPER17.names()) - set(NETWORKS) == {"AlexNet"}
    assert list(candidates.resolve("paper17:random")) == [f"{name}:random" for name in PAPER17.names()]
    # each listed once, although two collections have it
    assert len(candidates.names()) == len(set(candidates.names())) == len(candidates.resolve(candidates.names()))


def test_a_size_changes_what_is_known_of_a_network():
    default = candidates.resolve("ResNet50")["ResNet50"]
    small = default.at_size(64)
    assert (small.name, small.input_shape, small.multiply_adds) == ("ResNet50", (64, 64, 3), None)
    assert (default.input_shape, default.multiply_adds) == ((224, 224, 3), 3_855_925_248)
    assert small.at_size(224).multiply_adds == default.multiply_adds


# what is built


@pytest.mark.parametrize("name", ["MobileNet", "VGG16", "DenseNet121", "MobileNetV3Small"])
def test_an_untrained_network_keeps_the_laws(name):
    """One of each way to normalise pixels."""
    one = candidates.resolve(f"{name}:random")[f"{name}:random"].at_size(32)
    check_candidate(one)
    assert (one.weights(), one.source, one.source_accuracy, one.classifier()) == ("at hand", "", None, None)


@pytest.mark.heavy
@pytest.mark.parametrize("name", PAPER17.names())
def test_each_of_the_seventeen_keeps_the_laws(name):
    check_candidate(candidates.resolve(f"{name}:random")[f"{name}:random"].at_size(96))


def test_random_weights_do_not_disturb_other_random_numbers():
    import random

    random.seed(5)
    expected = random.random()
    random.seed(5)
    candidates.resolve("MobileNet:random")["MobileNet:random"].at_size(32).build()
    assert random.random() == expected


def test_weights_in_the_cache_of_keras_are_used(cache):
    one = candidates.resolve("MobileNet")["MobileNet"].at_size(32)
    assert one.weights() == "to download"
    published = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(32, 32, 3))
    save_as_published(published, cache / "mobilenet_1_0_224_tf_no_top.h5")
    assert one.weights() == "at hand"
    check_candidate(one)
    expected = published.predict(keras.applications.mobilenet.preprocess_input(PIXELS.copy()), verbose=0)
    np.testing.assert_allclose(one.build().predict(PIXELS, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_the_classifier_gives_a_thousand_probabilities_from_the_weights_with_the_head(cache):
    published = keras.applications.MobileNet(weights=None)
    save_as_published(published, cache / "mobilenet_1_0_224_tf.h5")
    # asked for at another size, the head still reads images of its own
    classifier = candidates.resolve("MobileNet")["MobileNet"].at_size(32).classifier()
    assert classifier.input_shape == (None, 224, 224, 3)
    x = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3)).astype(np.float32)
    probabilities = classifier.predict(x, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    expected = published.predict(keras.applications.mobilenet.preprocess_input(x.copy()), verbose=0)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("make", "file"), [("build", "mobilenet_1_0_160_tf_no_top.h5"), ("classifier", "mobilenet_1_0_224_tf.h5")]
)
def test_weights_that_cannot_be_downloaded_are_named_with_their_place_and_the_remedy(cache, capsys, make, file):
    one = candidates.resolve("MobileNet")["MobileNet"].at_size(160)
    with pytest.raises(ValueError, match="it cannot be downloaded: URL fetch failure") as caught:
        getattr(one, make)()
    message = str(caught.value)
    for part in (str(cache / file), "is not there", "place it there", "'MobileNet=PATH.h5'", "'MobileNet:random'"):
        assert part in message
    assert capsys.readouterr().out == ""  # where the tables of the commands go


def test_another_file_in_the_place_of_the_weights_is_said_to_be_one(cache):
    (cache / "mobilenet_1_0_224_tf_no_top.h5").write_text("not HDF5")
    with pytest.raises(ValueError, match="is not the one that Keras published"):
        candidates.resolve("MobileNet")["MobileNet"].at_size(32).build()
