"""The script that pre-trains a collection: it goes on where it was stopped, and says how its weights were made."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ncap.candidates import bodies32, hdf5, pretrain, shipped


@pytest.fixture
def few_images(monkeypatch):
    """The recipe of "mini32" for two bodies on few random images."""
    x, y = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), np.uint8), np.arange(70) % 35
    chosen = {name: bodies32.BODIES[name] for name in ("mlp_32", "plain_32")}
    recipe = replace(
        pretrain.RECIPES["mini32"],
        bodies=chosen,
        images=lambda seed: pretrain.Images((x, y), (x, y), [str(n) for n in range(35)]),
    )
    monkeypatch.setitem(pretrain.RECIPES, "mini32", recipe)


def run(folder, *options):
    pretrain.main(["--collection", "mini32", "--out", str(folder), "--epochs", "1", *options])
    return json.loads((folder / "mini32.json").read_text())


def test_a_stopped_command_goes_on_and_trains_no_body_twice(tmp_path, few_images, capsys):
    first = run(tmp_path, "--only", "plain_32")
    assert list(first["candidates"]) == ["plain_32"]
    content = (tmp_path / "plain_32.h5").read_bytes()
    both = run(tmp_path)
    assert list(both["candidates"]) == ["mlp_32", "plain_32"]  # the order of the collection
    assert both["candidates"]["plain_32"] == first["candidates"]["plain_32"]
    assert (tmp_path / "plain_32.h5").read_bytes() == content
    assert "plain_32             is there" in capsys.readouterr().out


def test_the_weights_depend_on_the_seed_and_the_name_alone(tmp_path, few_images):
    run(tmp_path / "alone", "--only", "plain_32")
    run(tmp_path / "after another")
    run(tmp_path / "another seed", "--seed", "1", "--only", "plain_32")
    alone, after, other = (
        (tmp_path / folder / "plain_32.h5").read_bytes() for folder in ("alone", "after another", "another seed")
    )
    assert alone == after != other


def test_a_card_of_other_settings_is_not_mixed_with(tmp_path, few_images):
    run(tmp_path, "--only", "mlp_32")
    with pytest.raises(
        ValueError, match=r"mini32\.json: its candidates were trained with seed = 0, not 1; train into an"
    ):
        run(tmp_path, "--seed", "1")


def test_the_card_has_the_fields_of_the_shipped_one(tmp_path, few_images):
    made, kept = run(tmp_path, "--only", "mlp_32"), shipped.card("mini32")
    assert made.keys() == kept.keys()
    assert made["candidates"]["mlp_32"].keys() <= kept["candidates"]["mlp_32"].keys()
    hdf5.load_weights(bodies32.mlp_32(), tmp_path / "mlp_32.h5")


def test_images_are_mirrored_and_shifted_and_nothing_else():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (200, 12, 12, 3), np.uint8)
    wide = np.pad(x, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="edge")
    seen = set()
    for original, image in zip(wide, pretrain.flipped_and_shifted(x, rng), strict=True):
        (found,) = [
            (mirrored, down, right)
            for mirrored in (False, True)
            for down in range(9)
            for right in range(9)
            if (original[down : down + 12, right : right + 12][:, :: -1 if mirrored else 1] == image).all()
        ]
        seen.add(found)
    assert {mirrored for mirrored, _, _ in seen} == {False, True}
    assert {down for _, down, _ in seen} == {right for _, _, right in seen} == set(range(9))
