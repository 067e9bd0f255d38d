"""Saved models and functions as candidates."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import ncap
from ncap import candidates
from ncap.testing.candidates import check_candidate
from ncap.training.failure import describe

PIXELS = np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3)).astype(np.float32)


def classifier(*extra):
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            *extra,
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(5, name="logits"),
        ],
        name="own",
    )


@keras.saving.register_keras_serializable(package="somebody")
class Halved(layers.Layer):
    def call(self, x):
        return x / 2


class Unregistered(layers.Layer):
    def call(self, x):
        return x / 2


def only(word):
    return next(iter(candidates.resolve([word]).values()))


@pytest.fixture
def saved(tmp_path):
    classifier().save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


def test_a_saved_model_is_a_candidate_without_its_head(saved):
    one = only(str(saved))
    assert (one.name, one.input_shape, one.weights(), one.notes) == ("mine", (16, 16, 3), "at hand", "")
    check_candidate(one)
    assert one.notes == "cut at layer 'pool'; left out: logits"
    whole = keras.saving.load_model(saved)
    expected = keras.Model(whole.inputs, whole.get_layer("pool").output).predict(PIXELS, verbose=0)
    np.testing.assert_array_equal(one.build().predict(PIXELS, verbose=0), expected)


def test_a_saved_model_is_cut_at_the_layer_that_is_named(saved):
    one = only(f"{saved}@conv")
    check_candidate(one)
    assert (one.name, one.notes) == ("mine@conv", "cut at layer 'conv', as asked")
    assert one.build().output_shape == (None, 14, 14, 4)
    with pytest.raises(ValueError, match=r"mine\.keras: layer 'cnov' .*choose one of logits, pool, conv"):
        only(f"{saved}@cnov").build()


def test_a_saved_model_in_which_the_features_have_no_clear_end_is_refused_within_the_room_of_a_table(tmp_path):
    dense = [
        layers.Flatten(),
        *(layers.Dense(8, "relu", name=f"hidden{n}") for n in range(9)),
        layers.Dense(3, "softmax"),
    ]
    keras.Sequential([keras.Input((16, 16, 3)), *dense]).save(tmp_path / "mlp_of_mine.keras")
    with pytest.raises(ValueError, match=r"cut it with mlp_of_mine\.keras@NAME at one of hidden8, hidden7, ") as caught:
        only(str(tmp_path / "mlp_of_mine.keras")).build()
    assert "hidden7" in describe(caught.value)
    assert only(f"{tmp_path / 'mlp_of_mine.keras'}@hidden8").build().output_shape == (None, 8)


def test_a_saved_model_without_its_weights(saved):
    one = only(f"{saved}:random")
    assert one.name == "mine:random"
    check_candidate(one)
    assert (one.build().get_weights()[0] != only(str(saved)).build().get_weights()[0]).all()
    assert only(f"{saved}@conv:random").build().output_shape == (None, 14, 14, 4)


def test_what_its_name_looks_like_is_no_matter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("rate=0.1, run 2.keras", "a.keras@b.keras", "VGG16=x.keras"):
        classifier().save("plain.keras")
        Path("plain.keras").rename(name)
        for word in (name, f"{tmp_path}/{name}"):
            one = only(word)
            assert (one.name, one.path.name) == (name.removesuffix(".keras"), name)


def test_two_files_of_one_name_are_refused_and_a_dictionary_tells_them_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        classifier().save(tmp_path / folder / "model.keras")
    words = [str(tmp_path / folder / "model.keras") for folder in ("a", "b")]
    with pytest.raises(ValueError, match="two different ones are called 'model'"):
        candidates.resolve(words)
    assert list(candidates.resolve({word[-13]: only(word) for word in words})) == ["a", "b"]
    assert list(candidates.resolve([words[0], words[0]])) == ["model"]


def test_a_file_name_that_no_store_can_write_is_refused(tmp_path):
    classifier().save(tmp_path / "plain.keras")
    (tmp_path / "plain.keras").rename(tmp_path / "a\udcff.keras")
    with pytest.raises(ValueError, match=r"'a\\udcff' cannot be written as UTF-8; name it yourself"):
        only(str(tmp_path / "a\udcff.keras"))


def truncated(path):
    classifier().save(path)
    path.write_bytes(path.read_bytes()[:300])


def without_description(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")


def described_as(told):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", told)

    return write


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (truncated, r"own\.keras: not a model that Keras saved"),
        (lambda path: path.write_bytes(b""), r"own\.keras: not a model that Keras saved"),
        (without_description, "no config.json in it"),
        (described_as("[1]"), "describes no model"),
        (described_as("[" * 100_000), "not a model that Keras saved"),
        (described_as(" " * 100_000_001), "its config.json is too large"),
        (lambda path: path.mkdir(), "is a folder"),
    ],
)
def test_a_damaged_file_is_named_before_anything_is_trained(tmp_path, write, message):
    write(tmp_path / "own.keras")
    with pytest.raises(ValueError, match=message):
        candidates.resolve([str(tmp_path / "own.keras")])


def test_a_missing_file_is_answered_with_the_nearest(saved):
    with pytest.raises(ValueError, match=r"the file '.*nine\.keras' does not exist; did you mean 'mine\.keras'\?$"):
        candidates.resolve([str(saved.with_name("nine.keras"))])


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.Lambda(lambda x: x / 2, name="half"), "layer 'half' is a lambda, code that ncap does not run"),
        (
            Unregistered(name="mine"),
            "'mine' is a Unregistered of 'test_files', which Keras does not know; pass 'package.module:",
        ),
    ],
)
def test_code_in_a_file_is_refused_by_name(tmp_path, layer, message):
    classifier(layer).save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match=message):
        only(str(tmp_path / "own.keras")).build()


def test_a_class_of_which_only_the_file_says_where_it_is_is_not_imported(tmp_path, monkeypatch):
    """Keras itself would import the module that the file names."""
    classifier().save(tmp_path / "own.keras")
    (tmp_path / "side_effect.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with zipfile.ZipFile(tmp_path / "own.keras") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    told = json.loads(content["config.json"])
    told["config"]["layers"][2].update(module="side_effect", class_name="Conv2D", registered_name="Conv2D")
    content["config.json"] = json.dumps(told).encode()
    with zipfile.ZipFile(tmp_path / "own.keras", "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with pytest.raises(ValueError, match="'conv' is a Conv2D of 'side_effect', which Keras does not know"):
        only(str(tmp_path / "own.keras")).build()


def test_a_class_that_is_registered_is_taken(tmp_path):
    classifier(Halved()).save(tmp_path / "own.keras")
    check_candidate(only(str(tmp_path / "own.keras")))


def test_weights_that_are_not_the_models_are_said_to_be_keras_word(saved):
    with zipfile.ZipFile(saved) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["model.weights.h5"] = content["model.weights.h5"][:500]
    with zipfile.ZipFile(saved, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with pytest.raises(ValueError, match=r"mine\.keras: Keras cannot load it in safe mode \("):
        only(str(saved)).build()


def test_the_whole_model_is_the_classifier_where_it_ends_in_a_softmax(tmp_path, saved):
    assert only(str(saved)).classifier() is None  # logits
    scores = classifier()
    keras.Model(scores.inputs, layers.Softmax()(scores.outputs[0])).save(tmp_path / "soft.keras")
    probabilities = only(str(tmp_path / "soft.keras")).classifier().predict(PIXELS, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


# functions

MODULE = """
import keras
from keras import layers

