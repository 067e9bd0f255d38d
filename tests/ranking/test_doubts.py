"""Predictions that are worth little though nothing failed: the note says so, status and order stay."""

import numpy as np
import pandas as pd
import pytest

from ncap.ranking.doubts import Chance
from ncap.ranking.order import rank_records
from ncap.ranking.prediction import predict
from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS, SCORES
from ncap.records.tables import Records, checked_table
from ncap.report import write_report

READING = "explicit/magnitude/unit"
FACTS = {"classes": 5, "most_frequent_class": 0.2, "validation_images": 400}


def tables(accuracy, beta, *, reason="", train=None, facts=None, candidate="a", reading=READING):
    """The records of one candidate and one run."""
    key = [
        {"settings": "s", "target": "t", "candidate": candidate, "run": 0, "tick": t + 1} for t in range(len(accuracy))
    ]
    seen = pd.DataFrame(key).assign(
        epoch=np.arange(1.0, len(key) + 1), val_accuracy=accuracy, train_accuracy=accuracy if train is None else train
    )
    reasons = [reason if value == 0 else "" for value in beta]
    read = pd.DataFrame(key).assign(reading=reading, beta_eff=np.asarray(beta, float), reason=reasons)
    return Records(
        checked_table(OBSERVATIONS, seen),
        checked_table(READINGS, read),
        SCORES.empty(),
        FAILURES.empty(),
        facts=facts or {},
    )


def note_of(records, rule="capacitance"):
    (line,) = predict(records, rule).to_dict("records")
    return line["status"], line["note"]


FALLING = [4.0, 3.0, 2.0, 1.0, 0.9]


def test_a_sound_candidate_has_no_note():
    assert note_of(tables([0.5, 0.6, 0.7, 0.8, 0.81], FALLING, facts=FACTS)) == ("ok", "")


@pytest.mark.parametrize("rule", ["capacitance", "last_seen"])
def test_chance_level(rule):
    at_chance = tables([0.2, 0.201, 0.199, 0.2, 0.2], FALLING, facts=FACTS)
    status, note = note_of(at_chance, rule)
    assert status == "ok"
    assert "no accuracy above chance: guessing the most frequent of 5 classes is right for 0.200" in note
    assert "chance" not in note_of(tables([0.2, 0.201, 0.199, 0.2, 0.25], FALLING, facts=FACTS), rule)[1]
    assert "chance" not in note_of(tables([0.2, 0.201, 0.199, 0.2, 0.2], FALLING), rule)[1]  # not known


@pytest.mark.parametrize("facts", [{}, {"classes": 3}, FACTS | {"validation_images": 0}, FACTS | {"classes": "many"}])
def test_chance_that_is_not_known(facts):
    assert Chance.of(facts) is None


def test_a_prediction_below_every_accuracy_seen_and_beta_that_rises_with_accuracy():
    status, note = note_of(tables([0.2, 0.3, 0.4, 0.5, 0.6], [1.0, 2.0, 3.0, 4.0, 5.0]))
    assert status == "ok"
    assert "accuracy rises with beta, so that h falls on the way to 0" in note
    assert "below every accuracy seen (0.200 to 0.600)" in note


def test_a_signed_reading_that_rises_to_0_is_sound():
    assert note_of(tables([0.5, 0.6, 0.7, 0.8, 0.81], [-beta for beta in FALLING])) == ("ok", "")


def test_raw_pixels():
    _, note = note_of(tables([0.5, 0.6, 0.7, 0.8, 0.81], [1e3 * beta for beta in FALLING]))
    assert note == "beta_eff up to 4e+03: does the network normalise its inputs?"
    assert note_of(tables([0.5, 0.6, 0.7, 0.8, 0.81], [1e3 * beta for beta in FALLING]), "last_seen")[1] == ""


