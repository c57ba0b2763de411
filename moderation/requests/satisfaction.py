"""Some of those whose request was done are asked how it went: by a link of their own, in private, at most once in
ninety days; a number is enough.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from connectors.base import Capabilities
from models import audit
from models.comments import Comment, VerdictRow
from models.errors import NotFound, Refused
from models.items import DraftReply
from models.requests311 import Requester, ServiceRequest
from models.scope import Action, Viewer, visible
from models.secrets import fingerprint
from models.session import Database
from models.surveys import Survey
from models.text import cleaned
from models.vocabulary import DraftState, Language, RequestStatus
from moderation import drafts, items
from moderation.requests.completing import private_here
from moderation.templates import render, template

AFTER, WITHIN = timedelta(hours=1), timedelta(days=7)
"""How long after its end somebody is asked about a request, at the soonest and at the latest."""
APART = timedelta(days=90)
"""Between two questions to one person."""
OPEN = timedelta(days=30)
"""For how long a link is answered."""
AT_ONCE, LONGEST, BEST = 50, 2000, 10


@dataclass(frozen=True)
class Sampling:
    """Who is asked: so many of a hundred, by what each network lets the city do."""

    percent: int
    base_url: str
    capabilities_of: Callable[[str], Capabilities]


def _due(now: datetime) -> Select[Requester]:
    looked = select(Survey.id).where(Survey.requester_id == Requester.id).exists()
    # The answer about the end of the request leaves first.
    drafted = (
        select(DraftReply.id)
        .where(
            DraftReply.request_id == Requester.request_id,
            DraftReply.comment_id == Requester.comment_id,
            DraftReply.state == DraftState.PROPOSED,
        )
        .exists()
    )
    return (
        select(Requester)
        .join(ServiceRequest, ServiceRequest.id == Requester.request_id)
        .where(
            ServiceRequest.status == RequestStatus.DONE,
            ServiceRequest.closed_at.between(now - WITHIN, now - AFTER),
            Requester.comment_id.is_not(None),
            Requester.detached_at.is_(None),
            ~looked,
            ~drafted,
        )
        .order_by(Requester.id)
        .limit(AT_ONCE)
    )


def ask_due(database: Database, sampling: Sampling, *, now: datetime) -> int:
    """Look at whose request was done; draft the question for those who are asked. Gives how many were."""
    with database.read() as session:
        ids = [one.id for one in session.scalars(_due(now))]
    asked = 0
    for requester_id in ids:
        with database.write() as session:
            asked += _ask(session, requester_id, sampling, now=now)
    return asked


def _ask(session: Session, requester_id: int, sampling: Sampling, *, now: datetime) -> int:
    requester = session.get_one(Requester, requester_id)
    comment = session.scalars(
        select(Comment)
        .options(joinedload(Comment.account))
        .where(Comment.id == requester.comment_id)
        .with_for_update(of=Comment)
    ).one()
    if session.scalar(select(Survey.id).where(Survey.requester_id == requester_id)) is not None:
        return 0
    row = Survey(request_id=requester.request_id, requester_id=requester_id, comment_id=comment.id, at=now)
    session.add(row)
    able = sampling.capabilities_of(comment.account.network)
    if not (
        _sampled(requester.code, sampling.percent)
        and not comment.removed
        and comment.author_id is not None
        and not _asked_lately(session, comment.author_id, now=now)
        and private_here(session, comment, able, now=now)
    ):
        return 0
    token = secrets.token_urlsafe(32)
    row.print = fingerprint(token)
    language = session.scalar(select(VerdictRow.language).where(VerdictRow.comment_id == comment.id))
    body = template(session, "satisfaction", language or Language.FRENCH)
    text = render(body, {"lien": f"{sampling.base_url}/satisfaction/{token}"})
    drafts.propose(session, comment, text, request_id=requester.request_id, asks=True, private=True, now=now)
    items.bring_back(items.of_comment(session, comment.id), comment, now)
    session.flush()
    audit.note(session, "survey.asked", f"request:{requester.request_id}", now=now, person_id=None, survey=row.id)
    return 1


def _sampled(code: str, percent: int) -> bool:
    """The same person of the same request is always in, or always out."""
    return int.from_bytes(hashlib.sha256(code.encode()).digest()[:4]) % 100 < percent


def _asked_lately(session: Session, author_id: int, *, now: datetime) -> bool:
    wrote = aliased(Comment)
    statement = (
        select(Survey.id)
        .join(wrote, wrote.id == Survey.comment_id)
        .where(wrote.author_id == author_id, Survey.print.is_not(None), Survey.at > now - APART)
    )
    return session.scalar(statement.limit(1)) is not None


def opened(session: Session, token: str, *, now: datetime) -> Survey:
    """The question of a link, its request and service loaded. NotFound: there is none; Refused `link_expired`: it is
    too old, or the request is open again.
    """
    statement = (
        select(Survey)
        .options(joinedload(Survey.request).joinedload(ServiceRequest.service))
        .where(Survey.print == fingerprint(token))
    )
    found = session.scalar(statement)
    if found is None:
        raise NotFound
    if found.at + OPEN <= now or (found.score is None and found.request.status != RequestStatus.DONE):
        raise Refused("link_expired")
    return found


def answer(session: Session, token: str, score: str, words: str, *, now: datetime) -> None:
    """Keep the number that was chosen, and the words beside it: each once. Refused: as `opened`, `score_unreadable`,
    `longer_than_kept`, `link_used`.
    """
    found = opened(session, token, now=now)
    session.refresh(found, ["score", "words", "answered_at"], with_for_update=True)
    words = (cleaned(words) or "").replace("\r\n", "\n").strip()
    if len(words) > LONGEST:
        raise Refused("longer_than_kept", field="words", most=str(LONGEST))
    if found.score is None:
        if not (score.isascii() and score.isdecimal() and len(score) < 3 and int(score) <= BEST):
            raise Refused("score_unreadable", field="score")
        found.score, found.answered_at = int(score), now
    elif found.words is not None or not words:
        raise Refused("link_used")
    found.words = words or None
    audit.note(session, "survey.answered", f"request:{found.request_id}", now=now, person_id=None, score=found.score)


def figures(session: Session, viewer: Viewer, *, since: datetime) -> tuple[float | None, int]:
    """The mean of what was answered since then in the viewer's part of the city, and by how many."""
    statement = (
        select(func.avg(Survey.score), func.count(Survey.score))
        .join(ServiceRequest, ServiceRequest.id == Survey.request_id)
        .where(Survey.answered_at >= since)
    )
    mean, count = session.execute(visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest)).one()
    return (float(mean) if mean is not None else None), count
