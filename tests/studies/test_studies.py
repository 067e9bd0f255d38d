"""Every study against its laws and against what can be computed by hand; then a real store, trained and read again."""

import io

import numpy as np
import pandas as pd
import pytest
import tiny
from commands import call
from made_records import tables

import ncap
from ncap import testing
from ncap.records.benchmark import load_benchmark
from ncap.records.loading import load
from ncap.records.store import Store
from ncap.studies import STUDIES
from ncap.studies.case import Case, cases_of
from ncap.studies.contract import Asked
from ncap.studies.cost import Cost
from ncap.studies.findings import findings
from ncap.testing.studies import case

pytestmark = pytest.mark.filterwarnings(tiny.RAW)  # whichever test comes first trains the store


@pytest.mark.parametrize("name", STUDIES.names())
def test_a_study_keeps_the_laws(name):
    testing.check_study(STUDIES.get(name)())


class ReadsTheEnd(Cost):
    """Takes what no study may: the test accuracies in the records."""

    def rows(self, cases, asked):
        made = super().rows(cases, asked)
        return [
            row | {"share": case.records.observations["test_accuracy"].sum()} for case in cases for row in made[:1]
        ][:1]


class Forgets(Cost):
    """Counts how often it is asked."""

    asked = 0

    def rows(self, cases, asked):
        self.asked += 1
        return [row | {"ratio": float(self.asked)} for row in super().rows(cases, asked)]


class Repeats(Cost):
    def rows(self, cases, asked):
        return super().rows(cases, asked) * 2


class Omits(Cost):
    def rows(self, cases, asked):
        return [{name: row[name] for name in row if name != "share"} for row in super().rows(cases, asked)]


class Remembers(Cost):
    """Draws what it found last, and not what it is given."""

    def rows(self, cases, asked):
        self.drawn = 0
        return super().rows(cases, asked)

    def draw(self, table):
        self.drawn += 1
        return super().draw(table.head(self.drawn))


class Insists(Cost):
    def rows(self, cases, asked):
        if len(cases) < 2:
            raise ValueError("two targets")
        return super().rows(cases, asked)


BROKEN = {
    ReadsTheEnd: "it reads test accuracies of the records",
    Forgets: "the same cases give another table",
    Repeats: "a key of its table occurs twice",
    Omits: "a row has the columns",
    Remembers: "its figure is not that of the table alone",
    Insists: "no case: ValueError: two targets",
}


@pytest.mark.parametrize("study", BROKEN)
def test_the_kit_finds_a_study_that_breaks_a_law(study):
    with pytest.raises(AssertionError, match=BROKEN[study]):
        testing.check_study(study())


def rules(*names):
    from ncap.ranking.comparison import checked_rules

    return tuple(checked_rules(list(names)))


def asked(name, given=None, rule="last_seen", **options):
    return findings(STUDIES.get(name)(), [case()] if given is None else given, Asked(rules(rule), **options)).table


def test_observations_are_what_compare_says():
    one = case()
    table = asked("observations", [one], "capacitance")
    truth = one.truth.rename("accuracy").reset_index().assign(target="digits")
    compared = ncap.compare(one.records, truth, "capacitance", ticks=[1, 2, 3, 4], horizon=4)
    for column in ("ticks", "seconds", "rho", "rho_low", "tau", "regret_1", "fallbacks"):
        np.testing.assert_array_equal(table[column], compared[column])


SWAPPED = {
    "a": [(9.0, 0.1), (5.0, 0.2), (4.0, 0.3), (3.0, 0.4), (2.0, 0.5)],
    "b": [(9.0, 0.9), (5.0, 0.3), (4.0, 0.4), (3.0, 0.5), (2.0, 0.6)],
}


def ended(accuracies, **curves):
    """A case whose candidates end as told, whatever they showed."""
    end = pd.DataFrame([{"candidate": name, "run": 0, "accuracy": value} for name, value in accuracies.items()])
    return Case("digits", load(tables(**curves)), end, 10)


def test_a_window_knows_nothing_of_the_ticks_before_it():
    """Over the last four ticks both lie on a line, with h(0) = 0.7 and 0.8; the first tick, which jumps, turns the order round."""
    one = ended({"a": 0.7, "b": 0.8}, **SWAPPED)
    table = asked("t0", [one], "capacitance", ticks=(4,)).set_index(["start", "reads"])
    assert table.loc[(2, "window"), "rho"] == pytest.approx(1)
    assert table.loc[(1, "window"), "rho"] == pytest.approx(-1)
    # 2 candidates, 5 ticks of a second and 4 readings of half a second; all of them read 5
    assert table.loc[(2, "window"), "seconds"] == 2 * (5 + 4 * 0.5)
    assert table.loc[(2, "all"), "seconds"] == 2 * (5 + 5 * 0.5)
    assert table["last"].tolist() == [4, 4, 5, 5]


