"""The report, from constructed tables: no training; real PNG, CSV and HTML files, read back."""

import base64
import hashlib
import io
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import made_records
import matplotlib.image
import pandas as pd
import pytest
from made_rankings import EIGHT, READING, constructed, observations
from rich.console import Console

from ncap.ranking.agreement import spearman
from ncap.ranking.order import COLUMNS, rank_records
from ncap.records.candidate_facts import KEY, CandidateFacts
from ncap.report import write_report
from ncap.report.advice import caution
from ncap.report.terminal import ranking_table, truth_summary, truth_table
from ncap.report.truth import USUAL, truth_of
from ncap.rules.contract import Prediction, Rule

FIGURES = ("fit", "learning_curves", "beta_eff", "cost")


class Page(HTMLParser):
    """The parts of the page that the tests read: cells of tables per section, addresses, identifiers, tags, pictures, figures, all text."""

    def __init__(self, path):
        super().__init__()
        self.rows, self.addresses, self.tags, self.text, self.images = {}, [], [], "", []
        self.identifiers, self.figures, self.candidates = [], [], []
        self._section, self._cell = "", None
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.addresses += [
            attributes[name] for name in ("src", "href", "srcset", "data", "poster") if name in attributes
        ]
        self.identifiers += [attributes["id"]] if "id" in attributes else []
        if tag == "section":
            self._section = attributes["id"]
        elif tag == "tr":
            self.rows.setdefault(self._section, []).append([])
        elif tag == "td":
            self._cell = ""
        elif attributes.get("role") == "img":
            self.images.append(attributes["aria-label"])
        elif "data-candidate" in attributes and attributes["data-candidate"] not in self.candidates:
            self.candidates.append(attributes["data-candidate"])
        elif tag == "figure":
            self.figures.append(self._section)

    def handle_endtag(self, tag):
        if tag == "td":
            self.rows[self._section][-1].append(self._cell.strip())
            self._cell = None

    def handle_data(self, data):
        self.text += data
        if self._cell is not None:
            self._cell += data

    def column(self, section, index):
        return [row[index] for row in self.rows[section] if row]


def printed(table):
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(table)
    return console.file.getvalue()


def assert_drawn(path):
    """The file is a picture with at least some hundred pixels that are not paper."""
    pixels = matplotlib.image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 200
    assert (pixels.min(axis=-1) < 0.9).sum() > 500


def assert_complete(out, ranking, figures=FIGURES):
    page = Page(out / "report.html")
    assert page.column("ranking", 1) == ranking.table["candidate"].tolist()
    assert page.column("ranking", 0) == [str(rank) for rank in ranking.table["rank"]]
    drawn = {path.stem for path in out.glob("*.png")}
    assert drawn & {*FIGURES, "predicted_vs_true"} == set(figures)
    for path in out.glob("*.png"):
        assert_drawn(path)
    assert sorted(page.figures) == sorted("truth" if name == "predicted_vs_true" else name for name in drawn)
    assert all(page.images)
    assert page.tags.count("script") == 1
    (script,) = re.findall(r"<script>(.*?)</script>", page.source, re.S)
    assert script == files("ncap.report").joinpath("page.js").read_text(encoding="utf-8")
    assert not re.search(r' on\w+="', page.source)
    assert not re.search(r"\bnan\b|\bNone\b", page.text)
    return page


def test_page_lists_candidates_in_order_with_prediction_truth_and_facts(tmp_path):
    ranking, truth = constructed(EIGHT)
    path = write_report(ranking, tmp_path / "new" / "out", truth, title="A title & more")
    assert path == tmp_path / "new" / "out" / "report.html"
    page = assert_complete(path.parent, ranking, (*FIGURES, "predicted_vs_true"))
    best = ranking.table.iloc[0]
    assert f"{best.candidate} is selected for digits: predicted accuracy {best.predicted_accuracy:.3f}" in page.text
    assert "A title & more" in page.text
    assert READING in page.text
    assert all(name in page.text and str(value) in page.text for name, value in ranking.facts.items())
    joined = ranking.table.merge(truth, on="candidate")
    rho = spearman([ranking.predictions[name].order for name in joined["candidate"]], joined["true_accuracy"])
    assert f"{rho:.2f} for capacitance," in page.text
    assert "for last_seen" in page.text
    assert "8 models are an example, not evidence" in page.text
    true_ranks = joined["true_accuracy"].rank(ascending=False).astype(int).astype(str).tolist()
    assert page.column("truth", 1) == true_ranks


