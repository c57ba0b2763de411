"""The trade practised on made-up comments, with the city's own articles: nothing is kept, and nothing leaves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from api.deps import Now, ReadSession, Sent, whole
from api.i18n import _
from api.pages import render
from api.practice_words import WHYS
from api.web.queue import Reader
from connectors.registry import names
from models.vocabulary import DecisionKind
from moderation import netiquette
from moderation.learning import practice

router = APIRouter(prefix="/entrainement", include_in_schema=False)

KEYS = {DecisionKind.NOTHING: "i", DecisionKind.REPLY: "r", DecisionKind.REQUEST: "q", DecisionKind.HIDE: "m"}
"""The usual key of each choice, as in the queue."""
MOST = 1000
"""Rounds that an address may name."""


@router.get("")
def begin(request: Request, _viewer: Reader, session: ReadSession, now: Now, partie: str = "") -> Response:
    """A round of comments to decide about."""
    return _page(request, session, _round(partie), now=now)


@router.post("")
def marked(request: Request, _viewer: Reader, session: ReadSession, now: Now, sent: Sent) -> Response:
    """What was right. Its session cannot write: nothing of it is kept."""
    places, game = range(practice.ROUND), _round(str(sent.get("partie") or ""))
    chosen, cited = ([str(sent.get(f"{name}_{place}") or "") for place in places] for name in ("choice", "article"))
    articles: Any = netiquette.articles(netiquette.in_force(session, now=now))
    return _page(request, session, game, practice.mark(game, chosen, cited, articles), now=now)


def _round(said: str) -> int:
    return (whole(said) or 0) % MOST


def _page(
    request: Request, session: Session, game: int, found: list[practice.Marked] | None = None, *, now: datetime
) -> Response:
    rules = [one for one in netiquette.in_force(session, now=now) if DecisionKind.HIDE in one.actions]
    return render(
        request,
        "practice.html",
        game=game,
        following=(game + 1) % MOST,
        cards=practice.deal(game),
        networks=names(),
        choices=practice.CHOICES,
        keys=KEYS,
        seconds=practice.SECONDS,
        rules=rules,
        titles={one.rule.code: one.title for one in rules},
        marked=found,
        why=lambda code: _(WHYS[code]),
        score=sum(one.right for one in found or ()),
    )
