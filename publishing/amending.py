"""What is out already can be worded anew, once somebody else has approved the words, or be taken off its network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from connectors.registry import capabilities
from models import audit, work
from models.amendments import Amendment, AmendmentYes
from models.effects import OPEN_STATES, Effect
from models.errors import NotFound, Refused
from models.people import Person
from models.posts import Approval, Post, Variant
from models.scope import Action, Viewer
from models.vocabulary import EffectState, OperationKind, Outcome
from publishing import approval, checks, holding, planning, steps, telling
from publishing.drafting import author, whole
from publishing.preview import Sketch, sketch

LONGEST = 500
"""Characters of a motive, and of an answer."""
LATE = timedelta(hours=24)
"""Words that could not be changed within that time are for a person again."""
ACTS = {True: OperationKind.EDIT_POST, False: OperationKind.DELETE_POST}
"""By whether there are other words."""


def closed(variant: Variant, act: OperationKind) -> Refused | None:
    """Why what stands on an account cannot be worded anew or taken away there: `not_out`, or `act_impossible` where
    the network does not let it be done; None: it can.
    """
    if variant.remote_id is None or variant.taken_down_at is not None:
        return Refused("not_out")
    able = capabilities(variant.account.network)
    if act not in able.operations:
        return Refused("act_impossible", name=variant.account.name)
    return None


def propose(
    session: Session, viewer: Viewer, post_id: int, variant_id: int, text: str, *, version: int, now: datetime
) -> Amendment:
    """Ask for other words on one account; whoever asks writes in the post.

    Refused: what `closed` says, `amendment_waits` while another change is under way there, `words_same`, and what
    `checks.blocking` finds in the new words.
    """
    post = planning.load(session, viewer, post_id, Action.WRITE_POSTS, version)
    variant = _free(session, post, variant_id, OperationKind.EDIT_POST, now)
    text = text.replace("\0", "").replace("\r\n", "\n").strip()
    if text == variant.text:
        raise Refused("words_same", field="text")
    for refused in checks.refusals([_sketch(variant, text)], now=now):
        raise Refused(refused.code, **{**refused.params, "field": "text"})
    amendment = Amendment(variant_id=variant.id, before=variant.text, text=text, person_id=author(viewer), at=now)
    amendment.content_hash = _hash(variant, text)
    session.add(amendment)
    writer = session.get_one(Person, author(viewer))
    if writer not in post.contributors:
        post.contributors.append(writer)
    session.flush()
    planning.note(session, viewer, post, "amended", now=now, content=amendment.content_hash)
    telling.asked(session, post, by_id=viewer.person_id, now=now, amendment=amendment)
    return amendment


def judge(
    session: Session,
    viewer: Viewer,
    post_id: int,
    amendment_id: int,
    *,
    approved: bool,
    comment: str,
    version: int,
    now: datetime,
) -> Amendment:
    """Say yes to exactly these words in the place of exactly those, or no and why; never by who wrote in the post.
    Where several people approve what goes there, the last of them makes the words change.

    Refused: `amendment_over` (answered, or what stands there is not what it was), `own_post`, `reason_needed`,
    `longer_than_kept`, what `steps.Steps.refusal` says, during an emergency pause `held` unless who says yes may pause,
    and what `closed` says.
    """
    post = planning.load(session, viewer, post_id, Action.APPROVE_POSTS, version)
    amendment = session.scalar(_whole().where(Amendment.id == amendment_id, Variant.post_id == post.id))
    if amendment is None:
        raise NotFound
    variant = _variant(post, amendment.variant_id)
    if not amendment.waits or amendment.content_hash != _hash(variant, amendment.text):
        raise Refused("amendment_over")
    if viewer.person_id in {person.id for person in post.contributors}:
        raise Refused("own_post")
    comment = comment.strip()
    if not approved and not comment:
        raise Refused("reason_needed", field="answer")
    if len(comment) > LONGEST:
        raise Refused("longer_than_kept", field="answer", most=str(LONGEST))
    there = steps.of_amendment(session, post, amendment)
    if approved and (why_not := there.refusal(viewer)) is not None:
        raise why_not
    if approved and there.left > 1:
        amendment.yeses.append(AmendmentYes(person_id=author(viewer), at=now, answer=comment or None))
        session.flush()
        planning.note(session, viewer, post, "amendment_agreed", now=now, content=amendment.content_hash)
        telling.asked(session, post, by_id=viewer.person_id, now=now, amendment=amendment)
        return amendment
    amendment.approved, amendment.answer = approved, comment or None
    amendment.answered_by_id, amendment.answered_at = author(viewer), now
    if approved:
        hold = holding.holding(session, [variant.account_id])
        if hold is not None and not viewer.may(Action.HOLD_POSTS):
            raise Refused("held", reason=hold.reason)
        if (why_not := closed(variant, OperationKind.EDIT_POST)) is not None:
            raise why_not
        _owe(session, post, variant, amendment, now=now)
    said = "amendment_approved" if approved else "amendment_sent_back"
    planning.note(session, viewer, post, said, now=now, content=amendment.content_hash)
    telling.answered(session, post, approved=approved, by_id=viewer.person_id, now=now)
    return amendment


def take_down(
    session: Session, viewer: Viewer, post_id: int, variant_id: int, motive: str, *, version: int, now: datetime
) -> Amendment:
    """Take what is out off one network, for a reason that is kept; a change of its words that waits is dropped.

    Refused: what `closed` says, `take_down_motive`, `amendment_waits` while it is being taken down already.
    """
    post = planning.load(session, viewer, post_id, Action.TAKE_DOWN_POSTS, version)
    variant = _free(session, post, variant_id, OperationKind.DELETE_POST, now)
    motive = motive.replace("\0", "").strip()
    if not 1 <= len(motive) <= LONGEST:
        raise Refused("take_down_motive", field="motive", most=str(LONGEST))
    person = author(viewer)
    amendment = Amendment(
        variant_id=variant.id, before=variant.text, text=None, motive=motive, person_id=person, at=now
    )
    amendment.content_hash = _hash(variant, None)
    amendment.approved, amendment.answered_by_id, amendment.answered_at = True, person, now
    session.add(amendment)
    session.flush()
    _owe(session, post, variant, amendment, now=now)
    digest = audit.digest(session, motive)
    planning.note(session, viewer, post, "taken_down", now=now, content=amendment.content_hash, motive=digest)
    telling.taken_down(session, post, by_id=viewer.person_id, now=now)
    return amendment


def record(session: Session, effect: Effect, now: datetime) -> None:
    """What became of a change on the network: the post's words follow, or say when it was taken away."""
    amendment = session.scalars(select(Amendment).where(Amendment.effect_id == effect.id)).one()
    of_variant = select(Variant.post_id).where(Variant.id == amendment.variant_id).scalar_subquery()
    post = session.scalars(whole(select(Post)).where(Post.id == of_variant).with_for_update(of=Post)).one()
    variant = _variant(post, amendment.variant_id)
    gone = effect.operation == OperationKind.DELETE_POST and effect.outcome == Outcome.GONE
    if effect.state == EffectState.DONE or gone:
        if amendment.text is None:
            variant.taken_down_at = effect.done_at or now
        else:
            _reword(session, post, variant, amendment, now)
    else:
        telling.not_changed(session, post, f"not_changed:{effect.id}", now=now)
    post.version += 1
    done = "post.changed" if effect.state == EffectState.DONE else "post.not_changed"
    told = {"effect": effect.id, "operation": effect.operation, "outcome": effect.outcome, "detail": effect.detail}
    audit.note(session, done, f"post:{post.id}", now=now, person_id=None, **told)


