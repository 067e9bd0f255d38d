"""Selection by successive halving: who goes on, what it costs, and that a repeated call decides the same."""

import json
import subprocess
from itertools import pairwise

import keras
import numpy as np
import pandas as pd
import pytest
import tiny
from commands import NCAP, call
from waiting import end_by_kill, ticks, wait_for

import ncap
from ncap.pipeline import NothingRankedError
from ncap.records.store import Store
from ncap.selection import rounds

FOUR = {"a": tiny.body, "b": tiny.body, "c": tiny.body, "bad": tiny.failing, "d": tiny.narrow}
pytestmark = pytest.mark.filterwarnings(tiny.RAW)


def selected(folder, factories=None, **options):
    given = {"epochs": 2, "final_epochs": 5, "hidden": (8, 6), "frozen": False, "rule": "last_seen", "progress": False}
    return ncap.select(
        factories or FOUR, tiny.target(), store=folder / "runs.db", **{"out": folder / "out"} | given | options
    )


@pytest.fixture(scope="module", name="undisturbed")
def _undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("selection")
    return folder, selected(folder)


def test_the_plan_never_grows_and_ends_at_the_last_epoch():
    for n in (1, 2, 7, 40):
        for reduction in (2, 3):
            plan = rounds(n, 5, 30, reduction)
            assert (plan[0].epochs, plan[0].candidates, plan[-1].epochs) == (5, n, 30)
            for one, then in pairwise(plan):
                assert one.epochs < then.epochs
                assert then.candidates == -(-one.candidates // reduction)
    assert rounds(3, 30, 30, 2) == [(30, 3)]


def test_who_is_predicted_best_goes_on_and_the_others_are_not_trained_further(undisturbed):
    folder, selection = undisturbed
    with Store(folder / "runs.db") as store:
        records = store.records()
    reached = records.observations.groupby("candidate")["epoch"].max().to_dict()
    left = [name for name in FOUR if name != "bad"]
    for line in selection.rounds.to_dict("records"):
        kept = line["kept"].split(", ")
        predicted = ncap.predict(records.of(left), "last_seen", ticks=line["epochs"]).set_index("candidate")["value"]
        assert len(left) == line["candidates"]
        assert predicted[kept].min() >= predicted[left].nlargest(len(kept)).min()
        for name in set(left) - set(kept):
            assert reached[name] == line["epochs"]
        left = kept
    assert left == [selection.winner]
    assert reached[selection.winner] == 5
    assert selection.rounds["epochs"].tolist() == [2, 4, 5]


def test_the_ranking_has_those_that_came_further_first(undisturbed):
    folder, selection = undisturbed
    table = selection.ranking.table
    assert table["candidate"].tolist()[0] == selection.winner
    assert table["candidate"].tolist()[-1] == "bad"
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["epochs"].tolist()[:4] == [5, 4, 2, 2]
    assert pd.read_csv(folder / "out" / "ranking.csv")["candidate"].tolist() == table["candidate"].tolist()
    page = (folder / "out" / "report.html").read_text()
    assert "Selection by successive halving on last_seen" in page
    assert "Unfinished" not in page
    assert "successive halving on the prediction of the rule last_seen: 4 candidates for 2 epochs; 2" in page


def test_the_winner_is_handed_over_as_it_was_recorded(undisturbed):
    folder, selection = undisturbed
    card = json.loads((folder / "out" / "winner.json").read_text())
    seen = selection.ranking.observations.query("candidate == @selection.winner and epoch == 5")
    assert selection.model == folder / "out" / "winner.keras"
    assert card["candidate"]["name"] == selection.winner
    assert card["made"]["epochs"] == 5
    assert (
        card["accuracies"]
        == card["recorded"]
        == {"val": seen["val_accuracy"].item(), "test": seen["test_accuracy"].item()}
    )
    assert card["selection"]["method"] == "successive halving"
    x, y = tiny.target().read("val", np.arange(359))
    probabilities = keras.models.load_model(selection.model).predict(x, verbose=0)
    assert (probabilities.argmax(axis=1) == y).mean() == card["accuracies"]["val"]


@pytest.mark.heavy  # a minute; tests/test_pipeline.py repeats what a round is made of
def test_a_repeated_call_trains_nothing_and_decides_the_same_also_where_the_store_knows_more(undisturbed):
    folder, selection = undisturbed
    again = selected(folder, out=None)
    assert again.model is None
    pd.testing.assert_frame_equal(again.ranking.table, selection.ranking.table)  # times too
    ncap.rank(
        FOUR, tiny.target(), store=folder / "runs.db", epochs=6, hidden=(8, 6), frozen=False, out=None, progress=False
    )
    later = selected(folder, out=None)
    pd.testing.assert_frame_equal(later.rounds, selection.rounds)
    assert later.winner == selection.winner


def test_the_winner_among_those_trained_to_the_end_is_the_best_there(tmp_path):
    factories = dict.fromkeys("abc", tiny.body)
    selection = selected(tmp_path, factories, epochs=3, final_epochs=3, out=None)
    seen = selection.ranking.observations.query("epoch == 3").set_index("candidate")["val_accuracy"]
    assert seen[selection.winner] == seen.max()
    assert len(selection.rounds) == 1


def test_nothing_is_selected_where_every_candidate_fails(tmp_path):
    with pytest.raises(NothingRankedError, match="every candidate failed"):
        selected(tmp_path, {"bad": tiny.failing, "worse": tiny.diverging})
    assert not (tmp_path / "out" / "winner.keras").exists()


@pytest.mark.heavy  # a minute; tests/engines kills what a round is made of
def test_a_killed_command_goes_on_and_ends_as_the_undisturbed_one(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8), np.arange(60) % 3
    np.savez(tmp_path / "noise.npz", x=x, y=y)
    tables, winners = [], []
    for name in ("killed", "undisturbed"):
        words = [
            *("select", "--candidates", "mlp,squeeze,dense", "--target", tmp_path / "noise.npz", "--epochs", "2"),
            *("--final-epochs", "4", "--hidden", "8,6", "--rule", "last_seen", "--out", tmp_path / name),
            *("--store", tmp_path / f"{name}.db"),
        ]
        if name == "killed":
            kill_after_ticks(list(map(str, words)), tmp_path / "killed.db", 5)
        done = call(*words)
        assert done.exit_code == 0, done.output
        assert "is selected and kept as" in done.stdout
        tables.append(tiny.without_times(pd.read_csv(tmp_path / name / "ranking.csv")))
        winners.append(keras.models.load_model(tmp_path / name / "winner.keras"))
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    images = keras.ops.image.resize(x[..., np.newaxis].astype("float32"), winners[0].input_shape[1:3])
    np.testing.assert_array_equal(*(model.predict(images, verbose=0) for model in winners))


def kill_after_ticks(words, store, count):
    process = subprocess.Popen([*NCAP, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: ticks(store) >= count, process, seconds=600)
    end_by_kill(process)


def test_a_risk_is_refused_with_the_reason():
    refused = call("select", "--risk", "0.05")
    assert refused.exit_code == 2
    assert "no rule can say yet how likely it drops the best network" in refused.stderr
