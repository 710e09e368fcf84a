"""Nothing is made or sent twice: what is drawn, read from a curve and said on the way to the page, counted."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from protocolsim.app import figure as app_figure
from protocolsim.app.state import VisitorState
from protocolsim.app.table import cells
from protocolsim.app.view import rule
from protocolsim.app.view.catalogue import part_of
from protocolsim.app.work.answers import Answers
from protocolsim.app.work.orders import Answer, Figure, Made, Order, Picture
from protocolsim.app.work.worker import answer as drawn
from protocolsim.errors import UsageError
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.estimation.estimate import estimate
from tests.support.asgi import NoWorkers
from tests.support.browser import REPLICATES

STATE = VisitorState("ms_daclizumab", replicates=20, view="rule")


def at(said: str) -> VisitorState:
    return STATE.setting("response_threshold", said)


@pytest.fixture(scope="module")
def read() -> Answer:
    """The answer of the rule, as it is beside the page, without its figures."""
    part = part_of("rule", "curve")
    made = part.make(part.reduced(STATE), lambda *_: None)
    return part.receive(Answer({}, made.facts), STATE)


def plain(curve: ThresholdCurve, threshold: float) -> dict[str, Any]:
    """Every estimate from the subjects as they went, subject by subject, as the definition says."""
    sent = curve.rule.holds(curve.measured, threshold)[:, np.newaxis]
    found = {}
    for name, endpoint in curve.endpoints.items():
        if not endpoint.ranks:
            mine = np.where(sent, curve.taken[name], curve.refused[name])
            sums = curve.others[name] + endpoint.added(mine, curve.replicate, curve.replicates)
            found[name] = estimate(endpoint, sums)
    return found


@pytest.mark.parametrize("percent", [0, 10, 33, 50, 75, 100])
def test_a_threshold_is_read_as_from_all_subjects(read, percent):
    """What differs between the branches, added to the sums of the refused, gives the bits of all subjects added."""
    for curve in (read.facts.mine, read.facts.mine.by(list(read.facts.mine.definitions)[-1])):
        expected = plain(curve, percent / 100)
        found = curve.at(percent / 100)
        assert {name: repr(found[name]) for name in expected} == {n: repr(e) for n, e in expected.items()}
        assert repr(curve.at(percent / 100, ["share_sent"])) == repr({"share_sent": expected["share_sent"]})


def travelled(what: Any) -> Any:
    return pickle.loads(pickle.dumps(what))  # noqa: S301 - our own


def test_what_travels_to_the_page_reads_the_same(read):
    """Beside the page a curve is a fraction of itself, by which every threshold and definition has the same bits."""
    whole = read.facts.mine
    light = travelled(read.facts.drawn).curve
    assert light.size < whole.size / 3
    assert repr(travelled(light).at(0.5)) == repr(whole.at(0.5))
    for name in whole.definitions:
        for threshold in (0.0, 0.33, 0.75, 1.0):
            assert repr(light.by(name).at(threshold)) == repr(whole.by(name).at(threshold))


def test_values_shared_by_many_are_passed_in_one_step(read, monkeypatch):
    """However many subjects measured the same, the rule is asked a few times, and each threshold has its own number."""
    own = read.facts.mine
    some = np.array([0.25, 0.5, 0.5, 0.5, 0.75])
    curve = replace(own, measured=some[np.arange(len(own.measured)) % 5])
    wanted = np.array([0.0, 0.25, 0.3, 0.5, 0.6, 0.75, 1.0])
    asked: list[int] = []
    compare = type(curve.rule).compare

    def counted(*given: Any) -> Any:
        asked.append(1)
        return compare(*given)

    monkeypatch.setattr(type(curve.rule), "compare", counted)
    found = curve.values("share_sent", wanted)
    assert len(asked) < 10
    assert list(found) == [plain(curve, float(t))["share_sent"].value for t in wanted]


def test_a_threshold_is_read_once_for_a_class(read, monkeypatch):
    """Twenty visitors at one threshold, at the same time: it is read from the curve once."""
    reading, once = threading.Lock(), rule._moved
    times: list[float] = []

    def counted(curves: Any, threshold: float) -> Any:
        with reading:
            times.append(threshold)
        return once(curves, threshold)

    monkeypatch.setattr(rule, "_moved", counted)
    part = part_of("rule", "curve")
    with ThreadPoolExecutor(20) as visitors:
        told = list(visitors.map(lambda _: part.respond(read, at("61 %")), range(20)))
    assert len(times) == 1
    assert all(each == told[0] for each in told)


def test_a_drag_is_sent_its_numbers_and_no_tables(read):
    """The numbers are those of the table that is there, to the letter; what stays the same is not sent with them."""
    part = part_of("rule", "curve")
    told = part.respond(read, at("40 %"))
    assert told is not None
    page = str(part.show(read, at("40 %")))
    sent = json.dumps(told)
    assert "<table" not in sent
    assert len(sent) < 16_000 < len(page)
    for row in rule.moved(read.facts, at("40 %")).rows:
        assert told["numbers"][row.mine.name] == cells(row)
        for said, value in cells(row):
            assert f'data-exact="{value}"' in page
            assert said.replace("&", "&amp;").replace("<", "&lt;") in page
    for words in told["words"].values():
        assert words in page.replace("&#39;", "'")


class Counting(NoWorkers):
    """Makes what is asked at once, and counts it."""

    def __init__(self) -> None:
        self.asked: list[Order] = []

    async def carry_out(self, order: Order, *_: Any) -> Any:
        self.asked.append(order)
        await asyncio.sleep(0.01)
        return Answer({"one": Figure("t", "c", "a", "<svg></svg>")}, None)


def test_a_picture_is_made_once_for_a_state():
    """Twenty visitors who ask for the same at once, and one who comes later, are shown what was made once."""
    pool = Counting()

    async def asked() -> None:
        answers = Answers(pool)
        part = part_of("design", "chart")
        orders = [Order("design", "chart", part.reduced(replace(STATE, draw=k, patient=k))) for k in range(20)]
        found = await asyncio.gather(*(answers.get(order, lambda *_: None) for order in orders))
        found.append(await answers.get(orders[0], lambda *_: None))
        assert all(each is found[0] for each in found)

    asyncio.run(asked())
    assert len(pool.asked) == 1


class InTwo(NoWorkers):
    """Shows one figure, and draws the other when it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()

    async def carry_out(self, order: Order, tell: Any, begun: Any = None) -> Any:
        self.asked += 1
        begun(Answer({"one": Figure("t", "c", "a", "<svg></svg>")}, "facts", pending=("two",)))
        await self.go.wait()
        return Answer({"two": Figure("t", "c", "a", "<svg></svg>")}, None)


