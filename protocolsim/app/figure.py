"""A figure on the page: inline, with its caption, its words for who cannot see it, and its files."""

from __future__ import annotations

import re

from htmltools import HTML, Tag, TagList, tags

from protocolsim.app.state import VisitorState
from protocolsim.app.work.orders import Answer
from protocolsim.report.style.figures import inline_svg

# Wider than half of a wide window, in pixels as it was drawn: it has a row of its own.
WIDE = 870
_WIDTH = re.compile(r'<svg [^>]*?\b(?:width="|viewBox="0 0 )(\d+)')
FILES = {"png": "PNG", "svg": "SVG", "csv": "data"}


def figure(where: tuple[str, str], name: str, answer: Answer, state: VisitorState, *, caption: str = "") -> Tag:
    """One figure of the answer of a part (`where`: view and part), or the reason why there is none.

    `caption`: what stands under it, where that depends on what is set up.
    """
    if name in answer.pending:
        return tags.div("This figure is being drawn.", id=_place(where, name), class_="pending")
    if name not in answer.figures:
        return tags.p(answer.missing.get(name, ""), id=_place(where, name), class_="missing")
    drawn = answer.figures[name]
    return tags.figure(
        tags.h3(drawn.title),
        tags.div(HTML(drawn.svg), class_="drawing"),
        tags.figcaption(tags.p(caption or drawn.caption, class_="caption"), downloads(where, name, state)),
        id=_place(where, name),
        class_="wide" if wide(drawn.svg) else None,
        data_figure=name,
    )


def drawn_for_page(where: tuple[str, str], name: str, svg: str, alternative: str) -> str:
    """A drawing as it stands in the page: made once, where it was drawn, and not for everybody who looks at it."""
    return str(inline_svg(svg, _place(where, name), alternative, told=True))


def _place(where: tuple[str, str], name: str) -> str:
    return f"{where[0]}-{where[1]}-{name}".replace("_", "-")


def wide(drawn: str, most: int = WIDE) -> bool:
    """Whether a drawing is wider than so many pixels: half of a wide window, unless said."""
    found = _WIDTH.search(drawn)
    return found is not None and int(found[1]) > most


def downloads(where: tuple[str, str], name: str, state: VisitorState) -> Tag:
    """Links to the figure's files, drawn for the state of the page when they are followed."""
    path = f"download/{where[0]}/{where[1]}/{name}"
    links = [
        tags.a(said, href=f"{path}.{form}?{state.address()}", data_download=f"{path}.{form}", download="")
        for form, said in FILES.items()
    ]
    return tags.p(
        "Download: ", TagList(*[TagList(" " if k else "", link) for k, link in enumerate(links)]), class_="files"
    )
