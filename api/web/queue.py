"""The queue: the list, one comment with all that is around it, and what a moderator decides about it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import AfterValidator
from sqlalchemy import select
from sqlalchemy.orm import Session

from api import hour_words, keyboard
from api.deps import CurrentViewer, Installation, Now, ReadSession, WriteSession, require, whole
from api.messages import label
from api.pages import PLACES, render
from api.problems import Forbidden
from api.settings import Settings
from api.web import start
from api.web.accounts import alarm_values
from api.web.media import PICTURE_HEADERS
from api.wiring import Parvis
from connectors.registry import capabilities
from models.accounts import Account
from models.comments import Comment, VerdictRow
from models.decisions import Decision
from models.errors import Refused
from models.items import Item
from models.netiquette import RuleVersion
from models.notices import see
from models.people import resets
from models.requests311 import ServiceRequest
from models.scope import Action, Viewer, visible
from models.templates import newest
from models.vocabulary import (
    TAKE_BACK,
    Breach,
    DecisionKind,
    Group311,
    Intention,
    ItemState,
    Language,
    OperationKind,
    Reason,
    RequestNature,
)
from moderation import clocks as hours
from moderation import conversations, netiquette, sensitive, templates
from moderation.requests import escalation
from moderation.triage import deciding, incidents, listing, oncall, queue, shifts, teamwork, wellness
from moderation.triage.classification import criticism, effective, reasons_of
from moderation.triage.listing import Filter
from moderation.triage.queue import Detail, Listed
from moderation.triage.suggestion import shown_breaches, sure

router = APIRouter(include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_COMMENTS)]
Decider = Annotated[Viewer, require(Action.DECIDE)]

MINE, NOBODYS = "moi", "personne"
"""Of whose the items are, as an address says it; another value is the number of a person."""
STATES = {"a-traiter": ItemState.WAITING, "traites": ItemState.HANDLED}
DUE = {"retard": listing.PAST, "delai": listing.NEAR}
Words = Annotated[str, Form(), AfterValidator(lambda text: text.replace("\0", ""))]
"""What somebody typed: PostgreSQL keeps every character but this one."""


@dataclass(frozen=True)
class View:
    """What the list is narrowed to, as its address says it."""

    wanted: Filter
    named: Mapping[str, str]
    """The filters that narrow it, as the address names them."""

    @property
    def narrowed(self) -> bool:
        """Whether the list is less than what a tab shows."""
        of_a_tab = {"etat"} | ({"attribution"} if self.named.get("attribution") == MINE else set())
        if self.wanted.due != listing.NEAR:
            of_a_tab.add("voie")
        return bool(self.named.keys() - of_a_tab)

    def link(self, path: str, **more: str) -> str:
        """An address that keeps the filters; an empty value takes one away."""
        query = urlencode({name: value for name, value in {**self.named, **more}.items() if value})
        return f"{path}?{query}" if query else path


def view_of(
    viewer: CurrentViewer,
    etat: str = "",
    compte: str = "",
    publication: str = "",
    voie: str = "",
    attribution: str = "",
    intention: str = "",
    suggestion: str = "",
    decision: str = "",
    mots: str = "",
) -> View:
    """An empty or unknown value of a filter narrows nothing: an old bookmark still opens the queue."""
    whose = {MINE: viewer.person_id, NOBODYS: listing.NOBODY}
    assignee_id = whose[attribution] if attribution in whose else whole(attribution) or None
    wanted = Filter(
        state=STATES.get(etat, ItemState.WAITING),
        account_id=whole(compte),
        source_post_id=whole(publication),
        urgency=listing.DANGER if voie == "danger" else None,
        snoozed=voie == "reportes" and etat != "traites",
        due=DUE.get(voie, "") if etat != "traites" else "",
        assignee_id=assignee_id,
        intention=intention if intention in set(Intention) else None,
        suggestion=suggestion if suggestion in set(DecisionKind) else None,
        decision=decision if decision in set(DecisionKind) else None,
        words=mots.replace("\0", "").strip()[:100],
    )
    if wanted == Filter():
        wanted = replace(wanted, gathered=True)
    named = {
        "etat": "traites" if wanted.state == ItemState.HANDLED else "",
        "compte": str(wanted.account_id or ""),
        "publication": str(wanted.source_post_id or ""),
        "voie": voie if wanted.urgency == listing.DANGER or wanted.snoozed or wanted.due else "",
        "attribution": attribution if assignee_id is not None else "",
        "intention": wanted.intention or "",
        "suggestion": wanted.suggestion or "",
        "decision": wanted.decision or "",
        "mots": wanted.words,
    }
    return View(wanted, {name: value for name, value in named.items() if value})


CurrentView = Annotated[View, Depends(view_of)]


def is_part(request: Request) -> bool:
    """Whether a page asks for a part of itself; without JavaScript, whole pages are asked for."""
    return "hx-request" in request.headers


# ------------------------------------------------------------------------------------------------- looking
@router.get("/")
def show_queue(
    request: Request,
    parvis: Installation,
    session: ReadSession,
    viewer: CurrentViewer,
    view: CurrentView,
    now: Now,
    apres: str | None = None,
    annulable: str = "",
) -> Response:
    """The queue; whoever has nothing to do here is taken to their own first page."""
    if not viewer.may(Action.SEE_COMMENTS):
        if viewer.may(Action.MANAGE_ACCOUNTS) and not start.progress(parvis, session).complete:
            return RedirectResponse("/mise-en-route", 303)
        place = next((place for place in PLACES if place.path != "/" and viewer.may(place.action)), None)
        if place is None:
            raise Forbidden
        return RedirectResponse(place.path, 303)
    part = queue.page(session, viewer, view.wanted, now=now, after=apres, whole=False)
    counts = listing.counts(session, viewer, now=now)
    if not is_part(request):
        # The first comment comes with the page: no key that is pressed at once has to wait for it.
        passed = view.wanted.assignee_id is None
        free = (one.comment.id for one in part.lines if one.claimed_by is None and not (passed and one.theirs))
        first = next(free, None)
        undoable = whole(annulable)
        rules = netiquette.in_force(session, now=now)
        handed = shifts.unread(session, viewer) if request.state.identity.unseen else ()
        values = _list_values(parvis, session, viewer, view, part, counts, rules, now=now)
        if first is not None:
            opened = queue.detail(session, viewer, first, now=now)
            values |= item_values(session, viewer, opened, rules, parvis.settings, now=now)
        values |= {"undoable": undoable, "handed": handed, **alarm_values(parvis, session, viewer)}
        return render(request, "queue/page.html", **values)
    etag = _etag(part.lines, (counts, request.state.identity.unseen), now)
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"etag": etag})
    rules = netiquette.in_force(session, now=now)
    values = _list_values(parvis, session, viewer, view, part, counts, rules, now=now)
    return render(request, "queue/rows.html", headers={"etag": etag}, **values)


@router.get("/commentaires/{comment_id}")
def show_comment(
    request: Request,
    viewer: Reader,
    parvis: Installation,
    session: ReadSession,
    view: CurrentView,
    now: Now,
    comment_id: int,
) -> Response:
    """One comment: the reading pane alone for the page that asks, or the whole page with the list beside it."""
    opened = queue.detail(session, viewer, comment_id, now=now)
    rules = netiquette.in_force(session, now=now)
    values = item_values(session, viewer, opened, rules, parvis.settings, now=now)
    if is_part(request):
        return render(request, "queue/item.html", view=view, **values)
    part = queue.page(session, viewer, view.wanted, now=now, whole=False)
    counts = listing.counts(session, viewer, now=now)
    return render(
        request,
        "queue/page.html",
        undoable=None,
        **alarm_values(parvis, session, viewer),
        **{**_list_values(parvis, session, viewer, view, part, counts, rules, now=now), **values, "by_address": True},
    )


@router.get("/commentaires/{comment_id}/images/{attachment_id}")
def show_picture(viewer: Reader, session: ReadSession, comment_id: int, attachment_id: int) -> Response:
    """Our own picture of what a comment shows."""
    return picture_response(queue.picture(session, viewer, comment_id, attachment_id))


def picture_response(content: bytes) -> Response:
    """A JPEG of ours, kept for an hour by the reader's browser alone."""
    headers = PICTURE_HEADERS | {"cache-control": "private, max-age=3600"}
    return Response(content, media_type="image/jpeg", headers=headers)


