"""Reads a feed of news. `feedparser` understands what is there; it fetches nothing itself."""

from __future__ import annotations

import calendar
import hashlib
import html
import re
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import requests

from connectors.feeds import Announced, News
from connectors.wire import whole
from models.errors import Rejected, Transient
from models.text import cleaned, web_link

LARGEST, SECONDS = 2_000_000, 20
"""Bytes of a feed, and how long it may take."""
MOST = 50
"""Entries that are looked at, the first ones."""
LONGEST_TITLE, LONGEST_SUMMARY = 300, 2_000

_TAG = re.compile(r"<[^>]*>")
_BREAK = re.compile(r"<(?:br|/p|/li|/h\d)\b[^>]*>", re.IGNORECASE)


def read(address: str, etag: str | None, modified: str | None) -> News | None:
    """As `connectors.feeds.ReadNews`. No redirection is followed: it would lead anywhere."""
    asked = {"Accept": "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.1"}
    asked |= {"If-None-Match": etag} if etag else {}
    asked |= {"If-Modified-Since": modified} if modified else {}
    try:
        with requests.get(address, headers=asked, stream=True, timeout=(5, 10), allow_redirects=False) as response:
            if response.status_code == 304:
                return None
            if response.status_code == 429 or response.status_code >= 500:
                raise Transient(reason=str(response.status_code))
            if response.status_code != 200:
                raise Rejected(str(response.status_code))
            raw = whole(response, SECONDS, LARGEST).content
            headers = response.headers
    except requests.RequestException as error:
        raise Transient(reason="unreachable") from error
    return News(_entries(raw, address), _header(headers.get("ETag")), _header(headers.get("Last-Modified")))


def _entries(raw: bytes, address: str) -> list[Announced]:
    import feedparser  # noqa: PLC0415  # Only who reads news waits for it.

    found = feedparser.parse(BytesIO(raw), response_headers={"content-location": address})
    if not found.version:
        raise Rejected("no_feed")
    return [one for entry in found.entries[:MOST] if (one := _announced(entry)) is not None]


def _announced(entry: Any) -> Announced | None:
    title = _words(entry.get("title"))[:LONGEST_TITLE].strip()
    link = web_link(entry.get("link"))
    name = entry.get("id") or link or title
    if not title or not name:
        return None
    at = entry.get("published_parsed") or entry.get("updated_parsed")
    return Announced(
        key=hashlib.sha256(str(name).encode("utf-8", "replace")).hexdigest(),
        title=title,
        summary=_words(entry.get("summary"))[:LONGEST_SUMMARY].strip(),
        link=link,
        published_at=_moment(at),
    )


def _words(marked: object) -> str:
    """Plain words of what may be HTML."""
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", str(marked or ""))))
    lines = (" ".join(line.split()) for line in (cleaned(text) or "").split("\n"))
    return "\n".join(line for line in lines if line)


def _moment(parsed: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, TypeError):
        return None


def _header(value: str | None) -> str | None:
    """What goes back to the same server, if it is short enough to be kept."""
    return value if value is not None and len(value) <= 200 and value.isprintable() else None
