"""What the pretend Graph shows of a Page's things, in Meta's own shapes; the caller picks the fields."""

from __future__ import annotations

import re
from typing import Any

from connectors.standin.people import Ad, Review
from connectors.standin.state import Comment, Post
from connectors.standin.wire import Call, GraphError, iso

METRICS = frozenset({"post_media_view", "post_total_media_view_unique", "post_clicks", "post_reactions_by_type_total"})


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


def on_comment(comment: Comment) -> dict[str, Any]:
    page = comment.post.page
    post, own = comment.post.id.rpartition("_")[2], comment.id.rpartition("_")[2]
    letter = next((one for one in page.letters if one.comment == comment.id), None)
    seen = {
        "id": comment.id,
        "message": comment.text,
        "created_time": iso(comment.at),
        "from": {"id": comment.author.id, "name": comment.author.name},
        "is_hidden": comment.hidden,
        "can_hide": comment.author is not page,
        "can_remove": True,
        "can_comment": True,
        "can_reply_privately": comment.author is not page and letter is None,
        "user_likes": comment.liked,
        "like_count": int(comment.liked),
        "comment_count": sum(1 for other in comment.post.comments.values() if other.parent is comment),
        "permalink_url": f"https://www.facebook.com/{page.id}/posts/{post}?comment_id={own}",
    }
    if comment.parent is not None:
        seen["parent"] = {"id": comment.parent.id, "message": comment.parent.text}
    if letter is not None:
        seen["private_reply_conversation"] = {"id": f"t_{letter.to.id}"}
    return seen


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