def test_the_first_figure_is_seen_before_the_others():
    """All who ask see it, also who comes meanwhile; who leaves then finds the whole when they come back."""

    async def asked() -> None:
        pool = InTwo()
        answers, order = Answers(pool), Order("design", "chart", STATE)

        async def seen() -> list[tuple[list[str], tuple[str, ...], Any]]:
            stages = answers.stages(order, lambda *_: None)
            return [(list(each.figures), each.pending, each.facts) async for each in stages]

        both = asyncio.create_task(seen()), asyncio.create_task(seen())
        async with aclosing(answers.stages(order, lambda *_: None)) as stages:
            assert list((await anext(stages)).figures) == ["one"]
        for each in both:
            each.cancel()
        await asyncio.sleep(0.01)
        again = asyncio.create_task(seen())
        await asyncio.sleep(0.01)
        pool.go.set()
        whole = (["one", "two"], (), "facts")
        assert await again == [(["one"], ("two",), "facts"), whole]
        assert await seen() == [whole]
        assert pool.asked == 1

    asyncio.run(asked())


def test_a_worker_says_the_first_figure_at_once():
    """What it hands over as the beginning has all facts, and with what it hands over after it every figure."""
    picture = Picture("t", "c", "a", '<svg xmlns="http://www.w3.org/2000/svg"></svg>', {})
    made = Made(dict.fromkeys(("none", "first", "second"), lambda: picture) | {"none": _nothing}, "facts")
    begun: list[Answer] = []
    rest = drawn(made, Order("design", "chart", STATE), begun.append)
    (first,) = begun
    assert (list(first.figures), first.pending, first.facts) == (["first"], ("second",), "facts")
    assert first.missing == {"none": "nothing to draw"}
    assert replace(first.with_rest(rest), pending=()) == drawn(made, Order("design", "chart", STATE))


def _nothing() -> Any:
    raise UsageError("nothing to draw")


def test_a_drawing_is_made_fit_for_the_page_where_it_is_drawn(monkeypatch):
    """Its ids and inks are written once, by who draws it; to show it to one more visitor changes nothing of it."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><path id="a" fill="#1b1f24"/></svg>'
    order = Order("design", "chart", STATE)
    made = part_of("design", "chart").make(replace(STATE, replicates=2), lambda *_: None)
    picture = Picture("t", "c", "a", svg, {})
    shown = drawn(replace(made, charts={"states": lambda: picture}), order).figures["states"].svg
    assert 'id="design-chart-states-a"' in shown
    assert "var(--ink)" in shown
    monkeypatch.setattr(app_figure, "inline_svg", lambda *_, **__: pytest.fail("drawn again"))
    answer = Answer({"states": Figure("t", "c", "a", shown)}, made.facts)
    assert shown in str(part_of("design", "chart").show(answer, STATE))


def test_an_address_opens_its_own_view_and_no_other(visit):
    """Whatever tab the page comes with, the view that its address names is asked for and sent once, also when known."""
    at = visit(f"?view=design&replicates={REPLICATES}")
    at.page.wait_for_selector(".design-chart figure svg")
    frames: list[str] = []
    at.page.on("websocket", lambda w: w.on("framereceived", lambda told: frames.append(str(told))))
    at.page.goto(f"{at.address}/?view=design&replicates={REPLICATES}")
    at.page.wait_for_selector(".design-chart figure svg")
    at.page.wait_for_timeout(300)
    told = [custom for frame in frames if (custom := json.loads(frame).get("custom")) is not None]
    assert [each["shown"]["part"] for each in told if "shown" in each] == ["design-chart"]
    assert {each["status"]["part"] for each in told if "status" in each} == {"design-chart"}
    assert at.page.get_attribute("#view a.active", "data-value") == "design"
