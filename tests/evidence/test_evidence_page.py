"""The evidence on made tables: controls are what they say, the ceiling of equal seeds is 1, and the page is built from the tables alone."""

import doctest
import importlib
import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import call

ROOT = Path(__file__).parents[2]
if not (ROOT / "benchmarks" / "evidence").is_dir():
    pytest.skip("the benchmarks are not part of a wheel", allow_module_level=True)
sys.path.append(str(ROOT))

pytest.importorskip("pyarrow")

from made_benchmark import EVALUATION, made  # noqa: E402

from benchmarks.evidence import answer, contestants, page, predictions  # noqa: E402  from the repository
from benchmarks.evidence.evidence import Evidence  # noqa: E402
from benchmarks.evidence.exhibits import EXHIBITS, noise_ceiling  # noqa: E402
from benchmarks.evidence.judging import ALL, mean, verdicts  # noqa: E402
from ncap.records.benchmark import STORED  # noqa: E402
from ncap.records.parts import add_parts  # noqa: E402

EVIDENCE = ROOT / "benchmarks" / "evidence"


def evidence_of(**shape):
    return Evidence(made(**shape), EVALUATION)


def rho(evidence, name, epochs=5.0):
    (one,) = evidence.races
    return evidence.judged(one, evidence.contestants[name], epochs).values[0]


def test_examples():
    names = [
        "answer",
        "budget",
        "contestants",
        "race",
        *(f"exhibits.{name}" for name in ("contract", "ill_defined", "noise_ceiling", "paper")),
    ]
    for name in names:
        tried = doctest.testmod(importlib.import_module(f"benchmarks.evidence.{name}"))
        assert tried.attempted, name
        assert not tried.failed, name


def test_a_beta_that_knows_the_truth_wins_and_shuffled_it_does_not():
    evidence = evidence_of(candidates=12)
    assert rho(evidence, "capacitance") > 0.97  # ridge shrinks a little
    assert rho(evidence, "log_me") == pytest.approx(1.0)
    for control in ("shuffled over epochs", "shuffled over models", "t^-0.7"):
        assert rho(evidence, f"capacitance[{control}]") < 0.8, control
    assert rho(evidence, "last_seen") < 0.5
    assert rho(evidence, "mean_seen") < 0.8


def test_a_shuffled_beta_is_that_of_another_candidate_or_tick():
    evidence = evidence_of(candidates=5)
    (one,) = evidence.races
    seen = one.seen(0, 5.0, evidence.reading)
    curves = [each.curve for each in seen]
    own = [tuple(curve.beta_eff) for curve in curves]
    given = [tuple(curve.beta_eff) for curve in contestants.over_models(curves, 0)]
    assert sorted(given) == sorted(own)
    assert all(new != old for new, old in zip(given, own, strict=True))
    drawn = [curve.beta_eff for curve in contestants.over_epochs(curves, 0)]
    assert all(set(new) == set(old) for new, old in zip(drawn, own, strict=True))
    assert any(tuple(new) != old for new, old in zip(drawn, own, strict=True))


def test_the_ceiling_of_identical_seeds_is_1_and_of_unlike_ones_below():
    evidence = evidence_of(candidates=8, runs=2, equal_runs=True)
    table = noise_ceiling.table(evidence).set_index("kind")
    assert table.loc["two runs", ["rho", "rho_low", "rho_high", "regret_1"]].tolist() == pytest.approx([1, 1, 1, 0])
    (one,) = evidence.races
    one.ends[1] = one.ends[1].to_numpy()[::-1]
    assert noise_ceiling.table(evidence).set_index("kind").loc["two runs", "rho"] < 1


