"""Decisions that take two people: one proposes, another says yes or no, and says why not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from models import audit
from models.comments import Comment
from models.decisions import Proposal
from models.errors import NotFound, Refused
from models.netiquette import RuleVersion
from models.scope import Viewer
from models.text import cleaned
from models.vocabulary import RESTRICTIVE, CommentKind, DecisionKind
from moderation import drafts, netiquette, templates
from moderation.requests import escalation
from moderation.triage import deciding
from moderation.triage.deciding import Choice, Terms

LONGEST_MOTIVE = 2000
"""Characters."""


def propose(
    session: Session, viewer: Viewer, comment_id: int, choice: Choice, terms: Terms, *, now: datetime
) -> Proposal:
    """Ask for a second person's yes to a restriction or a reply; the comment goes on waiting, and says who asked.

    Refused: what `decide` refuses of such a choice, and `already_proposed`.
    """
    comment, item = deciding.load(session, viewer, comment_id)
    if choice.form_key and (before := session.scalar(select(Proposal).where(Proposal.form_key == choice.form_key))):
        if (before.comment_id, before.person_id) != (comment_id, viewer.person_id):
            raise Refused("form_key_reused")
        return before
    if choice.kind not in (*RESTRICTIVE, DecisionKind.REPLY):
        raise Refused("not_a_choice", field="kind")
    deciding.refuse_unless_possible(session, viewer, comment, item, choice, terms, now=now)
    rule = text = None
    if choice.kind in RESTRICTIVE:
        rule = netiquette.cited(session, viewer, choice.kind, choice.rule_code, now=now)
    else:
        text = _reply(session, comment, choice, terms)
    if (standing := open_proposal(session, comment)) is not None:
        raise Refused("already_proposed", by=standing.person.name)
    proposal = Proposal(
        comment_id=comment.id,
        comment_version=comment.version,
        kind=choice.kind,
        rule_version_id=rule.id if rule else None,
        text=text,
        draft_id=choice.draft_id if text else None,
        template_id=templates.kept(session, choice.template_id) if text else None,
        person_id=deciding.acting(viewer),
        at=now,
        form_key=choice.form_key,
    )
    session.add(proposal)
    session.flush()
    deciding.close(session, item)
    _note(session, "propose", proposal, comment, now=now, person_id=viewer.person_id)
    return proposal


def answer(
    session: Session,
    viewer: Viewer,
    proposal_id: int,
    terms: Terms,
    *,
    confirmed: bool,
    motive: str = "",
    now: datetime,
) -> Proposal:
    """Say yes, and what was proposed is decided; or no, with a motive. Whoever proposed may only take it back.

    Refused: `already_answered`, `second_person_needed`, `motive_needed`, and what `decide` refuses.
    """
    comment_id = session.scalar(select(Proposal.comment_id).where(Proposal.id == proposal_id))
    if comment_id is None:
        raise NotFound
    comment, item = deciding.load(session, viewer, comment_id)
    proposal = session.scalars(whole().where(Proposal.id == proposal_id)).one()
    person_id = deciding.acting(viewer)
    if proposal.answered_by is not None:
        if (proposal.answered_by_id, proposal.confirmed) == (person_id, confirmed):
            return proposal
        raise Refused("already_answered", by=proposal.answered_by.name)
    motive = (cleaned(motive) or "").strip()[:LONGEST_MOTIVE]
    own = proposal.person_id == person_id
    if confirmed:
        if own:
            raise Refused("second_person_needed")
        choice = Choice(
            DecisionKind(proposal.kind),
            proposal.comment_version,
            text=proposal.text or "",
            rule_code=proposal.rule_version.rule.code if proposal.rule_version else None,
            draft_id=proposal.draft_id,
            template_id=proposal.template_id,
        )
        deciding.decide(session, viewer, comment_id, choice, terms, now=now, confirming=proposal)
    else:
        deciding.refuse_if_claimed(session, viewer, item, now=now)
        if not own and not motive:
            raise Refused("motive_needed", field="motive")
        deciding.close(session, item)
    proposal.answered_by_id, proposal.answered_at = person_id, now
    proposal.confirmed, proposal.motive = confirmed, motive or None
    session.flush()
    said = "confirm" if confirmed else "withdraw" if own else "decline"
    _note(session, said, proposal, comment, now=now, person_id=person_id)
    return proposal


def _reply(session: Session, comment: Comment, choice: Choice, terms: Terms) -> str:
    """The words of a reply that is proposed, as `decide` will take them; its signature is added when they leave."""
    longest = deciding.longest_of(comment, terms)
    templates.leaving(choice.text, longest, comment.account.reply_signature)
    answered = drafts.answered(session, comment, choice.draft_id)
    text = templates.leaving(choice.text, longest)
    if comment.kind != CommentKind.MESSAGE and (answered is None or not answered.private):
        escalation.refuse_in_public(session, answered.request if answered else None, text)
    return text


def open_proposal(session: Session, comment: Comment) -> Proposal | None:
    """What waits for a second person about the text as it is now."""
    statement = whole().where(
        Proposal.comment_id == comment.id,
        Proposal.comment_version == comment.version,
        Proposal.answered_by_id.is_(None),
    )
    return session.scalar(statement)


def whole() -> Select[Proposal]:
    """Proposals with all that is shown of them, as they stand now."""
    return (
        select(Proposal)
        .options(
            joinedload(Proposal.person),
            joinedload(Proposal.answered_by),
            joinedload(Proposal.rule_version).joinedload(RuleVersion.rule),
        )
        .execution_options(populate_existing=True)
    )


def about(session: Session, comment_id: int) -> Sequence[Proposal]:
    """All that was ever proposed about a comment, oldest first."""
    return session.scalars(whole().where(Proposal.comment_id == comment_id).order_by(Proposal.id)).all()


def _note(
    session: Session, said: str, proposal: Proposal, comment: Comment, *, now: datetime, person_id: int | None
) -> None:
    audit.note(
        session,
        f"proposal.{said}",
        f"comment:{comment.id}",
        now=now,
        person_id=person_id,
        proposal=proposal.id,
        kind=proposal.kind,
        version=proposal.comment_version,
        rule_version=proposal.rule_version_id,
        text=audit.digest(session, comment.text),
        motive=audit.digest(session, proposal.motive),
        reply=audit.digest(session, proposal.text),
    )
