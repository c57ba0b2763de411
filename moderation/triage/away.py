"""Whoever asks something while the city's service is closed is told so, where the city has adopted it: once in one
closing, never about a danger, never in a conversation that was answered (ADR 0044).

The rule of the city is who acts, and a person answers for it: the one who adopted it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from connectors.base import Capabilities
from models import audit, work
from models.accounts import Account
from models.clocks import AwayNotice, AwayRule
from models.comments import Comment, VerdictRow
from models.effects import Effect
from models.errors import Refused
from models.items import Item, in_state
from models.opening import Schedule
from models.scope import Viewer
from models.session import Database, take_turn, upsert
from models.vocabulary import CommentKind, DecisionKind, EffectState, Intention, ItemState, OperationKind
from moderation import clocks
from moderation.items import DANGER
from moderation.templates import PLACE, first_name, render, template
from moderation.triage.suggestion import shown_breaches

TEMPLATE = "away"
ASKING = (Intention.SERVICE_REQUEST, Intention.QUESTION)
"""What waits for an answer; nobody is told that thanks or a joke will be answered later."""
AT_ONCE = 50
_KEY = "away:"

Words = Callable[[Schedule, str, datetime], str]
"""The hours in words, in a citizen's language."""


@dataclass(frozen=True)
class Voice:
    """How the city speaks by itself: what each network lets it do, and its hours in words."""

    capabilities_of: Callable[[str], Capabilities]
    words: Words


@dataclass(frozen=True)
class _Closing:
    """A closing of the service, and what is said of it."""

    rule: AwayRule
    schedule: Schedule
    since: datetime
    until: datetime
    networks: Sequence[str]


# ------------------------------------------------------------------------------------------ the rule
def newest(session: Session) -> AwayRule | None:
    """What the city last said of it, and who for it; None: nothing yet, so that nobody is told."""
    statement = select(AwayRule).options(joinedload(AwayRule.person)).order_by(AwayRule.id.desc()).limit(1)
    return session.scalar(statement)


def adopt(session: Session, viewer: Viewer, *, adopted: bool, now: datetime) -> None:
    """The city tells whoever writes while it is closed from now on, or no longer. Said again, it is nothing new.

    Refused: `people_decide`, `hours_first` (no hours are known by which it would be closed).
    """
    if viewer.person_id is None:
        raise Refused("people_decide")
    take_turn(session, "away")
    before = newest(session)
    if (before is not None and before.adopted) == adopted:
        return
    if adopted and clocks.newest(session) is None:
        raise Refused("hours_first")
    rule = AwayRule(adopted=adopted, person_id=viewer.person_id, at=now)
    session.add(rule)
    session.flush()
    audit.note(session, "away.adopted", "city", now=now, person_id=viewer.person_id, rule=rule.id, adopted=adopted)


# ------------------------------------------------------------------------------------------ what it does
def tell_due(database: Database, zone: ZoneInfo, voice: Voice, *, now: datetime) -> int:
    """Owe the notice to those who asked something in this closing and were not told; gives to how many."""
    with database.read() as session:
        closing = _closing(session, zone, voice, now=now)
        if closing is None:
            return 0
        ids = session.scalars(_asked(closing).order_by(Comment.id).limit(AT_ONCE)).all()
    told = 0
    for comment_id in ids:
        with database.write() as session:
            told += _tell(session, comment_id, closing, voice, now=now)
    return told


def withdraw(session: Session, comment_id: int) -> None:
    """Somebody answers, or sees a danger in it: a notice that has not left stays here."""
    ready = (
        select(Effect.id)
        .join(AwayNotice, AwayNotice.effect_id == Effect.id)
        .where(AwayNotice.comment_id == comment_id, Effect.state == EffectState.READY)
    )
    effect_id = session.scalar(ready)
    if effect_id is not None:
        work.cancel(session, effect_id)


def is_notice(effect: Effect) -> bool:
    """Whether nobody's decision stands behind an effect, but this rule."""
    return effect.key.startswith(_KEY)


def of_comment(session: Session, comment_id: int) -> AwayNotice | None:
    """The notice that was given in answer to a comment, with its effect and with who adopted its rule."""
    whole = joinedload(AwayNotice.rule).joinedload(AwayRule.person), joinedload(AwayNotice.effect)
    statement = select(AwayNotice).options(*whole).where(AwayNotice.comment_id == comment_id)
    return session.scalar(statement.where(AwayNotice.effect_id.is_not(None)).limit(1))


