"""The outcome of a request is told to all who asked, at once: each answer is read and may be worded anew, one act sends
them, one takes them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.errors import NotFound, Refused
from models.items import DraftReply
from models.requests311 import ServiceRequest
from models.scope import Action, Viewer, visible
from models.vocabulary import DecisionKind, DraftState
from moderation.requests.escalation import named
from moderation.triage import queue, together
from moderation.triage.deciding import CapabilitiesOf, Choice, Terms
from moderation.triage.queue import Listed
from moderation.triage.together import Outcome


@dataclass(frozen=True)
class Waiting:
    """The answers about one request that wait for a person, as many as are read at once."""

    request: ServiceRequest
    answers: Sequence[tuple[DraftReply, Listed, Refused | None]]
    """Each with its comment, and why it would be left."""
    more: int
    """How many wait beyond those."""


def waiting(
    session: Session, viewer: Viewer, number: str, capabilities_of: CapabilitiesOf, *, now: datetime
) -> Waiting:
    """The answers that are drafted about a request, to comments that the viewer decides about."""
    asked = select(ServiceRequest).options(joinedload(ServiceRequest.service)).where(named(number))
    request = session.scalar(visible(asked, viewer, Action.SEE_REQUESTS, ServiceRequest))
    if request is None:
        raise NotFound
    proposed = select(DraftReply).where(DraftReply.request_id == request.id, DraftReply.state == DraftState.PROPOSED)
    drafts = session.scalars(proposed.order_by(DraftReply.id)).all()
    by_comment = {draft.comment_id: draft for draft in drafts if draft.comment_id is not None}
    lines = queue.chosen(session, viewer, list(by_comment)[: together.MOST], now=now)
    shown = [
        (by_comment[line.comment.id], line, together.why_not(line, DecisionKind.REPLY, capabilities_of))
        for line in lines
    ]
    return Waiting(request, shown, max(0, len(by_comment) - together.MOST))


def send_all(
    session: Session,
    viewer: Viewer,
    given: Mapping[int, tuple[int, int, str]],
    terms: Terms,
    *,
    form_key: str,
    now: datetime,
) -> Outcome:
    """Send the answers that were read: by comment, the version of its text, the draft and the words. They leave one
    after the other. Refused as `together.decide_all`.
    """
    choices = {
        comment_id: Choice(DecisionKind.REPLY, version, text=text, draft_id=draft_id)
        for comment_id, (version, draft_id, text) in given.items()
    }
    return together.decide_each(
        session, viewer, choices, DecisionKind.REPLY, terms, form_key=form_key, spacing=terms.spacing, now=now
    )
