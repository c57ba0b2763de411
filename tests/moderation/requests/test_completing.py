"""What is missing of a request is asked of whoever wrote, and answered once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from connectors.registry import capabilities
from models.comments import Comment
from models.completions import Completion
from models.errors import NotFound, Refused
from models.items import DraftReply
from models.requests311 import Requester, Service, ServiceRequest
from models.scope import Viewer
from models.vocabulary import DraftState, ItemState, OperationKind, RequestStatus
from moderation.requests import completing, escalation
from moderation.requests.completing import Given, Links
from moderation.triage import deciding
from moderation.triage.deciding import Choice, Terms

ZONE = ZoneInfo("America/Toronto")
HERE = "https://parvis.example"
TERMS = Terms(timedelta(seconds=10), "STR", capabilities, links=Links(HERE))
NUMBER = "STR-2026-000001"


def refused(call, *args, **more):
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return [one.code for one in (caught.value, *caught.value.others)]


def opened(city, terms=TERMS, *, asks=True, **leak):
    """A request for what Louis wrote; asked for more at once."""
    comment = city.says("7", "Ça coule quelque part")
    choice = Choice("request", comment.version, service_code="nid-de-poule", asks_details=asks, **leak)
    with city.database.write() as session:
        return comment, deciding.decide(session, city.people["Ariane"], comment.id, choice, terms, now=city.now)


def draft(city):
    with city.database.read() as session:
        return session.scalars(select(DraftReply).where(DraftReply.state == DraftState.PROPOSED)).one_or_none()


def send(city, comment):
    return city.decide("Ariane", comment, "reply", text=draft(city).text, draft_id=draft(city).id)


def token(city):
    return draft(city).text.rpartition("/completer/")[2]


def complete(city, which, picture=None, **given):
    with city.database.write() as session:
        completing.complete(session, which, Given(**given), picture, now=city.now, zone=ZONE)


def row(city, table=ServiceRequest):
    with city.database.read() as session:
        return session.scalars(select(table)).one()


def test_the_second_key_sends_a_link_in_private_and_it_serves_once(city):
    comment, _ = opened(city)
    assert city.item("7").state == ItemState.WAITING
    assert draft(city).private
    assert draft(city).text.startswith("Bonjour Louis, pour votre requête au 311 (Nid-de-poule)")
    assert NUMBER not in draft(city).text
    link = token(city)
    send(city, comment)
    city.deliver()
    (sent,) = city.network.done
    assert (sent.kind, sent.target) == (OperationKind.PRIVATE_REPLY, "7")
    assert sent.text.endswith(f"{HERE}/completer/{link}")
    assert city.item("7").state == ItemState.HANDLED
    said = {"place": "12, rue des Érables", "words": "Devant l’école", "phone": "418 555-0100"}
    complete(city, link, b"jpeg", attributes={"danger": ["oui"]}, **said)
    form = row(city, Completion)
    assert (form.place, form.words, form.phone, form.pictured) == (*said.values(), True)
    request = row(city)
    assert (request.place, request.attributes, request.version) == (said["place"], {"danger": "oui"}, 2)
    assert row(city, Requester).phone == said["phone"]
    assert refused(complete, city, link, place="ailleurs") == ["link_used"]
    assert row(city).place == said["place"]


def test_a_token_is_kept_as_its_print_alone(city):
    opened(city)
    assert token(city) not in str(vars(row(city, Completion)))
    with pytest.raises(NotFound):
        complete(city, "x" * 43, place="ici")


def test_what_the_request_says_already_is_not_written_over(city):
    opened(city, place="Rue Wolfe")
    complete(city, token(city), place="Rue Desjardins")
    assert row(city).place == "Rue Wolfe"
    assert row(city, Completion).place == "Rue Desjardins"


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ({}, ["completion_empty"]),
        ({"place": " \n"}, ["completion_empty"]),
        ({"place": "x" * 301, "email": "moi chez moi"}, ["longer_than_kept", "email_unreadable"]),
        ({"attributes": {"danger": ["<script>"]}, "place": "ici"}, ["attribute_unreadable"]),
        ({"attributes": {"inconnu": ["1"]}, "place": "ici"}, ["attribute_unknown"]),
        ({"words": "x" * 4001}, ["longer_than_kept"]),
    ],
)
def test_what_cannot_be_kept_is_said_and_the_link_still_serves(city, given, codes):
    opened(city)
    link = token(city)
    assert refused(complete, city, link, **given) == codes
    assert row(city, Completion).used_at is None
    complete(city, link, place="ici\0<b>")
    assert row(city).place == "ici\N{REPLACEMENT CHARACTER}<b>"


def test_it_ends_after_two_weeks_and_with_the_undo(city):
    _, decision = opened(city)
    link = token(city)
    city.clock.pass_(days=14)
    assert refused(complete, city, link, place="ici") == ["link_expired"]
    city.undo("Ariane", decision)
    assert draft(city) is None


def test_undone_the_link_leads_nowhere(city):
    _, decision = opened(city)
    link = token(city)
    city.undo("Ariane", decision)
    assert draft(city) is None
    assert refused(complete, city, link, place="ici") == ["link_expired"]


@pytest.mark.parametrize(
    ("links", "said"),
    [(Links(HERE, "https://ville.example/311"), "https://ville.example/311"), (Links(HERE), "le 311")],
)
def test_late_or_without_private_messages_it_is_asked_in_public_without_a_link_of_ours(city, links, said):
    comment = city.says("7", "Ça coule")
    with city.database.write() as session:
        old = city.now - timedelta(days=7)
        session.execute(update(Comment).where(Comment.id == comment.id).values(created_at=old))
    choice = Choice("request", comment.version, service_code="nid-de-poule", asks_details=True)
    with city.database.write() as session:
        terms = replace(TERMS, links=links)
        deciding.decide(session, city.people["Ariane"], comment.id, choice, terms, now=city.now)
    assert not draft(city).private
    assert NUMBER in draft(city).text
    assert said in draft(city).text
    assert "/completer/" not in draft(city).text
    send(city, comment)
    city.deliver()
    assert [done.kind for done in city.network.done] == [OperationKind.REPLY]


def test_a_confidential_service_is_asked_about_in_private_or_not_at_all(city):
    with city.database.write() as session:
        session.get_one(Service, "nid-de-poule").confidential = True
    silent = replace(TERMS, capabilities_of=lambda name: replace(capabilities(name), private_days=0))
    assert refused(opened, city, silent) == ["not_possible_there"]
    with city.database.read() as session:
        assert session.scalars(select(ServiceRequest)).all() == []


def test_somebody_is_written_to_once_and_a_new_link_ends_the_one_before(city):
    comment, _ = opened(city)
    first = token(city)

    def ask():
        with city.database.write() as session:
            request = session.scalars(select(ServiceRequest)).one()
            able = capabilities("facebook")
            held = session.get_one(Comment, comment.id)
            completing.ask(session, city.people["Denis"], request, held, able, Links(HERE), now=city.now)

    city.clock.pass_(minutes=1)
    ask()
    assert token(city) != first
    assert refused(complete, city, first, place="ici") == ["link_expired"]
    send(city, comment)
    city.deliver()
    ask()
    assert not draft(city).private


def test_taking_the_request_up_does_not_withdraw_the_question_and_its_end_does(city):
    opened(city)

    def progress(status, version):
        with city.database.write() as session:
            escalation.progress(session, city.people["Denis"], NUMBER, status, "Vu.", version=version, now=city.now)

    progress(RequestStatus.IN_PROGRESS, 1)
    assert draft(city).asks
    progress(RequestStatus.DONE, 2)
    assert not draft(city).asks
    assert "Vu." in draft(city).text


def test_a_program_asks_nobody(city):
    comment, _ = opened(city, asks=False)
    program = Viewer(None, "app", frozenset(), frozenset())
    with city.database.write() as session:
        request = session.scalars(select(ServiceRequest)).one()
        held = session.get_one(Comment, comment.id)
        able = capabilities("facebook")
        assert refused(completing.ask, session, program, request, held, able, Links(HERE), now=city.now) == [
            "people_decide"
        ]
