"""What Meta posts to us, about Pages and about Instagram accounts: one address, one signature, two objects.

https://developers.facebook.com/docs/graph-api/webhooks/reference/page and …/reference/instagram.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.base import (
    AttachmentSeen,
    Challenge,
    Change,
    CommentRemoved,
    CommentSeen,
    Event,
    PostSeen,
    Unreadable,
    VisibilityChanged,
)
from connectors.meta.answers import mentioning, rating_of
from connectors.meta.graph import GraphSettings
from connectors.meta.messages import told
from connectors.wire import as_id, as_mapping, as_text, as_time
from models.vocabulary import AttachmentKind, CommentKind

OBJECTS = {"page": "facebook", "instagram": "instagram"}
FIELDS = {
    "facebook": ("feed", "mention", "ratings"),
    "instagram": ("comments", "live_comments", "mentions"),
}
"""What is understood, by the network."""
TEST = "0"
"""The account of what Meta sends when somebody tries the webhook out in the application's settings."""
OF_PAGE = ("post", "status", "photo", "video", "share")
EDITED, REMOVED, TO_AUTHOR = ("edit", "edited", "update"), ("remove", "delete"), ("block", "unblock", "mute", "follow")
"""Items and verbs, as the reference of the field `feed` lists them: several verbs for one thing, and some that say
nothing of a comment. Tuples and no sets: what is looked for in them may come as anything, lists included."""


class MetaWebhook:
    """Bodies that Meta posts (`connectors.base.Webhook`), signed with the app's secret.

    Of a Page, the fields `feed` (comments and posts), `mention` and `ratings` are understood; of an Instagram account,
    `comments`, `live_comments` and `mentions`. Private messages, of both, stand beside the changes of
    their entry. Reactions, likes, albums and events are not comments: they are dropped without a
    trace.
    """

    def __init__(self, settings: GraphSettings) -> None:
        self._secret = (settings.app_secret or "").encode()
        self._verify_token = (settings.verify_token or "").encode()

    def challenge(self, asked: Mapping[str, str]) -> Challenge | None:
        """The challenge goes back to whoever knows the verify token; without one nobody does."""
        given = asked.get("hub.verify_token", "").encode("utf-8", "replace")
        known = bool(self._verify_token) and hmac.compare_digest(self._verify_token, given)
        if not known or asked.get("hub.mode") != "subscribe":
            return None
        return Challenge(asked.get("hub.challenge", ""), "text/plain; charset=utf-8")

    def authentic(self, headers: Mapping[str, str], raw: bytes) -> bool:
        """Over the bytes as they came: Meta escapes letters in a way that writing the JSON again would not keep."""
        expected = "sha256=" + hmac.new(self._secret, raw, hashlib.sha256).hexdigest()
        given = headers.get("x-hub-signature-256", "")
        # With no secret anybody could sign.
        return bool(self._secret) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))

    def parse(self, raw: bytes) -> tuple[Event, ...]:
        """A body, or a list of bodies: both were recorded."""
        try:
            body = json.loads(raw)
            return tuple(event for one in (body if isinstance(body, list) and body else [body]) for event in _body(one))
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _body(body: object) -> list[Event]:
    said = as_mapping(body).get("object")
    network = OBJECTS.get(said) if isinstance(said, str) else None
    entries = as_mapping(body).get("entry")
    if network is None or not isinstance(entries, list):
        return [Event(None, Unreadable.of("unknown_object", body))]
    return [event for entry in entries for event in _entry(entry, network)]


def _entry(entry: object, network: str) -> list[Event]:
    if not isinstance(entry, dict):
        return [Event(None, Unreadable.of("entry", entry), network)]
    account, at = as_id(entry.get("id")), as_time(entry.get("time")) or datetime.now(UTC)
    if account == TEST:
        return []
    found = _messages(entry.get("messaging"), network, account, at)
    changes = entry.get("changes")
    if not isinstance(changes, list):
        return found if changes is None else [*found, Event(account, Unreadable.of("changes", entry), network)]
    seen = (one for change in changes for one in _change(change, network, account, at))
    return found + [Event(account, one, network) for one in seen]


def _messages(events: object, network: str, account: str | None, at: datetime) -> list[Event]:
    if not isinstance(events, list):
        return [] if events is None else [Event(account, Unreadable.of("messaging", events), network)]
    found = list[Event]()
    for event in events:
        seen = told(as_mapping(event), account, at) if isinstance(event, dict) else "messaging"
        changes = (Unreadable.of(seen, event),) if isinstance(seen, str) else seen
        found += [Event(account, change, network) for change in changes]
    return found


def _change(change: object, network: str, account: str | None, at: datetime) -> tuple[Change, ...]:
    """What one change says; nothing when it is not about what citizens write."""
    value, named = as_mapping(change).get("value"), as_mapping(change).get("field")
    if isinstance(named, str) and named not in FIELDS[network]:
        return ()  # What changed in the settings of a Page (its name, its hours) comes as any value.
    if not isinstance(value, dict):
        return (Unreadable.of("value", change),)
    match network, named:
        case "facebook", "feed":
            seen = _feed(value, account, at)
        case "facebook", "mention":
            seen = _mention(value, at)
        case "facebook", "ratings":
            seen = _rating(value, account, at)
        case "instagram", "comments" | "live_comments":
            seen = _instagram_comment(value, account, at)
        case "instagram", "mentions":
            seen = _instagram_mention(value, at)
        case _:
            return ()
    return tuple(Unreadable.of(one, change) if isinstance(one, str) else one for one in seen)


Seen = tuple[Change | str, ...]
"""A text is the reason for which the change cannot be understood."""


