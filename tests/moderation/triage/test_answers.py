"""The answers about one request: read together, sent by one act one after the other, taken back by one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from connectors.registry import capabilities
from models.effects import Effect
from models.errors import NotFound, Refused
from models.requests311 import ServiceRequest
from models.vocabulary import EffectState, OperationKind, RequestStatus
from moderation.requests import escalation, inbox
from moderation.triage import answers, together
from moderation.triage.deciding import Terms

NUMBER = "STR-2026-000001"


@pytest.fixture
def closed(city):
    for number in range(4):
        comment = city.says(str(number), f"Ça coule {number}")
        more = {"request_number": NUMBER} if number else {"service_code": "bris-aqueduc", "place": "rue Wolfe"}
        city.decide("Ariane", comment, "request", **more)
    with city.database.write() as session:
        escalation.progress(
            session, city.people["Denis"], NUMBER, RequestStatus.DONE, "Réparé.", version=1, now=city.now
        )
    return city


def waiting(city, terms, who="Ariane"):
    with city.database.read() as session:
        return answers.waiting(session, city.people[who], NUMBER, terms.capabilities_of, now=city.now)


def given(found, **words):
    return {
        line.comment.id: (line.comment.version, draft.id, words.get(f"t{line.comment.external_id}", draft.text))
        for draft, line, _ in found.answers
    }


def send(city, terms, what, key="k" * 20, who="Ariane"):
    with city.database.write() as session:
        return answers.send_all(session, city.people[who], what, terms, form_key=key, now=city.now)


@pytest.fixture
def terms():
    return Terms(timedelta(seconds=10), "STR", capabilities)


def effects(city):
    with city.database.read() as session:
        statement = select(Effect).where(Effect.operation == OperationKind.REPLY).order_by(Effect.due_at)
        return session.scalars(statement).all()


def test_each_is_read_worded_and_sent_in_its_own_thread_spaced(closed, terms):
    found = waiting(closed, terms)
    assert len(found.answers) == 4
    assert all("Réparé." in draft.text for draft, _, _ in found.answers)
    done = send(closed, terms, given(found, t2="Bonjour Louis, c'est réparé!"))
    assert (len(done.decisions), done.left) == (4, {})
    sent = effects(closed)
    assert [one.due_at - sent[0].due_at for one in sent] == [timedelta(seconds=15) * step for step in range(4)]
    assert [one.payload["text"] for one in sent if one.target == "2"] == ["Bonjour Louis, c'est réparé!"]
    assert waiting(closed, terms).answers == []
    for _ in range(6):
        closed.deliver()
    assert sorted(one.target for one in closed.network.done) == ["0", "1", "2", "3"]
    with closed.database.read() as session:
        seen = inbox.detail(session, closed.people["Denis"], NUMBER)
    assert [effect.state for effect in seen.answered.values()] == [EffectState.DONE] * 4
    assert not seen.drafted


def test_the_same_form_twice_sends_once_and_one_undo_takes_all_back(closed, terms):
    what = given(waiting(closed, terms))
    first, second = send(closed, terms, what), send(closed, terms, what)
    assert [one.id for one in first.decisions] == [one.id for one in second.decisions]
    with closed.database.write() as session:
        together.undo_all(session, closed.people["Ariane"], first.batch.id, now=closed.now)
    assert {one.state for one in effects(closed)} == {EffectState.CANCELLED}
    assert len(waiting(closed, terms).answers) == 4


def test_what_is_not_so_any_more_is_left(closed, terms):
    what = given(waiting(closed, terms))
    with closed.database.write() as session:
        version = session.scalars(select(ServiceRequest.version)).one()
        escalation.progress(
            session, closed.people["Denis"], NUMBER, RequestStatus.IN_PROGRESS, "", version=version, now=closed.now
        )
    done = send(closed, terms, what)
    assert done.decisions == []
    assert len(done.left) == 4
    assert effects(closed) == []


def test_a_blank_is_not_sent_and_nothing_is_sent_of_nothing(closed, terms):
    what = given(waiting(closed, terms), t1="Bonjour {prenom}", t3="   ")
    done = send(closed, terms, what)
    assert {error.code for error in done.left.values()} == {"place_blank", "reply_empty"}
    with pytest.raises(Refused, match="nothing_selected"):
        send(closed, terms, {}, key="l" * 20)


def test_only_who_decides_there_reads_them(closed, terms):
    with pytest.raises(NotFound):
        waiting(closed, terms, "Chantal")
    assert waiting(closed, terms, "Denis").answers == []
