"""Several people approve what a rule says; what is said of a passage stands at its words, and ends with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.errors import NotFound, Refused
from models.vocabulary import NoticeKind, PostState, Role
from publishing import campaigns, drafting, planning, remarks, steps

TEXT = "Collecte reportée à mardi."


def refused(call, *args, **more) -> str:
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value.code


@pytest.fixture
def staffed(city):
    """With a manager and a second approver."""
    with city.write():
        city.hire("Gaston", Role.MANAGER)
        city.hire("Brigitte", Role.APPROVER)
    return city


def rule(city, **more) -> None:
    given = {"account_id": None, "theme": "", "people": 2, "manager_last": False, **more}
    with city.database.write() as session:
        steps.add(session, city.people["Gaston"], **given, now=city.now)


def asked(city, *names: str, **more):
    post = city.act("Claire", "create", city.draft(TEXT, *(names or ("nord",)), **more))
    return city.act("Claire", "submit", post.id, version=post.version)


def test_two_people_approve_and_only_the_second_yes_lets_it_be_scheduled(staffed):
    rule(staffed)
    post = staffed.judge("Gilles", asked(staffed))
    assert post.state == PostState.SUBMITTED
    with staffed.database.read() as session:
        assert not planning.approval_stands(session, staffed.post(post))
    assert refused(staffed.judge, "Gilles", post) == "approved_already"
    assert staffed.told("Brigitte") == [NoticeKind.APPROVAL_ASKED]
    assert staffed.told("Gilles") == [], "nobody asks him any more"
    assert NoticeKind.APPROVED not in staffed.told("Claire")
    post = staffed.judge("Brigitte", post)
    assert post.state == PostState.APPROVED
    assert staffed.told("Claire") == [NoticeKind.APPROVED]
    staffed.schedule(post)
    staffed.deliver(hours=1)
    assert staffed.published("nord") == [TEXT]


def test_rules_about_the_same_that_are_made_at_once_are_one(staffed, race):
    assert race(*[lambda: rule(staffed)] * 3) == [None] * 3
    with staffed.database.read() as session:
        assert len(steps.rules(session)) == 1


def test_other_words_or_a_no_begin_the_steps_anew(staffed):
    rule(staffed)
    post = staffed.judge("Gilles", asked(staffed))
    post = staffed.judge("Brigitte", post, approved=False, comment="La date?")
    assert post.state == PostState.DRAFT
    post = staffed.act("Claire", "submit", post.id, version=post.version)
    post = staffed.judge("Gilles", post)
    assert post.state == PostState.SUBMITTED, "what he said before the no does not count"
    post = staffed.act("Claire", "edit", post.id, staffed.draft("Mercredi.", "nord"), version=post.version)
    post = staffed.act("Claire", "submit", post.id, version=post.version)
    assert staffed.judge("Brigitte", post).state == PostState.SUBMITTED


@pytest.mark.parametrize("people", [1, 2])
def test_the_last_yes_may_be_for_the_management(staffed, people):
    rule(staffed, people=people, manager_last=True)
    post = asked(staffed)
    if people == 2:
        post = staffed.judge("Gilles", post)
    assert refused(staffed.judge, "Brigitte", post) == "manager_last"
    assert staffed.judge("Gaston", post).state == PostState.APPROVED


def test_the_strictest_rule_that_concerns_a_post_holds(staffed):
    rule(staffed, account_id=staffed.accounts["sud"], people=3)
    rule(staffed, theme="Élections", people=2)
    day = staffed.now.date()
    with staffed.database.write() as session:
        vote = campaigns.Outline("Vote", day, day, theme="élections")
        effort = campaigns.create(session, staffed.people["Claire"], vote, now=staffed.now)
    needed = {}
    for name, post in {
        "none": asked(staffed),
        "account": asked(staffed, "nord", "sud"),
        "theme": asked(staffed, campaign_id=effort.id),
    }.items():
        with staffed.database.read() as session:
            whole = planning.detail(session, staffed.people["Claire"], post.id).post
            needed[name] = steps.of_post(session, whole).people
    assert needed == {"none": 1, "account": 3, "theme": 2}
    rule(staffed, theme="elections", people=1)
    with staffed.database.read() as session:
        assert [(one.theme, one.people) for one in steps.rules(session)] == [("elections", 1), ("", 3)]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"people": 0}, "people_count"),
        ({"people": 4}, "people_count"),
        ({"theme": "x" * 101}, "theme_long"),
        ({"theme": "Vote", "account_id": 1}, "one_of_both"),
        ({"account_id": 10**6}, "account_unknown"),
    ],
)
def test_rules_that_nobody_can_mean_are_refused(staffed, wrong, code):
    assert refused(rule, staffed, **wrong) == code


# ------------------------------------------------------------------------------------------ passages
def say(city, who, post, quote, text="Pas mardi, mercredi.", name="nord"):
    with city.database.write() as session:
        return remarks.add(session, city.people[who], post.id, city.accounts[name], quote, text, now=city.now)


def said(city, post) -> tuple[list[str], list[str]]:
    with city.database.read() as session:
        holding, over = remarks.remarks(session, planning.detail(session, city.people["Claire"], post.id).post)
        return [one.quote for one in holding], [one.quote for one in over]


def test_a_remark_stands_at_its_passage_and_is_over_when_the_passage_changes(city):
    post = asked(city)
    say(city, "Gilles", post, "reportée \n à")
    say(city, "Gilles", post, "Collecte")
    assert said(city, post) == (["reportée \n à", "Collecte"], [])
    assert city.told("Claire") == [NoticeKind.REMARKED] * 2
    sent = city.judge("Gilles", post, approved=False)
    assert sent.state == PostState.DRAFT, "what he said of passages is the reason"
    new = city.draft("Collecte remise à mercredi.", "nord")
    post = city.act("Claire", "edit", post.id, new, version=sent.version)
    assert said(city, post) == (["Collecte"], ["reportée \n à"])
    with city.database.write() as session:
        found, _ = remarks.remarks(session, planning.detail(session, city.people["Claire"], post.id).post)
        remarks.settle(session, city.people["Claire"], post.id, found[0].id, now=city.now)
    assert said(city, post)[0] == []


def test_what_is_said_of_nothing_is_refused(city):
    post = asked(city)
    assert refused(say, city, "Gilles", post, "jeudi") == "passage_unknown"
    assert refused(say, city, "Gilles", post, " ") == "passage_unknown"
    assert refused(say, city, "Gilles", post, "mardi", " ") == "remark_empty"
    assert refused(say, city, "Gilles", post, "mardi", "x" * 2001) == "longer_than_kept"
    assert refused(say, city, "Gilles", post, "mardi", name="sud") == "remarks_over"
    for who in ("Claire", "Sylvie", "Ariane"):
        with pytest.raises(NotFound):
            say(city, who, post, "mardi")
    post = city.judge("Gilles", post)
    assert refused(say, city, "Gilles", post, "mardi") == "remarks_over"
    with pytest.raises(Refused, match="reason_needed"):
        city.judge("Gilles", asked(city), approved=False)


def test_a_first_comment_has_passages_too(city):
    draft = city.draft(TEXT, "nord")
    written = {city.accounts["nord"]: drafting.Written(TEXT, first_comment="Info : 311")}
    post = city.act("Claire", "create", replace(draft, variants=written))
    post = city.act("Claire", "submit", post.id, version=post.version)
    say(city, "Gilles", post, "311")
    assert said(city, post)[0] == ["311"]


@pytest.mark.parametrize(
    ("quotes", "pieces"),
    [
        ([], [(TEXT, False)]),
        (["mardi"], [("Collecte reportée à ", False), ("mardi", True), (".", False)]),
        (["reportée à", "à mardi"], [("Collecte ", False), ("reportée à", True), (" mardi", True), (".", False)]),
        (["jeudi"], [(TEXT, False)]),
        ([TEXT, "mardi"], [(TEXT, True)]),
    ],
)
def test_words_are_shown_in_pieces_that_give_the_words_again(quotes, pieces):
    assert remarks.passages(TEXT, quotes) == pieces
    assert "".join(piece for piece, _ in pieces) == TEXT
