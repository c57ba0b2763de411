"""What Meta posts to us about Pages: https://developers.facebook.com/docs/graph-api/webhooks/reference/page."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from connectors.base import (
    Change,
    CommentRemoved,
    CommentSeen,
    Event,
    PostSeen,
    Unreadable,
    VisibilityChanged,
)
from connectors.graph import as_id, as_mapping, as_text, as_time


class MetaWebhook:
    """Bodies that Meta posts for Pages (`connectors.base.Webhook`), signed with the app's secret.

    Only the field `feed` is understood, and in it comments and posts. Reactions, likes, albums, events and messages
    are not comments: they are dropped without a trace. Mentions and recommendations wait for their own issue.
    """

    def __init__(self, app_secret: str) -> None:
        self._secret = app_secret.encode()

    def authentic(self, headers: Mapping[str, str], raw: bytes) -> bool:
        """Over the bytes as they came: Meta escapes letters in a way that writing the JSON again would not keep."""
        expected = "sha256=" + hmac.new(self._secret, raw, hashlib.sha256).hexdigest()
        given = headers.get("x-hub-signature-256", "")
        # With no secret anybody could sign.
        return bool(self._secret) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))

    def parse(self, raw: bytes) -> tuple[Event, ...]:
        try:
            body = json.loads(raw)
            if as_mapping(body).get("object") != "page" or not isinstance(body.get("entry"), list):
                return (Event(None, _unreadable("not_a_page", body)),)
            return tuple(event for entry in body["entry"] for event in _entry(entry))
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _entry(entry: object) -> list[Event]:
    if not isinstance(entry, dict):
        return [Event(None, _unreadable("entry", entry))]
    account, at = as_id(entry.get("id")), as_time(entry.get("time")) or datetime.now(UTC)
    changes = entry.get("changes")
    if not isinstance(changes, list):
        return [] if changes is None else [Event(account, _unreadable("changes", entry))]
    return [Event(account, seen) for change in changes if (seen := _change(change, account, at)) is not None]


def _change(change: object, account: str | None, at: datetime) -> Change | None:
    """One change, or None when it is not about comments or posts."""
    value = as_mapping(change).get("value")
    if not isinstance(value, dict):
        return _unreadable("value", change)
    if as_mapping(change).get("field") != "feed":
        return None
    item, verb = value.get("item"), value.get("verb")
    post, comment = as_id(value.get("post_id")), as_id(value.get("comment_id"))
    said_at = as_time(value.get("created_time"))
    if item in ("post", "status", "photo", "video", "share"):
        if verb not in ("add", "edited"):
            return None
        return PostSeen(post, as_text(value.get("message")), None, said_at) if post else _unreadable("post_id", change)
    if item != "comment":
        return None
    if comment is None:
        return _unreadable("comment_id", change)
    match verb:
        case "remove":
            return CommentRemoved(comment, at, post)
        case "hide" | "unhide":
            return VisibilityChanged(comment, verb == "hide", at, post)
        case "add" | "edited":
            author, parent = as_mapping(value.get("from")), as_id(value.get("parent_id"))
            author_id = as_id(author.get("id")) or as_id(value.get("sender_id"))
            return CommentSeen(
                external_id=comment,
                source="add" if verb == "add" else "edit",
                seen_at=at,
                said_at=said_at,
                post_external_id=post,
                parent_external_id=None if parent == post else parent,
                author_external_id=author_id,
                author_name=as_text(author.get("name")) or as_text(value.get("sender_name")),
                text=as_text(value.get("message")),
                by_account=author_id is not None and author_id == account,
            )
    return _unreadable("verb", change)


def _unreadable(reason: str, raw: object) -> Unreadable:
    return Unreadable(reason, json.dumps(raw, ensure_ascii=True)[:4000])
