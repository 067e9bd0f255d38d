"""Stores of one job from two machines, brought together by export and import."""

import pandas as pd
import pytest

from ncap.records.export import export_records, import_records
from ncap.records.schema import OBSERVATIONS, READINGS, RunKey
from ncap.records.store import Store

PARAMETERS = {"seed": 0}


def fill(path, candidate, ticks, environment=None, failure=None):
    """A store of the job with one run of a candidate."""
    with Store(path) as store:
        key = RunKey(store.add_settings(PARAMETERS, environment or {"machine": "one"}), "digits", candidate, 0)
        for tick in range(1, ticks + 1):
            observation = dict.fromkeys(OBSERVATIONS.names[4:], 0.5) | {"tick": tick, "epoch": float(tick)}
            reading = dict.fromkeys(READINGS.names[4:], 0.5) | {"tick": tick, "reading": "r", "reason": ""}
            store.add(key, observation, [reading])
        if failure is not None:
            store.add_failure(key, failure, "MemoryError: out of memory")
    return path


def brought(source, into):
    export_records(source, source.with_suffix(".folder"), "csv")
    return import_records(source.with_suffix(".folder"), into)


def failures(path):
    with Store(path) as store:
        return store.records().failures[["candidate", "epoch"]].to_numpy().tolist()


def test_a_failure_that_the_other_machine_got_past_does_not_come_back(tmp_path):
    """A copy of a store went on elsewhere, past the epoch that failed here; either way the run is complete."""
    failed, finished = fill(tmp_path / "a.db", "mlp", 3, failure=4), fill(tmp_path / "b.db", "mlp", 4)
    assert brought(failed, finished)["failures"] == 0
    assert failures(finished) == []
    assert brought(finished, failed)["observations"] == 1
    assert failures(failed) == []


def test_a_failure_that_nobody_got_past_stays(tmp_path):
    failed, begun = fill(tmp_path / "a.db", "mlp", 3, failure=4), fill(tmp_path / "b.db", "mlp", 2)
    assert brought(failed, begun)["failures"] == 1
    assert failures(begun) == failures(failed) == [["mlp", 4]]
    assert brought(begun, failed)["failures"] == 0
    # A new reading failed at an epoch that had been trained before: both are of one store, and a copy has both.
    reread = fill(tmp_path / "c.db", "cnn", 4, failure=2)
    assert brought(reread, tmp_path / "d.db")["failures"] == 1
    assert brought(reread, tmp_path / "d.db")["failures"] == 0
    assert failures(tmp_path / "d.db") == failures(reread) == [["cnn", 2]]


def test_candidates_of_one_job_trained_on_two_machines_come_together(tmp_path, recwarn):
    """That the job began at another second, on another machine, made its import impossible."""
    one = fill(tmp_path / "one.db", "mlp", 2)
    two = fill(tmp_path / "two.db", "cnn", 2, environment={"machine": "two"})
    export_records(two, tmp_path / "out", "csv")
    settings = pd.read_csv(tmp_path / "out" / "settings.csv", dtype=str)
    settings.assign(first_used="2020-01-01T00:00:00+00:00").to_csv(tmp_path / "out" / "settings.csv", index=False)
    with pytest.warns(UserWarning, match="comes from another environment .machine one -> two."):
        import_records(tmp_path / "out", one)
    with Store(one) as store:
        records = store.records()
    assert records.candidates == ["cnn", "mlp"]
    assert records.facts["machine"] == "one"


def facts(path, settings):
    with Store(path) as store:
        return store.candidate_facts(settings)


def test_facts_of_candidates_are_kept_with_the_job_and_come_together(tmp_path):
    """They are no part of the environment: what another machine measured is no reason for a warning."""
    one, two = fill(tmp_path / "one.db", "mlp", 2), fill(tmp_path / "two.db", "cnn", 2)
    with Store(one) as store, Store(two) as other:
        settings = store.add_settings(PARAMETERS, {"machine": "one"})
        assert store.candidate_facts(settings) == {}
        store.add_candidate_facts(settings, {"mlp": {"parameters": 5}, "both": {"milliseconds": 1.5}})
        store.add_candidate_facts(settings, {"mlp": {"parameters": 6}})
        other.add_candidate_facts(settings, {"cnn": {"licence": "MIT"}, "both": {"milliseconds": 2.5}})
        assert store.add_settings(PARAMETERS, {"machine": "one"}) == settings  # a job that goes on
        assert store.records().facts["machine"] == "one"
    assert brought(two, one)["settings"] == 0
    assert facts(one, settings) == {"mlp": {"parameters": 6}, "both": {"milliseconds": 1.5}, "cnn": {"licence": "MIT"}}
    assert brought(one, tmp_path / "new.db")["settings"] == 1
    assert facts(tmp_path / "new.db", settings) == facts(one, settings)
    assert facts(one, "0" * 12) == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"environment": ""}, "has parameters or an environment that no job of this hash has"),
        ({"parameters": '{"seed":1}'}, "has parameters or an environment that no job of this hash has"),
        ({"hash": "0" * 12}, "has parameters or an environment that no job of this hash has"),
        (None, "observations: rows of the job .*, which is not in the table settings"),
    ],
)
def test_records_of_no_job_are_not_imported(tmp_path, change, says):
    """No report shows them, and a job without an environment made the store unreadable."""
    export_records(fill(tmp_path / "one.db", "mlp", 2), tmp_path / "out", "csv")
    file = tmp_path / "out" / "settings.csv"
    if change is None:
        file.unlink()
    else:
        pd.read_csv(file, dtype=str).assign(**change).to_csv(file, index=False)
    with pytest.raises(ValueError, match=says):
        import_records(tmp_path / "out", tmp_path / "two.db")
    with Store(tmp_path / "two.db") as store:
        assert not len(store.table(OBSERVATIONS))


def test_readings_of_ticks_that_were_not_observed_are_refused(tmp_path):
    """A folder whose rows were lost or renamed was imported as it was, and its candidates fell back for want of readings."""
    export_records(fill(tmp_path / "a.db", "mlp", 3), tmp_path / "folder", "csv")
    for name, rename in (("readings.csv", "MLP"), ("observations.csv", "MLP")):
        file = tmp_path / "folder" / name
        whole = file.read_text()
        file.write_text(whole.replace("mlp", rename))
        with pytest.raises(ValueError, match="is not in the table observations; nothing was imported"):
            import_records(tmp_path / "folder", tmp_path / "b.db")
        file.write_text(whole)
    assert import_records(tmp_path / "folder", tmp_path / "b.db")["readings"] == 3
