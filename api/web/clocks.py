"""When the service is open, by when it answers, and whether it says so by itself to those who write at night."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from api import i18n
from api.date_words import WEEKDAYS, weekday
from api.deps import Installation, Now, ReadSession, Sent, WriteSession, require, whole
from api.hour_words import clock, count_of, day_of, hours_of, opening
from api.pages import render
from api.web.team import Manager
from api.wiring import Parvis
from models.errors import Refusals, Refused
from models.opening import Hours
from models.scope import Action, Viewer
from models.vocabulary import Language
from models.working_days import holidays
from moderation import clocks, templates
from moderation.clocks import Day, Hands
from moderation.triage import away

router = APIRouter(prefix="/equipe/delais", include_in_schema=False)

Setter = Annotated[Viewer, require(Action.SET_HOURS, whole_city=True)]
MORE = 2
"""Empty lines below the days that are otherwise already."""
PROPOSED = Hands(week=((8 * 60 + 30, 16 * 60 + 30),) * 5 + (None, None))
"""What the form has before the city has said anything; nothing counts until it is saved."""


@router.get("")
def show(request: Request, viewer: Manager, parvis: Installation, session: ReadSession, now: Now) -> Response:
    """The page."""
    return _page(request, viewer, parvis, session, _kept(session), now=now)


@router.post("")
def change(
    request: Request, viewer: Setter, parvis: Installation, session: WriteSession, now: Now, sent: Sent
) -> Response:
    """A new version; what was refused is shown again as it was typed."""
    try:
        clocks.set_hands(session, viewer, _hands(sent), seen=whole(_said(sent, "seen")) or 0, now=now)
    except Refused as error:
        return _page(request, viewer, parvis, session, _typed(sent), error, now=now)
    return RedirectResponse("/equipe/delais?fait=saved", 303)


@router.post("/avis")
def adopt(
    request: Request,
    viewer: Setter,
    parvis: Installation,
    session: WriteSession,
    now: Now,
    adopted: Annotated[bool, Form()] = False,  # noqa: FBT002
) -> Response:
    """The city tells whoever writes while it is closed from now on, or does not any more."""
    try:
        away.adopt(session, viewer, adopted=adopted, now=now)
    except Refused as error:
        return _page(request, viewer, parvis, session, _kept(session), error, now=now)
    return RedirectResponse("/equipe/delais?fait=saved#avis", 303)


# -------------------------------------------------------------------------------------------------------------------
def _hands(sent: FormData) -> Hands:
    """What a form says. Refused: `hour_unreadable`, `date_unreadable`, `hours_count`."""
    refusals, week, days = Refusals(), list[Hours | None](), list[Day]()
    targets: dict[str, dict[str, int]] = {"respond": {}, "resolve": {}}
    for number in range(7):
        with refusals.collect():
            week.append(hours_of(_said(sent, f"opens_{number}"), _said(sent, f"closes_{number}"), f"day_{number}"))
    for day, name, opens, closes in _lines(sent):
        with refusals.collect():
            days.append(Day(day_of(day), hours_of(opens, closes, "day"), name))
    for kind, names in (("respond", clocks.KINDS), ("resolve", clocks.NATURES)):
        for name in names:
            if said := _said(sent, f"{kind}_{name}").strip():
                with refusals.collect():
                    targets[kind][name] = count_of(said, clocks.MOST_HOURS)
    refusals.say()
    return Hands(tuple(week), tuple(days), bool(_said(sent, "on_holidays")), **targets)


def _lines(sent: FormData) -> list[tuple[str, ...]]:
    """The days that are otherwise, as they were typed; a line without a date and a reason is none."""
    columns = [[str(one).replace("\0", "") for one in sent.getlist(name)] for name in _OF_DAY]
    lines = [line for line in zip(*columns, strict=False) if line[0] or line[1]]
    return lines[: clocks.MOST_DAYS + 1]


_OF_DAY = ("day", "day_name", "day_opens", "day_closes")


def _said(sent: FormData, name: str) -> str:
    return str(sent.get(name) or "").replace("\0", "")


def _typed(sent: FormData) -> dict[str, Any]:
    """A form as it was sent."""
    return {name: _said(sent, name) for name in sent if name not in _OF_DAY} | {"days": _lines(sent)}


def _kept(session: Session) -> dict[str, Any]:
    """The version that counts, or what the form proposes first."""
    row = clocks.newest(session)
    return _typed_of(clocks.hands_of(row) if row else PROPOSED) | {"seen": str(row.id if row else 0)}


def _typed_of(hands: Hands) -> dict[str, Any]:
    """A version as a form has it."""
    typed: dict[str, Any] = {"on_holidays": "true" if hands.on_holidays else ""}
    for number, hours in enumerate(hands.week):
        if hours:
            typed[f"opens_{number}"], typed[f"closes_{number}"] = map(clock, hours)
    typed["days"] = [
        (one.day.isoformat(), one.name, *(map(clock, one.hours) if one.hours else ("", ""))) for one in hands.days
    ]
    for kind, given in (("respond", hands.respond), ("resolve", hands.resolve)):
        typed |= {f"{kind}_{name}": str(hours) for name, hours in (given or {}).items()}
    return typed


def _page(
    request: Request,
    viewer: Viewer,
    parvis: Parvis,
    session: Session,
    typed: Mapping[str, Any],
    error: Refused | None = None,
    *,
    now: dt.datetime,
) -> Response:
    zone = parvis.settings.zone
    current = clocks.current(session, zone)
    today = now.astimezone(zone).date()
    coming = sorted(
        {**holidays(today.year, i18n.of_holidays()), **holidays(today.year + 1, i18n.of_holidays())}.items()
    )
    language = Language.FRENCH if i18n.language.get() == i18n.FRENCH else Language.ENGLISH
    return render(
        request,
        "clocks.html",
        status=422 if error else 200,
        error=error,
        typed={"days": [], **typed},
        lines=[*typed.get("days", ()), *[("", "", "", "")] * MORE],
        week=[weekday(code).capitalize() for code in WEEKDAYS],
        row=clocks.newest(session),
        rule=away.newest(session),
        told=templates.template(session, away.TEMPLATE, language),
        opening=opening(current.schedule, language, now=now) if current else "",
        kinds=clocks.KINDS,
        natures=clocks.NATURES,
        most=clocks.MOST_HOURS,
        longest=clocks.LONGEST_NAME,
        holidays=[(day, name) for day, name in coming if day >= today][:5],
        may_set=viewer.may_on(Action.SET_HOURS, borough_id=None, account_id=None),
    )
