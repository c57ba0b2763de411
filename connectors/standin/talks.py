"""Private conversations on the pretend networks: read, and written in within their windows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.standin.people import Letter, Person
from connectors.standin.state import PageOfCity, Standin
from connectors.standin.wire import Call, GraphError, fields, iso, missing, paged

DAY = 86_400.0
INSIDE = 25
"""Messages that come inside a conversation when no limit is given."""


@dataclass(frozen=True)
class Manner:
    """What differs between networks: how a thread is called, and who takes part."""

    prefix: str
    name: str
    closed: int
    """Subcode of an answer that is too late."""


@dataclass(frozen=True)
class _Talk:
    id: str
    who: Person
    letters: tuple[Letter, ...]
    """The newest first."""


def conversations(call: Call, page: PageOfCity, manner: Manner) -> dict[str, Any]:
    """The last written in first; with `user_id`, the one with that person."""
    wanted = call.params.get("user_id")
    people = {one.to.id: one.to for one in page.letters if wanted in (None, one.to.id)}
    talks = [_Talk(f"{manner.prefix}{who.id}", who, _of(page, who)) for who in people.values()]
    talks.sort(key=lambda one: one.letters[0].at, reverse=True)
    return paged(call, talks, lambda one: fields(call.params.get("fields"), _seen(call, page, one, manner), "id"))


def messages(call: Call, page: PageOfCity, thread: str, manner: Manner) -> dict[str, Any]:
    """Those of one conversation, the newest first."""
    who = next((one.to for one in page.letters if f"{manner.prefix}{one.to.id}" == thread), None)
    if who is None:
        raise missing(thread)
    asked = call.params.get("fields")
    return paged(call, _of(page, who), lambda one: fields(asked, _message(page, one, manner), "id,created_time"))


def send(state: Standin, call: Call, page: PageOfCity, manner: Manner, lag: float) -> dict[str, Any]:
    """An answer to somebody who wrote: within a day, or within seven as a human agent."""
    who = state.citizens.get(str(recipient(call).get("id", "")))
    wrote = [one.at for one in page.letters if one.to is who and one.by is not None]
    if who is None or not wrote:
        raise GraphError(400, 100, "(#100) No matching user found", error_subcode=2018001)
    try:
        text = str(json.loads(call.params.get("message", "{}")).get("text", ""))
    except (ValueError, AttributeError):
        text = ""
    if not text.strip():
        raise GraphError(400, 100, "(#100) Message must have text or attachment")
    tagged = call.params.get("messaging_type") == "MESSAGE_TAG" and call.params.get("tag") == "HUMAN_AGENT"
    if state.now() - max(wrote) > (7 * DAY if tagged and state.human_agent else DAY):
        message = "(#10) This message is sent outside of allowed window."
        raise GraphError(400, 10, message, error_subcode=manner.closed)
    letter = Letter(f"m_{state.number()}", None, who, text, state.now())
    state.apply("message", page, who.id, letter.id, lag, lambda: state.put_letter(page, letter), text)
    return {"recipient_id": who.id, "message_id": letter.id}


def recipient(call: Call) -> Mapping[str, Any]:
    """To whom something goes, or what it is about."""
    try:
        said = json.loads(call.params.get("recipient", "{}"))
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise GraphError(400, 100, "(#100) param recipient must be non-empty.")
    return said


def _of(page: PageOfCity, who: Person) -> tuple[Letter, ...]:
    numbered = list(enumerate(one for one in page.letters if one.to is who))
    return tuple(one for _, one in sorted(numbered, key=lambda pair: (pair[1].at, pair[0]), reverse=True))


def _seen(call: Call, page: PageOfCity, talk: _Talk, manner: Manner) -> dict[str, Any]:
    limit = re.search(r"messages\.limit\((\d+)\)", call.params.get("fields", ""))
    inside = replace(call, path=f"{talk.id}/messages", params={"limit": limit[1] if limit else str(INSIDE)})
    people = [{"id": one.id, manner.name: one.name} for one in (talk.who, page)]
    return {
        "id": talk.id,
        "updated_time": iso(talk.letters[0].at),
        "participants": {"data": people},
        "messages": paged(inside, talk.letters, lambda one: _message(page, one, manner)),
    }


def _message(page: PageOfCity, letter: Letter, manner: Manner) -> dict[str, Any]:
    by = letter.by or page
    seen: dict[str, Any] = {"id": letter.id, "created_time": iso(letter.at), "message": letter.text}
    seen["from"] = {"id": by.id, manner.name: by.name}
    if letter.shown:
        seen["attachments"] = {
            "data": [
                {"id": one.id, "mime_type": "video/mp4", "name": one.title, "video_data": {"url": one.address}}
                if one.kind == "video"
                else {"id": one.id, "mime_type": "image/jpeg", "name": one.title, "image_data": {"url": one.address}}
                for one in letter.shown
            ]
        }
    return seen
