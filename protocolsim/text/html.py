"""Escaping for HTML, inline scripts and SVG; the only place where markup is declared safe."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from html import escape as _escape
from html import unescape as _unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocolsim.text.terminal import visible

if TYPE_CHECKING:
    from markupsafe import Markup

# A tag of XML that a program wrote: it escapes > within attributes, too.
_TAG = re.compile(r"<[^<>]*>")
# Marks that stand for one row of what is drawn; a line, an area and an axis stand for many.
_WIDTH = re.compile(r'<svg (?:[^>]*? )?width="(\d+)')
_SINGLE = re.compile(r'aria-roledescription="(?:bar|circle|point|rect|rule|square|tick|arc) ?(?:mark)?"')
_SCRIPT = re.compile(r"</|<!--|<(?=script)|[\u2028\u2029]", re.IGNORECASE)
_IN_SCRIPT = {"</": "<\\/", "<!--": "\\u003c!--", "<": "\\u003c", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def words(text: str) -> str:
    """Words of a scenario as HTML or XML, in a text or in a quoted attribute."""
    return _escape(visible(text), quote=True)


def unescaped(written: str) -> str:
    """Text as it was before it was written into HTML or a drawing."""
    return _unescape(written)


def in_script(written: str) -> str:
    """JSON or a literal of JavaScript that cannot end the script it stands in, nor begin a comment there."""
    return _SCRIPT.sub(lambda script: _IN_SCRIPT[script.group()], written)


class ScriptJSON(json.JSONEncoder):
    """Writes JSON that may stand within a script."""

    def encode(self, o: Any) -> str:
        """As JSON, in letters that end nothing."""
        return in_script(super().encode(o))


def rendered(template: Path, **facts: Any) -> str:
    """A page from its template: every text is escaped but what `safe` has let pass."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    return environment.get_template(template.name).render(facts)


def _finalized(value: object) -> object:
    return visible(value) if type(value) is str else value


def safe(html: str) -> Markup:
    """HTML that was made here, of escaped parts."""
    from markupsafe import Markup

    return Markup(html)  # noqa: S704 - the one place where text is called safe


def in_tags(svg: str, change: Callable[[str], str]) -> str:
    """The drawing with its tags changed, and its words as they are."""
    return _TAG.sub(lambda tags: change(tags.group()), svg)


def inlined(svg: str, name: str, alternative: str, inks: Mapping[str, str], *, told: bool = False) -> Markup:
    """SVG that shares a page: its ids are its own, its ink follows the page, and it has words for who cannot see.

    `told`: what a mark says of itself is kept in `data-tip`, for a page that shows it under the pointer.
    """

    def ours(tag: str) -> str:
        tag = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', tag)
        tag = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", tag)
        tag = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', tag)
        if told and _SINGLE.search(tag):
            tag = re.sub(r' aria-label="([^"]*)"', r' data-tip="\1"', tag)
        # Marks inside announce themselves one by one; the figure speaks once, as a whole.
        return re.sub(r' (role|aria-[a-z]+)="[^"]*"', "", inked(tag, inks))

    text = in_tags(re.sub(r"^<\?xml[^>]*\?>\s*", "", svg), ours)
    wide = _WIDTH.match(text)
    natural = f'style="--natural: {wide[1]}" ' if wide else ""  # as wide as it was drawn, for the page's style
    return safe(text.replace("<svg ", f'<svg role="img" aria-label="{words(alternative)}" {natural}', 1))


def inked(svg: str, inks: Mapping[str, str]) -> str:
    """The drawing in the inks of its page, light or dark."""

    def ours(tag: str) -> str:
        for ink, own in inks.items():
            tag = tag.replace(f'"{ink}"', f'"{own}"')
        return tag

    return in_tags(svg, ours)


def xml(svg: str) -> str:
    """A drawing that a program wrote, without signs that XML does not know."""
    return visible(svg)
