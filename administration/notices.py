"""What a person was told, as far as they may still see what it is about."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session, joinedload

from models.alarms import Alarm
from models.comments import Comment
from models.dossiers import Dossier, Occurrence
from models.items import Item
from models.notes import Note
from models.notices import Notice
from models.posts import Post
from models.requests311 import ServiceRequest
from models.scope import Action, Viewer, visible
from models.vocabulary import NoticeKind

SHOWN = 100
"""Notices of one person that are listed, the newest ones."""
OF_OPERATIONS = {
    NoticeKind.BACKUP_LATE: "/exploitation",
    NoticeKind.DISK_LOW: "/exploitation",
    NoticeKind.ACCOUNT_STOPPED: "/comptes",
}
"""What is told to whoever administers (`administration.alerts`), and the page that says more."""


def notices(session: Session, viewer: Viewer) -> Sequence[Notice]:
    """What the viewer was told, newest first."""
    statement = (
        select(Notice)
        .options(
            joinedload(Notice.by),
            joinedload(Notice.note)
            .joinedload(Note.comment)
            .options(joinedload(Comment.account), joinedload(Comment.author)),
            joinedload(Notice.post),
            joinedload(Notice.shift_note),
            joinedload(Notice.request).joinedload(ServiceRequest.service),
            joinedload(Notice.occurrence).joinedload(Occurrence.dossier),
            joinedload(Notice.alarm)
            .joinedload(Alarm.item)
            .joinedload(Item.comment)
            .options(joinedload(Comment.account), joinedload(Comment.author)),
        )
        .where(Notice.person_id == viewer.person_id, readable(viewer))
        .order_by(Notice.id.desc())
        .limit(SHOWN)
    )
    return session.scalars(statement).all()


def readable(viewer: Viewer) -> ColumnElement[bool]:
    """Notices about what the viewer may see now, and that was not taken back."""
    notes = select(Note.id).join(Comment, Comment.id == Note.comment_id).where(Note.taken_back_at.is_(None))
    posts, occurrences = select(Post.id), select(Occurrence.id).join(Dossier, Dossier.id == Occurrence.dossier_id)
    alarms, requests = select(Alarm.id).join(Item, Item.id == Alarm.item_id), select(ServiceRequest.id)
    return or_(
        Notice.note_id.in_(visible(notes, viewer, Action.SEE_COMMENTS, Comment)),
        Notice.post_id.in_(visible(posts, viewer, Action.SEE_POSTS, Post)),
        Notice.occurrence_id.in_(visible(occurrences, viewer, Action.SEE_POSTS, Dossier)),
        Notice.request_id.in_(visible(requests, viewer, Action.SEE_REQUESTS, ServiceRequest)),
        Notice.alarm_id.in_(visible(alarms, viewer, Action.SEE_COMMENTS, Item)),
        # Told to those who worked there; of whoever does not work here any more, nothing is left.
        Notice.shift_note_id.is_not(None) if viewer.may(Action.SEE_COMMENTS) else false(),
        Notice.kind.in_(OF_OPERATIONS) if viewer.may(Action.MANAGE_ACCOUNTS) else false(),
    )
