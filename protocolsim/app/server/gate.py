"""The gate: every request passes it first, and every answer leaves through it with the headers that browsers obey."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from protocolsim.app.limits import MOST_HEADERS, MOST_QUERY
from protocolsim.app.server.admission import Admission, has_token, without_token
from protocolsim.text.html import words as in_html

Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

WEBSOCKET = "/websocket/"
_READING = ("GET", "HEAD")
_SHARED = ("/static/", "/lib/")  # the same for everybody, and no secret
_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_ASK = (
    "this page opens with a token: use the address that `protocolsim app` printed, which ends in ?token=..., "
    "or ask whoever runs it"
)


class Refusal(Exception):  # noqa: N818 - an answer
    """Why a request is not answered, and the status that says so."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def gate(app: Asgi, admission: Admission, scripts: Sequence[str]) -> Asgi:
    """The application behind its gate; `scripts` are the hashes of the page's own inline scripts."""
    policy = _policy(scripts)

    async def guarded(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return
        marked = _marked(send, scope, policy)
        try:
            _looked_at(scope, admission)
        except Refusal as refusal:
            await _refuse(scope, receive, marked, PlainTextResponse(refusal.why + "\n", refusal.status))
            return
        answer = _asked_for_token(scope, admission)
        if answer is not None:
            await _refuse(scope, receive, marked, answer)
            return
        # The page is the same whatever its address says: that is read in the session, and by downloads.
        query = b"" if scope["path"] in ("/", WEBSOCKET) else without_token(scope["query_string"])
        await app({**scope, "query_string": query}, receive, marked)

    return guarded


async def _refuse(scope: Scope, receive: Any, send: Any, answer: Response) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    await answer(scope, receive, send)


def _said(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _looked_at(scope: Scope, admission: Admission) -> None:
    """Raise Refusal for what does not come by a good name, from this page, or is no question."""
    if sum(len(key) + len(value) for key, value in scope["headers"]) > MOST_HEADERS:
        raise Refusal(431, f"the request's headers are longer than {MOST_HEADERS:,} bytes")
    hosts, origins = _said(scope, b"host"), _said(scope, b"origin")
    if len(hosts) != 1 or not admission.reached(hosts[0]):
        result = hosts[0][:100] if hosts else ""
        raise Refusal(
            403,
            f"this page is not known by the name '{result}'; whoever runs it can have it answer to that name with "
            "protocolsim app --allow-host NAME",
        )
    if len(origins) > 1 or (origins and not admission.from_here(origins[0], hosts[0])):
        raise Refusal(
            403,
            f"this page answers no requests of other pages, such as '{origins[0][:100]}'; where it is served under "
            "that name, whoever runs it can say so with protocolsim app --allow-host NAME",
        )
    if scope["type"] == "http":
        _asked_for_by_itself(scope)
        if scope["method"] in ("POST", "PUT", "PATCH"):
            raise Refusal(413, "this page takes no uploads: a file is opened in the browser")
        if scope["method"] not in _READING:
            raise Refusal(405, f"this page is only read: {' or '.join(_READING)}")
    elif scope["path"] != WEBSOCKET:
        raise Refusal(404, "there is no WebSocket here")
    if len(scope["query_string"]) > MOST_QUERY:
        raise Refusal(414, f"the address is longer than {MOST_QUERY:,} bytes: save the scenario as a file instead")


def _asked_for_by_itself(scope: Scope) -> None:
    """Other sites may link to the page, which opens it in its own window, and nothing else.

    What they load into their own pages (frames, images, scripts) has no Origin, but modern browsers tell of it.
    """
    site, mode, goal = ("".join(_said(scope, b"sec-fetch-" + what)) for what in (b"site", b"mode", b"dest"))
    if site in ("", "same-origin", "none") or (mode == "navigate" and goal == "document"):
        return
    raise Refusal(403, "this page is not shown, and nothing of it is loaded, inside other pages")


def _asked_for_token(scope: Scope, admission: Admission) -> Response | None:
    """None where the request may pass; else what to answer: ask for the token, or take it out of sight."""
    query: bytes = scope["query_string"]
    to_page = scope["type"] == "http" and scope["path"] == "/"
    cookie = ""
    if admission.token is not None and not admission.stamped(_said(scope, b"cookie")):
        if not admission.shown_at_the_door(query, "".join(_said(scope, b"authorization"))):
            return _no_token(scope)
        cookie = _stamp(scope, admission)
    return _moved(query, cookie) if to_page and has_token(query) else None


def _moved(query: bytes, cookie: str) -> Response:
    """To the same page without its token, which then stands in no history, and in no link that is shared."""
    rest = without_token(query).decode("latin-1")
    headers = {"Location": f"./?{rest}" if rest else "./", "Cache-Control": "no-store"}
    if cookie:
        headers["Set-Cookie"] = cookie
    return Response(status_code=303, headers=headers)


def _stamp(scope: Scope, admission: Admission) -> str:
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    return f"{admission.cookie}={admission.stamp}; Path=/; HttpOnly; SameSite=Strict{secure}"


def _no_token(scope: Scope) -> Response:
    """In words; to a person also with a link, since a browser shows its cookie only to those who come from here."""
    headers = {"WWW-Authenticate": 'Bearer realm="protocolsim"'}
    if scope["type"] != "http" or "text/html" not in "".join(_said(scope, b"accept")):
        return PlainTextResponse(_ASK + "\n", 401, headers)
    words = in_html(_ASK[0].upper() + _ASK[1:])
    return HTMLResponse(
        f'<!doctype html><html lang="en"><title>protocolsim</title><h1>protocolsim</h1><p>{words}.</p>'
        '<p>If you have opened it in this browser before: <a href="">go on</a>.</p></html>',
        401,
        headers,
    )


def _marked(send: Any, scope: Scope, policy: bytes) -> Any:
    """Send, with the headers under which no answer can be used against the visitor."""

    async def marked(message: MutableMapping[str, Any]) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            kept = [(key, value) for key, value in message.get("headers", []) if not key.lower().startswith(b"access-")]
            names = {key.lower() for key, _ in kept}
            more = [(b"content-security-policy", policy), *_HEADERS]
            if not scope["path"].startswith(_SHARED) and b"cache-control" not in names:
                more.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*kept, *more]}
        await send(message)

    return marked


def _policy(scripts: Sequence[str]) -> bytes:
    """Nothing is loaded from anywhere else, and no script runs but the page's own, whatever a scenario's text says."""
    hashes = " ".join(f"'sha256-{each}'" for each in scripts)
    return (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
        f"script-src 'self' {hashes}; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ).encode()
