"""The server: the page, its files, and the socket at which it listens."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from shiny import App
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from protocolsim.app.limits import MOST_HEADERS, MOST_MESSAGE, MOST_QUERY
from protocolsim.app.server.admission import TOKEN, Admission, HostName, named
from protocolsim.app.server.connections import HttpConnection, SocketConnection
from protocolsim.app.server.gate import Asgi, gate
from protocolsim.app.server.page import page
from protocolsim.app.server.sockets import sockets
from protocolsim.app.session import Visitor, serve_session
from protocolsim.app.state import VisitorState, restored, scenario_file
from protocolsim.app.view.catalogue import views
from protocolsim.app.work.answers import Answers
from protocolsim.app.work.orders import Order
from protocolsim.app.work.pool import Pool
from protocolsim.errors import ProtocolsimError, UsageError
from protocolsim.executor.base import cores
from protocolsim.report.story.page import STATIC
from protocolsim.report.style.stylesheet import FONTS

_TYPES = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv; charset=utf-8"}
_STATIC = Path(__file__).parents[1] / "static"
_MOST_WORKERS = 4
_TURN = 0.001  # seconds
_INLINE = re.compile(r"<script(?:\s+type=\"text/javascript\")?>(.*?)</script>", re.DOTALL)


def serve(
    first: VisitorState,
    *,
    host: str,
    port: int,
    token: str | None,
    allowed: tuple[HostName, ...],
    workers: int | None,
    ready: Callable[[str], None],
) -> None:
    """Serve the page until interrupted; `ready` is told its address. Raises UsageError where it cannot listen.

    `allowed` are further names by which it is reached (admission.py); without a `token` everybody may come in.
    """
    # Numbers are read from curves in threads; messages are carried by this one, which would wait for its turn.
    sys.setswitchinterval(_TURN)
    with listening(host, port) as ear:
        admission = admitted(ear, host, token, allowed)
        ready(address(ear, host, token))
        config = uvicorn.Config(
            application(first, admission, Pool(workers or min(_MOST_WORKERS, cores()))),
            log_level="warning",
            access_log=False,  # addresses have the token and the scenario in them
            server_header=False,
            http=HttpConnection,
            h11_max_incomplete_event_size=MOST_QUERY + MOST_HEADERS,
            ws=SocketConnection,
            ws_max_size=MOST_MESSAGE,
            timeout_graceful_shutdown=2,
        )
        _Server(config).run(sockets=[ear])


class _Server(uvicorn.Server):
    """A server whose end, once asked for, is not disturbed by who asks again: it is bounded anyway."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        if not self.should_exit:
            super().handle_exit(sig, frame)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there, whatever kind of address it is. Raises UsageError."""
    bare = host.removeprefix("[").removesuffix("]")
    place = f"{_shown(bare)}:{port}"
    try:
        family, kind, _, _, where = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError):
        raise UsageError(f"--host: this machine has no address '{host[:80]}'; the usual one is 127.0.0.1") from None
    ear = socket.socket(family, kind)
    try:
        if os.name == "posix":  # elsewhere it would let another program listen at the same port
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bare == "::":  # everybody, by either kind of address
            ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        ear.bind(where)
        ear.listen()
    except OSError as error:
        ear.close()
        raise UsageError(f"cannot listen at http://{place}: {error.strerror or error}; name another --port") from None
    return ear


def admitted(ear: socket.socket, host: str, token: str | None, allowed: tuple[HostName, ...]) -> Admission:
    """Who is admitted to a page that listens there.

    On the loopback only this machine can come, by the names of the loopback. Elsewhere the page is also reached by
    the name that was given, by the machine's own, and by addresses in figures, behind which a network may put it.
    """
    where = ear.getsockname()
    own = Admission(port=where[1], token=token, allowed=allowed)
    bare = HostName(where[0]).address
    if bare is not None and bare.is_loopback:
        return own
    given, machine = named(host), socket.gethostname().lower()
    names = {
        "localhost",
        machine,
        f"{machine}.local",
        *([given.host] if given is not None and given.address is None else []),
    }
    return replace(own, names=frozenset(names), literals="any")


def address(ear: socket.socket, host: str, token: str | None) -> str:
    """What to open in a browser on this machine."""
    bare, port = host.removeprefix("[").removesuffix("]"), ear.getsockname()[1]
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bare, bare)  # noqa: S104 - compared, not listened at
    return f"http://{_shown(here)}:{port}/" + (f"?{TOKEN}={token}" if token is not None else "")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def application(first: VisitorState, admission: Admission, workers: Pool) -> Asgi:
    """The page as an ASGI application that begins with this state."""
    shown, scripts = pages(first, workers)
    return gate(sockets(shown), admission, scripts)


def pages(first: VisitorState, workers: Pool) -> tuple[Starlette, list[str]]:
    """All that is behind the gate, and the hashes of the scripts that stand in the page."""
    answers = Answers(workers)
    files = {"/static/fonts": FONTS, "/static": _STATIC, "/told": STATIC}
    shiny = App(page(), serve_session(answers, first), static_assets=files)

    async def download(request: Request) -> Response:
        return await _download(request, workers, first)

    async def nothing(_: Request) -> Response:
        return PlainTextResponse("there is nothing here\n", status_code=404)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        warm = asyncio.create_task(_warm(answers, first))
        yield
        warm.cancel()
        workers.close()

    routes = [
        Route("/download/{view}/{part}/{figure}.{form}", download),
        Route("/download/scenario.yaml", download),
        Route("/session/{rest:path}", nothing),  # what Shiny would serve to single sessions; this page has none of it
        Mount("/", shiny),
    ]
    return Starlette(routes=routes, lifespan=lifespan), _hashes(shiny.ui)


def _hashes(rendered: Any) -> list[str]:
    """The hashes of the scripts that stand in the page itself, by which a browser knows them."""
    text = str(rendered["html"])
    return [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in _INLINE.findall(text)]


async def _warm(answers: Answers, first: VisitorState) -> None:
    """Have the first page ready before anybody asks, and the other views until somebody comes."""
    for view in views():
        for part in view.parts:
            if part.checks_text or (view is not views()[0] and (Visitor.present or answers.lone)):
                continue
            with suppress(ProtocolsimError):
                state = await asyncio.to_thread(part.reduced, first)
                await answers.get(Order(view.name, part.name, state), lambda *_: None)


async def _download(request: Request, pool: Pool, first: VisitorState) -> Response:
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
        download = await _while_wanted(request, pool.carry_out(order, lambda *_: None))
    except ProtocolsimError as error:
        return PlainTextResponse(str(error), status_code=422)
    except asyncio.CancelledError:
        return PlainTextResponse("stopped: nobody waits for it any more, or the page has ended\n", status_code=503)
    return _file(download, _TYPES[wanted["form"]], f"{wanted['figure']}.{wanted['form']}")


async def _while_wanted(request: Request, work: Coroutine[Any, Any, bytes]) -> bytes:
    """What the work yields. Raises CancelledError, and stops the work, once whoever asked has gone."""
    task = asyncio.create_task(work)

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        task.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await task
    finally:
        task.cancel()
        watching.cancel()


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
