"""The news of the city's own site: read by the clock, each piece kept once, and made into a draft by a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.feeds import News, ReadNews
from models import audit
from models.errors import NotFound, Refused, Rejected, Transient
from models.locks import Locks
from models.news import NewsEntry, NewsFeed
from models.scope import Viewer
from models.session import Database, upsert

EVERY = timedelta(minutes=15)
"""How often the site is asked."""
RECENT = timedelta(days=30)
"""What was published before is no news, at the first reading too."""
MOST = 100


def feeds_to_read(session: Session, *, address: str | None, now: datetime) -> list[int]:
    """Whether the address of the settings is due: its id (0: it was never read), or nothing."""
    if address is None:
        return []
    feed = session.scalar(select(NewsFeed).where(NewsFeed.address == address))
    if feed is None:
        return [0]
    return [feed.id] if feed.due_at <= now else []


def read(database: Database, locks: Locks, reader: ReadNews, address: str, *, clock: Callable[[], datetime]) -> None:
    """Read the feed, and keep what is new in it. One that cannot be read is asked again later, and said on the page."""
    with locks.try_hold("news") as alone:
        if not alone:
            return
        with database.read() as session:
            if not feeds_to_read(session, address=address, now=clock()):
                return
            known = session.scalar(select(NewsFeed).where(NewsFeed.address == address))
        said = (known.etag, known.modified) if known is not None else (None, None)
        found, failing = None, None
        try:
            found = reader(address, *said)
        except (Transient, Rejected) as error:
            failing = (error.reason or "unreachable")[:50]
        with database.write() as session:
            _store(session, address, found, failing, now=clock())


def entries(session: Session) -> Sequence[NewsEntry]:
    """What waits for somebody to make something of it, the newest first."""
    waits = select(NewsEntry).where(NewsEntry.post_id.is_(None), NewsEntry.set_aside_at.is_(None))
    return session.scalars(waits.order_by(NewsEntry.seen_at.desc(), NewsEntry.id).limit(MOST)).all()


def feed(session: Session, address: str | None) -> NewsFeed | None:
    """How the address of the settings was read; None: it never was."""
    return session.scalar(select(NewsFeed).where(NewsFeed.address == address))


def entry(session: Session, entry_id: int) -> NewsEntry:
    """One piece of news that waits; NotFound: something was made of it, or it was set aside."""
    found = session.get(NewsEntry, entry_id)
    if found is None or found.post_id is not None or found.set_aside_at is not None:
        raise NotFound
    return found


def words_of(one: NewsEntry) -> str:
    """How a draft of it begins."""
    return f"{one.title}\n\n{one.summary}".strip()


def take(session: Session, entry_id: int, post_id: int) -> None:
    """A post was made of it. Refused: `news_taken`, somebody else was faster: one piece makes one draft."""
    found = session.get(NewsEntry, entry_id, with_for_update=True, populate_existing=True)
    if found is None:
        return
    if found.post_id is not None:
        raise Refused("news_taken")
    found.post_id = post_id


def set_aside(session: Session, viewer: Viewer, entry_id: int, *, now: datetime) -> None:
    """Nothing is to be made of it."""
    found = session.get(NewsEntry, entry_id, with_for_update=True)
    if found is None:
        raise NotFound
    if found.set_aside_at is None:
        found.set_aside_at, found.set_aside_by_id = now, viewer.person_id
        audit.note(session, "news.set_aside", f"news:{found.id}", now=now, person_id=viewer.person_id)


# -------------------------------------------------------------------------------------------------------------------
def _store(session: Session, address: str, found: News | None, failing: str | None, *, now: datetime) -> None:
    session.execute(upsert(session, NewsFeed).values(address=address, due_at=now).on_conflict_do_nothing())
    feed = session.scalars(select(NewsFeed).where(NewsFeed.address == address).with_for_update()).one()
    feed.due_at = now + EVERY
    if failing is not None:
        feed.failing, feed.failing_since = failing, feed.failing_since or now
        return
    feed.read_at, feed.failing, feed.failing_since = now, None, None
    if found is None:
        return
    feed.etag, feed.modified = found.etag, found.modified
    for one in found.entries:
        if one.published_at is not None and not now - RECENT <= one.published_at <= now + timedelta(days=1):
            continue
        words = {"title": one.title, "summary": one.summary, "link": one.link, "published_at": one.published_at}
        row = {"feed_id": feed.id, "key": one.key, "seen_at": now, **words}
        # What the site words anew is told anew, as long as nobody has made something of it.
        kept = (
            upsert(session, NewsEntry)
            .values(row)
            .on_conflict_do_update(
                index_elements=[NewsEntry.feed_id, NewsEntry.key], set_=words, where=NewsEntry.post_id.is_(None)
            )
        )
        session.execute(kept)
