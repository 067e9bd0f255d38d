"""The embedded candidates, their weights, and the names that resolve to them."""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from features_on_jax import features_on_jax

import ncap
from ncap import candidates
from ncap.candidates import bodies, hdf5, pretrain
from ncap.candidates.multiply_adds import count_multiply_adds
from ncap.candidates.shipped import WEIGHTS, card
from ncap.registry import Registry
from ncap.testing.candidates import check_candidate

NAMES = list(bodies.BODIES)
PIXELS = np.random.default_rng(0).uniform(0, 255, (4, *bodies.INPUT_SHAPE)).astype(np.float32)


def arrays(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.fixture(scope="module")
def built():
    return {name: one.build() for name, one in candidates.resolve("mini").items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_candidate_is_a_body_without_head_that_takes_raw_pixels(built, name):
    body = built[name]
    assert body.input_shape == (None, *bodies.INPUT_SHAPE)
    assert isinstance(body.layers[1], keras.layers.Rescaling)
    features = np.asarray(body(PIXELS))
    assert features.ndim in (2, 4)
    assert np.isfinite(features).all()
    # different images, different features
    assert features.std(axis=0).max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_is_the_stored_one(built, name):
    stored = arrays(WEIGHTS / f"{name}.h5")
    assert sum(array.size for array in stored.values()) == built[name].count_params()
    for path, variable in hdf5.variables(built[name]).items():
        np.testing.assert_array_equal(np.asarray(variable), stored[path])


def test_the_weights_were_trained(built):
    # ten balanced classes: guessing gives 0.1; the card's accuracy was measured on held-out images
    for name, entry in card("mini")["candidates"].items():
        assert entry["test_accuracy"] > 0.7, name
    # training leaves no bias and no shift at its starting value 0
    for body in built.values():
        starts_at_zero = [v for path, v in hdf5.variables(body).items() if path.endswith(("/bias", "/beta"))]
        assert starts_at_zero
        assert all(np.any(np.asarray(variable)) for variable in starts_at_zero)


def test_the_card_lists_the_bodies_as_they_are(built):
    described = [
        (name, bodies.BODIES[name][0], "fashion_mnist", body.count_params(), bodies.INPUT_SHAPE)
        for name, body in built.items()
    ]
    assert [
        (one.name, one.family, one.source, one.parameters, one.input) for one in candidates.describe("mini")
    ] == described
    assert candidates.resolve("mini").keys() == set(NAMES)


def test_candidates_are_of_different_families_and_alike_in_size(built):
    structures = {tuple((type(layer).__name__, layer.output.shape[1:]) for layer in b.layers) for b in built.values()}
    assert len(structures) == len({family for family, _ in bodies.BODIES.values()}) == len(NAMES) >= 8
    assert all(15_000 <= body.count_params() <= 60_000 for body in built.values())


def test_batch_norm_follows_small_data(built):
    norms = [x for b in built.values() for x in b.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert norms
    assert {norm.momentum for norm in norms} == {0.9}


def test_the_weights_fit_in_the_wheel():
    assert sum((WEIGHTS / f"{name}.h5").stat().st_size for name in NAMES) < 5_000_000


# weights files


def body_of(*units):
    return keras.Sequential(
        [keras.Input((3,)), *(keras.layers.Dense(n) for n in units), keras.layers.LayerNormalization()]
    )


def test_weights_come_back_by_path_whatever_the_layers_are_called(tmp_path):
    saved, loaded = body_of(4, 2), body_of(4, 2)
    assert saved.layers[0].name != loaded.layers[0].name
    hdf5.save_weights(saved, tmp_path / "a.h5")
    hdf5.load_weights(loaded, tmp_path / "a.h5")
    for ours, theirs in zip(loaded.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    hdf5.save_weights(loaded, tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (body_of(4), "01_Dense/bias is only in the model"),
        (body_of(4, 2, 2), "02_Dense/bias is only in the file"),
        (body_of(5, 2), r"00_Dense/kernel has shape \(3, 5\), the model's \(3, 4\)"),
    ],
)
def test_weights_of_another_model_are_refused_and_nothing_is_set(tmp_path, stored, message):
    hdf5.save_weights(stored, tmp_path / "other.h5")
    model = body_of(4, 2)
    before = model.get_weights()
    with pytest.raises(ValueError, match=rf"other\.h5 does not fit the model: {message}"):
        hdf5.load_weights(model, tmp_path / "other.h5")
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_missing_and_unreadable_weights_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"absent\.h5: no weights can be read"):
        hdf5.load_weights(body_of(4), tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match=r"text\.h5: no weights can be read"):
        hdf5.load_weights(body_of(4), tmp_path / "text.h5")


def linked(file):
    with h5py.File(file.filename + ".other", "w") as other:
        other["bias"] = np.zeros(4, np.float32)
    file["00_Dense/bias"] = h5py.ExternalLink(file.filename + ".other", "bias")


def stored_elsewhere(file):
    Path(file.filename + ".raw").write_bytes(bytes(16))
    file.create_dataset("00_Dense/bias", shape=(4,), dtype=np.float32, external=[(file.filename + ".raw", 0, 16)])


def of_texts(file):
    file["00_Dense/bias"] = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (linked, "does not fit the model: 00_Dense/bias is only in the model"),
        (stored_elsewhere, "no weights can be read .*bias lies in another file"),
        (of_texts, "no weights can be read .not an array of numbers"),
    ],
)
def test_weights_are_read_from_the_file_itself_alone(tmp_path, put, message):
    model = body_of(4)
    hdf5.save_weights(model, tmp_path / "own.h5")
    with h5py.File(tmp_path / "own.h5", "r+") as file:
        del file["00_Dense/bias"]
        put(file)
    with pytest.raises(ValueError, match=rf"own\.h5:? {message}"):
        hdf5.load_weights(model, tmp_path / "own.h5")


