"""Whether the model still fits what citizens write: what it did not know and what was corrected, week by week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from classifiers.platt import DECISIONS
from classifiers.training.gate import Gate, gate
from models.comments import Comment, VerdictRow
from models.items import Item
from models.learning import Correction, LocalCalibration
from models.scope import Action, Viewer, visible
from models.vocabulary import Breach, Group311, Intention, ItemState

WEEKS = 12

HEADS = ("intention", "groupe", "netiquette", "urgence")
"""Outputs of the classifier; corrections of any of the six breaches are counted together."""

LABELS: Sequence[tuple[str, str]] = (
    *(("intention", label) for label in Intention),
    *((breach, "1") for breach in Breach),
    *(("urgence", level) for level in ("1", "2")),
    *(("groupe", label) for label in Group311),
)
"""Every label that is calibrated, by its head."""


@dataclass
class Week:
    """Comments that the model read in the week that begins at `start`."""

    start: datetime
    read: int = 0
    abstained: int = 0
    """Of them, those whose intention it did not know."""
    handled: int = 0
    """Of them, those that people have decided since…"""
    corrected: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HEADS, 0))
    """…and of those, how many were corrected, by head, and still are."""


@dataclass(frozen=True)
class LabelState:
    """What one label of the model in use is worth here, over the whole city."""

    head: str
    label: str
    decided: int
    calibrated: bool
    gate: Gate
    followed: int
    """Of the gate's decisions, those that only followed a suggestion."""

    @property
    def missing(self) -> int:
        """Decisions missing before the scores are calibrated."""
        return max(0, DECISIONS - self.decided)


@dataclass(frozen=True)
class Drift:
    """What the page shows."""

    weeks: Sequence[Week]
    models: Sequence[tuple[str, int]]
    """Versions of the model, the newest first, and how many of the comments each has read."""
    labels: Sequence[LabelState]
    calibrated_at: datetime | None


def bounds_of(now: datetime, zone: ZoneInfo, weeks: int = WEEKS) -> list[datetime]:
    """The Monday midnights of the city's clock around its last weeks, the running one included; in UTC."""
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    days = (monday + timedelta(weeks=number) for number in range(1 - weeks, 2))
    return [datetime.combine(day, time(), zone).astimezone(UTC) for day in days]


def drift(session: Session, viewer: Viewer, bounds: Sequence[datetime]) -> Drift:
    """The weeks between the bounds (ascending; the last one is the end of the last week), within the viewer's scope.

    What a label is worth is counted over the whole city: it is about the model, and names nobody. Three statements,
    whatever is kept.
    """
    weeks = [Week(start) for start, _ in pairwise(bounds)]
    seen: dict[str, tuple[datetime, int]] = {}
    for week, model, last, read, abstained, handled in session.execute(_read(viewer, bounds)):
        one = weeks[week]
        one.read, one.abstained, one.handled = one.read + read, one.abstained + abstained, one.handled + handled
        before = seen.get(model)
        seen[model] = (max(last, before[0]), before[1] + read) if before else (last, read)
    for week, head, count in session.execute(_corrected(viewer, bounds)):
        weeks[week].corrected[head] = count
    models = sorted(seen, key=lambda model: seen[model][0], reverse=True)
    rows = session.scalars(
        select(LocalCalibration).where(LocalCalibration.model == (models[0] if models else ""))
    ).all()
    known = {(row.head, row.label): row for row in rows}
    return Drift(
        weeks,
        [(model, seen[model][1]) for model in models],
        [_state(head, str(label), known.get((head, label))) for head, label in LABELS],
        max((row.at for row in rows), default=None),
    )


def _state(head: str, label: str, row: LocalCalibration | None) -> LabelState:
    if row is None:
        return LabelState(head, label, 0, calibrated=False, gate=gate(0, 0), followed=0)
    return LabelState(
        head,
        label,
        row.decided,
        calibrated=row.slope is not None,
        gate=gate(row.shown, row.right),
        followed=row.followed,
    )


def _week(bounds: Sequence[datetime]) -> ColumnElement[int]:
    """The number of the week in which a text was read. Weeks are of the city's clock, not all of 168 hours."""
    return case(*((VerdictRow.at < end, number) for number, end in enumerate(bounds[1:])), else_=len(bounds) - 2)


def _within(bounds: Sequence[datetime]) -> tuple[ColumnElement[bool], ...]:
    return VerdictRow.at >= bounds[0], VerdictRow.at < bounds[-1], Comment.by_city.is_(False)


def _read(viewer: Viewer, bounds: Sequence[datetime]) -> Select:  # type: ignore[type-arg]  # Many columns.
    inner = visible(
        select(
            _week(bounds).label("week"),
            VerdictRow.model,
            VerdictRow.at,
            case((VerdictRow.abstained, 1), else_=0).label("abstained"),
            case((Item.state == ItemState.HANDLED, 1), else_=0).label("handled"),
        )
        .join(Comment, Comment.id == VerdictRow.comment_id)
        .join(Item, Item.comment_id == Comment.id)
        .where(*_within(bounds)),
        viewer,
        Action.SEE_ANALYSIS,
        Comment,
    ).subquery()
    sums = func.max(inner.c.at), func.count(), func.sum(inner.c.abstained), func.sum(inner.c.handled)
    return select(inner.c.week, inner.c.model, *sums).group_by(inner.c.week, inner.c.model)


def _corrected(viewer: Viewer, bounds: Sequence[datetime]) -> Select:  # type: ignore[type-arg]
    newer = aliased(Correction)
    same = newer.comment_id == Correction.comment_id, newer.comment_version == Correction.comment_version
    inner = visible(
        select(
            _week(bounds).label("week"),
            case((Correction.head.in_(list(Breach)), "netiquette"), else_=Correction.head).label("head"),
            Correction.comment_id,
        )
        .join(Comment, Comment.id == Correction.comment_id)
        .join(VerdictRow, VerdictRow.comment_id == Comment.id)
        .join(Item, Item.comment_id == Comment.id)
        .where(
            *_within(bounds),
            Item.state == ItemState.HANDLED,
            Correction.comment_version == VerdictRow.version,
            Correction.said.is_(None) | (Correction.said != Correction.label),
            ~exists().where(*same, newer.head == Correction.head, newer.id > Correction.id),
        ),
        viewer,
        Action.SEE_ANALYSIS,
        Comment,
    ).subquery()
    return select(inner.c.week, inner.c.head, func.count(inner.c.comment_id.distinct())).group_by(
        inner.c.week, inner.c.head
    )