# ------------------------------------------------------------------------------------------------- deciding
@router.post("/commentaires/{comment_id}/reservation")
def claim(viewer: Decider, session: WriteSession, now: Now, comment_id: int) -> Response:
    """Say that this comment is open here; 409 with the name of whoever has it."""
    see(session, viewer.person_id, comment_id=comment_id, now=now)
    holder = deciding.claim(session, viewer, comment_id, now=now)
    if holder is not None:
        raise Refused("claimed", by=holder)
    return Response(status_code=204)


@router.post("/commentaires/{comment_id}/liberation")
def release(viewer: Decider, session: WriteSession, comment_id: int) -> Response:
    """Say that it is not open here any more."""
    deciding.release(session, viewer, comment_id)
    return Response(status_code=204)


@router.post("/commentaires/{comment_id}/decision")
def decide(
    request: Request,
    viewer: Decider,
    parvis: Installation,
    session: WriteSession,
    view: CurrentView,
    now: Now,
    comment_id: int,
    kind: Annotated[DecisionKind, Form()],
    version: Annotated[int, Form()],
    form_key: Annotated[str, Form(min_length=16, max_length=64)],
    text: Words = "",
    rule_code: Words = "",
    service_code: Words = "",
    place: Words = "",
    nature: Annotated[RequestNature, Form()] = RequestNature.REQUEST,
    request_number: Words = "",
    draft_id: Annotated[int | None, Form(gt=0, lt=2**63)] = None,
    template_id: Words = "",
    asks_details: Annotated[bool, Form()] = False,  # noqa: FBT002
) -> Response:
    """Record a decision. The list goes on to the next comment: the page does that itself, a form is sent there."""
    choice = deciding.Choice(
        kind=kind,
        version=version,
        text=text,
        rule_code=rule_code or None,
        service_code=service_code or None,
        place=place,
        nature=nature,
        request_number=request_number or None,
        draft_id=draft_id,
        template_id=whole(template_id),
        asks_details=asks_details,
        form_key=form_key,
    )
    decision = deciding.decide(session, viewer, comment_id, choice, parvis.terms, now=now)
    rest = wellness.rest_due(session, decision, parvis.settings.break_after, now=now)
    if is_part(request):
        number = session.get_one(ServiceRequest, decision.request_id).number if decision.request_id else None
        waits = session.scalar(select(Item.state).where(Item.comment_id == comment_id)) == ItemState.WAITING
        said: dict[str, Any] = {"decision": decision, "number": number, "waits": waits}
        said |= {"joined": bool(choice.request_number), "rest": rest}
        return render(request, "queue/decided.html", view=view, **said)
    return RedirectResponse(view.link("/", annulable=str(decision.id), fait="rest" if rest else ""), 303)


