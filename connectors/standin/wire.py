"""A call in, an answer out: what every pretend network shares, whatever it speaks."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import HTTPException

START = "MA=="
"""A cursor that points before everything, for the faults that turn in circles."""


class Identified(Protocol):
    """A row of a listing."""

    @property
    def id(self) -> str: ...


Row = TypeVar("Row", bound=Identified)
_Thing = TypeVar("_Thing")


@dataclass(frozen=True)
class Call:
    """One request. `path` has no version and no slash at its ends; `version` is the first part of the path. `params`
    are those of the query and of a form; `headers` have names in lower case; `body` is the bytes, `files` the parts
    of a form that are files. `url` is the address as it was written, escapes included.
    """

    method: str
    version: str
    path: str
    params: Mapping[str, str]
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    url: str = ""


@dataclass(frozen=True)
class Told:
    """One change, as its network tells it: of which topic, on which account, of which field (the network's word)."""

    topic: str
    account: str
    name: str
    value: dict[str, Any] | None
    """None: the change says only that it happened."""


@dataclass
class Answer:
    """`body` is what JSON says, unless `raw` says it instead."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json; charset=UTF-8"

    def encoded(self) -> bytes:
        return json.dumps(self.body).encode() if self.raw is None else self.raw


class GraphError(Exception):
    """An error body of Graph."""

    def __init__(self, status: int, code: int, message: str, kind: str = "OAuthException", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        error = {"message": message, "type": kind, "code": code, **more, "fbtrace_id": "AStandInTrace"}
        self.body = {"error": error}


def missing(identity: str) -> GraphError:
    """Error 100/33: it is not there, or this token may not see it."""
    message = (
        f"Unsupported get request. Object with ID '{identity}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation."
    )
    return GraphError(400, 100, message, "GraphMethodException", error_subcode=33)


def unknown_path(path: str) -> GraphError:
    return GraphError(400, 2500, "Unknown path components: /" + path)


def paged(call: Call, rows: Sequence[Row], seen: Callable[[Row], Any], most: int = 100) -> dict[str, Any]:
    """One page of Graph. A cursor holds the id of a row: it goes stale when that row is deleted."""
    limit = min(most, max(0, seconds(call.params.get("limit")) or 25))
    start = 0
    if (after := call.params.get("after")) and after != START:
        ids = [row.id for row in rows]
        try:
            start = ids.index(base64.b64decode(after, validate=True).decode()) + 1
        except ValueError:
            raise GraphError(400, 100, "(#100) Invalid cursors values") from None
    chosen = rows[start : start + limit]
    answer: dict[str, Any] = {"data": [seen(row) for row in chosen]}
    if chosen:
        cursors = {"before": _cursor(chosen[0].id), "after": _cursor(chosen[-1].id)}
        answer["paging"] = {"cursors": cursors}
        if start + limit < len(rows):
            query = urlencode({**call.params, "after": cursors["after"]})
            answer["paging"]["next"] = f"{call.base_url}{call.version}/{call.path}?{query}"
    return answer


def _cursor(identity: str) -> str:
    return base64.b64encode(identity.encode()).decode()


def fields(asked: str | None, seen: Mapping[str, Any], default: str = "id,message,created_time") -> dict[str, Any]:
    """What was asked for, and the id; with nothing asked, only `default`. `name{…}` reaches inside, lists too."""
    return {
        name: seen[name] if inside is None else _inside(inside, seen[name])
        for name, inside in _wanted(asked or default)
        if name in seen
    }


def check_fields(asked: str | None, known: Collection[str], node: str) -> None:
    """Error 100 for a field that does not exist on such a thing."""
    for name, _ in _wanted(asked or "id"):
        if name not in known:
            raise GraphError(400, 100, f"(#100) Tried accessing nonexisting field ({name}) on node type ({node})")


@lru_cache(maxsize=500)
def _wanted(asked: str) -> tuple[tuple[str, str | None], ...]:
    """Each name, and what is asked inside of it."""
    wanted: dict[str, str | None] = {"id": None}
    for whole in _apart(asked):
        nested = re.fullmatch(r"\w+(?:\.\w+\([^)]*\))*\{(.*)\}", whole, re.DOTALL)
        wanted[re.split(r"[.({]", whole, maxsplit=1)[0].strip()] = nested[1] if nested else None
    return tuple(wanted.items())


def _inside(asked: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_inside(asked, one) for one in value]
    if isinstance(value, dict):
        return {**value, "data": _inside(asked, value["data"])} if "data" in value else fields(asked, value)
    return value


def _apart(asked: str) -> list[str]:
    """Split at the commas that stand in no bracket."""
    parts, depth = [""], 0
    for letter in asked:
        depth += (letter in "({") - (letter in ")}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def iso(at: float) -> str:
    """As Graph writes times: no colon in the zone."""
    return _iso(int(at))


@lru_cache(maxsize=10_000)
def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def seconds(value: str | None) -> int | None:
    return int(value) if value and value.isdigit() else None


def there(kind: type[_Thing], identity: str, among: Mapping[str, object]) -> _Thing:
    """What a hand asks for by its id; 404 where there is none."""
    found = among.get(identity)
    if not isinstance(found, kind):
        raise HTTPException(404, f"no {kind.__name__} {identity}")
    return found