def test_page_loads_nothing_from_elsewhere(tmp_path):
    ranking, truth = constructed()
    page = Page(write_report(ranking, tmp_path, truth))
    assert page.addresses
    assert {address.removeprefix("#") for address in page.addresses} <= set(page.identifiers)
    assert all(address.startswith("#") for address in page.addresses)
    assert set(re.findall(r"url\((.*?)\)", page.source)) <= {f"#{name}" for name in page.identifiers}
    assert not re.search(r"@import|https?://|xmlns", page.source)
    assert "default-src 'none'" in page.source


def test_a_browser_runs_the_script_of_the_page_and_no_other(tmp_path):
    source = write_report(constructed(EIGHT[:1], epochs=5)[0], tmp_path).read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", source, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in source
    assert "'unsafe-inline'" not in source.partition("script-src")[2].partition(">")[0]


def test_identifiers_are_unique_and_every_section_is_in_the_contents(tmp_path):
    ranking, truth = constructed()
    page = Page(write_report(ranking, tmp_path, truth))
    assert len(set(page.identifiers)) == len(page.identifiers)
    contents = re.findall(r'<li><a href="#(\w+)">', page.source)
    assert contents == [name for name in re.findall(r'<section id="(\w+)"', page.source) if name != "next"]


def test_every_panel_is_drawn_in_the_colours_of_the_page_and_described(tmp_path):
    ranking, truth = constructed(EIGHT[:3])
    page = Page(write_report(ranking, tmp_path, truth))
    drawings = re.findall(r'<div role="img".*?</svg></div>', page.source, re.S)
    assert len(drawings) == 3 + 3 + 3 + 2 + 2 == len(page.images)
    assert not any(re.search("#[0-9a-f]{6}", drawing.partition(">")[2]) for drawing in drawings)
    best = ranking.table.iloc[0]
    shown = [words for words in page.images if words.startswith(f"{best.candidate}: read ")]
    assert shown == [
        f"{best.candidate}: read {ranking.observations.query('candidate == @best.candidate and tick == 1')['val_accuracy'].mean():.3f} at "
        f"epoch 1 to {best.last_seen_accuracy:.3f} at epoch 5; "
        f"afterwards {ranking.observations.query('candidate == @best.candidate and tick == 6')['val_accuracy'].mean():.3f} at epoch 6 to "
        f"{ranking.observations.query('candidate == @best.candidate and tick == 30')['val_accuracy'].mean():.3f} at epoch 30; "
        f"predicted {best.predicted_accuracy:.3f} ± {best.predicted_std:.3f}."
    ]


def test_names_are_text_everywhere(tmp_path):
    names = ("<b>x", "[red]y[/red]", "$\\alpha$_^", 'a"><script>alert(1)</script>', "{{ 7 * 7 }}", "two\nlines", "模型")
    ranking, truth = constructed(names)
    ranking = replace(ranking, target="<i>digits", facts={"<u>seed": "<script>0"})
    page = assert_complete(write_report(ranking, tmp_path, truth).parent, ranking, (*FIGURES, "predicted_vs_true"))
    assert not {"i", "u"} & set(page.tags)
    assert [name for name in page.candidates if name in names] == ranking.candidates
    assert "<u>seed" in page.text
    for table in (ranking_table(ranking.table), truth_table(ranking, truth)):
        shown = printed(table)
        assert all(line in shown for name in names for line in name.split("\n"))


def test_names_that_xml_cannot_hold_are_drawn_and_written(tmp_path):
    """A control character ended the page with: not well-formed (invalid token)."""
    ranking, truth = constructed(("bell\x07", "\x1b[31mred", "--> a & b"))
    page = write_report(ranking, tmp_path, truth).read_text(encoding="utf-8")
    assert page.count('<div class="panel"') == 3 + 3 + 3 + 2 + 2
    assert "--&gt; a &amp; b" in page


def test_ranking_csv_keeps_every_digit(tmp_path):
    ranking, _ = constructed(failed=("dense",))
    write_report(ranking, tmp_path)
    read = pd.read_csv(tmp_path / "ranking.csv")
    assert list(read.columns) == COLUMNS
    pd.testing.assert_frame_equal(
        read.fillna({"note": "", "reading": ""}), ranking.table, check_exact=True, check_dtype=False
    )


