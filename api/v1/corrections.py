"""Corrections: what people say of the labels that the classifier gave to a text."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from api.deps import Now, ReadSession, WriteSession, require
from api.v1.contract import CREATES, READS_ONE, Key, Moment, Number, PathId, Sent, Shown, once
from api.v1.values import Named
from models.learning import Correction
from models.scope import Action, Viewer
from models.vocabulary import Breach, Group311, Intention
from moderation.learning.correction import correct
from moderation.triage import queue
from moderation.triage.classification import corrections as about
from moderation.triage.classification import effective

router = APIRouter(prefix="/comments/{comment_id}/corrections", tags=["corrections"])


class Corrected(Shown):
    """What holds of one head of the verdict. `said` null: the model did not know."""

    id: int
    comment_id: int
    comment_version: int
    head: str
    """`intention`, `groupe`, `urgence`, or a breach, whose labels are `1` and `0`."""
    said: str | None
    score: float | None
    label: str
    model: str
    person: Named
    at: Moment


class Standing(Shown):
    """All that people said of the text that a comment has now, the newest of each head."""

    items: list[Corrected]


class NewCorrections(Sent):
    """What is right of one text, `version`; what is not named stays as it is."""

    version: Number
    intention: Intention | None = None
    group_311: Group311 | None = None
    urgency: Annotated[int, Field(ge=0, le=2)] | None = None
    breaches: dict[Breach, bool] = Field(default_factory=dict)

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"version": 1, "intention": "eloge"},
                {"version": 1, "urgency": 2, "breaches": {"insulte": False, "menace": True}},
            ]
        }
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.labels():
            raise ValueError("at least one label")
        return self

    def labels(self) -> dict[str, str]:
        """By head, as `moderation.learning.correction` takes them."""
        given = {"intention": self.intention, "groupe": self.group_311, "urgence": self.urgency}
        heads = {head: str(label) for head, label in given.items() if label is not None}
        return heads | {str(breach): str(int(broken)) for breach, broken in self.breaches.items()}


@router.get("", operation_id="listCorrections", responses=READS_ONE)
def corrections(
    comment_id: PathId, session: ReadSession, viewer: Annotated[Viewer, require(Action.SEE_COMMENTS)], now: Now
) -> Standing:
    """What people said of the text that the comment has now."""
    given = queue.detail(session, viewer, comment_id, now=now).corrections
    return Standing(items=[Corrected.model_validate(one) for one in effective(given).values()])


@router.post("", status_code=201, operation_id="correct", responses={**CREATES})
def correct_labels(
    comment_id: PathId,
    body: NewCorrections,
    session: WriteSession,
    viewer: Annotated[Viewer, require(Action.DECIDE)],
    now: Now,
    key: Key = None,
) -> Standing:
    """Correct labels, as the person who is signed in; what is already said so is not said again. Correcting again is
    how a correction is taken back.
    """

    def make() -> int:
        correct(session, viewer, comment_id, body.labels(), version=body.version, now=now)
        return comment_id

    return _shown(session, once(session, viewer.person_id, key, f"correct {comment_id}", body, make, now=now))


def _shown(session: Session, comment_id: int) -> Standing:
    """What stands now, also when this request made none of it."""
    session.flush()
    given: list[Correction] = list(effective(about(session, [comment_id])).values())
    return Standing(items=[Corrected.model_validate(one) for one in given])
