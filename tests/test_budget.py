"""A budget of seconds in place of epochs: every candidate gets the same, also when the job is interrupted."""

import json

import pandas as pd
import pytest
import tiny
from commands import call

from ncap.engines.pruning import prune
from ncap.handover.export import export_model
from ncap.job import UNLIMITED, Job
from ncap.records.loading import load
from ncap.records.store import Store
from ncap.training.budget import Budget
from ncap.training.run import Training

pytestmark = pytest.mark.filterwarnings(tiny.RAW)


def ranked(store, **options):
    return tiny.ranked(store, tiny.TWO, epochs=Job().epochs, **{"runs": 1} | options)


@pytest.fixture(name="tick")
def _tick(monkeypatch):
    """Ticks that say they took a second in training, and nothing in readings; how many were trained."""
    tick, trained = Training.tick, []

    def timed(training, number, place):
        made = tick(training, number, place)
        trained.append((training.candidate.name, training.run, number))
        made.observation["seconds_train"] = 1.0
        for reading in made.readings:
            reading["seconds"] = 0.0
        return made

    monkeypatch.setattr(Training, "tick", timed)
    return trained


def counts(tick):
    return {name: sum(1 for one, *_ in tick if one == name) for name in tiny.TWO}


def test_every_candidate_gets_the_same_seconds_and_a_repeated_call_none(tmp_path, tick):
    ranking = ranked(tmp_path / "runs.db", budget="6s", runs=2)
    assert ranking.observations.groupby(["candidate", "run"])["tick"].max().tolist() == [3, 3, 3, 3]
    assert ranking.table["note"].str.contains("trained for a budget of 6 s, which no repetition reproduces").all()
    assert ranking.facts["budget"] == 6.0
    before = len(tick)
    again = ranked(tmp_path / "runs.db", budget="6s", runs=2)
    assert len(tick) == before
    pd.testing.assert_frame_equal(again.observations, ranking.observations)


def test_an_interrupted_run_ends_where_it_would_have_ended(tmp_path, tick, monkeypatch):
    timed = Training.tick

    def interrupted(training, number, place):
        if number == 3:
            raise KeyboardInterrupt
        return timed(training, number, place)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "tick", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ranked(tmp_path / "runs.db", budget=4)
    ranked(tmp_path / "runs.db", budget=4)
    assert counts(tick) == {"tiny": 4, "narrow": 4}


def test_a_budget_is_no_setting_of_its_own_and_a_longer_one_goes_on(tmp_path, tick):
    ranked(tmp_path / "runs.db", budget=2)
    ranked(tmp_path / "runs.db", budget=3)
    assert counts(tick) == {"tiny": 3, "narrow": 3}
    tiny.ranked(tmp_path / "runs.db", tiny.TWO, epochs=3, runs=1)  # an ordinary job has these epochs already
    assert counts(tick) == {"tiny": 3, "narrow": 3}
    with Store(tmp_path / "runs.db") as store:
        assert len(store.jobs()) == 1


def test_what_a_store_has_beyond_the_budget_is_not_ranked(tmp_path, tick):
    tiny.ranked(tmp_path / "runs.db", tiny.TWO, epochs=4, runs=1)
    ranking = ranked(tmp_path / "runs.db", budget=2)
    assert counts(tick) == {"tiny": 4, "narrow": 4}  # nothing was trained for it
    assert ranking.observations.groupby("candidate")["tick"].max().to_dict() == {"narrow": 2, "tiny": 2}
    assert ranking.table["epochs"].tolist() == [2, 2]
    assert ranking.table["seconds_train"].tolist() == [2.0, 2.0]
    with pytest.warns(UserWarning, match=f"'{ranking.candidates[0]}' is handed over as it is after 4 epochs, and the"):
        ranking.model()


def test_a_complete_run_whose_checkpoint_was_removed_is_not_trained_again(tmp_path, tick):
    ranked(tmp_path / "runs.db", budget=3)
    with Store(tmp_path / "runs.db") as store:
        assert prune(store)[0] == 2
    ranked(tmp_path / "runs.db", budget=3)
    assert counts(tick) == {"tiny": 3, "narrow": 3}


