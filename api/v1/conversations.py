"""Private conversations, for people who may read them: who writes, until when they can be answered, the messages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response

from api.deps import Now, ReadSession, require
from api.v1.comments import AttachmentShown, CommentShown, comment_fields
from api.v1.contract import (
    NEXT_LINK,
    READS,
    READS_ONE,
    VERSION_HEADER,
    After,
    Limit,
    Moment,
    Page,
    PathId,
    Shown,
    listed,
    tagged,
)
from api.v1.decisions import Decided
from connectors.registry import capabilities
from models.comments import Comment
from models.conversations import Conversation, Message
from models.errors import NotFound
from models.scope import Action, Viewer
from models.vocabulary import ItemState
from moderation import conversations
from moderation.netiquette import articles, in_force
from moderation.triage import queue

router = APIRouter(prefix="/conversations", tags=["comments"])

Reader = Annotated[Viewer, require(Action.SEE_MESSAGES)]


class ConversationShown(CommentShown):
    """All that one person and an account write to each other. It is a comment of the kind `message`, decided as such
    (`/decisions`): its `text` is what the person wrote that nobody has decided about, its version that of this text.
    """

    written_at: Moment | None
    """When the person last wrote."""
    answered_at: Moment | None
    """When the account last did, here or on the network."""
    delivered_until: Moment | None
    """They received what was written before then, as far as the network tells."""
    seen_until: Moment | None
    answer_until: Moment | None
    """Until when the network takes any answer; null: they have not written."""
    person_until: Moment | None
    """Until when it takes one that a person of the city writes."""


class MessageShown(Shown):
    """One message. `text` null: it has no words, or they were lawfully disposed of."""

    id: int
    external_id: str
    by_city: bool
    text: str | None
    said_at: Moment
    taken_back_at: Moment | None
    waits: bool
    """Whether nobody has decided about it yet."""
    attachments: list[AttachmentShown]

    @classmethod
    def of_talk(cls, message: Message, talk: conversations.Talk) -> MessageShown:
        own = cls.model_fields.keys() - {"waits", "attachments"}
        shown = [AttachmentShown.of(one) for one in message.attachments]
        waits = message.id in talk.waiting
        return cls(**{name: getattr(message, name) for name in own}, waits=waits, attachments=shown)


class ConversationWhole(ConversationShown):
    """One conversation with its newest messages, the oldest of them first."""

    messages: list[MessageShown]
    more: bool
    """Whether there are older ones."""
    decisions: list[Decided]
    requests: list[str]
    claimed_by: str | None


def _times(conversation: Conversation, comment: Comment) -> dict[str, object]:
    window = conversations.window(conversation, capabilities(comment.account.network))
    own = ("written_at", "answered_at", "delivered_until", "seen_until")
    return {name: getattr(conversation, name) for name in own} | {
        "answer_until": window.plainly,
        "person_until": window.at_all,
    }


@router.get("", operation_id="listConversations", responses={200: {"headers": NEXT_LINK}, **READS})
def list_conversations(
    request: Request,
    response: Response,
    session: ReadSession,
    viewer: Reader,
    now: Now,
    state: ItemState | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[ConversationShown]:
    """Conversations, those with the newest message first."""
    found, following = conversations.page(session, viewer, state=state, after=after, limit=limit)
    rules = articles(in_force(session, now=now))
    shown = [
        ConversationShown(**comment_fields(one.comment, one.item, (), rules), **_times(one.conversation, one.comment))
        for one in found
    ]
    return listed(request, response, shown, following)


@router.get(
    "/{conversation_id}", operation_id="getConversation", responses={200: {"headers": VERSION_HEADER}, **READS_ONE}
)
def conversation(
    conversation_id: PathId, response: Response, session: ReadSession, viewer: Reader, now: Now
) -> ConversationWhole:
    """One conversation, by the id of its comment. Its version is that of what waits: give it back with a decision."""
    detail = queue.detail(session, viewer, conversation_id, now=now)
    if (talk := detail.talk) is None:
        raise NotFound
    tagged(response, detail.comment.version)
    return ConversationWhole(
        **comment_fields(detail.comment, detail.item, detail.drafts, articles(in_force(session, now=now))),
        **_times(talk.conversation, detail.comment),
        messages=[MessageShown.of_talk(one, talk) for one in talk.messages],
        more=talk.more,
        decisions=[Decided.of(decision) for decision in detail.decisions],
        requests=[request.number for request in detail.requests],
        claimed_by=detail.claimed_by,
    )
