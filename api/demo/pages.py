"""The demonstration's own pages: becoming one of its people in a click, the tour, and starting again.

They are part of the application only in `parvis demo`, which serves this machine alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from administration import sign_in
from api.demo import city
from api.deps import Installation, Now, ReadSession, WriteSession
from api.i18n import N_
from api.pages import render
from api.web.sign_in import enter, inside
from models.accounts import Account
from models.audit import AuditEntry
from models.comments import Comment
from models.decisions import Decision
from models.effects import Effect, still_open
from models.errors import NotFound
from models.holds import Hold
from models.incidents import Incident
from models.items import Item
from models.posts import Post
from models.requests311 import Requester, ServiceRequest
from models.vocabulary import CLOSED_STATUSES, DecisionKind, EffectState, ItemState, OperationKind, PostState

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Step:
    """One stop of the tour: who does it, where, and whether it is done, read from the data."""

    title: str
    text: str
    who: str
    path: str
    done: bool


@dataclass(frozen=True)
class Facts:
    """What was done and can be proved, counted from the rows now."""

    comments: int
    waiting: int
    decisions: int
    effects_done: int
    effects_open: int
    effects_uncertain: int
    requests: int
    answered: int
    published: int
    sealed: int


@router.post("/demo/devenir")
def become(
    parvis: Installation,
    session: WriteSession,
    now: Now,
    who: Annotated[str, Form()],
    suite: Annotated[str, Form()] = "/",
) -> Response:
    """Sign in as one of the six people of the demonstration."""
    person = city.person(session, who)
    if person is None:
        raise NotFound
    attempt = sign_in.welcome(session, parvis.vault, person, now=now)
    return enter(attempt, parvis.settings, inside(suite))


@router.post("/demo/recommencer")
def again(request: Request) -> Response:
    """The same morning again. What was done is forgotten, and everybody is signed out."""
    request.app.state.restart()
    return RedirectResponse("/visite", 303)


@router.get("/visite")
def tour(request: Request, session: ReadSession) -> Response:
    """The tour in five minutes; every figure on it is read from the data."""
    return render(request, "tour.html", steps=steps(session), facts=facts(session))


def steps(session: Session) -> list[Step]:
    """The stops of the tour, in order."""
    kinds = set(session.scalars(select(Decision.kind).distinct()))
    handled = session.scalar(select(func.count()).where(Decision.kind != DecisionKind.CANCEL)) or 0
    published = session.scalar(select(func.count()).where(Post.state == PostState.PUBLISHED)) or 0
    made = select(ServiceRequest.number).join(Incident, Incident.request_id == ServiceRequest.id)
    event = session.scalar(made.order_by(Incident.id).limit(1))
    closed = session.scalar(select(func.count()).where(ServiceRequest.status.in_(CLOSED_STATUSES))) or 0
    return [
        Step(
            N_("8:30 a.m., sixty comments are waiting"),
            N_("Immediate danger is on top. Go down with j, decide with i, r, m or q; undo with z."),
            city.MODERATOR,
            "/",
            handled >= 5,
        ),
        Step(
            N_("Criticism stays, an insult is hidden with its reason"),
            N_("Search for “imbécile”, press m and choose the article. Then try to hide the criticism of the mayor."),
            city.MODERATOR,
            "/?mots=imbécile",
            DecisionKind.HIDE in kinds,
        ),
        Step(
            N_("A private message has its answer while the network takes one"),
            N_(
                "Search for “versements”: the conversation, until when it can be answered, then r. Who may not read "
                "private messages does not see that there are any."
            ),
            city.MODERATOR,
            "/?mots=versements",
            session.scalar(select(exists().where(Effect.operation == OperationKind.MESSAGE))) or False,
        ),
        Step(
            N_("Six people saw one water-main break: one request"),
            N_(
                "The line “6 people · Rue Wolfe” above the queue gathers those who named the street, under any post: "
                "open it, and Enter makes one 311 request for all. Search for “Saint-Georges” for whoever only says "
                "“same thing here”: q joins them to it."
            ),
            city.SECOND_MODERATOR,
            "/evenements",
            event is not None,
        ),
        Step(
            N_("311 closes the request with a note"),
            N_(
                "The agent sees the citizens' own words and the map of the districts, writes what was done, and closes."
            ),
            city.AGENT,
            "/requetes",
            closed > 0,
        ),
        Step(
            N_("The six hear back where they wrote"),
            N_(
                "Every answer is previewed beside the words that it answers, and may be worded anew; Enter sends them "
                "all. The others are back in the queue: r, then Ctrl+Enter."
            ),
            city.SECOND_MODERATOR,
            f"/requetes/{event}/reponses" if event is not None else "/",
            answered(session) > 0,
        ),
        Step(
            N_("A post is written, approved by somebody else, and leaves on time"),
            N_(
                "Camille writes and submits, Hélène approves, Camille gives it its time. A quarter of an hour before, "
                "its page says that its pictures or its film were sent ahead."
            ),
            city.OFFICER,
            "/publications",
            published > 0,
        ),
        Step(
            N_("An emergency pause stops everything that is scheduled"),
            N_(
                "Camille writes why and stops everything; at its end nothing leaves by itself, each post waits for "
                "review."
            ),
            city.OFFICER,
            "/pause",
            session.scalar(select(exists(Hold.id))) or False,
        ),
        Step(
            N_("An account is connected from its network’s own window"),
            N_("Mireille presses LinkedIn, says yes in the pretend window, and chooses the city’s page."),
            city.ADMIN,
            "/comptes",
            session.scalar(select(exists().where(Account.connected_by.is_not(None)))) or False,
        ),
    ]


def facts(session: Session) -> Facts:
    """What was done and proved until now."""

    def count(*conditions: object) -> int:
        return session.scalar(select(func.count()).where(*conditions)) or 0  # type: ignore[arg-type]

    return Facts(
        comments=count(Comment.by_city.is_(False)),
        waiting=count(Item.state != ItemState.HANDLED),
        decisions=count(Decision.id.is_not(None)),
        effects_done=count(Effect.state == EffectState.DONE),
        effects_open=count(still_open(Effect)),
        effects_uncertain=count(Effect.state.in_([EffectState.UNKNOWN, EffectState.NEEDS_PERSON])),
        requests=count(ServiceRequest.id.is_not(None)),
        answered=answered(session),
        published=count(Post.state == PostState.PUBLISHED),
        sealed=count(AuditEntry.seal.is_not(None)),
    )


def answered(session: Session) -> int:
    """Closed requests whose every requester was answered in the thread: the answer is on the network."""
    unanswered = aliased(Requester)
    reply = (
        select(Decision.id)
        .join(Effect, Effect.id == Decision.effect_id)
        .where(
            Decision.comment_id == unanswered.comment_id,
            Decision.request_id == ServiceRequest.id,
            Decision.kind == DecisionKind.REPLY,
            Effect.operation == OperationKind.REPLY,
            Effect.state == EffectState.DONE,
        )
    )
    missing = select(unanswered.id).where(
        unanswered.request_id == ServiceRequest.id, unanswered.detached_at.is_(None), ~exists(reply)
    )
    asked = select(Requester.id).where(Requester.request_id == ServiceRequest.id, Requester.detached_at.is_(None))
    return (
        session.scalar(
            select(func.count()).where(ServiceRequest.status.in_(CLOSED_STATUSES), exists(asked), ~exists(missing))
        )
        or 0
    )
