"""What a visitor can say: over a real WebSocket to a served page, it is answered or refused, and the page lives on."""

from __future__ import annotations

import json
import random
import socket
import time
import urllib.request
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from protocolsim.app.limits import MESSAGES_A_SECOND, MESSAGES_AT_ONCE, MOST_INPUTS, MOST_LETTERS, MOST_MESSAGE
from protocolsim.app.messages import ADDRESS, MISHEARD, SAID, Unintelligible, heard
from tests.support.browser import Served, served

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
NAMES = st.sampled_from([*SAID, ".clientdata_url_search", ".clientdata_output_form_hidden", "nothing", "a:shiny.date"])
SCREEN = {".clientdata_output_form_hidden": False, ".clientdata_output_refused_hidden": False,
          ".clientdata_output_title_hidden": False, ".clientdata_pixelratio": 1}  # fmt: skip
DEEP = "[" * 100_000
ODD: list[Any] = [
    None, True, False, 0, -1, 1e308, 10**30, "", "x", "nan", "-", "rule-curve", "rule-", "-curve", "\u0000", "\ud800",
    "<script>alert(1)</script>", "a" * 5000, [], [1, 2], ["rule", "curve"], {}, {"name": 1, "value": 2}, {"name": "x"},
    {"name": "response_threshold"}, {"name": "response_threshold", "value": None}, {"name": ["a"], "value": "1"},
    {"name": "response_threshold", "value": "nan", "settled": True}, {"name": "seed", "value": "1e3"},
    {"name": "response_threshold", "value": "1e308", "settled": True}, {"name": "replicates", "value": "0"},
    {"name": "response_threshold", "value": "50", "settled": "yes"}, {"name": "replicates", "value": "9" * 19},
    {"name": "draw", "by": 10**40}, {"name": "patient", "by": -5}, {"name": "draw", "by": 1.5},
    {"name": "measure", "value": "no such"}, {"name": "beside", "value": "../x"}, {"name": "state", "value": "x"},
    {"name": "response_threshold", "value": "-1e-320", "settled": True}, {"a": {"b": {"c": [{}]}}},
]  # fmt: skip
RAW: list[str | bytes] = [
    b"\x00\x01", b"", b'{"method": "init", "data": {}}', "", " ", "{", "null", "[]", "1", '"init"', "{}", "NaN", DEEP,
    '{"a":' * 50_000, '{"method": 1}', '{"method": null, "data": {}}', '{"method": "init"}', '{"method": "update"}',
    '{"method": "init", "data": []}', '{"method": "init", "data": null}',
    '{"method": "uploadInit", "args": [1], "tag": 1}',
    '{"method": "update", "data": {"x": NaN}}', '{"method": "update", "data": {"x": Infinity}}', "1" * 10_000,
    '{"method": "update", "data": {"moved": ' + "1" * 10_000 + "}}", '{"method": "update", "data": {"moved": ' + DEEP,
    '{"method": "__class__", "args": [], "tag": 0}', '{"method": "uploadEnd", "args": [null, null], "tag": [{}]}',
    '{"method":"update","data":{' + ",".join(f'"a{k}":1' for k in range(MOST_INPUTS + 1)) + "}}",
    '{"method": "update", "data": {"a:b:c": 1}}', '{"method": "update", "data": {"a:shiny.date": {}}}',
]  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    log = tmp_path_factory.mktemp("page") / "log"
    with log.open("w+") as errors:
        with served("ms_no_drug", errors=errors) as running:
            yield running
        said = log.read_text()
        assert "Traceback" not in said, said[-3000:]
        assert "Error" not in said, said[-3000:]
        assert running.token not in said


@contextmanager
def joined(page: Served, search: str = "", *, begin: bool = True) -> Any:
    """A page's WebSocket, opened as a browser opens it."""
    address = f"ws://{page.address.removeprefix('http://')}/websocket/"
    with connect(
        address,
        additional_headers={"Authorization": f"Bearer {page.token}"},
        max_size=None,
        origin=Origin(page.address),
    ) as link:
        if begin:
            data = {**SCREEN, "view": "scenario", ".clientdata_url_search": search}
            link.send(json.dumps({"method": "init", "data": data}))
        yield link


def until(link: ClientConnection, what: str, seconds: float = 60.0) -> str:
    """The next message in which these words are."""
    late = time.monotonic() + seconds
    while time.monotonic() < late:
        with suppress(TimeoutError):
            said = link.recv(timeout=1.0)
            if what in str(said):
                return str(said)
    raise AssertionError(f"'{what}' was not said in time")


def ended(link: ClientConnection, seconds: float = 20.0) -> int:
    """The code with which the server ends it."""
    late = time.monotonic() + seconds
    try:
        while time.monotonic() < late:
            with suppress(TimeoutError):
                link.recv(timeout=1.0)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else 0
    raise AssertionError("it was not ended")


def update(**inputs: Any) -> str:
    return json.dumps({"method": "update", "data": inputs})


def assert_well(page: Served) -> None:
    """Somebody who behaves is served: their scenario opens, and a parameter that they move stands in their address."""
    with joined(page) as link:
        until(link, '"opened"')
        link.send(update(moved={"name": "response_threshold", "value": "61", "settled": True}))
        until(link, "set.response_threshold=61")


@given(st.text(max_size=80) | JSON.map(json.dumps))
def test_any_text_is_a_message_or_none(text):
    """Whatever is said is passed on in the known form, or refused in words that fit into the end of a WebSocket."""
    for first in (True, False):
        why, said = "", {}
        try:
            said = heard(text, first=first)
        except Unintelligible as refused:
            why = str(refused)
        assert 0 < len(why.encode()) <= 123 or said["method"] == ("init" if first else "update")


