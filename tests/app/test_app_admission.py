"""Who is let in: by which name, from which page, with which token, on every route that the application has."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.app.limits import (
    IDLE_SECONDS,
    MOST_HEADERS,
    MOST_LETTERS,
    MOST_QUERY,
    MOST_SUBJECTS,
    MOST_VISITORS,
    MOST_WAITING,
    SECONDS,
)
from protocolsim.app.server.admission import (
    Admission,
    HostName,
    allowed_name,
    fixed_token,
    named,
    new_token,
    without_token,
)
from protocolsim.app.server.gate import gate
from protocolsim.app.server.serve import address, admitted, application, listening, pages
from protocolsim.app.server.sockets import sockets
from protocolsim.app.state import VisitorState
from protocolsim.cli.app import COMMAND
from protocolsim.errors import UsageError
from tests.support.asgi import NoWorkers, ask, routes
from tests.support.browser import served

TOKEN = "a-token-of-the-test"
LOCAL = Admission(port=8765, token=TOKEN)
OPEN = Admission(port=8765)
PROXIED = Admission(port=8765, allowed=(HostName("trial.example.org"), HostName("localhost", 9000)))
FIRST = VisitorState("ms_no_drug")
EVERYBODY = "0.0.0.0"  # noqa: S104 - of the loopback only in the tests
BEARER = {"Authorization": f"Bearer {TOKEN}"}

GOOD = ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "localhost.:8765", "[::1]:8765", "127.0.0.9:8765"]
FOREIGN = [
    "", "evil.example", "evil.example:8765", "localhost", "localhost:80", "127.0.0.1", "127.0.0.1:8766", "[::1]",
    "127.0.0.1.nip.io:8765", "localhost.evil.example:8765", "evil.localhost:8765", "127.1:8765", "2130706433:8765",
    "0x7f.0.0.1:8765", "0.0.0.0:8765", "[::]:8765", "192.168.1.5:8765", "user@127.0.0.1:8765", "127.0.0.1:8765@evil",
    "127.0.0.1:8765:8765", "127.0.0.1:8765,evil.example", " 127.0.0.1:8765 evil", "[::1]:8765]", "::1:8765", "null",
    "localhost:99999", "localhost:-1", "localhost:\xb28765", "127.0.0.1:8765/", "trial.example.org",
]  # fmt: skip
STRANGERS = [
    "null", "", "http://evil.example", "http://evil.example:8765", "https://127.0.0.1:8765", "http://127.0.0.1",
    "http://127.0.0.1:8766", "http://localhost:8765", "http://localhost:9000", "http://[::1]:8765", "file://",
    "http://127.0.0.1:8765.evil.example", "http://127.0.0.1:8765@evil.example", "HTTP://127.0.0.1:8765/",
    "chrome-extension://abcdef", "http://127.0.0.1:8765 http://evil.example", "ws://127.0.0.1:8765", "127.0.0.1:8765",
    "http://6.6.6.6:8765",
]  # fmt: skip
MARKS = {
    "x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
}  # fmt: skip


@pytest.fixture(scope="module")
def behind():
    """All that is behind the gate, and every route of it."""
    shown, scripts = pages(FIRST, NoWorkers())
    found = sorted(set(routes(shown)))
    assert {("http", "/"), ("websocket", "/websocket/"), ("http", "/download/scenario.yaml")} <= set(found)
    assert sum("/static/" in path or "/lib/" in path for _, path in found) > 3
    return shown, scripts, found


@pytest.fixture(scope="module")
def app(behind):
    """How to ask the application, admitting as said."""
    shown, scripts, _ = behind
    return {a: gate(sockets(shown), a, scripts) for a in (LOCAL, OPEN, PROXIED)}


def test_every_route_answers_to_its_own_name_alone(app, behind):
    """A name that others can own, or another port, is refused on every route; the names of the loopback are not."""
    for kind, path in behind[2]:
        for host in FOREIGN:
            told = ask(app[OPEN], kind, path, {"Host": host} if host else {})
            assert told.status == 403, (kind, path, host)
            assert "--allow-host" in told.body
        for host in GOOD[:2] if path != "/" else GOOD:
            assert ask(app[OPEN], kind, path, {"Host": host}).status in (101, 200, 404, 422), (kind, path, host)


def test_every_route_refuses_the_pages_of_others(app, behind):
    """Whatever another origin asks for is refused on every route, also from another port or by another own name."""
    for kind, path in behind[2]:
        for origin in STRANGERS:
            told = ask(app[OPEN], kind, path, {"Host": "127.0.0.1:8765", "Origin": origin})
            assert told.status == 403, (kind, path, origin)
        own = {"Host": "127.0.0.1:8765", "Origin": "http://127.0.0.1:8765"}
        assert ask(app[OPEN], kind, path, own).status in (101, 200, 404, 422), (kind, path)


def test_every_route_wants_the_token(app, behind):
    """Without it, or with another, nothing is shown; with it in the address, a header or the cookie, all is."""
    host = {"Host": "localhost:8765"}
    cookie = f"other=1; {LOCAL.cookie}={LOCAL.stamp}; more=2"
    for kind, path in behind[2]:
        for more in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Cookie": f"{LOCAL.cookie}=x"},
                     {"Cookie": f"protocolsim-1={LOCAL.stamp}"}, {"Cookie": f"{LOCAL.cookie}={TOKEN}"}):  # fmt: skip
            told = ask(app[LOCAL], kind, path, {**host, **more}, query="token=wrong")
            assert told.status == 401, (kind, path, more)
            assert "ms_no_drug" not in told.body
        for more in (BEARER, {"Cookie": cookie}):
            assert ask(app[LOCAL], kind, path, {**host, **more}).status in (101, 200, 404, 422), (kind, path, more)
        told = ask(app[LOCAL], kind, path, host, query=f"a=1&token={TOKEN}")
        assert told.status == (303 if path == "/" else told.status)
        assert told.status in (101, 200, 303, 404, 422)


def test_no_answer_can_be_used_by_others(app, behind):
    """Every answer, be it a refusal, keeps its type, is in no frame, names no referrer and is shared with no origin."""
    for admission in (LOCAL, OPEN):
        for kind, path in behind[2]:
            for headers in ({"Host": "127.0.0.1:8765"}, {"Host": "evil.example"}, {"Host": "127.0.0.1:8765", **BEARER}):
                told = ask(app[admission], kind, path, headers)
                if told.status == 101:
                    continue
                assert told.headers.items() >= MARKS.items(), (path, told.headers)
                assert "frame-ancestors 'none'" in told.headers["content-security-policy"]
                assert "unsafe-eval" not in told.headers["content-security-policy"]
                assert not [name for name in told.headers if name.startswith("access-control")]
                shared = path.startswith(("/static/", "/lib/"))
                assert shared or told.headers["cache-control"] == "no-store"


def test_other_sites_may_link_to_the_page_and_no_more(app, behind):
    """A link opens the page in its own window; frames, images and scripts of other sites get nothing of any route."""
    host = {"Host": "127.0.0.1:8765"}
    for kind, path in behind[2]:
        if kind == "websocket":
            continue
        for site in ("cross-site", "same-site"):
            for mode, goal in (("no-cors", "image"), ("no-cors", "script"), ("cors", "empty"), ("navigate", "iframe")):
                fetch = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": goal}
                assert ask(app[OPEN], kind, path, {**host, **fetch}).status == 403, (path, fetch)
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert ask(app[OPEN], "http", "/", {**host, **link}).status == 200


def test_the_token_leaves_the_address(app):
    """It is taken once, becomes a cookie that no script reads, and the rest of the address stays as it was."""
    rest = "view=rule&set.response_threshold=50%20%25&a=%26token%3D1"
    told = ask(app[LOCAL], "http", "/", {"Host": "127.0.0.1:8765"}, query=f"view=rule&token={TOKEN}&{rest[10:]}")
    assert (told.status, told.headers["location"]) == (303, f"./?{rest}")
    cookie = told.headers["set-cookie"]
    assert re.fullmatch(r"protocolsim-8765=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict", cookie)
    assert TOKEN not in cookie + told.body + str(told.headers)
    again = ask(
        app[LOCAL], "http", "/", {"Host": "127.0.0.1:8765", "Cookie": cookie.partition(";")[0]}, query="token=x"
    )
    assert (again.status, again.headers["location"]) == (303, "./")


def test_a_proxy_is_named(app):
    """Behind a proxy the page answers to the proxy's name, at any port or at the named one, and to its origin."""
    for host, origin, status in (
        ("trial.example.org", "https://trial.example.org", 200),
        ("trial.example.org", "https://trial.example.org:8443", 200),
        ("127.0.0.1:8765", "https://trial.example.org", 200),
        ("localhost:9000", "http://localhost:9000", 200),
        ("localhost:9001", "http://localhost:9001", 403),
        ("127.0.0.1:8765", "http://localhost:9001", 403),
        ("other.example.org", "https://trial.example.org", 403),
        ("trial.example.org", "https://evil.example", 403),
        ("trial.example.org.evil.example", "https://trial.example.org", 403),
    ):
        for kind, path in (("http", "/"), ("websocket", "/websocket/")):
            told = ask(app[PROXIED], kind, path, {"Host": host, "Origin": origin})
            assert told.status == (101 if status == 200 and kind == "websocket" else status), (host, origin, kind)


