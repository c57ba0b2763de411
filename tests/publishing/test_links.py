"""The pages that a post leads to are looked at while it is written, once for everybody who writes them."""

from __future__ import annotations

import pytest

from connectors.sights import Sight
from models.errors import NotFound, Transient
from models.links import SeenLink
from models.locks import locks_for
from models.text import LONGEST_LINK
from publishing import drafting, links

A, B = "https://ville.example/a", "https://ville.example/b"


@pytest.fixture
def looked(city, tmp_path):
    """What the web has by address (an error: why not), and what it was asked."""
    web, asked = {}, []

    def look_at(address):
        asked.append(address)
        found = web.get(address, Sight("Titre", "Mots"))
        if isinstance(found, Exception):
            raise found
        return found

    def due():
        with city.database.read() as session:
            ids = links.links_to_look(session, now=city.now)
        for one in ids:
            links.look(city.database, locks_for(city.database, tmp_path), look_at, one, clock=lambda: city.now)
        return asked

    return web, due


def written(city, text, link=None):
    with city.database.read() as session:
        return drafting.drafted(session, city.people["Claire"], None, city.draft(text, "nord", link=link))


def ask(city, *addresses):
    with city.database.write() as session:
        links.ask(session, links.stale(session, addresses, now=city.now), now=city.now)


def found(city, sketches):
    with city.database.read() as session:
        return [(one.code, one.params["address"]) for one in links.findings(session, sketches)]


def test_a_posts_links_are_those_of_its_words_and_its_own_each_once(city):
    long = f"https://ville.example/{'x' * LONGEST_LINK}"
    sketches = written(city, f"Voir {B}, ({B}). Aussi « {A} »! {long} http:// www.x.y", link=A)
    assert links.linked(sketches) == [A, B]
    assert links.linked(written(city, "Rien ici")) == []


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (Sight(problem="404"), "link_gone"),
        (Sight(problem="unknown_host"), "link_unknown_host"),
        (Sight(problem="private_host"), "link_private"),
        (Sight(problem="redirects"), "link_circles"),
        (Transient(reason="503"), "link_unreachable"),
        (Transient(), "link_unreachable"),
    ],
)
def test_what_leads_nowhere_is_said_and_what_is_there_has_its_words(city, looked, problem, code):
    web, due = looked
    web[B] = problem
    sketches = written(city, f"Voir {B}", link=A)
    assert found(city, sketches) == []
    ask(city, *links.linked(sketches))
    assert sorted(due()) == [A, B]
    assert found(city, sketches) == [(code, B)]
    with city.database.read() as session:
        assert [one.where for one in links.findings(session, sketches)] == ["text"]
        as_link = links.findings(session, written(city, "Voir", link=B))
        assert [one.where for one in as_link] == ["link"], "where whoever writes finds it"
        kept = links.seen(session, [A])[A]
        assert (kept.title, kept.summary, kept.due_at) == ("Titre", "Mots", None)


def test_it_is_looked_at_again_when_somebody_writes_it_an_hour_later_and_forgotten_after_a_month(city, looked):
    web, due = looked
    web[A] = Sight(problem="404")
    sketches = written(city, f"Voir {A}")
    for _ in range(3):
        ask(city, A)
        due()
    assert due() == [A]
    web[A] = Sight("De retour")
    city.clock.pass_(hours=1)
    assert due() == [A], "nobody has written it again"
    ask(city, A)
    assert due() == [A, A]
    assert found(city, sketches) == []
    for days, left in ((29, 1), (1, 0)):
        city.clock.pass_(days=days)
        with city.database.write() as session:
            links.forget_due(session, now=city.now)
            assert session.query(SeenLink).count() == left


def test_the_picture_of_a_card_is_kept_until_the_page_has_none(city, looked):
    web, due = looked
    web[A] = Sight("Titre", picture=b"jpeg")
    for there in (True, False):
        ask(city, A)
        due()
        with city.database.read() as session:
            kept = links.seen(session, [A])[A]
            assert kept.pictured is there
            if there:
                assert links.picture(session, kept.id) == b"jpeg"
            else:
                with pytest.raises(NotFound):
                    links.picture(session, kept.id)
        web[A] = Sight("Titre")
        city.clock.pass_(hours=1)


def test_two_who_write_it_at_once_ask_once(city, looked, race):
    assert race(*[lambda: ask(city, A)] * 3) == [None] * 3
    assert looked[1]() == [A]
