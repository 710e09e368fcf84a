"""Who may come in: under which names the page is reached, from which pages, and with which token.

A browser carries requests of any web site to a server on this machine. It tells, where the request goes (Host) and
which page asked for it (Origin, Sec-Fetch-Site), and a page cannot forge either:

- A name that its owner points here after the page has loaded (DNS rebinding) still stands in Host. So only names are
  answered that nobody else can own: this machine's, addresses in figures, and those of --allow-host.
- A page of another origin, be it another port of this machine, is told by Origin. So requests from elsewhere are
  refused, but for opening the page itself by a link.

What no browser stands between, another user of the machine or of the network, is kept out by the token.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote_plus

from protocolsim.errors import UsageError

TOKEN = "token"
COOKIE = "protocolsim-"
LEAST_TOKEN, MOST_TOKEN = 12, 200
_TOKENS = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII)
_PORTS = {"http": 80, "https": 443}

Literals = Literal["loopback", "any"]


@dataclass(frozen=True)
class HostName:
    """A host as a browser names it, in lower case and without the last dot; `port` is None where none is said."""

    host: str
    port: int | None = None

    @property
    def address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The address in figures that it is, if it is one."""
        try:
            return ipaddress.ip_address(self.host.strip("[]"))
        except ValueError:
            return None


def named(text: str) -> HostName | None:
    """The host and port of an authority such as `localhost:8765` or `[::1]:8765`; None where it is none."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    host, port = match[1].lower().removesuffix("."), match[2]
    if not host or (port is not None and not 0 < int(port) < 65536):
        return None
    name = HostName(host, None if port is None else int(port))
    if host.startswith("["):
        if name.address is None:
            return None
        name = HostName(f"[{name.address.compressed}]", name.port)
    return name


def allowed_name(text: str) -> HostName:
    """What --allow-host names. Raises UsageError."""
    try:
        name = named(text if text.isascii() else text.encode("idna").decode())
    except UnicodeError:
        name = None
    if name is None:
        raise UsageError(
            f"--allow-host: expected a name as it stands in the browser's address, such as trial.example.org or "
            f"trial.example.org:8443, found {text[:80]!r}"
        )
    return name


@dataclass(frozen=True)
class Admission:
    """What is admitted to a page that listens at a port.

    `names` are this machine's own, with the page's own port; of addresses in figures, which cannot be rebound, those
    of the loopback or any. `allowed` are others (--allow-host), at any port unless they name one. Without a `token`
    everybody is let in who comes by one of these names.
    """

    port: int
    names: frozenset[str] = frozenset({"localhost"})
    literals: Literals = "loopback"
    allowed: tuple[HostName, ...] = ()
    token: str | None = None

    # By which name, and from which page -------------------------------------------------------------------------------

    def reached(self, host: str) -> bool:
        """Whether a request with this Host is meant for this page."""
        name = named(host)
        return name is not None and (self._own(name) or self._allowed(name, name.port))

    def from_here(self, origin: str, host: str) -> bool:
        """Whether a page of this Origin is this page. `host` is the request's, which was found good."""
        scheme, divided, rest = origin.partition("://")
        name, here = named(rest), named(host)
        if not divided or scheme not in _PORTS or name is None or here is None:
            return False  # also "null", which files and sandboxed frames say
        port = name.port or _PORTS[scheme]
        if self._allowed(name, port):
            return True
        # Both are compared: an address in figures is good in Host whosesoever it is.
        return scheme == "http" and name.host == here.host and port == self.port and self._own(here)

    def _own(self, name: HostName) -> bool:
        if (name.port or _PORTS["http"]) != self.port:
            return False
        if name.host in self.names:
            return True
        address = name.address
        if address is None or address.is_unspecified:
            return False
        return self.literals == "any" or address.is_loopback

    def _allowed(self, name: HostName, port: int | None) -> bool:
        return any(name.host == each.host and each.port in (None, port) for each in self.allowed)

    # With which token -------------------------------------------------------------------------------------------------

    @property
    def cookie(self) -> str:
        """The name of the cookie: browsers keep one jar for all ports of a host."""
        return f"{COOKIE}{self.port}"

    @property
    def stamp(self) -> str:
        """The cookie's value: it follows from the token, so that it outlives a restart with the same one."""
        return hmac.new((self.token or "").encode(), b"the cookie of the page", hashlib.sha256).hexdigest()

    def shown_at_the_door(self, query: bytes, authorization: str) -> bool:
        """Whether the token is in the address, or in the header `Authorization: Bearer TOKEN`."""
        kind, _, said = authorization.partition(" ")
        return any(self._is_token(t) for t in [*_tokens(query), said if kind.lower() == "bearer" else ""])

    def stamped(self, cookies: Iterable[str]) -> bool:
        """Whether one of the request's Cookie headers says that the token was shown before."""
        pairs = (pair.strip().partition("=") for header in cookies for pair in header.split(";"))
        return any(_same(value, self.stamp) for name, _, value in pairs if name == self.cookie)

    def _is_token(self, said: str) -> bool:
        return self.token is not None and _same(said, self.token)


def _same(said: str, known: str) -> bool:
    """Compared in the same time wherever they differ."""
    return hmac.compare_digest(said.encode("utf-8", "replace"), known.encode())


def _tokens(query: bytes) -> list[str]:
    fields = [field for field in query.decode("latin-1").split("&") if _is_token_field(field)]
    return [value for field in fields[:3] for _, value in parse_qsl(field, keep_blank_values=True)]


def without_token(query: bytes) -> bytes:
    """An address's query without the token; whatever else it says stays as it was written."""
    fields = query.decode("latin-1").split("&")
    return "&".join(field for field in fields if not _is_token_field(field)).encode("latin-1")


def has_token(query: bytes) -> bool:
    """Whether an address's query has a token, right or wrong."""
    return without_token(query) != query


def _is_token_field(field: str) -> bool:
    return unquote_plus(field.partition("=")[0]) == TOKEN


def new_token() -> str:
    """A token that nobody guesses: 192 random bits."""
    return secrets.token_urlsafe(24)


def fixed_token(text: str) -> str:
    """A token that was chosen, if it is one. Raises UsageError, without repeating it."""
    if not LEAST_TOKEN <= len(text) <= MOST_TOKEN or not _TOKENS.fullmatch(text):
        raise UsageError(
            f"--token: expected {LEAST_TOKEN} to {MOST_TOKEN} letters, digits and . _ ~ -, so that it stands in an "
            f"address as it is; found {len(text)} characters"
            + ("" if _TOKENS.fullmatch(text) or not text else ", others among them")
            + "; without --token the page makes a good one"
        )
    return text
