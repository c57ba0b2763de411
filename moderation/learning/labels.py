"""What people decided, as labelled texts: to train on, to calibrate on, and to know what a label is worth here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from classifiers.platt import DECISIONS, Platt
from classifiers.training.sources import DECIDED, Row
from models.comments import Comment, VerdictRow
from models.decisions import Decision
from models.learning import Correction, LocalCalibration
from models.locks import Locks
from models.netiquette import RuleVersion
from models.requests311 import Service, ServiceRequest
from models.session import Database
from models.vocabulary import Breach, CommentKind, DecisionKind
from moderation.triage.classification import corrections, effective, model_said

_LET_BE = frozenset({DecisionKind.NOTHING, DecisionKind.REPLY, DecisionKind.LIKE, DecisionKind.REQUEST})
_BATCH = 500

EVERY = timedelta(hours=23)
"""How old a calibration may grow; a little less than a day, so that the day's tick finds it due."""

_IN_USE = timedelta(days=90)
"""A model that read nothing for so long is not calibrated any more."""

CITY_WEIGHT = 4.0
"""In training, a city's own text counts as four public ones: it is what will be read."""


class Strength(StrEnum):
    """How much a label may be relied on."""

    CORRECTED = "corrected"
    """A person said so of this very label."""
    DECIDED = "decided"
    """It follows from what a person chose, against the suggestion or without one."""
    FOLLOWED = "followed"
    """It follows from what a person chose, and that was what had been suggested to them."""
    LEFT = "left"
    """It was shown to somebody who decided, one key away from being corrected, and it was left as it was."""


WEIGHTS = {Strength.CORRECTED: 1.0, Strength.DECIDED: 1.0, Strength.FOLLOWED: 0.5, Strength.LEFT: 0.5}
"""Whoever agrees with a suggestion may only trust it: that counts half, which errs towards showing less certainty."""


@dataclass(frozen=True)
class Labelled:
    """What is right of one head of one text, and what the model had said of it."""

    comment_id: int
    author_id: int | None
    text: str | None
    """None: lawfully disposed of; what it was labelled still counts."""
    head: str
    label: str
    said: str | None
    score: float | None
    strength: Strength
    decided: bool
    """Whether the comment was decided: of those, none was chosen, so they have the prevalence of the queue."""


def labelled(session: Session, model: str | None = None) -> Iterator[Labelled]:
    """The city's own decisions and corrections as labels, about the verdicts of one model or of all.

    - only what persons did about the text as it is now counts, and nothing that was undone;
    - a correction or a confirmation is the label of its head, whatever else was done;
    - hiding by an article that is about a breach: this breach is there, and nothing is said of the others;
    - « rien à signaler », a reply or a 311 request: the breaches that the page showed, and nobody confirmed, are not
      there. What was not shown was perhaps not looked at, and is not known;
    - a 311 request: the group of its service is right;
    - after these same three decisions, the intention shown, and an urgency shown, were left as they were: weak
      evidence that they are right, which calibrates and does not teach (a model must not learn from itself).
    """
    after = 0
    while comments := _next(session, after, model):
        after = comments[-1].id
        ids = [comment.id for comment in comments]
        decisions = _decisions(session, ids)
        given = corrections(session, ids)
        for comment in comments:
            said = effective([one for one in given if one.comment_id == comment.id])
            yield from _of(comment, decisions.get(comment.id), said)


def _next(session: Session, after: int, model: str | None) -> Sequence[Comment]:
    of_text = Comment.id == Correction.comment_id, Correction.comment_version == Comment.version
    statement = (
        select(Comment)
        .join(Comment.verdict)
        .options(joinedload(Comment.verdict))
        .where(
            Comment.id > after,
            Comment.kind != CommentKind.MESSAGE,  # Nobody is taught by what was written in private.
            Comment.by_city.is_(False),
            VerdictRow.version == Comment.version,
            exists().where(*of_text) | exists().where(Decision.comment_id == Comment.id),
        )
        .order_by(Comment.id)
        .limit(_BATCH)
    )
    return session.scalars(statement.where(VerdictRow.model == model) if model else statement).all()


@dataclass(frozen=True)
class _Choice:
    kind: DecisionKind
    followed: bool
    breach: Breach | None
    """What the article that was cited is about; None: it teaches nothing."""
    group: str | None


def _decisions(session: Session, ids: Sequence[int]) -> dict[int, _Choice]:
    """The last decision that stands about the text of each comment."""
    undoing = aliased(Decision)
    statement = (
        select(Comment.id, Decision.kind, Decision.suggested, RuleVersion.breach, Service.group)
        .join(Comment, Comment.id == Decision.comment_id)
        .outerjoin(RuleVersion, RuleVersion.id == Decision.rule_version_id)
        .outerjoin(ServiceRequest, ServiceRequest.id == Decision.request_id)
        .outerjoin(Service, Service.code == ServiceRequest.service_code)
        .where(
            Decision.comment_id.in_(ids),
            Decision.comment_version == Comment.version,
            Decision.person_id.is_not(None),
            Decision.kind != DecisionKind.CANCEL,
            ~exists().where(undoing.cancels_id == Decision.id),
        )
        .order_by(Decision.id)
    )
    return {
        comment_id: _Choice(DecisionKind(kind), kind == suggested, breach and Breach(breach), group)
        for comment_id, kind, suggested, breach, group in session.execute(statement)
    }


