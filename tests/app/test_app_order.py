"""In whatever order things are ready, a page shows what was asked for last: a visitor who acts faster than it answers.

Parts, scenarios and answers are made up here, each ready after a random while; the page is what its script makes of
the messages.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from protocolsim.app import session
from protocolsim.app.session import Visitor
from protocolsim.app.state import VisitorState
from protocolsim.app.work.orders import Answer, Order
from protocolsim.errors import UsageError

VIEWS, PARTS = ("one", "two"), ("left", "right")
REFUSED, LONG = "13.0", "7.0"  # a value that cannot be set, and one of which an answer takes too long
SLOW = 0.004


class Chance:
    """How long things take."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311 - a test

    @property
    def seconds(self) -> float:
        return self.draw.random() ** 3 * SLOW * 4


class APart:
    """A part that shows the whole state; the left ones respond to a moved number, which makes no difference to them."""

    checks_text: ClassVar[bool] = False

    def __init__(self, name: str, chance: Chance) -> None:
        self.name, self._chance = name, chance

    def reduced(self, state: VisitorState) -> VisitorState:
        time.sleep(self._chance.seconds)
        if self.name == "right" and dict(state.settings).get("q") == REFUSED:
            raise UsageError("there is no such part")
        return state.setting("p", None) if self.name == "left" else state

    def respond(self, _: Answer, state: VisitorState) -> dict[str, Any] | None:
        time.sleep(self._chance.seconds)
        return {"moved": dict(state.settings).get("p", "")} if self.name == "left" else None

    def show(self, answer: Answer, state: VisitorState) -> tuple[Any, str]:
        time.sleep(self._chance.seconds)
        return answer.facts, dict(state.settings).get("p", "")


class SomeAnswers:
    """Answers that are ready after a while, in any order; a scenario is described likewise."""

    lone, spare = True, 0

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def kept(self, _: Order) -> None:
        return None

    async def get(self, order: Order, _: Any) -> Answer:
        await asyncio.sleep(self._chance.seconds)
        controls = [SimpleNamespace(name=n, value=0.0, label=n, parameter=SimpleNamespace(write=str)) for n in "pq"]
        told = SimpleNamespace(
            text="", title=order.state.scenario, controls=controls, answers_at_once=lambda n: n == "p"
        )
        return Answer({}, told)

    async def stages(self, order: Order, _: Any) -> AsyncIterator[Answer]:
        await asyncio.sleep(self._chance.seconds)
        if dict(order.state.settings).get("q") == LONG:
            raise UsageError("this takes too long")
        yield Answer({}, order.state)


class Page:
    """What the script of the page makes of what it is sent."""

    def __init__(self) -> None:
        self.shown: dict[str, list[Any]] = {}
        self.refused: dict[str, str] = {}
        self.running: dict[str, bool] = {}
        self.field = self.address = ""

    async def send_custom_message(self, kind: str, what: Any) -> None:
        await asyncio.sleep(0)
        if kind == "opened":
            self.shown.clear()
            self.refused.clear()
        elif kind == "shown":
            if what["html"] is not None:
                self.shown[what["part"]] = list(what["html"])
            self.refused[what["part"]] = what["why"]
        elif kind == "response" and what["part"] in self.shown:
            self.shown[what["part"]][1] = what["moved"]
        elif kind == "status":
            self.running[what["part"]] = what["running"]
        elif kind == "field":
            self.field = what["why"]
        elif kind == "address":
            self.address = what


@contextmanager
def made_up(chance: Chance, patch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The module of the session, with views, parts and scenarios of this test."""
    parts = {(v, p): APart(p, chance) for v in VIEWS for p in PARTS}
    offered = [
        SimpleNamespace(name=v, parts=[parts[v, p] for p in PARTS], offered=lambda _: True, called=lambda _: "")
        for v in VIEWS
    ]

    def scenario_of(state: VisitorState) -> None:
        time.sleep(chance.seconds)
        if dict(state.settings).get("p") == REFUSED:
            raise UsageError("p cannot be that")

    def form_html(*_: Any) -> str:
        time.sleep(chance.seconds)
        return ""

    patch.setattr(session, "views", lambda: offered)
    patch.setattr(session, "part_of", lambda view, part: parts[view, part])
    patch.setattr(session, "scenario_of", scenario_of)
    patch.setattr(session, "form_html", form_html)
    patch.setattr(session, "numbers_set", lambda *_: {})
    patch.setattr(session, "_page", lambda order, answer, state: parts[order.view, order.part].show(answer, state))
    yield offered


async def act(visitor: Visitor, chance: Chance) -> None:
    """One thing that a visitor does, as the messages of the page say it."""
    pick = chance.draw.random()
    if pick < 0.5:
        value = chance.draw.choice(["1", "2", "3", REFUSED if chance.draw.random() < 0.3 else "4", "7", "0"])
        said = {"name": chance.draw.choice("pq"), "value": value, "settled": chance.draw.random() < 0.7}
        session._moved(visitor, said)
        if not said["settled"]:
            await asyncio.sleep(chance.seconds)
            session._moved(visitor, {**said, "settled": True})
    elif pick < 0.7:
        session._look(visitor, chance.draw.choice(VIEWS))
    elif pick < 0.85:
        session._change(visitor, draw=chance.draw.randrange(5))
    else:
        visitor.open(VisitorState(chance.draw.choice(["a", "b"]), view=visitor.state.view))


async def settled(visitor: Visitor) -> None:
    """Wait until nothing is under way."""
    quiet = 0
    while quiet < 5:
        await asyncio.sleep(SLOW)
        tasks = [*visitor._tasks.values(), visitor._moving, visitor._opening, *session._UNDER_WAY]
        quiet = 0 if any(t is not None and not t.done() for t in tasks) else quiet + 1


async def visited(seed: int) -> tuple[Visitor, Page]:
    """A visit of some acts, more than half of them before the page has answered the one before."""
    chance, page = Chance(seed), Page()
    with pytest.MonkeyPatch.context() as patch, made_up(chance, patch):
        visitor = Visitor(cast(Any, page), cast(Any, SomeAnswers(chance)), VisitorState("a", view="one"))
        visitor.open(visitor.state)
        await settled(visitor)
        for _ in range(chance.draw.randrange(2, 9)):
            await act(visitor, chance)
            if chance.draw.random() < 0.7:
                await asyncio.sleep(chance.seconds)
        await settled(visitor)
        return visitor, page


@pytest.mark.parametrize("seed", range(120))
def test_what_is_shown_at_last_is_what_was_asked_for_last(seed):
    """Whatever is ready when, the view that is open shows the scenario, settings and trial of the page's address."""
    visitor, page = asyncio.run(visited(seed))
    state = visitor.state
    given = dict(state.settings)
    assert page.address == state.address()
    assert not any(page.running.values())
    assert bool(page.field) == (given.get("p") == REFUSED)
    if page.field:
        return  # what cannot be set leaves what is shown
    places = {f"{state.view}-{p}": p for p in PARTS}
    for place, part in places.items():
        why = page.refused[place]
        if given.get("q") == LONG:
            assert why == "this takes too long"
        elif part == "right" and given.get("q") == REFUSED:
            assert why == "there is no such part"
        else:
            assert why == ""
            wanted = state.setting("p", None) if part == "left" else state
            assert page.shown[place] == [wanted, given.get("p", "")]
