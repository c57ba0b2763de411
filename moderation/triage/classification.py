"""Comments are read by the classifier: a verdict for each new text, and the comment enters the queue.

What a person corrected holds, whatever a model says of the same text later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from classifiers.base import Classifier, Context, Scored, Urgency, Verdict
from classifiers.gazetteer import Entry, Gazetteer
from classifiers.platt import Platt
from models.comments import Attachment, Comment, VerdictRow
from models.contacts import PublicContact
from models.gazetteer import NamedPlace
from models.items import Item, in_state
from models.learning import Correction, LocalCalibration
from models.session import Database
from models.vocabulary import Breach, CommentKind, Group311, Intention, ItemState, Language, PlaceKind, Reason
from moderation import items, places
from moderation.triage.suggestion import Facts, mere_criticism, shown_breaches, suggest

BATCH = 64
"""Texts that are read together."""
EXPLAINED = 16
"""Texts that are explained together: which words moved a verdict takes as long as several readings."""
BATCHES = 8
"""Batches that are told of at one time, each to be read by whichever worker is free."""
Waiting = Select[int, int, int, str | None]
"""Items that wait to be read: (item, comment, version of its text, text)."""
LEASE = timedelta(minutes=2)
"""How long a worker has a batch to itself; much longer than it takes. One that died leaves it to the others then."""


def batches_to_classify(session: Session, *, now: datetime) -> list[int]:
    """Of each batch that waits for a verdict: the id of its first item."""
    return _first_of_batches(session, waiting_items(ItemState.RECEIVED, now=now))


def batches_to_reclassify(session: Session, model: str, *, now: datetime) -> list[int]:
    """So of those in the queue whose verdict is by another version of the model than this one."""
    return _first_of_batches(session, waiting_items(ItemState.WAITING, now=now, model=model))


def classify_due(database: Database, classifier: Classifier, context: Context, *, now: datetime, first: int = 0) -> int:
    """Take the next batch that waits for a verdict, from the item `first` on, and read it; gives how many entered the
    queue.

    No other worker reads it meanwhile. The texts are read outside any transaction: a classifier takes longer than
    SQLite's one writer may be held. What was edited meanwhile keeps waiting for the verdict of its newer text.
    """
    waiting = waiting_items(ItemState.RECEIVED, now=now, first=first)
    return _classify(database, classifier, context, waiting, ItemState.RECEIVED, now=now)


def reclassify_due(
    database: Database, classifier: Classifier, context: Context, *, now: datetime, first: int = 0
) -> int:
    """So for those in the queue that another version of the model has read; gives how many were read again."""
    waiting = waiting_items(ItemState.WAITING, now=now, first=first, model=classifier.version)
    return _classify(database, classifier, context, waiting, ItemState.WAITING, now=now)


def batches_to_explain(session: Session, *, now: datetime) -> list[int]:
    """So of verdicts that do not say yet which words moved them. None while anything waits to be read: that comes
    first.
    """
    if session.scalar(waiting_items(ItemState.RECEIVED, now=now).limit(1)) is not None:
        return []
    return _first_of_batches(session, _unexplained(now=now), EXPLAINED)


def explain_due(database: Database, classifier: Classifier, context: Context, *, now: datetime, first: int = 0) -> int:
    """Say of the next verdicts which words moved them; gives how many were looked at. One that is by another version of
    the model has nothing to add: its queue is read again.
    """
    with database.write() as session:
        batch = take(session, _unexplained(now=now, first=first), until=now + LEASE, limit=EXPLAINED)
        contacts = frozenset(session.scalars(select(PublicContact.value)))
    verdicts = classifier.classify([text or "" for *_, text in batch], replace(context, contacts=contacts))
    said = {
        comment_id: (version, verdict) for (_, comment_id, version, _), verdict in zip(batch, verdicts, strict=True)
    }
    with database.write() as session:
        session.execute(
            update(Item).where(Item.id.in_([row[0] for row in batch])).values(classifying_until=None),
            execution_options={"synchronize_session": False},
        )
        for row in session.scalars(select(VerdictRow).where(VerdictRow.comment_id.in_(said)).with_for_update()):
            version, verdict = said[row.comment_id]
            if row.version == version:
                row.explained = True
                row.reasons = kept(verdict.reasons) if row.model == verdict.model else row.reasons
    return len(batch)


def _unexplained(*, now: datetime, first: int = 0) -> Waiting:
    free = or_(Item.classifying_until.is_(None), Item.classifying_until <= now)
    statement = select(Item.id, Comment.id, Comment.version, Comment.text).join(Comment, Comment.id == Item.comment_id)
    statement = statement.join(VerdictRow, VerdictRow.comment_id == Comment.id).where(VerdictRow.explained.is_(False))
    return statement.where(VerdictRow.version == Comment.version, Item.id >= first, free).order_by(Item.id)


def unread(session: Session) -> int:
    """How many comments wait to be read."""
    return session.scalar(select(func.count()).select_from(Item).where(in_state(Item, ItemState.RECEIVED))) or 0


def any_waits(session: Session) -> bool:
    """Whether the queue has anything that another model could have read, asked before this one is loaded."""
    return session.scalar(select(Item.id).where(in_state(Item, ItemState.WAITING)).limit(1)) is not None


def waiting_items(state: ItemState, *, now: datetime, first: int = 0, model: str | None = None) -> Waiting:
    """The next items in a state that nobody reads, with their texts; with `model`, those that another one has read."""
    free = or_(Item.classifying_until.is_(None), Item.classifying_until <= now)
    statement = select(Item.id, Comment.id, Comment.version, Comment.text).join(Comment, Comment.id == Item.comment_id)
    if model is not None:
        statement = statement.where(Comment.verdict.has(VerdictRow.model != model))
    return statement.where(in_state(Item, state), Item.id >= first, free).order_by(Item.id)


def _first_of_batches(session: Session, waiting: Waiting, size: int = BATCH) -> list[int]:
    return list(session.scalars(waiting.limit(size * BATCHES)))[::size]


def _classify(
    database: Database,
    classifier: Classifier,
    context: Context,
    waiting: Waiting,
    state: ItemState,
    *,
    now: datetime,
) -> int:
    with database.write() as session:
        batch = take(session, waiting, until=now + LEASE)
        if not batch:
            return 0
        context = replace(
            context,
            calibration=_calibration(session, classifier.version),
            contacts=frozenset(session.scalars(select(PublicContact.value))),
            gazetteer=_gazetteer(session),
        )
    verdicts = classifier.classify([text or "" for *_, text in batch], context)
    with database.write() as session:
        return _enter(session, [(row[1], row[2]) for row in batch], verdicts, context, state, now=now)


def take(
    session: Session, waiting: Waiting, *, until: datetime, limit: int = BATCH
) -> Sequence[Row[int, int, int, str | None]]:
    """One batch of them, which is nobody else's until then; what others are just taking is left out."""
    batch = session.execute(waiting.limit(limit).with_for_update(of=Item, skip_locked=True)).all()
    session.execute(
        update(Item).where(Item.id.in_([row[0] for row in batch])).values(classifying_until=until),
        execution_options={"synchronize_session": False},
    )
    return batch


