"""Weights of a user's file for a network that is known by name, and AlexNet, which has no others."""

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from ncap import candidates
from ncap.candidates import hdf5
from ncap.candidates.alexnet import ALEXNET
from ncap.testing.candidates import check_candidate


def published(network, path):
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)


def whole_model(network, path):
    """As Keras 2 wrote a model and its weights into one file."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file.create_group("model_weights"), network)


def mobilenet(**how):
    return keras.applications.MobileNet(weights=None, input_shape=(32, 32, 3), **how)


def only(word):
    return next(iter(candidates.resolve([word]).values()))


FORMS = {
    "older": ("w.h5", published),
    "older model": ("model.h5", whole_model),
    "newer": ("w.weights.h5", lambda network, path: network.save_weights(path)),
    "own": ("w.h5", lambda network, path: hdf5.save_weights(network, path)),
}


@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_weights_are_read_in_every_form_with_or_without_a_head(tmp_path, form, head):
    name, write = FORMS[form]
    network = mobilenet(include_top=head, **({"classes": 5} if head else {}))
    write(network, tmp_path / name)
    one = only(f"MobileNet={tmp_path / name}").at_size(32)
    body = one.build()
    for ours, theirs in zip(body.get_weights(), network.get_weights(), strict=not head):
        np.testing.assert_array_equal(ours, theirs)
    assert one.name == f"MobileNet={name.removesuffix('.h5')}"
    assert one.weights() == "at hand"
    assert body.output_shape == (None, 1, 1, 1024)
    if form != "newer":
        assert one.notes.startswith(f"left out of {name}: ") == head


def test_a_candidate_with_weights_of_its_own_keeps_the_laws(tmp_path):
    published(mobilenet(include_top=False), tmp_path / "w.h5")
    check_candidate(only(f"MobileNet={tmp_path / 'w.h5'}").at_size(32))


def cut_short(path):
    published(mobilenet(include_top=False), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def linked(path):
    published(mobilenet(include_top=False), path)
    with h5py.File(path, "r+") as file:
        del file["conv1"]
        file["conv1"] = h5py.ExternalLink("/etc/passwd", "/")


def renamed(path):
    mobilenet(include_top=False).save_weights(path.with_suffix(".weights.h5"))
    path.with_suffix(".weights.h5").rename(path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: published(keras.applications.MobileNetV2(weights=None), path), "does not fit mobilenet.*pass the weights of this"),
        (lambda path: published(mobilenet(include_top=False, alpha=0.5), path), r"layer 0 with weights is conv1, of shapes"),
        (lambda path: path.write_text("not HDF5"), "no weights can be read"),
        (cut_short, "no weights can be read"),
        (linked, "no weights can be read .conv1 is a link"),
        (lambda path: h5py.File(path, "w").close(), "is only in the model"),
        (renamed, "has the form of Keras 3, whose files are called NAME.weights.h5; rename it"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(tmp_path, write, message):
    write(tmp_path / "w.h5")
    with pytest.raises(ValueError, match=message) as caught:
        only(f"MobileNet={tmp_path / 'w.h5'}").at_size(32).build()
    assert str(tmp_path / "w.h5") in str(caught.value)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("VGG16=absent.h5", "there is no file '.*absent.h5'"),
        ("VGG16=model.keras", "a whole model is named by its path alone"),
        ("VGG16=", "an HDF5 file of weights is needed"),
        ("VGG15=w.h5", "unknown candidate 'VGG15=w.h5'"),
    ],
)
def test_words_that_name_no_weights(word, message):
    with pytest.raises(ValueError, match=message):
        candidates.resolve([word])


# AlexNet


def test_alexnet_has_the_weights_and_the_multiply_adds_that_are_listed():
    body, whole = ALEXNET.network(224, top=False), ALEXNET.network(224, top=True)
    assert body.output_shape == (None, 6, 6, 256)
    assert whole.output_shape == (None, 1000)
    assert body.count_params() == ALEXNET.parameters
    assert whole.count_params() == 61_100_840  # torchvision.models.alexnet
    kernels = [(layer.kernel, layer.output) for layer in body.layers if layer.weights]
    counted = sum(int(np.prod(kernel.shape)) * output.shape[1] * output.shape[2] for kernel, output in kernels)
    assert counted == ALEXNET.multiply_adds


def test_alexnets_smallest_side():
    assert ALEXNET.network(ALEXNET.least, top=False).output_shape == (None, 1, 1, 256)
    with pytest.raises(ValueError, match=r"output size would be|negative"):
        ALEXNET.network(ALEXNET.least - 1, top=False)


def test_alexnet_without_weights_is_built_from_random_ones_only(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("NCAP_DATA", raising=False)
    check_candidate(only("AlexNet:random").at_size(64))
    assert only("AlexNet").weights() == "missing"
    with pytest.raises(
        ValueError, match=r"neither .*weights/AlexNet\.h5 nor .*models/AlexNet\.h5; place.*'AlexNet:random'"
    ):
        only("AlexNet").build()


@pytest.mark.parametrize("place", ["NCAP_DATA", "KERAS_HOME"])
def test_alexnets_weights_are_read_from_the_users_file(tmp_path, monkeypatch, place):
    monkeypatch.delenv("NCAP_DATA", raising=False)
    monkeypatch.setenv(place, str(tmp_path))
    path = tmp_path / {"NCAP_DATA": "weights", "KERAS_HOME": "models"}[place] / "AlexNet.h5"
    path.parent.mkdir()
    network = ALEXNET.network(64, top=False)
    hdf5.save_weights(network, path)
    one = only("AlexNet").at_size(64)
    assert one.weights() == "at hand"
    check_candidate(one)
    np.testing.assert_array_equal(one.build().get_weights()[0], network.get_weights()[0])
    with pytest.raises(ValueError, match=r"Dense/.* is only in the model"):
        one.classifier()


def test_alexnets_classifier_comes_from_a_file_with_the_head(tmp_path):
    network = ALEXNET.network(224, top=True)
    hdf5.save_weights(network, tmp_path / "a.h5")
    one = only(f"AlexNet={tmp_path / 'a.h5'}")
    np.testing.assert_array_equal(one.network(224, top=True).get_weights()[-1], network.get_weights()[-1])
    assert one.build().output_shape == (None, 6, 6, 256)
    assert "Dense/kernel" in one.notes
