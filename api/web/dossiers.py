"""The city's recurring files: when each comes, who answers for it, what is late; and the key dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from api import date_words
from api.date_words import Given
from api.deps import Installation, Now, ReadSession, Sent, WriteSession, require, whole
from api.pages import render
from api.web.pause import place_of
from api.web.posts import day_of
from api.web.queue import Words, is_part
from api.wiring import Parvis
from connectors.registry import capabilities
from models.dossiers import Dossier
from models.errors import Refusals, Refused
from models.opening import moment
from models.scope import Action, Viewer
from models.vocabulary import DateRule, MonthEnd, OperationKind, OutsideTask
from publishing import campaigns, dossiers, occurrences, planning
from publishing.dossiers import Outline, Sought
from publishing.places import places

router = APIRouter(prefix="/dossiers", include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]
Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]
Everywhere = Annotated[Viewer, require(Action.WRITE_POSTS, whole_city=True)]
Version = Annotated[int, Form()]

SHOWN = 6
"""Next days on the page of a file."""


# ------------------------------------------------------------------------------------------------- looking
@router.get("")
def show_dossiers(
    request: Request,
    viewer: Reader,
    parvis: Installation,
    session: ReadSession,
    now: Now,
    mots: str = "",
    miens: str = "",
    regle: str = "",
) -> Response:
    """What is late this week, and all files in the order in which they come."""
    today = now.astimezone(parvis.settings.zone).date()
    rule = DateRule(regle) if regle in set(DateRule) else None
    sought = Sought(mots.strip()[:200], viewer.person_id if miens else None, rule)
    return render(
        request,
        "dossiers/list.html",
        late=occurrences.late(session, viewer, today=today),
        dossiers=dossiers.dossiers(session, viewer, sought),
        most=dossiers.MOST,
        today=today,
        chosen={"mots": mots, "miens": miens, "regle": regle},
        rules=list(DateRule),
        words=_words,
        may_write=viewer.may(Action.WRITE_POSTS),
    )


@router.get("/nouveau")
def show_new(
    request: Request, viewer: Writer, parvis: Installation, session: ReadSession, now: Now, publication: str = ""
) -> Response:
    """An empty form; or what a post that was written without a file says."""
    said: dict[str, Any] = {"starts_on": now.astimezone(parvis.settings.zone).date(), "hour": "09:00", "lead_days": 14}
    said["month_end"], chosen = MonthEnd.LAST, list[str]()
    if (post_id := whole(publication)) is not None:
        post = planning.detail(session, viewer, post_id).post
        said |= {"name": post.title, "publication": post_id, "campaign": str(post.campaign_id or "")}
        chosen = [str(one.account_id) for one in post.variants]
    return _form(request, session, viewer, None, said, parvis=parvis, now=now, ticked=(chosen, ()))


@router.get("/dates-cles")
def show_key_dates(request: Request, viewer: Reader, session: ReadSession) -> Response:
    """The days from which files are counted."""
    return _key_dates(request, session, viewer)


@router.get("/{dossier_id}")
def show_dossier(
    request: Request, viewer: Reader, parvis: Installation, session: ReadSession, now: Now, dossier_id: int
) -> Response:
    """One file: its next days, each time that it came, and what was said and asked the last time."""
    return _page(request, parvis, session, viewer, dossier_id, now=now)


@router.get("/{dossier_id}/modifier")
def show_edit(
    request: Request, viewer: Writer, parvis: Installation, session: ReadSession, now: Now, dossier_id: int
) -> Response:
    """The form with what was said."""
    found = dossiers.dossier(session, viewer, dossier_id)
    said: dict[str, Any] = {name: getattr(found, name) for name in ("name", "purpose", "lead_days", "text")}
    said |= {"link": found.link or "", "owner": str(found.owner_id), "campaign": str(found.campaign_id or "")}
    said |= {"starts_on": found.starts_on, "month_end": found.month_end, "hour": found.hour.strftime("%H:%M")}
    said |= asdict(date_words.given(found.rule, found.rrule, found.anchor, found.offset_days))
    chosen = [str(account.id) for account in found.accounts]
    return _form(request, session, viewer, found, said, parvis=parvis, now=now, ticked=(chosen, found.tasks))


# ------------------------------------------------------------------------------------------------- writing
@router.post("/regle")
def look(request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent) -> Response:
    """The next days of the rule as it is being written; nothing is kept."""
    with parvis.database.read() as session:
        id_ = whole(str(form.get("dossier", "")))
        found = dossiers.dossier(session, viewer, id_) if id_ is not None else None
        if is_part(request):
            return render(request, "dossiers/rule.html", **_rule_values(session, form, parvis=parvis, now=now))
        return _form(request, session, viewer, found, form, parvis=parvis, now=now, ticked=_ticked(form))


@router.post("")
def create(request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent) -> Response:
    """Begin a file; a refused one comes back as it was written."""
    zone = parvis.settings.zone
    try:
        outline, place = _outline(form), place_of(str(form.get("place", "city")))
        with parvis.database.write() as session:
            today = now.astimezone(zone).date()
            made = dossiers.create(session, viewer, outline, **place, today=today, now=now)
            if (post_id := whole(str(form.get("publication", "")))) is not None:
                occurrences.remember(session, viewer, made.id, post_id, zone, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return _form(
                request, session, viewer, None, form, parvis=parvis, now=now, error=error, ticked=_ticked(form)
            )
    return RedirectResponse(f"/dossiers/{made.id}?fait=dossier-saved", 303)


@router.post("/dates-cles")
def add_key_date(
    request: Request, viewer: Everywhere, parvis: Installation, now: Now, name: Words = "", day: Words = ""
) -> Response:
    """Keep one more; files that are counted from its name come accordingly."""
    try:
        there = _day(day, "day")
        with parvis.database.write() as session:
            today = now.astimezone(parvis.settings.zone).date()
            dossiers.add_key_date(session, viewer, name, there, today=today, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return _key_dates(request, session, viewer, error=error, form={"name": name, "day": day})
    return RedirectResponse("/dossiers/dates-cles?fait=key-date-added", 303)


@router.post("/dates-cles/{key_date_id}/suppression")
def remove_key_date(
    viewer: Everywhere, parvis: Installation, session: WriteSession, now: Now, key_date_id: int
) -> Response:
    """Count from it no more."""
    today = now.astimezone(parvis.settings.zone).date()
    dossiers.remove_key_date(session, viewer, key_date_id, today=today, now=now)
    return RedirectResponse("/dossiers/dates-cles?fait=key-date-removed", 303)


@router.post("/{dossier_id}")
def edit(
    request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent, dossier_id: int, version: Version
) -> Response:
    """Say it anew."""
    try:
        outline = _outline(form)
        with parvis.database.write() as session:
            today = now.astimezone(parvis.settings.zone).date()
            dossiers.edit(session, viewer, dossier_id, outline, version=version, today=today, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            found = dossiers.dossier(session, viewer, dossier_id)
            return _form(
                request, session, viewer, found, form, parvis=parvis, now=now, error=error, ticked=_ticked(form)
            )
    return RedirectResponse(f"/dossiers/{dossier_id}?fait=dossier-saved", 303)


@router.post("/{dossier_id}/archive")
def archive(viewer: Writer, session: WriteSession, now: Now, dossier_id: int, version: Version) -> Response:
    """It comes no more."""
    dossiers.archive(session, viewer, dossier_id, version=version, now=now)
    return RedirectResponse("/dossiers?fait=dossier-archived", 303)


@router.post("/{dossier_id}/brouillon")
def make(
    request: Request, viewer: Writer, parvis: Installation, now: Now, dossier_id: int, day: Words = ""
) -> Response:
    """Make it for a day that somebody gives."""
    try:
        there = _day(day, "day")
        with parvis.database.write() as session:
            made = occurrences.make(session, viewer, dossier_id, there, parvis.settings.zone, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return _page(request, parvis, session, viewer, dossier_id, now=now, error=error, day=day)
    if made.post_id is None:
        return RedirectResponse(f"/dossiers/{dossier_id}?fait=saved", 303)
    return RedirectResponse(f"/publications/{made.post_id}?fait=dossier-drafted", 303)


@router.post("/fois/{occurrence_id}/taches")
def mark(
    viewer: Writer, session: WriteSession, now: Now, occurrence_id: int, task: Words = "", done: Words = ""
) -> Response:
    """Something outside of the networks is done, or is not after all."""
    if task not in set(OutsideTask):
        raise Refused("not_a_choice", field="task")
    found = occurrences.mark(session, viewer, occurrence_id, OutsideTask(task), done=done == "true", now=now)
    return RedirectResponse(f"/dossiers/{found.dossier_id}?fait=saved", 303)


@router.post("/fois/{occurrence_id}/classement")
def settle(viewer: Writer, session: WriteSession, now: Now, occurrence_id: int) -> Response:
    """Nothing more is to be done about it."""
    found = occurrences.settle(session, viewer, occurrence_id, now=now)
    return RedirectResponse(f"/dossiers/{found.dossier_id}?fait=occurrence-settled", 303)


# ------------------------------------------------------------------------------------------------- reading a form
def _given(form: Mapping[str, Any]) -> Given:
    said = {one.name: str(form.get(one.name, one.default)).replace("\0", "").strip() for one in fields(Given)}
    if said["weekday"] not in date_words.WEEKDAYS or said["nth"] not in date_words.NTH or not _is_month(said["month"]):
        raise Refused("not_a_choice", field="every")
    return Given(**said)


def _is_month(said: str) -> bool:
    return said in {str(number) for number in range(1, 13)}


def _dated(form: Mapping[str, Any], name: str = "") -> Outline:
    """What a form says of the dates. Refused: what is wrong with each of its fields."""
    wrong, starts_on, hour = Refusals(), dt.date.min, dt.time(9)
    rule: tuple[DateRule, str, str, int] = (DateRule.NONE, "", "", 0)
    with wrong.collect():
        starts_on = _day(str(form.get("starts_on", "")), "starts_on")
    with wrong.collect():
        hour = _hour(str(form.get("hour", "")))
    with wrong.collect():
        rule = _given(form).rule()
    wrong.say()
    kind, rrule, anchor, offset = rule
    end = str(form.get("month_end", MonthEnd.LAST))
    return Outline(
        name,
        starts_on,
        rule=kind,
        rrule=rrule,
        anchor=anchor,
        offset_days=offset,
        month_end=MonthEnd(end) if end in set(MonthEnd) else MonthEnd.LAST,
        hour=hour,
    )


def _day(said: str, field: str) -> dt.date:
    day = day_of(said)
    if day is None:
        raise Refused("date_unreadable", field=field)
    return day


def _hour(said: str) -> dt.time:
    try:
        return dt.time.fromisoformat(said).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError as error:
        raise Refused("hour_unreadable", field="hour") from error


def _outline(form: FormData) -> Outline:
    def said(name: str) -> str:
        return str(form.get(name, "")).replace("\0", "").replace("\r\n", "\n").strip()

    wrong, dates, lead = Refusals(), Outline("", dt.date.min), whole(said("lead_days"))
    with wrong.collect():
        dates = _dated(form)
    with wrong.collect():
        if lead is None:
            raise Refused("lead_unreadable", field="lead_days", most=str(dossiers.MOST_LEAD))
    wrong.say()
    return Outline(
        **asdict(dates)
        | {
            "name": said("name"),
            "purpose": said("purpose"),
            "owner_id": whole(said("owner")),
            "lead_days": min(lead or 0, 10**6),
            "text": said("text"),
            "link": said("link"),
            "campaign_id": whole(said("campaign")),
            "account_ids": [id_ for one in form.getlist("accounts") if (id_ := whole(str(one))) is not None],
            "tasks": [OutsideTask(one) for one in map(str, form.getlist("tasks")) if one in set(OutsideTask)],
        }
    )


def _ticked(form: FormData) -> tuple[list[str], list[str]]:
    """What a form that comes back had chosen: accounts and tasks."""
    return [str(one) for one in form.getlist("accounts")], [str(one) for one in form.getlist("tasks")]


# ------------------------------------------------------------------------------------------------- pages
def _words(found: Dossier) -> str:
    return date_words.rule_words(found.rule, found.rrule, found.anchor, found.offset_days)


def _moments(days: list[dt.date], hour: dt.time, zone: ZoneInfo) -> list[tuple[dt.date, datetime, bool]]:
    """Each day, when it is there, and whether clocks made that another hour than the rule's."""
    found = [(day, moment(day, hour, zone)) for day in days]
    return [(day, at, at.astimezone(zone).time() != hour) for day, at in found]