# -------------------------------------------------------------------------------------------------------------------
def _closing(session: Session, zone: ZoneInfo, voice: Voice, *, now: datetime) -> _Closing | None:
    rule, known = newest(session), clocks.current(session, zone)
    if rule is None or not rule.adopted or known is None:
        return None
    since, (_, until) = known.schedule.closed_since(now), known.schedule.now(now)
    if since is None or until is None:
        return None
    there = session.scalars(select(Account.network).distinct()).all()
    networks = [one for one in there if OperationKind.REPLY in voice.capabilities_of(one).operations]
    return _Closing(rule, known.schedule, since, until, networks)


def _asked(closing: _Closing) -> Select[int]:
    """Comments of this closing that wait for an answer, whose authors were not told in it, and to whose conversations
    the city has said nothing.
    """
    began = max(closing.since, closing.rule.at)
    told = exists().where(AwayNotice.author_id == Comment.author_id, AwayNotice.at >= closing.since)
    root = func.coalesce(Comment.parent_external_id, Comment.external_id)
    answer, leaving = aliased(Comment), aliased(Effect)
    there = answer.account_id == Comment.account_id, answer.by_city, ~answer.removed
    # Each by its index: of both in one condition, SQLite would read all comments of the account.
    answered = exists().where(*there, answer.parent_external_id == root)
    begun = exists().where(*there, answer.external_id == root)
    acts = leaving.operation.in_((OperationKind.REPLY, OperationKind.PRIVATE_REPLY))
    gone = leaving.state.in_((EffectState.CANCELLED, EffectState.FAILED))
    owed = exists().where(
        leaving.channel_id == Comment.account_id, leaving.target.in_((root, Comment.external_id)), acts, ~gone
    )
    return (
        select(Comment.id)
        .join(Item, Item.comment_id == Comment.id)
        .join(VerdictRow, VerdictRow.comment_id == Comment.id)
        .join(Account, Account.id == Comment.account_id)
        .where(
            in_state(Item, ItemState.WAITING),
            Item.urgency < DANGER,
            Item.intention.in_(ASKING),
            Account.network.in_(closing.networks),
            Comment.kind == CommentKind.COMMENT,
            Comment.author_id.is_not(None),
            Comment.received_at >= began,
            Comment.created_at >= began,
            ~Comment.removed,
            ~Comment.hidden,
            or_(VerdictRow.suggestion.is_(None), VerdictRow.suggestion != DecisionKind.HIDE),
            ~told,
            ~answered,
            ~begun,
            ~owed,
        )
    )


def _tell(session: Session, comment_id: int, closing: _Closing, voice: Voice, *, now: datetime) -> int:
    whole = joinedload(Comment.account), joinedload(Comment.verdict), joinedload(Comment.author)
    held = select(Comment).options(*whole).where(Comment.id == comment_id).with_for_update(of=Comment)
    comment, rule = session.scalars(held).one(), newest(session)
    still = session.scalar(_asked(closing).where(Comment.id == comment_id))
    if still is None or comment.verdict is None or rule is None or rule.id != closing.rule.id:
        return 0
    row = {
        "comment_id": comment_id, "author_id": comment.author_id, "rule_id": rule.id,
        "closed_since": closing.since, "at": now,
    }  # fmt: skip
    given = upsert(session, AwayNotice).values(row).on_conflict_do_nothing().returning(AwayNotice.id)
    notice_id = session.scalar(given)
    if notice_id is None:
        return 0  # Another worker was faster.
    language = comment.verdict.language
    body = template(session, TEMPLATE, language).replace(
        " {prenom}", f" {first_name(comment.author.name if comment.author else None)}".rstrip()
    )
    text = render(body, {"heures": voice.words(closing.schedule, language, now)})
    longest = voice.capabilities_of(comment.account.network).longest_reply
    if shown_breaches(comment.verdict.scores["breaches"]) or PLACE.search(text) or len(text) > longest:
        return 0  # Nothing is said by itself to an insult, with a blank, or in part; and it is not looked at again.
    effect = work.enqueue(
        session,
        key=f"{_KEY}{notice_id}",
        operation=OperationKind.REPLY,
        channel_id=comment.account_id,
        target=comment.external_id,
        payload={"text": text},
        due_at=now,
        late_at=closing.until,
    )
    session.get_one(AwayNotice, notice_id).effect_id = effect.id
    audit.note(
        session, "away.told", f"comment:{comment_id}", now=now, person_id=None, rule=rule.id, effect=effect.id,
    )  # fmt: skip
    return 1
