"""A self-contained page of a title and sections, in the look of all pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protocolsim.report.look import FAINT, INK
from protocolsim.report.sweep_page import _style

_TEMPLATE = "plain.html.j2"


@dataclass(frozen=True)
class Section:
    """A heading, HTML that is already safe, and a line under it. `wide`: it scrolls sideways where it must."""

    heading: str
    html: str
    told: str = ""
    wide: bool = False


def plain_page(title: str, question: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """The page as text; it loads nothing from anywhere."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    shown = [
        {"heading": s.heading, "html": Markup(s.html), "told": s.told, "wide": s.wide}  # noqa: S704 - made here, escaped
        for s in sections
    ]
    return environment.get_template(_TEMPLATE).render(
        title=title, question=question, lead=list(lead), sections=shown, style=_style(here)
    )


def page_inked(svg: str) -> str:
    """A drawing whose ink follows the page, light or dark."""
    return svg.replace(INK, "var(--ink)").replace(FAINT, "var(--line)")
