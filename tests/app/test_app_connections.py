"""Visitors who say nothing, take nothing or are too many: they are cut off, and hold up nobody."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
import uvicorn

from protocolsim.app.server import connections, sockets
from protocolsim.app.server.connections import HttpConnection, SocketConnection
from protocolsim.app.server.sockets import Socket

INIT = {"type": "websocket.receive", "text": json.dumps({"method": "init", "data": {}})}
Receive = Callable[[], Awaitable[dict[str, Any]]]


async def never(*_: Any) -> Any:
    await asyncio.sleep(3600)


def saying(*messages: dict[str, Any]) -> Receive:
    """A browser that says these messages, and then nothing."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else await never()

    return receive


def test_sending_waits_for_nobody(monkeypatch):
    """To a browser that takes nothing all is sent at once, until it is too much: then its session ends."""
    monkeypatch.setattr(sockets, "MOST_UNSENT", 10_000)

    async def talk() -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []

        async def app(scope: Any, receive: Receive, send: Any) -> None:
            for _ in range(20):
                await send({"type": "websocket.send", "text": "a" * 1000})
            heard.append(await receive())

        async with asyncio.timeout(60):
            await Socket(saying(), never).carry(app, {})
        return heard

    assert asyncio.run(talk()) == [{"type": "websocket.disconnect", "code": 1001}]


def test_what_is_sent_arrives_in_order():
    """Nothing that was sent before the end is lost, nor overtaken."""

    async def talk() -> list[str]:
        sent: list[str] = []

        async def slow(message: Any) -> None:
            await asyncio.sleep(0.001)
            sent.append(message["text"])

        async def app(scope: Any, receive: Receive, send: Any) -> None:
            for k in range(100):
                await send({"type": "websocket.send", "text": str(k)})

        await Socket(saying(), slow).carry(app, {})
        return sent

    assert asyncio.run(talk()) == [str(k) for k in range(100)]


@pytest.mark.parametrize(("limit", "said"), [("INIT_SECONDS", []), ("IDLE_SECONDS", [INIT])])
def test_who_says_nothing_is_left(monkeypatch, limit, said):
    """Before a page has begun soon, afterwards after hours; with a close that says so."""
    monkeypatch.setattr(sockets, limit, 0.05)

    async def talk() -> tuple[list[str], list[dict[str, Any]]]:
        heard: list[str] = []
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def app(scope: Any, receive: Receive, send: Any) -> None:
            while not heard or heard[-1] != "websocket.disconnect":
                heard.append((await receive())["type"])

        async with asyncio.timeout(60):
            await Socket(saying(*said), send).carry(app, {})
        return heard, sent

    heard, sent = asyncio.run(talk())
    assert heard == [*(m["type"] for m in said), "websocket.disconnect"]
    assert [m["type"] for m in sent] == ["websocket.close"]
    assert "a long time" in sent[0]["reason"]


def test_there_are_so_many_sessions_and_no_more(monkeypatch):
    """One more than the limit is refused in words; when one has ended there is room again."""
    monkeypatch.setattr(sockets, "MOST_SESSIONS", 3)

    async def talk() -> list[int]:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "websocket.accept"})
            await receive()

        bounded, told = sockets.sockets(app), []

        async def visit() -> None:
            async def send(message: dict[str, Any]) -> None:
                told.append(message.get("status", 101) if message["type"] != "websocket.http.response.body" else 0)

            scope = {"type": "websocket", "extensions": {"websocket.http.response": {}}}
            await bounded(scope, never, send)

        present = [asyncio.create_task(visit()) for _ in range(4)]
        await asyncio.sleep(0.05)
        present[0].cancel()
        await asyncio.sleep(0.05)
        present.append(asyncio.create_task(visit()))
        await asyncio.sleep(0.05)
        for task in present:
            task.cancel()
        return [status for status in told if status]

    assert asyncio.run(talk()) == [503, 101, 101, 101, 101]


async def _plain(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "text": "a" * 100_000})
    body = b"a" * (10_000_000 if scope["path"] == "/large" else 10)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
    await receive()


@asynccontextmanager
async def serving() -> Any:
    config = uvicorn.Config(
        _plain,
        port=0,
        http=HttpConnection,
        ws=SocketConnection,
        lifespan="off",
        log_level="critical",
        timeout_keep_alive=1,
    )
    server = uvicorn.Server(config)
    with closing(socket.socket()) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.listen()
        task = asyncio.create_task(server.serve(sockets=[ear]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield server, ear.getsockname()[1]
        server.should_exit, server.force_exit = True, True
        await task


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", ASK + b"GET / HT",
     b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", UPGRADE],
)  # fmt: skip
def test_no_connection_is_held_for_ever(monkeypatch, said):
    """Who says nothing, half a request, or takes nothing of an answer or of a WebSocket is cut off in time."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.2)

    async def hold() -> int:
        async with serving() as (server, port):
            with closing(socket.create_connection(("127.0.0.1", port))) as mine:
                mine.sendall(said)
                seen = 0
                for _ in range(100):
                    await asyncio.sleep(0.05)
                    held = len(server.server_state.connections)
                    seen = max(seen, held)
                    if seen and not held:
                        return 0
                return len(server.server_state.connections)

    assert asyncio.run(hold()) == 0


def test_who_asks_in_time_is_not_cut_off(monkeypatch):
    """The clock of one request does not run on while the next one is said."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)

    async def ask() -> bytes:
        async with serving() as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            found = b""
            for _ in range(4):
                writer.write(ASK)
                found = await reader.readuntil(b"aaaaaaaaaa")
                await asyncio.sleep(0.15)
            writer.close()
            return found

    assert b"200" in asyncio.run(ask())


def test_too_many_connections_are_told_so(monkeypatch):
    """One more than the limit is answered that there are too many, and closed."""
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)

    async def crowd() -> bytes:
        async with serving() as (_, port):
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            said = await reader.read()
            for _, other in [*held, (reader, writer)]:
                other.close()
            return said

    assert b"too many visitors" in asyncio.run(crowd())


def test_cookies_of_others_do_not_keep_a_visitor_out():
    """What other programs of this machine have put into the browser's jar may be longer than a WebSocket's head."""

    async def ask() -> bytes:
        async with serving() as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            cookies = b"Cookie: other=" + b"a" * 20_000 + b"; protocolsim-1=mine\r\n\r\n"
            writer.write(UPGRADE.removesuffix(b"\r\n") + cookies)
            found = await reader.readuntil(b"\r\n")
            writer.close()
            return found

    assert b"101" in asyncio.run(ask())
