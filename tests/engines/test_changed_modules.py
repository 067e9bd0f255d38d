"""A module that was changed after its import: other processes import it anew, and must not train another network under the same name."""

import importlib

import pytest
import tiny
from tiny import ranked

from ncap.records.loading import load

SOURCE = """
import keras
from keras import layers

ACTIVATION = "relu"


def body():
    inside = [layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(6, activation=ACTIVATION)]
    return keras.Sequential([keras.Input((8, 8, 1)), *inside])
"""


@pytest.fixture(name="module")
def _module(tmp_path, monkeypatch):
    """A module whose global was changed after it was imported."""
    (tmp_path / "module_of_a_body.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("module_of_a_body")
    monkeypatch.setattr(module, "ACTIVATION", "tanh")
    return module


def test_a_process_that_builds_another_body_trains_nothing_and_the_others_go_on(tmp_path, module):
    store, factories = tmp_path / "runs.db", {"changed": module.body, "tiny": tiny.body}
    given = {"epochs": 1, "runs": 2, "rule": "last_seen"}
    ranking = ranked(store, factories, memory="30GB", **given)  # with a limit, in a process of its own
    assert ranking.table.set_index("candidate")["status"].to_dict() == {"tiny": "ok", "changed": "failed"}
    failures = load(store).failures
    assert failures[["candidate", "run"]].to_numpy().tolist() == [["changed", 0], ["changed", 1]]
    assert failures["reason"].str.startswith("another process builds 'changed' otherwise than the one that asked").all()
    assert failures["reason"].str.endswith("change the module itself, or pass jobs=1").all()
    assert set(load(store).observations["candidate"]) == {"tiny"}
    here = ranked(store, {"changed": module.body}, **given | {"runs": 1})
    assert here.table["status"].tolist() == ["ok"]
