"""The look of all pages, and the font of what is drawn on them, in one place.

The font is Arimo (fonts/OFL.txt): it has the widths with which everything is measured, on every machine.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from protocolsim.text.html import safe

if TYPE_CHECKING:
    from markupsafe import Markup

_STYLE = Path(__file__).with_name("style.css")
FONTS = Path(__file__).with_name("fonts")
_NOTEBOOK = 780  # pixels: as wide as what a cell shows on a laptop
_FACES = {"arimo-regular.woff2": 400, "arimo-bold.woff2": 700}


@cache
def style() -> Markup:
    """The element that holds it."""
    return safe(f"<style>\n{font_faces()}{_STYLE.read_text(encoding='utf-8')}</style>")


@cache
def font_faces() -> str:
    """The font as CSS that has it in itself, for a page that must load nothing."""
    return "".join(
        f'@font-face {{ font-family: "Arimo"; font-weight: {weight}; '
        f"src: url(data:font/woff2;base64,{base64.b64encode((FONTS / name).read_bytes()).decode()}) "
        'format("woff2"); }\n'
        for name, weight in _FACES.items()
    )


def for_notebook(svg: str) -> str:
    """A drawing that a notebook shows as a picture of its own: it has its font in itself, and fits beside a sidebar.

    Without its font every letter is as wide as the machine's next best one has it, and words run out of their boxes.
    """
    head, opening, rest = svg.partition("<svg")
    attributes, _, inside = rest.partition(">")
    width = re.search(r'\bwidth="([\d.]+)"', attributes)
    if width is not None and float(width[1]) > _NOTEBOOK:
        smaller = _NOTEBOOK / float(width[1])
        attributes = re.sub(
            r'(?<= )(width|height)="([\d.]+)"', lambda m: f'{m[1]}="{float(m[2]) * smaller:.0f}"', attributes
        )
    return f"{head}{opening}{attributes}><style>{font_faces()}</style>{inside}" if opening else svg
