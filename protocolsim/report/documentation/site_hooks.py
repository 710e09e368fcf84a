"""What MkDocs is told beside mkdocs.yml: the navigation, formulas as MathML, a drawing, and pages of the API.

MkDocs loads this file by its path (`hooks:`). The navigation is found by listing folders: a new page needs no line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_BLOCK = re.compile(r"^```math\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<![\\$\w])\$([^$\n`]+?)\$(?![\w$])")
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_DRAWING = re.compile(r"^```mermaid\n.*?^```$", re.DOTALL | re.MULTILINE)
_API = "reference/api/index.md"
_EVERYTHING = "# Python API\n\n::: protocolsim\n    options:\n      show_root_heading: false\n"
"""The page of every public name, where nobody has grouped them."""

# Folders of the site in the order of its navigation; what stands first in each, and the rest by name.
_FIRST = {
    "": ("index.md", "tutorial.md"),
    "how_to": (),
    "reference/scenario": ("keys.md", "summaries.md", "rules.md", "endpoints.md", "analyses.md"),
    "reference/api": ("index.md",),
    "models": ("index.md",),
    "about": ("verified.md", "benchmarks.md"),
}
_TITLES = {
    "how_to": "How to",
    "reference/scenario": "Scenario language",
    "reference/api": "Python API",
    "models": "Models",
    "about": "Evidence",
}
_ELSEWHERE = {
    "models": ("declared_models.md",),
    "how_to": ("looks.md", "long_studies.md", "deploying.md"),
    "about": ("stress_des.md",),
}
"""Pages that belong to a part of the navigation and stand outside its folder."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page of the whole API where none is written, the drawing of the checklist, and the navigation."""
    from mkdocs.structure.files import File

    grouped = sorted(f.name for f in files.documentation_pages() if f.src_uri.startswith("reference/api/"))
    if "index" not in grouped:
        files.append(File.generated(config, _API, content=_api_page(grouped)))
    files.append(File.generated(config, "stress_des.svg", content=_drawing()))
    benchmarks = Path(config.docs_dir).parent / "benchmarks" / "README.md"
    files.append(File.generated(config, "about/benchmarks.md", abs_src_path=str(benchmarks)))
    config.nav = _navigation(file.src_uri for file in files.documentation_pages())
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Formulas become marks that `on_page_content` fills: Markdown would read the stars and strokes in them."""
    markdown = _DRAWING.sub("![The states and transitions of the protocol](stress_des.svg)", markdown)
    formulas: list[str] = []

    def kept(latex: str, display: str) -> str:
        formulas.append(_mathml(latex, display))
        return f"FORMULA{len(formulas) - 1}END"

    markdown = _BLOCK.sub(lambda match: kept(match[1], "block"), markdown)
    parts = _CODE.split(markdown)
    parts[::2] = [_INLINE.sub(lambda match: kept(match[1], "inline"), part) for part in parts[::2]]
    page.meta["formulas"] = formulas
    return "".join(parts)


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """The formulas at their marks."""
    return re.sub(r"FORMULA(\d+)END", lambda match: page.meta["formulas"][int(match[1])], html)


def _mathml(latex: str, display: str) -> str:
    from latex2mathml.converter import convert

    return str(convert(" ".join(latex.split()), display=display))


def _drawing() -> str:
    from protocolsim.report.protocol.diagram import diagram

    return str(diagram("ms_daclizumab", "svg"))


def _api_page(grouped: Iterable[str]) -> str:
    """The first page of the API: a list of the pages that group it, or all of it where there are none."""
    links = [f"- [{name.replace('_', ' ').capitalize()}]({name}.md)" for name in grouped]
    return "\n".join(["# Python API", "", *links, ""]) if links else _EVERYTHING


def _navigation(pages: Iterable[str]) -> list[Any]:
    there = {page for page in pages if not page.startswith(".")}
    elsewhere = {page for more in _ELSEWHERE.values() for page in more}
    nav: list[Any] = [page for page in _FIRST[""] if page in there]
    for folder, first in list(_FIRST.items())[1:]:
        mine = {page for page in there if str(Path(page).parent.as_posix()) == folder}
        ordered = [f"{folder}/{name}" for name in first if f"{folder}/{name}" in mine]
        ordered += sorted(mine - set(ordered))
        ordered += [page for page in _ELSEWHERE.get(folder, ()) if page in there]
        if ordered:
            nav.append({_TITLES[folder]: ordered})
    rest = (
        there
        - elsewhere
        - set(_FIRST[""])
        - {p for group in nav if isinstance(group, dict) for p in next(iter(group.values()))}
    )
    return [*nav, *sorted(rest)]
