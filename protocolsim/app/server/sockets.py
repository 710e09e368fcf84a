"""The WebSocket of one page: what comes in is heard first, what goes out waits for nobody else."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from starlette.responses import PlainTextResponse

from protocolsim.app.limits import (
    IDLE_SECONDS,
    INIT_SECONDS,
    MESSAGES_A_SECOND,
    MESSAGES_AT_ONCE,
    MOST_SESSIONS,
    MOST_UNSENT,
)
from protocolsim.app.messages import Unintelligible, heard
from protocolsim.app.server.gate import Asgi, Scope

Message = MutableMapping[str, Any]
_POLICY, _UNSUPPORTED, _GOING = 1008, 1003, 1001


def sockets(app: Asgi) -> Asgi:
    """The application, whose WebSockets are heard and bounded."""
    present = 0

    async def bounded(scope: Scope, receive: Any, send: Any) -> None:
        nonlocal present
        if scope["type"] != "websocket":
            await app(scope, receive, send)
            return
        if present >= MOST_SESSIONS:
            await PlainTextResponse("too many visitors; try again later\n", 503)(scope, receive, send)
            return
        present += 1
        try:
            await Socket(receive, send).carry(app, scope)
        finally:
            present -= 1

    return bounded


class Socket:
    """One WebSocket. Whoever sends to it does not wait: one browser that takes nothing would hold up all others."""

    def __init__(self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        self._receive, self._send = receive, send
        self._line: asyncio.Queue[Message] = asyncio.Queue()
        self._unsent = 0
        self._over = asyncio.Event()
        self._begun = False
        self._left, self._counted = float(MESSAGES_AT_ONCE), time.monotonic()

    async def carry(self, app: Asgi, scope: Scope) -> None:
        """Let the application talk until either side has ended."""
        sender = asyncio.create_task(self._sending())
        try:
            await app(scope, self.receive, self.send)
            if not self._over.is_set():
                await self._drained()
        finally:
            sender.cancel()

    async def _drained(self) -> None:
        """What stands in line has been sent, or a second is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._line.join(), 1.0)

    async def send(self, message: Message) -> None:
        """Put a message in line, unless it has ended."""
        if self._over.is_set():
            return
        self._unsent += len(message.get("text") or "")
        if self._unsent > MOST_UNSENT:
            self._over.set()
            return
        self._line.put_nowait(message)

    async def receive(self) -> Message:
        """The next message of the page, once it was heard."""
        while True:
            message = await self._next()
            if message["type"] != "websocket.receive":
                return message
            await self._in_time()
            if message.get("text") is None:
                return await self._end(_UNSUPPORTED, "expected text, found bytes")
            try:
                said = heard(message["text"], first=not self._begun)
            except Unintelligible as error:
                return await self._end(_POLICY, str(error))
            self._begun = True
            return {"type": "websocket.receive", "text": json.dumps(said)}

    async def _next(self) -> Message:
        """What comes next; the end, where nothing comes in time or nothing is taken any more."""
        waiting = [asyncio.ensure_future(self._receive()), asyncio.create_task(self._over.wait())]
        patience = IDLE_SECONDS if self._begun else INIT_SECONDS
        try:
            await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if waiting[0].done() and not self._over.is_set():
                message: Message = waiting[0].result()  # type: ignore[assignment]
                return message
        finally:
            for each in waiting:
                each.cancel()
        return await self._end(_GOING, "nothing was heard of this page for a long time")

    async def _in_time(self) -> None:
        """Wait until this message may be heard: meanwhile no more are read from the network."""
        now = time.monotonic()
        self._left = min(MESSAGES_AT_ONCE, self._left + (now - self._counted) * MESSAGES_A_SECOND)
        self._counted = now
        self._left -= 1
        if self._left < 0:
            await asyncio.sleep(-self._left / MESSAGES_A_SECOND)

    async def _end(self, code: int, why: str) -> Message:
        """Close, and tell the application that it is over."""
        if not self._over.is_set():
            self._line.put_nowait({"type": "websocket.close", "code": code, "reason": why})
            await self._drained()
            self._over.set()
        return {"type": "websocket.disconnect", "code": code}

    async def _sending(self) -> None:
        while True:
            message = await self._line.get()
            try:
                await self._send(message)
            except (OSError, RuntimeError):  # it is gone, which receive() learns too
                self._over.set()
            self._unsent -= len(message.get("text") or "")
            self._line.task_done()
