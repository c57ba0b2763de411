"""The calendar: what goes out when, moved by hand or by keyboard. Without JavaScript it is a list."""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api import i18n, messages
from api.deps import Installation, Now, ReadSession, require, whole
from api.pages import render
from api.web.posts import ORDER, day_of
from api.web.queue import Words
from models.accounts import Account
from models.errors import NotFound, Refused
from models.posts import Post
from models.scope import Action, Viewer, visible
from models.vocabulary import PostState
from publishing import calendar, campaigns, holding, planning
from publishing.calendar import Day, Entry, Sought
from publishing.wall import instant

router = APIRouter(prefix="/calendrier", include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]
Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]

VIEWS = ("mois", "semaine", "liste")
LONGEST = 100
"""Days that are shown at once."""


def _sought(compte: str = "", campagne: str = "", etat: str = "") -> Sought:
    state = PostState(etat) if etat in set(PostState) else None
    return Sought(whole(compte), whole(campagne), state)


@router.get("")
def show_calendar(
    request: Request,
    viewer: Reader,
    session: ReadSession,
    parvis: Installation,
    now: Now,
    jour: str = "",
    vue: str = "",
    compte: str = "",
    campagne: str = "",
    etat: str = "",
) -> Response:
    """The month of `jour`; `compte`, `campagne` and `etat` narrow it."""
    zone = parvis.settings.zone
    today = now.astimezone(zone).date()
    day = day_of(jour) or today
    first = day.replace(day=1)
    until = (first + timedelta(days=32)).replace(day=1)
    sought = _sought(compte, campagne, etat)
    found = calendar.entries(session, viewer, *calendar.bounds(first, until, zone), sought)
    accounts = visible(select(Account).order_by(Account.name), viewer, Action.SEE_POSTS, Account)
    return render(
        request,
        "calendar/page.html",
        agenda=_agenda(found, calendar.days(first, until, zone, i18n.of_holidays()), zone),
        unscheduled=calendar.unscheduled(session, viewer, sought),
        holds=holding.live(session, viewer),
        accounts=session.scalars(accounts).all(),
        campaigns=campaigns.campaigns(session, viewer)[0],
        order=ORDER,
        chosen={"compte": compte, "campagne": campagne, "etat": etat},
        view=vue if vue in VIEWS else "",
        day=day,
        first=first,
        before=first - timedelta(days=1),
        after=until,
        today=today,
        here=now.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"),
        may_write=viewer.may(Action.WRITE_POSTS),
    )


@router.get("/publications")
def events(
    viewer: Reader,
    session: ReadSession,
    parvis: Installation,
    debut: str = "",
    fin: str = "",
    compte: str = "",
    campagne: str = "",
    etat: str = "",
) -> Response:
    """What the page draws from `debut` to before `fin`: times as the city's clocks show them."""
    zone, first, until = parvis.settings.zone, day_of(debut[:10]), day_of(fin[:10])
    if first is None or until is None or not timedelta() < until - first < timedelta(days=LONGEST):
        raise Refused("date_unreadable", field="debut")
    found = calendar.entries(session, viewer, *calendar.bounds(first, until, zone), _sought(compte, campagne, etat))
    days = calendar.days(first, until, zone, i18n.of_holidays())
    return JSONResponse([*map(_day, days), *(_event(one, zone) for one in found)])


@router.get("/{post_id}/deplacement")
def show_move(
    request: Request, viewer: Writer, session: ReadSession, parvis: Installation, post_id: int, depuis: str = ""
) -> Response:
    """The form that gives another time to what is planned at `depuis` (empty: to what has no time)."""
    return _move_page(request, session, viewer, parvis.settings.zone, post_id, _since(depuis))


@router.post("/{post_id}/deplacement")
def move(
    request: Request,
    viewer: Writer,
    parvis: Installation,
    now: Now,
    post_id: int,
    version: Annotated[int, Form()],
    since: Words = "",
    publish_at: Words = "",
) -> Response:
    """Give another time; what a script of ours asks is answered in a line."""
    live = "hx-request" in request.headers
    try:
        at = instant(publish_at, parvis.settings.zone)
        with parvis.database.write() as session:
            post = planning.move(session, viewer, post_id, at, since=_since(since), version=version, now=now)
    except Refused as error:
        if live:
            raise
        with parvis.database.read() as session:
            zone = parvis.settings.zone
            return _move_page(request, session, viewer, zone, post_id, _since(since), error=error, typed=publish_at)
    done = "moved-submitted" if post.state == PostState.SUBMITTED else "moved"
    if live:
        return render(request, "calendar/moved.html", told=messages.notice(done), post=post)
    return RedirectResponse(f"/calendrier?jour={publish_at[:10]}&fait={done}", 303)


# ------------------------------------------------------------------------------------------------- pages
def _since(said: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def _event(one: Entry, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "title": one.post.title,
        "start": one.at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"),
        "editable": one.movable,
        "extendedProps": {
            "post": one.post.id,
            "version": one.post.version,
            "since": one.at.isoformat(),
            "state": one.post.state,
            "movable": one.movable,
            "near": bool(one.near),
            "accounts": [variant.account.name for variant in one.variants],
        },
    }


def _day(one: Day) -> dict[str, Any]:
    props = {"happening": one.happening, "name": one.name}
    return {"start": one.date.isoformat(), "allDay": True, "editable": False, "extendedProps": props}


def _agenda(found: list[Entry], days: list[Day], zone: ZoneInfo) -> list[tuple[dt.date, list[Day], list[Entry]]]:
    by_day: dict[dt.date, tuple[list[Day], list[Entry]]] = {}
    for day in days:
        by_day.setdefault(day.date, ([], []))[0].append(day)
    for one in found:
        by_day.setdefault(one.at.astimezone(zone).date(), ([], []))[1].append(one)
    return [(date, *by_day[date]) for date in sorted(by_day)]


def _move_page(
    request: Request,
    session: Session,
    viewer: Viewer,
    zone: ZoneInfo,
    post_id: int,
    since: datetime | None,
    *,
    error: Refused | None = None,
    typed: str | None = None,
) -> Response:
    post: Post | None = session.scalar(
        visible(select(Post).where(Post.id == post_id), viewer, Action.WRITE_POSTS, Post)
    )
    if post is None:
        raise NotFound
    wall = since.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if since else ""
    return render(
        request,
        "calendar/move.html",
        status=200 if error is None else 422 if error.params.get("field") else 409,
        post=post,
        since=since,
        publish_at=wall if typed is None else typed,
        error=error,
    )