def test_what_is_too_long_is_refused_in_words(app):
    """Addresses, headers and methods beyond the limits are answered with their status and the limit."""
    host = {"Host": "127.0.0.1:8765"}
    for path in ("/", "/download/scenario.yaml"):
        assert ask(app[OPEN], "http", path, host, query="a" * (MOST_QUERY + 1)).status == 414
    fields = "&".join(f"a{k}=1" for k in range(900))
    told = ask(app[OPEN], "http", "/download/scenario.yaml", host, query=fields)
    assert (told.status, "more than" in told.body) == (422, True)
    assert ask(app[OPEN], "http", "/", {**host, "X-Long": "a" * MOST_HEADERS}).status == 431
    for method, status in (("POST", 413), ("PUT", 413), ("DELETE", 405), ("OPTIONS", 405), ("HEAD", 200)):
        assert ask(app[OPEN], "http", "/", host, method=method).status == status


@given(st.text(max_size=40), st.text(max_size=40))
def test_only_a_whole_name_is_a_name(host, rest):
    """Whatever stands around an own name makes it another one: nothing but the name itself is answered."""
    for text in (host + "127.0.0.1:8765" + rest, host + "localhost:8765" + rest):
        if LOCAL.reached(text):
            assert named(text) is not None
            assert re.fullmatch(r"(?i)(127\.0\.0\.1|localhost\.?):0?8765", text)
        assert not LOCAL.from_here(f"http://{text}", "evil.example:8765")