def amendments(session: Session, post: Post) -> Sequence[Amendment]:
    """All that was asked about what of a post is out, from the first."""
    mine = [variant.id for variant in post.variants]
    return session.scalars(_whole().where(Amendment.variant_id.in_(mine)).order_by(Amendment.id)).all()


# ------------------------------------------------------------------------------------------ parts of a step


def _free(session: Session, post: Post, variant_id: int, act: OperationKind, now: datetime) -> Variant:
    """The part of a post that is to change, which no other change waits for (one that takes it away has not to wait
    for other words).
    """
    variant = _variant(post, variant_id)
    if (why_not := closed(variant, act)) is not None:
        raise why_not
    for other in amendments(session, post):
        if other.variant_id != variant.id or (not other.waits and not _under_way(other)):
            continue
        if act == OperationKind.EDIT_POST or other.text is None:
            raise Refused("amendment_waits")
        if other.waits:
            other.approved, other.answered_at = False, now
    return variant


def _under_way(amendment: Amendment) -> bool:
    return amendment.effect is not None and amendment.effect.state in OPEN_STATES


def _variant(post: Post, variant_id: int) -> Variant:
    found = next((one for one in post.variants if one.id == variant_id), None)
    if found is None:
        raise NotFound
    return found


def _sketch(variant: Variant, text: str) -> Sketch:
    pictures = [(one.media, one.alt_text) for one in variant.pictures]
    return sketch(variant.account, text, link=variant.link, pictures=pictures)


def _owe(session: Session, post: Post, variant: Variant, amendment: Amendment, *, now: datetime) -> None:
    act = ACTS[amendment.text is not None]
    words = {} if amendment.text is None else {"text": _sketch(variant, amendment.text).words}
    effect = work.enqueue(
        session,
        # A yes that a pause took back is another one the next time.
        key=f"amendment:{amendment.id}:{post.version}",
        operation=act,
        channel_id=variant.account_id,
        target=variant.remote_id,
        payload={"amendment": amendment.id, **words},
        due_at=now,
        late_at=now + LATE if words else None,
    )
    amendment.effect_id = effect.id


def _reword(session: Session, post: Post, variant: Variant, amendment: Amendment, now: datetime) -> None:
    """The approval of the whole post goes over to its new words: what of it has not left is as approved as before."""
    timed = planning.time_approved(session, post)
    stood = planning.approval_stands(session, post)
    variant.text = amendment.text or ""
    if stood and amendment.answered_by_id is not None:
        kept = {"content": approval.content(post), "comment": amendment.answer, "at": now, "approved": True}
        content = approval.content_hash(post, timed=timed)
        session.add(Approval(post_id=post.id, content_hash=content, person_id=amendment.answered_by_id, **kept))


def _hash(variant: Variant, text: str | None) -> str:
    """What a yes is bound to: where, the words that stand there, and those that take their place."""
    content = [variant.account_id, variant.remote_id, variant.text, text]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def _whole() -> Select[Amendment]:
    loaded = (joinedload(Amendment.person), joinedload(Amendment.answered_by), joinedload(Amendment.effect))
    return select(Amendment).join(Variant, Variant.id == Amendment.variant_id).options(*loaded)
