"""Attacks on a served page in a real browser: by a page of another origin, and by a name that was rebound to it.

The visitor has the page open in the same browser, cookie and all. The same attempts made by the page itself succeed,
so that an attack does not fail for another reason.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.browser import PATIENCE, Served, browser, served

SECRET = "the design that nobody has published"
REBOUND = "--host-resolver-rules=MAP evil.example 127.0.0.1"

# Everything that a page can try; each tells "read: ..." with what it got hold of, or why it got nothing.
ATTACK = """
async (target) => {
    const told = {};
    const socket = (name, url, origin) => new Promise((done) => {
        let found = "";
        const end = (why) => { told[name] = found.includes("PRIVATE") ? "read: " + found : why; done(); };
        let link;
        try { link = new WebSocket(url); } catch (e) { told[name] = "refused"; done(); return; }
        link.onopen = () => link.send(JSON.stringify({method: "init", data: {view: "scenario",
            ".clientdata_output_form_hidden": false, ".clientdata_url_search": ""}}));
        link.onmessage = (m) => { found += m.data; if (found.includes("PRIVATE")) link.close(); };
        link.onclose = () => end("refused");
        setTimeout(() => { link.close(); }, 40000);
    });
    const get = async (name, path, how) => {
        try {
            const answer = await fetch(target + path, how);
            const text = await answer.text();
            told[name] = text.includes("PRIVATE") || text.includes("<title>protocolsim</title>") && answer.ok
                ? "read: " + text : "refused";
        } catch (e) { told[name] = "refused"; }
    };
    const element = (name, kind, path) => new Promise((done) => {
        const made = document.createElement(kind);
        made.onload = () => { told[name] = kind === "iframe" ? "loaded" : "read: " + kind; done(); };
        made.onerror = () => { told[name] = "refused"; done(); };
        if (kind === "link") { made.rel = "stylesheet"; made.href = target + path; } else made.src = target + path;
        document.body.append(made);
        setTimeout(() => { told[name] ??= "refused"; done(); }, 8000);
    });
    await Promise.all([
        socket("websocket", target.replace("http:", "ws:") + "/websocket/"),
        get("page", "/", {credentials: "include"}),
        get("scenario", "/download/scenario.yaml", {credentials: "include"}),
        get("scenario, opaque", "/download/scenario.yaml", {credentials: "include", mode: "no-cors"}),
        get("scenario, preflight", "/download/scenario.yaml", {credentials: "include", headers: {"X-Any": "1"}}),
        get("static", "/static/page.js", {credentials: "include"}),
        element("image", "img", "/static/icon.svg"),
        element("script", "script", "/static/page.js"),
        element("style", "link", "/static/page.css"),
    ]);
    return told;
}
"""
FRAME = """
(target) => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.src = target + "/";
    frame.onload = () => {
        try { done(frame.contentDocument.documentElement.outerHTML); } catch (e) { done("out of reach"); }
    };
    document.body.append(frame);
})
"""


class Evil(BaseHTTPRequestHandler):
    """Another site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def another_site() -> Any:
    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def running():
    with browser(REBOUND) as found:
        yield found


@pytest.fixture(scope="module", params=["token", "public"])
def page(request, tmp_path_factory):
    """A private scenario that is served, with a token and without one: names and origins are refused either way."""
    file = tmp_path_factory.mktemp("private") / "private.yaml"
    file.write_text(f"extends: ms_no_drug\ntitle: 'PRIVATE, {SECRET}'\n")
    with served(str(file), *(["--public"] if request.param == "public" else [])) as found:
        yield found


@pytest.fixture
def visitor(running, page):
    """A browser in which the page is open."""
    context = running.new_context()
    context.set_default_timeout(PATIENCE)
    mine = context.new_page()
    mine.goto(page.opening())
    mine.wait_for_selector("#form [data-parameter]", state="attached")
    yield context, mine
    context.close()


def test_the_page_itself_reads_all_of_it(page: Served, visitor):
    """The attempts are right: made by the page itself each of them reads what it wants."""
    told = visitor[1].evaluate(ATTACK, page.address)
    assert {name for name, what in told.items() if not what.startswith("read")} <= {"static"}
    assert SECRET in told["websocket"]
    assert SECRET in told["scenario"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "evil.example"])
def test_another_origin_gets_nothing(page: Served, visitor, host):
    """A page of another site, or of another port of this machine (to which the cookie is sent), reads nothing."""
    with another_site() as port:
        evil = visitor[0].new_page()
        evil.goto(f"http://{host}:{port}/")
        for target in (page.address, page.address.replace("127.0.0.1", "localhost")):
            told = evil.evaluate(ATTACK, target)
            assert len(told) == 9
            assert set(told.values()) == {"refused"}, told
            assert evil.evaluate(FRAME, target) == "out of reach"
            assert all(SECRET not in frame.content() for frame in evil.frames[1:])
        assert "PRIVATE" not in evil.content()


def test_a_rebound_name_gets_nothing(page: Served, visitor):
    """A name that leads here now is told nothing, not even with the token: neither page, download nor WebSocket."""
    evil = visitor[0].new_page()
    address = f"http://evil.example:{page.port}"
    for path in ("", f"?token={page.token}", "download/scenario.yaml"):
        answer = evil.goto(f"{address}/{path}")
        assert answer.status == 403
        assert "--allow-host" in answer.text()
        told = evil.evaluate(ATTACK, address)
        assert set(told.values()) == {"refused"}, told


def test_a_link_on_another_site_opens_the_page(page: Served, visitor):
    """Who comes by a link from elsewhere is asked for the token, and with the cookie goes on by one click."""
    with another_site() as port:
        evil = visitor[0].new_page()
        evil.goto(f"http://localhost:{port}/")
        evil.evaluate("(to) => { location.href = to; }", f"{page.address}/?view=scenario")
        evil.wait_for_url(f"{page.address}/**")
        if page.token:
            evil.wait_for_selector("text=opens with a token")
            evil.click("text=go on")
        evil.wait_for_selector("#form [data-parameter]", state="attached")
        evil.wait_for_url("**view=scenario**")  # until it is open the page may say its own
        assert "view=scenario" in evil.url


def test_the_token_is_nowhere_to_be_seen(page: Served, visitor):
    """Once the page is open its token stands in no address, no history, no script's reach and no link."""
    mine = visitor[1]
    where = "() => [location.href, document.referrer, document.cookie, document.documentElement.outerHTML].join()"
    assert not page.token or page.token not in mine.evaluate(where)
    assert mine.evaluate("() => document.cookie") == ""
    assert "token" not in mine.url
    mine.go_back()
    assert not page.token or page.token not in mine.url


def test_no_script_but_the_page_s_own_runs(page: Served, visitor):
    """Even where markup of somebody else would get into the page, the browser does not run it."""
    mine = visitor[1]
    mine.evaluate(
        """() => {
            document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = 1'>");
            const script = document.createElement("script");
            script.textContent = "window.ran = 2";
            document.body.append(script);
        }"""
    )
    mine.wait_for_timeout(300)
    assert mine.evaluate("() => window.ran") is None
