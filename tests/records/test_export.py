"""Tables out of a store and back: the same to the last digit, in both formats."""

import math
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ncap.records.export import FORMATS, every_table, export_records, import_records
from ncap.records.schema import OBSERVATIONS, READINGS, SCORES, RunKey
from ncap.records.store import Store

V1 = Path(__file__).with_name("v1")


@pytest.fixture(name="store")
def _store(tmp_path):
    """A migrated store of 0.1, with what is hard to write: names, NaN, infinity, scores."""
    shutil.copy(V1 / "runs.db", tmp_path / "runs.db")
    with Store(tmp_path / "runs.db") as store:
        key = RunKey(store.jobs()[0]["settings"], "digits", 'nan, "größe"\n=1+1', 0)
        observation = dict.fromkeys(OBSERVATIONS.names[4:], 0.1) | {"tick": 1, "test_accuracy": math.nan}
        reading = dict.fromkeys(READINGS.names[4:], 0.1 + 0.2) | {
            "tick": 1,
            "reading": "NA",
            "reason": "",
            "cancellation": math.inf,
        }
        store.add(key, observation, [reading], "body")
        row = dict(zip(SCORES.names, (*key[:3], "log_me", math.nan, 1e-300, ""), strict=True))
        store.add_scores([row])
    return tmp_path / "runs.db"


def tables(path):
    with Store(path, create=False) as store:
        return {table.name: store.table(table) for table in every_table()}


@pytest.mark.parametrize("format", FORMATS)
def test_a_round_trip_changes_nothing(tmp_path, store, format):
    files = export_records(store, tmp_path / "out", format)
    assert {file.name for file in files} == {"columns.csv", *(f"{table.name}.{format}" for table in every_table())}
    added = import_records(tmp_path / "out", tmp_path / "copy.db")
    before, after = tables(store), tables(tmp_path / "copy.db")
    for name, rows in before.items():
        assert added[name] == len(rows)
        pd.testing.assert_frame_equal(after[name], rows, check_exact=True)
    assert set(import_records(tmp_path / "out", tmp_path / "copy.db").values()) == {0}  # what is there stays


def test_every_column_is_explained(tmp_path, store):
    export_records(store, tmp_path / "out", "csv")
    columns = pd.read_csv(tmp_path / "out" / "columns.csv")
    assert columns["meaning"].str.len().min() > 10
    assert set(columns["table"]) == {"observations", "readings", "scores", "failures"}


def test_a_row_with_another_value_is_refused_and_nothing_is_written(tmp_path, store):
    export_records(store, tmp_path / "out", "csv")
    import_records(tmp_path / "out", tmp_path / "copy.db")
    file = tmp_path / "out" / "observations.csv"
    rows = pd.read_csv(file)
    new = rows.iloc[[0]].assign(run=7)
    pd.concat([new, rows.assign(val_accuracy=0.5)]).to_csv(file, index=False)
    with pytest.raises(ValueError, match=r"(?s)table observations has .* with other values; nothing was imported"):
        import_records(tmp_path / "out", tmp_path / "copy.db")
    assert 7 not in set(tables(tmp_path / "copy.db")["observations"]["run"])


def test_bad_input_is_refused_by_name(tmp_path, store):
    with pytest.raises(ValueError, match="format must be 'parquet' or 'csv', got 'xlsx'"):
        export_records(store, tmp_path / "out", "xlsx")
    with pytest.raises(ValueError, match="holds no exported table"):
        import_records(tmp_path, tmp_path / "copy.db")
    export_records(store, tmp_path / "out", "csv")
    (tmp_path / "out" / "readings.csv").write_text("settings,target\n1,2\n")
    with pytest.raises(
        ValueError, match=r"readings\.csv: cannot be read as the table readings .*missing \['candidate'"
    ):
        import_records(tmp_path / "out", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