def test_no_rule_sees_what_comes_after_the_epochs_observed():
    whole, cut = evidence_of(), evidence_of()
    later = cut.benchmark.observations["epoch"] > 5
    changed = cut.benchmark.observations.assign(val_accuracy=lambda rows: rows["val_accuracy"].where(~later, 0.123))
    readings = cut.benchmark.readings.assign(beta_eff=lambda rows: rows["beta_eff"].where(rows["tick"] <= 8, 9.0))
    cut = Evidence(replace(cut.benchmark, observations=changed, readings=readings), EVALUATION)
    for name, one in whole.contestants.items():
        if one.rule.cost == "low" and not one.rule.learns:  # whoever learns, learns from whole curves of others
            made_of = [each.predictions.of(each.races[0], one, 0, 5.0, 0)["order"] for each in (whole, cut)]
            pd.testing.assert_series_equal(*made_of, obj=name)


def test_the_mean_over_targets_and_the_gain_are_means_and_differences():
    evidence = evidence_of(targets=("digits", "letters"))
    some = {name: evidence.contestants[name] for name in ("last_seen", "capacitance", "log_me", "baker")}
    table = verdicts(evidence.races, some, [5.0], evidence.judged).set_index(["target", "contestant"])
    for name in some:
        each = table.loc[[("digits", name), ("letters", name)], "rho"]
        assert table.loc[(ALL, name), "rho"] == pytest.approx(each.mean())
    gain = table.loc[(ALL, "capacitance"), "rho"] - table.loc[(ALL, "last_seen"), "rho"]
    assert table.loc[(ALL, "capacitance"), "rho_gain"] == pytest.approx(gain)
    assert table.loc[(ALL, "last_seen"), ["rho_gain", "rho_gain_low", "rho_gain_high"]].tolist() == [0, 0, 0]
    assert table.loc[(ALL, "capacitance"), "targets"] == 2


def test_runs_are_drawn_where_there_are_several():
    few, many = (evidence_of(candidates=10, runs=runs) for runs in (1, 3))
    for evidence in (few, many):
        (one,) = evidence.races
        assert len(one.runs) == (1 if evidence is few else 3)
    (one,) = many.races
    each = many.judged(one, many.contestants["last_seen[whole epochs]"], 5.0)
    assert mean([each]).values.tolist() == each.values.tolist()
    curves = many.judged(one, many.contestants["last_seen[whole epochs]"], 5.0, averaged=True)
    assert (each.place["curves"], curves.place["curves"]) == ("each run", "mean of runs")


def test_what_is_kept_is_used_and_equals_what_is_made(tmp_path):
    evidence = evidence_of()
    cheap = {
        name: evidence.contestants[name] for name in ("capacitance", "capacitance[shuffled over epochs]", "last_seen")
    }
    count = predictions.keep(
        predictions.missing(evidence.races, cheap.values(), [5.0], predictions.Predictions(), evidence.reading),
        tmp_path,
    )
    assert count == 6 * (1 + contestants.DRAWS)  # six candidates; the last-seen accuracy is not worth keeping
    kept = predictions.Predictions.read(tmp_path)
    assert not list(predictions.missing(evidence.races, cheap.values(), [5.0], kept, evidence.reading))
    (one,) = evidence.races
    for name, contestant in cheap.items():
        made_now = evidence.predictions.of(one, contestant, 0, 5.0, 0)
        pd.testing.assert_frame_equal(kept.of(one, contestant, 0, 5.0, 0), made_now, obj=name, check_names=False)
    slow = evidence.contestants["domhan"]
    assert kept.of(one, slow, 0, 5.0, 0) is None  # it takes seconds, and is made by make evidence-slow


def test_predictions_that_are_kept_are_what_the_rules_say_now():
    evidence = Evidence.load()
    if evidence.predictions.kept.empty:
        pytest.skip("no prediction is kept")
    named = {key: list(group) for key, group in _by_job(evidence).items()}
    rng, checked = np.random.default_rng(0), 0
    rows = evidence.predictions.kept
    for row in rows.iloc[rng.permutation(len(rows))[:200]].to_dict("records"):
        contestant, (one,) = evidence.contestants[row["contestant"]], named[row["settings"], row["target"]]
        if contestant.rule.cost == "high" or "over models" in row["contestant"] or row["run"] < 0:
            continue  # what takes seconds; what depends on which candidates there were
        again = predictions.single(one.orders(contestant, row["run"], row["epochs"], row["draw"])).loc[row["candidate"]]
        np.testing.assert_allclose(again["order"], row["order"], rtol=1e-4, atol=1e-6, err_msg=str(row))
        assert again["status"] == row["status"]
        checked += 1
        if checked == 12:
            break
    assert checked == 12, "make evidence-slow, with --again, where a rule has changed"


