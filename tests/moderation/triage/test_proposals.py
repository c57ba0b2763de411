"""What takes two people: one asks, another says yes, or no and why not; and nobody alone restricts mere criticism."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from connectors.base import CommentRemoved
from models.audit import AuditEntry
from models.decisions import Decision, Evidence, Proposal
from models.effects import Effect
from models.errors import NotFound, Refused
from models.netiquette import RuleVersion
from models.vocabulary import ItemState, OperationKind
from moderation.triage import deciding, queue
from moderation.triage.listing import Filter

UNDO = timedelta(seconds=10)


@pytest.fixture
def critical(city, criticism):
    return city.says("7", "Belle administration!", **criticism)


def refused(call, *args, **more):
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value


def nothing_left(city):
    city.deliver()
    with city.database.read() as session:
        counts = [session.scalar(select(func.count()).select_from(one)) for one in (Decision, Effect, Evidence)]
    return counts == [0, 0, 0] and city.network.done == []


def detail(city, who="Ariane"):
    with city.database.read() as session:
        return queue.detail(session, city.people[who], city.comment("7").id, now=city.now)


def line(city, who="Ariane"):
    with city.database.read() as session:
        (found,) = queue.page(session, city.people[who], Filter(), now=city.now).lines
    return found


# ------------------------------------------------------------------------------------------ nobody alone
def test_mere_criticism_is_never_hidden_by_one_person_alone(city, critical):
    for who in ("Ariane", "Bruno", "Ariane"):
        assert refused(city.decide, who, critical, "hide", rule_code="N2").code == "second_person_needed"
    proposal = city.propose("Ariane", critical, rule_code="N2")
    for who in ("Ariane", "Bruno"):
        assert refused(city.decide, who, critical, "hide", rule_code="N2").code == "second_person_needed"
    assert refused(city.answer, "Ariane", proposal, confirmed=True).code == "second_person_needed"
    assert nothing_left(city)
    assert city.item("7").state == ItemState.WAITING
    city.answer("Bruno", proposal, confirmed=True)
    city.deliver()
    assert [operation.kind for operation in city.network.done] == [OperationKind.HIDE]
    assert city.item("7").state == ItemState.HANDLED


def test_a_yes_is_a_decision_with_its_article_its_evidence_and_both_names(city, critical):
    proposal = city.propose("Ariane", critical, rule_code="N2")
    city.clock.pass_(minutes=3)
    city.answer("Bruno", proposal, confirmed=True)
    seen = detail(city)
    (decision,) = seen.decisions
    assert (decision.kind, decision.person.name, decision.proposal.person.name) == ("hide", "Bruno", "Ariane")
    assert (decision.rule_version.rule.code, decision.at) == ("N2", city.now)
    with city.database.read() as session:
        assert session.get_one(Evidence, decision.evidence_id).text == "Belle administration!"
    (answered,) = seen.proposals
    assert (answered.confirmed, answered.answered_by.name, answered.answered_at) == (True, "Bruno", city.now)
    assert city.answer("Bruno", proposal, confirmed=True).id == proposal.id, "a form that is sent twice"
    for who in ("Bruno", "Ariane"):
        assert refused(city.answer, who, proposal, confirmed=False, motive="Non").code == "already_answered"


def test_what_was_undone_takes_two_people_again(city, critical):
    proposal = city.propose("Ariane", critical, rule_code="N2")
    city.answer("Bruno", proposal, confirmed=True)
    city.undo("Ariane", detail(city).decisions[-1])
    assert refused(city.decide, "Bruno", critical, "hide", rule_code="N2").code == "second_person_needed"
    again = city.propose("Bruno", critical, rule_code="N2")
    assert refused(city.answer, "Bruno", again, confirmed=True).code == "second_person_needed"


# ------------------------------------------------------------------------------------------ no
def test_a_no_says_why_and_the_comment_goes_on_waiting(city, critical):
    proposal = city.propose("Ariane", critical, rule_code="N2")
    assert refused(city.answer, "Bruno", proposal, confirmed=False, motive=" ").code == "motive_needed"
    city.answer("Bruno", proposal, confirmed=False, motive="C'est une critique, pas une insulte.\0")
    assert nothing_left(city)
    assert city.item("7").state == ItemState.WAITING
    for who in ("Ariane", "Bruno"):
        assert (line(city, who).proposal.answered_by.name, line(city, who).proposal.confirmed) == ("Bruno", False)
        (declined,) = detail(city, who).proposals
        assert declined.motive.startswith("C'est une critique, pas une insulte.")
        assert not declined.withdrawn
    assert refused(city.decide, "Bruno", critical, "hide", rule_code="N2").code == "second_person_needed"
    assert city.propose("Ariane", critical, rule_code="N1").open


def test_whoever_asked_takes_it_back_without_a_reason(city, critical):
    proposal = city.propose("Ariane", critical, rule_code="N2")
    assert city.answer("Ariane", proposal, confirmed=False).withdrawn
    assert (line(city).proposal.withdrawn, nothing_left(city)) == (True, True)
    assert refused(city.answer, "Bruno", proposal, confirmed=True).code == "already_answered"


# ------------------------------------------------------------------------------------------ while it stands
def test_the_list_and_the_comment_say_who_asked(city, critical):
    assert (line(city).proposal, detail(city).proposal) == (None, None)
    city.propose("Bruno", critical, rule_code="N2")
    assert (line(city).proposal.person.name, line(city).proposal.open) == ("Bruno", True)
    assert detail(city).proposal.rule_version.rule.code == "N2"
    other = refused(city.propose, "Ariane", critical, rule_code="N1")
    assert (other.code, other.params["by"]) == ("already_proposed", "Bruno")


def test_a_proposal_is_about_one_text(city, critical, criticism):
    proposal = city.propose("Ariane", critical, rule_code="N2")
    city.says("8", "Belle administration, vraiment!", **criticism)
    city.store(city.seen("7", "Belle administration, vraiment!", source="edit", seen_at=city.now))
    city.classify()
    assert refused(city.answer, "Bruno", proposal, confirmed=True).code == "text_changed"
    assert detail(city).proposal is None
    assert city.propose("Bruno", city.comment("7"), rule_code="N2").id != proposal.id


def test_a_proposal_is_asked_and_answered_like_a_decision(city, critical, insult):
    def codes(kind="hide", who="Ariane", **more):
        return refused(city.propose, who, critical, kind, **more).code

    assert codes("like") == codes("nothing") == "not_a_choice"
    assert codes() == "rule_needed"
    assert codes(rule_code="N99") == "rule_not_in_force"
    assert codes(rule_code="N8") == "rule_not_yours"
    assert codes(rule_code="N2", version=2) == "text_changed"
    with city.database.write() as session:
        deciding.claim(session, city.people["Bruno"], critical.id, now=city.now)
    assert codes(rule_code="N2") == "claimed"
    proposal = city.propose("Bruno", critical, rule_code="N2")
    with city.database.write() as session:
        assert deciding.claim(session, city.people["Bruno"], critical.id, now=city.now) is None
    for confirmed in (True, False):
        assert refused(city.answer, "Ariane", proposal, confirmed=confirmed, motive="Non").code == "claimed"
    city.clock.pass_(minutes=2)
    with city.database.write() as session:
        session.execute(update(RuleVersion).values(in_force_until=city.now))
    assert refused(city.answer, "Ariane", proposal, confirmed=True).code == "rule_not_in_force"
    city.store(CommentRemoved("7", city.now))
    assert refused(city.answer, "Ariane", proposal, confirmed=True).code == "gone"
    assert nothing_left(city)


def test_what_the_network_does_not_allow_is_not_proposed_either(city, critical):
    with city.database.write() as session:
        comment, _ = deciding.load(session, city.people["Ariane"], critical.id)
        comment.account.network = "linkedin"
    assert refused(city.propose, "Ariane", critical, rule_code="N2").code == "not_possible_there"


def test_a_moderator_of_another_borough_finds_no_proposal(city, critical):
    proposal = city.propose("Ariane", critical, rule_code="N2")
    for who in ("Chantal", "Denis", "Elise"):
        with pytest.raises(NotFound):
            city.answer(who, proposal, confirmed=True)
        with pytest.raises(NotFound):
            city.propose(who, critical, rule_code="N2")
    with pytest.raises(NotFound):
        city.answer("Bruno", Proposal(id=proposal.id + 1), confirmed=True)


def test_a_form_sent_twice_is_one_proposal(city, critical, criticism):
    first = city.propose("Ariane", critical, rule_code="N2", form_key="form-1")
    assert city.propose("Ariane", critical, rule_code="N2", form_key="form-1").id == first.id
    other = city.says("8", "Quelle honte!", **criticism)
    assert refused(city.propose, "Ariane", other, rule_code="N2", form_key="form-1").code == "form_key_reused"


def test_two_answers_at_once_are_one(city, critical, race):
    proposal = city.propose("Ariane", critical, rule_code="N2")
    results = race(
        lambda: city.answer("Bruno", proposal, confirmed=True),
        lambda: city.answer("Ariane", proposal, confirmed=False),
    )
    assert sorted(type(result).__name__ for result in results) == ["Proposal", "Refused"]


def test_each_step_is_in_the_journal_without_anybodys_words(city, critical):
    proposal = city.propose("Ariane", critical, rule_code="N2")
    city.answer("Bruno", proposal, confirmed=False, motive="Zorglub")
    city.answer("Ariane", city.propose("Ariane", critical, rule_code="N2"), confirmed=False)
    city.answer("Bruno", city.propose("Ariane", critical, rule_code="N2"), confirmed=True)
    with city.database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    said = ["propose", "decline", "propose", "withdraw", "propose"]
    assert [entry.action for entry in entries] == [
        *(f"proposal.{one}" for one in said),
        "comment.hide",
        "proposal.confirm",
    ]
    assert not {"Zorglub", "administration"} & set(repr([entry.data for entry in entries]).split())
