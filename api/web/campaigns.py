"""The city's campaigns: what they are for, and their posts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from api.deps import Installation, Now, ReadSession, Sent, WriteSession, require, whole
from api.i18n import _
from api.messages import label
from api.pages import render
from api.web.pause import place_of
from api.web.posts import ORDER, day_of
from api.web.team import sheet
from models.campaigns import Campaign
from models.errors import Refusals, Refused
from models.figures import COUNTS
from models.scope import Action, Viewer
from publishing import campaigns, planning
from publishing import report as reports
from publishing.places import places

router = APIRouter(prefix="/campagnes", include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]
Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]
Version = Annotated[int, Form()]

FIELDS = ("name", "objective", "theme", "unit", "budget", "utm")


def _outline(form: FormData) -> campaigns.Outline:
    """Refused: `date_unreadable`, `budget_unreadable`."""
    said = {name: str(form.get(name, "")).replace("\0", "").replace("\r\n", "\n") for name in FIELDS}
    days, wrong = [day_of(str(form.get(name, ""))) for name in ("begins_on", "ends_on")], Refusals()
    for name, day in zip(("begins_on", "ends_on"), days, strict=True):
        with wrong.collect():
            if day is None:
                raise Refused("date_unreadable", field=name)
    budget = said.pop("budget").replace(" ", "").replace("\N{NO-BREAK SPACE}", "").removesuffix("$")
    with wrong.collect():
        if budget and whole(budget) is None:
            raise Refused("budget_unreadable", field="budget")
    wrong.say()
    begins_on, ends_on = (day for day in days if day is not None)
    return campaigns.Outline(begins_on=begins_on, ends_on=ends_on, budget=whole(budget), **said)


@router.get("")
def show_campaigns(
    request: Request, viewer: Reader, session: ReadSession, parvis: Installation, now: Now, toutes: str = ""
) -> Response:
    """Those that are not over; `toutes`: the others too."""
    today = now.astimezone(parvis.settings.zone).date()
    found, _cursor = campaigns.campaigns(session, viewer, since=None if toutes else today)
    return render(
        request,
        "campaigns/list.html",
        campaigns=sorted(found, key=lambda one: (one.begins_on, one.id)),
        counts=campaigns.counts(session, viewer, [one.id for one in found]),
        order=ORDER,
        today=today,
        everything=bool(toutes),
        may_write=viewer.may(Action.WRITE_POSTS),
    )


@router.get("/nouvelle")
def show_new(request: Request, viewer: Writer, session: ReadSession) -> Response:
    """An empty form."""
    return _form(request, session, viewer, None, {})


@router.get("/{campaign_id}")
def show_campaign(request: Request, viewer: Reader, session: ReadSession, campaign_id: int) -> Response:
    """One campaign and its posts by state."""
    return _page(request, session, viewer, campaign_id)


@router.get("/{campaign_id}/bilan")
def show_report(request: Request, viewer: Reader, session: ReadSession, campaign_id: int) -> Response:
    """What came of it: each post's figures, and what citizens wrote."""
    found = reports.report(session, viewer, campaign_id)
    sees = viewer.may(Action.SEE_COMMENTS)
    return render(request, "campaigns/report.html", report=found, counts=COUNTS, sees_comments=sees)


@router.get("/{campaign_id}/bilan.csv")
def export_report(viewer: Reader, parvis: Installation, session: ReadSession, campaign_id: int) -> Response:
    """The same for a spreadsheet; times are those of the city."""
    found, zone = reports.report(session, viewer, campaign_id), parvis.settings.zone
    heads = [_("Post"), _("Account"), _("Network"), _("Published"), _("Link")]
    heads += [*(label("figure", name) for name in COUNTS), _("Citizens’ comments"), _("Questions")]
    return sheet(f"campagne-{campaign_id}", heads, (_cells(one, zone) for one in found.lines))


def _cells(one: reports.Line, zone: ZoneInfo) -> list[object]:
    at = one.variant.published_at
    counted = [getattr(one.figures, name) if one.figures else None for name in COUNTS]
    return [
        one.post.title,
        one.variant.account.name,
        label("network", one.variant.account.network),
        f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else "",
        one.variant.permalink or "",
        *("" if value is None else value for value in counted),
        one.comments,
        one.questions,
    ]


@router.get("/{campaign_id}/modifier")
def show_edit(request: Request, viewer: Writer, session: ReadSession, campaign_id: int) -> Response:
    """The form with what was said."""
    found = campaigns.campaign(session, viewer, campaign_id)
    names = (*FIELDS, "begins_on", "ends_on")
    said = {name: "" if (value := getattr(found, name)) is None else value for name in names}
    return _form(request, session, viewer, found, said)


@router.post("")
def create(request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent) -> Response:
    """Begin a campaign; a refused one comes back as it was written."""
    try:
        outline, place = _outline(form), place_of(str(form.get("place", "city")))
        with parvis.database.write() as session:
            made = campaigns.create(session, viewer, outline, **place, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return _form(request, session, viewer, None, form, error=error)
    return RedirectResponse(f"/campagnes/{made.id}?fait=campaign-saved", 303)


@router.post("/{campaign_id}")
def edit(
    request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent, campaign_id: int, version: Version
) -> Response:
    """Say it anew."""
    try:
        outline = _outline(form)
        with parvis.database.write() as session:
            campaigns.edit(session, viewer, campaign_id, outline, version=version, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            found = campaigns.campaign(session, viewer, campaign_id)
            return _form(request, session, viewer, found, form, error=error)
    return RedirectResponse(f"/campagnes/{campaign_id}?fait=campaign-saved", 303)


@router.post("/{campaign_id}/suppression")
def remove(viewer: Writer, session: WriteSession, now: Now, campaign_id: int, version: Version) -> Response:
    """Forget a campaign without posts."""
    campaigns.remove(session, viewer, campaign_id, version=version, now=now)
    return RedirectResponse("/campagnes?fait=campaign-removed", 303)


# ------------------------------------------------------------------------------------------------- pages
def _page(request: Request, session: Session, viewer: Viewer, campaign_id: int) -> Response:
    found = campaigns.campaign(session, viewer, campaign_id)
    posts, _cursor = planning.posts(session, viewer, campaign_id=campaign_id)
    groups = [(state, [post for post in posts if post.state == state]) for state in ORDER]
    return render(
        request,
        "campaigns/detail.html",
        campaign=found,
        groups=[(state, some) for state, some in groups if some],
        may_write=viewer.may_on(Action.WRITE_POSTS, borough_id=found.borough_id, account_id=found.account_id),
    )


def _form(
    request: Request,
    session: Session,
    viewer: Viewer,
    campaign: Campaign | None,
    form: Mapping[str, Any],
    *,
    error: Refused | None = None,
) -> Response:
    return render(
        request,
        "campaigns/form.html",
        status=200 if error is None else 422 if error.params.get("field") else 409,
        campaign=campaign,
        form=form,
        theirs=places(session, viewer, Action.WRITE_POSTS),
        longest=campaigns.LONGEST_NAME,
        error=error,
    )