def test_weights_of_any_size_are_compared_by_their_shape_and_not_read(tmp_path):
    model = body_of(4)
    hdf5.save_weights(model, tmp_path / "large.h5")
    with h5py.File(tmp_path / "large.h5", "r+") as file:
        del file["00_Dense/kernel"]
        file.create_dataset("00_Dense/kernel", shape=(2**31, 4), dtype=np.float32, chunks=(2**10, 4))
    with pytest.raises(ValueError, match=r"kernel has shape \(2147483648, 4\), the model's \(3, 4\)"):
        hdf5.load_weights(model, tmp_path / "large.h5")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_in_the_weights_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(ValueError, match=r"pipe\.h5: no weights can be read \(not a file\)"):
        hdf5.load_weights(body_of(4), tmp_path / "pipe.h5")


def test_pretraining_writes_weights_that_fit_and_a_card(tmp_path, monkeypatch):
    # the whole command on few random images and one body
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (2, 100, 28, 28), np.uint8), np.repeat(np.arange(10), 10)
    (tmp_path / "images").mkdir()
    np.savez(tmp_path / "images" / "fashion_mnist.npz", x_train=x[0], y_train=y, x_test=x[1], y_test=y)
    monkeypatch.setenv("NCAP_DATA", str(tmp_path))
    one = replace(pretrain.RECIPES["mini"], bodies={"mlp": bodies.BODIES["mlp"]})
    monkeypatch.setitem(pretrain.RECIPES, "mini", one)
    cards = []
    for folder in ("once", "again"):
        pretrain.main(["--out", str(tmp_path / folder), "--seed", "3", "--epochs", "2"])
        cards.append(json.loads((tmp_path / folder / "mini.json").read_text()))
    assert cards[0] == cards[1]
    assert cards[0].keys() == card("mini").keys()
    assert cards[0]["candidates"]["mlp"].keys() == card("mini")["candidates"]["mlp"].keys()
    assert (cards[0]["training_images"], cards[0]["epochs"], cards[0]["seed"]) == (100, 2, 3)
    hdf5.load_weights(bodies.mlp(), tmp_path / "once" / "mlp.h5")


# names


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("mini", NAMES),
        ("mlp", ["mlp"]),
        ("residual, mlp", ["residual", "mlp"]),
        (["mlp", "plain"], ["mlp", "plain"]),
        (["mlp", "mini"], ["mlp", *(name for name in NAMES if name != "mlp")]),
    ],
)
def test_specs_that_resolve(spec, expected):
    assert list(candidates.resolve(spec)) == expected


def test_a_dictionary_of_factories_keeps_its_names_and_order():
    own = candidates.resolve({"second": bodies.mlp, "first": candidates.resolve("plain")["plain"]})
    assert list(own) == ["second", "first"]
    assert own["second"].build().count_params() == card("mini")["candidates"]["mlp"]["parameters"]
    assert own["first"].name == "plain"


def test_a_collection_is_one_line(monkeypatch):
    """A source outside the package: its name stands for all of its candidates, each of which can be named."""

    class Own:
        def names(self):
            return ["a", "b"]

        def accepts(self, word):
            return word in self.names()

        def candidate(self, name):
            return candidates.FactoryCandidate(name, bodies.mlp)

    homes = {"mini": "ncap.candidates.mini:MINI", "own": f"{__name__}:OWN"}
    monkeypatch.setitem(globals(), "OWN", Own())
    monkeypatch.setattr("ncap.candidates.catalog.SOURCES", Registry("collection", homes))
    assert list(candidates.resolve("own")) == ["a", "b"]
    assert list(candidates.resolve("b, mlp")) == ["b", "mlp"]
    assert candidates.names()[-2:] == ["a", "b"]
    listed = ncap.list_candidates().set_index("name")
    assert listed.loc["b", ["family", "source", "input"]].tolist() == ["", "", ""]
    assert listed["parameters"].isna().sum() == 2
    with pytest.raises(
        ValueError, match=r"did you mean 'own'\? known: mini \(all of them\), own \(all of them\), and their"
    ):
        candidates.resolve("owm")


