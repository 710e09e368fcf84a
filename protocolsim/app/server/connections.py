"""Connections that cannot be held for ever: who says nothing, or takes nothing, is cut off."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from protocolsim.app.limits import HEAD_SECONDS, MOST_CONNECTIONS, MOST_LINE, MOST_LINES, STALLED_SECONDS
from protocolsim.app.server.admission import COOKIE

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    b"content-length: 35\r\n\r\ntoo many visitors; try again later\n"
)


class _Timer:
    """Something that will happen unless it is called off."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, transport: asyncio.Transport) -> None:
        """Cut the connection after so long; a timer that runs goes on."""
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(seconds, transport.abort)

    def stop(self) -> None:
        """Call it off."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class _Taken(asyncio.Protocol):
    """What both kinds of connection have: what is sent must be taken in time."""

    transport: asyncio.Transport

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stalled = _Timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stalled.stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The browser takes nothing at the moment."""
        self._stalled.start(STALLED_SECONDS, self.transport)
        super().pause_writing()

    def resume_writing(self) -> None:
        """It takes more."""
        self._stalled.stop()
        super().resume_writing()


class HttpConnection(_Taken, H11Protocol):
    """A connection for requests. A request must be said whole in time, and its answer must be taken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head = _Timer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One more, if there are not too many."""
        mine = cast(asyncio.Transport, transport)
        super().connection_made(mine)
        if len(self.connections) > MOST_CONNECTIONS:
            mine.write(_FULL)
            mine.close()
            return
        self._head.start(HEAD_SECONDS, mine)

    def data_received(self, data: bytes) -> None:
        """A piece of a request."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        mine = self.transport.get_protocol() is self
        answering = getattr(self.cycle, "response_complete", True) is False  # None before the first request
        if mine and not answering:
            self._head.start(HEAD_SECONDS, self.transport)
        else:
            self._head.stop()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Hand over to the WebSocket, whose reader takes less than ours, and is silent about the rest."""
        # Cookies of whatever else is served on this machine may be long, and say nothing here.
        self.headers = [(name, _own(value) if name == b"cookie" else value) for name, value in self.headers]
        longest = max((len(name) + len(value) for name, value in self.headers), default=0)
        if max(longest, len(event.target)) > MOST_LINE or len(self.headers) > MOST_LINES:
            self.send_400_response(f"a WebSocket begins with at most {MOST_LINES} headers of {MOST_LINE} bytes")
            return
        names = {name for name, _ in self.headers}
        if event.method != b"GET" or names & {b"transfer-encoding", b"content-length"}:
            self.send_400_response("a WebSocket begins with GET, without a body")
            return
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._head.stop()
        super().connection_lost(exc)


def _own(cookies: bytes) -> bytes:
    pairs = [pair.strip() for pair in cookies.split(b";")]
    return b"; ".join(pair for pair in pairs if pair.startswith(COOKIE.encode()))


class SocketConnection(_Taken, WebSocketsSansIOProtocol):
    """A WebSocket, likewise."""

    def data_received(self, data: bytes) -> None:
        """A piece of a message. Before, the head: it comes whole, and what is not understood at once never will be."""
        super().data_received(data)
        if not self.handshake_initiated:
            self.transport.abort()

    async def send(self, message: Any) -> None:
        """Send, and know that a refusal ends the handshake too; the log would say that it was never answered."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True
