"""The public pages of the pretend Instagram: what www.instagram.com and i.instagram.com answer to a browser.

The accounts and media of the pretend Graph, under the codes and numbers that the web has for them, in the shapes that
instaloader 4.16 reads (https://github.com/instaloader/instaloader). Whoever reads them keeps the names of these hosts:
a proxy with a certificate for them must stand before this server, as in the tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.standin.instagram.state import Media, Profile
from connectors.standin.state import Comment, Fault, Standin
from connectors.standin.wire import Answer, Call, seconds

HOSTS = frozenset({"www.instagram.com", "i.instagram.com"})
PHONE_PAGE, ANSWERS_INSIDE, ANSWERS = 10, 2, 20
"""Comments in a page of the host for telephones, answers that come with each, and those of the one page that
instaloader reads of them."""
TOKENS = '["DTSGInitialData",[],{"token":"d"}] ["LSD",[],{"token":"l"}] "IG_USER_EIMU":"8800"'
WAIT = {"status": "fail", "message": "Please wait a few minutes before you try again."}
REFUSALS: Mapping[str, tuple[int, dict[str, Any]]] = {
    "throttle": (429, WAIT),
    "throttle_403": (403, WAIT),
    "permission": (401, {**WAIT, "require_login": True}),
    "blocked": (400, {"status": "fail", "message": "checkpoint_required"}),
    "feedback": (403, {"status": "fail", "message": "feedback_required"}),
    "500_before": (500, {"status": "fail", "message": "Sorry, something went wrong."}),
    "503": (503, {"status": "fail", "message": "Sorry, something went wrong."}),
}
LOGIN = "https://www.instagram.com/accounts/login/?next=/"
COMMENTS, POST, PROFILE, TIMELINE = (
    "97b41c52301f77ce508f55e66d17620e",
    "27128499623469141",
    "27937681195819736",
    "29104886249145907",
)
"""The queries of the web pages, by the names that they have there."""


def answer(state: Standin, call: Call, fault: Fault | None) -> Answer:
    """What the web answers. Faults that only spoil the way back are the server's business, not this one's."""
    with state.lock:
        state.settle()
        state.calls += 1
        kind = fault.kind if fault is not None else ""
        if kind == "token_expired":
            return Answer(302, None, {"Location": LOGIN}, raw=b"", content_type="text/html")
        if kind in REFUSALS:
            status, body = REFUSALS[kind]
            return Answer(status, body)
        given = _page(state, call)
    if given is None:
        return Answer(404, {"status": "fail", "message": "Not found"})
    return given if isinstance(given, Answer) else Answer(200, {"status": "ok", **given})


def public_id(identity: str) -> str:
    """The number that the web has for what Graph calls by `identity`."""
    return str(int(identity[3:]))


def _page(state: Standin, call: Call) -> Answer | dict[str, Any] | None:
    match f"{call.version}/{call.path}".strip("/").split("/"):
        case [""]:
            return _html(TOKENS)
        case ["graphql", "query"] | ["api", "graphql"]:
            return _query(state, call)
        case ["api", "v1", "media", pk, "comments", *rest]:
            media = next((one for one in _shown(state) if public_id(one.id) == pk), None)
            return None if media is None else _on_telephone(media, rest, call)
        case [name]:
            known = next((one for one in _profiles(state) if one.name == name), None)
            return None if known is None else _profile(state, known)
    return None


def _profiles(state: Standin) -> list[Profile]:
    return [one for one in state.pages.values() if isinstance(one, Profile)]


def _html(text: str) -> Answer:
    return Answer(200, None, raw=f"<html>{text}</html>".encode(), content_type="text/html")


def _profile(state: Standin, profile: Profile) -> Answer:
    edges = [{"node": {"code": one.code}} for one in _shown(state) if one.page is profile]
    user = {**_user(profile), "polaris_ordered_timeline_connection": _connection(edges)}
    data = {"__bbox": {"result": {"data": {"xig_user_by_username": user}}}}
    return _html(f'<script type="application/json">{json.dumps({"require": [data]})}</script>')


def _query(state: Standin, call: Call) -> dict[str, Any] | None:
    asked = json.loads(call.params["variables"])
    shown = {one.code: one for one in _shown(state)}
    match call.params.get("doc_id") or call.params.get("query_hash"):
        case str(name) if name == PROFILE:
            known = next((one for one in _profiles(state) if one.pk == asked["id"]), None)
            return {"data": {"user": None if known is None else _user(known)}}
        case str(name) if name == TIMELINE:
            edges = [{"node": _listed(one)} for one in shown.values() if one.page.name == asked["username"]]
            return {"data": {"xdt_api__v1__feed__user_timeline_graphql_connection": _connection(edges)}}
        case str(name) if name == POST:
            items = [_listed(one) for one in shown.values() if one.code == asked["shortcode"]]
            return {"data": {"xdt_api__v1__media__shortcode__web_info": {"items": items}}}
        case str(name) if name == COMMENTS and asked["shortcode"] in shown:
            rows = _threads(shown[asked["shortcode"]])
            found = _connection([{"node": _comment(one)} for one in rows]) | {"count": len(rows)}
            return {"data": {"shortcode_media": {"edge_media_to_parent_comment": found}}}
    return None


def _on_telephone(media: Media, rest: Sequence[str], call: Call) -> dict[str, Any]:
    """Long threads, page by page; or the answers to one comment, one page of them."""
    if rest:
        (first,) = [one for one in _threads(media) if public_id(one.id) == rest[0]]
        return {"child_comments": [_pressed(one) for one in _answers(first)[:ANSWERS]]}
    start, rows = seconds(call.params.get("min_id")) or 0, _threads(media)
    more = {"next_min_id": str(start + PHONE_PAGE)} if start + PHONE_PAGE < len(rows) else {}
    return {"comments": [_pressed(one) for one in rows[start : start + PHONE_PAGE]], **more}


def _shown(state: Standin) -> list[Media]:
    """What everybody sees, newest first."""
    media = (one for one in state.posts.values() if isinstance(one, Media) and one.ours)
    rows = [one for one in media if one.product != "STORY" and not one.profile.private]
    return sorted(rows, key=lambda one: (one.at, one.id), reverse=True)


def _threads(media: Media) -> list[Comment]:
    """The first comments, newest first; what is hidden is shown to its author alone."""
    rows = [one for one in media.comments.values() if one.parent is None and not one.hidden]
    return sorted(rows, key=lambda one: (one.at, one.order), reverse=True)


def _answers(comment: Comment) -> list[Comment]:
    return [one for one in comment.post.comments.values() if one.parent is comment and not one.hidden]


def _user(profile: Profile) -> dict[str, Any]:
    seen = {"pk": profile.pk, "id": profile.pk, "username": profile.name, "is_private": profile.private}
    return seen | {"friendship_status": {"following": False}}


def _connection(edges: list[dict[str, Any]]) -> dict[str, Any]:
    return {"edges": edges, "page_info": {"has_next_page": False, "end_cursor": None}}


def _listed(media: Media) -> dict[str, Any]:
    count = sum(1 + len(_answers(one)) for one in _threads(media))
    return {
        "code": media.code,
        "pk": public_id(media.id),
        "media_type": 2 if media.product == "REELS" else 1,
        "taken_at": int(media.at),
        "caption": {"text": media.text},
        "has_liked": False,
        "like_count": media.figures.get("likes", 0),
        "comment_count": count,
        "image_versions2": {"candidates": [{"url": "https://cdn.example/a.jpg"}]},
        "user": _author(media.profile.name) | {"pk": media.profile.pk},
    }


def _comment(comment: Comment) -> dict[str, Any]:
    answers = [{"node": _comment(one)} for one in _answers(comment)]
    return {
        "id": public_id(comment.id),
        "text": comment.text,
        "created_at": int(comment.at),
        "owner": {"id": comment.author.id, "username": comment.author.name},
        "edge_threaded_comments": _connection(answers) | {"count": len(answers)},
    }


def _pressed(comment: Comment) -> dict[str, Any]:
    """The same as `_comment`, as telephones are told."""
    answers = _answers(comment)
    return {
        "pk": public_id(comment.id),
        "created_at": int(comment.at),
        "text": comment.text,
        "comment_like_count": 0,
        "child_comment_count": len(answers),
        "preview_child_comments": [_pressed(one) for one in answers[:ANSWERS_INSIDE]],
        "user": _author(comment.author.name),
    }


def _author(name: str) -> dict[str, Any]:
    return {"pk": "1", "username": name, "is_private": False, "full_name": name, "profile_pic_url": "https://cdn/x.jpg"}
