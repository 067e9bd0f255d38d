"""The report in a real browser: axe-core's rules, a phone's width, dark mode, the keyboard, and what its script does."""

import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from made_rankings import constructed

from ncap.report import write_report, write_unfinished

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[test]'")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-core is not installed: pip install '.[test]'"
)

NAMES = ("plain", "residual", "depthwise_with_a_rather_long_name", "mlp")
PHONE, DESK = 400, 1200  # pixels
SMALLEST = 9  # pixels that text of 8 points, the smallest in a figure, must be high


@pytest.fixture(scope="module", name="browser")
def _browser():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with playwright.sync_playwright() as driver:
        if found is None and not Path(driver.chromium.executable_path).exists():
            pytest.skip("no Chromium here: apt-get install chromium")
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module", name="report")
def _report(tmp_path_factory):
    ranking, truth = constructed(NAMES, epochs=8, runs=1, failed=("mlp",))
    return write_report(ranking, tmp_path_factory.mktemp("report"), truth)


@pytest.fixture(name="opened")
def _opened(browser):
    """(file, width, options of the context) -> the page, which may ask for nothing else and must report no error."""
    contexts, said = [], []

    def opened(file, width=DESK, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: None if request.url == file.as_uri() else said.append(request.url))
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def shown(page, selector):
    """The boxes of what is visible."""
    return [found.bounding_box() for found in page.query_selector_all(selector) if found.is_visible()]


def column(page, index):
    return page.eval_on_selector_all(
        "#ranking tbody tr", f"rows => rows.map(row => row.cells[{index}].textContent.trim())"
    )


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (PHONE, "light"), (DESK, "dark"), (DESK, "light")])
def test_axe_finds_nothing_to_object_to(opened, report, width, scheme):
    page = opened(report, width, color_scheme=scheme, bypass_csp=True)  # axe-core is a script of ours, not of the page
    found = axe.Axe().run(page).response
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
    passed = {one["id"] for one in found["passes"]}
    assert {
        "color-contrast",
        "role-img-alt",
        "th-has-data-cells",
        "scrollable-region-focusable",
        "label",
        "bypass",
    } <= passed


@pytest.mark.parametrize("width", [320, PHONE])
def test_on_a_phone_nothing_is_wider_than_the_screen_and_panels_stack(opened, report, width):
    page = opened(report, width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    panels = shown(page, ".panel")
    assert len(panels) == 3 + 3 + 3 + 2 + 2
    assert {box["x"] for box in panels} == {16}
    assert all(box["width"] == width - 32 for box in panels)
    rows = shown(page, "#ranking tbody tr")
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in rows)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_text_of_a_figure_can_be_read(opened, report, width):
    sizes = opened(report, width).eval_on_selector_all(
        ".panel svg", "all => all.map(svg => 8 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)"
    )
    assert min(sizes) > SMALLEST


def test_on_a_desk_panels_stand_side_by_side(opened, report):
    boxes = shown(opened(report), "#fit .panel")
    assert len({box["y"] for box in boxes}) == 1


@pytest.mark.parametrize(("scheme", "media"), [("light", "screen"), ("dark", "screen"), ("dark", "print")])
def test_figures_are_dark_where_the_page_is(opened, report, scheme, media):
    page = opened(report, color_scheme=scheme)
    page.emulate_media(media=media)
    colours = page.evaluate(
        """() => {
            const [paper, text] = ["#cost .panel path", "#cost .panel g use"].map(
                (selector) => getComputedStyle(document.querySelector(selector)).fill);
            const body = getComputedStyle(document.body);
            return [paper, body.backgroundColor, text, body.color];
        }"""
    )
    paper, background, text, ink = (sum(map(int, re.findall(r"\d+", colour))) / 3 for colour in colours)
    assert paper == background
    assert text == ink
    assert (paper < 60) == (scheme == "dark" and media == "screen")
    assert abs(paper - ink) > 150


def test_tables_are_sorted_by_a_click_and_stay_so(opened, report):
    page = opened(report)
    order = column(page, 1)
    page.get_by_role("button", name="last seen").first.click()
    head = page.locator("#ranking th").filter(has_text="last")
    assert head.get_attribute("aria-sort") == "descending"
    values = column(page, 4)
    assert values == [*sorted(values[:3], reverse=True), "-"]
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, 4) == [*sorted(values[:3]), "-"]  # what is missing stays last
    page.reload()
    assert column(page, 4) == [*sorted(values[:3]), "-"]
    page.locator("#ranking th button").first.click()
    assert column(page, 1) == order


def test_candidates_are_picked_in_all_figures_and_stay_so(opened, report):
    page = opened(report, PHONE)
    box = page.get_by_label("residual", exact=True)
    box.uncheck()
    assert page.get_by_role("status").text_content() == "2 of 3 candidates are shown."
    assert len(shown(page, '.panel[data-candidate="residual"]')) == 0
    assert len(shown(page, ".panel")) == 3 + 3 + 3 + 2 + 2 - 3
    page.reload()
    assert not page.get_by_label("residual", exact=True).is_checked()
    page.get_by_role("button", name="All").click()
    assert len(shown(page, ".panel")) == 3 + 3 + 3 + 2 + 2


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_keyboard_goes_down_the_page_and_shows_where_it_is(opened, report, width):
    page, places = opened(report, width), []
    for _ in range(200):
        page.keyboard.press("Tab")
        place = page.evaluate(
            """() => {
                const at = document.activeElement, box = at.getBoundingClientRect();
                return at === document.body ? null
                    : [at.tagName, Math.round(box.top + scrollY), getComputedStyle(at).outlineStyle, at.textContent];
            }"""
        )
        if place is None:
            break
        places.append(place)
    assert [text for tag, _, _, text in places if tag == "A"][:2] == ["Predicted order", "Rules beside the truth"]
    assert {"A", "DIV", "BUTTON", "INPUT"} == {tag for tag, *_ in places}
    assert {outline for _, _, outline, _ in places} <= {"solid", "auto"}
    # Down the page, line by line: the heads of a table's columns are set on its lower line.
    assert all(after >= before - 60 for (_, before, *_), (_, after, *_) in pairwise(places))


def test_without_a_script_nothing_is_missing_and_nothing_is_dead(opened, report):
    page = opened(report, PHONE, java_script_enabled=False)
    assert len(shown(page, ".panel")) == 3 + 3 + 3 + 2 + 2
    assert shown(page, "button, input, #picker") == []
    assert len(shown(page, "#ranking tbody tr")) == 4


def test_a_page_that_is_being_written_loads_itself_again_unless_it_is_told_not_to(opened, report, tmp_path):
    ranking, _ = constructed(NAMES[:1], epochs=5, runs=1)
    page = opened(write_unfinished(ranking, tmp_path, "1 of 4 candidates"))
    page.clock.install()
    page.reload()
    page.evaluate("document.title = 'seen'")
    page.clock.fast_forward(29_000)
    assert page.title() == "seen"
    with page.expect_navigation():
        page.clock.fast_forward(2_000)
    page.get_by_role("button", name="Stop loading again").click()
    page.evaluate("document.title = 'seen'")
    page.clock.fast_forward(90_000)
    assert page.title() == "seen"
    page.get_by_role("button", name="Go on loading again").click()
    with page.expect_navigation():
        page.clock.fast_forward(31_000)