def test_a_window_is_fitted_whole_where_the_rule_would_choose():
    """With the jump inside it, BIC would leave it out: see ncap.rules.regression.choose_t0."""
    jump = [(9.0, 0.5), (8.0, 0.5), *((float(b), 0.9 - b / 10) for b in range(7, 0, -1))]
    other = [(float(b), 0.85 - b / 10) for b in range(9, 0, -1)]
    one = ended({"a": 0.9, "b": 0.85}, a=jump, b=[(b, max(i, 0.0)) for b, i in other])
    table = asked("t0", [one], "capacitance", ticks=(9,)).set_index("reads")
    predicted = ncap.predict(one.records, "capacitance").set_index("candidate")["value"]
    assert predicted["a"] == pytest.approx(0.9, abs=1e-3)
    assert table.loc["all", "rho"] == pytest.approx(1)
    assert table.loc["window", "rho"] == pytest.approx(-1)


def test_a_single_run_is_judged_by_the_mean_and_by_its_own_end():
    one = ended({}, a_0=[(2.0, 0.5)], a_1=[(2.0, 0.9)], b_0=[(2.0, 0.6)], b_1=[(2.0, 0.2)])
    rows = [("a", 0, 0.5), ("b", 0, 0.6), ("a", 1, 0.9), ("b", 1, 0.2)]
    one = Case("digits", one.records, pd.DataFrame(rows, columns=["candidate", "run", "accuracy"]))
    table = asked("runs", [one]).set_index("run")
    assert table["rho"].to_dict() == pytest.approx({"mean": 1, "0": -1, "1": 1})
    assert table["rho_own"].to_dict() == pytest.approx({"mean": 1, "0": 1, "1": 1})
    assert table.loc["mean", "seconds"] == 4.0
    assert table.loc["0", "seconds"] == 2.0


def test_every_size_is_judged_by_the_end_on_all_images():
    part = ended({"a": 0.1, "b": 0.9}, a=[(2.0, 0.5)], b=[(2.0, 0.6)])
    whole = ended({"a": 0.9, "b": 0.1}, a=[(2.0, 0.7)], b=[(2.0, 0.6)])
    given = [Case("digits", whole.records, whole.ends, 40), part]
    table = asked("size", given)
    np.testing.assert_allclose(table[["images", "share", "rho"]], [[10, 0.25, -1], [40, 1, 1]])


def test_the_papers_sizes_are_those_of_35000_images():
    portions = STUDIES.get("size")().portions(35_000, Asked())
    assert [portion.images for portion in portions] == [10_000, 15_000, 20_000, 25_000, 30_000, 35_000]
    assert [portion.ticks for portion in portions] == [5] * 5 + [None]


def test_cost_counts_whole_epochs_without_the_first():
    one = ended({"a": 0.9}, epochs=[0.5, 1.0, 1.5, 2.0, 2.5, 3.0], a=[(2.0, 0.5)] * 6)
    (row,) = asked("cost", [one], ticks=(2,)).to_dict("records")
    assert (row["seconds_train"], row["seconds_beta"], row["ratio"], row["epochs"]) == (2.0, 0.5, 0.25, 3.0)
    assert row["share"] == pytest.approx(2 * 1.25 / 3)
    assert row["share_beta"] == pytest.approx(2 * 0.25 / 3)


def test_an_end_is_the_mean_of_three_epochs_and_a_failed_run_has_none():
    seen = {"a_0": [(1.0, x) for x in (0.1, 0.2, 0.3, 0.4)], "a_1": [(1.0, 0.9)] * 4}
    records = load(tables(failed=[("a", 1, 5, "lost")], **seen))
    assert Case.of(records).truth.to_dict() == pytest.approx({"a": 0.7})  # test = 1 - validation in these tables
    assert Case.of(records, "validation").truth.to_dict() == pytest.approx({"a": 0.3})


def test_runs_of_different_lengths_are_warned_of():
    records = load(tables(a=[(1.0, 0.5)] * 4, b=[(1.0, 0.5)] * 2))
    with pytest.warns(
        UserWarning, match="different numbers of epochs, b after 2 and a after 4: how they ended does not compare"
    ):
        Case.of(records)


OPTIONS = {"hidden": (8, 6), "frozen": False, "progress": False, "runs": 2, "epochs": 4}
RULES = ["capacitance", "last_seen"]


@pytest.fixture(name="store", scope="module")
def _store(tmp_path_factory):
    """A store of the study of size: 30 and all 60 images, the former for two epochs."""
    path = tmp_path_factory.mktemp("studies") / "runs.db"
    made = trained_sizes(path)
    return path, made


def trained_sizes(path, **options):
    return ncap.study(
        "size", candidates=tiny.TWO, target=tiny.target(), store=path, images=0.5, ticks=2, rules=RULES,
        draw="stratified", **OPTIONS | options,
    )  # fmt: skip


