"""The emergency pause. What was scheduled in its scope is taken back at once and waits for a person: nothing leaves
while it lasts, and nothing by itself when it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.orm import Session, joinedload

from models import audit, work
from models.accounts import Account
from models.amendments import Amendment
from models.effects import Effect, still_open
from models.errors import NotFound, Refused
from models.holds import Hold
from models.posts import Post, Variant
from models.scope import Action, Viewer, visible
from models.session import take_turn
from models.vocabulary import PostState
from publishing import telling
from publishing.places import borough_of

TURN = "hold"
"""Whoever schedules takes it too, so that no post slips in between."""
LONGEST_REASON = 500


def begin(
    session: Session,
    viewer: Viewer,
    reason: str,
    *,
    account_id: int | None = None,
    borough_id: int | None = None,
    now: datetime,
) -> Hold:
    """Stop what is scheduled in a scope: neither given is the whole city. What is on its way cannot be called back;
    what nobody knows the outcome of is not sent again. Refused: `hold_reason`, `place_not_yours`, `already_held`,
    `people_decide`.
    """
    if viewer.person_id is None:
        raise Refused("people_decide")
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise Refused("hold_reason", field="reason", most=str(LONGEST_REASON))
    borough_id = borough_of(session, viewer, Action.HOLD_POSTS, account_id=account_id, borough_id=borough_id)
    take_turn(session, TURN)
    same = (Hold.account_id.is_not_distinct_from(account_id), Hold.borough_id.is_not_distinct_from(borough_id))
    if session.scalar(select(Hold.id).where(Hold.ended_at.is_(None), *same)) is not None:
        raise Refused("already_held")
    hold = Hold(account_id=account_id, borough_id=borough_id, reason=reason, began_at=now, began_by_id=viewer.person_id)
    session.add(hold)
    session.flush()
    stopped = _stop(session, hold, now)
    audit.note(session, "hold.began", f"hold:{hold.id}", now=now, person_id=viewer.person_id, posts=stopped)
    return hold


def end(session: Session, viewer: Viewer, hold_id: int, *, now: datetime) -> Hold:
    """Let people schedule again. What was stopped stays for review. Refused: `hold_over`."""
    statement = select(Hold).where(Hold.id == hold_id).with_for_update()
    hold = session.scalar(visible(statement, viewer, Action.HOLD_POSTS, Hold))
    if hold is None:
        raise NotFound
    if hold.ended_at is not None:
        raise Refused("hold_over")
    hold.ended_at, hold.ended_by_id = now, viewer.person_id
    audit.note(session, "hold.ended", f"hold:{hold.id}", now=now, person_id=viewer.person_id)
    return hold


def live(session: Session, viewer: Viewer) -> Sequence[Hold]:
    """The pauses that touch an account on which the viewer may see posts."""
    seen = visible(select(Account.id), viewer, Action.SEE_POSTS, Account)
    touched = select(Hold.id).join(Account, _covers()).where(Account.id.in_(seen))
    return session.scalars(_whole().where(Hold.ended_at.is_(None), Hold.id.in_(touched))).all()


def past(session: Session, viewer: Viewer, *, limit: int = 20) -> Sequence[Hold]:
    """The last pauses that are over."""
    statement = _whole().where(Hold.ended_at.is_not(None)).limit(limit)
    return session.scalars(visible(statement, viewer, Action.SEE_POSTS, Hold)).all()


def holding(session: Session, account_ids: Sequence[int]) -> Hold | None:
    """A pause that holds one of these accounts now."""
    covering = select(Hold).join(Account, _covers()).where(Hold.ended_at.is_(None), Account.id.in_(account_ids))
    return session.scalars(covering.order_by(Hold.id).limit(1)).first()


def _whole() -> Select[Hold]:
    loaded = (Hold.account, Hold.borough, Hold.began_by, Hold.ended_by)
    return select(Hold).options(*(joinedload(one) for one in loaded)).order_by(Hold.id.desc())


def _covers() -> ColumnElement[bool]:
    """Of a hold and an account: whether the first holds the second."""
    everything = and_(Hold.account_id.is_(None), Hold.borough_id.is_(None))
    all_of_it = and_(Hold.account_id.is_(None), Hold.borough_id == Account.borough_id)
    return or_(everything, Hold.account_id == Account.id, all_of_it)


def _stop(session: Session, hold: Hold, now: datetime) -> int:
    """Take back what has not left; gives how many posts are for review by it."""
    held = select(Account.id).join(Hold, _covers()).where(Hold.id == hold.id)
    ours = (Variant.account_id.in_(held), Variant.published_at.is_(None), Variant.effect_id.is_not(None))
    # The effects before their posts, as in everything that locks both.
    said = (Variant.account_id.in_(held), Variant.comment_effect_id.is_not(None))
    comments = select(Variant.comment_effect_id).where(*said)
    reworded = select(Amendment.effect_id).join(Variant, Variant.id == Amendment.variant_id)
    reworded = reworded.where(
        Variant.account_id.in_(held), Amendment.effect_id.is_not(None), Amendment.text.is_not(None)
    )
    owed = or_(*(Effect.id.in_(one) for one in (select(Variant.effect_id).where(*ours), comments, reworded)))
    open_ = and_(owed, still_open(Effect))
    effects = session.scalars(select(Effect.id).where(open_).order_by(Effect.id).with_for_update()).all()
    stopped = {effect_id for effect_id in effects if work.cancel(session, effect_id)}
    # What a worker has claimed, or whose outcome is not known: it is late from now on, and is not sent (again).
    session.execute(update(Effect).where(Effect.id.in_(set(effects) - stopped)).values(late_at=now))
    posts = session.scalars(
        select(Post)
        .where(Post.state == PostState.SCHEDULED, Post.id.in_(select(Variant.post_id).where(*ours)))
        .order_by(Post.id)
        .with_for_update()
    ).all()
    for post in posts:
        post.state, post.hold_id, post.version = PostState.TO_REVIEW, hold.id, post.version + 1
        telling.returned(session, post.id, f"hold:{hold.id}:{post.id}", by_id=hold.began_by_id, now=now)
    for variant in session.scalars(select(Variant).where(Variant.effect_id.in_(stopped))):
        variant.effect_id = None
    for amendment in session.scalars(select(Amendment).where(Amendment.effect_id.in_(stopped))):
        amendment.ask_again()
    session.flush()
    return len(posts)
