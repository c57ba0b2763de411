"""Instagram on the pretend Graph: https://developers.facebook.com/docs/instagram-platform, the API with Facebook Login.

Same host, same versions and same tokens as Pages: a call carries the token of the Page that the account is linked to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from connectors.standin.instagram.messages import MANNER, about_instagram, talk
from connectors.standin.instagram.publishing import create, insights, publish, status
from connectors.standin.instagram.state import DAY, Asked, Media, Profile, names
from connectors.standin.people import Ad
from connectors.standin.state import Comment, Fault, PageOfCity, Person, Standin
from connectors.standin.talks import messages
from connectors.standin.wire import Answer, Call, GraphError, check_fields, fields, iso, missing, paged, unknown_path

COMMENTS_PER_PAGE = 50
REPLIES_INSIDE = 10
"""How many replies come inside a comment when no limit is given. Not documented; the next page is always given."""


def route(state: Standin, call: Call, page: PageOfCity, fault: Fault | None) -> Any:
    """The answer, or None when the call is about nothing of Instagram's. The caller holds the lock."""
    asked = Asked(state, call, page, fault)
    profiles = [one for one in state.pages.values() if isinstance(one, Profile) and one.page is page]
    first, _, edge = call.path.partition("/")
    if first.startswith("act_") and "effective_instagram_media_id" in call.params.get("fields", ""):
        return _ads(asked, first)
    if first in ("me", page.id) and edge in ("messages", "conversations"):
        return talk(asked, profiles[0], edge) if profiles and about_instagram(asked, edge) else None
    if isinstance(owner := state.pages.get(first), Profile):
        if owner not in profiles:
            raise missing(first)
        return _on_profile(asked, owner, edge)
    if first.startswith(MANNER.prefix) and edge == "messages" and call.method == "GET":
        asked.need("instagram_manage_messages")
        return messages(call, profiles[0], first, MANNER) if profiles else None
    for profile in profiles:
        if first in profile.containers:
            return status(call, profile.containers[first], state.now())
    thing = state.posts.get(first) or state.comments.get(first)
    media = thing.post if isinstance(thing, Comment) else thing
    if thing is None or not isinstance(media, Media):
        return None
    if media.page not in profiles or not media.ours:
        raise missing(first)  # Somebody else's is read only through the edges of mentions.
    return _on_comment(asked, thing, edge) if isinstance(thing, Comment) else _on_media(asked, media, edge)


def linked(state: Standin, page: PageOfCity) -> list[str]:
    """The ids of the accounts that a Page's token opens."""
    return [one.id for one in state.pages.values() if isinstance(one, Profile) and one.page is page]


def upload(state: Standin, call: Call, _: Fault | None) -> Answer:
    """The other host, where the bytes of a video are sent: `POST /ig-api-upload/{version}/{container}`."""
    with state.lock:
        state.calls += 1
        token = call.headers.get("authorization", "").removeprefix("OAuth ")
        identity = call.path.rpartition("/")[2]
        profiles = (one for one in state.pages.values() if isinstance(one, Profile) and one.page.token == token)
        container = next((one.containers[identity] for one in profiles if identity in one.containers), None)
        whole = container is not None and call.headers.get("offset") == "0"
        if container is None or not whole or int(call.headers.get("file_size", -1)) != len(call.body):
            debug = {"retriable": False, "type": "ProcessingFailedError", "message": "Request processing failed"}
            return Answer(400, {"debug_info": debug})
        container.upload = False
        return Answer(200, {"success": True, "message": "Upload successful."})


# ------------------------------------------------------------------------------------------------- the account
def _on_profile(asked: Asked, profile: Profile, edge: str) -> Any:
    call, now = asked.call, asked.state.now()
    asked.need("instagram_basic")
    match call.method, edge:
        case "GET", "":
            return _select(call, _profile(asked, profile), "IGUser", "id")
        case "GET", "media":
            return _listing(asked, (one for one in _media(asked, profile) if one.ours and one.product != "STORY"))
        case "GET", "stories":
            recent = (one for one in _media(asked, profile) if one.ours and one.product == "STORY")
            return _listing(asked, (one for one in recent if one.at > now - DAY))
        case "GET", "tags":
            return _listing(asked, (one for one in _media(asked, profile) if not one.ours and names(one.text, profile)))
        case "GET", "content_publishing_limit":
            config = {"quota_total": profile.quota, "quota_duration": int(DAY)}
            return {"data": [{"quota_usage": profile.published_since(now - DAY), "config": config}]}
        case "POST", "media":
            asked.need("instagram_content_publish")
            return create(asked.state, call, profile, asked.fault)
        case "POST", "media_publish":
            asked.need("instagram_content_publish")
            return publish(asked.state, call, profile, asked.lag)
        case "POST", "mentions":
            asked.need("instagram_manage_comments")
            return _answer_mention(asked, profile)
        case _, "messages" | "conversations":
            return talk(asked, profile, edge)
    raise unknown_path(edge)