def test_the_best_of_a_budget_is_exported_and_not_the_fastest(tmp_path, monkeypatch):
    tick = Training.tick

    def timed(training, number, place):
        made, slow = tick(training, number, place), training.candidate.name == "squeeze"
        made.observation.update({"seconds_train": 2.0 if slow else 1.0, "val_accuracy": 0.9 if slow else 0.5})
        for reading in made.readings:
            reading["seconds"] = 0.0
        return made

    monkeypatch.setattr(Training, "tick", timed)
    given = {"runs": 1, "rule": "last_seen", "hidden": (8, 6)}
    ranking = tiny.ranked(tmp_path / "runs.db", "mlp,squeeze", epochs=Job().epochs, budget=4, **given)
    assert ranking.observations.groupby("candidate")["tick"].max().to_dict() == {"mlp": 4, "squeeze": 2}
    assert ranking.candidates[0] == "squeeze"
    best = export_model(tmp_path / "runs.db", tmp_path / "best.keras", data=tiny.target(), rule="last_seen")
    assert json.loads(best.with_suffix(".json").read_text())["candidate"]["name"] == "squeeze"
    tiny.ranked(tmp_path / "runs.db", "mlp,squeeze", epochs=2, **given)  # the same job, no longer by seconds
    best = export_model(tmp_path / "runs.db", tmp_path / "longest.keras", data=tiny.target(), rule="last_seen")
    assert json.loads(best.with_suffix(".json").read_text())["candidate"]["name"] == "mlp"


def test_progress_counts_candidates_and_not_epochs_under_a_budget(tmp_path, tick, capsys):
    ranked(tmp_path / "runs.db", budget=2, progress=True)
    said = capsys.readouterr().out
    assert "tiny: epoch 2, val accuracy" in said
    assert "candidate 2 of 2, end at " in said


def test_a_tick_that_would_not_fit_is_not_begun():
    left = Budget(5.0)
    assert left.has_room()
    left.spend(2.0)
    assert left.has_room()
    left.spend(2.0)
    assert not left.has_room()
    assert Budget(None).has_room()
    slow = Budget(1.0)
    assert slow.has_room()  # whatever it takes
    slow.spend(30.0)
    assert not slow.has_room()
    assert (Budget(5.0).left, left.left, slow.left) == (5.0, 0.0, 0.0)


def test_a_budget_and_epochs_exclude_each_other(tmp_path):
    with pytest.raises(
        ValueError, match="budget takes the place of epochs, got budget=60 seconds and epochs=7; pass one of them"
    ):
        Job(budget="1min", epochs=7)
    assert Job(budget=60).epochs == UNLIMITED
    done = call("rank", "--budget", "soon", "--store", tmp_path / "runs.db")
    assert done.exit_code == 2
    assert (
        "budget must be a time such as 30min, 90s or 1h30min, or a positive number of seconds, got 'soon'"
        in done.output
    )


# precision


def test_mixed_precision_is_a_setting_of_its_own_resumes_and_leaves_the_users_alone(tmp_path):
    import keras

    store, given = tmp_path / "runs.db", {"precision": "mixed_bfloat16", "runs": 1}
    tiny.ranked(store, epochs=1, **given)
    resumed = tiny.ranked(store, epochs=2, **given)
    assert keras.config.dtype_policy().name == "float32"
    assert resumed.facts["precision"] == "mixed_bfloat16"
    undisturbed = tiny.ranked(tmp_path / "undisturbed.db", epochs=2, **given)
    assert tiny.without_times(resumed.observations).equals(tiny.without_times(undisturbed.observations))
    plain = tiny.ranked(store, epochs=2, runs=1)
    assert "precision" not in plain.facts
    assert plain.observations["val_loss"].tolist() != resumed.observations["val_loss"].tolist()
    assert len({*load(store, plain.facts["settings"]).observations["settings"]}) == 1