def _gazetteer(session: Session) -> Gazetteer:
    rows = session.execute(select(NamedPlace.kind, NamedPlace.name, NamedPlace.borough).order_by(NamedPlace.id))
    return _indexed(tuple((row.kind, row.name, row.borough) for row in rows))


@lru_cache(maxsize=1)
def _indexed(rows: tuple[tuple[str, str, str | None], ...]) -> Gazetteer:
    """Its indexes cost most of a second, and it changes once a year."""
    return Gazetteer(tuple(Entry(PlaceKind(kind), name, borough) for kind, name, borough in rows))


def _calibration(session: Session, model: str) -> dict[tuple[str, str], Platt]:
    statement = select(LocalCalibration).where(LocalCalibration.model == model, LocalCalibration.slope.is_not(None))
    return {
        (row.head, row.label): Platt(row.slope, row.offset)
        for row in session.scalars(statement)
        if row.slope is not None and row.offset is not None
    }


def _enter(
    session: Session,
    read: Sequence[tuple[int, int]],
    verdicts: Sequence[Verdict],
    context: Context,
    state: ItemState,
    *,
    now: datetime,
) -> int:
    ids = [comment_id for comment_id, _ in read]
    comments = {
        comment.id: comment
        for comment in session.scalars(
            select(Comment).where(Comment.id.in_(ids)).order_by(Comment.id).with_for_update()
        )
    }
    waiting = {item.comment_id: item for item in session.scalars(select(Item).where(Item.comment_id.in_(ids)))}
    rows = {row.comment_id: row for row in session.scalars(select(VerdictRow).where(VerdictRow.comment_id.in_(ids)))}
    corrected, showing, sectors = corrections(session, ids), _showing(session, ids), places.sectors(session)
    entered = 0
    for (comment_id, version), verdict in zip(read, verdicts, strict=True):
        item = waiting[comment_id]
        item.classifying_until = None
        if item.state != state or comments[comment_id].version != version:
            continue
        row = rows.get(comment_id)
        if row is None:
            row = VerdictRow(comment_id=comment_id)
            session.add(row)
        row.unread = comment_id in showing or not comments[comment_id].text
        _write(row, version, verdict, context, now=now)
        apply_corrections(row, [one for one in corrected if one.comment_id == comment_id])
        row.place_key, row.cross_key = places.keys(row.place)
        if row.place_key is None and row.group_311 in places.WIDE:
            row.place_key = places.around(comments[comment_id].text or "", sectors)
        # What is private is no part of what others write of.
        public = comments[comment_id].kind != CommentKind.MESSAGE
        row.ungathered = public and row.place_key is not None and row.group_311 is not None
        items.classified(item, row.urgency)
        entered += 1
    items.describe(session, ids)
    return entered


