"""What goes out, for somebody's own calendar program: an iCalendar file at a secret address."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from administration import feeds
from api import messages
from api.deps import CurrentViewer, Installation, Now, ReadSession, WriteSession, require
from api.pages import render
from models.errors import NotFound
from models.scope import Action
from models.vocabulary import PostState
from publishing import calendar
from publishing.calendar import Entry

router = APIRouter(prefix="/calendrier/abonnement", include_in_schema=False, dependencies=[])

Reader = require(Action.SEE_POSTS)
PAST, AHEAD = timedelta(days=60), timedelta(days=400)
LASTS = timedelta(minutes=15)
"""How long a post is in a calendar: programs draw what has no length badly."""
SURE = frozenset({PostState.SCHEDULED, PostState.PUBLISHED})


@router.get("", dependencies=[Reader])
def show_feed(request: Request, viewer: CurrentViewer, session: ReadSession) -> Response:
    """Whether an address serves, and the forms that make and take back."""
    return render(request, "calendar/feed.html", served=feeds.has_one(session, viewer), address=None)


@router.post("", dependencies=[Reader])
def make(request: Request, viewer: CurrentViewer, parvis: Installation, session: WriteSession, now: Now) -> Response:
    """A new address, shown once."""
    token = feeds.make(session, viewer, now=now)
    address = f"{parvis.settings.base_url}/calendrier/abonnement/{token}.ics"
    return render(request, "calendar/feed.html", served=True, address=address)


@router.post("/retrait", dependencies=[Reader])
def revoke(viewer: CurrentViewer, session: WriteSession, now: Now) -> Response:
    """Take the address back."""
    feeds.revoke(session, viewer, now=now)
    return RedirectResponse("/calendrier/abonnement?fait=feed-revoked", 303)


@router.get("/{token}.ics")
def feed(parvis: Installation, session: ReadSession, now: Now, token: str) -> Response:
    """The file, to whoever has the address: what its person sees of the last 60 and the next 400 days."""
    viewer = feeds.reader(session, token)
    if viewer is None:
        raise NotFound
    found = calendar.entries(session, viewer, now - PAST, now + AHEAD)
    file = _file(found, parvis.settings.base_url, now)
    return Response(file, media_type="text/calendar; charset=utf-8")


def _file(found: list[Entry], base_url: str, now: datetime) -> bytes:
    import icalendar  # noqa: PLC0415  # Not needed by whoever only imports the door.

    made = icalendar.Calendar()
    made.add("prodid", "-//Parvis//FR")
    made.add("version", "2.0")
    made.add("x-wr-calname", "Parvis")
    for one in found:
        event = icalendar.Event()
        event.add("uid", f"{one.post.id}-{min(variant.id for variant in one.variants)}@{base_url.partition('://')[2]}")
        event.add("dtstamp", now)
        event.add("dtstart", one.at)
        event.add("dtend", one.at + LASTS)
        event.add("summary", f"{one.post.title} ({messages.label('post_state', one.post.state)})")
        event.add("location", ", ".join(variant.account.name for variant in one.variants))
        event.add("url", f"{base_url}/publications/{one.post.id}")
        event.add("status", "CONFIRMED" if one.post.state in SURE else "TENTATIVE")
        made.add_component(event)
    return bytes(made.to_ical())
