"""The look of all pages: the style of the page of a run, so that there is one place to change it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from protocolsim.text.html import safe

if TYPE_CHECKING:
    from markupsafe import Markup

_STYLED = Path(__file__).with_name("page.html.j2")


@cache
def style() -> Markup:
    """The element that holds it."""
    text = _STYLED.read_text(encoding="utf-8")
    return safe(text[text.index("<style>") : text.index("</style>") + len("</style>")])