@given(st.lists(st.tuples(st.sampled_from(["a", "token", "to%6ben", "Token", "b"]), st.text("ab%&=", max_size=4))))
def test_taking_the_token_away_leaves_the_rest(pairs):
    """What is not the token stays to the letter; of the token nothing stays, however it is spelt."""
    query = "&".join(f"{k}={v.replace('&', '')}" for k, v in pairs)
    rest = without_token(query.encode()).decode()
    assert rest == "&".join(f for f in query.split("&") if not f.startswith(("token=", "to%6ben=")))


def test_tokens():
    """A token made here is long and new; a chosen one stands in an address as it is; a short one is refused unsaid."""
    assert len({new_token() for _ in range(50)}) == 50
    assert all(fixed_token(new_token()) for _ in range(20))
    for bad in ("short", "", "with space in it", "é" * 20, "a" * 201, "a&token=b-and-more"):
        with pytest.raises(UsageError, match="--token") as refused:
            fixed_token(bad)
        assert not bad or bad not in str(refused.value)
    assert len({Admission(1, token=new_token()).stamp for _ in range(5)}) == 5


@pytest.mark.parametrize(
    "text", ["", "*", "*.example.org", "https://trial.example.org", "a b", "a:b", "a:0", "a/b", "ü" * 300]
)
def test_a_name_that_is_none_is_refused(text):
    """--allow-host takes names, not patterns nor addresses of pages, and says so."""
    with pytest.raises(UsageError, match="--allow-host: expected a name"):
        allowed_name(text)


def test_a_name_is_as_a_browser_says_it():
    """Letters of either case, a last dot and letters beyond ASCII mean the name that stands in Host."""
    assert allowed_name("Trial.Example.ORG.:8443") == HostName("trial.example.org", 8443)
    assert allowed_name("büro.example") == HostName("xn--bro-hoa.example")
    assert allowed_name("[0:0::1]:80") == HostName("[::1]", 80)


