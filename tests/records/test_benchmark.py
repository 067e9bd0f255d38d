"""The tabular benchmark: what is written is read, damage is refused, and final accuracies are means over epochs and runs."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import ncap
from ncap.records import benchmark
from ncap.records.benchmark import JOBS, STORED, load_benchmark
from ncap.records.parts import MANIFEST, add_parts, parts, read_table
from ncap.records.schema import OBSERVATIONS, READINGS, SCORES

pytest.importorskip("pyarrow")

ACCURACY = {"a": 0.75, "b": 0.5, "c": 0.625}
JOB = {
    "settings": "s1", "target": "digits", "tier": "small", "probe": "trained", "role": "development", "parent": "digits",
    "ticks_per_epoch": "1", "protocol": "p", "optimizer": "adam", "threads": "1", "keras": "3", "backend": "tensorflow", "machine": "here",
}  # fmt: skip


def made(settings="s1", target="digits", probe="trained", runs=2, epochs=6):
    """Two runs of three candidates; the test accuracy rises by 1/64 from run to run, and is known in the last three epochs."""
    observations, readings = [], []
    for candidate, accuracy in ACCURACY.items():
        for run in range(runs):
            for tick in range(1, epochs + 1):
                key = {"settings": settings, "target": target, "candidate": candidate, "run": run, "tick": tick}
                seen = accuracy + run / 64
                tested = seen + (tick - epochs + 1) / 32 if tick > epochs - 3 else np.nan
                observations.append(
                    {**key, "epoch": tick, "val_accuracy": seen / (epochs + 1 - tick), "test_accuracy": tested}
                )
                for reading in ("explicit/magnitude/unit", "gradient"):
                    value = 1 / (3 * tick)
                    readings.append(
                        {
                            **key,
                            "reading": reading,
                            "beta_eff": value,
                            "beta_eff_error": value,
                            "reason": "",
                            "n_samples": 5,
                        }
                    )
    job = dict.fromkeys(JOBS.names, 4) | JOB | {"settings": settings, "target": target, "probe": probe}
    rows = {"observations": observations, "readings": readings, "scores": [], "failures": [], "jobs": [job]}
    return {table.name: complete(table, rows[table.name]) for table in STORED}


def complete(table, rows):
    filled = [
        {name: row.get(name, np.nan if kind is float else kind()) for name, kind in table.types.items()} for row in rows
    ]
    return pd.DataFrame(filled, columns=list(table.names)).astype(table.types)


@pytest.fixture(name="folder")
def _folder(tmp_path):
    add_parts(tmp_path / "table", made(), STORED, "p1")
    return tmp_path / "table"


def test_what_is_written_is_read_in_float32_and_the_order_of_readings_stays(folder):
    tables = load_benchmark(folder)
    assert list(tables) == ["observations", "readings", "scores", "failures", "truth", "jobs"]
    given = made()
    for table in (OBSERVATIONS, READINGS):
        read, written = tables[table.name], given[table.name]
        assert dict(read.dtypes) == dict(written.dtypes)
        exact = [name for name, kind in table.types.items() if kind is not float]
        pd.testing.assert_frame_equal(read[exact], written[exact])
    np.testing.assert_array_equal(tables.readings["beta_eff"], given["readings"]["beta_eff"].astype(np.float32))
    error = tables.readings["beta_eff_error"] / given["readings"]["beta_eff_error"] - 1
    assert 0 < error.abs().max() <= 2**-11


def test_the_truth_is_the_mean_of_the_last_three_epochs_and_of_the_runs(folder):
    truth = load_benchmark(folder).truth.set_index("candidate")
    assert truth["accuracy"].to_dict() == pytest.approx(
        {name: value + 1 / 128 for name, value in ACCURACY.items()}, abs=1e-7
    )
    assert truth["runs"].tolist() == [2, 2, 2]
    assert truth["std"].to_numpy() == pytest.approx(1 / 64 / np.sqrt(2), abs=1e-7)
    a, m = 0.75, np.mean([1, 1 / 2, 1 / 3]) - np.mean([1 / 4, 1 / 5, 1 / 6])
    assert truth.loc["a", "rise"] == pytest.approx((a + 1 / 128) * m, abs=1e-6)


def test_the_truth_is_the_same_in_whatever_order_the_rows_come():
    """The last rows were taken for the last epochs."""
    tables = made()
    shuffled = tables["observations"].sample(frac=1, random_state=0)
    found, expected = (
        benchmark.truth(rows, tables["failures"]).sort_values("candidate", ignore_index=True)
        for rows in (shuffled, tables["observations"])
    )
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


def test_a_failed_run_is_left_out_of_the_truth(tmp_path):
    tables = made()
    lost = {"settings": "s1", "target": "digits", "run": 1, "epoch": 5, "reason": "the training loss is nan"}
    failures = [lost | {"candidate": "a"}, lost | {"candidate": "b"}, lost | {"candidate": "b", "run": 0}]
    tables["failures"] = pd.DataFrame(failures)[list(load_columns("failures"))]
    add_parts(tmp_path, tables, STORED)
    truth = load_benchmark(tmp_path).truth.set_index("candidate")
    assert truth["runs"].to_dict() == {"a": 1, "c": 2}
    assert truth.loc["a", "accuracy"] == pytest.approx(0.75)


def test_runs_of_different_lengths_are_no_truth_without_a_warning(recwarn):
    """They were averaged, and nothing was said."""
    whole, longer = made(runs=1), made(epochs=8)
    rows = longer["observations"].query("run == 1 and candidate == 'b'")
    observations = pd.concat([whole["observations"], rows])
    with pytest.warns(
        UserWarning,
        match="job s1 on digits ended after different numbers of epochs .a, run 0, after 6; b, run 1, after 8",
    ):
        benchmark.truth(observations, whole["failures"])
    lost = pd.DataFrame([{"settings": "s1", "target": "digits", "candidate": "b", "run": 1, "epoch": 9, "reason": ""}])
    recwarn.clear()
    benchmark.truth(observations, lost)
    benchmark.truth(longer["observations"], longer["failures"])
    assert not recwarn.list


def load_columns(name):
    return next(table for table in STORED if table.name == name).names


def test_rules_are_compared_on_one_tier_and_probe(tmp_path):
    add_parts(tmp_path, made(), STORED)
    add_parts(tmp_path, made("s2", probe="frozen"), STORED)
    whole = load_benchmark(tmp_path)
    assert len(whole.jobs) == 2
    assert len(whole.truth) == 6
    chosen = load_benchmark(tmp_path, tier="small", probe="trained")
    assert set(chosen.observations["settings"]) == {"s1"}
    compared = ncap.compare(chosen.records, chosen.truth, ["last_seen"], ticks=2)
    assert compared["rho"].tolist() == [1.0]
    with pytest.raises(ValueError, match="one row per target, candidate"):
        ncap.compare(whole.records, whole.truth, ["last_seen"])


def test_parts_are_added_and_none_is_written_twice(folder):
    before = {file.name: file.read_bytes() for file in folder.glob("*.parquet")}
    add_parts(folder, made("s3"), STORED, "p2")
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert [part["protocol"] for part in parts(folder)] == ["p1"] * 3 + ["p2"] * 3
    assert len(read_table(folder, OBSERVATIONS)) == 2 * len(made()["observations"])
    assert read_table(folder, SCORES).empty
    (folder / "0003-observations.parquet").touch()
    with pytest.raises(FileExistsError):
        add_parts(folder, made("s4"), STORED)


def test_the_same_rows_give_the_same_bytes(folder, tmp_path):
    add_parts(tmp_path / "again", made(), STORED, "p1")
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "0001-observations.parquet").write_bytes(b"PAR1"), "its SHA-256 is"),
        (lambda folder: (folder / "0001-readings.parquet").unlink(), "cannot be read (No such file"),
        (lambda folder: (folder / MANIFEST).write_text("[]"), "cannot be read as a manifest"),
        (
            lambda folder: (folder / MANIFEST).write_text('{"format": 1, "parts": [{"file": "a"}]}'),
            "cannot be read as a manifest",
        ),
        (lambda folder: (folder / MANIFEST).write_text('{"format": 2, "parts": []}'), "this ncap reads 1; update ncap"),
        (lambda folder: shutil.rmtree(folder), "has no manifest.json"),
    ],
)
def test_a_damaged_table_is_refused(folder, damage, words):
    damage(folder)
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the words are looked for below
        load_benchmark(folder)
    assert words in str(refused.value)


def test_a_manifest_names_no_file_outside_its_folder(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["parts"][0]["file"] = f"../{manifest['parts'][0]['file']}"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    shutil.copy(folder / "0001-observations.parquet", folder.parent)
    (folder / "0001-observations.parquet").unlink()
    with pytest.raises(ValueError, match="No such file"):
        load_benchmark(folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"tier": "smal"}, "tier must be one of"),
        ({"probe": "thawed"}, "probe must be one of"),
        ({"role": "test"}, "role must be one of"),
        ({"role": "held_out"}, "the benchmark has no job with"),
        ({"target": "letters"}, "target must be one of"),
    ],
)
def test_a_choice_that_is_not_there_is_refused(folder, words, message):
    with pytest.raises(ValueError, match=message):
        load_benchmark(folder).of(**words)


def test_an_unknown_table_is_answered_with_those_that_there_are(folder):
    with pytest.raises(KeyError, match="no table 'curves'; the tables are observations, readings"):
        load_benchmark(folder)["curves"]