@pytest.mark.parametrize("count", [1, 25])
def test_any_number_of_candidates(tmp_path, count):
    ranking, truth = constructed([f"candidate_{i:02d}_with_a_rather_long_name" for i in range(count)], epochs=6, runs=1)
    page = assert_complete(write_report(ranking, tmp_path, truth).parent, ranking, (*FIGURES, "predicted_vs_true"))
    assert ("not defined for capacitance" in page.text) == (count == 1)


def test_one_epoch_is_a_fallback_and_says_so(tmp_path):
    ranking, _ = constructed(observed=1, epochs=1, runs=1)
    page = assert_complete(write_report(ranking, tmp_path).parent, ranking)
    assert "This is not a prediction" in page.text
    assert "fallback: last-seen accuracy:" in page.text


def test_readings_without_value_are_counted_and_not_drawn_as_values(tmp_path):
    ranking, _ = constructed(nan=("dense",), runs=1)
    page = assert_complete(write_report(ranking, tmp_path).parent, ranking)
    assert "3 of 5 readings degenerate" in page.text


def test_no_reading_has_a_value(tmp_path):
    made = observations(["only"], epochs=6)
    made["readings"] = made["readings"].assign(beta_eff=math.nan)
    page = assert_complete(
        write_report(rank_records(made), tmp_path).parent, rank_records(made), ("learning_curves", "beta_eff", "cost")
    )
    assert "12 of 12 readings of beta_eff are missing" in page.text


def test_nothing_was_read(tmp_path):
    ranking = rank_records({"observations": observations(["a", "b"], epochs=6)["observations"]}, "last_seen")
    page = assert_complete(write_report(ranking, tmp_path).parent, ranking, ("learning_curves",))
    assert "beta_eff is the reading" not in page.text
    assert "is selected for digits" in page.text


def test_failed_candidates_come_last_with_their_reason(tmp_path):
    ranking, truth = constructed(EIGHT, failed=("dense", "mlp"))
    page = assert_complete(write_report(ranking, tmp_path, truth).parent, ranking, (*FIGURES, "predicted_vs_true"))
    assert set(page.column("ranking", 1)[-2:]) == {"dense", "mlp"}
    assert page.column("ranking", -1)[-2:] == ["failed", "failed"]
    assert page.text.count("ValueError: out of memory") == 2
    assert "6 models" in page.text
    assert "out of memory" in printed(ranking_table(ranking.table))


def test_all_failed(tmp_path):
    ranking, truth = constructed(EIGHT, failed=EIGHT)
    page = assert_complete(write_report(ranking, tmp_path, truth).parent, ranking, ())
    assert "No candidate could be ranked" in page.text


def test_an_older_figure_does_not_stay(tmp_path):
    ranking, truth = constructed(EIGHT[:2], epochs=6)
    write_report(ranking, tmp_path, truth)
    assert (tmp_path / "predicted_vs_true.png").exists()
    write_report(ranking, tmp_path)
    assert_complete(tmp_path, ranking)


