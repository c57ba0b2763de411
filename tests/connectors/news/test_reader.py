"""A feed of news over HTTP: plain words, nothing twice over the wire, and nothing that a feed could do to us."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connectors import registry
from models.errors import Rejected, Transient

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>Ville</title>
<item><guid>n1</guid><title>Collecte &amp; horaire d’hiver</title><link>https://ville.example/n1</link>
<description>&lt;p&gt;La collecte &lt;b&gt;change&lt;/b&gt;.&lt;/p&gt;
&lt;script&gt;alert(1)&lt;/script&gt;&lt;p&gt;Dès lundi.&lt;/p&gt;</description>
<pubDate>Mon, 02 Nov 2026 09:00:00 -0500</pubDate></item>
<item><title>Sans numéro</title><link>javascript:alert(1)</link></item>
<item><guid>n3</guid><title> </title></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Ville</title>
<entry><id>tag:ville,2026:1</id><title type="html">Séance du &lt;i&gt;conseil&lt;/i&gt;</title>
<link href="/seances/1"/><updated>2026-11-02T14:00:00Z</updated><summary>Lundi à 19 h.</summary></entry></feed>"""
BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]>
<rss version="2.0"><channel><item><guid>b</guid><title>&z;</title></item></channel></rss>"""
FILE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<rss version="2.0"><channel><item><guid>f</guid><title>Bonjour &f;</title></item></channel></rss>"""


class Site(ThreadingHTTPServer):
    """Answers what it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, RSS.encode())
        self.asked: list[dict[str, str]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/rss.xml"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(dict(self.headers))
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Site]:
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as one:
        yield one


def read(site: Site, body: str | bytes | None = None, etag: str | None = None, modified: str | None = None):
    if body is not None:
        site.answer = (200, {}, body if isinstance(body, bytes) else body.encode())
    return registry.news(site.address, etag, modified)


def test_rss_in_plain_words(site):
    first, second = read(site).entries
    assert (first.title, first.link) == ("Collecte & horaire d’hiver", "https://ville.example/n1")
    assert first.summary == "La collecte change.\nDès lundi."
    assert first.published_at == datetime(2026, 11, 2, 14, tzinfo=UTC)
    assert (second.title, second.link, second.published_at) == ("Sans numéro", None, None)
    assert first.key == read(site).entries[0].key


def test_atom_with_its_own_links(site):
    (one,) = read(site, ATOM).entries
    assert (one.title, one.summary) == ("Séance du conseil", "Lundi à 19 h.")
    assert one.link == site.address.replace("/rss.xml", "/seances/1")


def test_the_same_is_not_sent_again(site):
    site.answer = (200, {"ETag": '"1"', "Last-Modified": "Mon, 02 Nov 2026 14:00:00 GMT"}, RSS.encode())
    found = read(site)
    assert (found.etag, found.modified) == ('"1"', "Mon, 02 Nov 2026 14:00:00 GMT")
    site.answer = (304, {}, b"")
    assert read(site, etag=found.etag, modified=found.modified) is None
    assert (site.asked[-1]["If-None-Match"], site.asked[-1]["If-Modified-Since"]) == (found.etag, found.modified)


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [(500, Transient, "500"), (429, Transient, "429"), (404, Rejected, "404"), (302, Rejected, "302")],
)
def test_what_is_no_feed(site, status, error, reason):
    site.answer = (status, {"Location": "http://169.254.169.254/"}, b"")
    with pytest.raises(error) as caught:
        read(site)
    assert caught.value.reason == reason
    assert len(site.asked) == 1, "no redirection is followed"


def test_a_page_that_is_none_a_silent_server_and_one_that_says_too_much(site):
    with pytest.raises(Rejected, match="no_feed"):
        read(site, "<html><body>Bienvenue</body></html>")
    with pytest.raises(Transient):
        read(site, b"x" * 2_000_001)
    with serving() as gone:
        address = gone.address
    with pytest.raises(Transient):
        registry.news(address, None, None)


def test_a_feed_reads_no_file_and_is_no_bomb(site):
    nested = "".join(
        f'<!ENTITY {name} "{"".join(f"&{before};" for _ in range(10))}">'
        for before, name in zip("abcdefghijklmnopqrstuvwxy", "bcdefghijklmnopqrstuvwxyz", strict=True)
    )
    try:
        titles = [one.title for one in read(site, BOMB % nested).entries]
    except Rejected:
        titles = []
    assert all(len(title) <= 300 for title in titles)
    assert not any("root:" in one.title for one in read(site, FILE).entries)


def test_many_and_long_ones_are_cut(site):
    item = f"<item><guid>%s</guid><title>{'x' * 500}</title><description>{'y ' * 5000}</description></item>"
    many = "".join(item % number for number in range(80))
    found = read(site, f'<rss version="2.0"><channel>{many}</channel></rss>').entries
    assert len(found) == 50
    assert {len(one.title) for one in found} == {300}
    assert all(len(one.summary) <= 2000 for one in found)
