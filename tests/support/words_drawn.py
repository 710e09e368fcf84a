"""Whether the words of a page's figures have room: measured in a browser, with the font that it really uses."""

from __future__ import annotations

from typing import Any

_MEASURE = """
() => {
    const found = [];
    for (const svg of document.querySelectorAll("figure svg")) {
        if (!svg.getClientRects().length) continue;
        const frame = svg.getBoundingClientRect(), name = svg.getAttribute("aria-label").slice(0, 60);
        const words = [...svg.querySelectorAll("text")]
            .filter((t) => t.textContent.trim() && t.getAttribute("opacity") !== "0")
            .map((t) => ({ said: t.textContent, box: t.getBoundingClientRect() }))
            .filter((w) => w.box.width > 0);
        for (const { said, box } of words) {
            const out = box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 ||
                box.bottom > frame.bottom + 1;
            if (out) found.push(`${name}: '${said}' is clipped`);
        }
        words.forEach(({ said, box }, k) => {
            for (const other of words.slice(k + 1)) {
                const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
                const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
                // The boxes of lines of one paragraph touch; words that can be read do not share a third of a line.
                if (across > 1.5 && down > 0.35 * Math.min(box.height, other.box.height)) {
                    found.push(`${name}: '${said}' and '${other.said}' overlap`);
                }
            }
        });
    }
    return found;
}
"""


def without_room(page: Any) -> list[str]:
    """Every word of a visible figure that is clipped by its drawing or covers another one."""
    page.evaluate("() => document.fonts.ready.then(() => true)")
    found: list[str] = page.evaluate(_MEASURE)
    return found