@pytest.mark.parametrize(
    ("host", "good", "bad"),
    [
        ("127.0.0.1", ["localhost", "127.0.0.1", "[::1]"], ["192.168.1.5", "{machine}"]),
        ("localhost", ["localhost", "127.0.0.1"], ["10.1.2.3"]),
        ("::1", ["[::1]", "localhost"], ["[fe80::1]"]),
        ("[::1]", ["[::1]"], []),
        (EVERYBODY, ["localhost", "127.0.0.1", "192.168.1.5", "{machine}", "{machine}.local"], [EVERYBODY]),
        ("::", ["localhost", "127.0.0.1", "[2001:db8::5]", "192.168.1.5", "{machine}"], ["[::]"]),
    ],
)
def test_where_it_listens_says_how_it_is_reached(host, good, bad):
    """On the loopback by its names alone; elsewhere also by this machine's name and by addresses in figures."""
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    machine = socket.gethostname().lower()
    try:
        ear = listening(host, 0)
    except UsageError:
        pytest.skip("no IPv6 here")
    with closing(ear):
        port = ear.getsockname()[1]
        mine = admitted(ear, host, None, ())
        for name in good:
            assert mine.reached(f"{name.format(machine=machine)}:{port}"), name
        for name in [*bad, "evil.example", f"{machine}.evil.example"]:
            assert not mine.reached(f"{name.format(machine=machine)}:{port}"), name
        assert not mine.from_here(f"http://6.6.6.6:{port}", f"192.168.1.5:{port}")
        assert mine.reached(address(ear, host, TOKEN).split("/")[2])


def test_a_host_that_is_none_and_a_port_that_is_taken_are_refused():
    """In words, before anything is simulated."""
    with pytest.raises(UsageError, match="this machine has no address"):
        listening("no such host", 0)
    with closing(listening("127.0.0.1", 0)) as ear, pytest.raises(UsageError, match="name another --port"):
        listening("127.0.0.1", ear.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--public", "--token", "a-token-of-the-test"], "say which"),
        (["--token", "short"], "expected 12 to 200"),
        (["--allow-host", "*"], "expected a name"),
        (["--host", "nowhere.invalid"], "no address"),
    ],
)
def test_the_command_refuses_in_words(arguments, said):
    """With status 2, and without a traceback."""
    start = [sys.executable, "-c", "from protocolsim.cli import main; main()", "app", "ms_no_drug", "--port", "0"]
    done = subprocess.run([*start, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (2, True, False)


@pytest.mark.parametrize("arguments", [[], ["--public"], ["--host", "::1"], ["--token", TOKEN]])
def test_the_printed_address_opens_the_page(arguments):
    """It has a token of its own, none, or the one that was chosen, and the page is there by IPv6 too."""
    if "::1" in arguments:
        try:
            listening("::1", 0).close()
        except UsageError:
            pytest.skip("no IPv6 here")
    with served("ms_no_drug", *arguments) as page:
        assert bool(page.token) == ("--public" not in arguments)
        assert "--token" not in arguments or page.token == TOKEN
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(page.opening("?view=rule") if page.token else page.address) as found:
            assert found.status == 200
            assert "token" not in found.url
        if page.token:
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(page.address)  # noqa: S310 - our own server
            refused.value.close()
            assert refused.value.code == 401


def test_what_is_written_on_deploying_names_options_that_there_are():
    """Every option and limit in docs/deploying.md is one of the command, or of what it is served with."""
    words = (Path(__file__).parents[2] / "docs/deploying.md").read_text(encoding="utf-8")
    known = {option for parameter in COMMAND.params for option in parameter.opts} | {"--replicates"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", words)) <= known
    for number in (MOST_VISITORS, f"{MOST_SUBJECTS:,}", int(SECONDS), MOST_WAITING, f"{MOST_LETTERS:,}"):
        assert str(number) in words
    assert IDLE_SECONDS == 4 * 3600


def test_the_application_is_behind_the_gate():
    """What the command serves is the gated application, not the pages themselves."""
    told = ask(application(FIRST, LOCAL, NoWorkers()), "http", "/", {"Host": "evil.example:8765"})
    assert told.status == 403
