"""A person decides: one claim at a time, one decision a comment, every restriction with its reason and its way back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from connectors.base import Capabilities
from models import audit, work
from models.comments import Attachment, Comment
from models.decisions import Batch, Decision, Evidence, Proposal
from models.effects import Effect
from models.errors import NotFound, Refused
from models.items import Claim, DraftReply, Item
from models.requests311 import ServiceRequest
from models.scope import Action, Viewer, visible
from models.text import cleaned
from models.vocabulary import (
    RESTRICTIVE,
    TAKE_BACK,
    CommentKind,
    DecisionKind,
    EffectState,
    ItemState,
    OperationKind,
    RequestNature,
)
from moderation import conversations, drafts, items, netiquette, sensitive, templates
from moderation.requests import completing, escalation, handover
from moderation.triage import away
from moderation.triage.classification import corrections, criticism
from moderation.triage.suggestion import proposed

CLAIM = timedelta(seconds=90)
"""How long an open item stays claimed without a sign of life from the page."""


@dataclass(frozen=True)
class Choice:
    """What a person chose for one comment.

    `version` is the text that they had before them. `text` is the reply (or what acknowledges a 311 request),
    `template_id` the saved wording that it was made of, `rule_code` the article that a hide cites; `service_code`,
    `place` and `nature` open a 311 request, `request_number` joins one that is open, and `asks_details` drafts the
    words that ask for what is missing of it; `draft_id` is the drafted reply that `text` was made of. `form_key` makes
    a form that is sent twice one decision.
    """

    kind: DecisionKind
    version: int
    text: str = ""
    rule_code: str | None = None
    service_code: str | None = None
    place: str = ""
    nature: RequestNature = RequestNature.REQUEST
    request_number: str | None = None
    draft_id: int | None = None
    template_id: int | None = None
    asks_details: bool = False
    form_key: str | None = None


QUEBEC = ZoneInfo("America/Toronto")
NOWHERE = completing.Links()
CapabilitiesOf = Callable[[str], Capabilities]
"""What can be done on a network."""


@dataclass(frozen=True)
class Terms:
    """How a city decides: for how long without trace, how its requests are numbered, what its networks can do, and
    whether its requests go on to an outside 311, which numbers them anew; `zone` is the city's. Answers of one act
    leave `spacing` apart: a network takes many at once from one account for a machine.
    """

    undo: timedelta
    prefix: str
    capabilities_of: CapabilitiesOf
    hands_over: bool = False
    zone: ZoneInfo = QUEBEC
    links: completing.Links = NOWHERE
    spacing: timedelta = timedelta(seconds=15)


def offered(comment: Comment, capabilities_of: CapabilitiesOf) -> frozenset[DecisionKind]:
    """What may be decided of a comment: what needs no network, and what its network lets the city do to it.

    A private conversation is answered in its own way. Words under somebody else's post, or about the Page, are not the
    city's to hide.
    """
    able = capabilities_of(comment.account.network).operations
    if comment.kind == CommentKind.MESSAGE:
        answered = {DecisionKind.REPLY} if OperationKind.MESSAGE in able else set()
        return frozenset({DecisionKind.NOTHING, DecisionKind.REQUEST} | answered)
    ours = comment.kind == CommentKind.COMMENT
    return frozenset(
        {DecisionKind.NOTHING, DecisionKind.REQUEST}
        | ({DecisionKind.REPLY} if OperationKind.REPLY in able else set())
        | ({DecisionKind.LIKE} if OperationKind.LIKE in able and ours else set())
        | ({DecisionKind.HIDE} if OperationKind.HIDE in able and ours else set())
        | ({DecisionKind.UNHIDE} if OperationKind.UNHIDE in able and ours else set())
    )


def claim(session: Session, viewer: Viewer, comment_id: int, *, now: datetime) -> str | None:
    """Open a comment to decide on it. Gives None when it is ours, or the name of the person who has it.

    Refused: `already_decided`, as by `decide`: a page that does not know it yet goes on to the next one.
    """
    comment, item = load(session, viewer, comment_id)
    person_id = acting(viewer)
    if item is None:
        return None
    if item.state == ItemState.HANDLED:
        raise handled(session, comment)
    held = _claim_of(session, item)
    if held is None:
        session.add(Claim(item_id=item.id, person_id=person_id, until=now + CLAIM))
        return None
    if held.person_id != person_id and held.until > now:
        return held.person.name
    held.person_id, held.until = person_id, now + CLAIM
    return None


def release(session: Session, viewer: Viewer, comment_id: int) -> None:
    """Close a comment without deciding."""
    item = select(Item.id).where(Item.comment_id == comment_id).scalar_subquery()
    session.execute(delete(Claim).where(Claim.item_id == item, Claim.person_id == viewer.person_id))


def close(session: Session, item: Item | None) -> None:
    """Nobody has the item open any more."""
    if item is not None:
        session.execute(delete(Claim).where(Claim.item_id == item.id))


def decide(
    session: Session,
    viewer: Viewer,
    comment_id: int,
    choice: Choice,
    terms: Terms,
    *,
    now: datetime,
    confirming: Proposal | None = None,
    batch: Batch | None = None,
) -> Decision:
    """Record what a person decided, and owe the network what follows from it after the undo time. `confirming` is
    what somebody else proposed, when this is the second person's yes to it (`proposals.answer`); `batch` what it is a
    part of, when several are decided at once (`together.decide_all`).

    Refused: `claimed`, `already_decided` (each names who), `text_changed`, `gone`, `not_possible_there` (the
    network does not let the city do that), `second_person_needed`, `reply_asks`, and what the kind itself needs.
    """
    if choice.request_number:
        # Whoever works on a request holds it before its comments: the same order here, or the two would lock up.
        escalation.hold(session, escalation.named(choice.request_number.strip()))
    comment, item = load(session, viewer, comment_id)
    if choice.form_key and (before := _same_form(session, viewer, comment_id, choice)):
        return before
    refuse_unless_possible(session, viewer, comment, item, choice, terms, now=now)
    longest = longest_of(comment, terms)
    decision = Decision(
        comment_id=comment.id,
        comment_version=comment.version,
        kind=choice.kind,
        person_id=acting(viewer),
        at=now,
        proposal_id=confirming.id if confirming else None,
        batch_id=batch.id if batch else None,
        form_key=choice.form_key,
        suggested=proposed(comment.verdict, drafted=bool(drafts.proposed(session, [comment.id]))),
    )
    if choice.kind in RESTRICTIVE:
        decision.rule_version_id = netiquette.cited(session, viewer, choice.kind, choice.rule_code, now=now).id
        if confirming is None and needs_second(session, viewer, comment, choice.kind):
            raise Refused("second_person_needed")
        decision.evidence_id = _evidence(session, comment, now=now).id
    session.add(decision)
    session.flush()
    away.withdraw(session, comment.id)
    _draft_what_waits(session, comment, terms, now=now)
    answered = None
    match decision.kind:
        case DecisionKind.HIDE | DecisionKind.UNHIDE | DecisionKind.LIKE:
            decision.effect_id = _enqueue(session, comment, decision, _ACTS[decision.kind], now + terms.undo).id
        case DecisionKind.REPLY:
            answered = drafts.answered(session, comment, choice.draft_id)
            decision.request_id = answered.request_id if answered else None
            private = answered is not None and answered.private
            text = templates.leaving(choice.text, longest, comment.account.reply_signature)
            if confirming is None and reply_asks(session, viewer, comment):
                raise Refused("reply_asks")
            if not private and comment.kind != CommentKind.MESSAGE:
                escalation.refuse_in_public(session, answered.request if answered else None, text)
            decision.template_id = templates.kept(session, choice.template_id)
            how = OperationKind.PRIVATE_REPLY if private else OperationKind.REPLY
            decision.effect_id = _enqueue(session, comment, decision, how, now + terms.undo, text).id
        case DecisionKind.REQUEST:
            _ask_311(session, viewer, comment, decision, choice, terms, longest, now=now)
        case _:
            pass
    _leave_queue(session, comment, item, decision, answered)
    close(session, item)
    audit.note(
        session,
        f"comment.{decision.kind}",
        f"comment:{comment.id}",
        now=now,
        person_id=viewer.person_id,
        decision=decision.id,
        version=comment.version,
        rule_version=decision.rule_version_id,
        request=decision.request_id,
        batch=decision.batch_id,
        text=audit.digest(session, comment.text),
        reply=audit.digest(session, cleaned(choice.text) or None),
    )
    return decision


def _ask_311(
    session: Session,
    viewer: Viewer,
    comment: Comment,
    decision: Decision,
    choice: Choice,
    terms: Terms,
    longest: int,
    *,
    now: datetime,
) -> None:
    """Open a 311 request or join one, say so in the thread, and draft what asks for more where that is wanted."""
    request = escalation.open_or_join(
        session,
        viewer,
        comment,
        choice.service_code,
        choice.place,
        choice.nature,
        choice.request_number,
        now=now,
        prefix=terms.prefix,
        zone=terms.zone,
    )
    decision.request_id = request.id
    if choice.text.strip():
        signed = comment.account.reply_signature
        text = templates.leaving(choice.text.replace(handover.BLANK, request.public_number), longest, signed)
        if comment.kind != CommentKind.MESSAGE:
            escalation.refuse_in_public(session, request, text)
        if reply_asks(session, viewer, comment, {request.service_code}):
            # The request leaves at once; its words wait for a second person, as any reply about it.
            drafts.propose(session, comment, text, request_id=request.id, now=now)
        else:
            decision.effect_id = _acknowledge(session, comment, decision, request, text, terms, now=now).id
    if choice.asks_details:
        able = terms.capabilities_of(comment.account.network)
        completing.ask(session, viewer, request, comment, able, terms.links, now=now)


def _acknowledge(
    session: Session,
    comment: Comment,
    decision: Decision,
    request: ServiceRequest,
    text: str,
    terms: Terms,
    *,
    now: datetime,
) -> Effect:
    """Say in the thread that a request was opened or joined."""
    reply = _enqueue(session, comment, decision, OperationKind.REPLY, now + terms.undo, text)
    if terms.hands_over and request.number in text and handover.waits_for_number(session, request):
        # Citizens know it by one number: these words leave when the outside 311 has said its own.
        reply.payload = {"text": text.replace(request.number, handover.BLANK)}
        reply.due_at = reply.late_at = reply.due_at + handover.WITHOUT_NUMBER
    return reply


def undo(session: Session, viewer: Viewer, decision_id: int, *, now: datetime) -> Decision:
    """Cancel a decision: without a trace while its effect has not left, else by the opposite act.

    Refused: `already_undone`, `reply_sent` (a reply that left is public), `not_undoable` (only the last
    decision is).
    """
    cancelled = session.get(Decision, decision_id)
    if cancelled is None or cancelled.comment_id is None:
        raise NotFound
    # Same order as whoever records an effect or works on a request: these first, then the comment.
    if cancelled.kind == DecisionKind.REQUEST:
        handover.hold_effect(session, cancelled.request_id)
    session.execute(select(Effect.id).where(Effect.id == cancelled.effect_id).with_for_update())
    if cancelled.kind == DecisionKind.REQUEST:
        escalation.hold(session, ServiceRequest.id == cancelled.request_id)
    comment, item = load(session, viewer, cancelled.comment_id)
    if session.scalar(select(Decision.id).where(Decision.cancels_id == cancelled.id)):
        raise Refused("already_undone")
    last = session.scalar(
        select(Decision.id)
        .where(Decision.comment_id == comment.id, Decision.kind != DecisionKind.CANCEL)
        .order_by(Decision.id.desc())
        .limit(1)
    )
    if cancelled.kind in (DecisionKind.CANCEL, DecisionKind.UNHIDE) or last != cancelled.id:
        raise Refused("not_undoable")
    decision = Decision(
        comment_id=comment.id,
        comment_version=comment.version,
        kind=DecisionKind.CANCEL,
        person_id=acting(viewer),
        at=now,
        cancels_id=cancelled.id,
    )
    session.add(decision)
    session.flush()
    if cancelled.effect_id is not None and not _never_leaves(session, cancelled.effect_id):
        if cancelled.kind not in _OPPOSITES:
            raise Refused("reply_sent")
        decision.effect_id = _enqueue(session, comment, decision, _OPPOSITES[cancelled.kind], now).id
    if cancelled.kind == DecisionKind.REQUEST and cancelled.request_id is not None:
        escalation.leave(session, viewer, cancelled.request_id, comment, now=now)
        completing.withdraw(session, cancelled.request_id, comment.id, now=now)
        drafts.discard_about(session, cancelled.request_id, comment.id)
    items.bring_back(item, comment)
    for draft in drafts.taken_by(session, cancelled.id):
        if draft.asks:
            drafts.propose(
                session,
                comment,
                draft.text,
                request_id=draft.request_id,
                asks=True,
                private=draft.private,
                now=now,
            )
        elif draft.request is not None:
            escalation.propose_reply(session, comment, draft.request, now=now)
        else:
            drafts.propose(session, comment, draft.text, effect_id=draft.effect_id, now=now)
    audit.note(
        session,
        "comment.cancel",
        f"comment:{comment.id}",
        now=now,
        person_id=viewer.person_id,
        decision=decision.id,
        cancels=cancelled.id,
    )
    return decision


def settle_second(session: Session, viewer: Viewer, comment_id: int, *, take_back: bool, now: datetime) -> None:
    """Say what becomes of a reply that stands twice under a comment: its second copy is deleted there, or stays.

    Refused: `claimed`, `not_doubled`, `not_possible_there` (the network lets nobody take it back).
    """
    # Same order as whoever records an effect.
    doubled = select(Item.problem_id).where(Item.comment_id == comment_id).scalar_subquery()
    effect = session.scalar(select(Effect).where(Effect.id == doubled).with_for_update())
    comment, item = load(session, viewer, comment_id)
    person_id = acting(viewer)
    refuse_if_claimed(session, viewer, item, now=now)
    if effect is None or not effect.doubled:
        raise Refused("not_doubled")
    if take_back and effect.operation not in TAKE_BACK:
        raise Refused("not_possible_there")  # What was written in private cannot be taken back.
    work.settle_second(session, effect, take_back=take_back, now=now)
    items.decided(item, waits=bool(drafts.proposed(session, [comment.id])), now=now)
    close(session, item)
    audit.note(
        session,
        "comment.second",
        f"comment:{comment.id}",
        now=now,
        person_id=person_id,
        effect=effect.id,
        taken_back=take_back,
    )


# -------------------------------------------------------------------------------------------------------------------


def load(
    session: Session, viewer: Viewer, comment_id: int, action: Action = Action.DECIDE
) -> tuple[Comment, Item | None]:
    """A comment that the viewer may decide about (or do something else), held until the transaction ends, and its item,
    if it ever waited; NotFound when there is no such comment.
    """
    ours = select(Comment.id).where(Comment.id == comment_id).with_for_update(of=Comment)
    if session.scalar(visible(ours, viewer, action, Comment)) is None:
        raise NotFound
    # Read once it is held, or what stands beside it would be from before the wait.
    statement = (
        select(Comment, Item)
        .outerjoin(Item, Item.comment_id == Comment.id)
        .options(joinedload(Comment.account), joinedload(Comment.verdict), joinedload(Comment.author))
        .where(Comment.id == comment_id)
        .execution_options(populate_existing=True)
    )
    comment, item = session.execute(statement).one()
    return comment, item


def acting(viewer: Viewer) -> int:
    """Who decides. Refused `people_decide`: a program does not."""
    if viewer.person_id is None:
        raise Refused("people_decide")
    return viewer.person_id


def _same_form(session: Session, viewer: Viewer, comment_id: int, choice: Choice) -> Decision | None:
    before = session.scalar(select(Decision).where(Decision.form_key == choice.form_key))
    if before is None:
        return None
    if (before.comment_id, before.person_id) != (comment_id, viewer.person_id):
        raise Refused("form_key_reused")
    return before


def refuse_if_claimed(session: Session, viewer: Viewer, item: Item | None, *, now: datetime) -> None:
    """Refused `claimed`, with the name of the other person who has the item open."""
    held = _claim_of(session, item) if item is not None else None
    if held is not None and held.person_id != viewer.person_id and held.until > now:
        raise Refused("claimed", by=held.person.name)


def _claim_of(session: Session, item: Item) -> Claim | None:
    return session.scalar(select(Claim).options(joinedload(Claim.person)).where(Claim.item_id == item.id))


def _leave_queue(
    session: Session, comment: Comment, item: Item | None, decision: Decision, answered: DraftReply | None
) -> None:
    """What was decided is no more to be decided. Drafts that tell citizens of their other requests go on waiting, and
    the item with them, unless somebody decides that there is nothing to say.
    """
    silent = decision.kind in (DecisionKind.NOTHING, DecisionKind.HIDE)
    kept = drafts.settle(session, comment, decision, answered, silent=silent)
    items.decided(item, waits=bool(kept), now=decision.at)


def handled(session: Session, comment: Comment) -> Refused:
    """Why nothing is left to decide about a comment, and who decided."""
    last = session.scalar(
        select(Decision)
        .options(joinedload(Decision.person))
        .where(Decision.comment_id == comment.id)
        .order_by(Decision.id.desc())
        .limit(1)
    )
    if last is None:
        return Refused("gone" if comment.removed else "not_waiting")
    return Refused("already_decided", by=last.person.name, kind=last.kind, at=last.at.isoformat())


def refuse_unless_possible(
    session: Session,
    viewer: Viewer,
    comment: Comment,
    item: Item | None,
    choice: Choice,
    terms: Terms,
    *,
    now: datetime,
) -> None:
    """Refuse what cannot be decided now by this person, whatever else the kind needs; the codes are `decide`'s."""
    refuse_if_claimed(session, viewer, item, now=now)
    if choice.kind not in _CHOICES:
        raise Refused("not_a_choice", field="kind")
    state = item.state if item is not None else ItemState.HANDLED
    if state == ItemState.RECEIVED and choice.kind != DecisionKind.UNHIDE:
        raise Refused("not_waiting" if choice.version == comment.version else "text_changed")
    if state == ItemState.HANDLED and choice.kind != DecisionKind.UNHIDE:
        raise handled(session, comment)
    if choice.version != comment.version:
        raise Refused("text_changed")
    if comment.removed and choice.kind != DecisionKind.NOTHING:
        raise Refused("gone")
    if choice.kind == DecisionKind.HIDE and comment.hidden:
        raise Refused("already_hidden")
    if choice.kind == DecisionKind.UNHIDE and not comment.hidden:
        raise Refused("not_hidden")
    able = offered(comment, terms.capabilities_of)
    if choice.kind not in able or (choice.text.strip() and DecisionKind.REPLY not in able):
        raise Refused("not_possible_there")
    answers = choice.kind == DecisionKind.REPLY or bool(choice.text.strip())
    if answers and comment.kind == CommentKind.MESSAGE:
        conversations.refuse_when_closed(session, comment, terms.capabilities_of(comment.account.network), now=now)


