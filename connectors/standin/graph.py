"""Graph for Pages, as Meta speaks it, over the state of `connectors.standin.state`: a call in, an answer out."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable
from typing import Any, TypeVar

from connectors.standin import instagram
from connectors.standin.state import Comment, Fault, PageOfCity, Post, Standin
from connectors.standin.wire import Answer, Call, GraphError, fields, iso, missing, paged, seconds, unknown_path

OLDEST_VERSION = 21
Row = TypeVar("Row", Post, Comment)


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
        raise unknown_path(call.path)
    if int(version[1]) < OLDEST_VERSION:
        raise GraphError(400, 2635, "(#2635) You are calling a deprecated version of the Ads API. Please update.")
    token = call.params.get("access_token", "")
    _check_proof(state, token, call.params.get("appsecret_proof"))
    if call.path == "debug_token":
        return {"data": _debug(state, token, call.params.get("input_token", ""))}
    page = _page_of(state, token)
    if (said := instagram.route(state, call, page, fault)) is not None:
        return said
    lag = fault.seconds if fault is not None and fault.kind == "lag" else 0.0
    first, _, edge = call.path.partition("/")
    first = page.id if first == "me" else first
    if first in state.pages:
        return _on_page(state, call, page, first, edge, lag)
    return _on_thing(state, call, page, first, edge, lag)


def _on_thing(state: Standin, call: Call, page: PageOfCity, first: str, edge: str, lag: float) -> Any:
    thing = state.posts.get(first) or state.comments.get(first)
    if thing is None or _page(thing) is not page:
        raise missing(first)
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
        raise unknown_path(edge)
    if isinstance(thing, Post):
        if call.method == "GET":
            return fields(call.params.get("fields"), _post(thing))
        raise GraphError(400, 100, "Unsupported request", "GraphMethodException")
    return _on_comment(state, call, page, thing, lag)


def _on_page(state: Standin, call: Call, page: PageOfCity, asked: str, edge: str, lag: float) -> Any:
    if asked != page.id:
        raise GraphError(403, 10, "(#10) This endpoint requires the 'pages_read_engagement' permission")
    if not edge:
        return fields(call.params.get("fields", "id,name"), {"id": page.id, "name": page.name})
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
        return paged(call, rows, lambda post: fields(call.params.get("fields"), _post(post)))
    raise unknown_path(edge)


def _on_comment(state: Standin, call: Call, page: PageOfCity, comment: Comment, lag: float) -> Any:
    if call.method == "GET":
        _need(page, "pages_read_user_content")
        return fields(call.params.get("fields"), _comment(comment))
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
    return paged(call, rows, lambda one: fields(call.params.get("fields"), _comment(one)))


def _under(comment: Comment, on: Post | Comment) -> bool:
    return comment.parent is on or (comment.parent is None and comment.post is on)


def _within(call: Call, rows: Iterable[Row]) -> list[Row]:
    """`since` and `until`, in unix seconds, bear on when a thing was created."""
    since, until = (seconds(call.params.get(name)) for name in ("since", "until"))
    return [row for row in rows if (since is None or int(row.at) >= since) and (until is None or int(row.at) <= until)]


def _post(post: Post) -> dict[str, Any]:
    count = len(post.comments)
    own = post.id.rpartition("_")[2]
    return {
        "id": post.id,
        "message": post.text,
        "created_time": iso(post.at),
        "updated_time": iso(post.at),
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
        "created_time": iso(comment.at),
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
    dead, accounts = _dead(page), instagram.linked(state, page)
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
        "granular_scopes": [
            {"scope": scope, "target_ids": accounts if scope.startswith("instagram_") else [page.id]}
            for scope in page.scopes
        ],
    }


def _need(page: PageOfCity, scope: str) -> None:
    if scope not in page.scopes:
        raise GraphError(403, 200, f"(#200) Requires {scope} permission to manage the object")