def _of(comment: Comment, choice: _Choice | None, said: dict[str, Correction]) -> Iterator[Labelled]:
    row = comment.verdict
    if row is None:
        return

    def label(head: str, right: str, strength: Strength) -> Labelled:
        shown, score = model_said(row, head)
        return Labelled(
            comment.id, comment.author_id, comment.text, head, right, shown, score, strength, choice is not None
        )

    for head, one in said.items():
        yield label(head, one.label, Strength.CORRECTED)
    if choice is None:
        return
    strength = Strength.FOLLOWED if choice.followed else Strength.DECIDED
    if choice.kind == DecisionKind.HIDE and choice.breach is not None and choice.breach not in said:
        yield label(choice.breach, "1", strength)
    if choice.kind not in _LET_BE:
        return
    for breach in Breach:
        if breach not in said and model_said(row, breach)[0] == "1":
            yield label(breach, "0", strength)
    if choice.kind == DecisionKind.REQUEST and choice.group and "groupe" not in said:
        agreed = choice.group == model_said(row, "groupe")[0]
        yield label("groupe", choice.group, Strength.FOLLOWED if agreed else Strength.DECIDED)
    for head in ("intention", "urgence"):
        shown = model_said(row, head)[0]
        if head not in said and shown not in (None, "0"):
            yield label(head, shown, Strength.LEFT)


# ------------------------------------------------------------------------------------------ to train on
def rows_to_learn(session: Session) -> list[Row]:
    """Labels with their texts, for training. Labels that were only left as the model gave them are not among them.

    A row a comment and strength; all rows of one author stay on one side of a split.
    """
    rows: dict[tuple[int, float], Row] = {}
    for one in labelled(session):
        if one.text is None or one.strength == Strength.LEFT:
            continue
        weight = CITY_WEIGHT * WEIGHTS[one.strength]
        group = f"city-author-{one.author_id}" if one.author_id else f"city-comment-{one.comment_id}"
        row = rows.get((one.comment_id, weight)) or Row(one.text, DECIDED, group, weight=weight)
        if one.head in set(Breach):
            row = replace(row, netiquette={**row.netiquette, Breach(one.head): one.label == "1"})
        else:
            row = Row(**{**vars(row), one.head: one.label})
        rows[one.comment_id, weight] = row
    return list(rows.values())


# ------------------------------------------------------------------------------------------ to calibrate on
class _Tally:
    """What was decided about one label of one model."""

    def __init__(self) -> None:
        self.scores: list[float] = []
        self.truth: list[bool] = []
        self.weights: list[float] = []
        self.shown = self.right = self.followed = 0

    def add(self, one: Labelled, *, right: bool, shown: bool) -> None:
        self.scores.append(one.score or 0.0)
        self.truth.append(right)
        self.weights.append(WEIGHTS[one.strength])
        # What was merely left is no proof to let a rule act on.
        if shown and one.decided and one.strength != Strength.LEFT:
            self.shown += 1
            self.right += right
            self.followed += one.strength == Strength.FOLLOWED

    def row(self, model: str, head: str, label: str, *, now: datetime) -> LocalCalibration:
        line = self._line() if len(self.scores) >= DECISIONS else None
        return LocalCalibration(
            model=model,
            head=head,
            label=label,
            decided=len(self.scores),
            slope=line.slope if line else None,
            offset=line.offset if line else None,
            shown=self.shown,
            right=self.right,
            followed=self.followed,
            at=now,
        )

    def _line(self) -> Platt:
        # The library of arrays comes with the first calibration, and not with every start.
        import numpy as np  # noqa: PLC0415

        from classifiers.training.scaling import fit  # noqa: PLC0415

        return fit(*(np.array(column, dtype=np.float64) for column in (self.scores, self.truth, self.weights)))


def calibrate_due(database: Database, locks: Locks, *, now: datetime) -> int:
    """Calibrate anew, on all that was decided so far, each model in use whose calibration is a day old; how many."""
    with locks.try_hold("calibrate") as ours:
        if not ours:
            return 0
        with database.read() as session:
            fresh = select(LocalCalibration.model).where(LocalCalibration.at > now - EVERY)
            models = session.scalars(
                select(VerdictRow.model)
                .where(VerdictRow.at > now - _IN_USE, VerdictRow.model.not_in(fresh))
                .group_by(VerdictRow.model)
                .order_by(func.max(VerdictRow.at))
            ).all()
            tallies = {model: _tally(session, model) for model in models}
        for model, tally in tallies.items():
            with database.write() as session:
                session.execute(delete(LocalCalibration).where(LocalCalibration.model == model))
                session.add_all(one.row(model, head, label, now=now) for (head, label), one in sorted(tally.items()))
        return len(tallies)


def _tally(session: Session, model: str) -> dict[tuple[str, str], _Tally]:
    tallies: dict[tuple[str, str], _Tally] = {}
    for one in labelled(session, model):
        if one.score is None or one.said is None:
            continue
        if one.head in set(Breach):
            key, right, shown = (one.head, "1"), one.label == "1", one.said == "1"
        else:
            key, right, shown = (one.head, one.said), one.label == one.said, True
        tallies.setdefault(key, _Tally()).add(one, right=right, shown=shown)
    return tallies
