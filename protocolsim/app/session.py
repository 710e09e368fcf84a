"""One visitor's session: what they change, what is asked for them, and what they are shown.

Everything slow happens outside the reactive graph, which all visitors share: in worker processes, or in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from htmltools import Tag, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render

from protocolsim.app.answers import Answers
from protocolsim.app.described import Described, DescribedPart
from protocolsim.app.form import form
from protocolsim.app.limits import MOST_VISITORS
from protocolsim.app.state import OWN_TEXT, State, restored, small
from protocolsim.app.view import rule
from protocolsim.app.view.base import Part, View, views
from protocolsim.app.worker import Answer, Order
from protocolsim.errors import ProtocolsimError, UsageError
from protocolsim.randomness import MAX_REPLICATES, MAX_SEED
from protocolsim.scenario.shipped import names

_STEPPED, _PICKED = ("draw", "patient"), ("measure", "beside")


@dataclass(frozen=True)
class Shown:
    """What a part shows: an answer to a state, or why there is none."""

    answer: Answer | None
    why: str = ""


class Visitor:
    """What one visitor has set up, and what is under way for them."""

    present = 0

    def __init__(self, session: Session, answers: Answers, first: State) -> None:
        self._session, self._answers = session, answers
        self.state = first
        self.described: Described | None = None
        self.opened: reactive.Value[int] = reactive.Value(0)
        self.refused: reactive.Value[str] = reactive.Value("")
        self.shown: dict[tuple[str, str], reactive.Value[Shown | None]] = {
            (v.name, p.name): reactive.Value(None) for v in views() for p in v.parts
        }
        self._asks = 0
        self._asked: dict[tuple[str, str], tuple[int, State]] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._moving: asyncio.Task[None] | None = None
        self._moved_to: State | None = None

    # What is set up ---------------------------------------------------------------------------------------------------

    async def open(self, state: State, refused: str = "") -> None:
        """Begin with another scenario, or another address. What cannot be opened leaves all as it was.

        `refused`: what was asked for and cannot be had, which the page says.
        """
        try:
            answer = await self._answers.get(_description(state), lambda *_: None)
        except UsageError as error:
            await self._set(self.refused, str(error))
            return
        self.state, self.described = state, answer.facts
        self._asked.clear()
        async with reactive.lock():
            self.refused.set(refused)
            for shown in self.shown.values():
                shown.set(None)
            with reactive.isolate():
                self.opened.set(self.opened.get() + 1)
            await reactive.flush()
        await self._send("opened", {"text": self.described.text, "view": state.view, "scenario": state.scenario})
        await self.changed()

    async def changed(self) -> None:
        """Everything that follows from a change of the state."""
        await self._send("address", self.state.address())
        for view in views():
            if view.name == self.state.view:
                for part in view.parts:
                    self._start(view, part, self.state)

    def move(self, name: str, text: str) -> bool:
        """Set one number of the form; whether it is the one that answers at once. Raises UsageError."""
        if self.described is None:
            return False
        control = next((c for c in self.described.controls if c.name == name), None)
        if control is None:
            raise UsageError(f"this scenario has no '{name[:40]}' to move")
        try:
            value = float(text)
        except ValueError:
            raise UsageError(f"{control.label}: expected a number, found '{text[:40]}'") from None
        own = abs(value - control.value) < 1e-12
        self.state = self.state.setting(name, None if own else control.said(value))
        return name == self.described.threshold

    def check(self, text: str) -> None:
        """Check what is being typed."""
        view = next(v for v in views() if v.name == "scenario")
        self._start(view, view.parts[0], State(OWN_TEXT, small(text)))

    # What answers -----------------------------------------------------------------------------------------------------

    def _start(self, view: View, part: Part, state: State) -> None:
        """Ask for a part of a state, unless just that is asked for already."""
        self._asks += 1
        _later(self._ask((view.name, part.name), part, state, self._asks))

    def cancel(self, view: str, part: str) -> None:
        """Stop what is under way."""
        if (view, part) in self._tasks:
            self._asked.pop((view, part), None)
            self._tasks[view, part].cancel()

    async def _ask(self, place: tuple[str, str], part: Part, state: State, number: int) -> None:
        try:
            wanted = await asyncio.to_thread(part.reduced, state)
        except ProtocolsimError as error:
            await self._set(self.shown[place], Shown(None, str(error)))
            return
        latest, already = self._asked.get(place, (0, None))
        if latest > number or already == wanted:
            return
        # Only now: a change that makes no difference here leaves alone what is under way.
        if place in self._tasks:
            self._tasks[place].cancel()
        self._asked[place] = (number, wanted)
        self._tasks[place] = asyncio.create_task(self._make(place, Order(*place, wanted)))

    async def _make(self, place: tuple[str, str], order: Order) -> None:
        def tell(done: int, total: int) -> None:
            if self._asked.get(place, (0, None))[1] == order.state:
                _later(self._status(place, done, total))

        if self._answers.kept(order) is None:
            await self._status(place, 0, 0)
        try:
            found = Shown(await self._answers.get(order, tell))
        except ProtocolsimError as error:
            found = Shown(None, str(error))
        except asyncio.CancelledError:
            if place not in self._asked:
                await self._send("status", {"part": "-".join(place), "running": False})
            raise
        await self._set(self.shown[place], found)
        await self._send("status", {"part": "-".join(place), "running": False})

    async def _status(self, place: tuple[str, str], done: int, total: int) -> None:
        await self._send("status", {"part": "-".join(place), "running": True, "done": done, "total": total})

    def at_once(self) -> None:
        """Read the threshold from the curve; of several moves in a row the last one counts."""
        self._moved_to = self.state
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while (state := self._moved_to) is not None:
            self._moved_to = None
            with reactive.isolate():
                shown = self.shown["rule", "curve"].get()
            if shown is None or shown.answer is None:
                return
            try:
                told = await asyncio.to_thread(rule.moved, shown.answer.facts, state)
            except ProtocolsimError as error:
                await self._set(self.refused, str(error))
                return
            await self._send("rule", {"table": str(told.table), **told.where})

    async def _set(self, value: reactive.Value[Any], new: Any) -> None:
        async with reactive.lock():
            value.set(new)
            await reactive.flush()

    async def _send(self, kind: str, what: Any) -> None:
        await self._session.send_custom_message(kind, what)

    def leave(self) -> None:
        """Nothing is wanted any more."""
        for task in (*self._tasks.values(), self._moving):
            if task is not None:
                task.cancel()


def _description(state: State) -> Order:
    part = DescribedPart()
    return Order("", part.name, part.reduced(state))


def serve_session(answers: Answers, first: State) -> Callable[[Inputs, Outputs, Session], None]:
    """The server function of the page."""

    def server(input: Inputs, output: Outputs, session: Session) -> None:
        visitor = Visitor(session, answers, first)
        _counted(session, visitor)
        _outputs(output, visitor)
        _begin(session, visitor, first)
        _events(input, visitor)

    return server


def _counted(session: Session, visitor: Visitor) -> None:
    Visitor.present += 1

    def leave() -> None:
        Visitor.present -= 1
        visitor.leave()

    session.on_ended(leave)


def _outputs(output: Outputs, visitor: Visitor) -> None:
    @output(id="form")
    @render.ui
    def _() -> TagList | None:
        visitor.opened.get()
        return None if visitor.described is None else form(visitor.described, visitor.state)

    @output(id="title")
    @render.ui
    def _() -> Tag | None:
        visitor.opened.get()
        return None if visitor.described is None else tags.span(visitor.described.title)

    @output(id="refused")
    @render.ui
    def _() -> Tag | None:
        why = visitor.refused.get()
        return tags.div(why, class_="alert alert-warning", role="alert") if why else None

    for view in views():
        for part in view.parts:
            _part_output(output, visitor, view, part)


def _part_output(output: Outputs, visitor: Visitor, view: View, part: Part) -> None:
    @output(id=f"{view.name}_{part.name}")
    @render.ui
    def _() -> Tag | TagList | None:
        shown = visitor.shown[view.name, part.name].get()
        if shown is None:
            return None
        if shown.answer is None:
            return tags.div(shown.why, class_="alert alert-warning", role="alert")
        return part.show(shown.answer, visitor.state)


def _begin(session: Session, visitor: Visitor, first: State) -> None:
    @reactive.effect
    async def _() -> None:
        with reactive.isolate():
            if visitor.opened.get():
                return
            address = session.clientdata.url_search()
        if Visitor.present > MOST_VISITORS:
            visitor.refused.set("too many visitors; try again later")
            return
        why = ""
        try:
            state = restored(address, first)
        except UsageError as error:
            state, why = first, str(error)
        known = {view.name for view in views()}
        state = state if state.view in known else replace(state, view=views()[0].name)
        _later(visitor.open(state, why))


_UNDER_WAY: set[asyncio.Task[None]] = set()


def _later(what: Coroutine[Any, Any, None]) -> None:
    """Begin something that the graph need not wait for."""
    task = asyncio.create_task(what)
    _UNDER_WAY.add(task)
    task.add_done_callback(_UNDER_WAY.discard)


def _events(input: Inputs, visitor: Visitor) -> None:
    """What a visitor does, each a message from the page (static/page.js)."""

    def upon(name: str, act: Callable[[Any], None], *, mends: bool = True) -> None:
        @reactive.effect
        @reactive.event(input[name])
        def _() -> None:
            try:
                act(input[name]())
            except UsageError as error:
                visitor.refused.set(str(error))
            else:
                if mends:
                    visitor.refused.set("")

    upon("moved", lambda said: _moved(visitor, said))
    upon("asked", lambda said: _asked(visitor, said))
    upon("picked", lambda said: _picked(visitor, said))
    upon("kept", lambda _: _change(visitor, other=visitor.state.settings, beside=""))
    upon("step", lambda said: _step(visitor, said))
    upon("view", lambda said: _change(visitor, view=str(said)), mends=False)
    upon("reset", lambda _: _later(visitor.open(replace(visitor.state, settings=(), replicates=None, seed=None))))
    upon("chosen", lambda said: _choose(visitor, str(said)))
    upon("typed", lambda said: visitor.check(str(said)))
    upon("used", lambda said: _later(visitor.open(State(OWN_TEXT, small(str(said)), view=visitor.state.view))))
    upon("cancelled", lambda said: visitor.cancel(*str(said).split("-", 1)))


def _change(visitor: Visitor, **changes: Any) -> None:
    visitor.state = replace(visitor.state, **changes)
    if visitor.described is not None:
        _later(visitor.changed())


def _moved(visitor: Visitor, said: dict[str, Any]) -> None:
    live = visitor.move(str(said["name"]), str(said["value"]))
    if live:
        visitor.at_once()
    if said.get("settled") and visitor.described is not None:
        _later(visitor.changed())


def _asked(visitor: Visitor, said: dict[str, Any]) -> None:
    """Replicates or seed."""
    name = str(said["name"])
    most = {"replicates": MAX_REPLICATES - 1, "seed": MAX_SEED}
    text = str(said["value"])
    if name not in most or not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most[name]):
        raise UsageError(f"{name[:20]}: expected a whole number, found '{text[:40]}'")
    _change(visitor, **{name: int(text)})


def _picked(visitor: Visitor, said: dict[str, Any]) -> None:
    if str(said["name"]) in _PICKED:
        _change(visitor, **{str(said["name"]): str(said["value"])[:60]})


def _step(visitor: Visitor, said: dict[str, Any]) -> None:
    name, by = str(said["name"]), int(said["by"])
    if name in _STEPPED:
        _change(visitor, **{name: max(0, getattr(visitor.state, name) + by)})


def _choose(visitor: Visitor, name: str) -> None:
    if name not in names():
        raise UsageError(f"there is no scenario '{name[:60]}'")
    _later(visitor.open(State(name, view=visitor.state.view)))
