"""The site as `make docs` has built it: every public name has a page with its docstring, every link leads somewhere, and nothing is loaded
from elsewhere."""

from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(__file__).parents[2] / "build" / "site"

pytest.importorskip("sphinx", reason="make docs builds and tests the site")
if not (SITE / "index.html").is_file():
    pytest.skip("no site in build/site; make docs builds it", allow_module_level=True)

LOADS = {
    "link": "href",
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "object": "data",
    "embed": "src",
}
LOADED_LINKS = {"stylesheet", "icon", "preload", "preconnect", "modulepreload"}


class Page(HTMLParser):
    """Ids of a page, where its links lead, what it loads, and the words in each described object by its id."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.described = set(), [], [], {}
        self.current = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "dt" and "." in values.get("id", ""):
            self.current = values["id"]
        if tag == "dd" and self.current and self.current not in self.described:
            self.described[self.current] = ""
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in LOADS and LOADS[tag] in values and (tag != "link" or values.get("rel") in LOADED_LINKS):
            self.loads.append(values[LOADS[tag]])

    def handle_data(self, text):
        if self.current in self.described:
            self.described[self.current] += text.strip()


@pytest.fixture(scope="module")
def site():
    return {path.relative_to(SITE).as_posix(): Page(path) for path in sorted(SITE.rglob("*.html"))}


@pytest.mark.parametrize(
    "package", ["ncap", "ncap.reference", "ncap.scores", "ncap.candidates", "ncap.targets", "ncap.testing"]
)
def test_every_public_name_has_a_page_with_what_its_docstring_says(package, site):
    module = import_module(package)
    listed = {link.rpartition("#")[2] for link in site[f"api/{package}.html"].links}
    described = {full: words for page in site.values() for full, words in page.described.items()}
    homes = {}  # what several packages offer has the page of the first
    for other in ("ncap", package):
        for name in import_module(other).__all__:
            homes.setdefault(id(getattr(import_module(other), name)), f"{other}.{name}")
    for name in set(module.__all__) - {"__version__"}:
        full = homes[id(getattr(module, name))]
        assert f"api/{full}.html" in site
        assert full in listed, f"{full} is not on the page of {package}"
        assert len(described[full]) > 20, f"the page of {full} says nothing"


def test_every_link_leads_to_a_page_and_a_place_on_it(site):
    dead = []
    for name, page in site.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link == "#":
                continue
            target = (SITE / name).parent / unquote(parts.path) if parts.path else SITE / name
            inside = target.resolve().relative_to(SITE.resolve()).as_posix()
            if not target.is_file() or (
                parts.fragment and inside in site and unquote(parts.fragment) not in site[inside].ids
            ):
                dead.append(f"{name}: {link}")
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site):
    assert [load for page in site.values() for load in page.loads if urlsplit(load).netloc] == []
    styles = [path.read_text(encoding="utf-8") for path in SITE.rglob("*.css")]
    assert styles
    assert not [style for style in styles if "url(http" in style or "url(//" in style or "@import" in style]
