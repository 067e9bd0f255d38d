"""Backbones: what a file says is what is computed, with norms and without; the fifteen networks in $NCAP_DATA."""

import os
import subprocess
import sys
import zipfile

import backbone_files
import keras
import numpy as np
import pytest

import ncap
from ncap import candidates, targets
from ncap.candidates import assembly, backbones, calibration
from ncap.candidates.backbones import BackboneCandidate
from ncap.testing.candidates import check_candidate

SMALL = ["mobilenet_v1_0.25_128_quant", "shufflenetv2_narrow_224", "squeezenet_v1.1_notop_224"]
# Top-1 of 1,000 on 500 pictures of the ten classes, from the file alone (README.md of the shared data).
TOP_1 = {
    "mobilenet_v1_0.25_128_quant": 0.380,
    "mobilenet_v1_0.5_160_quant": 0.524,
    "mobilenet_v1_0.75_192_quant": 0.622,
    "mobilenet_v2_1.0_224_quant": 0.680,
    "tf2_mobilenet_v2_1.0_224_ptq": 0.674,
    "squeezenet_v1.0_deepcompressed_OIHW_BGR": 0.572,
    "efficientnet_lite0_224": 0.696,
    "efficientnet_lite1_240": 0.726,
    "efficientnet_lite2_260": 0.734,
    "darknet_tiny_224": 0.544,
}
QUICK = ["mobilenet_v1_0.25_128_quant", "mobilenet_v1_0.5_160_quant", "darknet_tiny_224"]


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NCAP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder as NCAP_DATA names it, with one made-up backbone and a few pictures."""
    folder = tmp_path_factory.mktemp("data")
    backbone_files.write(folder / "backbones" / "made.npz")
    backbone_files.photograph(folder / calibration.PICTURES)
    return folder


@pytest.fixture(scope="module")
def made(data):
    return BackboneCandidate(data / "backbones" / "made.npz")


def pixels(size, n=5):
    return np.random.default_rng(2).integers(0, 256, (n, size, size, 3)).astype(np.float32)


# what a file says


@pytest.mark.parametrize("norms", [False, True])
@pytest.mark.parametrize("size", [20, 21, 16])
def test_the_body_computes_what_the_file_says(made, norms, size):
    images = pixels(size)
    body = BackboneCandidate(made.path, norms=norms).at_size(size).build()
    expected = backbone_files.computed(made.path, images)["pooled"].reshape(len(images), -1)
    assert expected.std(axis=0).min() > 0
    # float32 through eight layers
    np.testing.assert_allclose(body.predict(images, verbose=0), expected, rtol=2e-5, atol=2e-5 * abs(expected).max())


def test_the_classifier_gives_probabilities_in_the_usual_order(made):
    images = pixels(20)
    logits = backbone_files.computed(made.path, images)["logits"]
    # offset 1: output 0 is no class; map: output 1 + i is the class map[i]
    ordered = np.stack([logits[:, 1 + backbone_files.CLASSES["map"].index(usual)] for usual in range(4)], axis=-1)
    expected = np.exp(ordered) / np.exp(ordered).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(made.classifier().predict(images, verbose=0), expected, rtol=1e-4, atol=1e-6)


def test_an_output_for_the_background_is_no_class(tmp_path):
    path = backbone_files.write(
        tmp_path / "birds_bird.npz", classes={"imagenet": False, "background": 4, "order": "iNaturalist species"}
    )
    bird = BackboneCandidate(path)
    assert bird.source == "inaturalist birds"
    assert bird.classifier().output_shape == (None, 4)


def test_without_a_head_there_is_no_classifier(tmp_path):
    path = backbone_files.write(tmp_path / "headless.npz", backbone_files.OPERATIONS[:-1], logits=None)
    assert BackboneCandidate(path).classifier() is None


def test_what_is_known_before_building(made):
    assert (made.name, made.source, made.licence, made.terms) == (
        "backbones:made",
        "imagenet",
        "MIT",
        "MIT (of the tests)",
    )
    assert made.input_shape == (20, 20, 3)
    assert made.source_accuracy is None
    assert made.weights() == "at hand"
    # per place, by the size of maps: stem 10 x 10, valid 4 x 4
    by_hand = 100 * (216 + 72 + 64 + 405) + 144 + 16 * 96
    assert made.multiply_adds == by_hand
    folded = BackboneCandidate(made.path, norms=False)
    assert folded.build().count_params() == folded.parameters < made.parameters


# batch norm


def test_norms_undo_their_statistics_and_leave_kernels_alone(made):
    body, folded = made.build(), BackboneCandidate(made.path, norms=False).build()
    convolutions = [
        layer for layer in folded.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
    ]
    assert len(convolutions) == 6
    for layer in convolutions:
        kernel, *bias = layer.get_weights()
        norm = body.get_layer(f"{layer.name}_norm")
        np.testing.assert_array_equal(body.get_layer(layer.name).get_weights(), [kernel])
        gamma, beta, mean, variance = norm.get_weights()
        assert (norm.momentum, norm.epsilon) == (0.9, 1e-3)
        np.testing.assert_allclose(gamma**2, variance + 1e-3, rtol=1e-6)
        np.testing.assert_allclose(beta - mean, bias[0] if bias else 0, rtol=1e-5, atol=1e-5)
    constant = body.get_layer("dw_norm").get_weights()
    assert constant[3][3] == pytest.approx(0.0, abs=1e-9)
    assert constant[3].max() > 1e-3


def test_norms_know_the_pictures(made, data):
    body = made.build()
    images = calibration.read_pictures(calibration.pictures(data / calibration.PICTURES), 20)
    still = np.asarray(body(images, training=False))
    # In training, the statistics of the batch take the place of the norms'; of the pictures, they are the same.
    np.testing.assert_allclose(np.asarray(body(images, training=True)), still, rtol=1e-4, atol=1e-4 * abs(still).max())
    others = np.asarray(body(255 - images, training=True))
    assert abs(others - np.asarray(body(255 - images, training=False))).max() > 0.01 * abs(others).max()


def test_statistics_of_batches_are_those_of_the_whole(made, data, monkeypatch):
    images = calibration.read_pictures(calibration.pictures(data / calibration.PICTURES), 20)
    weights = made._weights(made._body)
    graph = made._graph(made._body, weights, None)
    whole = calibration.measure(graph, ["wide"], images)["wide"]
    monkeypatch.setattr(calibration, "PIXELS", 5 * 400)  # 12 pictures as 5, 5 and 2
    for ours, theirs in zip(calibration.measure(graph, ["wide"], images)["wide"], whole, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_without_pictures_the_remedy_is_named(tmp_path):
    path = backbone_files.write(tmp_path / "backbones" / "alone.npz")
    with pytest.raises(
        ValueError, match=r"there are none: .*imagenet_check has no folders.*or build without norms.*norms=False"
    ):
        BackboneCandidate(path).build()
    assert BackboneCandidate(path, norms=False).build().output_shape == (None, 6)


def test_a_damaged_picture_is_named(tmp_path):
    path = backbone_files.write(tmp_path / "backbones" / "a.npz")
    backbone_files.photograph(tmp_path / "mine")
    (tmp_path / "mine" / "000" / "03.jpg").write_bytes(b"no JPEG")
    with pytest.raises(ValueError, match=r"03\.jpg: cannot be read as a picture"):
        BackboneCandidate(path, pictures=tmp_path / "mine").build()


def cached(folder):
    return sorted((folder / "calibration").glob("*"))


def norm_of(candidate):
    return candidate.build().get_layer("stem_norm").get_weights()


def test_statistics_are_kept_for_the_file_the_size_and_the_pictures(tmp_path, monkeypatch):
    monkeypatch.setenv("NCAP_CACHE", str(tmp_path / "cache"))
    candidate = BackboneCandidate(backbone_files.write(tmp_path / "backbones" / "a.npz"))
    backbone_files.photograph(tmp_path / calibration.PICTURES)
    first = norm_of(candidate)
    (file,) = cached(tmp_path / "cache")
    with np.load(file) as archive:
        altered = {name: archive[name] + 1 for name in archive.files}
    np.savez(file, **altered)
    np.testing.assert_allclose(norm_of(candidate)[1], first[1] + 1, rtol=1e-6)  # the kept ones are used

    file.write_bytes(file.read_bytes()[:100])
    for ours, theirs in zip(norm_of(candidate), first, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert cached(tmp_path / "cache") == [file]
    candidate.at_size(24).build()
    assert len(cached(tmp_path / "cache")) == 2
    backbone_files.photograph(tmp_path / calibration.PICTURES, n=6)
    (tmp_path / calibration.PICTURES / "000" / "00.jpg").unlink()
    assert abs(norm_of(candidate)[1] - first[1]).max() > 1e-3
    assert len(cached(tmp_path / "cache")) == 3


def test_a_cache_that_cannot_be_written_costs_time_only(data, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("NCAP_CACHE", str(tmp_path / "file"))
    assert BackboneCandidate(data / "backbones" / "made.npz").build().output_shape == (None, 6)


# sizes, random starts, laws


def test_a_size_that_leaves_nothing_is_refused_with_the_least(made):
    with pytest.raises(
        ValueError,
        match=r"size=2 is too small for candidate 'backbones:made' \(of images of 2 x 2, conv 'valid' leaves 0 x 0\)",
    ):
        made.at_size(2)
    least = 5
    assert made.at_size(least).build().output_shape == (None, 6)
    with pytest.raises(ValueError, match="it takes sizes from 5"):
        made.at_size(least - 1)
    assert made.input_shape == (20, 20, 3)


def test_a_random_start_is_the_same_architecture(made):
    start = made.at_size(24).untrained()
    assert (start.name, start.source, start.input_shape) == ("backbones:made:random", "", (24, 24, 3))
    assert start.classifier() is None
    trained, fresh = made.build(), start.build()
    for ours, theirs in zip(fresh.trainable_variables, trained.trainable_variables, strict=True):
        assert ours.shape == theirs.shape
        assert np.any(np.asarray(ours) != np.asarray(theirs))
    np.testing.assert_allclose(fresh.get_layer("stem_norm").get_weights()[0], 1.0, rtol=1e-6)
    with pytest.raises(ValueError, match="no random weights"):
        start.untrained()


def test_members_keep_the_laws(made):
    check_candidate(made)
    check_candidate(made.at_size(33))
    check_candidate(made.untrained())


def test_a_body_comes_back_from_a_file(made, tmp_path):
    body = made.build()
    body.save(tmp_path / "body.keras")
    loaded = keras.saving.load_model(tmp_path / "body.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.predict(pixels(20), verbose=0), body.predict(pixels(20), verbose=0))


def test_a_body_is_the_same_on_jax_with_its_own_calibration(made, tmp_path):
    pytest.importorskip("jax")
    script = (
        "import sys, numpy as np; from ncap.candidates.backbones import BackboneCandidate; x = np.load(sys.argv[1]);"
        "np.save(sys.argv[2], BackboneCandidate(sys.argv[3]).build().predict(x, verbose=0))"
    )
    images = pixels(20)
    np.save(tmp_path / "x.npy", images)
    own = {**os.environ, "KERAS_BACKEND": "jax", "NCAP_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", script, tmp_path / "x.npy", tmp_path / "features.npy", made.path]
    subprocess.run(command, env=own, check=True, capture_output=True)
    assert cached(tmp_path / "cache")
    expected = made.build().predict(images, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "features.npy"), expected, rtol=1e-4, atol=1e-5 * abs(expected).max())


# names


def test_the_folder_is_a_collection(data, monkeypatch):
    monkeypatch.setenv("NCAP_DATA", str(data))
    assert (
        list(candidates.resolve("backbones"))
        == list(candidates.resolve("backbones,backbones:made"))
        == ["backbones:made"]
    )
    assert list(candidates.resolve("mlp,backbones:made:random")) == ["mlp", "backbones:made:random"]
    assert "backbones:made" in candidates.names()
    listed = ncap.list_candidates().set_index("name").loc["backbones:made"]
    assert (listed["source"], listed["input"]) == ("imagenet", "20 x 20 x 3")
    with pytest.raises(
        ValueError,
        match=r"unknown candidate 'backbones:mad'; did you mean 'backbones:made'\? known in .*: backbones:made",
    ):
        candidates.resolve("backbones:mad")


@pytest.mark.parametrize("word", ["backbones", "backbones:made"])
def test_without_a_folder_its_place_is_named(word, tmp_path, monkeypatch):
    monkeypatch.delenv("NCAP_DATA", raising=False)
    assert backbones.BACKBONES.names() == []
    with pytest.raises(
        ValueError, match=rf"candidate '{word}': NCAP_DATA is not set; set NCAP_DATA to the folder whose subfolder"
    ):
        candidates.resolve(word)
    monkeypatch.setenv("NCAP_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"holds no \.npz file; set NCAP_DATA"):
        candidates.resolve(word)


def test_listing_needs_no_framework_and_no_arrays(data, tmp_path):
    # The arrays cannot be unpacked: what is listed does not touch them.
    path = tmp_path / "backbones" / "texts.npz"
    path.parent.mkdir()
    with zipfile.ZipFile(data / "backbones" / "made.npz") as whole, zipfile.ZipFile(path, "w") as part:
        for name in whole.namelist():
            part.writestr(name, b"damaged" if name[0].isdigit() else whole.read(name))
    script = (
        "import sys, ncap; print(ncap.list_candidates()['name'].iloc[-1], 'keras' in sys.modules, 'PIL' in sys.modules)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, env={**os.environ, "NCAP_DATA": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["backbones:texts", "False", "False"]
    with pytest.raises(ValueError, match=r"texts\.npz: the weights of operation 'stem'"):
        BackboneCandidate(path, norms=False).build()


def changed(number, **fields):
    """The operations with one changed."""
    operations = [dict(one) for one in backbone_files.OPERATIONS]
    operations[number] |= fields
    return operations


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"input": None}, "KeyError"),
        ({"meta": "[{"}, "JSONDecodeError"),
        ({"outputs": '{"features": "nothing", "logits": null}'}, "no operation writes 'nothing'"),
        ({"licence": np.array([{"MIT": 1}], dtype=object)}, "allow_pickle=False"),
        (
            {"operations": changed(0, type="attention")},
            "operation 'stem' has the type 'attention'; known: conv, depthwise",
        ),
        ({"operations": changed(0, act="swish")}, "operation 'stem' has the activation 'swish'; known: linear"),
        ({"operations": changed(0, inputs=["dw"])}, "operation 'stem' reads 'dw', which no operation before it writes"),
        ({"operations": changed(1, name="stem")}, "two operations are called 'stem'"),
    ],
)
def test_a_file_that_is_no_backbone_is_refused_by_name(tmp_path, written, message):
    path = backbone_files.write(tmp_path / "broken.npz", **written)
    with pytest.raises(ValueError, match=rf"broken\.npz: .*{message}.*remove it from the folder"):
        BackboneCandidate(path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_archive_is_refused_by_name(tmp_path, content):
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.npz: cannot be read"):
        BackboneCandidate(path)


@pytest.mark.parametrize(
    ("member", "array"),
    [("00_w", np.zeros((3, 3, 3, 7), np.float16)), ("00_bias", np.zeros(7, np.float32)), ("00_w", None)],
)
def test_weights_that_do_not_fit_are_refused_by_name(tmp_path, member, array):
    path = backbone_files.write(tmp_path / "broken.npz", **{member: array})
    with pytest.raises(ValueError, match=r"broken\.npz: .*'stem'"):
        BackboneCandidate(path, norms=False).build()


def test_fresh_kernels_keep_the_variance():
    steps = backbones.operations.read(
        [backbone_files.CONV | {"name": "a", "inputs": ["input"], "shape": [3, 3, 64, 256]}]
    )
    kernel = assembly.fresh_weights(steps, seed=0)["a"].kernel
    assert kernel.var() == pytest.approx(2 / (9 * 64), rel=0.02)
    np.testing.assert_array_equal(assembly.fresh_weights(steps, seed=0)["a"].kernel, kernel)


# the fifteen networks


@pytest.fixture(scope="module")
def folder(shared_data):
    found = shared_data / "backbones"
    if not found.is_dir():
        pytest.skip(f"no folder {found}; set NCAP_DATA to a copy of the shared data")
    return found


def backbone(folder, stem, **options):
    return BackboneCandidate(folder / f"{stem}.npz", **options)


def test_fifteen_networks_are_listed(folder, monkeypatch):
    monkeypatch.setenv("NCAP_DATA", str(folder.parent))
    found = candidates.resolve("backbones")
    assert len(found) == 15
    assert {one.family for one in found.values()} == {
        "MobileNet", "MobileNetV2", "SqueezeNet", "EfficientNet-Lite", "Darknet", "ShuffleNetV2",
    }  # fmt: skip
    assert {one.licence for one in found.values()} == {"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause"}
    sources = {one.name: one.source for one in found.values() if one.source != "imagenet"}
    assert sources == {
        "backbones:mobilenet_v1_1.0_224_quant_embedding_extractor": "",  # the file does not say
        "backbones:mobilenet_v2_1.0_224_inat_bird_quant": "inaturalist birds",
        "backbones:mobilenet_v2_1.0_224_inat_insect_quant": "inaturalist insects",
        "backbones:shufflenetv2_narrow_224": "",
    }


@pytest.mark.parametrize(
    ("stem", "parameters", "multiply_adds"),
    [
        # keras.applications' networks of the same name, counted layer by layer
        ("mobilenet_v1_1.0_224_quant_embedding_extractor", 3_228_864, 567_716_352),
        ("mobilenet_v2_1.0_224_quant", 2_257_984, 299_494_272),
    ],
)
def test_sizes_are_those_of_the_published_networks(folder, stem, parameters, multiply_adds):
    one = backbone(folder, stem)
    assert (one.parameters, one.multiply_adds) == (parameters, multiply_adds)


def test_every_network_takes_64_and_96_pixels_and_most_32(folder):
    least = {}
    for path in folder.glob("*.npz"):
        one = BackboneCandidate(path)
        assert (one.at_size(64).input_shape, one.at_size(96).input_shape) == ((64, 64, 3), (96, 96, 3))
        try:
            one.at_size(32)
        except ValueError as error:
            least[path.stem] = int(str(error).rpartition(" ")[2])
    assert least == {"squeezenet_v1.0_deepcompressed_OIHW_BGR": 35}


def check_norms(folder, stem, size):
    one = backbone(folder, stem).at_size(size)
    images = calibration.read_pictures(calibration.pictures(folder.parent / calibration.PICTURES)[::6], size)
    ours = np.asarray(one.build()(images))
    theirs = np.asarray(backbone(folder, stem, norms=False).at_size(size).build()(images))
    # The rounding of float32 in up to 160 layers; 5e-6 to 8e-6 was seen.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * abs(theirs).max())
    assert (theirs > 0).mean() > 0.1


@pytest.mark.parametrize("stem", SMALL)
def test_norms_leave_the_features_as_they_are(folder, stem):
    check_norms(folder, stem, 64)


@pytest.mark.heavy
@pytest.mark.parametrize("size", [64, 96, 224])
def test_norms_leave_the_features_of_all_as_they_are(folder, size):
    for path in sorted(folder.glob("*.npz")):
        check_norms(folder, path.stem, size)


def top_1(folder, stem):
    one = backbone(folder, stem)
    files = calibration.pictures(folder.parent / "images" / "imagenet_check")
    images = calibration.read_pictures(files, one.input_shape[0])
    guessed = one.classifier().predict(images, batch_size=8, verbose=0).argmax(axis=1)
    return np.mean(guessed == [int(file.parent.name) for file in files])


@pytest.mark.parametrize("stem", QUICK)
def test_networks_recognise_what_they_recognised(folder, stem):
    # 120 pictures: three standard errors
    assert top_1(folder, stem) == pytest.approx(TOP_1[stem], abs=0.12)


@pytest.mark.heavy
def test_all_networks_recognise_what_they_recognised(folder):
    found = {stem: top_1(folder, stem) for stem in TOP_1}
    assert found == pytest.approx(TOP_1, abs=0.12)
    # the pictures are the same for all, so that the mean is not ten times as sure
    assert np.mean(list(found.values())) == pytest.approx(np.mean(list(TOP_1.values())), abs=0.04)


@pytest.mark.parametrize("stem", SMALL[:2])
def test_two_networks_keep_the_laws(folder, stem):
    check_candidate(backbone(folder, stem).at_size(64))


@pytest.mark.heavy
@pytest.mark.parametrize(("norms", "frozen", "least"), [(True, True, 0.45), (True, False, 0.5), (False, True, 0.0)])
def test_norms_keep_a_network_alive_at_the_papers_learning_rate(folder, norms, frozen, least):
    from ncap.cost import train_epoch
    from ncap.framework import quiet_tracing
    from ncap.job import Job
    from ncap.training.run import Training

    target = targets.load(folder.parent / "images" / "cifar10.npz").few(2000, seed=0)
    with quiet_tracing():
        training = Training(Job(size=64, frozen=frozen), backbone(folder, SMALL[0], norms=norms).at_size(64), target)
        for epoch in range(1, 7):
            train_epoch(training, epoch)
        accuracy = training._evaluate("val")["accuracy"]
    features = ncap.detach_probe(training.model).predict(np.asarray(training.samples[0][:64]), verbose=0)
    assert accuracy >= least  # 0.55 frozen and 0.63 trained were seen, 0.10 without norms
    assert (abs(features) > 0).mean() == pytest.approx(0.65, abs=0.2) if norms else not features.any()
