"""Private conversations come in, by webhooks and by reading, and are kept once, whatever told of them, in any order.

What the person wrote since somebody last decided is the text of the conversation; each new message is a newer text,
which is classified and waits as any comment does. An answer from outside settles nothing: a machine may have
written it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from connectors.base import AttachmentSeen, MessageSeen, MessagesMarked, Talk
from models import search
from models.accounts import Account
from models.comments import Attachment, Author, Comment
from models.conversations import Conversation, Message
from models.session import upsert
from models.text import cleaned, web_link
from models.vocabulary import CommentKind, ItemState
from moderation import items
from moderation.intake.merging import EARLY, LONGEST_ID, OLDEST

LONGEST_NAME, LONGEST_KEY, LONGEST_MESSAGE = 200, 100, 300


# What is told -------------------------------------------------------------------------------------------------------
def store(session: Session, account: Account, told: Iterable[Talk], *, now: datetime, history: bool = False) -> None:
    """Keep what was told of an account's conversations; the caller holds the account. `history`: they are from before
    it was connected, so that whoever was answered since waits for nobody.
    """
    each: dict[str, list[Talk]] = defaultdict(list)
    for one in told:
        each[one.conversation].append(one)
    for name, of in sorted(each.items()):
        _store(session, account, name, of, now=now, history=history)


def _store(
    session: Session, account: Account, name: str, told: Sequence[Talk], *, now: datetime, history: bool
) -> None:
    seen = [one for one in told if isinstance(one, MessageSeen)]
    if not all(one.external_id for one in seen):
        raise ValueError("no id")
    known = select(Comment).where(Comment.account_id == account.id, Comment.external_id == name)
    comment = session.scalar(known.with_for_update().execution_options(populate_existing=True))
    if comment is None:
        if not seen:
            return  # Marks on what nobody told of.
        comment = Comment(
            account_id=account.id,
            borough_id=account.borough_id,
            external_id=name[:LONGEST_ID],
            kind=CommentKind.MESSAGE,
            version=0,
            created_at=now,
            received_at=now,
        )
        session.add(comment)
        session.flush()
        session.add(Conversation(comment_id=comment.id))
        session.flush()
    talk = session.get_one(Conversation, comment.id)
    _name(session, account, comment, seen)
    fresh, changed = _messages(session, comment, seen, now=now)
    for mark in told:
        if isinstance(mark, MessagesMarked):
            talk.delivered_until = _later(talk.delivered_until, mark.delivered_until or mark.seen_until)
            talk.seen_until = _later(talk.seen_until, mark.seen_until)
    session.flush()
    last = select(func.max(Message.said_at)).where(Message.comment_id == comment.id)
    talk.written_at = session.scalar(last.where(~Message.by_city))
    talk.answered_at = session.scalar(last.where(Message.by_city))
    if history and talk.answered_at is not None:
        for one in fresh:
            one.settled = one.settled or one.said_at < talk.answered_at
    _wait(session, comment, [one for one in fresh if not one.settled], changed=changed, now=now)


def _messages(
    session: Session, comment: Comment, seen: Sequence[MessageSeen], *, now: datetime
) -> tuple[list[Message], bool]:
    """Keep them; gives those of the person that are to be read now, and whether one of theirs was taken back."""
    ids = {one.external_id[:LONGEST_MESSAGE] for one in seen}
    of = select(Message).where(Message.comment_id == comment.id, Message.external_id.in_(ids))
    known = {one.external_id: one for one in session.scalars(of)}
    fresh, changed = dict[str, Message](), False
    for one in seen:
        key = one.external_id[:LONGEST_MESSAGE]
        message, text = known.get(key), cleaned(one.text)
        told = not one.taken_back and (bool(text) or bool(one.attachments))
        if message is None:
            said_at = one.said_at if one.said_at and OLDEST <= one.said_at <= one.seen_at + EARLY else one.seen_at
            message = Message(comment_id=comment.id, external_id=key, by_city=one.by_account, text=text or None)
            message.said_at, message.received_at, message.settled = said_at, now, False
            session.add(message)
            session.flush()
            known[key] = message
            _show(session, message, one.attachments, now=now)
            empty = not told
        else:
            # A message that was taken back before it was told, or of which only that it exists was told.
            empty = not (told and message.text is None and not _shows(session, message))
            if not empty:
                message.text = text or None
                _show(session, message, one.attachments, now=now)
        if one.taken_back and message.taken_back_at is None:
            message.taken_back_at, changed = one.seen_at, changed or not message.by_city
        if not empty and not message.by_city and message.taken_back_at is None:
            fresh[key] = message
    return [one for one in fresh.values() if one.taken_back_at is None], changed


def _shows(session: Session, message: Message) -> bool:
    return session.scalar(select(Attachment.id).where(Attachment.message_id == message.id).limit(1)) is not None


def _show(session: Session, message: Message, attachments: Sequence[AttachmentSeen], *, now: datetime) -> None:
    if not attachments:
        return
    of = select(func.count()).select_from(Attachment).where(Attachment.comment_id == message.comment_id)
    before = session.scalar(of) or 0
    for place, one in enumerate(attachments):
        picture = web_link(one.picture, None)
        session.add(
            Attachment(
                comment_id=message.comment_id,
                message_id=message.id,
                position=before + place,
                kind=one.kind,
                external_id=(one.external_id or "")[:LONGEST_ID] or None,
                address=web_link(one.address, None),
                picture_address=picture,
                description=cleaned(one.description),
                seen_at=now,
                fetch_due_at=now if picture is not None else None,
            )
        )
    session.flush()


def _wait(session: Session, comment: Comment, fresh: Sequence[Message], *, changed: bool, now: datetime) -> None:
    """Have a person look at what is new of a conversation, if anything is."""
    item = items.of_comment(session, comment.id)
    theirs = Message.comment_id == comment.id, ~Message.by_city, Message.taken_back_at.is_(None)
    if fresh and (item is None or item.state == ItemState.HANDLED):
        # What was there before was decided about, or needed nobody.
        new = [one.id for one in fresh]
        session.execute(update(Message).where(*theirs, Message.id.not_in(new)).values(settled=True))
    if not (fresh or changed or not comment.version):
        return
    turn = session.scalars(select(Message).where(*theirs, ~Message.settled).order_by(Message.said_at, Message.id)).all()
    text = "\n".join(one.text for one in turn or _last(session, comment) if one.text)
    if turn or not comment.version:
        comment.text, comment.version = text, comment.version + 1
        comment.created_at = turn[0].said_at if turn else comment.created_at
    if fresh:
        comment.received_at = now
    said = session.scalars(select(Message.text).where(*theirs, Message.text.is_not(None)).order_by(Message.id))
    named = session.scalar(select(Author.name).where(Author.id == comment.author_id))
    comment.search_text = search.text_of(*said, named)
    session.flush()
    if fresh or (turn and item is not None and item.state != ItemState.HANDLED):
        items.put(session, [comment.id], ItemState.RECEIVED, now=now)
    elif item is not None:
        items.finish(item, now=now)  # All that waited was taken back.


def _last(session: Session, comment: Comment) -> Sequence[Message]:
    """The last that the person wrote, of a conversation in which nothing waits."""
    of = select(Message).where(Message.comment_id == comment.id, ~Message.by_city)
    return session.scalars(of.order_by(Message.said_at.desc(), Message.id.desc()).limit(1)).all()


def _name(session: Session, account: Account, comment: Comment, seen: Sequence[MessageSeen]) -> None:
    """Who the person is, as far as was told."""
    identity = next((one.person_external_id for one in seen if one.person_external_id), None)
    if identity is None:
        return
    names = (cleaned(one.person_name) for one in seen)
    name = next(((one or "").strip()[:LONGEST_NAME] for one in names if one), None) or None
    row = {"network": account.network, "external_id": identity[:LONGEST_KEY], "name": name}
    session.execute(upsert(session, Author).values(row).on_conflict_do_nothing())
    author = session.scalars(select(Author).filter_by(network=account.network, external_id=row["external_id"])).one()
    if name is not None:
        author.name = name
    comment.author_id = author.id


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)
