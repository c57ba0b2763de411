"""The page of whoever keeps Parvis running: what waits, for how long, what that means and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from administration import accounts, copies
from api.deps import Installation, Now, ReadSession, require
from api.findings import Line, State, disk
from api.i18n import N_, _, format_number, ngettext
from api.pages import render
from api.settings import Settings
from api.watching import Watched, arrivals, watch
from models import messages
from models.scope import Action, Viewer
from scheduler.jobs import QUEUES

router = APIRouter(include_in_schema=False)

Operator = Annotated[Viewer, require(Action.MANAGE_ACCOUNTS, whole_city=True)]

SOON, LONG = timedelta(minutes=1), timedelta(minutes=5)
"""From when on what should happen within seconds is worth a look, and from when on it does not happen."""
DANGER_LONG = timedelta(minutes=15)


@router.get("/exploitation")
def show(request: Request, parvis: Installation, session: ReadSession, viewer: Operator, now: Now) -> Response:
    """The page; it asks again by itself."""
    hours = arrivals(session, now=now)
    return render(
        request,
        "operations.html",
        lines=[
            *lines(watch(session, now=now), parvis.settings),
            *_workers(session, parvis.settings),
            _backups(copies.last(session), parvis.settings, now),
        ],
        hours=hours,
        most=max(1, *(max(hour.received, hour.read) for hour in hours)),
        now=now,
    )


def lines(seen: Watched, settings: Settings) -> Iterator[Line]:
    """In the order in which they matter."""
    engine = _("Nothing seems to carry the work: see that “parvis serve” or a “parvis worker” runs, and read its log.")
    yield _dangers(seen)
    yield _aged(_("Acts on the networks"), seen.effect_late, N_("The oldest that is due waits since %(age)s."), engine)
    yield _aged(_("Webhooks to read"), seen.body_oldest, N_("The oldest waits since %(age)s."), engine)
    model = _("The model reads more slowly than comments come, or not at all: another “parvis worker” helps.")
    yield _aged(_("Comments to analyse"), seen.unread_oldest, N_("The oldest waits since %(age)s."), model, _left(seen))
    yield _aged(_("Journal to seal"), seen.unsealed, N_("The oldest entry without a seal is %(age)s old."), engine)
    yield from _far_sides(seen)
    yield from disk(settings)
    waiting = ngettext("%(n)s comment waits", "%(n)s comments wait", seen.waiting)
    late = ngettext("%(n)s past its time", "%(n)s past their time", seen.late)
    claimed = ngettext("%(n)s open at somebody’s desk", "%(n)s open at somebody’s desk", seen.claims)
    yield Line(_("Queue"), f"{waiting}; {late}; {claimed}.", State.TO_DO if seen.late else State.GOOD)
    if seen.problems:
        said = ngettext("%(n)s comment came back.", "%(n)s comments came back.", seen.problems)
        advice = _("An act failed on the network; moderators see why, in the queue.")
        yield Line(_("Acts that failed"), said, State.TO_DO, advice)
    if seen.set_aside:
        said = ngettext("%(n)s piece is kept aside.", "%(n)s pieces are kept aside.", seen.set_aside)
        advice = _("They belong to an account that is not connected, or could not be read; nothing is lost.")
        yield Line(_("Webhooks set aside"), said, State.TO_DO, advice, "/comptes")
    if seen.verdicts:
        share = format_number(round(100 * seen.abstained / seen.verdicts))
        read = ngettext("%(n)s comment read in a day", "%(n)s comments read in a day", seen.verdicts)
        yield Line(_("Analysis"), _("%(read)s; of %(share)s %% it does not say the intention.", read=read, share=share))


def _dangers(seen: Watched) -> Line:
    name = _("Immediate dangers")
    if not seen.dangers:
        return Line(name, _("None waits."))
    said = ngettext("%(n)s waits", "%(n)s wait", seen.dangers)
    said = _("%(what)s, the oldest since %(age)s.", what=said, age=_age(seen.danger_oldest or timedelta(0)))
    long = (seen.danger_oldest or timedelta(0)) > DANGER_LONG
    advice = _("Whoever is on call is told; see that somebody answers.")
    return Line(name, said, State.WRONG if long else State.TO_DO, advice)


def _aged(name: str, age: timedelta | None, said: str, advice: str, more: str = "") -> Line:
    """What should be over within seconds; `said` is a message with a place for the age."""
    if age is None or age < SOON:
        return Line(name, _("Up to date."))
    state = State.WRONG if age >= LONG else State.TO_DO
    return Line(name, f"{_(said, age=_age(age))} {more}".rstrip(), state, advice)


def _left(seen: Watched) -> str:
    """How much of a backlog is left, after an import or the first reading of an account, and until when it takes."""
    left = ngettext("%(n)s is left.", "%(n)s are left.", seen.unread_items)
    if not seen.read_in_hour:
        return left
    pace = _age(timedelta(hours=seen.unread_items / seen.read_in_hour))
    return _("%(left)s At the pace of the last hour, that takes %(age)s.", left=left, age=pace)


def _far_sides(seen: Watched) -> Iterator[Line]:
    stopped = [one for one in seen.far_sides if not one.usable or (one.failing or timedelta(0)) >= accounts.BEHIND]
    name = _("Networks and other systems")
    if not stopped:
        told = ngettext("%(n)s answers.", "%(n)s answer.", len(seen.far_sides))
        yield Line(name, told)
    for one in stopped:
        what = one.name or one.kind
        since = _("no reading has come through since %(age)s", age=_age(one.failing)) if one.failing else ""
        said = _("%(what)s: %(why)s.", what=what, why=since or _("nothing may be called there now"))
        yield Line(name, said, State.WRONG, _("Its page says why and what to do."), "/comptes")


def _workers(session: Session, settings: Settings) -> Iterator[Line]:
    """Of the distributed engine: who takes messages, and the queues that nobody takes."""
    if settings.engine != "distributed":
        return
    connected = messages.workers(session)
    alone = [queue for queue in QUEUES if not any(queue in worker.queues for worker in connected)]
    name, said = _("Workers"), ngettext("%(n)s is connected.", "%(n)s are connected.", len(connected))
    if not alone:
        yield Line(name, said)
        return
    advice = _("Nobody takes %(queues)s: start “parvis worker”.", queues=", ".join(alone))
    yield Line(name, said, State.WRONG, advice)


def _backups(last: datetime | None, settings: Settings, now: datetime) -> Line:
    """How old the last copy is, and whether Parvis makes them by itself."""
    name = _("Backups")
    said = _("None was made yet.") if last is None else _("The last was made %(age)s ago.", age=_age(now - last))
    if settings.backup_folder is None:
        advice = _("With PARVIS_BACKUP_FOLDER, Parvis makes them by itself and tries each one.")
        return Line(name, said, State.TO_DO if last is None else State.GOOD, advice)
    every = timedelta(hours=settings.backup_hours)
    if last is not None and now - last <= copies.PATIENCE * every:
        return Line(name, said)
    advice = _("See that the folder %(folder)s is there and has room.", folder=settings.backup_folder)
    return Line(name, said, State.TO_DO if last is None else State.WRONG, advice)


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return _("less than a minute")
    if minutes < 120:
        return ngettext("%(n)s minute", "%(n)s minutes", minutes)
    hours = minutes // 60
    if hours < 48:
        return ngettext("%(n)s hour", "%(n)s hours", hours)
    return ngettext("%(n)s day", "%(n)s days", hours // 24)