_CHOICES = frozenset(DecisionKind) - {DecisionKind.CANCEL}


def longest_of(comment: Comment, terms: Terms) -> int:
    """How many characters a reply to it may have."""
    able = terms.capabilities_of(comment.account.network)
    return able.longest_message if comment.kind == CommentKind.MESSAGE else able.longest_reply


def needs_second(session: Session, viewer: Viewer, comment: Comment, kind: DecisionKind) -> bool:
    """Whether this viewer alone may not decide so: mere criticism of the city is never restricted by one person."""
    verdict = comment.verdict
    return (
        kind in RESTRICTIVE
        and verdict is not None
        and criticism(verdict, corrections(session, [comment.id]), viewer.person_id)
    )


def reply_asks(session: Session, viewer: Viewer, comment: Comment, services: Collection[str] = ()) -> bool:
    """Whether a second person reads this viewer's reply first; `services` as of `sensitive.touches`."""
    return sensitive.touches(session, viewer, comment.id, comment.verdict, corrections(session, [comment.id]), services)


def _evidence(session: Session, comment: Comment, *, now: datetime) -> Evidence:
    evidence = Evidence(
        comment_id=comment.id,
        text=comment.text,
        author_name=comment.author.name if comment.author else None,
        attachments=session.scalars(
            select(Attachment).where(Attachment.comment_id == comment.id, Attachment.gone_at.is_(None))
        ).all(),
        taken_at=now,
    )
    session.add(evidence)
    session.flush()
    return evidence


