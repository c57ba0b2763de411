"""Answers in parts: a player asks for the bytes that it needs, and none of what it does not show is read.

https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

_ONE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def answer(
    request: Request,
    read: Callable[[int, int], Iterator[bytes]],
    *,
    size: int,
    tag: str,
    mime: str,
    headers: Mapping[str, str],
) -> Response:
    """All of it, or the bytes that were asked for; `read` gives those from one to another, both among them. `tag` is of
    these very bytes. Several ranges in one request are answered by all of it, as one that nobody can read.
    """
    told = {**headers, "accept-ranges": "bytes", "etag": f'"{tag}"'}
    if request.headers.get("if-none-match") == told["etag"]:
        return Response(status_code=304, headers=told)
    if request.headers.get("if-range", told["etag"]) != told["etag"]:
        return _part(read, 0, size - 1, 200, mime, told)
    asked = _ONE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or asked[0] == "bytes=-":
        return _part(read, 0, size - 1, 200, mime, told)
    first, last = _places(asked[1], asked[2], size)
    if first > last or first >= size:
        return Response(status_code=416, headers={**told, "content-range": f"bytes */{size}"})
    return _part(read, first, last, 206, mime, {**told, "content-range": f"bytes {first}-{last}/{size}"})


def _places(first: str, last: str, size: int) -> tuple[int, int]:
    """Without a first one, that many at the end."""
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (size, size - 1)
    return int(first), min(int(last), size - 1) if last else size - 1


def _part(
    read: Callable[[int, int], Iterator[bytes]], first: int, last: int, status: int, mime: str, told: dict[str, str]
) -> Response:
    length = {"content-length": str(last - first + 1)}
    return StreamingResponse(read(first, last), status, media_type=mime, headers={**told, **length})
