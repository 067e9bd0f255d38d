"""The colours of the page, by the contrast that WCAG 2.1 asks for: axe-core leaves out what something else overlaps."""

import re
from importlib.resources import files

import pytest

from ncap.report.figures import canvas, vector

TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.1, 1.4.3 and 1.4.11
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for block in re.findall(
        r":root \{(.*?)\}", files("ncap.report").joinpath("page.css").read_text(encoding="utf-8"), re.S
    )
)


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_definition():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the grey that just fails


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_paper(colours):
    for name in ("ink", "soft", "accent", "bad"):
        assert min(contrast(colours[name], colours[paper]) for paper in ("paper", "shade")) >= TEXT, name
    for name in ("warn", "bad", "good"):
        assert contrast(colours[name], colours[f"{name}-paper"]) >= TEXT, name
    for place in range(len(canvas.COLOURS)):
        assert contrast(colours[f"c{place}"], colours["paper"]) >= GRAPHIC, place


def test_both_schemes_name_every_colour_of_a_figure():
    assert {name.removeprefix("--") for name in vector.VARIABLES.values()} <= set(LIGHT)
    assert set(LIGHT) == set(DARK)
