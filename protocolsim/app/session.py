"""One visitor's session: what they change, what is asked for them, and what they are shown.

Everything slow happens outside the reactive graph, which all visitors share: in worker processes, or in a thread. Only
what the page says comes through that graph; what it is shown is sent as it is made. Outputs of Shiny would cost each
visitor who comes a third of a second, in which it looks for their source code, and several messages for each change.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from shiny import Inputs, Outputs, Session, reactive

from protocolsim.app.described import Described, DescribedPart
from protocolsim.app.form import form_html, numbers_set
from protocolsim.app.limits import MOST_VISITORS
from protocolsim.app.messages import ADDRESS, MISHEARD
from protocolsim.app.state import MOST_NAME, NUMBERS, OWN_TEXT, VisitorState, asked, restored, scenario_of
from protocolsim.app.view.base import Part, View
from protocolsim.app.view.catalogue import part_of, views
from protocolsim.app.work.answers import Answers
from protocolsim.app.work.orders import Answer, Order
from protocolsim.errors import ProtocolsimError, UsageError
from protocolsim.scenario.file.library import names

_STEPPED, _PICKED = ("draw", "patient"), ("measure", "beside", "walk")
_SETTLED = 0.4  # seconds after which a visitor is taken to be looking at what there is


class Visitor:
    """What one visitor has set up, and what is under way for them."""

    present = 0

    def __init__(self, session: Session, answers: Answers, first: VisitorState) -> None:
        self._session, self._answers = session, answers
        self.state = first
        self.described: Described | None = None
        self.shown: dict[tuple[str, str], Answer] = {}
        self.last = ""
        self._refused = ""
        self._asks = 0
        self._opened_at = 0
        self._changes = 0
        self._preparing: asyncio.Task[None] | None = None
        self._ready_for: VisitorState | None = None
        self._asked: dict[tuple[str, str], tuple[int, VisitorState | None]] = {}
        self._meant: dict[tuple[str, str], VisitorState] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._opening: asyncio.Task[None] | None = None
        self._moving: asyncio.Task[None] | None = None
        self._moved_to: VisitorState | None = None

    # What is set up ---------------------------------------------------------------------------------------------------

    def open(self, state: VisitorState, refused: str = "") -> None:
        """Begin with another scenario, or another address. What cannot be opened leaves all as it was.

        `refused`: what was asked for and cannot be had, which the page says. Of several asked for the last one counts.
        """
        if self._opening is not None:
            self._opening.cancel()
        self._opening = _later(self._open(state, refused))

    async def _open(self, state: VisitorState, refused: str) -> None:
        try:
            answer = await self._answers.get(_description(state), lambda *_: None)
        except ProtocolsimError as error:
            self.mishear(str(error))
            return
        described = answer.facts
        form = await asyncio.to_thread(form_html, described, state)
        # From here on without a pause, so that it is opened whole or not at all.
        self._leave_scenario()
        self.state, self.described = state, described
        opened = {
            "text": described.text,
            "title": described.title,
            "form": form,
            "view": state.view,
            "scenario": state.scenario,
            "edited": state.text is not None and state.scenario == OWN_TEXT,
            "offered": {view.name: view.called(described) for view in views() if view.offered(described)},
        }
        self.mishear(refused)
        await self._send("opened", opened)
        await self.changed()

    def _leave_scenario(self) -> None:
        """What was changed or asked for so far has no place in what is opened, however late it is ready."""
        self._changes += 1
        self._opened_at = self._asks
        self._moved_to = None
        for task in (*self._tasks.values(), self._moving):
            if task is not None:
                task.cancel()
        self._moving = None
        for known in (self.shown, self._asked, self._meant):
            known.clear()

    async def changed(self) -> None:
        """Everything that follows from a change of the state.

        What cannot be set is said at its field, and what is shown stays. Of several changes under way the last counts.
        """
        self._changes += 1
        state, number = self.state, self._changes
        await self._send("address", state.address())
        if self.described is not None:
            await self._send("form", numbers_set(self.described, state))
        why = await self._unset(state)
        if number != self._changes:
            return
        await self._send("field", {"name": self.last if why else "", "why": why})
        shown = next((v for v in views() if v.name == state.view), None)
        if shown is None or (why and any((shown.name, part.name) in self.shown for part in shown.parts)):
            return
        for part in shown.parts:
            self._start(shown, part, state)
        self._prepare(state)

    async def _unset(self, state: VisitorState) -> str:
        """Why the scenario cannot be as it was set up; "" where it can."""
        if not state.settings:
            return ""
        try:
            await asyncio.to_thread(scenario_of, state)
        except ProtocolsimError as error:
            return str(error).replace(" (from --set)", "")
        return ""

    def step(self, name: str, by: int) -> dict[str, int]:
        """The number of the trial or of the patient so many further on, as a change of the state."""
        if name == "draw":
            return {"draw": min(max(0, self.state.draw + by), NUMBERS["draw"][1])}
        facts = [self.shown[place].facts for place in sorted(self.shown, key=_place_in_views)]
        stepped = [f.stepped(self.state.patient, by) for f in facts if hasattr(f, "stepped")]
        return {name: stepped[-1]} if stepped else {}

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
            value = math.nan
        if not math.isfinite(value):
            raise UsageError(f"{control.label}: expected a number, found '{text[:40]}'")
        own = abs(value - control.value) < 1e-12
        self.last = name
        self.state = self.state.setting(name, None if own else control.parameter.write(value))
        return self.described.answers_at_once(name)

    def mishear(self, why: str) -> None:
        """Say what was wrong with what was said, or that nothing is any more."""
        if why != self._refused:
            self._refused = why
            _later(self._send("refused", why))

    def check(self, text: str) -> None:
        """Check what is being typed."""
        for view in views():
            for part in view.parts:
                if part.checks_text:
                    self._start(view, part, VisitorState(OWN_TEXT, text, allow_plugins=self.state.allow_plugins))

    # What answers -----------------------------------------------------------------------------------------------------

    def _start(self, view: View, part: Part, state: VisitorState) -> None:
        """Ask for a part of a state, unless just that is asked for already."""
        self._asks += 1
        _later(self._ask((view.name, part.name), part, state, self._asks))

    def cancel(self, view: str, part: str) -> None:
        """Stop what is under way."""
        if (view, part) in self._tasks:
            self._asked.pop((view, part), None)
            self._tasks[view, part].cancel()

    async def _ask(self, place: tuple[str, str], part: Part, state: VisitorState, number: int) -> None:
        wanted, why = state, ""
        try:
            wanted = await asyncio.to_thread(part.reduced, state)
        except ProtocolsimError as error:
            why = str(error)
        latest, already = self._asked.get(place, (0, None))
        if number <= max(latest, self._opened_at):
            return
        self._meant[place] = state
        self._asked[place] = (number, None if why else wanted)
        if already == wanted and not why:
            return
        # Only now: a change that makes no difference here leaves alone what is under way.
        if place in self._tasks:
            self._tasks[place].cancel()
        if why:
            await self._end(place, why)
            return
        self._tasks[place] = asyncio.create_task(self._make(place, Order(*place, wanted)))

    async def _make(self, place: tuple[str, str], order: Order) -> None:
        def tell(done: int, total: int) -> None:
            if self._asked.get(place, (0, None))[1] == order.state:
                _later(self._status(place, done, total))

        if self._answers.kept(order) is None:
            await self._status(place, 0, 0)
        seen = False
        try:
            async with aclosing(self._answers.stages(order, tell)) as stages:
                async for answer in stages:
                    await self._shown(place, order, answer, more=seen)
                    seen = True
        except ProtocolsimError as error:
            await self._end(place, str(error))
            return
        except asyncio.CancelledError:
            if place not in self._asked:
                await self._send("status", {"part": "-".join(place), "running": False})
            raise
        await self._send("status", {"part": "-".join(place), "running": False})

    async def _shown(self, place: tuple[str, str], order: Order, answer: Answer, *, more: bool) -> None:
        """Send an answer; with `more` its beginning stands there, and only the figures that were missing are put in.

        Shown as it is set up by now: what makes no difference to the answer may have moved meanwhile.
        """
        state = self._meant.get(place, order.state)
        try:
            page = await asyncio.to_thread(_page, order, answer, state)
        except ProtocolsimError as error:
            await self._refuse(place, str(error))
            return
        self.shown[place] = answer
        told = {"part": "-".join(place), "html": page, "why": "", "more": more, "begun": bool(answer.pending)}
        await self._send("shown", told)
        if self.state != state:
            self.at_once()  # it moved while the page was written, and the answer before this one responded

    async def _end(self, place: tuple[str, str], why: str) -> None:
        """Nothing is under way any more, for this reason."""
        await self._refuse(place, why)
        await self._send("status", {"part": "-".join(place), "running": False})

    async def _refuse(self, place: tuple[str, str], why: str) -> None:
        """Say why there is no newer answer, beside the one that is there."""
        await self._send("shown", {"part": "-".join(place), "html": None, "why": why})

    def _prepare(self, state: VisitorState) -> None:
        """Have ready what this visitor probably asks for next, where nobody else waits for it.

        Who walks on in what was simulated leaves alone what is being made ready: most of it is wanted again.
        """
        if self._answers.lone:
            return
        before, self._ready_for = self._ready_for, state
        running = self._preparing is not None and not self._preparing.done()
        if self._preparing is not None and running and before is not None and before.simulated == state.simulated:
            return
        if self._preparing is not None:
            self._preparing.cancel()
        self._preparing = _later(self._prepared())

    async def _prepared(self) -> None:
        done = None
        while (state := self._ready_for) is not None and state is not done:
            await asyncio.sleep(_SETTLED)
            if self._tasks:
                await asyncio.wait(set(self._tasks.values()))
            for view in sorted(views(), key=lambda v: v.name != state.view):
                for part in view.parts:
                    if self.described is None or part.checks_text or not view.offered(self.described):
                        continue
                    await self._prepared_part(view, part, state)
            done = state

    async def _prepared_part(self, view: View, part: Part, state: VisitorState) -> None:
        """One part, and what comes after it; where the visitor has gone on meanwhile, that comes first."""
        if self._ready_for is not state:
            return
        with suppress(ProtocolsimError):
            answer = await self._ready(view, part, state)
            for following in part.ahead(answer, state):
                if self._ready_for is state:
                    await self._ready(view, part, following)

    async def _ready(self, view: View, part: Part, state: VisitorState) -> Answer:
        order = Order(view.name, part.name, await asyncio.to_thread(part.reduced, state))
        # One worker is always left for who asks for something.
        while self._answers.kept(order) is None and self._answers.spare < 2:
            await asyncio.sleep(_SETTLED)
        return await self._answers.get(order, lambda *_: None)

    async def _status(self, place: tuple[str, str], done: int, total: int) -> None:
        await self._send("status", {"part": "-".join(place), "running": True, "done": done, "total": total})

    def at_once(self) -> None:
        """Have the parts respond that can without being made anew; of several moves in a row the last one counts."""
        self._moved_to = self.state
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while (state := self._moved_to) is not None:
            self._moved_to = None
            for view in views():
                for part in view.parts:
                    await self._respond((view.name, part.name), part, state)

    async def _respond(self, place: tuple[str, str], part: Part, state: VisitorState) -> None:
        answer = self.shown.get(place)
        if answer is None:
            return
        try:
            message = await asyncio.to_thread(part.respond, answer, state)
        except ProtocolsimError as error:
            self.mishear(str(error))
            return
        if message is not None and self.shown.get(place) is answer:
            await self._send("response", {"part": "-".join(place), **message})

    async def _send(self, kind: str, what: Any) -> None:
        await self._session.send_custom_message(kind, what)

    def leave(self) -> None:
        """Nothing is wanted any more."""
        for task in (*self._tasks.values(), self._moving, self._opening, self._preparing):
            if task is not None:
                task.cancel()


def _page(order: Order, answer: Answer, state: VisitorState) -> str:
    """An answer as the page has it: hundreds of kilobytes, written in a thread, where it holds up nobody else."""
    return str(part_of(order.view, order.part).show(answer, state))


def _place_in_views(place: tuple[str, str]) -> int:
    return [(view.name, part.name) for view in views() for part in view.parts].index(place)


def _description(state: VisitorState) -> Order:
    part = DescribedPart()
    return Order("", part.name, part.reduced(state))


def serve_session(answers: Answers, first: VisitorState) -> Callable[[Inputs, Outputs, Session], None]:
    """The server function of the page."""

    def server(input: Inputs, output: Outputs, session: Session) -> None:  # noqa: ARG001 - as Shiny calls it
        visitor = Visitor(session, answers, first)
        _counted(session, visitor)
        _begin(input, visitor, first)
        _events(input, visitor, first)

    return server


def _counted(session: Session, visitor: Visitor) -> None:
    Visitor.present += 1

    def leave() -> None:
        Visitor.present -= 1
        visitor.leave()

    session.on_ended(leave)


def _begin(input: Inputs, visitor: Visitor, first: VisitorState) -> None:
    @reactive.effect
    async def _() -> None:
        with reactive.isolate():
            address = input[ADDRESS]()
        if Visitor.present > MOST_VISITORS:
            visitor.mishear("too many visitors; try again later")
            return
        why = ""
        try:
            state = restored(address, first)
        except UsageError as error:
            state, why = first, str(error)
        visitor.open(_known(state), why)


def _known(state: VisitorState) -> VisitorState:
    """The state, in the first view where it names none that is there."""
    return state if any(v.name == state.view for v in views()) else replace(state, view=views()[0].name)


_UNDER_WAY: set[asyncio.Task[None]] = set()


def _later(what: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Begin something that the graph need not wait for."""
    task = asyncio.create_task(what)
    _UNDER_WAY.add(task)
    task.add_done_callback(_UNDER_WAY.discard)
    return task