def _showing(session: Session, ids: Collection[int]) -> set[int]:
    """Those of the comments that show something beside their words."""
    statement = select(Attachment.comment_id).where(Attachment.comment_id.in_(ids), Attachment.gone_at.is_(None))
    return set(session.scalars(statement))


def _write(row: VerdictRow, version: int, verdict: Verdict, context: Context, *, now: datetime) -> None:
    row.version, row.model, row.at = version, verdict.model, now
    row.language = verdict.language.label
    row.intention = verdict.intention.label if verdict.intention else None
    row.group_311 = verdict.group.label if verdict.group else None
    row.urgency = verdict.urgency.level
    row.feeling = verdict.feeling.label if verdict.feeling else None
    row.scores = {
        "language": verdict.language.score,
        "intention": verdict.intention.score if verdict.intention else None,
        "group": verdict.group.score if verdict.group else None,
        "urgency": verdict.urgency.score,
        "breaches": {str(breach): verdict.breaches[breach] for breach in Breach},
    }
    row.certainty = _certainty(verdict, context)
    row.abstained = verdict.intention is None
    row.unsolved = verdict.unsolved
    row.reasons, row.explained = kept(verdict.reasons), context.reasons
    row.place = asdict(verdict.place) | {"names": list(verdict.place.names)} if verdict.place else None


def _certainty(verdict: Verdict, context: Context) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for head, scored in (("intention", verdict.intention), ("groupe", verdict.group)):
        if scored is not None:
            found[head] = asdict(context.certainty(head, scored.label, scored.score, scored.band))
    for breach in shown_breaches(verdict.breaches):
        sure = context.certainty(breach, "1", verdict.breaches[breach])
        found[breach] = asdict(sure) | {"hideable": breach in verdict.hideable}
    return found


