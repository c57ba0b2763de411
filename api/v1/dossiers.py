"""Recurring files, for other programs: what comes back, when, and what is to be done each time."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter

from api.deps import ReadSession, require
from api.v1.contract import READS, READS_ONE, Moment, PathId, Shown
from api.v1.values import AccountName, Named
from models.scope import Action, Viewer
from models.vocabulary import DateRule, MonthEnd, NotMade, OutsideTask
from publishing import dossiers, occurrences

router = APIRouter(prefix="/dossiers", tags=["posts"])

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]


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
    hour: dt.time
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


@router.get("", operation_id="listDossiers", responses=READS)
def list_dossiers(session: ReadSession, viewer: Reader) -> Dossiers:
    """Recurring files that are not archived, in the order of their next days."""
    found = dossiers.dossiers(session, viewer)
    return Dossiers(items=[DossierShown.model_validate(one) for one in found])


@router.get("/{dossier_id}", operation_id="getDossier", responses=READS_ONE)
def one(dossier_id: PathId, session: ReadSession, viewer: Reader) -> DossierWhole:
    """One file, and the times that it came."""
    found = dossiers.dossier(session, viewer, dossier_id)
    came = [OccurrenceShown.model_validate(one) for one in occurrences.of_dossier(session, dossier_id)]
    return DossierWhole(**dict(DossierShown.model_validate(found)), occurrences=came)
