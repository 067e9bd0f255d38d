"""Presets of keras_hub as candidates, from folders that keras_hub itself saved; run where it is installed (make torch)."""

import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from tiny import target

import ncap
from ncap import candidates
from ncap.testing.candidates import check_candidate

if find_spec("keras_hub") is None:
    pytest.skip("needs keras_hub, which is not installed", allow_module_level=True)

keras_hub = pytest.importorskip("keras_hub")

SCALE, OFFSET = [0.01, 0.02, 0.03], [-1.0, -2.0, -3.0]


def backbone(shape=(None, None, 3)):
    keras.utils.set_random_seed(7)
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=shape,
    )


@pytest.fixture(scope="module", name="saved")
def _saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    model = backbone()
    model.save_to_preset(str(folder))
    converter = keras_hub.layers.ResNetImageConverter(image_size=(16, 24), scale=SCALE, offset=OFFSET)
    converter.save_to_preset(str(folder))
    return folder, model, converter


def named(folder, suffix=""):
    word = f"hub:{folder}{suffix}"
    return candidates.resolve(word)[word]


def pixels(shape, n=3):
    return np.random.default_rng(0).integers(0, 256, (n, *shape)).astype(np.float32)


def test_a_preset_keeps_the_laws(saved):
    folder, _, _ = saved
    assert named(folder).weights() == "at hand"
    check_candidate(named(folder))
    check_candidate(named(folder, ":random"))


def test_features_are_the_presets_own_behind_its_own_converter(saved):
    folder, model, converter = saved
    body = named(folder).build()
    assert body.input_shape == (None, 16, 24, 3)
    x = pixels((16, 24, 3))
    maps = keras.ops.convert_to_numpy(model(converter(x), training=False))
    assert maps.ndim == 4
    np.testing.assert_allclose(body.predict(x, verbose=0), maps.mean((1, 2)), rtol=1e-4, atol=1e-5)
    other = named(folder, ":random").build().predict(x, verbose=0)
    assert not np.allclose(other, maps.mean((1, 2)), rtol=0.1)


def test_a_size_takes_the_place_of_the_converters(saved):
    folder, model, _ = saved
    body = named(folder).at_size(12).build()
    assert body.input_shape == (None, 12, 12, 3)
    x = pixels((12, 12, 3))
    maps = keras.ops.convert_to_numpy(model((x * SCALE + OFFSET).astype(np.float32), training=False))
    np.testing.assert_allclose(body.predict(x, verbose=0), maps.mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_a_preset_is_ranked(saved, tmp_path):
    folder, _, _ = saved
    ranking = ncap.rank(
        f"hub:{folder}", target(), store=tmp_path / "runs.db", epochs=4, runs=1, hidden=(8, 6), out=None, progress=False
    )
    assert ranking.table["status"].tolist() != ["failed"]


def test_without_a_converter_raw_pixels_are_warned_of(tmp_path):
    backbone().save_to_preset(str(tmp_path))
    with pytest.warns(UserWarning, match="the preset has no image converter .* raw pixels"):
        body = named(tmp_path).build()
    assert body.input_shape == (None, None, None, 3)


def test_a_size_that_the_backbone_does_not_take_is_refused(tmp_path):
    backbone(shape=(16, 16, 3)).save_to_preset(str(tmp_path))
    keras_hub.layers.ResNetImageConverter(scale=1 / 255).save_to_preset(str(tmp_path))
    assert named(tmp_path).build().input_shape == (None, 16, 16, 3)
    with pytest.raises(ValueError, match="the backbone does not take images of 20 x 20 x 3"):
        named(tmp_path).at_size(20).build()


@pytest.mark.parametrize("file", [None, "config.json", "model.weights.h5"])
def test_what_is_no_preset_is_refused(tmp_path, file):
    if file:
        backbone().save_to_preset(str(tmp_path))
        (tmp_path / file).write_text("damaged")
    with pytest.raises(ValueError, match=r"the preset cannot be loaded; .*save_to_preset\(\) made"):
        named(tmp_path).build()


def test_missing_weights_are_seen_without_building(tmp_path):
    backbone().save_to_preset(str(tmp_path))
    (tmp_path / "model.weights.h5").unlink()
    assert named(tmp_path).weights() == "missing"
    assert named(tmp_path, ":random").weights() == "at hand"
    with pytest.raises(ValueError, match="the preset cannot be loaded"):
        named(tmp_path).build()


def test_a_backbone_of_texts_is_refused(tmp_path):
    keras_hub.models.BertBackbone(
        vocabulary_size=10, num_layers=1, num_heads=1, hidden_dim=4, intermediate_dim=4
    ).save_to_preset(str(tmp_path))
    with pytest.raises(ValueError, match="BertBackbone does not take images"):
        named(tmp_path).build()


def test_without_keras_hub_the_remedy_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ValueError, match=r"keras_hub cannot be imported; pip install keras-hub"):
        named(tmp_path).build()
