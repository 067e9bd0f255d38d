"""Keras' global settings: every candidate of a job is trained under those of the user, and they stay as they were."""

import keras
import pytest
from keras import layers
from tiny import RAW, TWO, ranked

from ncap.framework import clear_session
from ncap.records.loading import load

pytestmark = pytest.mark.filterwarnings(RAW)


class OwnDense(layers.Dense):
    pass


@pytest.fixture(autouse=True)
def _as_before():
    yield
    keras.config.set_dtype_policy("float32")
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.enable_interactive_logging()
    keras.config.enable_traceback_filtering()


def dtypes(store):
    """What each candidate computed in, as its factory saw it."""
    seen = []

    def factory():
        body = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(6)])
        seen.append(body.layers[-1].compute_dtype)
        return body

    ranked(store, {"one": factory, "two": factory}, epochs=1, runs=1, rule="last_seen")
    return seen


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_every_candidate_is_trained_in_the_precision_that_was_set(tmp_path, policy):
    """The first was trained in mixed precision, the others in float32."""
    keras.config.set_dtype_policy(policy)
    wanted = {"float32": "float32", "mixed_bfloat16": "bfloat16"}[policy]
    assert dtypes(tmp_path / "runs.db") == [wanted] * 4  # the check before training builds each once
    assert keras.config.dtype_policy().name == policy
    assert load(tmp_path / "runs.db").facts.get("dtype_policy", "float32") == policy


def test_a_job_that_goes_on_in_another_precision_warns(tmp_path):
    ranked(tmp_path / "runs.db", {"tiny": TWO["narrow"]}, epochs=1, runs=1, rule="last_seen")
    keras.config.set_dtype_policy("mixed_bfloat16")
    with pytest.warns(UserWarning, match="another environment .dtype_policy None -> mixed_bfloat16"):
        ranked(tmp_path / "runs.db", {"other": TWO["narrow"]}, epochs=1, runs=1, rule="last_seen")


def test_names_that_are_in_scope_stay_so_from_candidate_to_candidate():
    """keras.utils.clear_session forgets them in the middle of the block, and the second candidate could not be loaded."""
    with keras.saving.custom_object_scope({"Own": OwnDense}):
        clear_session()
        layer = keras.layers.deserialize({"class_name": "Own", "config": {"units": 2}})
    assert isinstance(layer, OwnDense)
    with pytest.raises(TypeError, match="Own"):
        keras.layers.deserialize({"class_name": "Own", "config": {"units": 2}})


def test_clearing_the_session_keeps_what_a_user_has_set():
    keras.config.disable_interactive_logging()
    keras.config.disable_traceback_filtering()
    clear_session()
    assert not keras.config.is_interactive_logging_enabled()
    assert not keras.config.is_traceback_filtering_enabled()


def test_what_a_factory_sets_does_not_reach_the_next_candidate(tmp_path):
    """The accuracy of a candidate depended on which were trained before it."""

    def mixed():
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.config.set_floatx("float64")
        keras.config.set_image_data_format("channels_first")
        return TWO["narrow"]()

    options = {"epochs": 1, "runs": 1, "rule": "last_seen"}
    ranked(tmp_path / "alone.db", {"narrow": TWO["narrow"]}, **options)
    ranked(tmp_path / "after.db", {"mixed": mixed, "narrow": TWO["narrow"]}, **options)
    assert (keras.config.floatx(), keras.config.image_data_format()) == ("float32", "channels_last")
    alone, after = (load(tmp_path / name).observations.set_index("candidate") for name in ("alone.db", "after.db"))
    assert alone.loc["narrow", "val_loss"] == after.loc["narrow", "val_loss"]
