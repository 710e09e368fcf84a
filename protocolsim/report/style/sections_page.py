"""A self-contained page of a title and sections, in the look of all pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from protocolsim.report.style.stylesheet import style
from protocolsim.text.html import rendered, safe, words

_TEMPLATE = Path(__file__).with_name("sections_page.html.j2")


@dataclass(frozen=True)
class PageSection:
    """A heading, HTML that is already safe, and a line under it. `wide`: it scrolls sideways where it must."""

    heading: str
    html: str
    told: str = ""
    wide: bool = False


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as HTML that is safe; its headings and cells are plain text."""
    head = "".join(f"<th>{words(h)}</th>" for h in headings)
    body = "".join(f"<tr>{''.join(f'<td>{words(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def plain_page(title: str, question: str, lead: Sequence[str], sections: Sequence[PageSection]) -> str:
    """The page as text; it loads nothing from anywhere."""
    shown = [{"heading": s.heading, "html": safe(s.html), "told": s.told, "wide": s.wide} for s in sections]
    return rendered(_TEMPLATE, title=title, question=question, lead=list(lead), sections=shown, style=style())