def test_the_table_lists_what_the_card_says():
    table = ncap.list_candidates()
    assert list(table) == ["name", "family", "source", "parameters", "multiply_adds", "input", "licence", "weights"]
    mini = table[table["name"].isin(NAMES)]
    assert mini["name"].tolist() == NAMES
    assert set(mini["source"]) == {"fashion_mnist"}
    assert set(mini["input"]) == {"16 x 16 x 1"}
    assert set(mini["weights"]) == {"at hand"}


def test_a_collection_or_names_are_listed_alone():
    assert ncap.list_candidates("mini")["name"].tolist() == NAMES
    assert ncap.list_candidates(["mlp", "plain"])["name"].tolist() == ["mlp", "plain"]
    assert [one.name for one in candidates.describe("residual, mlp")] == ["residual", "mlp"]


def test_what_a_candidate_says_of_itself_is_in_its_row():
    said = {"family": "VGG", "source": "cifar10", "multiply_adds": 7, "licence": "MIT", "input_shape": (None, None, 3)}
    row = ncap.list_candidates({"told": Told(body, **said)}).iloc[0]
    assert row.to_dict() | {"parameters": None} == {
        "name": "told", "family": "VGG", "source": "cifar10", "parameters": None, "multiply_adds": 7, "input": "any x any x 3",
        "licence": "MIT", "weights": "",
    }  # fmt: skip


# laws


@pytest.mark.parametrize("name", ["residual", "mlp"])
def test_members_keep_the_laws(name):
    check_candidate(candidates.resolve(name)[name])


def test_the_card_is_where_its_numbers_come_from():
    known = candidates.resolve("mlp")["mlp"]
    assert (known.source, known.source_accuracy) == (
        "fashion_mnist",
        card("mini")["candidates"]["mlp"]["test_accuracy"],
    )
    assert known.classifier() is None
    assert (known.multiply_adds, known.licence) == (count_multiply_adds(bodies.mlp()), "MIT")


class Told(candidates.Candidate):
    """A candidate that may say something wrong of itself."""

    def __init__(self, build, **said):
        self.name, self._build = "told", build
        for name, value in said.items():
            setattr(self, name, value)

    def build(self):
        return self._build()


def body(seed=0, head=None, scale=1.0):
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Rescaling(scale / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation=head, kernel_initializer=keras.initializers.GlorotUniform(seed)),
        ]
    )


SHARED = body()
SEEDS = itertools.count()


@pytest.mark.parametrize(
    ("candidate", "error", "message"),
    [
        (Told(lambda: SHARED), AssertionError, "two models share a variable"),
        (Told(lambda: body(next(SEEDS))), AssertionError, "two models differ in a weight"),
        (Told(body, input_shape=(8, 8, 1)), AssertionError, r"takes images \(4, 4, 1\)"),
        (Told(body, parameters=3), AssertionError, "has 51 parameters"),
        (Told(lambda: body(scale=1e40)), AssertionError, "not finite"),
        (Told(lambda: body(scale=0.0)), AssertionError, "features of different images are the same"),
        (Told(lambda: body(head="softmax")), ValueError, "that is a head"),
        (Told(lambda: "body"), AssertionError, "must return a keras.Model"),
    ],
)
def test_the_kit_sees_what_breaks_a_law(candidate, error, message):
    with pytest.raises(error, match=message):
        check_candidate(candidate)


def test_the_kit_takes_a_candidate_that_keeps_them():
    check_candidate(Told(body, input_shape=(4, 4, 1), parameters=51))


def test_listing_the_candidates_needs_no_framework():
    script = (
        "import sys, ncap; from ncap import candidates; candidates.describe(); ncap.list_candidates();"
        "print('keras' in sys.modules, 'h5py' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False False"


def test_weights_give_the_same_features_on_jax(built, tmp_path):
    pytest.importorskip("jax")
    # together these have every kind of layer with weights, and each costs seconds of compilation
    chosen = ["group_norm", "depthwise", "inverted_residual", "mlp"]
    kinds = {name: {type(layer) for layer in body.layers if layer.weights} for name, body in built.items()}
    assert set().union(*kinds.values()) == set().union(*(kinds[name] for name in chosen))
    theirs = features_on_jax(chosen, PIXELS, tmp_path)
    for name in chosen:
        ours = np.asarray(built[name](PIXELS))
        # float32 sums of up to 600 terms in another order, through a dozen layers
        np.testing.assert_allclose(theirs[name], ours, rtol=1e-4, atol=1e-4 * abs(ours).max())
