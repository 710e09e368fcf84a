"""A state chart as a picture: SVG written by hand from its layout, and PNG made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocolsim.report.protocol import chart_layout as layout
from protocolsim.report.protocol.chart_layout import LINE, PAD_Y, SIZE, TITLE_LINE, TITLE_SIZE, ArrowRoute, Layout, Node
from protocolsim.report.protocol.state_chart import Arrow, Box, StateChart
from protocolsim.report.style.figures import INK, on_page, state_colours
from protocolsim.report.style.text_width import FONT, width, wrapped
from protocolsim.text import html

_EDGE = 18.0  # around the drawing
_HEADING = 15.0
ROOM = (214.0, 44.0)  # in the box of a state, for those who walk
_HEAD = 7.0  # length of an arrowhead
_LINE_INK = "#6b7280"  # read on white and on black


def svg(chart: StateChart, *, paper: bool = True) -> str:
    """The chart as SVG. With `paper` it has its title and a white ground; without, it is for a page with its own."""
    laid = layout.laid_out(chart)
    tints = _tints(chart)
    parts: list[str] = []
    for route in laid.routes:
        parts += _line(laid, route)
    for node in laid.nodes:
        parts += (
            _box(node, tints)
            if node.box is not None
            else _words(node.lines, node.x, node.y - len(node.lines) * LINE / 2)
        )
    heading = wrapped(chart.title, _HEADING, max(laid.width, 420.0), bold=True) if paper else []
    notes = [chart.told] if chart.told else []
    above = len(heading) * 20.0 + (10.0 if heading else 0.0)
    below = len(notes) * 20.0 + (8.0 if notes else 0.0)
    wide = max([laid.width, *(width(t, _HEADING, bold=True) for t in heading), *(width(t, SIZE) for t in notes)])
    wide, high = wide + 2 * _EDGE, laid.height + above + below + 2 * _EDGE
    said = html.words(f"State chart: {chart.title}")
    size = f'width="{wide:.0f}" height="{high:.0f}"'
    face = f'font-family="{FONT}" font-size="{SIZE}"'
    view = f'viewBox="0 0 {wide:.0f} {high:.0f}" role="img" aria-label="{said}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} {face}>']
    if paper:
        lines.append(f'<rect {size} fill="#ffffff"/>')
    for k, text in enumerate(heading):
        lines.append(_text(text, _EDGE, _EDGE + 14.0 + 20.0 * k, size=_HEADING, bold=True, anchor="start"))
    aside = _EDGE + (wide - 2 * _EDGE - laid.width) / 2
    lines.append(f'<g transform="translate({aside:.1f} {_EDGE + above:.1f})">')
    lines += [*parts, "</g>"]
    for k, text in enumerate(notes):
        lines.append(_text(text, _EDGE, high - below - _EDGE + 24.0 + 20.0 * k, anchor="start"))
    return "\n".join([*lines, "</svg>"]) + "\n"


def walked(chart: StateChart, tints: Sequence[str]) -> tuple[str, dict[int, tuple[float, float, float, float]]]:
    """The chart for a page, with room in every state's box: left, top, width and height of that, by state.

    `tints` are the colours of all states of the protocol, of which the chart may have fewer.
    """
    laid = layout.laid_out(chart, least=ROOM)
    # Who comes from many states comes from no box: the way there is not drawn.
    many = {box.key for box in chart.boxes if box.kind == "many"}
    parts = [line for route in laid.routes if route.arrow.source not in many for line in _line(laid, route)]
    rooms = {}
    for node in laid.nodes:
        if node.box is None or node.box.state is None:
            continue
        top = node.y - node.height / 2
        rooms[node.box.state] = (
            round(node.middle - node.core / 2 + _EDGE, 1),
            round(top + node.height - ROOM[1] + _EDGE, 1),
            round(node.core, 1),
            ROOM[1],
        )
        parts += _frame(node.box, tints[node.box.state], node)
        for k, line in enumerate(node.lines):
            parts.append(_text(line, node.middle, top + 17.0 + k * TITLE_LINE, size=TITLE_SIZE, bold=True))
    wide, high = laid.width + 2 * _EDGE, laid.height + 2 * _EDGE
    said = html.words(f"State chart: {chart.title}")
    face = f'font-family="{FONT}" font-size="{SIZE}"'
    view = f'viewBox="0 0 {wide:.0f} {high:.0f}" style="--natural: {wide:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {view} role="img" aria-label="{said}" {face}>'
    body = "\n".join([head, f'<g transform="translate({_EDGE} {_EDGE})">', *parts, "</g>", "</svg>"])
    return on_page(body), rooms


def png(chart: StateChart, scale: float = 2.0) -> bytes:
    """The chart as PNG, on white."""
    import vl_convert

    return bytes(vl_convert.svg_to_png(svg(chart), scale=scale))


def _tints(chart: StateChart) -> dict[int, str]:
    """The colour of each state that is drawn."""
    states = [(box.state, box.kind == "final") for box in chart.boxes if box.state is not None]
    return {state: tint for (state, _), tint in zip(states, state_colours([f for _, f in states]), strict=True)}


def _box(node: Node, tints: Mapping[int, str]) -> list[str]:
    assert node.box is not None
    box, left, top = node.box, node.middle - node.core / 2, node.y - node.height / 2
    if box.kind == "start":
        return [f'<circle cx="{node.middle:.1f}" cy="{node.y:.1f}" r="6" fill="{INK}"/>']
    outline = f'x="{left:.1f}" y="{top:.1f}" width="{node.core:.1f}" height="{node.height:.1f}"'
    parts = []
    if box.kind == "many":
        parts.append(f'<rect {outline} rx="8" fill="none" stroke="{_LINE_INK}" stroke-dasharray="4 3"/>')
    else:
        assert box.state is not None
        parts += _frame(box, tints[box.state], node)
    titles = len(wrapped(box.title, TITLE_SIZE, layout.BOX_ROOM, bold=True))
    y = node.y - (titles * TITLE_LINE + (len(node.lines) - titles) * LINE) / 2
    for number, line in enumerate(node.lines):
        bold = number < titles
        y += TITLE_LINE if bold else LINE
        parts.append(_text(line, node.middle, y - 4.0, size=TITLE_SIZE if bold else SIZE, bold=bold))
    return parts + _loops(node, left + node.core, top + PAD_Y)


def _frame(box: Box, tint: str, node: Node) -> list[str]:
    """The box of a state: rounded where a course ends, thick where patients are enrolled."""
    left, top = node.middle - node.core / 2, node.y - node.height / 2
    outline = f'x="{left:.1f}" y="{top:.1f}" width="{node.core:.1f}" height="{node.height:.1f}"'
    round_, thick = 18 if box.kind == "final" else 6, 3 if box.kind == "enrolling" else 1.5
    return [f'<rect {outline} rx="{round_}" fill="{tint}" fill-opacity="0.16" stroke="{tint}" stroke-width="{thick}"/>']


def _loops(node: Node, right: float, top: float) -> list[str]:
    """Arrows from a box to itself, one below the other at its right side."""
    parts = []
    for arrow, words in node.loops:
        high = max(34.0, len(words) * LINE + 8)
        y0, y1, out = top + high * 0.25, top + high * 0.7, right + layout.LOOP
        parts.append(
            f'<path d="M{right:.1f} {y0:.1f} C{out:.1f} {y0 - 8:.1f} {out:.1f} {y1 + 8:.1f} '
            f'{right + _HEAD:.1f} {y1:.1f}" {_stroke(arrow)}/>'
        )
        parts.append(_head(right, y1, "left"))
        for k, line in enumerate(words):
            parts.append(_text(line, out + 2, top + (k + 1) * LINE - 1, anchor="start"))
        top += high
    return parts


def _words(lines: tuple[str, ...], x: float, top: float) -> list[str]:
    return [_text(line, x, top + (k + 1) * LINE - 4.0) for k, line in enumerate(lines)]


def _text(text: str, x: float, y: float, *, size: float = SIZE, bold: bool = False, anchor: str = "middle") -> str:
    weight = ' font-weight="bold"' if bold else ""
    large = "" if size == SIZE else f' font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}"{large}{weight}>{html.words(text)}</text>'


def _stroke(arrow: Arrow) -> str:
    dashes = ' stroke-dasharray="5 4"' if arrow.unplanned else ""
    return f'fill="none" stroke="{_LINE_INK}" stroke-width="1.4"{dashes}'


def _line(laid: Layout, route: ArrowRoute) -> list[str]:
    """A line from box to box through its bends, broken where its words stand, with a head at its end."""
    parts, path = [], ""
    last = len(route.nodes) - 2
    for number, pair in enumerate(zip(route.nodes, route.nodes[1:], strict=False)):
        (upper, lower), (leaves, meets) = (laid.nodes[k] for k in pair), laid.ports[pair]
        x0, x1 = upper.x + leaves, lower.x + meets
        y0, y1 = upper.y + upper.height / 2, lower.y - lower.height / 2
        bend0, bend1 = laid.bottoms[upper.layer], laid.tops[lower.layer]
        if number == 0 and route.up:
            y0 += _HEAD
        if number == last and not route.up:
            y1 -= _HEAD
        bend0, bend1 = max(bend0, y0), min(bend1, y1)
        half = (bend0 + bend1) / 2
        # A node without words is a bend of the same line; words interrupt it.
        path += f"L{x0:.1f} {y0:.1f} " if path else f"M{x0:.1f} {y0:.1f} "
        path += (
            f"L{x0:.1f} {bend0:.1f} C{x0:.1f} {half:.1f} {x1:.1f} {half:.1f} {x1:.1f} {bend1:.1f} L{x1:.1f} {y1:.1f} "
        )
        if lower.lines or number == last:
            parts.append(f'<path d="{path.strip()}" {_stroke(route.arrow)}/>')
            path = ""
    end = laid.nodes[route.nodes[0 if route.up else -1]]
    first, second = route.nodes[:2] if route.up else route.nodes[-2:]
    off = laid.ports[first, second][0 if route.up else 1]
    y = end.y + end.height / 2 if route.up else end.y - end.height / 2
    return [*parts, _head(end.x + off, y, "up" if route.up else "down")]


def _head(x: float, y: float, way: str) -> str:
    wide = 4.0
    corners = {
        "down": ((x, y), (x - wide, y - _HEAD - 1), (x + wide, y - _HEAD - 1)),
        "up": ((x, y), (x - wide, y + _HEAD + 1), (x + wide, y + _HEAD + 1)),
        "left": ((x, y), (x + _HEAD + 1, y - wide), (x + _HEAD + 1, y + wide)),
    }[way]
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
    return f'<polygon points="{points}" fill="{_LINE_INK}"/>'
