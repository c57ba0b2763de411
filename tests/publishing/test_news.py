"""The news of the site: each piece once, as the site words it last, and made into one draft by a person."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from connectors.feeds import Announced, News
from models.errors import NotFound, Rejected, Transient
from models.locks import locks_for
from models.news import NewsEntry, NewsFeed
from publishing import news

ADDRESS = "https://www.ville.example/rss.xml"


class Site:
    """What the site announces, and how it was asked."""

    def __init__(self, *entries: Announced) -> None:
        self.says: News | Exception | None = News(entries, '"1"', None)
        self.asked: list[tuple[str, str | None, str | None]] = []

    def __call__(self, address: str, etag: str | None, modified: str | None) -> News | None:
        self.asked.append((address, etag, modified))
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
def read(city, tmp_path):
    def once(site: Site) -> None:
        news.read(city.database, locks_for(city.database, tmp_path), site, ADDRESS, clock=city.clock)

    return once


def due(city, address: str | None = ADDRESS) -> list[int]:
    with city.database.read() as session:
        return news.feeds_to_read(session, address=address, now=city.now)


def waiting(city) -> list[tuple[str, str]]:
    with city.database.read() as session:
        return [(one.title, one.summary) for one in news.entries(session)]


def test_each_piece_is_kept_once_as_the_site_words_it_last(city, read):
    site = Site(Announced("a", "Collecte", "Lundi."), Announced("b", "Piscine"))
    assert (due(city, None), due(city)) == ([], [0])
    read(site)
    assert due(city) == []
    read(site)
    assert len(site.asked) == 1, "it is not due"
    city.clock.pass_(minutes=16)
    site.says = News([Announced("a", "Collecte", "Mardi."), Announced("c", "Neige")], '"2"', "hier")
    read(site)
    assert sorted(waiting(city)) == [("Collecte", "Mardi."), ("Neige", ""), ("Piscine", "")]
    city.clock.pass_(minutes=16)
    site.says = None
    read(site)
    assert site.asked[1:] == [(ADDRESS, '"1"', None), (ADDRESS, '"2"', "hier")]
    assert len(waiting(city)) == 3


def test_what_is_old_or_from_the_future_is_no_news(city, read):
    read(
        Site(
            Announced("a", "Vieux", published_at=city.now - timedelta(days=31)),
            Announced("b", "Récent", published_at=city.now - timedelta(days=29)),
            Announced("c", "Un jour", published_at=city.now + timedelta(days=400)),
        )
    )
    assert waiting(city) == [("Récent", "")]


@pytest.mark.parametrize(("error", "why"), [(Transient(reason="503"), "503"), (Rejected("no_feed"), "no_feed")])
def test_a_site_that_cannot_be_read_is_said_and_asked_again(city, read, error, why):
    site = Site()
    site.says = error
    began = city.now
    read(site)
    city.clock.pass_(minutes=16)
    read(site)
    with city.database.read() as session:
        feed = news.feed(session, ADDRESS)
        assert (feed.failing, feed.failing_since) == (why, began)
    city.clock.pass_(minutes=16)
    site.says = News([Announced("a", "Collecte")])
    read(site)
    with city.database.read() as session:
        assert news.feed(session, ADDRESS).failing is None
    assert waiting(city) == [("Collecte", "")]


def test_workers_at_once_keep_each_piece_once(city, tmp_path):
    site = Site(*(Announced(str(number), f"Avis {number}") for number in range(20)))
    locks = locks_for(city.database, tmp_path)
    workers = [
        threading.Thread(target=news.read, args=(city.database, locks, site, ADDRESS), kwargs={"clock": city.clock})
        for _ in range(3)
    ]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(NewsEntry)) == 20
        assert session.scalar(select(func.count()).select_from(NewsFeed)) == 1


def test_what_became_a_draft_or_was_set_aside_waits_no_more_and_is_not_worded_anew(city, read):
    read(Site(Announced("a", "Collecte"), Announced("b", "Piscine")))
    post = city.act("Claire", "create", city.draft("Collecte", "nord"))
    with city.database.write() as session:
        first, second = session.scalars(select(NewsEntry).order_by(NewsEntry.key))
        news.take(session, first.id, post.id)
        news.set_aside(session, city.people["Claire"], second.id, now=city.now)
        for one in (first, second):
            with pytest.raises(NotFound):
                news.entry(session, one.id)
    assert waiting(city) == []
    city.clock.pass_(minutes=16)
    read(Site(Announced("a", "Collecte reportée"), Announced("b", "Piscine fermée")))
    assert waiting(city) == []
    with city.database.read() as session:
        assert session.get_one(NewsEntry, first.id).title == "Collecte", "what was made of it stays what it was made of"