def kept(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    """Reasons as the database keeps them; `reasons_of` gives them back."""
    return [asdict(reason) | {"params": dict(reason.params)} for reason in reasons]


def reasons_of(row: VerdictRow) -> list[Reason]:
    """The reasons of a kept verdict."""
    return [Reason(**entry) for entry in row.reasons]


# ------------------------------------------------------------------------------------------ what people corrected
def corrections(session: Session, comment_ids: Sequence[int]) -> Sequence[Correction]:
    """What people said of the texts that these comments have now, oldest first, each with who said it."""
    statement = (
        select(Correction)
        .join(Comment, Comment.id == Correction.comment_id)
        .options(joinedload(Correction.person))
        .where(Correction.comment_id.in_(comment_ids), Correction.comment_version == Comment.version)
        .order_by(Correction.id)
    )
    return session.scalars(statement).all()


def effective(given: Sequence[Correction]) -> dict[str, Correction]:
    """Of corrections of one text, oldest first: the one that holds for each head."""
    return {one.head: one for one in given}


def model_said(row: VerdictRow, head: str) -> tuple[str | None, float | None]:
    """What the model itself said of a head, whatever was corrected since: its label and the probability.

    A breach is "1" from where it is shown as one, else "0", and its probability is that of the breach in both cases.
    """
    if "said" in (before := row.certainty.get(head, {})):
        return before["said"], before["score"]
    match head:
        case "intention":
            return row.intention, row.scores["intention"]
        case "groupe":
            return row.group_311, row.scores["group"]
        case "urgence":
            return str(row.urgency), row.scores["urgency"]
    breaches = row.scores["breaches"]
    return str(int(head in shown_breaches(breaches))), breaches.get(head, 0.0)


def apply_corrections(row: VerdictRow, given: Sequence[Correction]) -> None:
    """Put what people said, if anything, in the place of what the model said, and suggest what follows from all."""
    certainty, scores = dict(row.certainty), dict(row.scores)
    for head, one in effective(given).items():
        said, score = model_said(row, head)
        # Of a breach: whether it may be hidden, which a later word on another head must not forget.
        certainty[head] = {**certainty.get(head, {}), "said": said, "score": score}
        match head:
            case "intention":
                row.intention, scores["intention"] = one.label, 1.0
            case "groupe":
                row.group_311, scores["group"] = one.label, 1.0
            case "urgence":
                row.urgency, scores["urgency"] = int(one.label), 1.0
            case _:
                scores["breaches"] = {**scores["breaches"], head: float(one.label)}
    row.certainty, row.scores = certainty, scores
    suggestion = suggest(Facts(_verdict(row), unread=row.unread))
    row.suggestion = suggestion.kind if suggestion else None
    row.suggested_breach = suggestion.breach if suggestion else None


def criticism(row: VerdictRow, given: Sequence[Correction], person_id: int | None) -> bool:
    """Whether a text is mere criticism, for somebody who wants to hide it.

    What they corrected themselves is left out: otherwise one person alone could lift, by giving the text another
    label, the rule that criticism is never hidden by one person alone.
    """
    if mere_criticism(row.intention, row.scores["breaches"]):
        return True
    own = {one.head for one in given if one.person_id == person_id}
    others = effective([one for one in given if one.person_id != person_id])

    def label(head: str) -> str | None:
        return others[head].label if head in others else model_said(row, head)[0]

    intention = label("intention") if "intention" in own else row.intention
    breaches = {
        breach: float(label(breach) or 0) if breach in own else score
        for breach, score in row.scores["breaches"].items()
    }
    return mere_criticism(intention, breaches)


def _verdict(row: VerdictRow) -> Verdict:
    """A kept verdict as the value that proposals follow from; a person's word needs no other proof."""
    scores = row.scores
    sure = {breach for breach in Breach if row.certainty.get(breach, {}).get("hideable")}
    said = {breach for breach in Breach if "said" in row.certainty.get(breach, {})}
    return Verdict(
        language=Scored(Language(row.language), scores["language"]),
        intention=Scored(Intention(row.intention), scores["intention"]) if row.intention else None,
        group=Scored(Group311(row.group_311), scores["group"]) if row.group_311 else None,
        breaches={breach: scores["breaches"].get(breach, 0.0) for breach in Breach},
        urgency=Urgency(row.urgency, scores["urgency"]),
        reasons=tuple(reasons_of(row)),
        model=row.model,
        hideable=frozenset(sure | said),
    )
