"""Several comments decided at once: each of them read in one preview, one decision each, one undo for all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.comments import Author, Comment
from models.decisions import Batch, Decision
from models.errors import NotFound, Refused
from models.scope import Action, Viewer, visible
from models.vocabulary import RESTRICTIVE, DecisionKind, ItemState
from moderation import templates
from moderation.items import DANGER
from moderation.triage import deciding
from moderation.triage.deciding import CapabilitiesOf, Choice, Terms
from moderation.triage.queue import Listed

MOST = 50
"""Comments that are decided at once: as many as one person reads in one preview."""

KINDS = (DecisionKind.NOTHING, DecisionKind.LIKE, DecisionKind.REPLY, DecisionKind.HIDE)
"""What may be decided of several at once. A 311 request is about one place."""


@dataclass(frozen=True)
class Outcome:
    """What became of a batch: its decisions, and why each comment that was left was left, by its id."""

    batch: Batch
    decisions: Sequence[Decision]
    left: Mapping[int, Refused]


def why_not(line: Listed, kind: DecisionKind, capabilities_of: CapabilitiesOf) -> Refused | None:
    """Why a comment that is listed would be left out, as far as its line says; None: nothing is against it."""
    if line.item.state != ItemState.WAITING:
        return Refused("not_waiting")
    if line.item.urgency == DANGER:
        return Refused("danger_alone")
    if line.claimed_by is not None:
        return Refused("claimed", by=line.claimed_by)
    if kind not in deciding.offered(line.comment, capabilities_of):
        return Refused("not_possible_there")
    return None


def decide_all(
    session: Session,
    viewer: Viewer,
    versions: Mapping[int, int],
    choice: Choice,
    terms: Terms,
    *,
    opened: Collection[int] = (),
    now: datetime,
) -> Outcome:
    """Decide alike about several comments (`versions`: the text of each that the person had before them, by its id), in
    one transaction. What cannot be decided, or was meanwhile, is left and said; nothing is decided twice. A restriction
    touches those alone that were `opened` and confirmed one by one.

    Refused: `nothing_selected`, `too_many_selected`, `not_a_choice`, and, of a form that was sent before,
    `form_key_reused`.
    """
    if choice.kind not in KINDS or not choice.form_key:
        raise Refused("not_a_choice", field="kind")
    names = _first_names(session, versions)

    def worded(comment_id: int) -> str:
        return templates.render(choice.text, {"prenom": names.get(comment_id, "")}) if choice.text else ""

    choices = {
        comment_id: replace(choice, version=version, text=worded(comment_id), form_key=None)
        for comment_id, version in versions.items()
    }
    return decide_each(session, viewer, choices, choice.kind, terms, form_key=choice.form_key, opened=opened, now=now)


def decide_each(
    session: Session,
    viewer: Viewer,
    choices: Mapping[int, Choice],
    kind: DecisionKind,
    terms: Terms,
    *,
    form_key: str,
    opened: Collection[int] = (),
    spacing: timedelta = timedelta(0),
    then: Callable[[Choice, Decision], Choice] = lambda choice, _: choice,
    now: datetime,
) -> Outcome:
    """So for choices of one kind that differ, by the ids of their comments; each leaves `spacing` after the one before.
    `then` changes those after the first that was decided, as that one says.

    Refused as `decide_all`.
    """
    person_id = deciding.acting(viewer)
    if not choices:
        raise Refused("nothing_selected")
    if len(choices) > MOST:
        raise Refused("too_many_selected", most=str(MOST))
    before = session.scalar(select(Batch).where(Batch.form_key == form_key))
    if before is not None:
        if before.person_id != person_id:
            raise Refused("form_key_reused")
        return _again(session, before, choices)
    batch = Batch(kind=kind, person_id=person_id, at=now, form_key=form_key)
    session.add(batch)
    session.flush()
    decisions: list[Decision] = []
    left: dict[int, Refused] = {}
    # In one order, so that two batches never wait for each other.
    for comment_id, choice in sorted(choices.items()):
        choice = then(choice, decisions[0]) if decisions else choice  # noqa: PLW2901  The same one, as it is now.
        later = replace(terms, undo=terms.undo + len(decisions) * spacing)
        try:
            with session.begin_nested():
                _refuse_alone(session, viewer, comment_id, kind, opened)
                decisions.append(deciding.decide(session, viewer, comment_id, choice, later, now=now, batch=batch))
        except (Refused, NotFound) as error:
            left[comment_id] = error if isinstance(error, Refused) else Refused("not_waiting")
    return Outcome(batch, decisions, left)


def undo_all(session: Session, viewer: Viewer, batch_id: int, *, now: datetime) -> Outcome:
    """Take a batch back: each decision of it that still can be. Gives those that cancel, and why others stand.

    Refused: why the first one stands, where none could be taken back.
    """
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound
    made = visible(
        select(Decision.id, Comment.id)
        .join(Comment, Comment.id == Decision.comment_id)
        .where(Decision.batch_id == batch_id)
        .order_by(Decision.comment_id),
        viewer,
        Action.DECIDE,
        Comment,
    )
    cancelling: list[Decision] = []
    left: dict[int, Refused] = {}
    for decision_id, comment_id in session.execute(made).all():
        try:
            with session.begin_nested():
                cancelling.append(deciding.undo(session, viewer, decision_id, now=now))
        except Refused as error:
            left[comment_id] = error
    if not cancelling:
        raise next(iter(left.values()), NotFound())
    return Outcome(batch, cancelling, left)


# -------------------------------------------------------------------------------------------------------------------


def _refuse_alone(
    session: Session, viewer: Viewer, comment_id: int, kind: DecisionKind, opened: Collection[int]
) -> None:
    """What is decided alone, and what of a restriction nobody opened."""
    _, item = deciding.load(session, viewer, comment_id)
    if item is not None and item.urgency == DANGER:
        raise Refused("danger_alone")
    if kind in RESTRICTIVE and comment_id not in opened:
        raise Refused("not_opened")


def _first_names(session: Session, versions: Mapping[int, int]) -> dict[int, str]:
    statement = select(Comment.id, Author.name).join(Author, Author.id == Comment.author_id)
    named = session.execute(statement.where(Comment.id.in_(versions)))
    return {comment_id: templates.first_name(name) for comment_id, name in named}


def _again(session: Session, batch: Batch, wanted: Collection[int]) -> Outcome:
    """The outcome of a batch, for whoever sends its form a second time."""
    decisions = session.scalars(select(Decision).where(Decision.batch_id == batch.id).order_by(Decision.id)).all()
    decided = {one.comment_id for one in decisions}
    return Outcome(batch, decisions, {one: Refused("left_before") for one in wanted if one not in decided})
