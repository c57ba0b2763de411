"""The emergency pause, for a person's own program."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from api.deps import Now, ReadSession, WriteSession, require
from api.v1.contract import CREATES, READS, Moment, Number, Page, PathId, Sent, Shown, words
from models.scope import Action, Viewer
from publishing import holding

router = APIRouter(prefix="/holds", tags=["posts"])

Holder = Annotated[Viewer, require(Action.HOLD_POSTS)]


class HoldShown(Shown):
    """One pause: of an account (beside its borough), of a borough, or (both null) of the whole city. While it lasts,
    `ended_at` is null.
    """

    id: int
    account_id: int | None
    borough_id: int | None
    reason: str
    began_at: Moment
    ended_at: Moment | None


class NewHold(Sent):
    """What to pause, and why; neither an account nor a borough: the whole city."""

    reason: Annotated[str, words(holding.LONGEST_REASON), Field(min_length=1)]
    account_id: Number | None = None
    borough_id: Number | None = None


@router.get("", operation_id="listHolds", responses=READS)
def holds(session: ReadSession, viewer: Annotated[Viewer, require(Action.SEE_POSTS)]) -> Page[HoldShown]:
    """The pauses that last, newest first."""
    return Page(items=[HoldShown.model_validate(one) for one in holding.live(session, viewer)], next=None)


@router.post("", status_code=201, operation_id="beginHold", responses=CREATES)
def begin(body: NewHold, session: WriteSession, viewer: Holder, now: Now) -> HoldShown:
    """Stop what is scheduled there; what was stopped is for review."""
    place = {"account_id": body.account_id, "borough_id": body.borough_id}
    return HoldShown.model_validate(holding.begin(session, viewer, body.reason, **place, now=now))


@router.post("/{hold_id}/end", operation_id="endHold", responses=CREATES)
def end(hold_id: PathId, session: WriteSession, viewer: Holder, now: Now) -> HoldShown:
    """Let people schedule again; nothing leaves by itself."""
    return HoldShown.model_validate(holding.end(session, viewer, hold_id, now=now))