def _page(
    request: Request,
    parvis: Parvis,
    session: Session,
    viewer: Viewer,
    dossier_id: int,
    *,
    now: datetime,
    error: Refused | None = None,
    day: str = "",
) -> Response:
    found, zone = dossiers.dossier(session, viewer, dossier_id), parvis.settings.zone
    today = now.astimezone(zone).date()
    upcoming = dossiers.upcoming(session, dossiers.outline_of(found), today=today, number=SHOWN)
    return render(
        request,
        "dossiers/detail.html",
        status=200 if error is None else 422,
        dossier=found,
        words=_words(found),
        upcoming=_moments(upcoming.days, found.hour, zone),
        skipped=upcoming.skipped,
        occurrences=occurrences.of_dossier(session, dossier_id),
        before=occurrences.before(session, viewer, dossier_id, day=today),
        may_write=viewer.may_on(Action.WRITE_POSTS, borough_id=found.borough_id, account_id=found.account_id),
        today=today,
        error=error,
        day=day,
    )


def _key_dates(
    request: Request,
    session: Session,
    viewer: Viewer,
    *,
    error: Refused | None = None,
    form: Mapping[str, str] | None = None,
) -> Response:
    return render(
        request,
        "dossiers/key_dates.html",
        status=200 if error is None else 422,
        dates=dossiers.key_dates(session),
        names=dossiers.anchors(session),
        may_write=viewer.may_on(Action.WRITE_POSTS, borough_id=None, account_id=None),
        error=error,
        form=form or {},
    )