def _feed(value: Mapping[str, Any], account: str | None, at: datetime) -> Seen:
    item, verb = value.get("item"), value.get("verb")
    post = as_id(value.get("post_id"))
    if item == "comment":
        return _comment(value, account, at, post)
    if item not in OF_PAGE or verb not in ("add", *EDITED, *REMOVED):
        return ()
    if post is None:
        return ("post_id",)
    author, _ = _author(value)
    if author is not None and account is not None and author != account:
        return _mention(value, at)  # Somebody else's post on the Page: what it says is said to the city.
    if verb in REMOVED:
        return ()
    return (PostSeen(post, as_text(value.get("message")), None, as_time(value.get("created_time"))),)


def _comment(value: Mapping[str, Any], account: str | None, at: datetime, post: str | None) -> Seen:
    comment, verb = as_id(value.get("comment_id")), value.get("verb")
    if comment is None:
        return ("comment_id",)
    author, name = _author(value)
    ours = author is not None and author == account
    if verb in REMOVED:
        return (CommentRemoved(comment, at, post),)
    if verb in ("hide", "unhide"):
        return (VisibilityChanged(comment, verb == "hide", at, post, by_account=ours),)
    if verb in TO_AUTHOR:
        return ()
    if verb != "add" and verb not in EDITED:
        return ("verb",)
    parent = as_id(value.get("parent_id"))
    return (
        CommentSeen(
            external_id=comment,
            source="add" if verb == "add" else "edit",
            seen_at=at,
            said_at=as_time(value.get("created_time")),
            post_external_id=post,
            parent_external_id=None if parent == post else parent,
            author_external_id=author,
            author_name=name,
            text=as_text(value.get("message")),
            by_account=ours,
            attachments=_told(value),
        ),
    )


def _mention(value: Mapping[str, Any], at: datetime) -> Seen:
    """A post or a comment of somebody else that names the Page. Its text is often not said: it is looked at then."""
    post, comment = as_id(value.get("post_id")), as_id(value.get("comment_id"))
    if (identity := comment or post) is None:
        return ("post_id",)
    verb = value.get("verb", "add")
    if verb in REMOVED:
        return (CommentRemoved(identity, at, post),)
    author, name = _author(value)
    said = CommentSeen(
        external_id=identity,
        source="edit" if verb in EDITED else "add",
        seen_at=at,
        said_at=as_time(value.get("created_time")),
        post_external_id=post,
        author_external_id=author,
        author_name=name,
        text=as_text(value.get("message")),
        kind=CommentKind.MENTION,
        attachments=_told(value),
    )
    return (said,) if post is None else (said, mentioning(said))


def _rating(value: Mapping[str, Any], account: str | None, at: datetime) -> Seen:
    """A recommendation, by the id of its story; or a comment under one."""
    story, verb = as_id(value.get("open_graph_story_id")), value.get("verb")
    if value.get("item") == "comment":
        # The review is what it answers: there is no post above it.
        return tuple(
            replace(one, parent_external_id=one.parent_external_id or story) if isinstance(one, CommentSeen) else one
            for one in _comment(value, account, at, story)
        )
    if value.get("item") != "rating":
        return ()
    if story is None:
        return ("open_graph_story_id",)
    if verb in REMOVED:
        return (CommentRemoved(story, at),)
    return (
        CommentSeen(
            external_id=story,
            source="add" if verb == "add" else "edit",
            seen_at=at,
            said_at=as_time(value.get("created_time")),
            author_external_id=as_id(value.get("reviewer_id")),
            author_name=as_text(value.get("reviewer_name")),
            text=as_text(value.get("review_text")) or "",
            kind=CommentKind.REVIEW,
            rating=rating_of(value),
        ),
    )


def _instagram_comment(value: Mapping[str, Any], account: str | None, at: datetime) -> Seen:
    """Of before 2021 only the id and the text are there."""
    if (identity := as_id(value.get("id"))) is None:
        return ("id",)
    author = as_mapping(value.get("from"))
    author_id = as_id(author.get("id"))
    return (
        CommentSeen(
            external_id=identity,
            source="add",
            seen_at=at,
            post_external_id=as_id(as_mapping(value.get("media")).get("id")),
            parent_external_id=as_id(value.get("parent_id")),
            author_external_id=author_id,
            author_name=as_text(author.get("username")),
            text=as_text(value.get("text")),
            by_account=author_id is not None and author_id == account,
        ),
    )


def _instagram_mention(value: Mapping[str, Any], at: datetime) -> Seen:
    """Only where: who and what are read from the network."""
    media, comment = as_id(value.get("media_id")), as_id(value.get("comment_id"))
    if (identity := comment or media) is None:
        return ("media_id",)
    said = CommentSeen(external_id=identity, source="add", seen_at=at, post_external_id=media, kind=CommentKind.MENTION)
    return (said,) if media is None else (said, mentioning(said))


def _told(value: Mapping[str, Any]) -> tuple[AttachmentSeen, ...] | None:
    """What a webhook says of them: the address of a photo or of a film, and nothing of a sticker. Saying nothing is
    not saying that there is none.
    """
    several = value.get("photos")
    photos = several if isinstance(several, list) else [value.get("photo")]
    seen = [AttachmentSeen(AttachmentKind.PHOTO, None, one, one) for photo in photos if (one := as_text(photo))]
    if (film := as_text(value.get("video"))) is not None:
        seen.append(AttachmentSeen(AttachmentKind.VIDEO, None, film))
    return tuple(seen) or None


def _author(value: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Now `from`; before 2018 `sender_id` and `sender_name`, which mentions still have."""
    author = as_mapping(value.get("from"))
    return as_id(author.get("id")) or as_id(value.get("sender_id")), as_text(author.get("name")) or as_text(
        value.get("sender_name")
    )
