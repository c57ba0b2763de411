"""Private messages of the pretend Instagram: one about a comment, within seven days, and conversations."""

from __future__ import annotations

import json
from typing import Any

from connectors.standin.instagram.state import DAY, Asked, Media, Profile
from connectors.standin.people import Letter
from connectors.standin.talks import Manner, conversations, recipient, send
from connectors.standin.wire import GraphError, missing

PRIVATE_REPLY_DAYS = 7
MANNER = Manner("aWdf", "username", 2534022)


def about_instagram(asked: Asked, edge: str) -> bool:
    if edge == "conversations":
        return asked.call.params.get("platform") == "instagram"
    comment = asked.state.comments.get(str(recipient(asked.call).get("comment_id", "")))
    return comment is not None and isinstance(comment.post, Media)


def talk(asked: Asked, profile: Profile, edge: str) -> Any:
    asked.need("instagram_manage_messages")
    if edge == "conversations":
        return conversations(asked.call, profile, MANNER)
    to = recipient(asked.call)
    if "id" in to:
        return send(asked.state, asked.call, profile, MANNER, asked.lag)
    state, now, about = asked.state, asked.state.now(), str(to.get("comment_id", ""))
    comment = state.comments.get(about)
    if comment is None or comment.post.page is not profile:
        raise missing(about)
    text = str(json.loads(asked.call.params.get("message", "{}")).get("text", ""))
    if not text.strip():
        raise GraphError(400, 100, "(#100) Message must have text or attachment")
    if comment.at < now - PRIVATE_REPLY_DAYS * DAY:
        raise GraphError(403, 10, "(#10) This message is sent outside of allowed window.", error_subcode=2534022)
    if any(one.comment == comment.id for one in profile.letters):
        raise GraphError(400, 10900, "(#10900) Activity already replied to")
    letter = Letter(f"m_{state.number()}", comment.id, comment.author, text, now)
    state.apply(
        "private_reply", profile, comment.id, letter.id, asked.lag, lambda: profile.letters.append(letter), text
    )
    return {"recipient_id": comment.author.id, "message_id": letter.id}