def _rule_values(
    session: Session, form: Mapping[str, Any], *, parvis: Parvis, now: datetime, error: Refused | None = None
) -> dict[str, Any]:
    """What the part of the form that gives the rule shows: its own fields, and its next days as it is written."""
    zone, upcoming, wrong = parvis.settings.zone, dossiers.Upcoming([], []), error
    hour, anchors = dt.time(9), dossiers.anchors(session)
    # The first one stands in the list before anybody chose: its days are shown, and not none.
    form = dict(form) | {"anchor": form.get("anchor") or next(iter(anchors), "")}
    try:
        outline = _dated(form)
        hour = outline.hour
        upcoming = dossiers.upcoming(session, outline, today=now.astimezone(zone).date())
    except Refused as refused:
        wrong = wrong or refused
    said = {one.name: str(form.get(one.name, one.default)) for one in fields(Given)}
    said |= {name: form.get(name, "") for name in ("starts_on", "hour", "month_end")}
    return {
        "rule": said,
        "ways": date_words.EVERY,
        "nths": date_words.NTH,
        "weekdays": [(code, date_words.weekday(code)) for code in date_words.WEEKDAYS],
        "months": [(str(number), date_words.month(str(number))) for number in range(1, 13)],
        "anchors": anchors,
        "upcoming": _moments(upcoming.days, hour, zone),
        "skipped": upcoming.skipped,
        "ends": list(MonthEnd),
        "error": wrong,
        "zone": parvis.settings.timezone,
    }


def _form(
    request: Request,
    session: Session,
    viewer: Viewer,
    found: Dossier | None,
    form: Mapping[str, Any],
    *,
    parvis: Parvis,
    now: datetime,
    ticked: tuple[Sequence[str], Sequence[str]] = ((), ()),
    error: Refused | None = None,
) -> Response:
    theirs = places(session, viewer, Action.WRITE_POSTS)
    scope = {"account_id": found.account_id if found else None, "borough_id": found.borough_id if found else None}
    open_ = [one for one in theirs[2] if OperationKind.PUBLISH in capabilities(one.network).operations]
    kept = [one for one in found.accounts if one not in open_] if found else []
    values = _rule_values(session, form, parvis=parvis, now=now, error=error)
    return render(
        request,
        "dossiers/form.html",
        status=200 if error is None else 422 if error.params.get("field") else 409,
        **values | {"error": error},
        dossier=found,
        form=form,
        theirs=theirs,
        accounts=[*open_, *kept],
        chosen=ticked[0],
        ticked=ticked[1],
        tasks=list(OutsideTask),
        owners=dossiers.owners(session, **scope),
        me=viewer.person_id,
        campaigns=campaigns.writable(session, viewer),
        longest=dossiers.LONGEST_NAME,
    )
