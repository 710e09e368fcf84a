"""The look of all pages, and the font of what is drawn on them, in one place.

The font is Arimo (fonts/OFL.txt): it has the widths with which everything is measured, on every machine.
"""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from protocolsim.text.html import safe

if TYPE_CHECKING:
    from markupsafe import Markup

_STYLE = Path(__file__).with_name("style.css")
FONTS = Path(__file__).with_name("fonts")
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


def with_font(svg: str) -> str:
    """A drawing that brings its font along, for where no page does: a notebook shows it as a picture of its own.

    Without it every letter is as wide as the machine's next best font has it, and words run out of their boxes.
    """
    head, opening, rest = svg.partition("<svg")
    attributes, _, inside = rest.partition(">")
    return f"{head}{opening}{attributes}><style>{font_faces()}</style>{inside}" if opening else svg
