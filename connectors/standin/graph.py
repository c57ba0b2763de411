"""Graph for Pages, as Meta speaks it, over the state of `connectors.standin.state`: a call in, an answer out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from connectors.standin.state import Comment, Fault, PageOfCity, Post, Standin

OLDEST_VERSION = 21
START = "MA=="
"""A cursor that points before everything, for the faults that turn in circles."""
Row = TypeVar("Row", Post, Comment)


@dataclass(frozen=True)
class Call:
    """One request. `path` has no version and no slash at its ends."""

    method: str
    version: str
    path: str
    params: Mapping[str, str]
    base_url: str


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
    """An error body of Meta."""

    def __init__(self, status: int, code: int, message: str, kind: str = "OAuthException", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        error = {"message": message, "type": kind, "code": code, **more, "fbtrace_id": "AStandInTrace"}
        self.body = {"error": error}


def answer(state: Standin, call: Call, fault: Fault | None) -> Answer:
    """What Graph answers. Faults that only spoil the way back are the server's business, not this one's."""
    with state.lock:
        state.settle()
        state.calls += 1
        headers = {"facebook-api-version": call.version, **_usage(state, fault)}
        try:
            if fault is not None:
                _refuse(fault)
            return Answer(200, _route(state, call, fault), headers)
        except GraphError as error:
            return Answer(error.status, error.body, headers)


def _refuse(fault: Fault) -> None:
    """The faults that refuse before anything is applied."""
    match fault.kind:
        case "throttle":
            raise GraphError(403, 32, "(#32) Page request limit reached")
        case "token_expired":
            message = "Error validating access token: Session has expired."
            raise GraphError(400, 190, message, error_subcode=fault.subcode)
        case "permission":
            raise GraphError(403, 200, "(#200) Requires pages_manage_engagement permission to manage the object")
        case "blocked":
            raise GraphError(400, 368, "The action attempted has been deemed abusive or is otherwise disallowed")
        case "duplicate":
            raise GraphError(400, 506, "(#506) Duplicate status message", error_subcode=1455006)
        case "500_before":
            raise GraphError(500, 1, "An unknown error occurred")
        case "503":
            raise GraphError(503, 2, "Service temporarily unavailable", is_transient=True)


def _usage(state: Standin, fault: Fault | None) -> dict[str, str]:
    throttled = fault is not None and fault.kind == "throttle"
    percent = 100 if throttled else state.percent if state.percent is not None else min(99, state.calls // 5_000)
    minutes = max(1, round(fault.seconds / 60)) if throttled and fault else state.regain_minutes
    counts = {"call_count": percent, "total_cputime": percent // 2, "total_time": percent // 2}
    entry = {"type": "pages", **counts, "estimated_time_to_regain_access": minutes}
    page = next(iter(state.pages), "0")
    return {"x-app-usage": json.dumps(counts), "x-business-use-case-usage": json.dumps({page: [entry]})}


def _route(state: Standin, call: Call, fault: Fault | None) -> Any:
    if (version := re.fullmatch(r"v(\d+)\.\d+", call.version)) is None:
        raise GraphError(400, 2500, "Unknown path components: /" + call.path)
    if int(version[1]) < OLDEST_VERSION:
        raise GraphError(400, 2635, "(#2635) You are calling a deprecated version of the Ads API. Please update.")
    token = call.params.get("access_token", "")
    _check_proof(state, token, call.params.get("appsecret_proof"))
    if call.path == "debug_token":
        return {"data": _debug(state, token, call.params.get("input_token", ""))}
    page = _page_of(state, token)
    lag = fault.seconds if fault is not None and fault.kind == "lag" else 0.0
    first, _, edge = call.path.partition("/")
    first = page.id if first == "me" else first
    if first in state.pages:
        return _on_page(state, call, page, first, edge, lag)
    thing = state.posts.get(first) or state.comments.get(first)
    if thing is None or _page(thing) is not page:
        raise _missing(first)
    if edge == "comments":
        if call.method == "POST":
            _need(page, "pages_manage_engagement")
            text = call.params.get("message", "")
            if not text.strip():
                raise GraphError(400, 100, "(#100) No comment message was specified")
            return {"id": state.reply(thing, page, text, lag).id}
        _need(page, "pages_read_user_content")
        return _comments(call, thing)
    if edge:
        raise GraphError(400, 2500, "Unknown path components: /" + edge)
    if isinstance(thing, Post):
        if call.method == "GET":
            return _fields(call.params.get("fields"), _post(thing))
        raise GraphError(400, 100, "Unsupported request", "GraphMethodException")
    return _on_comment(state, call, page, thing, lag)


def _on_page(state: Standin, call: Call, page: PageOfCity, asked: str, edge: str, lag: float) -> Any:
    if asked != page.id:
        raise GraphError(403, 10, "(#10) This endpoint requires the 'pages_read_engagement' permission")
    if not edge:
        return _fields(call.params.get("fields", "id,name"), {"id": page.id, "name": page.name})
    if edge == "subscribed_apps":
        if call.method == "GET":
            app = {"id": state.app_id, "name": "Parvis", "subscribed_fields": ["feed"]}
            return {"data": [app] if page.subscribed else []}
        page.subscribed = call.method == "POST"
        return {"success": True}
    if edge == "feed" and call.method == "POST":
        _need(page, "pages_manage_posts")
        text, link = call.params.get("message", ""), call.params.get("link")
        if not text.strip() and not link:
            raise GraphError(400, 100, "(#100) Missing message or attachment")
        return {"id": state.publish(page, text, link, lag).id}
    if edge in ("feed", "posts", "published_posts") and call.method == "GET":
        _need(page, "pages_read_engagement")
        posts = [post for post in state.posts.values() if post.page is page]
        rows = sorted(_within(call, posts), key=lambda post: (post.at, post.id), reverse=True)
        return _paged(call, rows, lambda post: _fields(call.params.get("fields"), _post(post)))
    raise GraphError(400, 2500, "Unknown path components: /" + edge)


def _on_comment(state: Standin, call: Call, page: PageOfCity, comment: Comment, lag: float) -> Any:
    if call.method == "GET":
        _need(page, "pages_read_user_content")
        return _fields(call.params.get("fields"), _comment(comment))
    _need(page, "pages_manage_engagement")
    if call.method == "DELETE":
        state.delete(comment, page, lag)
        return {"success": True}
    wanted = call.params.get("is_hidden")
    if wanted not in ("true", "false"):
        raise GraphError(400, 100, "(#100) Param is_hidden must be a boolean")
    if comment.author is page:
        raise GraphError(400, 100, "(#100) The Page's own comment cannot be hidden")
    state.set_hidden(comment, page, lag, hidden=wanted == "true")
    return {"success": True}


def _comments(call: Call, on: Post | Comment) -> Any:
    """`filter=stream` flattens the thread; without it only the direct answers come. Hidden ones come to the Page."""
    stream = call.params.get("filter") == "stream"
    thread = (on if isinstance(on, Post) else on.post).comments.values()
    rows = [one for one in thread if (stream and one.post is on) or _under(one, on)]
    newest_first = call.params.get("order") == "reverse_chronological"
    rows = sorted(_within(call, rows), key=lambda one: (one.at, one.order), reverse=newest_first)
    return _paged(call, rows, lambda one: _fields(call.params.get("fields"), _comment(one)))


def _under(comment: Comment, on: Post | Comment) -> bool:
    return comment.parent is on or (comment.parent is None and comment.post is on)


def _within(call: Call, rows: Iterable[Row]) -> list[Row]:
    """`since` and `until`, in unix seconds, bear on when a thing was created."""
    since, until = (_seconds(call.params.get(name)) for name in ("since", "until"))
    return [row for row in rows if (since is None or int(row.at) >= since) and (until is None or int(row.at) <= until)]


def _paged(call: Call, rows: Sequence[Row], seen: Callable[[Row], Any]) -> Any:
    """One page. A cursor holds the id of a row: it goes stale when that row is deleted."""
    limit = min(100, max(0, _seconds(call.params.get("limit")) or 25))
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


def _post(post: Post) -> dict[str, Any]:
    count = len(post.comments)
    own = post.id.rpartition("_")[2]
    return {
        "id": post.id,
        "message": post.text,
        "created_time": _iso(post.at),
        "updated_time": _iso(post.at),
        "permalink_url": f"https://www.facebook.com/{post.page.id}/posts/{own}",
        "is_published": True,
        "status_type": "mobile_status_update",
        "from": {"id": post.page.id, "name": post.page.name},
        "comments": {"data": [], "summary": {"order": "chronological", "total_count": count, "can_comment": True}},
    }


def _comment(comment: Comment) -> dict[str, Any]:
    post, own = comment.post.id.rpartition("_")[2], comment.id.rpartition("_")[2]
    permalink = f"https://www.facebook.com/{comment.post.page.id}/posts/{post}?comment_id={own}"
    seen = {
        "id": comment.id,
        "message": comment.text,
        "created_time": _iso(comment.at),
        "from": {"id": comment.author.id, "name": comment.author.name},
        "is_hidden": comment.hidden,
        "can_hide": comment.author is not comment.post.page,
        "can_remove": True,
        "can_comment": True,
        "can_reply_privately": False,
        "like_count": 0,
        "comment_count": sum(1 for other in comment.post.comments.values() if other.parent is comment),
        "permalink_url": permalink,
    }
    if comment.parent is not None:
        seen["parent"] = {"id": comment.parent.id, "message": comment.parent.text}
    return seen


def _fields(asked: str | None, seen: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, and the id; with nothing asked, only id, message and created_time."""
    names = re.split(r",(?![^({]*[)}])", asked or "id,message,created_time")
    wanted = {"id": None} | {re.split(r"[.({]", name, maxsplit=1)[0].strip(): name for name in names}
    answer: dict[str, Any] = {}
    for name, whole in wanted.items():
        if name not in seen:
            continue
        nested = re.fullmatch(r"\w+\{(.*)\}", whole or "")
        value = seen[name]
        answer[name] = _fields(nested[1], value) if nested and isinstance(value, dict) else value
    return answer