def _media(asked: Asked, profile: Profile) -> list[Media]:
    """Newest first."""
    rows = [one for one in asked.state.posts.values() if isinstance(one, Media) and one.page is profile]
    return sorted(rows, key=lambda one: (one.at, one.id), reverse=True)


def _listing(asked: Asked, rows: Iterable[Media]) -> Any:
    call = asked.call
    return paged(call, list(rows), lambda one: _select(call, _of_media(asked, one), "IGMedia", "id"))


def _profile(asked: Asked, profile: Profile) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "id": profile.id,
        "username": profile.name,
        "name": profile.name,
        "followers_count": profile.followers,
        "media_count": sum(one.ours for one in _media(asked, profile)),
        "mentioned_comment": None,
        "mentioned_media": None,
    }
    wanted = re.search(r"mentioned_(comment|media)\.\w+\((\d+)\)", asked.call.params.get("fields", ""))
    if wanted:
        state, what = asked.state, wanted[1]
        thing = state.comments.get(wanted[2]) if what == "comment" else state.posts.get(wanted[2])
        asked.need("instagram_manage_comments")
        media = thing.post if isinstance(thing, Comment) else thing
        if thing is None or not isinstance(media, Media) or media.page is not profile or not names(thing.text, profile):
            raise missing(wanted[2])
        seen[f"mentioned_{what}"] = _of_comment(asked, thing) if isinstance(thing, Comment) else _of_media(asked, media)
    return seen


def _answer_mention(asked: Asked, profile: Profile) -> dict[str, str]:
    state, text = asked.state, asked.text()
    media = state.posts.get(asked.call.params.get("media_id", ""))
    if not isinstance(media, Media) or media.page is not profile or media.ours:
        raise missing(asked.call.params.get("media_id", ""))
    about: Media | Comment = media
    if wanted := asked.call.params.get("comment_id"):
        comment = state.comments.get(wanted)
        if comment is None or comment.post is not media or not names(comment.text, profile):
            raise missing(wanted)
        about = comment
    return {"id": state.reply(about, profile, text, asked.lag).id}


# ------------------------------------------------------------------------------------------------- media and comments
def _on_media(asked: Asked, media: Media, edge: str) -> Any:
    state, call = asked.state, asked.call
    asked.need("instagram_basic")
    match call.method, edge:
        case "GET", "":
            return _select(call, _of_media(asked, media), "IGMedia", "id")
        case "GET", "comments":
            asked.need("instagram_manage_comments")
            rows = [one for one in media.comments.values() if one.parent is None]
            return _comments(asked, rows, newest_first=True)
        case "GET", "insights":
            asked.need("instagram_manage_insights")
            return {"data": insights(media, call.params.get("metric", ""))}
        case "POST", "comments":
            asked.need("instagram_manage_comments")
            if not media.open:
                raise GraphError(400, 100, "(#100) Comments are disabled on this media")
            return {"id": state.reply(media, media.profile, asked.text(), asked.lag).id}
        case "POST", "":
            asked.need("instagram_manage_comments")
            wanted = call.params.get("comment_enabled")
            if wanted not in ("true", "false"):
                raise GraphError(400, 100, "(#100) The parameter comment_enabled is required")
            verb = "open_comments" if wanted == "true" else "close_comments"
            state.apply(
                verb, media.page, media.id, media.id, asked.lag, lambda: setattr(media, "open", wanted == "true")
            )
            return {"success": True}
        case "DELETE", "":
            asked.need("instagram_manage_contents")
            state.apply("delete_post", media.page, media.id, media.id, asked.lag, lambda: _forget(state, media))
            return {"success": True}
    raise unknown_path(edge)


def _ads(asked: Asked, account: str) -> Any:
    """Of an ad account, for whoever asks which media its advertisements are."""
    asked.need("ads_read")
    rows = [ad for ad in asked.state.ads if ad.account == account]
    return paged(asked.call, rows, lambda ad: fields(asked.call.params.get("fields"), _ad(asked.state, ad), "id"))


def _ad(state: Standin, ad: Ad) -> dict[str, Any]:
    media = state.posts.get(ad.post)
    creative = {"id": f"9{ad.id}"}
    if isinstance(media, Media):
        creative |= {"effective_instagram_media_id": media.id, "instagram_user_id": media.page.id}
    spent = {"spend": ad.spend, "account_currency": ad.currency}
    return {"id": ad.id, "campaign_id": ad.campaign, "creative": creative, "insights": {"data": [spent]}}


def _forget(state: Standin, media: Media) -> None:
    state.posts.pop(media.id, None)
    for comment in media.comments:
        state.comments.pop(comment, None)


