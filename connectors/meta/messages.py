"""Private conversations with a Page or an Instagram account: how they are told, read, and answered.

https://developers.facebook.com/docs/messenger-platform and …/docs/instagram-platform: the Send API, the Conversations
API and the webhooks of messages. A person must have written first; what is sent within 24 hours of that is a response,
and what a person of the city writes within seven days has the tag of a human agent, which Meta has to grant the app.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import (
    AttachmentSeen,
    MessageSeen,
    MessagesMarked,
    Operation,
    Receipt,
    Talk,
    Talks,
)
from connectors.crawl import SKEW, resumed
from connectors.matching import Written, oldest
from connectors.meta.answers import created, following, items, pages
from connectors.meta.errors import CLOSED
from connectors.meta.graph import Graph
from connectors.wire import as_id, as_mapping, as_text, as_time
from models.errors import Gone, PermissionMissing, Rejected, Transient
from models.vocabulary import AttachmentKind

logger = logging.getLogger(__name__)

NAMED = "with:"
"""A conversation is named by the person, whom webhooks and listings both tell; webhooks do not tell its own id."""
FIRST = timedelta(days=7)
"""How far back the first round reads: older ones can be answered no more."""
LISTED, INSIDE = 25, 20
"""Conversations of a page, and messages that come with each: Meta tells the twenty newest of each whole."""
ATTACHED = "attachments{id,mime_type,name,file_url,image_data,video_data}"
MESSAGE = f"id,created_time,message,from{{id,name,username}},sticker,{ATTACHED}"
TALK = f"id,updated_time,participants{{id,name,username}},messages.limit({INSIDE}){{{MESSAGE}}}"


def named(person: str) -> str:
    """The name of the conversation with somebody."""
    return f"{NAMED}{person}"


# What is told -------------------------------------------------------------------------------------------------------
def told(event: Mapping[str, Any], account: str | None, at: datetime) -> tuple[Talk, ...] | str:
    """What one event of a webhook says, nothing where it is about nothing that is kept; a text is the reason for which
    it cannot be understood. Times are in milliseconds.
    """
    sender, recipient = (as_id(as_mapping(event.get(who)).get("id")) for who in ("sender", "recipient"))
    happened_at = as_time(event.get("timestamp")) or at
    message, read, delivered = (event.get(what) for what in ("message", "read", "delivery"))
    if not any(isinstance(one, dict) for one in (message, read, delivered)):
        return ()  # A reaction, a button that was pressed, another application that takes over.
    ours = as_mapping(message).get("is_echo") is True or (sender is not None and sender == account)
    person = recipient if ours else sender
    if person is None or person == account:
        return "sender"
    conversation = named(person)
    if isinstance(read, dict):
        return (MessagesMarked(conversation, seen_until=as_time(read.get("watermark")) or happened_at),)
    if isinstance(delivered, dict):
        return (MessagesMarked(conversation, delivered_until=as_time(delivered.get("watermark")) or happened_at),)
    of = as_mapping(message)
    if (identity := as_id(of.get("mid"))) is None:
        return "mid"
    return (
        MessageSeen(
            conversation,
            identity,
            seen_at=at,
            said_at=happened_at,
            by_account=ours,
            person_external_id=person,
            text=as_text(of.get("text")),
            attachments=tuple(_told(of.get("attachments"))),
            taken_back=of.get("is_deleted") is True,
        ),
    )


KINDS = {
    "image": AttachmentKind.PHOTO,
    "video": AttachmentKind.VIDEO,
    "fallback": AttachmentKind.LINK,
    "share": AttachmentKind.LINK,
    "reel": AttachmentKind.LINK,
    "ig_reel": AttachmentKind.LINK,
}
"""As webhooks name them; sounds, files, places and stories that name the city are something else."""


def _told(rows: object) -> Iterator[AttachmentSeen]:
    for row in map(as_mapping, rows if isinstance(rows, list) else ()):
        payload, of_type = as_mapping(row.get("payload")), as_text(row.get("type")) or ""
        kind = KINDS.get(of_type, AttachmentKind.OTHER)
        if "sticker_id" in payload:
            kind = AttachmentKind.STICKER
        address = as_text(payload.get("url")) or as_text(row.get("url"))
        pictured = kind in (AttachmentKind.PHOTO, AttachmentKind.STICKER)
        description = as_text(payload.get("title")) or as_text(row.get("title"))
        yield AttachmentSeen(kind, None, address, address if pictured else None, description)


# What is read -------------------------------------------------------------------------------------------------------
@dataclass
class TalkState:
    """Where reading stands; its JSON is the cursor. Times in ISO 8601.

    A round lists conversations, the last written in first, down to `since`, when the one before it began, and reads
    each down to `floor`, when the one before that began: a conversation that moves to the top while it is listed may be
    missed by one round, and is met by the next with all that the first did not see.
    """

    floor: str | None = None
    since: str | None = None
    began: str | None = None
    """None: no round is on its way."""
    after: str | None = None
    deep: list[list[str | None]] = field(default_factory=list)
    """[id, person, name, cursor] of conversations whose messages did not all come with them."""
    listed: bool = False


@dataclass(frozen=True)
class Conversations:
    """Those of one account. `platform` is Meta's word of it, `permission` what reading and answering them needs."""

    graph: Graph
    account: str
    platform: str
    permission: str

    def read(self, cursor: str | None, budget: int) -> Talks:
        """As `connectors.base.Network.converse`."""
        state, now = resumed(TalkState, cursor), datetime.now(UTC)
        if state.began is None:
            state.began, state.after, state.listed = now.isoformat(), None, False
        first = state.since is None
        since = _moment(state.since) or now - FIRST
        floor = (_moment(state.floor) or since) if not first else since
        found, calls = list[MessageSeen](), 0
        while calls < budget and (state.deep or not state.listed):
            calls += 1
            if state.deep:
                found += self._deeper(state, floor - SKEW, now)
            else:
                found += self._list(state, since - SKEW, floor - SKEW, now)
        more = bool(state.deep) or not state.listed
        if not more:
            state.floor, state.since, state.began = since.isoformat(), state.began, None
        messages = tuple(sorted(found, key=lambda one: one.said_at or now))
        proven = frozenset(self.graph.proven)
        return Talks(messages, json.dumps(asdict(state)), more, calls, self.graph.usage, history=first, proven=proven)

    def _list(self, state: TalkState, since: datetime, floor: datetime, now: datetime) -> list[MessageSeen]:
        asked = {"platform": self.platform, "fields": TALK, "limit": str(LISTED)}
        answer = self.graph.once(
            "me/conversations", self.permission, **asked, **({"after": state.after} if state.after else {})
        )
        found, older = list[MessageSeen](), False
        for row in items(answer):
            updated_at = as_time(row.get("updated_time"))
            older = updated_at is not None and updated_at < since
            if older:
                break
            thread, (person, name) = as_id(row.get("id")), self._person(row)
            inside = as_mapping(row.get("messages")) or {"data": []}
            if thread is None:
                raise Transient  # Nobody knows what is not told.
            if person is None:
                logger.warning("conversation %s of %s names nobody", thread, self.account)
                continue  # Whoever wrote has left the network: nobody can be answered.
            seen, end = self._messages(items(inside), person, name, floor, now)
            found += seen
            if not end and (after := following(inside)) is not None:
                state.deep.append([thread, person, name, after])
        after = following(answer)
        state.listed = older or after is None or after == state.after
        state.after = after
        return found

    def _deeper(self, state: TalkState, floor: datetime, now: datetime) -> list[MessageSeen]:
        """One more page of the first conversation that has more."""
        thread, person, name, after = state.deep.pop(0)
        asked = {"fields": MESSAGE, "limit": str(INSIDE)} | ({"after": after} if after else {})
        try:
            answer = self.graph.once(f"{thread}/messages", self.permission, **asked)
        except Gone:
            return []  # All of it was deleted there.
        seen, end = self._messages(items(answer), person or "", name, floor, now)
        more = following(answer)
        if not end and more is not None and more != after:
            state.deep.insert(0, [thread, person, name, more])
        return seen

    def _person(self, row: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """The one who is not the account."""
        listed = as_mapping(row.get("participants")).get("data")
        people = [as_mapping(one) for one in listed] if isinstance(listed, list) else []
        others = [one for one in people if as_id(one.get("id")) != self.account]
        if not others:
            return None, None
        return as_id(others[-1].get("id")), as_text(others[-1].get("name")) or as_text(others[-1].get("username"))

    def _messages(
        self, rows: Sequence[Mapping[str, Any]], person: str, name: str | None, floor: datetime, now: datetime
    ) -> tuple[list[MessageSeen], bool]:
        """Those of a page, the newest first, down to `floor`; and whether it was reached."""
        seen = list[MessageSeen]()
        for row in rows:
            identity, said_at = as_id(row.get("id")), as_time(row.get("created_time"))
            if identity is None:
                raise Transient
            if said_at is not None and said_at < floor:
                return seen, True
            seen.append(
                MessageSeen(
                    named(person),
                    identity,
                    seen_at=now,
                    said_at=said_at,
                    by_account=as_id(as_mapping(row.get("from")).get("id")) != person,
                    person_external_id=person,
                    person_name=name,
                    text=as_text(row.get("message")),
                    attachments=tuple(_read(row)),
                )
            )
        return seen, False

    # What is written ------------------------------------------------------------------------------------------------
    def write(self, operation: Operation) -> Receipt:
        """A response; where it is too late for one, what a human agent writes. `Rejected("window_closed")`: it is too
        late for that too, or Meta has not granted the tag.
        """
        text = operation.text or ""
        if not text.strip():
            raise Rejected("empty")
        for how in ({"messaging_type": "RESPONSE"}, {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}):
            try:
                answer = self.graph.write(
                    "POST",
                    f"{self.account}/messages",
                    self.permission,
                    recipient=json.dumps({"id": _person_of(operation.target)}),
                    message=json.dumps({"text": text}, ensure_ascii=False),
                    **how,
                )
            except Rejected as error:
                if error.reason != CLOSED:
                    raise
            except PermissionMissing:
                if "tag" not in how:
                    raise  # Of the tag it says that Meta has not granted it.
            else:
                made = created({"id": as_mapping(answer).get("message_id")})
                return Receipt(made, at=datetime.now(UTC))
        raise Rejected(CLOSED)

    def find(self, sought: Operation, since: datetime, taken: Collection[str]) -> Receipt | None:
        """In the conversation itself, among what the account wrote there."""
        person = _person_of(sought.target)
        fields = f"id,messages.limit({INSIDE}){{id,created_time,message,from{{id}}}}"
        asked = {"platform": self.platform, "user_id": person, "fields": fields}
        talks = [one for page in pages(self.graph, "me/conversations", self.permission, **asked) for one in page]
        written = list[Written]()
        for inside in (as_mapping(one.get("messages")) or {"data": []} for one in talks):
            rows = items(inside)
            times = [as_time(row.get("created_time")) for row in rows]
            if following(inside) is not None and all(at is not None and at >= since for at in times):
                raise Transient  # What was written since is not all here.
            written += [
                Written(as_id(row.get("id")) or "", as_text(row.get("message")) or "", at)
                for row, at in zip(rows, times, strict=True)
                if as_id(as_mapping(row.get("from")).get("id")) != person
            ]
        return oldest(written, sought.text or "", since - SKEW, taken)


def _person_of(conversation: str) -> str:
    return conversation.removeprefix(NAMED)


def _read(row: Mapping[str, Any]) -> Iterator[AttachmentSeen]:
    if (sticker := as_text(row.get("sticker"))) is not None:
        yield AttachmentSeen(AttachmentKind.STICKER, None, sticker, sticker)
    listed = as_mapping(row.get("attachments")).get("data")
    for one in map(as_mapping, listed if isinstance(listed, list) else ()):
        identity, name = as_id(one.get("id")), as_text(one.get("name"))
        if image := as_mapping(one.get("image_data")):
            address = as_text(image.get("url"))
            yield AttachmentSeen(AttachmentKind.PHOTO, identity, address, address, name)
        elif film := as_mapping(one.get("video_data")):
            preview = as_text(film.get("preview_url"))
            yield AttachmentSeen(AttachmentKind.VIDEO, identity, as_text(film.get("url")), preview, name)
        else:
            yield AttachmentSeen(AttachmentKind.OTHER, identity, as_text(one.get("file_url")), None, name)


def _moment(value: str | None) -> datetime | None:
    return as_time(value) if value else None