@given(st.dictionaries(NAMES | st.text(max_size=10), JSON, max_size=6), st.booleans())
def test_only_what_the_page_says_is_passed_on(data, first):
    """Inputs that the page does not have are left out, those of another kind are refused by name, the rest is kept."""
    said = heard(json.dumps({"method": "init" if first else "update", "data": data}), first=first)["data"]
    assert set(said) <= {*SAID, ADDRESS, MISHEARD, ".clientdata_output_form_hidden"}
    assert (ADDRESS in said) == first
    wrong = {name for name in set(data) & set(SAID) if name not in said}
    assert bool(wrong) == (MISHEARD in said)
    assert not wrong or said[MISHEARD].partition(":")[0] in wrong


@pytest.mark.parametrize("begin", [True, False])
def test_what_no_page_says_ends_its_own_session_alone(page, begin):
    """Bytes, broken or enormous or deep JSON, Shiny's own calls: that WebSocket is closed with a code, others go on."""
    for raw in RAW[::4] if begin else RAW:
        with joined(page, begin=begin) as link:
            link.send(raw)
            if '"update", "data": {"a:' in str(raw) and begin:
                link.send("nonsense")  # left out, not refused
            assert ended(link) in (1003, 1008), raw[:60]
    assert_well(page)


def test_a_message_that_is_too_large_ends_its_session(page):
    """More bytes than the limit are not even kept."""
    with joined(page) as link:
        link.send(update(typed="a" * (MOST_MESSAGE + 10)))
        assert ended(link) == 1009
    with joined(page) as link:
        link.send(update(typed="a" * (MOST_LETTERS + 1)))
        until(link, "longer than")


def test_wrong_values_are_refused_in_words_and_the_session_goes_on(page):
    """Every input with every odd value, on one session: it lives, and the last right one is answered."""
    with joined(page) as link:
        until(link, '"opened"')
        link.send(update(cancelled="x"))
        assert "expected a view and its part" in until(link, "cancelled:")
        link.send(update(moved={"name": "response_threshold", "value": "nan"}))
        until(link, "expected a number, found 'nan'")
        for name in SAID:
            for value in ODD:
                link.send(update(**{name: value}))
        link.send(update(chosen="ms_daclizumab"))
        until(link, '"scenario": "ms_daclizumab"', 120)
    assert_well(page)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_random_messages_leave_the_page_in_order(page, seed):
    """Some hundred messages at random, and ends at random moments: no error, and others are served."""
    rng = random.Random(seed)  # noqa: S311 - not a secret
    for _ in range(5):
        with suppress(ConnectionClosed), joined(page, rng.choice(ADDRESSES), begin=rng.random() < 0.9) as link:
            for _ in range(rng.randrange(40)):
                link.send(rng.choice(RAW) if rng.random() < 0.02 else a_message(rng))
            if rng.random() < 0.3:
                link.socket.close()
    assert_well(page)


ADDRESSES = [
    "", "?", "?" + "&".join(f"a{k}=1" for k in range(900)), "?text=not", "?scenario=../x", "?set.x=(((((", "?view=rule",
    "?_inputs_&moved=1&_values_&x=%7B", "?_state_id_=../../etc", "?replicates=0", "?seed=-1", "?" + "%ff" * 50,
    "?set.response_threshold=.nan", "?set.replicates=[[[[", "?view=" + "x" * 300, "?draw=999999999999999999999",
    "?token=x", "?other.title=1&beside=nobody&view=compare", "?text=" + "A" * 1000,
]  # fmt: skip


def a_message(rng: random.Random) -> str:
    values = {rng.choice(list(SAID)): rng.choice(ODD) for _ in range(rng.randrange(1, 4))}
    if rng.random() < 0.3:
        values["moved"] = {"name": rng.choice(["response_threshold", "relapsing_ms.new_lesion_rate", "nobody"]),
                           "value": rng.choice(["1", "50", "1e9", "-1e-9", "inf"]), "settled": True}  # fmt: skip
    if rng.random() < 0.1:
        values["typed"] = "protocol: " + rng.choice(["((((", "[" * 500, "{a: " * 100, "&a *a", "!x", "-" * 900])
    return update(**values)


@pytest.mark.parametrize("search", ADDRESSES)
def test_any_address_opens_the_page(page, search):
    """What an address says is taken, or refused in words; the page opens either way."""
    with joined(page, search) as link:
        until(link, '"opened"')


def test_many_messages_wait_and_none_is_lost(page):
    """Faster than a hand can be, they are heard one after the other at the pace of the limit."""
    count = MESSAGES_AT_ONCE + 150
    with joined(page) as link:
        until(link, '"opened"')
        start = time.monotonic()
        for k in range(count):
            link.send(update(moved={"name": "response_threshold", "value": str(k % 90 + 1)}))
        link.send(update(picked={"name": "measure", "value": "the-last"}))
        until(link, "measure=the-last")
        assert time.monotonic() - start > 0.8 * 150 / MESSAGES_A_SECOND


def test_broken_requests_are_no_error(page):
    """What is no HTTP, or half of it, is refused or left, and the page is served on."""
    for raw in (b"\x00\x01\r\n\r\n", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n",
                b"POST /websocket/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
                b"GET /websocket/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX: "
                + b"a" * 9000 + b"\r\n\r\n"):  # fmt: skip
        with closing(socket.create_connection(("127.0.0.1", page.port))) as link:
            link.sendall(raw)
    wanted = urllib.request.Request(page.address, headers={"Authorization": f"Bearer {page.token}"})  # noqa: S310
    with urllib.request.urlopen(wanted) as found:  # noqa: S310 - our own server
        assert found.status == 200