def _on_comment(asked: Asked, comment: Comment, edge: str) -> Any:
    state, call, profile = asked.state, asked.call, comment.post.page
    asked.need("instagram_manage_comments")
    match call.method, edge:
        case "GET", "":
            return _select(call, _of_comment(asked, comment), "IGComment", "id,text,timestamp")
        case "GET", "replies":
            return _comments(asked, _replies(comment), newest_first=False)
        case "POST", "replies":
            if comment.hidden or (comment.parent is not None and comment.parent.hidden):
                raise GraphError(400, 100, "(#100) A hidden comment cannot be replied to")
            return {"id": state.reply(comment, profile, asked.text(), asked.lag).id}
        case "POST", "":
            wanted = call.params.get("hide")
            if wanted not in ("true", "false"):
                raise GraphError(400, 100, "(#100) Param hide must be a boolean")
            if comment.author is profile:
                raise GraphError(400, 100, "(#100) The owner's comment cannot be hidden")
            state.set_hidden(comment, profile, asked.lag, hidden=wanted == "true")
            return {"success": True}
        case "DELETE", "":
            state.delete(comment, profile, asked.lag)
            return {"success": True}
    raise unknown_path(edge)


def _replies(comment: Comment) -> list[Comment]:
    return [one for one in comment.post.comments.values() if one.parent is comment]


def _comments(asked: Asked, rows: Iterable[Comment], *, newest_first: bool) -> Any:
    rows = sorted(rows, key=lambda one: (one.at, one.order), reverse=newest_first)
    return paged(
        asked.call,
        rows,
        lambda one: _select(asked.call, _of_comment(asked, one), "IGComment", "id,text,timestamp"),
        COMMENTS_PER_PAGE,
    )


def _of_media(asked: Asked, media: Media) -> dict[str, Any]:
    wanted = asked.call.params.get("fields", "")
    metrics = re.search(r"insights\.metric\(([^)]*)\)", wanted)
    if metrics:
        asked.need("instagram_manage_insights")
    return {
        "id": media.id,
        "caption": media.text or None,
        "media_type": media.kind,
        "media_product_type": media.product,
        "media_url": media.url,
        "permalink": _permalink(media),
        "shortcode": media.code,
        "timestamp": iso(media.at),
        "username": media.owner.name,
        "owner": {"id": media.page.id} if media.ours else None,
        "alt_text": media.alt,
        "like_count": media.figures.get("likes", 0),
        "comments_count": len(media.comments),
        "is_comment_enabled": media.open,
        "children": {"data": [{"id": one} for one in media.children]} if media.children else None,
        "insights": {"data": insights(media, metrics[1])} if metrics else None,
    }


def _permalink(media: Media) -> str:
    return f"https://www.instagram.com/{'reel' if media.product == 'REELS' else 'p'}/{media.code}/"


def _of_comment(asked: Asked, comment: Comment) -> dict[str, Any]:
    media, mine = comment.post, comment.author is comment.post.page
    assert isinstance(media, Media)  # noqa: S101  Nothing else has these comments.
    discreet = media.profile.discreet
    seen = {
        "id": comment.id,
        "text": comment.text,
        "timestamp": iso(comment.at),
        "username": comment.author.name,
        "from": None if discreet else _person(comment.author),
        "user": {"id": comment.author.id} if mine and not discreet else None,
        "hidden": comment.hidden,
        "like_count": 0,
        "parent_id": comment.parent.id if comment.parent else None,
        "media": {
            "id": media.id,
            "media_product_type": media.product,
            "username": media.owner.name,
            "permalink": _permalink(media),
        },
        "replies": None,
    }
    wanted = re.search(r"replies(?:\.limit\((\d+)\))?(?:\{|,|$)", asked.call.params.get("fields", ""))
    if wanted and (replies := _replies(comment)):
        inside = {"limit": wanted[1] or str(REPLIES_INSIDE), "access_token": asked.call.params.get("access_token", "")}
        call = replace(asked.call, path=f"{comment.id}/replies", params=inside)
        ordered = sorted(replies, key=lambda one: (one.at, one.order))
        seen["replies"] = paged(
            call, ordered, lambda one: _of_comment(replace(asked, call=call), one), COMMENTS_PER_PAGE
        )
    return seen


def _person(person: Person) -> dict[str, str]:
    return {"id": person.id, "username": person.name}


def _select(call: Call, seen: Mapping[str, Any], node: str, default: str) -> dict[str, Any]:
    """The fields that were asked for; what the network does not say is left out, what does not exist is an error."""
    wanted = call.params.get("fields") or default
    check_fields(wanted, seen, node)
    return {name: value for name, value in fields(wanted, seen, default).items() if value is not None}