def _events(input: Inputs, visitor: Visitor, first: VisitorState) -> None:
    """What a visitor does, each a message from the page (static/page.js), of the kind that messages.py lets through."""

    def upon(name: str, act: Callable[[Any], None], *, mends: bool = True, ignore_init: bool = False) -> None:
        @reactive.effect
        @reactive.event(input[name], ignore_init=ignore_init)
        def _() -> None:
            try:
                act(input[name]())
            except ProtocolsimError as error:
                visitor.mishear(str(error))
            else:
                if mends:
                    visitor.mishear("")

    upon("moved", lambda said: _moved(visitor, said))
    upon("asked", lambda said: _asked(visitor, said))
    upon("picked", lambda said: _picked(visitor, said))
    upon("kept", lambda _: _change(visitor, other=visitor.state.settings, beside=""))
    upon("step", lambda said: _step(visitor, said))
    upon("went", lambda said: visitor.open(_known(restored(said, first))))
    # The tab with which the page comes, whatever its address says, is nobody's choice.
    upon("view", lambda said: _look(visitor, said), mends=False, ignore_init=True)
    upon("reset", lambda _: visitor.open(replace(visitor.state, settings=(), replicates=None, seed=None)))
    upon("chosen", lambda said: _choose(visitor, said))
    upon("typed", visitor.check)
    upon("used", lambda said: visitor.open(_fresh(visitor.state, OWN_TEXT, said)))
    upon("cancelled", lambda said: visitor.cancel(*said))
    upon(MISHEARD, visitor.mishear, mends=False)


