"""The pages that a post links to: looked at while it is written, so that no reader comes to nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from connectors.sights import LookAt, Sight
from models.errors import NotFound, Transient
from models.links import SeenLink
from models.locks import Locks
from models.session import Database, upsert
from models.text import LONGEST_LINK, web_link
from publishing.checks import Finding
from publishing.preview import Sketch

AGAIN = timedelta(hours=1)
"""After which a page that somebody writes again is looked at again."""
FORGOTTEN = timedelta(days=30)
MOST = 10
"""Links of one post that are looked at."""

_WRITTEN = re.compile(r"https?://[^\s<>\"'«»]+[^\s<>\"'«».,;:!?)\]]")


def linked(sketches: Iterable[Sketch]) -> list[str]:
    """The addresses that a post leads to, each once: its link, and those in its words."""
    found: dict[str, None] = {}
    for one in sketches:
        for address in (one.link or "", *_WRITTEN.findall(f"{one.words}\n{one.first_comment}")):
            if web_link(address, LONGEST_LINK) is not None:
                found.setdefault(address)
    return list(found)[:MOST]


def seen(session: Session, addresses: Collection[str]) -> dict[str, SeenLink]:
    """What was seen of them, by address."""
    return {one.address: one for one in session.scalars(select(SeenLink).where(SeenLink.address.in_(addresses)))}


def picture(session: Session, link_id: int) -> bytes:
    """The JPEG of a page's card. NotFound: it has none, or nobody writes the link any more."""
    found = session.scalar(select(SeenLink.picture).where(SeenLink.id == link_id))
    if found is None:
        raise NotFound
    return found


def stale(session: Session, addresses: Sequence[str], *, now: datetime) -> list[str]:
    """Those that are to be looked at (again), and that nobody asked for yet."""
    fresh = or_(SeenLink.due_at.is_not(None), SeenLink.looked_at > now - AGAIN)
    known = set(session.scalars(select(SeenLink.address).where(SeenLink.address.in_(addresses), fresh)))
    return [one for one in addresses if one not in known]


def ask(session: Session, addresses: Iterable[str], *, now: datetime) -> None:
    """Have them looked at soon."""
    for one in sorted(addresses):
        row = {"address": one, "asked_at": now, "due_at": now, "title": "", "summary": "", "pictured": False}
        again = {"asked_at": now, "due_at": now}
        session.execute(
            upsert(session, SeenLink).values(row).on_conflict_do_update(index_elements=[SeenLink.address], set_=again)
        )


def findings(session: Session, sketches: Sequence[Sketch]) -> list[Finding]:
    """Which of its addresses lead nowhere."""
    there, cards = seen(session, linked(sketches)), {one.link for one in sketches}
    return [
        Finding(
            CODES.get(one.problem, "link_gone"),
            "link" if one.address in cards else "text",
            params={"address": one.address, "status": one.problem},
        )
        for one in there.values()
        if one.problem is not None
    ]


CODES = {
    "unreachable": "link_unreachable",
    "unknown_host": "link_unknown_host",
    "private_host": "link_private",
    "redirects": "link_circles",
    "bad_url": "link_unknown_host",
}
"""What is said of each problem; of a status: that the page is not there."""


def links_to_look(session: Session, *, now: datetime) -> list[int]:
    """Ids of those that are due."""
    due = select(SeenLink.id).where(SeenLink.due_at <= now).order_by(SeenLink.due_at, SeenLink.id)
    return list(session.scalars(due.limit(50)))


def look(database: Database, locks: Locks, look_at: LookAt, link_id: int, *, clock: Callable[[], datetime]) -> None:
    """Look at one, and keep what is there. What does not answer is said so, and asked again when somebody writes it."""
    with locks.try_hold(f"link:{link_id}") as alone:
        if not alone:
            return
        with database.read() as session:
            one = session.get(SeenLink, link_id)
            if one is None or one.due_at is None:
                return
            address = one.address
        try:
            sight = look_at(address)
        except Transient:
            sight = Sight(problem="unreachable")
        with database.write() as session:
            kept = session.get(SeenLink, link_id, with_for_update=True)
            if kept is None:
                return
            kept.due_at, kept.looked_at, kept.problem = None, clock(), sight.problem
            if sight.problem is None:
                kept.title, kept.summary = sight.title, sight.summary
                kept.picture, kept.pictured = sight.picture, sight.picture is not None


def forget_due(session: Session, *, now: datetime) -> None:
    """Those that nobody writes any more are forgotten."""
    unasked = or_(SeenLink.due_at.is_(None), SeenLink.due_at <= now)
    session.execute(delete(SeenLink).where(SeenLink.asked_at <= now - FORGOTTEN, unasked))