def _by_job(evidence):
    groups = {}
    for one in evidence.races:
        groups.setdefault((one.records.settings, one.target), []).append(one)
    return groups


WORDS = ("# Made\n\nThe last value reaches {last} in {runs:count} run.\n",
         """[values]
last = { table = "rules", column = "rho", contestant = "last_seen", target = "mean of targets", epochs = 5 }
runs = { table = "rules", column = "runs", contestant = "last_seen", target = "mean of targets", epochs = 5 }
[[claims]]
says = "the last value is not perfect"
holds = "last < 0.999"
""")  # fmt: skip


@pytest.fixture(name="built", scope="module")
def _built(tmp_path_factory):
    """The page of a made table, built twice from scratch."""
    folders = [tmp_path_factory.mktemp("page") for _ in range(2)]
    for folder in folders:
        page.build(evidence_of(), folder, WORDS)
    return folders


def test_building_again_changes_no_byte(built):
    one, other = ({file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.*")} for folder in built)
    assert set(one) == set(other)
    assert [str(name) for name in one if one[name] != other[name]] == []
    assert {"README.md", *(f"tables/{name}.csv" for name in EXHIBITS.names())} <= {name.as_posix() for name in one}
    assert sum(name.suffix == ".png" for name in one) >= 6


def test_the_page_begins_with_the_answer_and_says_of_how_many_cells_it_is(built):
    text = (built[0] / "README.md").read_text(encoding="utf-8")
    assert text.index("# Made") < 100
    table = pd.read_csv(built[0] / "tables" / "rules.csv")
    last = table[(table["contestant"] == "last_seen") & (table["target"] == ALL) & (table["epochs"] == 5)]
    assert f"reaches {last['rho'].iloc[0]:.2f} in 1 run" in text
    assert (table[["candidates", "targets", "runs"]] == [6, 1, 1]).all(axis=None)
    assert "| small | frozen | digits | 6 | 6 | 1 |" in text


def test_beside_every_measure_stands_of_how_many_it_is(built):
    measured = 0
    for file in (built[0] / "tables").glob("*.csv"):
        rows = pd.read_csv(file) if file.stat().st_size > 1 else pd.DataFrame()
        if len(rows) and {"rho", "capacitance"} & set(rows.columns) and file.stem != "dead_networks":
            known = (
                rows["candidates"]
                if "candidates" in rows
                else rows.groupby(["tier", "target"])["candidate"].transform("size")
            )
            assert (known == 6).all(), file.stem
            assert (rows["runs"] == 1).all(), file.stem
            measured += 1
    assert measured >= 10


def test_an_evidence_without_cells_gives_empty_tables_and_no_error():
    whole = made()
    nothing = Evidence(replace(whole, **{name: table.iloc[:0] for name, table in whole.items()}), EVALUATION)
    for name, exhibit in EXHIBITS.members().items():
        rows = exhibit.table(nothing)
        if name != "paper_table_s1":  # measured before
            assert rows.empty, name
        if exhibit.shown is not None:
            exhibit.shown(rows)
        if exhibit.draw is not None:
            assert exhibit.draw(rows) is None, name


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        ("It is 0.5.", ("", ""), "the number '0.5' was typed"),
        ("In 3 of them.", ("", ""), "the number '3' was typed"),
        ("It is {other}.", ("", ""), "{other} is not in answer.toml"),
        ("It is {last:rang}.", ("", ""), "{last:rang} has no form of range, points, count"),
        ("It is {last}.", ('"last_seen"', '"first_seen"'), "last must be one number of the tables, found 0 rows"),
        ("It is {last}.", ("last < 0.999", "last > 1"), "'the last value is not perfect' no longer holds"),
    ],
)
def test_an_answer_that_the_tables_do_not_bear_out_is_refused(built, text, change, words):
    tables = {"rules": pd.read_csv(built[0] / "tables" / "rules.csv")}
    with pytest.raises(ValueError, match=words.replace("{", r"\{").replace("(", r"\(")):
        answer.written(text, WORDS[1].replace(*change), tables)


