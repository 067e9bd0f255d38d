"""Scores beside the predictions of a ranking: computed once, kept in the store, shown in tables, files and on the page."""

import math

import pandas as pd
import pytest
import tiny
from made_records import line, tables

import ncap
from ncap.ranking.order import COLUMNS, rank_records
from ncap.records.schema import SCORES
from ncap.records.store import Store
from ncap.report import write_report
from ncap.report.terminal import scores_table
from ncap.rules.contract import Prediction, Rule

TWO = "mlp,plain"  # whose weights are the same each time they are built


class ByScore(Rule):
    """A rule that orders by a score alone."""

    name, summary, source, needs = "by_score", "the score", "-", ("score:h_score",)

    def predict(self, curve, scores):
        return Prediction.of_score(scores["h_score"], curve)


def test_a_ranking_shows_the_scores_that_are_asked_for_and_keeps_them(tmp_path):
    store, few = tmp_path / "runs.db", {"epochs": 1, "runs": 1, "rule": "last_seen"}
    first = tiny.ranked(store, TWO, scores="log_me, knn_accuracy", **few)
    assert first.table.columns.tolist() == [*COLUMNS, "score:knn_accuracy", "score:log_me"]
    alone = ncap.score(TWO, tiny.target(), ["log_me", "knn_accuracy"]).set_index(["candidate", "score"])["value"]
    for row in first.table.to_dict("records"):
        assert row["score:log_me"] == alone[row["candidate"], "log_me"]
        assert row["score:knn_accuracy"] == alone[row["candidate"], "knn_accuracy"]
    with Store(store) as opened:
        kept = opened.table(SCORES)
        assert len(kept) == 4
    again = tiny.ranked(store, TWO, scores=["log_me", "leep"], **few)
    with Store(store) as opened:
        grown = opened.table(SCORES)
    assert grown.merge(kept, on=list(kept.columns)).shape == kept.shape  # the seconds too: they were not computed again
    assert again.table["score:leep"].isna().all()
    assert again.table["score:knn_accuracy"].tolist() == first.table["score:knn_accuracy"].tolist()
    by_score = tiny.ranked(store, TWO, **few | {"rule": ByScore()})
    values = by_score.table["score:h_score"].tolist()
    assert values == sorted(values, reverse=True)
    with pytest.raises(ValueError, match="unknown score 'logme'; did you mean 'log_me'"):
        tiny.ranked(store, TWO, scores="logme", **few)


def scored():
    made = tables(a=line(0.8), b=line(0.9), c=line(0.7))
    job = {name: made["observations"][name].iloc[0] for name in ("settings", "target")}
    lines = [("a", "log_me", -1.23456, ""), ("b", "log_me", 270912.0, ""), ("a", "own", math.nan, "no head")]
    made["scores"] = pd.DataFrame(lines, columns=["candidate", "score", "value", "note"]).assign(**job)
    return rank_records(made)


def test_scores_of_records_follow_the_columns_of_the_ranking():
    table = scored().table
    assert table["candidate"].tolist() == ["b", "a", "c"]
    assert table["score:log_me"].tolist()[:2] == [270912.0, -1.23456]
    assert math.isnan(table["score:log_me"][2])
    assert table["score:own"].isna().all()


def test_scores_are_printed_written_and_on_the_page(tmp_path):
    ranking = scored()
    shown = scores_table(ranking.table)
    cells = [[str(cell) for cell in column.cells] for column in shown.columns]
    assert cells[1:] == [["b", "a", "c"], ["0.900", "0.800", "0.700"], ["2.709e+05", "-1.235", "-"], ["-", "-", "-"]]
    assert scores_table(ranking.table[COLUMNS]) is None
    page = write_report(ranking, tmp_path).read_text(encoding="utf-8")
    assert "<td>-1.235</td>" in page
    assert "Scores before training" in page
    written = pd.read_csv(tmp_path / "ranking.csv")
    assert written["score:log_me"].tolist()[:2] == [270912.0, -1.23456]
    without = write_report(rank_records(tables(a=line(0.8))), tmp_path / "without").read_text(encoding="utf-8")
    assert "Scores before training" not in without
