"""The tour runs as its page is made, every claim in it is checked on the way, and the page needs nothing but itself."""

import re
import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import jupytext
import pytest

REFERENCE = Path(__file__).parents[1] / "reference"
LOADS = {"action", "background", "cite", "data", "formaction", "href", "manifest", "poster", "src", "srcset"}

if not REFERENCE.is_dir():
    pytest.skip("the tour is not part of a wheel", allow_module_level=True)


class Page(HTMLParser):
    """Tags with their attributes, and the text of every element outside of code, by its innermost tag."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.open = [], {}, []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if text.strip() and not {"pre", "code"} & set(self.open):
            self.texts.setdefault(self.open[-1], []).append(text)


def render(page, *notebook):
    command = [sys.executable, REFERENCE / "tour_page.py", page, *notebook]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def notebook():
    return jupytext.read(REFERENCE / "tour.py")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("tour") / "tour.html"
    run = render(path)
    assert run.returncode == 0, run.stderr
    return Page(path.read_text(encoding="utf-8"))


def headings(notebook):
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [cell.splitlines()[0].removeprefix("## ") for cell in cells if cell.startswith("## ")]


def test_the_page_has_every_section_and_a_link_to_it(page, notebook):
    assert page.texts["h2"] == headings(notebook)
    numbers, titles = zip(*(heading.split(" · ", 1) for heading in page.texts["h2"]), strict=True)
    assert tuple(page.texts["b"]) == numbers  # in the menu, so that a lecturer finds them
    assert tuple(title.strip() for title in page.texts["span"]) == titles
    assert [text for text in page.texts["a"] if text in titles] == list(titles)  # in the table of contents
    ids = [attributes.get("id") for _, attributes in page.tags]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a" and attributes["href"].startswith("#")]
    sections = [f"#{target}" for target in ids if target and target.startswith("section-")]
    assert links == ["#contents", *sections, *sections]
    assert "contents" in ids


def test_the_page_loads_nothing(page):
    values = [
        value for tag, attributes in page.tags for name, value in attributes.items() if name in LOADS and tag != "a"
    ]
    assert values
    assert [value for value in values if not value.startswith(("#", "data:"))] == []
    followed = {
        attributes["href"] for tag, attributes in page.tags if tag == "a" and not attributes["href"].startswith("#")
    }
    assert followed  # what a reader may click on: papers, by their names for ever
    assert [link for link in followed if not link.startswith("https://doi.org/")] == []
    assert not {"script", "link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    styles = " ".join(page.texts["style"])
    assert "url(" not in styles
    assert "@import" not in styles


def test_every_drawing_is_there_with_words_for_who_cannot_see_it(page, notebook):
    described = [cell.metadata["alt"] for cell in notebook.cells if "plt.show()" in cell.source]
    assert described
    assert [attributes["alt"] for tag, attributes in page.tags if tag == "img"] == described


def test_every_drawing_has_another_for_phones(page):
    sources = [attributes for tag, attributes in page.tags if tag == "source"]
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert {attributes["media"] for attributes in sources} == {"(max-width: 700px)"}
    assert len(sources) == len(pictures)
    for narrow, wide in zip(sources, pictures, strict=True):
        points = [
            float(re.search(r'width="([\d.]+)pt"', svg(image)).group(1)) for image in (narrow["srcset"], wide["src"])
        ]
        # Shown in 370 pixels, it is at least two thirds of its size, and its letters of 17 points are at least 11 pixels high.
        assert points[0] <= 560
        assert points[0] <= points[1]


def svg(address):
    return b64decode(address.removeprefix("data:image/svg+xml;base64,")).decode()


def test_every_theorem_has_its_box_and_every_exercise_its_answer(notebook):
    cells = [(cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells if cell.cell_type == "markdown"]
    boxes = [name for source, _ in cells for name in re.findall(r"^> \*\*(T\d)\b", source, re.MULTILINE)]
    assert sorted(boxes) == [f"T{number}" for number in range(10)]
    asked = [index for index, (_, tags) in enumerate(cells) if "exercise" in tags]
    assert [re.match(r"\*\*Exercise (\d)\.\*\*", cells[index][0]).group(1) for index in asked] == list("12345")
    assert [index - 1 for index, (_, tags) in enumerate(cells) if "answer" in tags] == asked


def test_every_formula_is_drawn_by_the_browser(page, notebook):
    formulas = sum(
        cell.source.count("$") - cell.source.count("$$") for cell in notebook.cells if cell.cell_type == "markdown"
    )
    assert len([tag for tag, _ in page.tags if tag == "math"]) == formulas // 2 > 0
    left_over = [
        text for tag, texts in page.texts.items() if tag != "style" for text in texts if "$" in text or "\\" in text
    ]
    assert left_over == []


def test_code_that_is_shown_fits_on_a_screen(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code" and "folded" not in cell.metadata.get("tags", []):
            lines = cell.source.splitlines()
            assert len(lines) <= 15, cell.source
            assert max(map(len, lines)) <= 110, cell.source  # what the page shows unbroken in the widest of its fonts


def test_a_claim_that_is_wrong_gives_no_page(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("# %% [markdown]\n# # Wrong\n\n# %%\nassert 1 + 1 == 3\n", encoding="utf-8")
    run = render(tmp_path / "wrong.html", wrong)
    assert run.returncode != 0
    assert "assert 1 + 1 == 3" in run.stderr
    assert not (tmp_path / "wrong.html").exists()
