"""What axe-core, the checker of accessibility of most browsers' tools, finds on a page that a browser shows."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

_RUN = """
([within, drawings, contrast]) => axe.run(
    { include: [within], exclude: drawings ? [] : ["svg"] },
    { resultTypes: ["violations"], preload: false, ...(contrast ? { runOnly: ["color-contrast"] } : {}) },
).then((found) => found.violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .flatMap((one) => one.nodes.map((node) => `${one.id} at ${node.target.join(" ")}: ${one.help}; ` +
        node.any.concat(node.all, node.none).map((check) => check.message).join("; "))))
"""


@cache
def _script() -> str:
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def serious(page: Any, within: str = "html", *, drawings: bool = True, contrast: bool = False) -> list[str]:
    """What is serious or critical on the page as it is shown now, each with its place and its reason.

    `within`: where to look; `drawings`: also into those, which takes most of the time; `contrast`: whether words can
    be told from their ground, and nothing else.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_script())  # not as an element: what a page may load does not matter to it
    found: list[str] = page.evaluate(_RUN, [within, drawings, contrast])
    return found
