"""Whether the words of a page's figures have room: measured in a browser, with the font that it really uses."""

from __future__ import annotations

from typing import Any

SMALLEST = 8.0  # pixels of a letter on the screen: the digits in discs; every other word is larger

_MEASURE = """
(smallest) => {
    const found = [];
    for (const svg of document.querySelectorAll("figure svg")) {
        if (!svg.getClientRects().length || svg.parentElement.closest("svg")) continue;
        const frame = svg.getBoundingClientRect(), place = svg.closest("figure");
        const name = (svg.getAttribute("aria-label") || place.textContent).trim().slice(0, 60);
        const texts = [...svg.querySelectorAll("text")]
            .filter((t) => t.textContent.trim() && t.getAttribute("opacity") !== "0");
        const words = texts.map((t) => ({ said: t.textContent, box: t.getBoundingClientRect() }))
            .filter((w) => w.box.width > 0);
        for (const text of texts) {
            const matrix = text.getScreenCTM(), size = parseFloat(getComputedStyle(text).fontSize);
            const letter = size * Math.hypot(matrix.a, matrix.b);
            if (letter < smallest - 0.05) found.push(`${name}: '${text.textContent}' is ${letter.toFixed(1)} px small`);
        }
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


def without_room(page: Any, smallest: float = SMALLEST) -> list[str]:
    """Every word of a visible figure that is clipped by its drawing, covers another one, or is smaller than that."""
    page.evaluate("() => document.fonts.ready.then(() => true)")
    found: list[str] = page.evaluate(_MEASURE, smallest)
    return found
