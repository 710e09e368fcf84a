"""The server: the page, its files, and what is refused before it reaches either."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from shiny import App
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from protocolsim.app.answers import Answers
from protocolsim.app.limits import MOST_MESSAGE
from protocolsim.app.page import page
from protocolsim.app.pool import Pool
from protocolsim.app.session import serve_session
from protocolsim.app.state import State, restored, scenario_file
from protocolsim.app.view.base import views
from protocolsim.app.worker import Order
from protocolsim.errors import ProtocolsimError, UsageError

Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]

_TYPES = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv; charset=utf-8"}
_MOST_WORKERS = 4
# Nothing is loaded from anywhere else, whatever a scenario's text may say.
_ONLY_HERE = (
    b"default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    b"script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'self' ws: wss:; frame-ancestors 'none'"
)


def serve(first: State, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page until interrupted; `ready` is told its address. Raises UsageError where the port is taken."""
    import socket

    address = f"http://{host}:{port}"
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen()
        except OSError as error:
            raise UsageError(f"cannot listen at {address}: {error.strerror or error}; name another --port") from None
        ready(f"http://{host}:{listening.getsockname()[1]}")
        config = uvicorn.Config(
            application(first),
            log_level="warning",
            ws_max_size=MOST_MESSAGE,
            ws="websockets-sansio",
            timeout_graceful_shutdown=2,
        )
        _Server(config).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server whose end, once asked for, is not disturbed by who asks again: it is bounded anyway."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        if not self.should_exit:
            super().handle_exit(sig, frame)


def application(first: State, pool: Pool | None = None) -> Asgi:
    """The page as an ASGI application that begins with this state."""
    workers = pool or Pool(max(1, min(_MOST_WORKERS, (os.cpu_count() or 1))))
    answers = Answers(workers)
    shiny = App(page(), serve_session(answers, first), static_assets={"/static": Path(__file__).parent / "static"})

    async def download(request: Request) -> Response:
        return await _download(request, workers, first)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        warm = asyncio.create_task(_warm(answers, first))
        yield
        warm.cancel()
        workers.close()

    routes = [
        Route("/download/{view}/{part}/{figure}.{form}", download),
        Route("/download/scenario.yaml", download),
        Mount("/", shiny),
    ]
    return _guarded(Starlette(routes=routes, lifespan=lifespan))


async def _warm(answers: Answers, first: State) -> None:
    """Have the first page ready before anybody asks."""
    with suppress(ProtocolsimError):
        for part in views()[0].parts:
            state = await asyncio.to_thread(part.reduced, first)
            await answers.get(Order(views()[0].name, part.name, state), lambda *_: None)


async def _download(request: Request, pool: Pool, first: State) -> Response:
    """A file of what an address has set up."""
    wanted = request.path_params
    try:
        state = restored(request.url.query, first)
        if not wanted:
            text = await asyncio.to_thread(scenario_file, state)
            return _file(text.encode(), "text/yaml; charset=utf-8", "scenario.yaml")
        if wanted["form"] not in _TYPES:
            raise UsageError(f"no file ends in '.{wanted['form'][:20]}' here; there are {', '.join(_TYPES)}")
        order = Order(wanted["view"], wanted["part"], state, wanted["figure"], wanted["form"])
        found = await pool.carry_out(order, lambda *_: None)
    except ProtocolsimError as error:
        return PlainTextResponse(str(error), status_code=422)
    return _file(found, _TYPES[wanted["form"]], f"{wanted['figure']}.{wanted['form']}")


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _guarded(app: Asgi) -> Asgi:
    """The application, which takes no uploads, and whose pages may load nothing from elsewhere."""

    async def guarded(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
            refusal = PlainTextResponse("this page takes no uploads: a file is opened in the browser", status_code=413)
            await refusal(scope, receive, send)
            return

        async def marked(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"content-security-policy", _ONLY_HERE)]
            await send(message)

        await app(scope, receive, marked)

    return guarded
