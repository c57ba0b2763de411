"""Nothing is kept longer than its rule: texts and names are emptied where they stand, the journal verifies."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models import audit
from models.accounts import Connection, Delivery, SetAside
from models.comments import Attachment, Author, Comment, CommentVersion, SourcePost, VerdictRow, forget_names
from models.decisions import Evidence, Proposal
from models.effects import OPEN_STATES, Effect
from models.errors import Refused
from models.items import DraftReply, Item
from models.people import SignIn, SignInAttempt
from models.requests311 import Requester, ServiceRequest
from models.vocabulary import DeliveryState, ItemState, PostKind

RAW_DAYS = 30
"""How long a webhook body is kept (DESIGN: deliveries are kept 30 days)."""


def forget_raw_due(session: Session, *, now: datetime) -> int:
    """Empty parsed webhook bodies older than their delay; gives how many. One that nobody could read, or whose
    account is not known yet, stays until a person has dealt with it.
    """
    unsettled = select(SetAside.delivery_id).where(SetAside.settled_at.is_(None), SetAside.delivery_id.is_not(None))
    result = session.execute(
        update(Delivery)
        .where(
            Delivery.state == DeliveryState.PARSED,
            Delivery.raw.is_not(None),
            Delivery.received_at < now - timedelta(days=RAW_DAYS),
            Delivery.id.not_in(unsettled),
        )
        .values(raw=None)
        .returning(Delivery.id)
    )
    session.execute(delete(Connection).where(Connection.expires_at < now))
    session.execute(delete(SignInAttempt).where(SignInAttempt.at < now - timedelta(days=1)))
    session.execute(delete(SignIn).where(SignIn.expires_at < now - timedelta(days=RAW_DAYS)))
    return len(result.all())


def dispose(session: Session, comment_id: int, *, now: datetime, person_id: int | None) -> None:
    """Lawful disposal of one comment: its text and versions, the evidence of decisions about it, what the classifier
    quoted, and the replies owed to it, everywhere they stand. The author's name goes when this was their last one.
    """
    comment = session.get_one(Comment, comment_id, with_for_update=True)
    about = (Effect.channel_id == comment.account_id, Effect.target == comment.external_id)
    if session.scalar(select(Effect.id).where(*about, Effect.state.in_(OPEN_STATES)).limit(1)) is not None:
        raise Refused("effects_open")
    if comment.text is not None:
        # A request that was opened with these words keeps its service, place and outcome.
        opened_with = (Requester.comment_id == comment_id, ServiceRequest.description == comment.text)
        opened = select(ServiceRequest.id).join(Requester).where(*opened_with).scalar_subquery()
        session.execute(update(ServiceRequest).where(ServiceRequest.id.in_(opened)).values(description=None))
    comment.text = comment.search_text = None
    comment.disposed_at = now
    session.execute(update(Item).where(Item.comment_id == comment_id).values(state=ItemState.HANDLED))
    session.execute(update(Proposal).where(Proposal.comment_id == comment_id).values(motive=None))
    session.execute(update(DraftReply).where(DraftReply.comment_id == comment_id).values(text=None))
    session.execute(update(CommentVersion).where(CommentVersion.comment_id == comment_id).values(text=None))
    session.execute(
        update(Evidence).where(Evidence.comment_id == comment_id).values(text=None, author_name=None, disposed_at=now)
    )
    session.execute(
        update(Attachment)
        .where(Attachment.comment_id == comment_id)
        .values(external_id=None, address=None, picture_address=None, description=None, picture=None)
        .values(fetch_due_at=None, failure=None)
    )
    session.execute(update(VerdictRow).where(VerdictRow.comment_id == comment_id).values(reasons=[]))
    session.execute(update(Effect).where(*about).values(payload={}))
    author_id, comment.author_id = comment.author_id, None
    session.flush()
    if comment.source_post_id is not None:
        _dispose_of_post(session, comment.source_post_id)
    audit.note(session, "comment.disposed", f"comment:{comment_id}", now=now, person_id=person_id)
    if (
        author_id is not None
        and session.scalar(select(Comment.id).where(Comment.author_id == author_id).limit(1)) is None
    ):
        session.execute(update(Author).where(Author.id == author_id).values(name=None))
        forget_names(session, {author_id})


def _dispose_of_post(session: Session, post_id: int) -> None:
    """Empty what somebody else's post says once nothing is left under it; the city's own posts are its archives."""
    post = session.get_one(SourcePost, post_id, with_for_update=True)
    kept = select(Comment.id).where(Comment.source_post_id == post_id, Comment.disposed_at.is_(None)).limit(1)
    if post.kind == PostKind.MENTIONING and session.scalar(kept) is None:
        post.text = ""
