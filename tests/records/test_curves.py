"""Published learning curves become records, and are judged like any others."""

import json

import numpy as np
import pandas as pd
import pytest
from commands import call

import ncap
from ncap.ranking.outcomes import validation_truth
from ncap.records.curves import LAYOUTS, Layout, import_curves, read_curves
from ncap.records.loading import load
from ncap.records.store import Store

METAQNN = "net,training_dataset,num_params,depth,lr,acc_1,acc_2,acc_10\n"


@pytest.fixture(name="file")
def _file(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text(
        METAQNN + '"[C(64,1,1), SM(10)]",cifar10,100,2,0.1,0.25,0.5,0.75\nnet,cifar10,200,3,0.1,0.5,,0.625\n'
    )
    return path


def test_every_epoch_is_a_tick_in_the_order_of_numbers(file):
    tables = read_curves(file)
    seen = tables["observations"]
    assert set(seen["target"]) == {"metaqnn_cifar10"}
    assert seen[["candidate", "tick", "epoch", "val_accuracy"]].to_numpy().tolist() == [
        ["net0001", 1, 1.0, 0.25],
        ["net0001", 2, 2.0, 0.5],
        ["net0001", 10, 10.0, 0.75],
        ["net0002", 1, 1.0, 0.5],
        ["net0002", 10, 10.0, 0.625],
    ]
    assert seen[["test_accuracy", "seconds_train"]].isna().all(axis=None)  # nobody measured them
    known = tables["scores"].set_index(["candidate", "score"])["value"]
    assert known["net0002", "parameters"] == 200
    assert known["net0001", "layers"] == 2


def test_rules_predict_from_the_tables_and_from_a_store_alike(file, tmp_path):
    counts = import_curves(file, tmp_path / "runs.db")
    assert counts == {"observations": 5, "scores": 4}
    assert import_curves(file, tmp_path / "runs.db") == {"observations": 0, "scores": 0}
    from_store, from_tables = (ncap.predict(each, "last_seen") for each in (tmp_path / "runs.db", read_curves(file)))
    pd.testing.assert_frame_equal(from_store, from_tables)
    assert from_store["value"].tolist() == [0.75, 0.625]
    with Store(tmp_path / "runs.db") as store:
        assert store.jobs()[0]["parameters"] == {"curves": "metaqnn_cifar10"}
        assert "arXiv 1705.10823" in store.jobs()[0]["environment"]["source"]


def test_a_layout_of_ones_own(tmp_path):
    (tmp_path / "mine.csv").write_text("name,top,loss_1,1_acc,2_acc\na,0.9,1.5,0.25,0.5\nb,0.8,1.25,0.5,0.75\n")
    mine = Layout("mine", "this test", "name", "{}_acc", "loss_{}", {"top": "top"})
    seen = read_curves(tmp_path / "mine.csv", mine)["observations"]
    assert seen["candidate"].tolist() == ["a", "a", "b", "b"]
    assert seen["train_loss"].tolist()[::2] == [1.5, 1.25]
    assert seen["train_loss"].isna().sum() == 2
    import_curves(tmp_path / "mine.csv", tmp_path / "runs.db", mine)
    assert load(tmp_path / "runs.db").target == "mine"


def test_a_network_without_a_name_is_refused_and_a_number_is_one_however_it_is_written(tmp_path):
    """One empty cell made floats of all the numbers, and "1.0" and "nan" of their names."""
    numbered = Layout("mine", "this test", "id", "{}_acc")
    names = []
    for first in ("1", "1.0", ""):
        (tmp_path / "mine.csv").write_text(f"id,1_acc\n{first},0.5\n2,0.75\n")
        if first:
            names.append(read_curves(tmp_path / "mine.csv", numbered)["observations"]["candidate"].tolist())
    assert names == [["net0001", "net0002"]] * 2
    with pytest.raises(ValueError, match="row 1 has no id, which names its network"):
        read_curves(tmp_path / "mine.csv", numbered)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # A number with a leading zero is how no column of theirs is called.
        (METAQNN.replace("acc_1,acc_2,acc_10", "acc_01,acc_02,acc_x"), "those of no known collection"),
        ("a,b\n1,2\n", r"those of no known collection \(naap440, metaqnn_cifar10\); it has a, b; pass a Layout"),
        (METAQNN + "n,c,1,1,1,50,60,70\n", "val_accuracy must be numbers in 0..1, got 50; pass fractions, not percent"),
        (METAQNN + "n,c,1,1,1,0.5,0.5,0.5\nn,c,1,1,1,high,0.5,0.5\n", "val_accuracy must hold numbers, got 'high'"),
        (
            METAQNN + "n,c,1,1,1,0.4,inf,0.5\n",
            "val_accuracy of network 'net0001' is inf at epoch 2; leave the cell empty",
        ),
        (METAQNN + "n,c,-inf,1,1,0.4,0.5,0.5\n", "value of network 'net0001' is -inf at the score 'parameters'"),
        ("", "cannot be read as a CSV file of learning curves"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, text, words):
    (tmp_path / "curves.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"curves\.csv: .*{words}"):
        read_curves(tmp_path / "curves.csv")
    with pytest.raises(ValueError, match="absent"):
        read_curves(tmp_path / "absent.csv")


def test_the_command_imports_and_compares(file, tmp_path):
    store = tmp_path / "runs.db"
    done = call("import", "--curves", file, "--store", store)
    assert (done.exit_code, done.stdout) == (0, "observations: 5 new\nscores: 4 new\n")
    done = call(
        "compare", "--store", store, "--validation-truth", "--ticks", 1, "--rules", "last_seen", "--format", "json"
    )
    assert done.exit_code == 0, done.output
    assert [row["rho"] for row in json.loads(done.stdout)] == [-1.0]
    both = call("compare", "--store", store, "--validation-truth", "--truth", file)
    assert both.exit_code == 2
    assert "pass one of them" in both.output


@pytest.mark.parametrize(
    ("name", "networks", "epochs", "best"), [("naap440", 440, 90, 0.7388), ("metaqnn_cifar10", 1000, 20, 0.8425)]
)
def test_the_published_collections(shared_data, name, networks, epochs, best):
    """best: the highest mean of the last three accuracies, read from the file's own columns."""
    tables = read_curves(shared_data / "curves" / f"{name}.csv")
    seen = tables["observations"]
    assert (seen["candidate"].nunique(), len(seen)) == (networks, networks * epochs)
    assert seen["tick"].max() == epochs
    truth = validation_truth(load(tables))
    layout = next(one for one in LAYOUTS if one.name == name)
    rows = pd.read_csv(shared_data / "curves" / f"{name}.csv")
    last = rows[[layout.accuracy.format(epoch) for epoch in range(epochs - 2, epochs + 1)]].mean(axis=1)
    np.testing.assert_allclose(truth["accuracy"], last, atol=1e-12)
    assert truth["accuracy"].max() == pytest.approx(best, abs=5e-5)
    table = ncap.compare(load(tables), truth, ["last_seen", "pow3"], ticks=9 if name == "naap440" else 4)
    assert table["rho"].tolist() == pytest.approx([0.94, 0.90] if name == "naap440" else [0.944, 0.912], abs=6e-3)