def test_a_network_whose_features_have_died_is_not_taken_for_one_that_has_converged():
    """Measured: MobileNetV1 0.25 under a rate too high reads 0.61, 0.33, 0.045, 0, 0, 0 at an accuracy of 0.09."""
    beta = [0.61, 0.33, 0.045, 0, 0, 0]
    died = tables([0.12, 0.1, 0.09, 0.09, 0.09, 0.09], beta, reason="zero")
    status, note = note_of(died)
    assert status == "fallback"
    assert "3 of 6 readings left out: 0 at a low accuracy, so no path is active" in note
    learned = tables([0.6, 0.7, 0.75, 0.8, 0.8, 0.8], beta, reason="zero", train=[0.7, 0.8, 0.9, 1, 1, 1])
    status, note = note_of(learned)
    assert (status, note) == ("ok", "3 of 6 readings degenerate (zero)")
    assert note_of(died, "last_seen") == ("ok", "")


def test_a_dead_run_takes_its_tick_out_of_the_mean_over_runs():
    one, other = tables([0.5] * 5, FALLING), tables([0.1] * 5, [4, 3, 2, 1, 0], reason="zero")
    both = {
        "observations": pd.concat([one.observations, other.observations.assign(run=1)]),
        "readings": pd.concat([one.readings, other.readings.assign(run=1)]),
    }
    ranking = rank_records(both)
    assert ranking.predictions["a"].fit.ticks == (1, 2, 3, 4)


def test_two_readings_within_one_candidate_are_never_mixed():
    first, then = tables([0.5] * 5, FALLING), tables([0.5] * 5, FALLING, reading="gradient")
    mixed = {
        "observations": first.observations,
        "readings": pd.concat([first.readings[:2], then.readings[2:]]),
    }
    (line,) = predict(mixed).to_dict("records")
    assert line["status"] == "fallback"
    assert line["note"] == "last-seen accuracy: 2 rows to fit, 4 needed; 3 of 5 ticks without a beta_eff"


COLUMNS = [("observations", name) for name, kind in OBSERVATIONS.types.items() if kind is float]
COLUMNS += [("readings", name) for name, kind in READINGS.types.items() if kind is float]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_an_infinite_value_counts_as_missing_or_is_refused_with_its_candidate(table, column):
    records = [tables([0.5, 0.6, 0.7, 0.8, 0.81], FALLING, candidate=name) for name in "ab"]
    joined = {name: pd.concat([getattr(one, name) for one in records]) for name in ("observations", "readings")}
    joined[table] = joined[table].reset_index(drop=True)
    joined[table].loc[2, column] = np.inf
    if column == "epoch":
        with pytest.raises(ValueError, match=r"observations\.epoch of candidate 'a' is infinite"):
            rank_records(joined)
        return
    table = rank_records(joined).table.set_index("candidate")
    assert table.loc["b", "status"] == "ok"
    assert np.isfinite(table["predicted_accuracy"]).all()


def test_the_page_says_what_chance_is(tmp_path):
    ranking = rank_records(tables([0.5, 0.6, 0.7, 0.8, 0.81], FALLING, facts=FACTS))
    assert (
        "of which 0.200 are of the most frequent of 5 classes: that is chance"
        in write_report(ranking, tmp_path).read_text()
    )
    unknown = rank_records(tables([0.5, 0.6, 0.7, 0.8, 0.81], FALLING))
    assert "chance" not in write_report(unknown, tmp_path).read_text()


@pytest.mark.parametrize("lacking", ["infinite", "no row"])
def test_ticks_that_were_not_read_are_noted(lacking):
    """Five epochs were said to be read where beta_eff was there for four, and the last beta_eff of the table was inf."""
    made = tables([0.5, 0.6, 0.7, 0.75, 0.8], FALLING)
    read = made.readings[:4] if lacking == "no row" else made.readings.assign(beta_eff=[*FALLING[:4], np.inf])
    (line,) = predict({"observations": made.observations, "readings": read}).to_dict("records")
    assert line["status"] == "ok"
    assert "1 of 5 ticks without a beta_eff" in line["note"]
