"""What every resource of the pretend LinkedIn shares: errors, Rest.li's way of writing, who calls and what they may."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from connectors.standin.linkedin.state import EXPIRED, REVOKED, Organization, Share, grant_of, organizations
from connectors.standin.state import Comment, Standin
from connectors.standin.wire import Answer, Call

READ_POSTS, WRITE_POSTS, ADMIN = "r_organization_social", "w_organization_social", "rw_organization_admin"
READ_FEED, WRITE_FEED = "r_organization_social_feed", "w_organization_social_feed"
TOKEN_ERRORS = {
    EXPIRED: ("EXPIRED_ACCESS_TOKEN", "The token used in the request has expired"),
    REVOKED: ("REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user"),
}
Row = TypeVar("Row")


class RestError(Exception):
    """An error body of LinkedIn; a `message` of None is no body at all."""

    def __init__(self, status: int, code: str, message: str | None, number: int | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.number, self.more = status, code, message, number, more

    def answer(self, *, old: bool, now: float) -> Answer:
        if self.message is None:
            return empty(self.status)
        body: dict[str, Any] = {"errorCode": 0, "message": self.message, "requestId": "AB12CD34EF"}
        body["timestamp"] = int(now * 1000)
        if not old:
            number = {} if self.number is None else {"serviceErrorCode": self.number}
            body = {"code": self.code, **number, "message": self.message, **self.more}
        return Answer(self.status, body | {"status": self.status})


def token_error(number: int) -> RestError:
    code, message = TOKEN_ERRORS.get(number, ("INVALID_ACCESS_TOKEN", "Invalid access token"))
    return RestError(401, code, message, number or 65600)


def denied(call: Call) -> RestError:
    resource = call.path.partition("/")[0]
    verb = {"GET": "GET", "POST": "CREATE", "DELETE": "DELETE"}.get(call.method, call.method)
    return RestError(403, "ACCESS_DENIED", f"Not enough permissions to access: {resource}.{verb}.20260901", 100)


def missing(what: str) -> RestError:
    return RestError(404, "RESOURCE_NOT_FOUND", f"Could not find entity {what}")


def illegal(said: str) -> RestError:
    return RestError(400, "ILLEGAL_ARGUMENT", said)


def duplicate(urn: str) -> RestError:
    said = f"com.linkedin.content.common.exception.BadRequestResponseException: Content is a duplicate of {urn}"
    found = {"description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST"}
    kind = "com.linkedin.common.error.BadRequest"
    details = {"inputErrors": [found]}
    return RestError(422, "UNPROCESSABLE_ENTITY", said, errorDetailType=kind, errorDetails=details)


def empty(status: int, **headers: str) -> Answer:
    """Most of LinkedIn's writes answer with no body at all."""
    return Answer(status, None, {name.replace("_", "-"): value for name, value in headers.items()}, raw=b"")


class Caller:
    """One call with one token. Scopes are checked first, then roles: whoever reaches no page reaches nothing."""

    def __init__(self, state: Standin, call: Call, lag: float) -> None:
        self.state, self.call, self.lag = state, call, lag
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        reached = grant_of(state, token) if scheme == "Bearer" and token else None
        if reached is None:
            raise token_error(0)
        grant, pages, error = reached
        if error is not None:
            raise token_error(error)
        self.scopes = grant.scopes
        self.pages = {page.urn: page for page in pages}
        self.method = call.headers.get("x-restli-method", "").upper()
        self.query = restli(urlsplit(call.url).query)
        try:
            self.body: Any = json.loads(call.body) if call.body else {}
        except ValueError:
            raise illegal("The body is not JSON") from None

    def need(self, *scopes: str) -> None:
        """One of these: the scopes of comments were once those of posts."""
        if not set(scopes) & set(self.scopes):
            raise denied(self.call)

    def organization(self, urn: object) -> Organization:
        page = self.pages.get(str(urn))
        if page is None or page.role != "ADMINISTRATOR":
            raise denied(self.call)
        return page

    def may(self, post: Share) -> bool:
        return post.organization.urn in self.pages

    def thing(self, urn: str) -> Share | Comment:
        """A post by its share or its activity, or a comment."""
        found = self.state.posts.get(urn) or self.state.comments.get(urn)
        if found is None:
            shares = (post for post in self.state.posts.values() if isinstance(post, Share))
            found = next((post for post in shares if post.activity == urn), None)
        if isinstance(found, Share | Comment) and self.may(share_of(found)):
            return found
        raise missing(urn)

    def paged(self, rows: Sequence[Row], seen: Callable[[Row], Any], most: int = 100) -> Answer:
        """One page of `count` rows from `start` on: rows that come or go meanwhile move all the others."""
        start, count = (_number(self.query.get(name), usual) for name, usual in (("start", 0), ("count", 10)))
        count = min(count, most)
        here = f"/rest/{self.call.path}"
        asked = "&".join(f"{name}={value}" for name, value in self.query.items() if name not in ("start", "count"))
        links = [
            {"rel": rel, "type": "application/json", "href": f"{here}?{asked}&start={at}&count={count}"}
            for rel, at in (("prev", start - count), ("next", start + count))
            if 0 <= at < len(rows) or (rel == "prev" and start > 0)
        ]
        paging = {"start": start, "count": count, "links": links, "total": len(rows)}
        return Answer(200, {"elements": [seen(row) for row in rows[start : start + count]], "paging": paging})


def share_of(thing: Share | Comment) -> Share:
    post = thing.post if isinstance(thing, Comment) else thing
    if not isinstance(post, Share):
        raise missing(post.id)  # A post of another network.
    return post


def restli(query: str) -> dict[str, Any]:
    """A query of Rest.li 2.0: `List(a,b)` is a list, `(name:value)` a mapping, and URNs must be percent-encoded.

    https://learn.microsoft.com/linkedin/shared/api-guide/concepts/protocol-version
    """
    read: dict[str, Any] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        if value.startswith("urn:"):
            raise illegal(f"Invalid query parameters passed to request: {name}")
        if value.startswith("List(") and value.endswith(")"):
            read[name] = [unquote(one) for one in value[5:-1].split(",") if one]
        elif value.startswith("(") and value.endswith(")"):
            read[name] = compound(value)
        else:
            read[name] = unquote(value)
    return read


def compound(value: str) -> dict[str, str]:
    """`(name:value,…)` with encoded values; what is nested in one is left as it stands."""
    pairs = (pair.partition(":") for pair in value[1:-1].split(","))
    return {name: unquote(said) for name, _, said in pairs}


def old_errors(state: Standin) -> bool:
    """Whether the errors are those of before the versions."""
    return any(page.old_errors for page in organizations(state))


def _number(value: object, usual: int) -> int:
    return int(value) if isinstance(value, str) and value.isdigit() else usual


def counted(found: Mapping[str, int], *names: str) -> dict[str, int]:
    return {name: found.get(name, 0) for name in names}