def _asked(visitor: Visitor, said: dict[str, Any]) -> None:
    """A number of the state; of the patient also none, where nobody is chosen any more."""
    name, text = said["name"], said["value"]
    nobody = name == "patient" and text == ""
    _change(visitor, **{name: None if nobody else asked(name, text)})


def _change(visitor: Visitor, **changes: Any) -> None:
    visitor.state = replace(visitor.state, **changes)
    if {"draw", "patient"} & set(changes):
        visitor.at_once()  # where a patient is marked in a picture that stays as it is
    if visitor.described is not None:
        _later(visitor.changed())


def _moved(visitor: Visitor, said: dict[str, Any]) -> None:
    live = visitor.move(said["name"], said["value"])
    if live:
        visitor.at_once()
    if said["settled"] and visitor.described is not None:
        _later(visitor.changed())


def _look(visitor: Visitor, name: str) -> None:
    if name != visitor.state.view and any(view.name == name for view in views()):
        _change(visitor, view=name)


def _picked(visitor: Visitor, said: dict[str, Any]) -> None:
    if said["name"] in _PICKED:
        _change(visitor, **{said["name"]: said["value"][:MOST_NAME]})


def _step(visitor: Visitor, said: dict[str, Any]) -> None:
    if said["name"] in _STEPPED:
        changes: dict[str, Any] = dict(visitor.step(said["name"], said["by"]))
        # Another trial has other patients.
        _change(visitor, **(changes | {"patient": None} if "draw" in changes else changes))


def _choose(visitor: Visitor, name: str) -> None:
    if name not in names():
        raise UsageError(f"there is no scenario '{name[:MOST_NAME]}'")
    visitor.open(_fresh(visitor.state, name))


def _fresh(state: VisitorState, scenario: str, text: str | None = None) -> VisitorState:
    """Another scenario without a setting, looked at in the same view."""
    return VisitorState(scenario, text, view=state.view, allow_plugins=state.allow_plugins)
