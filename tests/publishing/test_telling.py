"""Who hears of a post: those who may approve it, those who wrote in it, and nobody of what they did themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from administration import notices
from models.errors import Ambiguous, Rejected
from models.vocabulary import NoticeKind
from publishing import holding


def told(city, who: str) -> list[tuple[NoticeKind, str | None]]:
    """What somebody was told, oldest first, and who did it."""
    with city.database.read() as session:
        found = notices.notices(session, city.people[who])
        return [(one.kind, one.by.name if one.by else None) for one in reversed(found)]


def submitted(city, *names: str, who: str = "Claire", **more):
    post = city.act(who, "create", city.draft("Collecte reportée à mardi.", *names, **more))
    return city.act(who, "submit", post.id, version=post.version)


def test_who_may_approve_hears_of_it_and_who_wrote_hears_the_answer(city):
    post = submitted(city, "sud")
    asked = (NoticeKind.APPROVAL_ASKED, "Claire")
    assert [told(city, who) for who in ("Gilles", "Odile", "Sylvie")] == [[asked]] * 3
    assert [told(city, who) for who in ("Claire", "Ariane")] == [[], []]
    post = city.judge("Gilles", post, approved=False, comment="Trop long.")
    assert told(city, "Claire") == [(NoticeKind.SENT_BACK, "Gilles")]
    post = city.act("Claire", "submit", post.id, version=post.version)
    city.judge("Gilles", post)
    assert city.told("Claire") == [NoticeKind.SENT_BACK, NoticeKind.APPROVED]
    assert [city.told(who) for who in ("Gilles", "Odile")] == [[], []], "nobody is asked any more"


def test_half_of_a_post_is_nobodys_and_who_wrote_in_it_is_not_asked(city):
    submitted(city, "nord", "sud", who="Odile")
    assert [city.told(who) for who in ("Gilles", "Odile", "Sylvie")] == [[NoticeKind.APPROVAL_ASKED], [], []]


def test_what_may_not_be_seen_any_more_is_not_shown(city):
    post = submitted(city, "sud", who="Sylvie")
    city.judge("Gilles", post)
    assert city.told("Sylvie") == [NoticeKind.APPROVED]
    draft = city.draft("Collecte reportée à mardi.", "sud", "nord")
    city.act("Claire", "edit", post.id, draft, version=post.version + 1)
    assert city.told("Sylvie") == []


def test_what_is_written_anew_waits_for_nobody(city):
    post = submitted(city, "nord")
    assert city.told("Gilles") == [NoticeKind.APPROVAL_ASKED]
    city.act("Claire", "edit", post.id, city.draft("Autre", "nord"), version=post.version)
    assert city.told("Gilles") == []


def test_a_move_that_asks_for_approval_again_tells_of_it(city):
    at = city.now + timedelta(hours=30)
    post = city.approved(publish_at=at)
    post = city.schedule(post, hours=None)
    city.act("Claire", "move", post.id, at + timedelta(hours=2), since=at, version=post.version)
    assert city.told("Gilles") == [NoticeKind.APPROVAL_ASKED]


@pytest.mark.parametrize("number", [1, 2])
def test_what_did_not_go_out_comes_back_to_who_wrote_it_once_a_part(city, number):
    for name in ("nord", "sud")[:number]:
        city.networks[city.accounts[name]].errors = [Rejected("spam")]
    city.schedule(city.approved())
    city.deliver(hours=1)
    city.deliver(hours=1)
    assert city.told("Claire") == [NoticeKind.APPROVED] + [NoticeKind.NOT_SENT] * number


def test_late_after_a_long_sleep_and_published_without_a_word(city):
    city.schedule(city.approved("nord"))
    city.deliver(hours=1)
    assert city.told("Claire") == [NoticeKind.APPROVED]
    city.schedule(city.approved("nord"))
    city.deliver(hours=30)
    assert city.told("Claire") == [NoticeKind.APPROVED] * 2 + [NoticeKind.NOT_SENT]


def test_a_lost_answer_is_told_only_once_it_is_certain(city):
    city.networks[city.accounts["nord"]].errors = [Ambiguous()]
    city.schedule(city.approved("nord"))
    city.deliver(hours=1)
    assert NoticeKind.NOT_SENT not in city.told("Claire")


def test_what_a_pause_stops_comes_back_too(city):
    city.schedule(city.approved("nord"))
    city.schedule(city.approved("sud"))
    with city.database.write() as session:
        north = city.accounts["nord"]
        holding.begin(session, city.people["Odile"], "Deuil national", account_id=north, now=city.now)
    assert told(city, "Claire")[2:] == [(NoticeKind.NOT_SENT, "Odile")]


def test_an_approval_that_waits_is_told_of_again_as_its_hour_comes_near(city):
    at = city.now + timedelta(hours=48)
    post = submitted(city, "nord", publish_at=at)
    submitted(city, "nord")  # Without a time, nothing comes near.
    assert city.remind() == 0
    city.clock.pass_(hours=25)
    assert [city.remind(), city.remind()] == [1, 0]
    city.clock.pass_(hours=21, minutes=30)
    assert [city.remind(), city.remind()] == [1, 0]
    asked = [NoticeKind.APPROVAL_ASKED] * 2
    assert city.told("Gilles") == [*asked, NoticeKind.APPROVAL_NEAR, NoticeKind.APPROVAL_NEAR]
    assert city.told("Claire") == []
    city.clock.pass_(hours=2)
    assert city.remind() == 0, "its hour has passed"
    assert city.judge("Gilles", post)


def test_what_was_just_asked_for_needs_no_reminder(city):
    submitted(city, "nord", publish_at=city.now + timedelta(hours=20))
    assert city.remind() == 0
    city.clock.pass_(hours=18, minutes=30)
    assert city.remind() == 1
    approved = submitted(city, "nord", publish_at=city.now + timedelta(hours=2, minutes=30))
    city.judge("Gilles", approved)
    city.clock.pass_(hours=1)
    assert city.remind() == 0, "what is approved waits for nobody"
