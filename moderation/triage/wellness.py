"""What wears out whoever reads it all day: how much of it somebody has just read, so that a break is suggested."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.comments import VerdictRow
from models.decisions import Decision
from models.vocabulary import Breach, DecisionKind
from moderation.items import DANGER
from moderation.triage.suggestion import shown_breaches

HARD = frozenset({Breach.HATE, Breach.INSULT, Breach.THREAT})
WITHIN = timedelta(hours=1)
MOST = 200
"""Decisions of one person that are looked at, the last ones."""


def hard(verdict: VerdictRow | None) -> bool:
    """Whether a comment is hard to read: hate, insults, threats, or somebody in danger."""
    return verdict is not None and (
        verdict.urgency == DANGER or not HARD.isdisjoint(shown_breaches(verdict.scores["breaches"]))
    )


def rest_due(session: Session, decision: Decision, after: int, *, now: datetime) -> int | None:
    """How many hard comments somebody has decided about within the hour, when this one makes it so many as calls for a
    break (`after`, and each as many again; 0: never); None: it does not.
    """
    verdict = session.get(VerdictRow, decision.comment_id)
    if not after or not hard(verdict):
        return None
    lately = (
        select(VerdictRow)
        .join(Decision, Decision.comment_id == VerdictRow.comment_id)
        .where(
            Decision.at > now - WITHIN,
            Decision.person_id == decision.person_id,
            Decision.kind != DecisionKind.CANCEL,
        )
        .order_by(Decision.at.desc(), Decision.id.desc())
        .limit(MOST)
    )
    read = {one.comment_id for one in session.scalars(lately) if hard(one)}
    return len(read) if len(read) % after == 0 else None
