"""What a notebook shows as a picture stands by itself: with its font in it, in shape, and no wider than a cell."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

import protocolsim
from protocolsim.api.display import SvgFigure, offline
from protocolsim.report.style.text_width import width as text_width
from tests.support.browser import browser

WIDEST = 780


def size(svg: str) -> tuple[float, float]:
    root = ET.fromstring(svg)  # noqa: S314 - ours
    return float(root.attrib["width"]), float(root.attrib["height"])


@pytest.mark.parametrize("name", ["ms_daclizumab", "amd_treat_and_extend"])
def test_a_state_chart_fits_a_cell_and_keeps_its_shape(name: str):
    """One that is wider is shown smaller, in the same proportions; one that fits is shown as it is drawn."""
    figure = SvgFigure(str(protocolsim.diagram(name, "svg")))
    before, after = size(figure.svg), size(figure._repr_svg_())
    assert after[0] <= WIDEST
    assert after[1] / after[0] == pytest.approx(before[1] / before[0], rel=0.01)
    if before[0] <= WIDEST:
        assert after == before
    assert repr(figure).startswith("State chart: ")


def test_words_are_as_wide_as_they_were_measured():
    """In a picture on a page without any font, words have no more than the width by which their boxes were made."""
    drawn = SvgFigure(str(protocolsim.diagram("ms_daclizumab", "svg")))._repr_svg_()
    with browser() as running:
        page = running.new_page()
        page.set_content(drawn)
        page.evaluate("Promise.all(['12px Arimo', 'bold 12px Arimo'].map((font) => document.fonts.load(font)))")
        seen = page.evaluate(
            "[...document.querySelectorAll('text')].map((t) => { const style = getComputedStyle(t); return"
            " [t.textContent, parseFloat(style.fontSize), Number(style.fontWeight) > 500, t.getBBox().width]; })"
        )
    assert len(seen) > 10
    for words, letters, bold, width in seen:
        assert 0 < width <= text_width(words, letters, bold=bold) + 0.5, words


def test_a_chart_has_its_font_in_itself():
    """A chart as a notebook is handed it is well formed and brings its font."""
    result = protocolsim.run("ms_daclizumab", replicates=2)
    bundle = offline(result.figure("published"))._repr_mimebundle_()
    assert "@font-face" in bundle["image/svg+xml"]
    assert size(bundle["image/svg+xml"])[0] <= WIDEST
    assert bundle["text/plain"]
