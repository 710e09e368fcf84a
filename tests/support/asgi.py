"""Requests to the page's application without a network: any header can be said, and every route is known."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from protocolsim.app.work.pool import Pool
from protocolsim.errors import UsageError

SAMPLES = {"view": "rule", "part": "curve", "figure": "roc", "form": "csv", "rest": "x/y", "session_id": "x",
           "action": "download", "subpath": "y"}  # fmt: skip


class NoWorkers(Pool):
    """A pool that carries out nothing, for what is decided before any work."""

    def __init__(self) -> None:
        """Start no process."""

    async def carry_out(self, *_: Any) -> Any:
        """Refuse."""
        raise UsageError("no worker in this test")

    def close(self) -> None:
        """Nothing to end."""


@dataclass(frozen=True)
class Told:
    """What came back; status 101 where a WebSocket was opened."""

    status: int
    headers: dict[str, str]
    body: str


def routes(app: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every route of an application: its kind, and a path that it answers."""
    for route in app.routes:
        path = prefix + getattr(route, "path", "")
        if isinstance(route, WebSocketRoute):
            yield "websocket", path
        elif isinstance(route, Route):
            for name, sample in SAMPLES.items():
                path = path.replace(f"{{{name}}}", sample).replace(f"{{{name}:path}}", sample)
            yield "http", path
        elif isinstance(route, Mount):
            inner = getattr(route.app, "starlette_app", route.app)
            if isinstance(inner, StaticFiles):
                folder = Path(str(inner.directory))
                first = next(p for p in sorted(folder.rglob("*")) if p.is_file())
                yield "http", f"{path}/{first.relative_to(folder).as_posix()}"
            elif hasattr(inner, "routes"):
                yield from routes(inner, path)
        else:
            raise TypeError(f"a route of a kind that this test does not know: {route}")


def ask(app: Any, kind: str, path: str, headers: dict[str, str], *, query: str = "", method: str = "GET") -> Told:
    """Ask an application for a path, saying these headers."""
    return asyncio.run(_ask(app, kind, path, headers, query, method))


async def _ask(app: Any, kind: str, path: str, headers: dict[str, str], query: str, method: str) -> Told:
    scope = {
        "type": kind, "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()], "scheme": "http",
        "extensions": {"websocket.http.response": {}}, "http_version": "1.1", "asgi": {"version": "3.0"},
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765), "subprotocols": [],
    }  # fmt: skip
    if kind == "http":
        scope["method"] = method
    said: list[dict[str, Any]] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if kind == "websocket" and said:
            return said.pop(0)
        await asyncio.sleep(3600)
        raise AssertionError("nobody waits so long")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next((m for m in sent if m["type"].endswith("response.start")), None)
    if start is None:
        return Told(101 if any(m["type"] == "websocket.accept" for m in sent) else 0, {}, "")
    body = b"".join(m.get("body", b"") for m in sent if m["type"].endswith("response.body"))
    heads = {k.decode().lower(): v.decode("latin-1") for k, v in start["headers"]}
    return Told(start["status"], heads, body.decode("utf-8", "replace"))
