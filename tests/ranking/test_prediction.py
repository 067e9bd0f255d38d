"""`ncap.predict`: one rule over the tables of a job."""

from math import nan

import numpy as np
import pandas as pd
import pytest
from made_records import READING, line, tables

import ncap
from ncap.records.loading import load
from ncap.records.schema import PREDICTIONS
from ncap.rules.last_seen import LastSeen


def test_values_intervals_and_types_are_those_of_the_schema():
    made = tables(b=line(0.8), a=line(0.9), c=[(1.0, 0.3)], failed=[("d", 0, 1, "no memory")])
    table = ncap.predict(made)
    assert table.columns.tolist() == list(PREDICTIONS.names)
    assert table["candidate"].tolist() == list("abcd")
    np.testing.assert_allclose(table["value"], [0.9, 0.8, 0.3, nan], atol=1e-4)
    assert table["status"].tolist() == ["ok", "ok", "fallback", "failed"]
    assert table["note"].tolist()[2:] == ["last-seen accuracy: 1 rows to fit, 4 needed", "failed in epoch 1: no memory"]
    assert table["is_accuracy"].dtype == bool
    assert (table["low"][:2] < table["value"][:2]).all()
    assert (table["value"][:2] < table["high"][:2]).all()
    assert table[["low", "high"]][2:].isna().all(axis=None)


def test_rules_ticks_and_horizon_are_chosen():
    made = tables(a=[(4.0, 0.5), (2.0, 0.7), (4 / 3, 0.9 - 4 / 30), (1.0, 0.8), (0.8, 0.82)])
    assert ncap.predict(made, rule="last_seen", ticks=2)["value"].tolist() == [0.7]
    assert ncap.predict(made, rule=LastSeen())["value"].tolist() == [0.82]
    assert ncap.predict(made, rule="capacitance_forecast", horizon=8)["value"].tolist() == pytest.approx(
        [0.85], abs=1e-4
    )


def test_one_of_several_jobs_is_predicted_from():
    first, second = tables(a=line(0.8)), tables(a=line(0.9))
    second = {name: table.assign(settings="newer") for name, table in second.items()}
    both = {name: pd.concat([first[name], second[name]]) for name in first}
    assert ncap.predict(both)["value"].tolist() == pytest.approx([0.9], abs=1e-4)
    assert ncap.predict(both, settings="abc", target="digits")["value"].tolist() == pytest.approx([0.8], abs=1e-4)


def test_records_of_one_job_are_not_taken_for_another():
    job = load(tables(a=line(0.8)))
    assert len(ncap.predict(job, settings="abc", target="digits")) == 1
    with pytest.raises(ValueError, match="belong to the job with target 'digits', got target 'letters'"):
        ncap.predict(job, target="letters")


def test_a_job_without_a_row_has_no_prediction():
    table = ncap.predict(tables())
    assert len(table) == 0
    assert table.columns.tolist() == list(PREDICTIONS.names)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"records": {"observation": 1}}, ValueError, "unknown table 'observation'"),
        ({"rule": "capacitanc"}, ValueError, "did you mean 'capacitance'"),
        ({"rule": LastSeen}, TypeError, "rule must be a name"),
        ({"ticks": 0}, ValueError, "ticks must be a whole number of at least 1, got 0"),
        ({"reading": READING[:-1]}, ValueError, f"did you mean '{READING}'"),
        ({"reading": 3}, TypeError, "reading must be the name of a reading or None, got 3"),
        ({"horizon": 0}, ValueError, "horizon must be a positive number of epochs, got 0"),
        ({"horizon": nan}, ValueError, "got nan"),
        ({"horizon": "30"}, ValueError, "got '30'"),
        ({"settings": "none"}, ValueError, "no rows for the job settings 'none'"),
    ],
)
def test_a_wrong_argument_is_refused(change, error, words):
    with pytest.raises(error) as caught:
        ncap.predict(**{"records": tables(a=line(0.8))} | change)
    assert words in str(caught.value)
