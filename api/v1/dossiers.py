"""Recurring files, for other programs: what comes back, when, and what is to be done each time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field, PlainSerializer, StringConstraints, WithJsonSchema
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, WriteSession, require
from api.v1.contract import (
    CHANGES,
    CREATES,
    READS,
    READS_ONE,
    VERSION_HEADER,
    Key,
    Matching,
    Moment,
    Number,
    PathId,
    Sent,
    Shown,
    changed,
    once,
    tagged,
    version_in,
    words,
)
from api.v1.values import AccountName, Named
from models.scope import Action, Viewer
from models.vocabulary import DateRule, MonthEnd, NotMade, OutsideTask
from publishing import dossiers, occurrences

router = APIRouter(prefix="/dossiers", tags=["posts"])

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]
Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]


_HOUR = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
Hour = Annotated[str, StringConstraints(pattern=_HOUR)]
"""Of the city's clocks."""


class DossierShown(Shown):
    """One file that comes back, with its rule as it is kept: `rrule` (RFC 5545, dates alone), or `offset_days` from
    each key date called `anchor`. `hour` is the city's; `next_on` null: the rule gives no day.
    """

    id: int
    name: str
    purpose: str
    owner: Named
    rule: DateRule
    rrule: str
    anchor: str
    offset_days: int
    month_end: MonthEnd
    starts_on: dt.date
    hour: Annotated[
        dt.time,
        PlainSerializer("{:%H:%M}".format, return_type=str),
        WithJsonSchema({"type": "string", "pattern": _HOUR}),
    ]
    lead_days: int
    text: str
    link: str | None
    campaign_id: int | None
    account_id: int | None
    borough_id: int | None
    accounts: list[AccountName]
    tasks: list[OutsideTask]
    next_on: dt.date | None
    created_at: Moment
    version: int


class TaskShown(Shown):
    """Something to be done outside of the networks."""

    kind: OutsideTask
    done_at: Moment | None


class OccurrenceShown(Shown):
    """One time that it came: its post, or why none was made by itself."""

    id: int
    day: dt.date
    post_id: int | None
    problem: NotMade | None
    settled_at: Moment | None
    tasks: list[TaskShown]


class DossierWhole(DossierShown):
    """One file with the times that it came, the newest first."""

    occurrences: list[OccurrenceShown]


class Dossiers(Shown):
    """All of them at once: a city has a few hundred."""

    items: list[DossierShown]


class NewDossier(Sent):
    """What is said of a file; of an account, of a borough, or (neither) of the whole city. Its place stays. `owner_id`
    null: whoever sends it; `hour` is the city's.
    """

    name: Annotated[str, words(dossiers.LONGEST_NAME)]
    starts_on: dt.date
    owner_id: Number | None = None
    purpose: Annotated[str, words(dossiers.LONGEST_WORDS)] = ""
    rule: DateRule = DateRule.NONE
    rrule: Annotated[str, words(500)] = ""
    anchor: Annotated[str, words(dossiers.LONGEST_KEY_DATE)] = ""
    offset_days: Annotated[int, Field(ge=-dossiers.MOST_OFFSET, le=dossiers.MOST_OFFSET)] = 0
    month_end: MonthEnd = MonthEnd.LAST
    hour: Hour = f"{dossiers.Outline.hour:%H:%M}"
    lead_days: Annotated[int, Field(ge=0, le=dossiers.MOST_LEAD)] = dossiers.Outline.lead_days
    text: Annotated[str, words(dossiers.LONGEST_WORDS)] = ""
    link: Annotated[str, words(2000)] = ""
    campaign_id: Number | None = None
    account_ids: Annotated[Sequence[Number], Field(max_length=100)] = ()
    tasks: Annotated[Sequence[OutsideTask], Field(max_length=len(OutsideTask))] = ()
    account_id: Number | None = None
    borough_id: Number | None = None

    def outline(self) -> dossiers.Outline:
        """As the trade takes it."""
        said = self.model_dump(exclude={"account_id", "borough_id", "hour"})
        return dossiers.Outline(**said, hour=dt.time.fromisoformat(self.hour))


@router.get("", operation_id="listDossiers", responses=READS)
def list_dossiers(session: ReadSession, viewer: Reader) -> Dossiers:
    """Recurring files that are not archived, in the order of their next days."""
    found = dossiers.dossiers(session, viewer)
    return Dossiers(items=[DossierShown.model_validate(one) for one in found])


@router.get("/{dossier_id}", operation_id="getDossier", responses={200: {"headers": VERSION_HEADER}, **READS_ONE})
def one(dossier_id: PathId, response: Response, session: ReadSession, viewer: Reader) -> DossierWhole:
    """One file, and the times that it came."""
    return _shown(session, response, viewer, dossier_id)


@router.post("", status_code=201, operation_id="createDossier", responses={201: {"headers": VERSION_HEADER}, **CREATES})
def create(
    body: NewDossier,
    response: Response,
    session: WriteSession,
    viewer: Writer,
    parvis: Installation,
    now: Now,
    key: Key = None,
) -> DossierWhole:
    """Begin a file; its drafts come by themselves, `lead_days` before each of its days."""

    def make() -> int:
        place = {"account_id": body.account_id, "borough_id": body.borough_id}
        today = now.astimezone(parvis.settings.zone).date()
        return dossiers.create(session, viewer, body.outline(), **place, today=today, now=now).id

    dossier_id = once(session, viewer.person_id, key, "createDossier", body, make, now=now)
    response.headers["Location"] = f"/api/v1/dossiers/{dossier_id}"
    return _shown(session, response, viewer, dossier_id)


@router.put("/{dossier_id}", operation_id="editDossier", responses={200: {"headers": VERSION_HEADER}, **CHANGES})
def edit(
    dossier_id: PathId,
    body: NewDossier,
    response: Response,
    session: WriteSession,
    viewer: Writer,
    parvis: Installation,
    now: Now,
    matching: Matching = None,
) -> DossierWhole:
    """Say it anew; drafts that were made already stay."""
    version, today = version_in(matching), now.astimezone(parvis.settings.zone).date()
    changed(lambda: dossiers.edit(session, viewer, dossier_id, body.outline(), version=version, today=today, now=now))
    session.flush()
    return _shown(session, response, viewer, dossier_id)


@router.delete("/{dossier_id}", status_code=204, operation_id="archiveDossier", responses=CHANGES)
def archive(dossier_id: PathId, session: WriteSession, viewer: Writer, now: Now, matching: Matching = None) -> Response:
    """It comes back no more; what it made stays."""
    version = version_in(matching)
    changed(lambda: dossiers.archive(session, viewer, dossier_id, version=version, now=now))
    return Response(status_code=204)


def _shown(session: Session, response: Response, viewer: Viewer, dossier_id: int) -> DossierWhole:
    found = dossiers.dossier(session, viewer, dossier_id)
    tagged(response, found.version)
    came = [OccurrenceShown.model_validate(one) for one in occurrences.of_dossier(session, dossier_id)]
    return DossierWhole(**dict(DossierShown.model_validate(found)), occurrences=came)
