"""What every address of the JSON API promises alike: errors, places in lists, versions, keys, values that any
database can keep.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Header, Path, Query, Request, Response
from fastapi.exceptions import HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints
from sqlalchemy.orm import Session

from models import idempotency
from models.errors import Refused

LARGEST = 2**53 - 1
"""Of the integers that every JSON reader keeps exactly; our ids stay far below."""


class Shown(BaseModel):
    """What is answered; read from rows."""

    model_config = ConfigDict(from_attributes=True, frozen=True, use_attribute_docstrings=True)


class Sent(BaseModel):
    """What a program sends; a field that we do not know is a mistake of the program, and is said."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(_utc, return_type=str)]
"""A time, always in UTC."""

Number = Annotated[int, Field(ge=1, le=LARGEST)]
PathId = Annotated[int, Path(ge=1, le=LARGEST)]
# PostgreSQL keeps no NUL: it is refused here, where it can be said.
NO_NUL = "^[^\\x00]*$"
Code = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=60)]


def words(longest: int) -> Any:
    """A text of at most `longest` characters."""
    return StringConstraints(pattern=NO_NUL, max_length=longest)


# ------------------------------------------------------------------------------------------ errors
_TEXT = {"type": "string"}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `type` and `code` are stable; the rest is for a person.",
    "required": ["type", "title", "status", "code", "detail", "request"],
    "properties": {
        "type": {**_TEXT, "format": "uri", "examples": ["urn:parvis:problem:already_decided"]},
        "title": _TEXT,
        "status": {"type": "integer"},
        "code": _TEXT,
        "detail": {**_TEXT, "description": "A sentence, in French unless the reader chose English."},
        "request": {**_TEXT, "description": "The request's id, also in `X-Request-Id` and in our log."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code"],
                "properties": {"field": _TEXT, "code": _TEXT, "detail": _TEXT},
            },
        },
    },
}
_MEANINGS = {
    400: "The body is not JSON.",
    401: "Nobody is signed in, or the key is not known.",
    403: "Not allowed to this role or key, or sent from another site.",
    404: "Not there, or not yours to see.",
    409: "The state of things does not allow it; `code` says why.",
    412: "Somebody changed it: the version in `If-Match` is not the newest.",
    413: "More than is taken at this address: 1 MB, but for pictures and films.",
    422: "A field cannot be read or accepted; `errors` names it.",
    428: "`If-Match` is missing.",
    429: "Too many requests of this key within a minute; `Retry-After` says when there are turns again.",
    500: "Something failed on our side.",
}
Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """The declared errors of a route, beside those that every route has."""
    return {
        status: {"description": _MEANINGS[status], "content": {"application/problem+json": {"schema": _PROBLEM}}}
        for status in sorted({401, 403, 422, 429, 500, *statuses})
    }


READS = problems()
READS_ONE = problems(404)
CREATES = problems(400, 404, 409, 413)
CHANGES = problems(400, 404, 409, 412, 413, 428)


# ------------------------------------------------------------------------------------------ lists
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
After = Annotated[
    str | None,
    Query(max_length=200, pattern="^[A-Za-z0-9_-]*$", description="The `next` of the page before; opaque."),
]

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(BaseModel, Generic[Item]):
    """Part of a list, and where the next part begins."""

    items: list[Item]
    next: str | None = Field(description="Give it back as `after`; null: this was the end.")


NEXT_LINK = {"Link": {"description": '`<…>; rel="next"`, while there is more.', "schema": _TEXT}}


def listed(request: Request, response: Response, items: list[Item], after: str | None) -> Page[Item]:
    """A page, and its `Link` header with the filters that were asked for."""
    if after is not None:
        asked = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
        response.headers["Link"] = f'<{request.url.path}?{urlencode([*asked, ("after", after)])}>; rel="next"'
    return Page(items=items, next=after)


# ------------------------------------------------------------------------------------------ versions
VERSION_HEADER = {"ETag": {"description": "The version, for `If-Match`.", "schema": _TEXT}}
Matching = Annotated[
    str | None, Header(alias="If-Match", description='The `ETag` that was read, like `"3"`.', examples=['"3"'])
]


def tagged(response: Response, version: int) -> None:
    """Say the version of what is answered."""
    response.headers["ETag"] = f'"{version}"'


def version_in(matching: str | None) -> int:
    """The version that a program read. 428: it does not say; 412: it is none of ours, so it cannot be the newest."""
    if matching is None:
        raise HTTPException(428)
    tag = re.fullmatch('"([0-9]{1,9})"', matching.strip())
    if tag is None:
        raise HTTPException(412)
    return int(tag[1])


STALE = frozenset({"campaign_changed", "media_changed", "post_changed", "request_changed"})


def changed(change: Callable[[], Row]) -> Row:
    """Do it, and say 412 where the trade says that somebody was faster."""
    try:
        return change()
    except Refused as refusal:
        if refusal.code in STALE:
            raise HTTPException(412) from refusal
        raise


# ------------------------------------------------------------------------------------------ the same request again
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=64,
        min_length=1,
        pattern="^[!-~]*$",
        description="Chosen by the program, one for each thing to make: sent again within 24 hours it makes nothing "
        "new, and the answer is the thing as it is now. With another body: 422.",
    ),
]


def once(
    session: Session,
    person_id: int | None,
    key: str | None,
    operation: str,
    body: BaseModel,
    make: Callable[[], int],
    *,
    now: datetime,
) -> int:
    """Make something and give its id; with a key that came before, give the id of what was made then."""
    if key is None or person_id is None:
        return make()
    asked = hashlib.sha256(f"{operation}\n{body.model_dump_json()}".encode()).hexdigest()
    kept = idempotency.begin(session, person_id, key, asked, now=now)
    if kept.made_id is None:
        kept.made_id = make()
    return kept.made_id
