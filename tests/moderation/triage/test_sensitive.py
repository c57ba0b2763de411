"""What the city has said is sensitive is answered by two people; the words of an account are signed, in its tone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from connectors.registry import capabilities
from models.audit import AuditEntry
from models.errors import NotFound, Refused
from models.templates import MessageTemplate, newest
from models.vocabulary import ItemState, OperationKind
from moderation import manner, sensitive, templates
from moderation.learning import correction
from moderation.triage import queue, together
from moderation.triage.deciding import Choice, Terms


def adopt(city, head="intention", value="question"):
    with city.database.write() as session:
        sensitive.add(session, city.people["Elise"], head, value, now=city.now)


def speak(city, *, tone="vous", signature="", account="nord", who="Elise"):
    with city.database.write() as session:
        manner.speak(session, city.people[who], city.accounts[account], tone, signature, now=city.now)


def refused(call, *args, **more):
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value.code


def left(city):
    city.deliver()
    return [(one.kind, one.text) for one in city.network.done]


@pytest.fixture
def asked(city):
    return city.says("7", "Pourquoi ma taxe a-t-elle doublé?")


def test_no_reply_about_it_leaves_by_one_person_alone(city, asked):
    adopt(city)
    assert refused(city.decide, "Ariane", asked, "reply", text="Bonjour") == "reply_asks"
    proposal = city.propose("Ariane", asked, "reply", text="Bonjour, voici pourquoi.")
    assert left(city) == []
    assert city.item("7").state == ItemState.WAITING
    assert refused(city.answer, "Ariane", proposal, confirmed=True) == "second_person_needed"
    city.answer("Bruno", proposal, confirmed=True)
    assert left(city) == [(OperationKind.REPLY, "Bonjour, voici pourquoi.")]
    with city.database.read() as session:
        (decision,) = queue.detail(session, city.people["Ariane"], asked.id, now=city.now).decisions
    assert (decision.person.name, decision.proposal.person.name) == ("Bruno", "Ariane")


def test_a_no_keeps_the_words_and_another_may_be_proposed(city, asked):
    adopt(city)
    city.answer("Bruno", city.propose("Ariane", asked, "reply", text="Non."), confirmed=False, motive="Trop sec")
    assert left(city) == []
    again = city.propose("Ariane", asked, "reply", text="Bonjour, voici.")
    with city.database.read() as session:
        seen = queue.detail(session, city.people["Bruno"], asked.id, now=city.now)
    assert [(one.text, one.motive) for one in seen.proposals] == [("Non.", "Trop sec"), ("Bonjour, voici.", None)]
    assert city.answer("Ariane", again, confirmed=False).withdrawn


@pytest.mark.parametrize(("text", "code"), [("", "reply_empty"), ("Bonjour {prenom}", "place_blank")])
def test_what_could_not_leave_is_not_proposed(city, asked, text, code):
    adopt(city)
    assert refused(city.propose, "Ariane", asked, "reply", text=text) == code


def test_who_takes_the_label_away_themselves_still_asks(city, asked):
    adopt(city)
    with city.database.write() as session:
        correction.correct(session, city.people["Ariane"], asked.id, {"intention": "eloge"}, version=1, now=city.now)
    assert refused(city.decide, "Ariane", asked, "reply", text="Merci") == "reply_asks"
    city.decide("Bruno", asked, "reply", text="Merci")
    assert left(city) == [(OperationKind.REPLY, "Merci")]


def test_a_request_about_it_opens_at_once_and_its_words_wait(city, leak):
    adopt(city, "service", "bris-aqueduc")
    comment = city.says("8", "Fuite rue Wolfe", **leak)
    decision = city.decide("Ariane", comment, "request", service_code="bris-aqueduc", text="Reçu, no {numero}.")
    assert (decision.effect_id, left(city)) == (None, [])
    (draft,) = city.drafts("8")
    assert city.item("8").state == ItemState.WAITING
    assert refused(city.decide, "Ariane", comment, "reply", text=draft) == "reply_asks"
    city.answer("Bruno", city.propose("Ariane", comment, "reply", text=draft), confirmed=True)
    assert left(city) == [(OperationKind.REPLY, draft)]
    assert (city.item("8").state, city.drafts("8")) == (ItemState.HANDLED, [])


def test_several_at_once_leave_it(city, asked):
    adopt(city)
    plain = city.says("9", "Merci", intention=None)
    choice = Choice("reply", 1, text="Bonjour", form_key="a-form-of-several")
    with city.database.write() as session:
        terms = Terms(timedelta(0), "STR", capabilities)
        done = together.decide_all(
            session, city.people["Ariane"], {asked.id: 1, plain.id: 1}, choice, terms, now=city.now
        )
    assert {one: why.code for one, why in done.left.items()} == {asked.id: "reply_asks"}


def test_a_topic_is_one_that_is_known_said_once_and_taken_out(city, asked):
    for head, value in (("intention", "colère"), ("service", "rien"), ("humeur", "question")):
        assert refused(adopt, city, head, value) == "topic_unknown"
    for _ in range(2):
        adopt(city)
    with city.database.write() as session:
        assert [one.value for one in sensitive.topics(session)] == ["question"]
        for _ in range(2):
            sensitive.remove(session, city.people["Elise"], "intention", "question", now=city.now)
        noted = select(AuditEntry.action).where(AuditEntry.action.startswith("sensitive")).order_by(AuditEntry.id)
        assert session.scalars(noted).all() == ["sensitive.add", "sensitive.remove"]
    city.decide("Ariane", asked, "reply", text="Bonjour")
    assert left(city) == [(OperationKind.REPLY, "Bonjour")]


# ------------------------------------------------------------------------------------------ tone and signature
def test_a_reply_is_signed_once_and_its_signature_counts(city, asked):
    speak(city, signature="– L’équipe du 311")
    longest = capabilities("facebook").longest_reply
    assert refused(city.decide, "Ariane", asked, "reply", text="x" * longest) == "reply_too_long"
    decision = city.decide("Ariane", asked, "reply", text="Bonjour")
    city.undo("Ariane", decision)
    city.decide("Ariane", asked, "reply", text="Bonjour\n\n– L’équipe du 311")
    assert left(city) == [(OperationKind.REPLY, "Bonjour\n\n– L’équipe du 311")]


def test_only_replies_of_the_network_and_of_the_tone_are_offered(city):
    with city.database.write() as session:
        for code, given in (
            ("reply_any", {}),
            ("reply_here", {"network": "facebook", "tone": "vous"}),
            ("reply_tu", {"tone": "tu"}),
            ("reply_there", {"network": "linkedin"}),
        ):
            wording = {"language": "fr", "version": 1, "title": code, "body": code, "created_at": city.now}
            session.add(MessageTemplate(code=code, **wording, **given))
        session.flush()
        found = newest(session, "fr", MessageTemplate.title.startswith("reply_"))

        def offered(**where):
            return [one.code for one in templates.saved(found, **where)]

        assert offered(network="facebook", tone="vous") == ["reply_any", "reply_here"]
        assert offered(network="linkedin", tone="tu") == ["reply_any", "reply_there", "reply_tu"]
        assert offered() == ["reply_any"]


def test_who_may_not_word_replies_changes_no_account(city):
    with pytest.raises(NotFound):
        speak(city, who="Ariane")
    assert refused(speak, city, tone="thou") == "tone_unknown"
    assert refused(speak, city, signature="x" * 201) == "longer_than_kept"