def _page(thing: Post | Comment) -> PageOfCity:
    return thing.page if isinstance(thing, Post) else thing.post.page


def _page_of(state: Standin, token: str) -> PageOfCity:
    if not token:
        raise GraphError(400, 2500, "An active access token must be used to query information about the current user.")
    for page in state.pages.values():
        if page.token == token:
            if (dead := _dead(page)) is not None:
                raise GraphError(400, 190, "Error validating access token", error_subcode=dead)
            return page
    raise GraphError(400, 190, "Invalid OAuth access token - Cannot parse access token")


def _dead(page: PageOfCity) -> int | None:
    return 463 if page.expires_at and page.expires_at <= time.time() else page.dead


def _check_proof(state: Standin, token: str, proof: str | None) -> None:
    """The proof is not demanded, but a wrong one is refused."""
    right = hmac.new(state.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    if proof is not None and not hmac.compare_digest(proof.encode(), right.encode()):
        raise GraphError(400, 100, "Invalid appsecret_proof provided in the API argument", "GraphMethodException")


def _debug(state: Standin, token: str, inspected: str) -> dict[str, Any]:
    if token != f"{state.app_id}|{state.app_secret}":
        raise GraphError(400, 100, "(#100) You must provide an app access token, or a user access token")
    page = next((one for one in state.pages.values() if one.token == inspected), None)
    if page is None:
        error = {"code": 190, "message": "The access token could not be decrypted"}
        return {"error": error, "is_valid": False, "scopes": []}
    dead = _dead(page)
    error = {"error": {"code": 190, "message": "Error validating access token", "subcode": dead}}
    return ({} if dead is None else error) | {
        "app_id": state.app_id,
        "type": "PAGE",
        "application": "Parvis",
        "data_access_expires_at": 0,
        "expires_at": page.expires_at,
        "is_valid": dead is None,
        "profile_id": page.id,
        "scopes": list(page.scopes),
        "granular_scopes": [{"scope": scope, "target_ids": [page.id]} for scope in page.scopes],
    }


def _need(page: PageOfCity, scope: str) -> None:
    if scope not in page.scopes:
        raise GraphError(403, 200, f"(#200) Requires {scope} permission to manage the object")


def _missing(identity: str) -> GraphError:
    message = (
        f"Unsupported get request. Object with ID '{identity}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation."
    )
    return GraphError(400, 100, message, "GraphMethodException", error_subcode=33)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _seconds(value: str | None) -> int | None:
    return int(value) if value and value.isdigit() else None
