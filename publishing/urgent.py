"""Urgent posts go out at once, without a second person: a boil-water notice does not wait until Monday. Whoever may
send one says why, those who approve hear of it at once, and one of them reads it again by the next working day.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models import audit
from models.errors import NotFound, Refusals, Refused
from models.posts import Approval, Post, Variant
from models.scope import Action, Viewer, visible
from models.session import take_turn
from models.templates import MessageTemplate, newest
from models.working_days import next_working_day
from publishing import approval, checks, holding, planning, telling
from publishing.drafting import author, take_back
from publishing.rules import folded

STARTERS = "post_"
"""How the codes begin of texts that any post may begin with."""
LONGEST = 500
"""Characters of a motive, and of what a reading says."""

_BLANK = re.compile(r"\[[^\[\]\n]{2,60}\]")
"""What a ready text leaves to be filled in."""


def publish(
    session: Session,
    viewer: Viewer,
    post_id: int,
    motive: str,
    *,
    version: int,
    today: dt.date,
    now: datetime,
    despite_hold: bool = False,
) -> Post:
    """Send out at once what of a post has not left. `today` is the city's.

    Refused: `motive_missing`, `post_not_editable`, `blank_left`, what `checks.blocking` finds, `post_leaving`, and
    during an emergency pause `held`, unless who may pause says otherwise (`despite_hold`).
    """
    take_turn(session, holding.TURN)
    post = planning.load(session, viewer, post_id, Action.PUBLISH_URGENT, version)
    if post.state not in planning.EDITABLE:
        raise Refused("post_not_editable")
    motive, wrong = motive.strip(), Refusals()
    with wrong.collect():
        if not 1 <= len(motive) <= LONGEST:
            raise Refused("motive_missing", field="motive", most=str(LONGEST))
    left = [one for one in post.variants if one.published_at is None]
    for variant in left:
        # Its time is now, whatever was planned: a time that has passed must not stop it.
        take_back(session, variant)
        variant.publish_at = now
    blank = next((found.group() for one in left if (found := _BLANK.search(one.text))), None)
    with wrong.collect():
        if blank is not None:
            raise Refused("blank_left", blank=blank)
    for refused in checks.refusals(planning.sketches(post), now=now):
        with wrong.collect():
            raise refused
    wrong.say()
    content = approval.content_hash(post)
    session.add(
        Approval(
            post_id=post.id,
            content_hash=content,
            content=approval.content(post),
            approved=True,
            urgent=True,
            comment=motive,
            person_id=author(viewer),
            at=now,
            review_on=next_working_day(today),
        )
    )
    planning.owe(session, viewer, post, left, now=now, despite_hold=despite_hold)
    said = audit.digest(session, motive)
    planning.note(session, viewer, post, "urgent", now=now, content=content, motive=said)
    telling.urgent(session, post, by_id=viewer.person_id, now=now)
    return post


def review(session: Session, viewer: Viewer, post_id: int, said: str, *, now: datetime) -> Approval:
    """Somebody else has read it again: never who sent it, nor who wrote in it. Refused: `review_over`, `own_post`,
    `longer_than_kept`.
    """
    wanted = select(Post).options(selectinload(Post.contributors)).where(Post.id == post_id)
    post = session.scalar(visible(wanted, viewer, Action.APPROVE_POSTS, Post))
    if post is None:
        raise NotFound
    unread = _unread().where(Approval.post_id == post_id).order_by(Approval.id).limit(1)
    found = session.scalar(unread.with_for_update(of=Approval))
    if found is None:
        raise Refused("review_over")
    if viewer.person_id in {found.person_id, *(person.id for person in post.contributors)}:
        raise Refused("own_post")
    said = said.strip()
    if len(said) > LONGEST:
        raise Refused("longer_than_kept", field="review", most=str(LONGEST))
    found.reviewed_at, found.reviewed_by_id, found.review = now, author(viewer), said or None
    planning.note(session, viewer, post, "reviewed", now=now, content=found.content_hash)
    return found


def unread(session: Session, viewer: Viewer) -> Sequence[Approval]:
    """Urgent posts of the viewer that nobody has read again yet, those that are due first."""
    statement = _unread().join(Post, Post.id == Approval.post_id).order_by(Approval.review_on, Approval.id)
    loaded = joinedload(Approval.post).selectinload(Post.variants).joinedload(Variant.account)
    return session.scalars(visible(statement.options(loaded), viewer, Action.SEE_POSTS, Post)).all()


def ready(session: Session, language: str, named: str = "urgent_") -> list[MessageTemplate]:
    """The texts that are ready for urgent posts, or (`STARTERS`) for others, by their names."""
    found = newest(session, language, MessageTemplate.code.startswith(named, autoescape=True)).values()
    return sorted((one for one in found if not one.retired), key=lambda one: (folded(one.title or ""), one.code))


def _unread() -> Select[Approval]:
    return (
        select(Approval)
        .options(joinedload(Approval.person))
        .where(Approval.urgent, Approval.review_on.is_not(None), Approval.reviewed_at.is_(None))
    )
