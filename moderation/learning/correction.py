"""A person corrects what the classifier said: the queue follows at once, and the next model learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from models import audit
from models.errors import Refused
from models.learning import Correction
from models.scope import Viewer
from models.vocabulary import Breach, Group311, Intention, ItemState
from moderation import items
from moderation.triage import away
from moderation.triage.classification import apply_corrections, corrections, effective, model_said
from moderation.triage.deciding import acting, load, refuse_if_claimed

LABELS: Mapping[str, frozenset[str]] = {
    "intention": frozenset(Intention),
    "groupe": frozenset(Group311),
    "urgence": frozenset({"0", "1", "2"}),
    **dict.fromkeys(Breach, frozenset({"0", "1"})),
}
"""What can be corrected: the heads with labels that exclude one another, and each breach, which is a yes or a no."""


def correct(
    session: Session, viewer: Viewer, comment_id: int, labels: Mapping[str, str], *, version: int, now: datetime
) -> list[Correction]:
    """Say what is right of the heads in `labels`, for the text `version`; gives all that now stands of that text.

    A label that the model had found too is kept as a confirmation; one that somebody gave already is not written
    again. To take a correction back is to correct again. Urgency 2 puts the comment among the dangers at once.

    Refused: `label_unknown`, `claimed`, `text_changed`, `not_read` (no model has read this text yet),
    `people_decide`. NotFound: no such comment in the viewer's scope.
    """
    for head, label in labels.items():
        if label not in LABELS.get(head, ()):
            raise Refused("label_unknown", field=head)
    comment, item = load(session, viewer, comment_id)
    person_id = acting(viewer)
    refuse_if_claimed(session, viewer, item, now=now)
    if version != comment.version:
        raise Refused("text_changed")
    row = comment.verdict
    if row is None or row.version != version or item is None or item.state == ItemState.RECEIVED:
        raise Refused("not_read")
    before = corrections(session, [comment_id])
    known = effective(before)
    made = []
    for head, label in labels.items():
        if head in known and known[head].label == label:
            continue
        said, score = model_said(row, head)
        made.append(
            Correction(
                comment_id=comment_id,
                comment_version=version,
                model=row.model,
                head=head,
                said=said,
                score=score,
                label=label,
                person_id=person_id,
                at=now,
            )
        )
    if not made:
        return list(known.values())
    session.add_all(made)
    apply_corrections(row, [*before, *made])
    items.corrected(item, row.urgency)
    if row.urgency == items.DANGER:
        away.withdraw(session, comment_id)
    items.describe(session, [comment_id])
    audit.note(
        session,
        "comment.correct",
        f"comment:{comment_id}",
        now=now,
        person_id=person_id,
        version=version,
        model=row.model,
        labels={one.head: one.label for one in made},
        corrections=[one.id for one in made],
    )
    return list(effective(corrections(session, [comment_id])).values())