def body():
    start = keras.initializers.GlorotUniform(0)
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3, kernel_initializer=start),
                             layers.GlobalMaxPooling2D(name="pool"), layers.Dense(3, "softmax", name="top")])

def needs(size):
    return None

number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a module; a package of that name is not installed."""
    (tmp_path / "nets_of_mine").mkdir()
    (tmp_path / "nets_of_mine" / "__init__.py").write_text("")
    (tmp_path / "nets_of_mine" / "small.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("nets_of_mine")]:
        del sys.modules[name]


def test_a_function_of_a_module_in_the_current_folder_is_a_candidate(folder):
    before = list(sys.path)
    one = only("nets_of_mine.small:body")
    assert "nets_of_mine" not in sys.modules  # naming it imports nothing
    check_candidate(one)
    assert (one.name, one.notes) == ("nets_of_mine.small:body", "cut at layer 'pool'; left out: top")
    assert sys.path == before


@pytest.mark.parametrize(
    ("word", "error", "message"),
    [
        (
            "nets_of_mine.small:bdy",
            ValueError,
            "module 'nets_of_mine.small' has no function 'bdy'; did you mean 'body'",
        ),
        ("nets_of_mine.small:number", ValueError, "has no function 'number'"),
        ("nets_of_mine.small:needs", TypeError, "the function of 'nets_of_mine.small:needs' must take no argument"),
        ("nets_of_mine.large:body", ModuleNotFoundError, "nets_of_mine.large"),
    ],
)
def test_what_is_no_function_that_builds_a_network_is_named(folder, word, error, message):
    with pytest.raises(error, match=message):
        only(word).build()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("absent_module:body", "there is no module 'absent_module' in"),
        ("mlp:radnom", "there is no module 'mlp' in"),
        ("nets_of_mine.small:body:random", "no random weights to ask for"),
        ("a b:c", "unknown candidate 'a b:c'.*path/model.keras, .*package.module:function"),
    ],
)
def test_words_that_name_no_function(folder, word, message):
    with pytest.raises(ValueError, match=message):
        candidates.resolve([word])


# together


def test_a_users_own_networks_are_ranked(folder, saved):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 20)
    np.savez(folder / "data.npz", x=rng.integers(0, 256, (60, 16, 16, 3)).astype(np.uint8), y=y)
    ranking = ncap.rank(
        [str(saved), "nets_of_mine.small:body"],
        "data.npz",
        store="runs.db",
        out=None,
        epochs=1,
        rule="last_seen",
        hidden=(4, 3),
        progress=False,
    )
    assert set(ranking.table["status"]) == {"ok"}
    assert set(ranking.candidates) == {"mine", "nets_of_mine.small:body"}


def test_all_of_them_keep_the_laws_on_jax(folder, saved):
    pytest.importorskip("jax")
    script = (
        "import sys; from ncap import candidates; from ncap.testing.candidates import check_candidate; import keras;"
        "assert keras.backend.backend() == 'jax';"
        "chosen = candidates.resolve(sys.argv[1:]).values();"
        "[check_candidate(one.at_size(32) if 'MobileNet' in one.name else one) for one in chosen]; print(len(chosen))"
    )
    words = ["MobileNet:random", str(saved), f"{saved}:random", "nets_of_mine.small:body"]
    result = subprocess.run(
        [sys.executable, "-c", script, *words],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == "4", result.stderr[-2000:]
