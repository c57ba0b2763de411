"""Looks at a page that a post links to, and at nothing that is not everybody's: who writes a post would else have this
machine ask its own neighbours.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2

from connectors.pictures import Drawing, drawn
from connectors.sights import Sight
from models.errors import Rejected, Transient
from models.text import cleaned, web_link

LARGEST, SECONDS = 500_000, 10
"""Bytes of a page that are read (its head comes first), and how long all of it may take."""
HEAVIEST, CARD = 5 * 1024 * 1024, Drawing(side=600, quality=80)
"""Bytes that are read of the picture of a page, and how it is drawn anew."""
HOPS = 5
LONGEST_TITLE, LONGEST_SUMMARY = 200, 300
ASKED = {"User-Agent": "Parvis (checks a link)", "Accept": "text/html,*/*;q=0.5", "Accept-Language": "fr-CA,fr;q=0.9"}

Open = Callable[[str], bool]


class _Nowhere(Exception):
    """Nobody finds it there; the message is the problem of the `Sight`."""


def everybodys(address: str) -> bool:
    """Whether an IP address is on the public Internet."""
    ip = ipaddress.ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_global and not ip.is_multicast


def look(address: str, is_open: Open = everybodys) -> Sight:
    """As `connectors.sights.LookAt`. Each redirection is looked up and checked as the first address was, and what was
    checked is what is connected to, whatever the name leads to a moment later.
    """
    until = time.monotonic() + SECONDS
    try:
        with httpx2.Client(timeout=5, trust_env=False, headers=ASKED) as client:
            with _opened(client, address, is_open) as (answer, place):
                sight, picture = _sight(answer, until)
            if picture is None:
                return sight
            return replace(sight, picture=_picture(client, urljoin(place, picture), is_open, until))
    except _Nowhere as why:
        return Sight(problem=str(why))
    except (httpx2.HTTPError, ssl.SSLError, OSError) as error:
        raise Transient(reason="unreachable") from error


@contextmanager
def _opened(client: httpx2.Client, address: str, is_open: Open) -> Iterator[tuple[httpx2.Response, str]]:
    """What answers at an address, behind its redirections, and where that was."""
    for _ in range(HOPS + 1):
        url = _url(address)
        found = url.copy_with(host=_host(url, is_open), userinfo=b"")
        asked = client.build_request(
            "GET", found, headers={"Host": url.netloc.decode()}, extensions={"sni_hostname": url.host}
        )
        answer = client.send(asked, stream=True)
        try:
            if answer.has_redirect_location:
                address = urljoin(address, answer.headers["location"])
                continue
            yield answer, address
            return
        finally:
            answer.close()
    raise _Nowhere("redirects")


def _picture(client: httpx2.Client, address: str, is_open: Open, until: float) -> bytes | None:
    """The picture at an address, drawn anew; None: there is none that can be shown. The page is there all the same."""
    try:
        with _opened(client, address, is_open) as (answer, _):
            raw = _read(answer, HEAVIEST + 1, until) if answer.status_code == 200 else b""
        return drawn(raw, CARD) if len(raw) <= HEAVIEST else None
    except (_Nowhere, Rejected, Transient, httpx2.HTTPError, ssl.SSLError, OSError):
        return None


def _read(answer: httpx2.Response, most: int, until: float) -> bytes:
    """The first bytes of a body, as many as come in time."""
    raw = b""
    for part in answer.iter_bytes():
        raw += part
        if len(raw) >= most or time.monotonic() > until:
            break
    return raw[:most]


def _url(address: str) -> httpx2.URL:
    # A site may lead on to an address that is longer than those that posts may have.
    if web_link(address, None) is None:
        raise _Nowhere("bad_url")
    try:
        return httpx2.URL(address)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise _Nowhere("bad_url") from error


def _host(url: httpx2.URL, is_open: Open) -> str:
    """The IP address of the host, once all that it has are seen to be open."""
    try:
        found = socket.getaddrinfo(url.host, url.port or {"http": 80}.get(url.scheme, 443), type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise Transient(reason="unreachable") from error
        raise _Nowhere("unknown_host") from error
    except UnicodeError as error:  # A part of the name is too long for any.
        raise _Nowhere("bad_url") from error
    addresses = [str(one[4][0]).partition("%")[0] for one in found]
    if not addresses or not all(map(is_open, addresses)):
        raise _Nowhere("private_host")
    return addresses[0]


def _sight(answer: httpx2.Response, until: float) -> tuple[Sight, str | None]:
    """What a page says, and where the picture of its card is."""
    if answer.status_code == 429 or answer.status_code >= 500:
        raise Transient(reason=str(answer.status_code))
    # Behind a door it is there, though not for us.
    if answer.status_code >= 400 and answer.status_code not in {401, 403, 405, 406}:
        raise _Nowhere(str(answer.status_code))
    if answer.status_code != 200 or not answer.headers.get("content-type", "").lower().startswith(
        ("text/html", "application/xhtml")
    ):
        return Sight(), None
    head = _Head()
    head.feed(_read(answer, LARGEST, until).decode(answer.charset_encoding or "utf-8", "replace"))
    seen = Sight(
        _words(head.said.get("og:title") or head.title, LONGEST_TITLE),
        _words(head.said.get("og:description") or head.said.get("description", ""), LONGEST_SUMMARY),
    )
    return seen, (head.said.get("og:image") or "").strip() or None


def _words(said: str, longest: int) -> str:
    return " ".join((cleaned(said) or "").split())[:longest].strip()


class _Head(HTMLParser):
    """The title of a page, and what its `meta` say, the first of each."""

    def __init__(self) -> None:
        super().__init__()
        self.title, self.said = "", dict[str, str]()
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = (given.get("property") or given.get("name") or "").lower()
        if tag == "meta" and name and given.get("content"):
            self.said.setdefault(name, given["content"] or "")
        self._in_title = tag == "title" and not self.title

    def handle_endtag(self, tag: str) -> None:
        self._in_title = self._in_title and tag != "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
