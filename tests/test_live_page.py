"""The page while a job runs, as somebody who opens it meanwhile sees it."""

import re

import pytest
import tiny

from ncap.files import replacing
from ncap.live_page import LivePage
from ncap.report import write_report


def test_the_page_says_how_far_the_job_is_and_the_finished_one_is_as_if_written_once(tmp_path):
    page, seen = tmp_path / "out" / "report.html", []

    def wide():
        seen.append(page.read_text() if page.exists() else "")  # first for the check, then for training
        return tiny.body()

    ranking = tiny.ranked(tmp_path / "runs.db", {"narrow": tiny.body, "wide_one": wide}, runs=1, out=tmp_path / "out")
    before, during = seen
    assert before == ""
    assert "Unfinished, 1 of 2 candidates." in during
    assert '<meta http-equiv="refresh" content="30">' in during
    assert re.findall(r'<td class="text name">(\w+)</td>', during) == ["narrow"] * 2
    assert "wide_one" not in during
    assert during.rstrip().endswith("</html>")
    write_report(ranking, tmp_path / "once")
    once = {file.name: file.read_bytes() for file in (tmp_path / "once").iterdir()}
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == once
    assert b"Unfinished" not in once["report.html"]
    assert b"refresh" not in once["report.html"]


@pytest.fixture(scope="module", name="ranking")
def _ranking(tmp_path_factory):
    return tiny.ranked(tmp_path_factory.mktemp("job") / "runs.db", runs=1, epochs=1)


class Quiet:
    def end_candidate(self, candidate, outcome):
        self.ended = candidate


def test_with_many_small_candidates_not_every_one_gets_a_page(ranking, tmp_path):
    asked = []
    page = LivePage(tmp_path, lambda settings, names: asked.append((settings, list(names))) or ranking, round="round 2")
    progress = page.watching(Quiet(), "abc", ["a", "b", "c"])
    for name in "abc":
        progress.end_candidate(name, "")
        assert progress.ended == name  # who watched before is told as well
    assert asked == [("abc", ["a"])]
    assert "Unfinished, round 2, 1 of 3 candidates." in (tmp_path / "report.html").read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_written_is_warned_of(ranking, tmp_path):
    (tmp_path / "report.html").mkdir()
    page = LivePage(tmp_path, lambda settings, names: ranking)
    with pytest.warns(UserWarning, match=r"the page could not be rewritten \(Is a directory\)"):
        page.watching(Quiet(), "abc", ["a", "b"]).end_candidate("a", "")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def fail():
        with replacing(file) as temporary:
            temporary.write_text("ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert file.read_text() == "old"
    with replacing(file) as temporary:
        temporary.write_text("new")
        assert file.read_text() == "old"
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.txt", "new")]