def test_every_number_of_the_committed_answer_is_in_the_committed_tables():
    tables = {
        file.stem: pd.read_csv(file, keep_default_na=True)
        for file in (EVIDENCE / "tables").glob("*.csv")
        if file.stat().st_size > 1
    }
    text = answer.written(answer.TEXT.read_text(encoding="utf-8"), answer.VALUES.read_text(encoding="utf-8"), tables)
    assert text.strip() in (EVIDENCE / "README.md").read_text(encoding="utf-8")


def test_no_held_out_target_is_in_the_committed_tables():
    held_out = set(EVALUATION) and set(_protocol()["roles"]["held_out"])
    for file in (EVIDENCE / "tables").glob("*.csv"):
        if file.stat().st_size > 1 and "target" in (table := pd.read_csv(file)):
            assert not set(table["target"]) & held_out, file.name


def _protocol():
    import tomllib

    return tomllib.loads((EVIDENCE / "protocol.toml").read_text(encoding="utf-8"))


@pytest.fixture(name="folder")
def _folder(tmp_path):
    """A table in files, with a development and a held-out target."""
    for role, target in (("development", "digits"), ("held_out", "letters")):
        table = made(targets=(target,), role=role)
        add_parts(tmp_path / "table", dict(table), STORED, "p")
    return tmp_path / "table"


def test_compare_judges_on_the_benchmark_and_says_which_targets(folder):
    words = ("compare", "--benchmark", folder, "--probe", "frozen", "--rules", "mean_seen", "--format", "csv")
    done = call(*words)
    assert done.exit_code == 0, done.output
    assert "development targets: 6 candidates x 1 target x 1 run" in done.stderr
    table = pd.read_csv(io.StringIO(done.stdout))
    assert set(table["target"]) == {"digits"}
    assert set(table["rule"]) == {"mean_seen", "last_seen"}  # the rule to beat stands beside
    assert sorted(table["ticks"].unique()) == [4, 5, 6, 8, 13]  # after 1, 2, 3, 5, 10 epochs
    held = call(*words, "--held-out", "--ticks", "8")
    assert held.exit_code == 0, held.output
    assert "HELD-OUT" in held.stderr
    assert set(pd.read_csv(io.StringIO(held.stdout))["target"]) == {"letters"}


def test_a_study_reads_no_held_out_target(folder, tmp_path):
    words = ("study", "observations", "--table", folder, "--rules", "mean_seen", "--ticks", "6", "--out", tmp_path)
    done = call(*words, "--format", "csv")
    assert done.exit_code == 0, done.output
    assert set(pd.read_csv(io.StringIO(done.stdout))["target"]) == {"digits"}


def test_held_out_without_the_benchmark_is_refused(tmp_path):
    done = call("compare", "--store", tmp_path / "none.db", "--held-out")
    assert done.exit_code == 2
    assert "--held-out says which trainings of the benchmark are meant; pass --benchmark as well" in done.stderr


def test_the_benchmark_of_the_repository_needs_no_folder():
    done = call(
        "compare", "--benchmark", "--rules", "last_seen", "--ticks", "8", "--target", "cifar10", "--format", "csv"
    )
    assert done.exit_code == 0, done.output
    assert pd.read_csv(io.StringIO(done.stdout))["target"].tolist() == ["cifar10"]
