"""The look of all pages, in one place."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from protocolsim.text.html import safe

if TYPE_CHECKING:
    from markupsafe import Markup

_STYLE = Path(__file__).with_name("style.css")


@cache
def style() -> Markup:
    """The element that holds it."""
    return safe(f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>")
