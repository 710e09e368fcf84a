"""Where everything of a state chart is drawn.

The chart is laid out in layers (Sugiyama, Tagawa and Toda 1981). igraph finds which arrows lead back and in which order
a layer stands so that few lines cross: it comes as a wheel for every platform, needs neither a browser nor a program
beside Python, and is looked after; Graphviz would have to be installed by hand, and grandalf is no longer kept up. It
does not know how large a box is, so places within a layer are found here, as a linear program that keeps
everything apart and lines as straight as that allows. The words of an arrow are a box of their own in a layer of their
own: nothing that carries words can lie on anything else.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from protocolsim.report.protocol.state_chart import Arrow, Box, StateChart
from protocolsim.report.style.text_width import width, wrapped

TITLE_SIZE, SIZE = 13.0, 11.5
TITLE_LINE, LINE = 17.0, 15.0
PAD_X, PAD_Y = 12.0, 9.0
BOX_ROOM = 235.0  # pixels for a line of words
WORDS_ROOMS, _MANY_LINES = (168.0, 230.0, 300.0), 7  # of an arrow: wider where there would be more lines than this
_BESIDE = 16.0  # between neighbours of a layer
LOOP = 26.0  # how far an arrow to its own box reaches out
_MOST_EXACT = 40  # boxes up to which the fewest backward arrows are found exactly


@dataclass
class Node:
    """Something that takes room: a box, the words of an arrow, or a bend of a long one. x and y are its middle."""

    layer: int
    width: float
    height: float
    box: Box | None = None
    arrow: Arrow | None = None
    lines: tuple[str, ...] = ()
    loops: tuple[tuple[Arrow, tuple[str, ...]], ...] = ()
    core: float = 0.0  # width of the box itself, without the arrows to itself beside it
    x: float = 0.0
    y: float = 0.0

    @property
    def middle(self) -> float:
        """The middle of the box itself."""
        return self.x - (self.width - self.core) / 2


@dataclass(frozen=True)
class ArrowRoute:
    """An arrow's nodes from the upper end to the lower one, and how far from its middle it leaves and meets each end.

    `up`: it points upwards.
    """

    arrow: Arrow
    nodes: tuple[int, ...]
    up: bool


@dataclass
class Layout:
    """Places in pixels from the upper left corner. `tops` and `bottoms` are those of each layer."""

    nodes: list[Node]
    routes: list[ArrowRoute]
    tops: list[float] = field(default_factory=list)
    bottoms: list[float] = field(default_factory=list)
    ports: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


def laid_out(chart: StateChart, least: tuple[float, float] = (90.0, 0.0)) -> Layout:
    """Lay a chart out; the box of a state is at least so wide and so high."""
    layers = _layers(chart)
    loops = {b.key: [a for a in chart.arrows if a.source == a.target == b.key] for b in chart.boxes}
    nodes = [_box_node(b, 2 * layers[b.key], loops[b.key], least) for b in chart.boxes]
    at = {b.key: k for k, b in enumerate(chart.boxes)}
    routes = [_route(a, layers, at, nodes) for a in chart.arrows if a.source != a.target]
    layout = Layout(nodes, routes)
    order = _order(layout)
    _ports(layout, order)
    _place_across(layout, order)
    _place_down(layout, len(order))
    return layout


# Layers --------------------------------------------------------------------------------------------------------------


def _layers(chart: StateChart) -> dict[str, int]:
    """The layer of each box: below all that lead to it, but for arrows that lead back."""
    import igraph

    keys = [b.key for b in chart.boxes]
    at = {key: k for k, key in enumerate(keys)}
    edges = sorted({(at[a.source], at[a.target]) for a in chart.arrows if a.source != a.target})
    graph = igraph.Graph(n=len(keys), edges=edges, directed=True)
    # States stand in the order in which a reader meets them: an arrow against it is the one to turn round.
    weights = [1.0 if target < source and chart.boxes[source].state is not None else 50.0 for source, target in edges]
    method = "ip" if len(keys) <= _MOST_EXACT else "eades"
    back = set(graph.feedback_arc_set(weights=weights, method=method)) if edges else set()
    forward = [(t, s) if k in back else (s, t) for k, (s, t) in enumerate(edges)]
    graph = igraph.Graph(n=len(keys), edges=forward, directed=True)
    depth = [0] * len(keys)
    for source in graph.topological_sorting():
        for target in graph.successors(source):
            depth[target] = max(depth[target], depth[source] + 1)
    last = max(depth)
    many = {k for k, b in enumerate(chart.boxes) if b.kind == "many"}
    late = {t for s, t in forward if s in many and chart.boxes[t].kind == "final"}
    # Where trials end, all stand together at the foot; who is never enrolled leaves early and stays up there.
    for k, box in enumerate(chart.boxes):
        if box.kind == "final" and (k in late or depth[k] == last):
            depth[k] = last
    for k in many:
        depth[k] = max(0, min((depth[t] for s, t in forward if s == k), default=1) - 1)
    return {key: depth[k] for key, k in at.items()}


def _box_node(box: Box, layer: int, loops: Sequence[Arrow], least: tuple[float, float]) -> Node:
    if box.kind == "start":
        return Node(layer, 14.0, 14.0, box, core=14.0)
    title = wrapped(box.title, TITLE_SIZE, BOX_ROOM, bold=True)
    lines = [part for line in box.lines for part in wrapped(line, SIZE, BOX_ROOM)]
    wide = max([width(t, TITLE_SIZE, bold=True) for t in title] + [width(t, SIZE) for t in lines])
    core = max(least[0] if box.state is not None else 90.0, wide + 2 * PAD_X)
    high = len(title) * TITLE_LINE + len(lines) * LINE + 2 * PAD_Y
    beside = tuple((arrow, _words(arrow)) for arrow in loops)
    reach = max((LOOP + 6 + _width(words) for _, words in beside), default=0.0)
    high = max(high, sum(max(34.0, len(words) * LINE + 8) for _, words in beside))
    high += least[1] if box.state is not None else 0.0
    # Words beside the box take the same room on its other side, so that its middle stays in the middle.
    return Node(layer, core + 2 * reach, high, box, None, tuple(title) + tuple(lines), beside, core)


def _words(arrow: Arrow) -> tuple[str, ...]:
    lines: list[str] = []
    for room in WORDS_ROOMS:
        lines = wrapped(arrow.words, SIZE, room) if arrow.words else []
        if len(lines) <= _MANY_LINES:
            break
    return (*lines, *([arrow.counted] if arrow.counted else []))


def _width(lines: Sequence[str]) -> float:
    return max((width(line, SIZE) for line in lines), default=0.0)


def _route(arrow: Arrow, layers: Mapping[str, int], at: Mapping[str, int], nodes: list[Node]) -> ArrowRoute:
    """The nodes of an arrow, one in each layer: its words right after its source, bends in the others."""
    source, target = layers[arrow.source], layers[arrow.target]
    up = target < source
    top, bottom = sorted((2 * source, 2 * target))
    inner = []
    for layer in range(top + 1, bottom):
        words = _words(arrow) if layer == 2 * source + (-1 if up else 1) else ()
        inner.append(len(nodes))
        nodes.append(
            Node(
                layer, _width(words) + 8 if words else 6.0, len(words) * LINE + 4, None, arrow if words else None, words
            )
        )
    ends = (at[arrow.target], at[arrow.source]) if up else (at[arrow.source], at[arrow.target])
    return ArrowRoute(arrow, (ends[0], *inner, ends[1]), up)


# Places --------------------------------------------------------------------------------------------------------------


def _order(layout: Layout) -> list[list[int]]:
    """The nodes of each layer from left to right."""
    import igraph

    edges = [pair for r in layout.routes for pair in itertools.pairwise(r.nodes)]
    layers = [n.layer for n in layout.nodes]
    graph = igraph.Graph(n=len(layout.nodes), edges=edges, directed=True)
    laid = graph.layout_sugiyama(layers=layers, maxiter=500)
    order: list[list[int]] = [[] for _ in range(max(layers) + 1)]
    for k in sorted(range(len(layers)), key=lambda k: (laid[k][0], k)):
        order[layers[k]].append(k)
    return order


def _ports(layout: Layout, order: Sequence[Sequence[int]]) -> None:
    """Lines that share an end of a box leave it side by side, in the order in which they go on."""
    place = {k: number for layer in order for number, k in enumerate(layer)}
    pairs = [(a, b) for r in layout.routes for a, b in itertools.pairwise(r.nodes)]
    spread: dict[tuple[int, int], list[float]] = {pair: [0.0, 0.0] for pair in pairs}
    for end in (0, 1):
        ending: dict[int, list[tuple[int, int]]] = {}
        for pair in pairs:
            ending.setdefault(pair[end], []).append(pair)
        for k, there in ending.items():
            node, mine = layout.nodes[k], sorted(there, key=lambda p: place[p[1 - end]])
            step = min(34.0, 0.7 * node.core / max(1, len(mine)))
            for number, pair in enumerate(mine):
                off = (number - (len(mine) - 1) / 2) * step
                spread[pair][end] = off - (node.width - node.core) / 2 if node.loops else off
    layout.ports = {pair: (a, b) for pair, (a, b) in spread.items()}


def _place_across(layout: Layout, order: Sequence[Sequence[int]]) -> None:
    """x of every node: neighbours apart, lines short and so straight, long ones straightest."""
    from scipy.optimize import linprog
    from scipy.sparse import lil_array

    nodes, pairs = layout.nodes, list(layout.ports)
    beside = [(a, b) for layer in order for a, b in itertools.pairwise(layer)]
    n, m = len(nodes), len(pairs)
    matrix, bound = lil_array((2 * m + len(beside), n + m)), np.zeros(2 * m + len(beside))
    for k, (a, b) in enumerate(pairs):
        off = layout.ports[a, b][0] - layout.ports[a, b][1]
        for row, sign in ((2 * k, 1.0), (2 * k + 1, -1.0)):
            matrix[row, a], matrix[row, b], matrix[row, n + k] = sign, -sign, -1.0
            bound[row] = -sign * off
    for k, (a, b) in enumerate(beside):
        row = 2 * m + k
        matrix[row, a], matrix[row, b] = 1.0, -1.0
        bound[row] = -(nodes[a].width + nodes[b].width) / 2 - _BESIDE
    straight = [1.0 + 2.0 * (nodes[a].box is None) + 2.0 * (nodes[b].box is None) for a, b in pairs]
    cost = np.concatenate([np.full(n, 1e-4), straight])
    # Everything to the right of its own half, so that the drawing begins at 0.
    limits = [(node.width / 2, None) for node in nodes] + [(0.0, None)] * m
    solved = linprog(cost, A_ub=matrix.tocsr(), b_ub=bound, bounds=limits, method="highs")
    for node, x in zip(nodes, solved.x[:n], strict=True):
        node.x = float(x)
    left = min(node.x - node.width / 2 for node in nodes)
    for node in nodes:
        node.x -= left
    layout.width = max(node.x + node.width / 2 for node in nodes)


def _place_down(layout: Layout, layers: int) -> None:
    """y of every node. Lines bend between layers only, where there is more room the further they go aside."""
    aside = [0.0] * layers
    for (a, b), (leaves, meets) in layout.ports.items():
        moved = abs(layout.nodes[a].x + leaves - layout.nodes[b].x - meets)
        aside[layout.nodes[a].layer] = max(aside[layout.nodes[a].layer], moved)
    y = 0.0
    for layer in range(layers):
        here = [node for node in layout.nodes if node.layer == layer]
        high = max((node.height for node in here), default=0.0)
        layout.tops.append(y)
        layout.bottoms.append(y + high)
        for node in here:
            node.y = y + high / 2
        y += high + min(46.0, 15.0 + 0.1 * aside[layer])
    layout.height = layout.bottoms[-1]
