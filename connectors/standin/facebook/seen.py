"""What the pretend Graph shows of a Page's things, in Meta's own shapes; the caller picks the fields."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from connectors.standin.people import Ad, Review, Shown
from connectors.standin.state import Comment, Post
from connectors.standin.wire import Call, GraphError, fields, iso

DAY = 86_400
METRICS = frozenset({"post_media_view", "post_total_media_view_unique", "post_clicks", "post_reactions_by_type_total"})


OF_BOTH = {"id", "created_time", "updated_time", "permalink_url", "from", "comments", "likes", "reactions"}
OF_POST = OF_BOTH | {"message", "is_published", "is_hidden", "status_type", "shares", "attachments", "insights"}
OF_VIDEO = OF_BOTH | {"description", "views", "post_id"}
"""What may be asked of one thing; a field of the other kind is an error."""


def on_post(call: Call, post: Post) -> dict[str, Any]:
    count = len(post.comments)
    own = post.id.rpartition("_")[2]
    writer = post.writer or post.page
    permalink = f"https://www.facebook.com/{post.page.id}/posts/{own}"
    seen: dict[str, Any] = {
        "id": post.id,
        "message": post.text,
        "created_time": iso(post.at),
        "updated_time": iso(post.at),
        "permalink_url": f"/reel/{post.id}/" if post.form == "reel" else permalink,
        "is_published": post.form != "ad",
        "status_type": "mobile_status_update",
        "from": {"id": writer.id, "name": writer.name},
        "comments": {"data": [], "summary": {"order": "chronological", "total_count": count, "can_comment": True}},
        "reactions": {"data": [], "summary": {"total_count": post.figures.get("reactions", 0)}},
        "likes": {"data": [], "summary": {"total_count": post.figures.get("reactions", 0)}},
    }
    if post.figures.get("shares"):
        seen["shares"] = {"count": post.figures["shares"]}  # Graph leaves it out when there are none.
    if post.film is not None:
        seen |= {"description": post.text, "views": post.figures.get("post_media_view", 0)}
        if post.form == "video":
            seen["post_id"] = post.id
    if post.photos or post.film:
        seen["attachments"] = {"data": [_attachment(post)]}
    if asked := re.search(r"insights\.metric\(([^)]*)\)", call.params.get("fields", "")):
        seen["insights"] = {"data": [_metric(post, name.strip()) for name in asked[1].split(",")]}
    return seen


def on_story(post: Post, now: float) -> dict[str, Any]:
    """All of it, whatever is asked for; times of stories are in unix seconds."""
    own = post.id.rpartition("_")[2]
    return {
        "post_id": post.id,
        "status": "PUBLISHED" if post.at > now - DAY else "ARCHIVED",
        "creation_time": str(int(post.at)),
        "media_type": "photo" if post.film is None else "video",
        "media_id": post.film or post.photos[0].id,
        "url": f"https://facebook.com/stories/{post.page.id}/{own}",
    }


def _attachment(post: Post) -> dict[str, Any]:
    if post.film is not None:
        return {"media_type": "video", "type": "video_inline"}
    if len(post.photos) == 1:
        return {"media_type": "photo", "type": "photo"}
    inside = [{"media_type": "photo", "type": "photo"} for _ in post.photos]
    return {"media_type": "album", "type": "album", "subattachments": {"data": inside}}


def _metric(post: Post, name: str) -> dict[str, Any]:
    if name not in METRICS:
        raise GraphError(400, 100, "(#100) The value must be a valid insights metric")
    return {"name": name, "period": "lifetime", "values": [{"value": post.figures.get(name, 0)}]}


def on_comment(comment: Comment, asked: str | None) -> dict[str, Any]:
    """The fields that were asked for. The same words about the same comment are made once: threads are long."""
    page, parent = comment.post.page, comment.parent
    letter = next((one for one in page.letters if one.comment == comment.id), None) if page.letters else None
    return _comment(
        asked,
        comment.id,
        comment.text,
        comment.at,
        (comment.author.id, comment.author.name),
        (comment.hidden, comment.liked, comment.answers, comment.author is page),
        (parent.id, parent.text) if parent else None,
        (page.id, comment.post.id),
        letter.to.id if letter else None,
        comment.shown,
    )


TYPES = {
    "photo": "photo",
    "video": "video_inline",
    "sticker": "sticker",
    "gif": "animated_image_share",
    "link": "share",
}


def _shown(one: Shown) -> dict[str, Any]:
    address = f"https://www.facebook.com/{one.kind}/{one.id}"
    said = {"title": one.title} if one.title else {}
    target = {"id": one.id, "url": address}
    return {
        "type": TYPES.get(one.kind, one.kind),
        "url": address,
        "target": target,
        "media": {"image": {"src": one.address}},
    } | said


@lru_cache(maxsize=20_000)
def _comment(
    asked: str | None,
    identity: str,
    text: str,
    at: float,
    author: tuple[str, str],
    now: tuple[bool, bool, int, bool],
    parent: tuple[str, str] | None,
    where: tuple[str, str],
    letter: str | None,
    shown: tuple[Shown, ...],
) -> dict[str, Any]:
    hidden, liked, answers, ours = now
    post, own = where[1].rpartition("_")[2], identity.rpartition("_")[2]
    seen = {
        "id": identity,
        "message": text,
        "created_time": iso(at),
        "from": {"id": author[0], "name": author[1]},
        "is_hidden": hidden,
        "can_hide": not ours,
        "can_remove": True,
        "can_comment": True,
        "can_reply_privately": not ours and letter is None,
        "user_likes": liked,
        "like_count": int(liked),
        "comment_count": answers,
        "permalink_url": f"https://www.facebook.com/{where[0]}/posts/{post}?comment_id={own}",
    }
    if parent is not None:
        seen["parent"] = {"id": parent[0], "message": parent[1]}
    if shown:
        seen["attachment"] = _shown(shown[0])  # A comment has one.
    if letter is not None:
        seen["private_reply_conversation"] = {"id": f"t_{letter}"}
    return fields(asked, seen)


def on_review(review: Review) -> dict[str, Any]:
    """As before v22; a recommendation has no id, its story has one."""
    return {
        "created_time": iso(review.at),
        "recommendation_type": "positive" if review.positive else "negative",
        "review_text": review.text,
        "has_review": bool(review.text),
        "has_rating": False,
        "reviewer": {"id": review.by.id, "name": review.by.name},
        "open_graph_story": {"id": review.id},
    }


def on_ad(ad: Ad) -> dict[str, Any]:
    return {
        "id": ad.id,
        "campaign_id": ad.campaign,
        "creative": {"id": f"9{ad.id}", "effective_object_story_id": ad.post},
        "insights": {"data": [{"spend": ad.spend, "account_currency": ad.currency}]},
    }


def under(comment: Comment, on: Post | Comment) -> bool:
    """Whether a comment stands directly under a post or a comment."""
    return comment.parent is on or (comment.parent is None and comment.post is on)
