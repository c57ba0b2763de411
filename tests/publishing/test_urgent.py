"""Urgent posts: at once, with a motive, told of, read again by somebody else; one's own approval never otherwise."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from administration import seeds
from models.audit import AuditEntry
from models.errors import NotFound, Refused
from models.people import Membership
from models.posts import Approval
from models.vocabulary import EffectState, NoticeKind, PostState, Role
from models.working_days import next_working_day
from publishing import holding, planning, urgent
from publishing.typography import repaired

WATER = "Avis d’ébullition en vigueur au centre-ville."


def publish(city, who: str, post, motive: str = "Eau impropre", **more):
    today = more.pop("today", city.now.date())
    with city.database.write() as session:
        version = more.pop("version", post.version)
        return urgent.publish(
            session, city.people[who], post.id, motive, version=version, today=today, now=city.now, **more
        )


def review(city, who: str, post, said: str = ""):
    with city.database.write() as session:
        return urgent.review(session, city.people[who], post.id, said, now=city.now)


def unread(city, who: str = "Gilles") -> list[Approval]:
    with city.database.read() as session:
        return list(urgent.unread(session, city.people[who]))


def draft(city, *names: str, who: str = "Odile", text: str = WATER, **more):
    return city.act(who, "create", city.draft(text, *names, **more))


def test_the_texts_that_are_ready_have_no_sign_to_mend(city):
    with city.database.write() as session:
        seeds.plant(session, now=city.now)
        texts = [one.body for one in urgent.ready(session, "fr")]
    assert len(texts) == 3
    assert [repaired(text) for text in texts] == texts, "an emergency begins without advice about spaces"


def test_it_leaves_at_once_and_those_who_approve_hear_of_it(city):
    city.hire("Gaston", Role.MANAGER)
    post = publish(city, "Odile", draft(city))
    assert post.state == PostState.SCHEDULED
    city.deliver(seconds=1)
    assert (city.published("nord"), city.published("sud")) == ([WATER], [WATER])
    assert city.post(post).state == PostState.PUBLISHED
    assert [city.told(who) for who in ("Gilles", "Gaston")] == [[NoticeKind.URGENT]] * 2
    assert [city.told(who) for who in ("Odile", "Sylvie", "Ariane")] == [[], [], []]
    (one,) = unread(city)
    assert (one.person.name, one.comment, one.review_on) == ("Odile", "Eau impropre", date(2026, 11, 3))
    with city.database.read() as session:
        said = session.scalars(select(AuditEntry).where(AuditEntry.action == "post.urgent")).one()
        assert said.person_id == city.people["Odile"].person_id
        assert "impropre" not in str(said.data)


def test_whatever_was_planned_it_leaves_now(city):
    at = city.now + timedelta(days=2)
    post = draft(city, publish_at=at)
    publish(city, "Odile", post)
    city.deliver(seconds=1)
    assert len(city.published("nord")) == 1
    stale = city.act("Odile", "create", city.draft("Autre", "nord", publish_at=city.now + timedelta(hours=1)))
    city.clock.pass_(hours=3)
    publish(city, "Odile", stale)
    city.deliver(seconds=1)
    assert city.published("nord")[1:] == ["Autre"]
    city.deliver(days=3)
    assert len(city.published("nord")) == 2


@pytest.mark.parametrize("who", ["Claire", "Ariane", "Sylvie"])
def test_without_the_right_nobody_does(city, who):
    with pytest.raises(NotFound):
        publish(city, who, draft(city))
    assert city.effects() == []


def test_ones_own_approval_never_otherwise(city):
    post = draft(city)
    post = city.act("Odile", "submit", post.id, version=post.version)
    with pytest.raises(Refused, match="own_post"):
        city.judge("Odile", post)
    with pytest.raises(Refused, match="motive_missing"):
        publish(city, "Odile", post, motive=" ")
    with pytest.raises(Refused, match="motive_missing"):
        publish(city, "Odile", post, motive="x" * 501)
    assert publish(city, "Odile", post).state == PostState.SCHEDULED


def test_an_urgent_yes_holds_for_these_words_alone(city):
    post = publish(city, "Odile", draft(city))
    post = city.act("Odile", "unschedule", post.id, version=post.version)
    post = city.act("Odile", "edit", post.id, city.draft("Autre chose", "nord"), version=post.version)
    with city.database.read() as session:
        assert not planning.approval_stands(session, post)
    with pytest.raises(Refused, match="post_not_approved"):
        city.schedule(post)


def test_a_blank_that_is_left_or_what_a_network_would_refuse_stops_it(city):
    with pytest.raises(Refused, match="blank_left") as caught:
        publish(city, "Odile", draft(city, text="ÉVACUATION en cours : [SECTEUR]."))
    assert caught.value.params["blank"] == "[SECTEUR]"
    with pytest.raises(Refused, match="media_needed"):
        publish(city, "Odile", draft(city, "images"))
    with pytest.raises(Refused, match="post_changed"):
        publish(city, "Odile", draft(city), version=9)
    done = publish(city, "Odile", draft(city))
    with pytest.raises(Refused, match="post_not_editable"):
        publish(city, "Odile", done)
    assert [one.state for one in city.effects()] == [EffectState.READY] * 2


def test_during_a_pause_only_who_may_pause_sends_it(city):
    with city.database.write() as session:
        holding.begin(session, city.people["Claire"], "Deuil national", now=city.now)
    post = draft(city)
    with pytest.raises(Refused, match="held"):
        publish(city, "Odile", post)
    publish(city, "Odile", post, despite_hold=True)
    city.deliver(seconds=1)
    assert len(city.published("nord")) == 1
    # Who approves alone may not pause, and so may not go past a pause.
    other = draft(city, who="Claire")
    with pytest.raises(Refused, match="held"):
        publish(city, "Gilles", other, despite_hold=True)


def test_somebody_else_reads_it_again(city):
    city.hire("Gaston", Role.MANAGER)
    post = draft(city, who="Claire")
    publish(city, "Gilles", post)
    for who in ("Gilles", "Claire"):
        with pytest.raises((Refused, NotFound)):
            review(city, who, post)
    with pytest.raises(Refused, match="longer_than_kept"):
        review(city, "Gaston", post, "x" * 501)
    done = review(city, "Gaston", post, "Bien fait.")
    assert (done.review, done.reviewed_at) == ("Bien fait.", city.now)
    assert unread(city) == []
    with pytest.raises(Refused, match="review_over"):
        review(city, "Gaston", post)


def test_its_review_is_told_of_on_its_day_once(city):
    post = publish(city, "Odile", draft(city, "sud"))
    assert city.remind() == 0
    city.clock.pass_(days=1)
    assert [city.remind(), city.remind()] == [1, 0]
    assert city.told("Gilles") == [NoticeKind.URGENT, NoticeKind.REVIEW_DUE]
    assert NoticeKind.REVIEW_DUE not in city.told("Odile")
    review(city, "Sylvie", post)
    publish(city, "Odile", draft(city, "sud"))
    city.clock.pass_(days=1)
    assert city.remind() == 1, "another one is another review"


def test_it_is_reviewed_where_it_is_seen(city):
    north = {"borough_id": city.boroughs["nord"]}
    city.hire("Noé", Membership(role=Role.APPROVER, **north))
    post = publish(city, "Odile", draft(city, "sud"))
    assert (len(unread(city, "Sylvie")), unread(city, "Noé"), unread(city, "Ariane")) == (1, [], [])
    with pytest.raises(NotFound):
        review(city, "Noé", post)


@pytest.mark.parametrize(
    ("day", "following"),
    [
        ("2026-11-02", "2026-11-03"),
        ("2026-11-06", "2026-11-09"),
        ("2026-11-07", "2026-11-09"),
        ("2026-12-24", "2026-12-28"),
        ("2026-12-31", "2027-01-04"),
        ("2027-05-21", "2027-05-25"),
        ("2027-06-23", "2027-06-25"),
    ],
)
def test_the_next_working_day(day, following):
    assert next_working_day(date.fromisoformat(day)) == date.fromisoformat(following)


def test_texts_are_ready_before_they_are_needed_and_the_city_words_them(city):
    with city.database.write() as session:
        seeds.plant(session, now=city.now)
    with city.database.read() as session:
        found = urgent.ready(session, "fr")
        assert [one.title for one in found] == ["Avis d’ébullition de l’eau", "Évacuation", "Fermeture"]
        assert all("[" in one.body for one in found)
