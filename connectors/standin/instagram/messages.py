"""Private messages of the pretend Instagram: one about a comment, within seven days, and where they are read again."""

from __future__ import annotations

import json
from typing import Any

from connectors.standin.instagram.state import DAY, Asked, Media, Message, Profile
from connectors.standin.wire import GraphError, fields, iso, missing

PRIVATE_REPLY_DAYS = 7


def about_instagram(asked: Asked, edge: str) -> bool:
    if edge == "conversations":
        return asked.call.params.get("platform") == "instagram"
    comment = asked.state.comments.get(_recipient(asked))
    return comment is not None and isinstance(comment.post, Media)


def _recipient(asked: Asked) -> str:
    try:
        return str(json.loads(asked.call.params.get("recipient", "{}")).get("comment_id", ""))
    except (ValueError, AttributeError):
        raise GraphError(400, 100, "(#100) param recipient must be non-empty.") from None


def talk(asked: Asked, profile: Profile, edge: str) -> Any:
    asked.need("instagram_manage_messages")
    if edge == "conversations":
        return _conversations(asked, profile)
    state, now = asked.state, asked.state.now()
    comment = state.comments.get(_recipient(asked))
    if comment is None or comment.post.page is not profile:
        raise missing(_recipient(asked))
    text = str(json.loads(asked.call.params.get("message", "{}")).get("text", ""))
    if not text.strip():
        raise GraphError(400, 100, "(#100) Message must have text or attachment")
    if comment.at < now - PRIVATE_REPLY_DAYS * DAY:
        raise GraphError(403, 10, "(#10) This message is sent outside of allowed window.", error_subcode=2534022)
    if any(one.comment == comment.id for one in profile.messages):
        raise GraphError(400, 10900, "(#10900) Activity already replied to")
    message = Message(f"m_{state.number()}", comment.id, comment.author, text, now)
    state.apply(
        "private_reply", profile, comment.id, message.id, asked.lag, lambda: profile.messages.append(message), text
    )
    return {"recipient_id": comment.author.id, "message_id": message.id}


def _conversations(asked: Asked, profile: Profile) -> dict[str, Any]:
    """With `user_id`, the one conversation with that person, if there is one."""
    people = {one.to.id: one.to for one in profile.messages}
    data = []
    for who in people.values():
        if who.id != asked.call.params.get("user_id", who.id):
            continue
        messages = [
            {
                "id": one.id,
                "created_time": iso(one.at),
                "message": one.text,
                "from": {"id": profile.id, "username": profile.name},
            }
            for one in reversed(profile.messages)
            if one.to is who
        ]
        seen = {"id": f"aWdf{who.id}", "messages": {"data": messages}}
        data.append(fields(asked.call.params.get("fields"), seen, "id"))
    return {"data": data}
