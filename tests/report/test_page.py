"""The report, from constructed tables: no training; real PNG, CSV and HTML files, read back."""

import io
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from ncap.leaderboard import COLUMNS, from_observations
from ncap.predict import CapacitancePredictor
from ncap.store import OBSERVATION
from rich.console import Console

from ncap.ranking import spearman
from ncap.report import write_report
from ncap.report.figures import cost, fit
from ncap.report.series import by_rank
from ncap.report.terminal import ranking_table, truth_summary, truth_table

FIGURES = ("fit", "learning_curves", "beta_eff", "cost")
EIGHT = ("plain", "normalised", "residual", "dense", "depthwise", "inception", "squeeze", "mlp")
READING = "explicit/magnitude/unit"


def observations(names, *, observed=5, epochs=30, runs=2, seed=0, nan=(), failed=()):
    """Learning curves that rise to a ceiling while beta_eff falls; `nan`: candidates whose beta_eff has no value at odd epochs."""
    rng = np.random.default_rng(seed)
    rows = []
    for candidate in names:
        ceiling, speed, scale, cost_ = (
            rng.uniform(0.6, 0.95),
            rng.uniform(0.1, 0.4),
            10 ** rng.uniform(-2, -1),
            rng.uniform(0.5, 2),
        )
        for run in range(runs if candidate not in failed else 0):
            for epoch in range(1, epochs + 1):
                rest = math.exp(-speed * epoch)
                silent = candidate in nan and epoch % 2 == 1
                beta = math.nan if silent else scale * (0.15 + rest) * math.exp(rng.normal(0, 0.04))
                accuracy = ceiling - 0.6 * rest + rng.normal(0, 0.008)
                rows.append(
                    {
                        "candidate": candidate, "target": "digits", "run": run, "epoch": epoch, "beta_eff": beta,
                        "beta_eff_error": 0.06 * beta, "cancellation": 1.0, "degenerate": silent, "train_accuracy": accuracy + 0.02,
                        "train_loss": 2 * rest, "val_accuracy": accuracy, "val_loss": 2 * rest + 0.1, "test_accuracy": accuracy - 0.01,
                        "seconds_train": cost_ + 6 * (epoch == 1), "seconds_beta": 0.2 * cost_ + 2 * (epoch == 1),
                        "settings": "0f3a", "reading": READING,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows, columns=list(OBSERVATION))


def constructed(names=EIGHT, *, observed=5, failed=(), **options):
    """A ranking as `ncap.rank` returns it, trained on to the end, and the truth there."""
    rows = observations(names, failed=failed, **options)
    failures = pd.DataFrame(
        [{"candidate": name, "run": 0, "epoch": 1, "reason": "ValueError: out of memory"} for name in failed]
    )
    facts = {"seed": 0, "optimizer": "adam", "hidden": [256, 128], "backend": "tensorflow", "device": "2 CPU cores"}
    ranking = from_observations(rows[rows["epoch"] <= observed], failures if failed else None, "digits", facts)
    last = (
        rows[rows["epoch"] == rows["epoch"].max()]
        .groupby("candidate", as_index=False)
        .agg({"test_accuracy": "mean", "epoch": "max"})
    )
    truth = last.rename(columns={"test_accuracy": "true_accuracy", "epoch": "true_epochs"})
    return replace(ranking, observations=rows), truth


class Page(HTMLParser):
    """The parts of the page that the tests read: cells of tables per section, addresses, tags, all text."""

    def __init__(self, path):
        super().__init__()
        self.rows, self.addresses, self.tags, self.text, self.images = {}, [], [], "", []
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
        if tag == "section":
            self._section = attributes["id"]
        elif tag == "tr":
            self.rows.setdefault(self._section, []).append([])
        elif tag == "td":
            self._cell = ""
        elif tag == "img":
            self.images.append(attributes)

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
    assert {path.stem for path in out.glob("*.png")} == set(figures)
    for path in out.glob("*.png"):
        assert_drawn(path)
    assert len(page.images) == len(figures)
    assert "script" not in page.tags
    assert not re.search(r"\bnan\b|\bNone\b", page.text)
    return page


def test_page_lists_candidates_in_order_with_prediction_truth_and_facts(tmp_path):
    ranking, truth = constructed()
    path = write_report(ranking, tmp_path / "new" / "out", truth, title="A title & more")
    assert path == tmp_path / "new" / "out" / "report.html"
    page = assert_complete(path.parent, ranking, (*FIGURES, "predicted_vs_true"))
    best = ranking.table.iloc[0]
    assert f"{best.candidate} is selected for digits: predicted accuracy {best.predicted_accuracy:.3f}" in page.text
    assert "A title & more" in page.text
    assert READING in page.text
    assert all(name in page.text and str(value) in page.text for name, value in ranking.facts.items())
    joined = ranking.table.merge(truth, on="candidate")
    rho = spearman(joined["predicted_accuracy"], joined["true_accuracy"])
    assert f"{rho:.2f} for ncap" in page.text
    assert "8 models are an example, not evidence" in page.text
    true_ranks = joined["true_accuracy"].rank(ascending=False).astype(int).astype(str).tolist()
    assert page.column("truth", 1) == true_ranks


def test_page_loads_nothing_from_elsewhere(tmp_path):
    ranking, truth = constructed()
    page = Page(write_report(ranking, tmp_path, truth))
    assert page.addresses
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not re.search(r"url\(|@import|https?://", page.source)
    assert "default-src 'none'" in page.source


def test_names_are_text_everywhere(tmp_path):
    names = ("<b>x", "[red]y[/red]", "$\\alpha$_^", 'a"><script>alert(1)</script>', "{{ 7 * 7 }}", "two\nlines", "模型")
    ranking, truth = constructed(names)
    ranking = replace(ranking, target="<i>digits", facts={"<u>seed": "<script>0"})
    page = assert_complete(write_report(ranking, tmp_path, truth).parent, ranking, (*FIGURES, "predicted_vs_true"))
    assert not {"script", "i", "u"} & set(page.tags)
    assert "<u>seed" in page.text
    for table in (ranking_table(ranking.table), truth_table(ranking.table, truth)):
        shown = printed(table)
        assert all(line in shown for name in names for line in name.split("\n"))


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
    assert ("not defined for ncap" in page.text) == (count == 1)


def test_one_epoch_is_a_fallback_and_says_so(tmp_path):
    ranking, _ = constructed(observed=1, epochs=1, runs=1)
    page = assert_complete(write_report(ranking, tmp_path).parent, ranking)
    assert "This is no prediction" in page.text
    assert "fallback: last-seen accuracy:" in page.text


def test_readings_without_value_are_counted_and_not_drawn_as_values(tmp_path):
    ranking, _ = constructed(nan=("dense",), runs=1)
    page = assert_complete(write_report(ranking, tmp_path).parent, ranking)
    assert "3 of 5 readings degenerate" in page.text


def test_no_reading_at_all(tmp_path):
    rows = observations(["only"], epochs=6).assign(beta_eff=math.nan, degenerate=False)
    ranking = from_observations(rows, target="digits")
    page = assert_complete(write_report(ranking, tmp_path).parent, ranking, ("learning_curves", "beta_eff", "cost"))
    assert "12 of 12 readings of beta_eff are missing" in page.text


def test_failed_candidates_come_last_with_their_reason(tmp_path):
    ranking, truth = constructed(failed=("dense", "mlp"))
    page = assert_complete(write_report(ranking, tmp_path, truth).parent, ranking, (*FIGURES, "predicted_vs_true"))
    assert set(page.column("ranking", 1)[-2:]) == {"dense", "mlp"}
    assert page.column("ranking", -1)[-2:] == ["failed", "failed"]
    assert page.text.count("ValueError: out of memory") == 2
    assert "6 models" in page.text
    assert "out of memory" in printed(ranking_table(ranking.table))


def test_all_failed(tmp_path):
    ranking, truth = constructed(failed=EIGHT)
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


def test_fit_is_drawn_from_the_points_of_the_prediction():
    rows = observations(EIGHT[:3], epochs=8, nan=("dense",))
    rows = rows[
        (rows["candidate"] != "plain") | (rows["run"] == 0) | (rows["epoch"] <= 2)
    ]  # the second run of plain breaks off
    failures = pd.DataFrame([{"candidate": "plain", "run": 1, "epoch": 3, "reason": "NaN loss"}])
    ranking = from_observations(rows, failures)
    assert set(ranking.table["status"]) == {"ok"}
    for one in by_rank(ranking.table, ranking.runs, ranking.observations):
        points = fit.points(one.observed)
        predictor = CapacitancePredictor().fit(points[["beta_eff"]].to_numpy(), points["val_accuracy"].to_numpy())
        # The same rows; means over runs may be summed in another order, which costs a few roundings.
        assert predictor.accuracy_ == pytest.approx(one.summary["predicted_accuracy"], rel=1e-9)


def test_cost_leaves_the_compiling_epoch_out_where_it_can():
    rows = pd.DataFrame(
        {"run": [0, 0, 0], "epoch": [1, 2, 3], "seconds_train": [9.0, 1.0, 3.0], "seconds_beta": [8.0, 2.0, 2.0]}
    )
    assert cost.seconds(rows) == (2.0, 2.0)
    assert cost.seconds(rows[:1]) == (9.0, 8.0)


def test_series_part_at_the_epochs_of_the_table():
    ranking, _ = constructed(("only",), observed=4, epochs=6, runs=1)
    (one,) = by_rank(ranking.table, ranking.runs, ranking.observations)
    assert one.observed["epoch"].tolist() == [1, 2, 3, 4]
    assert one.afterwards["epoch"].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("last_seen", "words"),
    [
        ([0.3, 0.2, 0.1], "both order these models equally well"),
        ([0.1, 0.2, 0.3], "ncap orders these models better"),
        ([0.2, 0.2, 0.2], "not defined for last-seen accuracy."),
    ],
)
def test_summary_names_the_winner(last_seen, words):
    table = pd.DataFrame(
        {
            "rank": [1, 2, 3],
            "candidate": list("abc"),
            "predicted_accuracy": [0.9, 0.8, 0.7],
            "last_seen_accuracy": last_seen,
        }
    )
    truth = pd.DataFrame({"candidate": list("cab"), "true_accuracy": [0.5, 0.7, 0.6], "true_epochs": 30})
    assert words in truth_summary(table, truth)
    assert truth_summary(table, truth).endswith("3 models are an example, not evidence.")


def test_last_seen_may_win():
    table = pd.DataFrame(
        {
            "rank": [1, 2, 3],
            "candidate": list("abc"),
            "predicted_accuracy": [0.9, 0.8, 0.7],
            "last_seen_accuracy": [0.1, 0.2, 0.3],
        }
    )
    truth = pd.DataFrame({"candidate": list("abc"), "true_accuracy": [0.5, 0.6, 0.7], "true_epochs": 30})
    assert "last-seen accuracy orders these models better" in truth_summary(table, truth)
