"""Connections that cannot be held for ever: who says nothing, or takes nothing, is cut off."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from protocolsim.app.limits import HEAD_SECONDS, MOST_CONNECTIONS, MOST_LINE, MOST_LINES, STALLED_SECONDS

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


class HttpConnection(H11Protocol):
    """A connection for requests. A request must be said whole in time, and its answer must be taken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head, self._stalled = _Timer(), _Timer()

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
        """Hand over to the WebSocket, whose reader takes shorter headers than ours and fails at longer ones."""
        longest = max((len(value) for _, value in self.headers), default=0)
        if max(longest, len(event.target)) > MOST_LINE or len(self.headers) > MOST_LINES:
            self.send_400_response(f"a header of a WebSocket may have {MOST_LINE} bytes")
            return
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._head.stop()
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


class SocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket, likewise."""

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