def test_same_tables_same_bytes(tmp_path):
    ranking, truth = constructed(EIGHT[:3], epochs=6)
    first, second = (write_report(ranking, tmp_path / name, truth) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("rule", ["capacitance_forecast", "mean_seen"])
def test_a_report_by_another_rule(tmp_path, rule):
    ranking, truth = constructed(rule=rule)
    drawn = [name for name in (*FIGURES, "predicted_vs_true") if name != "fit" or rule != "mean_seen"]
    page = assert_complete(write_report(ranking, tmp_path, truth).parent, ranking, drawn)
    assert f"The rule {rule} read 5 epochs of 2 runs and compared 4 candidates." in page.text
    assert "ncap, " not in page.text
    assert f"Ranking by {rule}" in page.text
    assert set(pd.read_csv(tmp_path / "ranking.csv")["rule"]) == {rule}


class Loss(Rule):
    """Orders by the training loss: a score, no accuracy."""

    name, summary, source, is_accuracy = "loss", "minus the last training loss", "this test", False
    needs = ("val_accuracy", "train_loss")

    def predict(self, curve, scores):
        seen = curve.having("val_accuracy", "train_loss")
        if not len(seen):
            return Prediction.fallback(curve, "no training loss")
        return Prediction.of_score(-seen.train_loss[-1], seen)


def test_a_report_by_a_score_shows_no_accuracies(tmp_path):
    ranking, truth = constructed(rule=Loss())
    drawn = ("learning_curves", "beta_eff", "cost", "predicted_vs_true")
    page = assert_complete(write_report(ranking, tmp_path, truth).parent, ranking, drawn)
    assert f"{ranking.candidates[0]} is selected for digits." in page.text
    assert set(page.column("ranking", 2)) == {"-"}
    assert "ordered by the score -" in page.text
    assert "for loss, " in page.text
    assert "is a rule that does not come with ncap" in page.text
    assert "Spearman's rho" in printed(truth_table(ranking, truth))


def test_rules_of_choice_are_compared(tmp_path):
    ranking, truth = constructed()
    page = Page(write_report(ranking, tmp_path, truth, rules=["best_seen"]))
    assert re.search(r"true order: \S+ for capacitance, \S+ for best_seen: ", page.text)
    assert "last_seen" not in page.text
    (cells,) = [row for row in page.rows["truth"] if row and row[2] == ranking.candidates[0]]
    best = ranking.table["best_seen_accuracy"][0]
    assert cells[4].startswith(f"{best:.3f} (")


def test_every_tie_is_named_on_the_page_and_in_the_terminal(tmp_path):
    """The three that 0.1 predicted 1.000, of which its callout named two."""
    full = made_records.demo()
    ranking = rank_records(full.of(epochs=5))
    page = Page(write_report(ranking, tmp_path))
    assert "depthwise and inverted_residual are predicted the same." in page.text
    assert "batch_norm, is predicted 0.073 lower" in page.text
    assert "Predicted the same: group_norm, depthwise and inverted_residual." in page.text
    assert "predicted the same: group_norm, depthwise, inverted_residual" in printed(ranking_table(ranking.table))


def test_caution_names_all_that_are_as_good():
    table = pd.DataFrame(
        {
            "rank": [1, 2, 3, 4],
            "candidate": list("abcd"),
            "predicted_accuracy": [0.9, 0.9, 0.89, 0.88],
            "predicted_std": 0.02,
            "status": "ok",
        }
    )
    assert caution(table) == (
        "b is predicted the same. c (0.010) and d (0.020) are predicted lower by less than one standard deviation of the difference."
    )
    assert caution(table.assign(predicted_std=math.nan)) == "b is predicted the same."
    assert caution(table.assign(predicted_std=0.0)) == "b is predicted the same."
    assert caution(table[:1]) == ""
    assert caution(table.assign(predicted_accuracy=math.nan)) == ""


def test_the_page_names_what_the_evidence_seen_does_not_order(tmp_path):
    """b ends 0.05 below a, with residuals of 0.02; c ends 0.4 below it."""
    key = {"settings": "s", "target": "digits", "run": 0}
    rows = [
        key
        | {"candidate": name, "tick": tick, "epoch": tick, "beta_eff": beta, "reading": READING}
        | {"val_accuracy": top - beta / 10 + error}
        for name, top in (("a", 0.9), ("b", 0.85), ("c", 0.5))
        for tick, (beta, error) in enumerate(zip((4.0, 3.0, 2.0, 1.0), (0.02, -0.02, -0.02, 0.02), strict=True), 1)
    ]
    seen = pd.DataFrame(rows)
    ranking = rank_records(
        {
            "observations": seen.drop(columns=["beta_eff", "reading"]),
            "readings": seen.drop(columns=["epoch", "val_accuracy"]),
        }
    )
    write_report(ranking, tmp_path)
    assert "What was seen does not settle the order of a and b:" in Page(tmp_path / "report.html").text


def beside(last_seen):
    """A ranking a, b, c by mean accuracy, and a truth in the order a, b, c."""
    rows = [
        (name, tick, value) for name, seen in zip("abc", last_seen, strict=True) for tick, value in enumerate(seen, 1)
    ]
    key = {"settings": "s", "target": "digits", "run": 0}
    made = [key | {"candidate": name, "tick": tick, "epoch": tick, "val_accuracy": value} for name, tick, value in rows]
    ranking = rank_records({"observations": pd.DataFrame(made)}, "mean_seen")
    assert ranking.candidates == ["a", "b", "c"]
    return ranking, pd.DataFrame({"candidate": list("cab"), "true_accuracy": [0.5, 0.7, 0.6], "true_epochs": 30})


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ([(0.9, 0.8), (0.8, 0.7), (0.7, 0.6)], "both order these models equally well"),
        ([(0.9, 0.5), (0.7, 0.6), (0.1, 0.7)], "-1.00 for last_seen: mean_seen orders these models best"),
        ([(0.9, 0.2), (0.7, 0.2), (0.1, 0.2)], "not defined for last_seen. "),
    ],
)
def test_summary_names_the_winner(seen, words):
    ranking, truth = beside(seen)
    summary = truth_summary(ranking, truth, ["last_seen"])
    assert words in summary
    assert summary.endswith("3 models are an example, not evidence.")


