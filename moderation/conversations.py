"""What a private conversation shows whoever works it, and until when it can be answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from connectors.base import Capabilities
from models.comments import Comment
from models.conversations import Conversation, Message
from models.effects import Effect
from models.errors import Refused
from models.items import Item
from models.keyset import Keyset
from models.scope import Action, Viewer, visible
from models.vocabulary import CommentKind, EffectState, ItemState

NEWEST = Keyset(Comment.created_at, Comment.id, descending=True)

SHOWN = 100
"""Messages of a conversation that are shown, the newest."""


@dataclass(frozen=True)
class Window:
    """How long somebody can be answered: until `plainly` as one likes, until `at_all` by a person of the city. None:
    they have not written, so that nobody may begin.
    """

    plainly: datetime | None
    at_all: datetime | None

    def closed(self, now: datetime) -> bool:
        """Whether it is too late."""
        return self.at_all is None or self.at_all <= now


@dataclass(frozen=True)
class Talk:
    """A conversation as it is read."""

    conversation: Conversation
    messages: Sequence[Message]
    """The oldest first, with what they show."""
    more: bool
    """Whether there are older ones, which are not shown."""
    waiting: frozenset[int]
    """Ids of those that nobody has decided about."""

    @property
    def before(self) -> Sequence[Message]:
        """What was written before the first that waits; all of it, if none does."""
        return self.messages[: self._first]

    @property
    def after(self) -> Sequence[Message]:
        """What was written since, and waits for nobody."""
        return [one for one in self.messages[self._first :] if one.id not in self.waiting]

    @property
    def _first(self) -> int:
        places = (place for place, one in enumerate(self.messages) if one.id in self.waiting)
        return next(places, len(self.messages))


def window(conversation: Conversation, able: Capabilities) -> Window:
    """The window of a conversation on a network that can do so."""
    written = conversation.written_at
    if written is None:
        return Window(None, None)
    return Window(written + timedelta(hours=able.answer_hours), written + timedelta(days=able.person_days))


def refuse_when_closed(session: Session, comment: Comment, able: Capabilities, *, now: datetime) -> None:
    """Refused `window_closed`: the network takes no answer any more."""
    if window(session.get_one(Conversation, comment.id), able).closed(now):
        raise Refused("window_closed", days=str(able.person_days))


def of_comment(session: Session, comment: Comment) -> Talk | None:
    """The conversation that a comment is; None: it is none."""
    if comment.kind != CommentKind.MESSAGE:
        return None
    conversation = session.get_one(Conversation, comment.id)
    newest = (
        select(Message)
        .options(selectinload(Message.attachments))
        .where(Message.comment_id == comment.id)
        .order_by(Message.said_at.desc(), Message.id.desc())
        .limit(SHOWN + 1)
    )
    found = session.scalars(newest).all()
    messages = tuple(reversed(found[:SHOWN]))
    waiting = frozenset(one.id for one in messages if not (one.by_city or one.settled or one.taken_back_at))
    return Talk(conversation, messages, len(found) > SHOWN, waiting)


@dataclass(frozen=True)
class Listed:
    """A conversation among others; no item: it never waited for a person."""

    conversation: Conversation
    comment: Comment
    item: Item | None


def page(
    session: Session, viewer: Viewer, *, state: ItemState | None = None, after: str | None = None, limit: int = 50
) -> tuple[Sequence[Listed], str | None]:
    """Conversations that the viewer may read, those with the newest message first, and where the next part begins. One
    query. A broken `after` is Refused `cursor_invalid`.
    """
    statement: Select = (  # type: ignore[type-arg]  # Three entities: the types know them, the keyset does not.
        select(Conversation, Comment, Item)
        .join(Comment, Comment.id == Conversation.comment_id)
        .outerjoin(Item, Item.comment_id == Comment.id)
        .options(
            joinedload(Comment.account),
            joinedload(Comment.author),
            joinedload(Comment.verdict),
            joinedload(Comment.source_post),
            joinedload(Item.problem),
        )
    )
    if state is not None:
        statement = statement.where(Item.state == state)
    statement = NEWEST.part(visible(statement, viewer, Action.SEE_MESSAGES, Comment), after, limit)
    rows = [Listed(*row) for row in session.execute(statement)]
    return NEWEST.cut(rows, limit, lambda one: one.comment)


def wrote(session: Session, effect: Effect, comment: Comment, *, now: datetime) -> None:
    """Keep what we wrote and the network took, before it is told or read. The comment is held."""
    if effect.remote_id is None:
        return
    known = select(Message.id).where(Message.comment_id == comment.id, Message.external_id == effect.remote_id)
    if session.scalar(known) is None:
        text, at = effect.payload.get("text"), effect.done_at or now
        session.add(
            Message(
                comment_id=comment.id, external_id=effect.remote_id, by_city=True, text=text, said_at=at,
                received_at=now, settled=True,
            )
        )  # fmt: skip
        conversation = session.get_one(Conversation, comment.id)
        conversation.answered_at = max(filter(None, (conversation.answered_at, at)))


def answered_outside() -> ColumnElement[bool]:
    """Whether the account wrote last in a conversation, by no effect of ours. While the outcome of a message of ours is
    not known, what stands there may be that one, and nothing is said of it.
    """
    ours, leaving = aliased(Effect), aliased(Effect)
    of_ours = select(ours.id).where(ours.channel_id == Comment.account_id, ours.remote_id == Message.external_id)
    open_here = select(leaving.id).where(
        leaving.channel_id == Comment.account_id,
        leaving.target == Comment.external_id,
        leaving.state.in_([EffectState.CLAIMED, EffectState.SENDING, EffectState.UNKNOWN]),
    )
    last = (
        select(Message.id)
        .join(Conversation, Conversation.comment_id == Message.comment_id)
        .where(
            Message.comment_id == Comment.id,
            Message.by_city,
            Message.said_at >= Conversation.written_at,
            ~exists(of_ours.correlate(Message, Comment)),
            ~exists(open_here.correlate(Comment)),
        )
    )
    return exists(last.correlate(Comment))