_ACTS = {
    DecisionKind.HIDE: OperationKind.HIDE,
    DecisionKind.UNHIDE: OperationKind.UNHIDE,
    DecisionKind.LIKE: OperationKind.LIKE,
}
_OPPOSITES = {DecisionKind.HIDE: OperationKind.UNHIDE, DecisionKind.LIKE: OperationKind.UNLIKE}
"""How what left is undone; what is not here cannot be."""


def _draft_what_waits(session: Session, comment: Comment, terms: Terms, *, now: datetime) -> None:
    """A reply that waits for the number of the outside 311 holds nothing else up: it is a draft again."""
    if not terms.hands_over:
        return
    waiting = (
        select(Effect, Decision.request_id)
        .join(Decision, Decision.effect_id == Effect.id)
        .where(
            Effect.channel_id == comment.account_id,
            Effect.target == comment.external_id,
            Effect.operation.in_((OperationKind.REPLY, OperationKind.MESSAGE)),
            Effect.state == EffectState.READY,
            Effect.late_at.is_not(None),
            Decision.kind == DecisionKind.REQUEST,
        )
        .order_by(Effect.id)
    )
    for effect, request_id in session.execute(waiting).all():
        if work.cancel(session, effect.id):
            drafts.propose(session, comment, effect.payload.get("text"), request_id=request_id, now=now)


def _enqueue(
    session: Session,
    comment: Comment,
    decision: Decision,
    operation: OperationKind,
    due_at: datetime,
    text: str | None = None,
) -> Effect:
    if comment.kind == CommentKind.MESSAGE:
        operation = OperationKind.MESSAGE
    return work.enqueue(
        session,
        key=f"{operation}:decision:{decision.id}",
        operation=operation,
        channel_id=comment.account_id,
        target=comment.external_id,
        payload={} if text is None else {"text": text},
        due_at=due_at,
    )


def _never_leaves(session: Session, effect_id: int) -> bool:
    """Whether the network has not heard of an effect and never will."""
    if work.cancel(session, effect_id):
        return True
    return session.scalar(select(Effect.state).where(Effect.id == effect_id)) == EffectState.FAILED