def test_sizes_are_trained_as_jobs_of_their_own_and_only_once(store, monkeypatch):
    path, made = store
    assert made.table["images"].unique().tolist() == [30, 60]
    assert set(made.table["ticks"]) == {2}
    with Store(path, create=False) as opened:
        jobs = opened.jobs()
        ticks = [len(opened.records(job["settings"], job["target"]).observations) for job in jobs]
    assert [job["environment"]["training_images"] for job in jobs] == [30, 60]
    assert ticks == [2 * 2 * 2, 2 * 2 * 4]  # candidates, runs, epochs

    def untrained(*_):
        raise AssertionError("what the store has is trained again")

    monkeypatch.setattr("ncap.training.run.Training.train", untrained)
    again = trained_sizes(path)
    assert again.table.equals(made.table)
    assert again.figure == made.figure
    read = ncap.study("size", path, ticks=2, rules=RULES)
    assert read.table.equals(made.table)


@pytest.mark.parametrize("name", STUDIES.names())
def test_a_command_reads_a_store_and_writes_table_and_figure(name, store, tmp_path):
    path, _ = store
    words = ["study", name, "--store", path, "--out", tmp_path]
    done = call(*words, "--format", "csv")
    assert done.exit_code == 0, done.output
    written = (tmp_path / f"study-{name}.csv").read_bytes()
    assert list(pd.read_csv(io.BytesIO(written))) == list(STUDIES.get(name).table.names)
    assert pd.read_csv(io.StringIO(done.stdout)).equals(pd.read_csv(io.BytesIO(written)))
    figure = (tmp_path / f"study-{name}.png").read_bytes()
    assert figure.startswith(b"\x89PNG")
    shown = call(*words)
    assert STUDIES.get(name).caption.split(".")[0] in " ".join(shown.stdout.split())
    assert (tmp_path / f"study-{name}.png").read_bytes() == figure
    assert (tmp_path / f"study-{name}.csv").read_bytes() == written


def test_a_command_trains_what_the_store_lacks(tmp_path):
    """The command itself, on the digits; its job has one size, so that the study of size has nothing to say of it."""
    path = tmp_path / "runs.db"
    words = ["--store", path, "--out", tmp_path, "--format", "json"]
    job = [
        "--candidates",
        "tiny:body",
        "--target",
        "digits",
        "--epochs",
        1,
        "--hidden",
        "8,6",
        "--validation",
        1000,
        "--test",
        500,
    ]
    trained = call("study", "observations", *job, *words)
    assert trained.exit_code == 0, trained.output
    with Store(path, create=False) as opened:
        assert opened.job()["parameters"]["hidden"] == [8, 6]
    read = call("study", "observations", *words)
    assert read.stdout == trained.stdout
    nothing = call("study", "size", *words)
    assert nothing.exit_code == 2
    assert (
        "finds nothing in them; they hold no job on the same data with another number of training images"
        in nothing.stderr
    )


def test_the_benchmark_is_read_target_by_target(tmp_path):
    pytest.importorskip("pyarrow")
    done = call(
        "study", "cost", "--benchmark", "--tier", "small", "--probe", "trained", "--out", tmp_path, "--format", "csv"
    )
    assert done.exit_code == 0, done.output
    table, whole = (
        pd.read_csv(io.StringIO(done.stdout)),
        load_benchmark(tier="small", probe="trained", role="development"),
    )
    assert set(table["target"]) == set(whole.jobs["target"])
    ends = {one.target: one.truth for one in cases_of(whole)}
    for target, truth in whole.truth.groupby("target"):
        np.testing.assert_allclose(ends[target][truth["candidate"]], truth["accuracy"], rtol=1e-12)


REFUSED = {
    ("study", "sise"): "unknown study 'sise'; did you mean 'size'?",
    ("study", "cost", "--rules", "last_seen"): "rules: the study 'cost' does not read it, got 'last_seen'",
    ("study", "runs", "--tier", "real"): "--tier says which trainings of the benchmark are meant",
    ("study", "runs", "--probe", "frozen"): "--probe says which trainings of the benchmark are meant",
    ("study", "runs", "--epochs", "3"): "--epochs: nothing is trained without --candidates",
    ("study", "runs", "--candidates", "mini", "--benchmark"): "--benchmark and --candidates",
    ("study", "size", "--candidates", "mini"): "target: candidates are trained on one",
    (
        "study",
        "runs",
        "--candidates",
        "mlp",
        "--target",
        "digits",
        "--budget",
        "60",
    ): "budget=60: a study needs the same ticks",
    ("study", "runs", "--ticks", "some"): "--ticks takes numbers separated by commas, such as 5,10, got 'some'",
    ("study", "runs", "--rules", "baker"): "'baker' learns from other records",
    ("study", "runs", "--table", "nowhere"): "nowhere: has no manifest.json",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_a_command_cannot_use_is_refused(words, tmp_path):
    done = call(*words, "--store", tmp_path / "none.db", "--out", tmp_path)
    assert done.exit_code == 2
    assert REFUSED[words] in " ".join(done.stderr.split())
    assert not list(tmp_path.iterdir())


def test_without_a_name_the_studies_are_listed():
    listed = pd.read_csv(io.StringIO(call("study", "--format", "csv").stdout))
    assert listed["study"].tolist() == STUDIES.names()
    assert listed.set_index("study").loc["t0", "shows"] == "Fig. 3b"