@router.post("/decisions/{decision_id}/annulation")
def undo(
    request: Request, viewer: Decider, session: WriteSession, view: CurrentView, now: Now, decision_id: int
) -> Response:
    """Take a decision back; the comment waits again."""
    cancelling = deciding.undo(session, viewer, decision_id, now=now)
    if is_part(request):
        return render(request, "queue/undone.html", decision=cancelling)
    return RedirectResponse(view.link(f"/commentaires/{cancelling.comment_id}", fait="undone"), 303)


@router.post("/commentaires/{comment_id}/double")
def settle_second(
    viewer: Decider,
    session: WriteSession,
    view: CurrentView,
    now: Now,
    comment_id: int,
    take_back: Annotated[bool, Form()] = False,  # noqa: FBT002
) -> Response:
    """Say what becomes of a reply that stands twice in public."""
    deciding.settle_second(session, viewer, comment_id, take_back=take_back, now=now)
    said = "second-taken" if take_back else "second-kept"
    return RedirectResponse(view.link(f"/commentaires/{comment_id}", fait=said), 303)


# ------------------------------------------------------------------------------------------------- what pages show
def _list_values(
    parvis: Parvis,
    session: Session,
    viewer: Viewer,
    view: View,
    part: queue.QueuePage,
    counts: listing.Counts,
    rules: Sequence[RuleVersion],
    *,
    now: datetime,
) -> dict[str, Any]:
    values: dict[str, Any] = {"view": view, "part": part, "counts": counts, "now": now, "waited": waited}
    values |= {"may_group": viewer.may(Action.DECIDE), "is_hard": wellness.hard}
    values |= {"detail": None, "by_address": False, "intentions": list(Intention)}
    values |= {"commands": keyboard.COMMANDS, "aliases": keyboard.ALIASES}
    values["found"] = listing.found(session, viewer, view.wanted, now=now) if view.narrowed else None
    values["articles"] = netiquette.articles(rules)
    values["events"] = incidents.lines(session, viewer) if view.wanted.gathered else ()
    if not part.lines:
        midnight = now.astimezone(parvis.settings.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        values["today"] = queue.done_since(session, viewer, midnight)
    statement = select(Account).order_by(Account.name)
    values["accounts"] = session.scalars(visible(statement, viewer, Action.SEE_COMMENTS, Account)).all()
    return values


def item_values(
    session: Session, viewer: Viewer, detail: Detail, rules: Sequence[RuleVersion], settings: Settings, *, now: datetime
) -> dict[str, Any]:
    """What `queue/item.html` shows of one comment, besides the `view`. `rules` are the articles in force."""
    comment, verdict = detail.comment, detail.comment.verdict
    language = verdict.language if verdict else Language.FRENCH
    reasons = reasons_of(verdict) if verdict and verdict.version == comment.version else []
    scope = {"borough_id": comment.borough_id, "account_id": comment.account_id}
    problem = detail.item.problem if detail.item is not None else None
    able, talk = capabilities(comment.account.network), detail.talk
    window = conversations.window(talk.conversation, able) if talk is not None else None
    closed = window is not None and window.closed(now)
    asked = detail.proposal if detail.proposal and detail.proposal.open else None
    needs_second = verdict is not None and criticism(verdict, detail.corrections, viewer.person_id)
    given = templates.first_name(comment.author.name if comment.author else None)
    worded = newest(session, language)
    replies = templates.saved(
        worded,
        verdict.intention if verdict else None,
        network=comment.account.network,
        tone=comment.account.tone,
    )
    filling = {"prenom": given}
    if any("{heures}" in one.body for one in replies) and (clocks := hours.current(session, settings.zone)):
        filling["heures"] = hour_words.opening(clocks.schedule, language, now=now)
    if detail.requests:
        filling |= {
            "numero": detail.requests[-1].public_number,
            "service": detail.requests[-1].service.called(language),
        }
    return {
        "detail": detail,
        "resets": session.scalars(
            resets({one.person_id for one in detail.decisions} | {one.person_id for one in detail.proposals})
        ).all(),
        "now": now,
        "waited": waited,
        "may_decide": viewer.may_on(Action.DECIDE, **scope),
        "offered": deciding.offered(comment, capabilities) - ({DecisionKind.REPLY} if closed else set()),
        "longest_reply": able.longest_reply if talk is None else able.longest_message,
        "window": window,
        "closed": closed,
        "person_days": able.person_days,
        "sure": sure(verdict, detail.suggestion, drafted=bool(detail.drafts)),
        "may_delete": OperationKind.DELETE in able.operations and (problem is None or problem.operation in TAKE_BACK),
        "may_see_requests": viewer.may_on(Action.SEE_REQUESTS, **scope),
        "segments": marked(comment.text or "", reasons),
        "reasons": reasons,
        "certainty": verdict.certainty if verdict else {},
        "breaches": shown_breaches(verdict.scores["breaches"]) if verdict else [],
        "place": escalation.named_place(verdict) if verdict and verdict.version == comment.version else "",
        "corrected": effective(detail.corrections),
        "readable": verdict is not None and verdict.version == comment.version,
        "intentions": list(Intention),
        "all_breaches": list(Breach),
        "all_groups": list(Group311),
        "asked": asked,
        "asked_here": asked is not None and asked.person_id == viewer.person_id,
        "asks": (asked is None or asked.kind != DecisionKind.HIDE) and needs_second,
        "reply_asks": sensitive.touches(session, viewer, comment.id, verdict, detail.corrections),
        "hard": _hard(verdict),
        "is_hard": wellness.hard,
        "signature": comment.account.reply_signature,
        "rules": netiquette.usable(rules, viewer, DecisionKind.HIDE),
        "articles": netiquette.articles(rules),
        "saved": [(one.id, templates.name_of(one), templates.render(one.body, filling)) for one in replies],
        "opened": templates.wording(worded, "request_opened"),
        "joined": templates.wording(worded, "request_joined"),
        "discreet": templates.wording(worded, "request_discreet"),
        "complaint": templates.render(
            templates.wording(worded, "complaint_form" if settings.form_url else "complaint_phone"),
            {"lien": settings.form_url or ""},
        ),
        "told": oncall.told(session, detail.alarm) if detail.alarm is not None else [],
        "may_note": viewer.may_on(Action.WRITE_NOTES, **scope),
        "colleagues": teamwork.colleagues(session, comment),
        "laters": teamwork.laters(now, settings.zone),
        "longest_note": teamwork.LONGEST,
        "services": detail.catalogue,
        "likely": detail.likely,
        "effects": {effect.id: effect for effect in detail.effects},
        "undone": {decision.cancels_id for decision in detail.decisions if decision.cancels_id},
        "last": (last := _undoable(detail)),
        "last_is_own": last is not None and last.person_id == viewer.person_id,
        "call_911": templates.wording(worded, "reply_911"),
        "form_key": lambda: secrets.token_urlsafe(16),
    }


def _hard(verdict: VerdictRow | None) -> str:
    """Why the words of a comment are hard to read; empty: they are not."""
    if verdict is None or not wellness.hard(verdict):
        return ""
    found = [label("netiquette", one) for one in shown_breaches(verdict.scores["breaches"]) if one in wellness.HARD]
    return ", ".join(found) or label("urgence", verdict.urgency)


def _undoable(detail: Detail) -> Decision | None:
    """The decision that `z` would take back from this comment."""
    undone = {decision.cancels_id for decision in detail.decisions}
    made = [decision for decision in detail.decisions if decision.kind != DecisionKind.CANCEL]
    last = made[-1] if made else None
    return last if last and last.id not in undone and last.kind != DecisionKind.UNHIDE else None


def marked(text: str, reasons: Sequence[Reason]) -> list[tuple[str, list[Reason]]]:
    """The text cut where reasons begin and end, each piece with the reasons that point at it; it joins to the text."""
    asked = [(reason.start, reason.end, reason) for reason in reasons]
    clamped = [
        (max(0, start), min(len(text), end), reason)
        for start, end, reason in asked
        if start is not None and end is not None
    ]
    places = [place for place in clamped if place[0] < place[1]]
    cuts = sorted({0, len(text), *(place[0] for place in places), *(place[1] for place in places)})
    return [
        (text[start:end], [reason for first, last, reason in places if first <= start and end <= last])
        for start, end in pairwise(cuts)
    ]


def waited(since: datetime | None, now: datetime) -> tuple[str, int]:
    """How long something has waited, as the largest unit that is whole: ("minute", 12), ("hour", 3), ("day", 2)."""
    minutes = max(0, int((now - since).total_seconds() // 60)) if since else 0
    if minutes < 60:
        return "minute", minutes
    return ("hour", minutes // 60) if minutes < 48 * 60 else ("day", minutes // (24 * 60))


def _etag(items: Sequence[Listed], counts: object, now: datetime) -> str:
    """Changes when the list would read otherwise; waiting times are in minutes, so a minute is a change."""

    def line(listed: Listed) -> tuple[object, ...]:
        comment: Comment = listed.comment
        return (
            comment.id,
            comment.version,
            listed.item.version,
            comment.verdict and (comment.verdict.intention, comment.verdict.suggestion),
            listed.decision and listed.decision.id,
            listed.drafted,
            comment.hidden_by,
            comment.removed,
            listed.claimed_by,
            listed.proposal and (listed.proposal.id, listed.proposal.confirmed),
            listed.answered_outside,
        )

    state = (now.replace(second=0, microsecond=0), counts, [line(listed) for listed in items])
    return f'"{hashlib.sha256(repr(state).encode()).hexdigest()[:32]}"'
