"""Views that are kept: whose they are, how many there may be, and that their counts are those of their lists."""

from __future__ import annotations

import pytest

from classifiers.base import Scored, Urgency
from models.errors import NotFound, Refused
from models.vocabulary import Intention
from moderation import items
from moderation.triage import listing, queue, views
from moderation.triage.listing import Filter

NARROWED = {"intention": "eloge"}


def save(city, who, name, filters=NARROWED, *, team=False):
    with city.database.write() as session:
        return views.save(session, city.people[who], name, filters, team=team, now=city.now)


def names(city, who):
    with city.database.read() as session:
        return [one.name for one in views.views(session, city.people[who])]


def forget(city, who, view):
    with city.database.write() as session:
        views.forget(session, city.people[who], view.id, now=city.now)


def test_ones_own_are_ones_own_and_the_teams_are_everybodys(city):
    mine, ours = save(city, "Ariane", "Le matin"), save(city, "Ariane", "Mercis", team=True)
    assert (names(city, "Ariane"), names(city, "Bruno")) == (["Le matin", "Mercis"], ["Mercis"])
    with pytest.raises(NotFound):
        forget(city, "Bruno", mine)
    forget(city, "Bruno", ours)
    forget(city, "Ariane", mine)
    assert names(city, "Ariane") == []


def test_a_name_that_is_kept_again_keeps_what_it_is_now(city):
    first, again = save(city, "Ariane", "Vue"), save(city, "Ariane", " Vue ", {"intention": "question"})
    assert (first.id, again.filters) == (again.id, {"intention": "question"})


def test_what_is_not_kept(city, monkeypatch):
    monkeypatch.setattr(views, "MOST", 1)
    save(city, "Ariane", "Une")
    for name, filters, code in (
        (" ", NARROWED, "name_needed"),
        ("x" * 61, NARROWED, "name_needed"),
        ("Vue", {}, "nothing_narrowed"),
        ("Deux", NARROWED, "too_many_views"),
    ):
        with pytest.raises(Refused) as caught:
            save(city, "Ariane", name, filters)
        assert caught.value.code == code
    with pytest.raises(Refused) as caught:
        save(city, "Denis", "Vue", team=True)
    assert caught.value.code == "not_for_team"


def test_each_count_is_that_of_its_list_in_few_queries(city):
    praise = {"intention": Scored(Intention.PRAISE, 0.9)}
    for number in range(7):
        city.says(str(number), f"Texte {number}", urgency=Urgency(number % 3, 0.9), **(praise if number < 4 else {}))
    ariane = city.people["Ariane"].person_id
    with city.database.write() as session:
        items.assign(items.of_comment(session, city.comment("1").id), ariane)
        items.assign(items.of_comment(session, city.comment("3").id), city.people["Bruno"].person_id)
    several = [
        Filter(),
        Filter(intention="eloge"),
        Filter(assignee_id=ariane),
        Filter(assignee_id=listing.NOBODY, urgency=1),
        Filter(words="texte 2"),
        Filter(assignee_id=city.people["Bruno"].person_id, intention="eloge"),
        Filter(assignee_id=ariane, intention="question"),
    ]
    with city.database.read() as session:
        with city.counting() as statements:
            counted = listing.each(session, city.people["Ariane"], several, now=city.now)
        lists = [queue.page(session, city.people["Ariane"], one, now=city.now).lines for one in several]
    assert counted == [len(one) for one in lists] == [7, 4, 1, 1, 1, 1, 0]
    assert len(statements) <= 4
