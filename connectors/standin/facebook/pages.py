"""Pages on the pretend Graph: posts, threads, moderation, messages, mentions and reviews, as Meta speaks of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, TypeVar

from connectors.standin.facebook import publishing
from connectors.standin.facebook.seen import OF_POST, OF_VIDEO, on_ad, on_comment, on_post, on_review, on_story, under
from connectors.standin.people import Letter
from connectors.standin.state import MESSAGING, Comment, PageOfCity, Post, Standin
from connectors.standin.talks import Manner, conversations, messages, recipient, send
from connectors.standin.wire import Call, GraphError, check_fields, fields, missing, paged, seconds, unknown_path

Row = TypeVar("Row", Post, Comment)
PRIVATE_REPLY = 7 * 86_400
MESSENGER = Manner("t_", "name", 2018278)
WITHOUT_RATINGS = 22
"""The first version that gives no recommendations."""


def on_page(state: Standin, call: Call, page: PageOfCity, asked: str, edge: str, lag: float) -> Any:
    """A call to `/{page}` or one of its edges."""
    if asked != page.id:
        raise GraphError(403, 10, "(#10) This endpoint requires the 'pages_read_engagement' permission")
    if not edge:
        counts = {"followers_count": page.followers, "fan_count": page.followers}
        return fields(call.params.get("fields"), {"id": page.id, "name": page.name, **counts}, "id,name")
    if edge == "subscribed_apps":
        need(page, "pages_manage_metadata")
        if call.method == "GET":
            app = {"id": state.app_id, "name": "Parvis", "subscribed_fields": list(page.subscribed_fields)}
            return {"data": [app] if page.subscribed_fields else []}
        names = tuple(filter(None, re.split(r"[\s,]+", call.params.get("subscribed_fields", ""))))
        if call.method == "POST" and not names:
            raise GraphError(400, 100, "(#100) Param subscribed_fields is required")
        if set(names) & set(MESSAGING) and call.method == "POST":
            need(page, "pages_messaging")
        if (bad := next((one for one in names if one in state.refused_fields), None)) and call.method == "POST":
            raise GraphError(400, 100, f'(#100) Param subscribed_fields must be one of {{...}} - got "{bad}".')
        # What is not named again is told no more (from memory: the reference of the edge does not say).
        page.subscribed_fields = names if call.method == "POST" else ()
        return {"success": True}
    if edge == "blocked":
        return _blocked(state, call, page, lag)
    if (edge, call.method) in (("messages", "POST"), ("conversations", "GET")):
        return _talk(state, call, page, edge, lag)
    if call.method == "POST":
        need(page, "pages_manage_posts")
        return publishing.publish(state, call, page, edge, lag)
    return _listing(state, call, page, edge)


def _listing(state: Standin, call: Call, page: PageOfCity, edge: str) -> Any:
    forms: dict[str, tuple[str, ...]] = {
        "feed": ("post", "video", "wall"),
        "posts": ("post", "video"),
        "published_posts": ("post", "video"),
        "videos": ("video", "reel"),
        "video_reels": ("reel",),
        "tagged": ("visitor",),
        "visitor_posts": ("wall",),
        "ads_posts": ("ad",),
        "stories": ("story",),
    }
    if edge == "ratings":
        need(page, "pages_read_user_content")
        if int(call.version[1:].partition(".")[0]) >= WITHOUT_RATINGS:
            raise GraphError(400, 12, "(#12) ratings is deprecated for versions v22.0 and higher")
        rows = sorted(page.reviews, key=lambda one: one.at, reverse=True)
        return paged(call, rows, lambda one: _asked(call, on_review(one), "created_time,recommendation_type"))
    if edge not in forms:
        raise unknown_path(edge)
    by_others, ads = edge in ("tagged", "visitor_posts"), edge == "ads_posts"
    need(page, "pages_read_user_content" if by_others else "pages_manage_ads" if ads else "pages_read_engagement")
    boosted = {ad.post for ad in state.ads} if ads else set()
    posts = [one for one in state.posts.values() if one.page is page and (one.form in forms[edge] or one.id in boosted)]
    within = posts if edge in ("videos", "video_reels") else _within(call, posts)
    rows_of = sorted(within, key=lambda post: (post.at, post.id), reverse=True)
    if edge == "stories":
        return paged(call, rows_of, lambda post: on_story(post, state.now()))
    if edge == "videos":
        return paged(call, rows_of, lambda post: _asked(call, on_post(call, post) | {"id": post.film}))
    return paged(call, rows_of, lambda post: _asked(call, on_post(call, post)))


def on_thing(state: Standin, call: Call, page: PageOfCity, first: str, edge: str, lag: float) -> Any:
    """A call to a post, a comment, a video, a conversation, or one of their edges."""
    filmed = next((one for one in state.posts.values() if one.film == first), None)
    thing = state.posts.get(first) or state.comments.get(first) or filmed
    if thing is None:
        return _conversation(call, page, first, edge)
    if (thing if isinstance(thing, Post) else thing.post).page is not page:
        raise missing(first)
    if edge == "comments":
        if call.method == "POST":
            need(page, "pages_manage_engagement")
            text = call.params.get("message", "")
            if not text.strip():
                raise GraphError(400, 100, "(#100) No comment message was specified")
            return {"id": state.reply(thing, page, text, lag).id}
        need(page, "pages_read_user_content")
        return _comments(call, thing)
    if edge == "likes" and isinstance(thing, Comment) and call.method in ("POST", "DELETE"):
        need(page, "pages_manage_engagement")
        verb = "like" if call.method == "POST" else "unlike"
        state.apply(verb, page, thing.id, thing.id, lag, lambda: setattr(thing, "liked", verb == "like"))
        return {"success": True}
    if edge:
        raise unknown_path(edge)
    if isinstance(thing, Post):
        return _on_post(state, call, page, thing, lag)
    return _on_comment(state, call, page, thing, lag)


def _on_post(state: Standin, call: Call, page: PageOfCity, post: Post, lag: float) -> Any:
    if call.method == "GET":
        need(page, "pages_read_engagement")
        film = call.path == post.film
        check_fields(call.params.get("fields"), OF_VIDEO if film else OF_POST, "Video" if film else "PagePost")
        seen = on_post(call, post)
        if "insights" in call.params.get("fields", ""):
            need(page, "read_insights")
        if film:
            seen |= {"id": post.film, "post_id": post.id}
        return _asked(call, seen)
    need(page, "pages_manage_posts")
    if post.writer is not None:
        raise GraphError(403, 200, "(#200) The Page may not change the posts of others")
    if call.method == "DELETE":
        state.apply("delete_post", page, post.id, post.id, lag, lambda: state.withdraw(post))
        return {"success": True}
    text = call.params.get("description" if call.path == post.film else "message")
    if text is None:
        raise GraphError(400, 100, "(#100) Nothing to change")
    state.apply("edit_post", page, post.id, post.id, lag, lambda: state.reword(post, text), text)
    return {"success": True}


def _on_comment(state: Standin, call: Call, page: PageOfCity, comment: Comment, lag: float) -> Any:
    if call.method == "GET":
        need(page, "pages_read_user_content")
        return on_comment(comment, call.params.get("fields"))
    need(page, "pages_manage_engagement")
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
    rows = [one for one in thread if (stream and one.post is on) or under(one, on)]
    newest_first = call.params.get("order") == "reverse_chronological"
    rows = sorted(_within(call, rows), key=lambda one: (one.at, one.order), reverse=newest_first)
    asked = call.params.get("fields")
    return paged(call, rows, lambda one: on_comment(one, asked))


def _blocked(state: Standin, call: Call, page: PageOfCity, lag: float) -> Any:
    """`POST` answers a line for each who was named, `DELETE` says that it succeeded."""
    need(page, "pages_manage_engagement")
    who = call.params.get("user", "")
    if call.method == "GET":
        rows = [one for one in page.blocked.values() if who in ("", one.id)]
        return paged(call, rows, lambda one: {"id": one.id, "name": one.name})
    person = state.citizens.get(who)
    if person is None:
        raise GraphError(400, 100, "(#100) The user is invalid")
    if call.method == "POST":
        state.apply("block", page, who, who, lag, lambda: page.blocked.update({who: person}))
        return {who: True}
    state.apply("unblock", page, who, who, lag, lambda: page.blocked.pop(who, None))
    return {"success": True}


def _talk(state: Standin, call: Call, page: PageOfCity, edge: str, lag: float) -> Any:
    """Conversations are listed; a message goes into one, or to whoever wrote a comment."""
    need(page, "pages_messaging")
    if edge == "conversations":
        return conversations(call, page, MESSENGER)
    if "id" in recipient(call):
        return send(state, call, page, MESSENGER, lag)
    return _write_privately(state, call, page, lag)


def _write_privately(state: Standin, call: Call, page: PageOfCity, lag: float) -> Any:
    """One message for a comment, within seven days of it."""
    target, text = (_json(call, "recipient").get("comment_id", ""), _json(call, "message").get("text", ""))
    comment = state.comments.get(str(target))
    if comment is None or comment.post.page is not page:
        raise missing(str(target))
    if not text:
        raise GraphError(400, 100, "(#100) The parameter message is required")
    if comment.author is page:
        raise GraphError(400, 10903, "(#10903) This user cant reply to this activity")
    if comment.at < state.now() - PRIVATE_REPLY:
        raise GraphError(400, 10, "(#10) This message is sent outside of allowed window.", error_subcode=2018278)
    if any(letter.comment == comment.id for letter in page.letters):
        raise GraphError(400, 10900, "(#10900) Activity already replied to")
    letter = Letter(f"m_{state.number()}", comment.id, comment.author, text, state.now())
    state.apply("private_reply", page, comment.id, letter.id, lag, lambda: page.letters.append(letter), text)
    return {"recipient_id": comment.author.id, "message_id": letter.id}


def _conversation(call: Call, page: PageOfCity, first: str, edge: str) -> Any:
    """The conversation `t_AUTHOR` and its messages, newest first."""
    if edge != "messages" or call.method != "GET":
        raise missing(first)
    need(page, "pages_messaging")
    return messages(call, page, first, MESSENGER)


def on_ad_account(state: Standin, call: Call, page: PageOfCity, account: str, edge: str) -> Any:
    """What was bought in one ad account: https://developers.facebook.com/docs/marketing-api/reference/ad-account/ads."""
    need(page, "ads_read")
    if edge != "ads" or call.method != "GET":
        raise unknown_path(edge)
    rows = [ad for ad in state.ads if ad.account == account]
    return paged(call, rows, lambda ad: _asked(call, on_ad(ad), "id"))


def _within(call: Call, rows: Iterable[Row]) -> list[Row]:
    """`since` and `until`, in unix seconds, bear on when a thing was created."""
    since, until = (seconds(call.params.get(name)) for name in ("since", "until"))
    return [row for row in rows if (since is None or int(row.at) >= since) and (until is None or int(row.at) <= until)]


def _asked(call: Call, seen: dict[str, Any], default: str = "id,message,created_time") -> dict[str, Any]:
    return fields(call.params.get("fields"), seen, default)


def _json(call: Call, name: str) -> dict[str, Any]:
    try:
        value = json.loads(call.params.get(name, ""))
    except ValueError:
        raise GraphError(400, 100, f"(#100) Param {name} must be an object") from None
    return value if isinstance(value, dict) else {}


def need(page: PageOfCity, scope: str) -> None:
    """Error 200 when the Page's token has not this permission."""
    if scope not in page.scopes:
        raise GraphError(403, 200, f"(#200) Requires {scope} permission to manage the object")
