"""Figures for the page: every panel a drawing of its own, in the page's colours, so that it is light or dark as the page is.

matplotlib writes a figure as one SVG document. Here it is cut into its panels, its colours become CSS variables, and what several panels
refer to (glyphs, markers, clip paths) stands on the page once.
"""

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from ncap.report.figures import canvas

PIXELS_PER_POINT = 1.45  # text of 9 points is 13 pixels high

# What a colour of `canvas` is called on the page.
VARIABLES = {
    canvas.INK: "--ink", canvas.FAINT: "--faint", canvas.PALE: "--pale", canvas.GRID: "--grid", canvas.PAPER: "--paper",
    canvas.ALARM: "--bad", **{colour.lower(): f"--c{place}" for place, colour in enumerate(canvas.COLOURS)},
}  # fmt: skip
# Equal figures are equal text; glyphs are outlines, which look alike in every browser and hold no text of a user.
_SETTINGS: Any = {"svg.hashsalt": "ncap", "svg.fonttype": "path", "svg.image_inline": True}


@dataclass(frozen=True)
class Panel:
    """A panel of a figure: the candidate that it is of, "" for several; what it shows in words; its drawing, "" for none."""

    candidate: str
    words: str
    svg: Markup


@dataclass(frozen=True)
class Panels:
    """A figure, cut up: its panels, its legend, and what its axes hold where all panels have the same."""

    panels: Sequence[Panel]
    legend: Markup
    across: str
    upwards: str


@dataclass
class Definitions:
    """What the drawings of a page refer to, each once."""

    known: dict[str, Element] = field(default_factory=dict)

    @property
    def svg(self) -> Markup:
        """A drawing that shows nothing and holds them all."""
        inside = "".join(ElementTree.tostring(known, encoding="unicode") for known in self.known.values())
        return Markup(f'<svg width="0" height="0" aria-hidden="true" class="definitions"><defs>{inside}</defs></svg>')

    def take(self, root: Element) -> None:
        """Keep all definitions that stand in a drawing, and take them out of it."""
        for parent in [*root.iter()]:
            for definitions in parent.findall("defs"):
                # matplotlib's style, which has no name, is in page.css.
                self.known |= {name: one for one in definitions if (name := one.get("id"))}
                parent.remove(definitions)


def cut(name: str, figure: Figure, definitions: Definitions) -> Panels:
    """A figure whose panels stand alone (`Content.apart`), cut into them; `name` is that of the figure."""
    figure.dpi = 72
    candidates = [str(ax.get_gid() or "") for ax in figure.axes]
    for place, ax in enumerate(figure.axes):
        if candidates[place]:
            ax.set_title("")
        ax.set_gid(f"panel{place}")
    across, upwards = figure.get_supxlabel(), figure.get_supylabel()
    figure.supxlabel("")
    figure.supylabel("")
    for legend in figure.legends:
        legend.set_gid("legend")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box stands in; the page has the name
        root, boxes = _document(figure), _boxes(figure.axes, aligned=any(candidates))
    definitions.take(root)
    groups = {group.get("id"): group for group in root.iter("g")}
    _share_common(name, figure.axes, groups, definitions)
    height = figure.get_figheight() * 72
    panels = [
        Panel(candidate, str(ax.get_label()), _drawing(groups[f"panel{place}"], box, height))
        for place, (ax, candidate, box) in enumerate(zip(figure.axes, candidates, boxes, strict=True))
    ]
    legends = [_drawing(groups["legend"], one.get_window_extent(), height) for one in figure.legends]
    return Panels(panels, legends[0] if legends else Markup(""), across, upwards)


def _document(figure: Figure) -> Element:
    """The figure as matplotlib writes it, without name spaces, in the page's colours."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    root = ElementTree.fromstring(buffer.getvalue())
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for key in [key for key in element.attrib if key.startswith("{")]:
            element.set(key.rpartition("}")[2], element.attrib.pop(key))
        # A variable is no value of the attributes fill and stroke, only of the style.
        attributes = [f"{key}: {element.attrib.pop(key)}" for key in ("fill", "stroke") if key in element.attrib]
        if style := "; ".join(filter(None, [*attributes, element.get("style", "")])):
            element.set("style", re.sub(r"#[0-9a-f]{6}", _variable, style))
    return root


def _variable(colour: re.Match[str]) -> str:
    name = VARIABLES.get(colour[0])
    return f"var({name})" if name else colour[0]


def _share_common(name: str, axes: Sequence[Axes], groups: dict[str | None, Element], definitions: Definitions) -> None:
    """Draw what one panel has for all (`canvas.COMMON`) once, and refer to it from each."""
    first, known = axes[0].bbox.y0, f"{name}-common"
    for place, ax in enumerate(axes):
        for common in [group for group in groups[f"panel{place}"].iter("g") if group.get("id") == canvas.COMMON]:
            if len(common):
                kept = Element("g")
                kept.extend(list(common))
                _shorten(kept)
                kept.set("id", known)
                definitions.known[known] = kept
                common[:] = []
            if known in definitions.known:
                common.append(Element("use", href=f"#{known}", y=f"{first - ax.bbox.y0:.1f}"))


def _boxes(axes: Sequence[Axes], aligned: bool) -> list[Bbox]:
    """What each panel takes with its labels; `aligned`: with the same room around the axes of each, so that panels line up."""
    drawn = np.array([(ax.get_tightbbox() or ax.bbox).extents for ax in axes])
    inner = np.array([ax.bbox.extents for ax in axes])
    if aligned:
        around = drawn - inner  # of the four sides, left and lower ones first
        drawn = inner + np.concatenate([around[:, :2].min(axis=0), around[:, 2:].max(axis=0)])
    return [Bbox.from_extents(*sides) for sides in drawn]


def _drawing(group: Element, box: Bbox, height: float) -> Markup:
    """A group of the document as a drawing of its own. It shows the box, in points from the lower left corner of the figure."""
    _shorten(group)
    size = f'width="{box.width * PIXELS_PER_POINT:.0f}" height="{box.height * PIXELS_PER_POINT:.0f}"'
    shown = f'viewBox="{box.x0 - 1:.1f} {height - box.y1 - 1:.1f} {box.width + 2:.1f} {box.height + 2:.1f}"'
    inside = ElementTree.tostring(group, encoding="unicode")
    return Markup(f'<svg {size} {shown} aria-hidden="true">{inside}</svg>')


def _shorten(group: Element) -> None:
    """Take out names that nothing refers to, and digits below a tenth of a point."""
    for element in group.iter():
        element.tail = element.text = None
        element.attrib.pop("id", None)
        for key in ("d", "x", "y"):
            if value := element.get(key):
                element.set(key, _rounded(" ".join(value.split())))
        if value := element.get("transform"):
            element.set("transform", re.sub(r"translate\(.*?\)", lambda moved: _rounded(moved[0]), value))


def _rounded(text: str) -> str:
    """Its numbers with one decimal at most.

    >>> _rounded("M 12.3456 7 L 3.04 2")
    'M 12.3 7 L 3 2'
    """
    return re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), text)
