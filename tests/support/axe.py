"""What axe-core, the checker of accessibility of most browsers' tools, finds on a page that a browser shows."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

_RUN = """
([contrast, everything]) => axe.run(document, {
    resultTypes: ["violations"],
    ...(everything ? { rules: { "color-contrast": { enabled: contrast } } } : { runOnly: ["color-contrast"] }),
}).then((found) => found.violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .flatMap((one) => one.nodes.map((node) => `${one.id} at ${node.target.join(" ")}: ${one.help}; ` +
        node.any.concat(node.all, node.none).map((check) => check.message).join("; "))))
"""


@cache
def _script() -> str:
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def serious(page: Any, *, contrast: bool = True, everything: bool = True) -> list[str]:
    """What is serious or critical on the page as it is shown now, each with its place and its reason.

    `contrast`: also whether every word can be told from its ground, which takes most of the time; `everything`: that
    alone where it is False.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_script())  # not as an element: what a page may load does not matter to it
    found: list[str] = page.evaluate(_RUN, [contrast, everything])
    return found