def test_another_rule_may_win():
    ranking, truth = beside([(0.9, 0.5), (0.7, 0.6), (0.1, 0.7)])
    truth["true_accuracy"] = [0.7, 0.5, 0.6]
    assert "-1.00 for mean_seen, 1.00 for last_seen: last_seen orders these models best" in truth_summary(
        ranking, truth, ["last_seen"]
    )


def test_truth_is_rule_by_candidate():
    ranking, truth = constructed(EIGHT[:3])
    known = truth_of(ranking, truth)
    assert known.rules == ["capacitance", *(rule for rule in USUAL if rule != "capacitance")]
    assert len(known.beside) == 3 * len(USUAL)
    assert [row["candidate"] for row in known.by_candidate] == ranking.candidates
    place = known.rules.index("last_seen")
    values = [row["rules"][place]["value"] for row in known.by_candidate]
    assert values == ranking.table["last_seen_accuracy"].tolist()
    assert truth_of(ranking, truth, ["capacitance"]).rules == ["capacitance"]  # once


def test_what_the_others_predict_rests_on_what_the_ranking_read():
    """The observations go on to epoch 30; no rule may read them."""
    ranking, truth = constructed(EIGHT[:3])
    known = truth_of(ranking, truth, ["best_seen"]).beside.query("rule == 'best_seen'").set_index("candidate")
    seen = ranking.table.set_index("candidate")["best_seen_accuracy"]
    assert known["value"].to_dict() == seen.to_dict()


def test_a_truth_whose_candidates_are_numbers_is_matched_by_name():
    """pandas refused to merge texts with numbers."""
    ranking = rank_records(made_records.tables(**{"1": made_records.line(0.8), "2": made_records.line(0.7)}))
    truth = pd.DataFrame({"candidate": [2, 1], "true_accuracy": [0.6, 0.9], "true_epochs": 30})
    assert truth_of(ranking, truth).rows[["candidate", "true_accuracy"]].values.tolist() == [["1", 0.9], ["2", 0.6]]


def test_a_ranking_without_epochs_is_refused_by_name(tmp_path):
    """matplotlib said: axis limits cannot be NaN or Inf."""
    tables = made_records.tables(a=made_records.line(0.8))
    tables["observations"] = tables["observations"].drop(columns="epoch")
    with pytest.raises(ValueError, match=r"ranking\.observations: epoch must be given in every row"):
        write_report(rank_records(tables), tmp_path)


def test_what_a_candidate_needs_is_on_the_page_where_the_job_knows_it(tmp_path):
    ranking, _ = constructed(EIGHT[:3])
    plain = CandidateFacts("VGG", "imagenet", (32, 32, 3), 14_714_688, 313_200_000, 0.4217, "MIT", "cut <at> 'block5'")
    known = {
        "plain": plain.values(),
        "dense": CandidateFacts(parameters=7).values(),
        "gone": plain.values(),
        "residual": ["odd"],
    }
    ranking = replace(ranking, facts=ranking.facts | {KEY: known})
    write_report(ranking, tmp_path)
    page = assert_complete(tmp_path, ranking)
    rows = [row for row in page.rows["candidates"] if row]
    assert rows == [
        ["plain cut <at> 'block5'", "VGG", "imagenet", "14.7 M", "313 M", "32 \u00d7 32 \u00d7 3", "0.42", "MIT"]
    ]
    assert "cut &lt;at&gt;" in page.source
    assert "imagenet" not in page.text.rpartition("Facts")[2]


def test_without_facts_of_candidates_there_is_no_such_section(tmp_path):
    ranking, _ = constructed(EIGHT[:3])
    for facts in ({}, {KEY: "odd"}, {KEY: {"plain": None}}):
        write_report(replace(ranking, facts=facts), tmp_path)
        assert "candidates" not in Page(tmp_path / "report.html").rows


def test_a_doubt_of_the_check_stands_in_the_note(tmp_path):
    tables = made_records.records(a=made_records.line(0.8), b=made_records.line(0.7))
    known = {"b": CandidateFacts(doubts="pixels 0..255 reach its first weights").values()}
    ranking = rank_records(replace(tables, facts={KEY: known}))
    assert ranking.table.set_index("candidate")["note"].to_dict() == {
        "a": "",
        "b": "pixels 0..255 reach its first weights",
    }
    write_report(ranking, tmp_path)
    assert "pixels 0..255 reach its first weights" in Page(tmp_path / "report.html").text
