"""Many citizens, one request; its outcome is told in the thread of each."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from classifiers.base import Scored
from classifiers.places import Place
from models.accounts import Account
from models.errors import NotFound, Refused, Rejected
from models.requests311 import RequestChange, Requester, Service, ServiceRequest
from models.vocabulary import ItemState, Language, PlaceKind, RequestStatus
from moderation import drafts
from moderation.requests import escalation
from moderation.triage import queue

LEAK = {"service_code": "bris-aqueduc", "place": "rue des Érables"}


def refused(call, *args, **more):
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value.code


def request(city, number="STR-2026-000001"):
    with city.database.read() as session:
        return session.scalars(select(ServiceRequest).where(ServiceRequest.number == number)).one()


def opened(city, external_id="7", who="Ariane", leak=None, **more):
    comment = city.says(external_id, f"Ça coule {external_id}", **(leak or {}))
    return city.decide(who, comment, "request", **({**LEAK} | more))


def progress(city, status, note="", *, who="Denis", number="STR-2026-000001"):
    version = request(city, number).version
    with city.database.write() as session:
        return escalation.progress(
            session, city.people[who], number, RequestStatus(status), note, version=version, now=city.now
        )


def joined(city, external_id="8", **more):
    comment = city.says(external_id, f"Ici aussi {external_id}", **more)
    return city.decide("Ariane", comment, "request", request_number="STR-2026-000001")


# ------------------------------------------------------------------------------------------ opening
@pytest.mark.parametrize(
    ("account", "place", "borough"),
    [
        ("ville", "Rue Wolfe", "sud"),  # As it was read.
        ("ville", "rue Morin", None),  # Corrected: Parvis does not know where that is.
        ("ville", "", None),
        ("nord", "Rue Wolfe", "nord"),  # An account of a borough stays there.
    ],
)
def test_on_the_citys_own_page_a_request_is_of_the_borough_of_its_place(city, leak, account, place, borough):
    where = Place(PlaceKind.STREET, "rue wolfe", 0, 9, 0.9, ("Rue Wolfe",), None, "Sud")
    comment = city.says("7", "Ça coule", account=account, **leak, place=where)
    city.decide("Ariane", comment, "request", **(LEAK | {"place": place}))
    assert request(city).borough_id == (city.boroughs[borough] if borough else None)
    other = city.says("8", "Ça coule ici aussi", account=account, **leak, place=where)
    with city.database.read() as session:
        assert [one.number for one in escalation.similar(session, city.people["Ariane"], other, now=city.now)] == [
            "STR-2026-000001"
        ]


def test_a_request_carries_what_the_citizen_said(city):
    decision = opened(city)
    row = request(city)
    assert (row.place, row.description, row.status) == ("rue des Érables", "Ça coule 7", RequestStatus.ACCEPTED)
    assert (row.borough_id, row.account_id) == (city.boroughs["nord"], city.accounts["nord"])
    assert row.due_at == city.now + timedelta(days=1)
    assert decision.request_id == row.id


def test_numbers_have_no_holes_and_start_again_each_year(city):
    city.clock.now = datetime(2026, 12, 31, 23, 50, tzinfo=UTC)
    opened(city, "1")
    comment = city.says("2", "Ça coule")
    refused(city.decide, "Ariane", comment, "request", **LEAK, text="x" * 9000)
    city.decide("Ariane", comment, "request", **LEAK)
    city.clock.pass_(minutes=20)
    opened(city, "3")
    with city.database.read() as session:
        numbers = session.scalars(select(ServiceRequest.number).order_by(ServiceRequest.id)).all()
    assert numbers == ["STR-2026-000001", "STR-2026-000002", "STR-2027-000001"]


def test_numbers_given_at_the_same_time_have_no_holes_and_no_twins(city):
    comments = [city.says(str(number), f"Ça coule {number}") for number in range(6)]
    barrier, errors = threading.Barrier(len(comments)), []

    def open_one(comment):
        barrier.wait()
        try:
            city.decide("Ariane", comment, "request", **LEAK)
        except Exception as error:  # noqa: BLE001  # Whatever it is, the test says it.
            errors.append(error)

    threads = [threading.Thread(target=open_one, args=(comment,)) for comment in comments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with city.database.read() as session:
        numbers = sorted(session.scalars(select(ServiceRequest.number)))
    assert numbers == [f"STR-2026-{number:06d}" for number in range(1, 7)]


def test_many_comments_one_request(city):
    opened(city)
    joined(city)
    joined(city, "9")
    with city.database.read() as session:
        assert len(session.scalars(select(ServiceRequest)).all()) == 1
        assert len(session.scalars(select(Requester)).all()) == 3
    progress(city, "done", "C'est réparé.")
    comment = city.says("10", "Encore")
    assert refused(city.decide, "Ariane", comment, "request", request_number="STR-2026-000001") == "request_closed"


def test_a_request_of_another_borough_cannot_be_joined(city):
    opened(city)
    comment = city.says("8", "Ici aussi", account="sud")
    code = refused(city.decide, "Chantal", comment, "request", request_number="STR-2026-000001")
    assert code == "request_unknown"


# ------------------------------------------------------------------------------------------ similar ones
def similar(city, comment, who="Ariane", account="nord"):
    with city.database.read() as session:
        found = escalation.similar(session, city.people[who], city.comment(comment.external_id, account), now=city.now)
        return [one.number for one in found]


def test_open_requests_of_the_same_group_and_place_are_offered(city, leak):
    opened(city, "1", leak=leak)
    opened(city, "2", leak=leak, service_code="nid-de-poule")
    city.store(city.seen("3", "Ça coule aussi", post_external_id="post-2"))
    south = city.says("4", "Au sud", account="sud", **leak)
    assert similar(city, city.says("5", "Ça coule encore", **leak)) == ["STR-2026-000001"]
    assert similar(city, south, account="sud") == []
    city.clock.pass_(days=15)
    assert similar(city, city.comment("5")) == []


def test_the_same_thread_comes_first_and_closed_ones_do_not(city, leak):
    opened(city, "1", leak=leak)
    city.clock.pass_(minutes=1)
    city.classifier.says["Ailleurs"] = city.classifier.says["Ça coule 1"]
    city.store(city.seen("2", "Ailleurs", post_external_id="post-2"))
    city.classify()
    city.decide("Ariane", city.comment("2"), "request", **LEAK)
    comment = city.says("3", "Ici", **leak)
    assert similar(city, comment) == ["STR-2026-000001", "STR-2026-000002"]
    progress(city, "done", "Réparé.")
    assert similar(city, comment) == ["STR-2026-000002"]


def test_without_a_group_only_the_same_thread_is_offered(city, leak):
    opened(city, "1", leak=leak)
    assert similar(city, city.says("2", "Hein?", group=None)) == ["STR-2026-000001"]
    city.store(city.seen("3", "Hein?", post_external_id="post-2"))
    city.classify()
    assert similar(city, city.comment("3")) == []


# ------------------------------------------------------------------------------------------ the agent's part
def test_refusals_of_the_agents_part(city):
    opened(city)
    assert refused(progress, city, "done", " ") == "note_needed"
    assert refused(progress, city, "cancelled", "Erreur") == "status_not_next"
    assert refused(progress, city, "accepted") == "status_not_next"
    with pytest.raises(NotFound):
        progress(city, "in_progress", who="Farid")
    with pytest.raises(NotFound):
        progress(city, "in_progress", who="Ariane")
    with pytest.raises(Refused) as caught, city.database.write() as session:
        escalation.progress(
            session, city.people["Denis"], "STR-2026-000001", RequestStatus.DONE, "Fait", version=99, now=city.now
        )
    assert caught.value.code == "request_changed"
    assert request(city).status == RequestStatus.ACCEPTED


def test_closing_drafts_the_answer_in_every_thread_in_its_language(city):
    opened(city)
    joined(city, "8", language=Scored(Language.ENGLISH, 0.9))
    city.clock.pass_(hours=2)
    progress(city, "in_progress")
    assert city.item("7").state == ItemState.HANDLED
    progress(city, "done", "La conduite est réparée.")
    (french,), (english,) = city.drafts("7"), city.drafts("8")
    for external_id, text in (("7", french), ("8", english)):
        assert (city.item(external_id).state, city.item(external_id).queued_at) == (ItemState.WAITING, city.now)
        assert "La conduite est réparée." in text
        assert "{" not in text
    assert french != english
    with city.database.read() as session:
        history = session.execute(select(RequestChange.status, RequestChange.note).order_by(RequestChange.id)).all()
    assert [tuple(row) for row in history] == [
        ("accepted", None),
        ("in_progress", None),
        ("done", "La conduite est réparée."),
    ]


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("Le trottoir est réparé", "Le trottoir est réparé."),
        ("Réparé (coin Wolfe)", "Réparé (coin Wolfe)."),
        ("C'est fait!", "C'est fait!"),
        ("Voir https://ville.example/a", "Voir https://ville.example/a"),
        ("Fait. \n", "Fait."),
    ],
)
def test_a_note_without_its_point_is_a_sentence_in_the_answer(note, said):
    assert escalation.sentence(note.strip()) == said


def test_the_answer_goes_on_after_a_note_without_its_point(city):
    opened(city)
    progress(city, "done", "La conduite est réparée")
    assert "La conduite est réparée. " in city.drafts("7")[0]


def test_no_answer_is_drafted_where_parvis_only_reads(city):
    opened(city)
    with city.database.write() as session:
        session.execute(update(Account).values(network="instagram_public"))
    progress(city, "done", "Réparé.")
    assert (city.item("7").state, city.drafts("7")) == (ItemState.HANDLED, [])


def test_the_answer_goes_out_only_after_the_moderators_key_and_is_proposed_again_after_an_undo(city):
    opened(city)
    progress(city, "done", "Réparé.")
    city.deliver()
    assert city.network.done == []
    comment, (drafted,) = city.comment("7"), city.drafts("7")
    decision = city.decide("Ariane", comment, "reply", text=drafted)
    assert decision.request_id == request(city).id
    assert city.drafts("7") == []
    city.undo("Ariane", decision)
    assert (city.drafts("7"), city.item("7").state) == ([drafted], ItemState.WAITING)
    city.decide("Ariane", comment, "reply", text=drafted)
    city.deliver()
    assert [(one.target, one.text) for one in city.network.done] == [("7", drafted)]


def test_reopened_before_the_answer_went_out_takes_the_draft_back(city):
    opened(city)
    progress(city, "done", "Réparé.")
    progress(city, "in_progress")
    assert (city.drafts("7"), city.item("7").state) == ([], ItemState.HANDLED)
    assert request(city).closed_at is None
    progress(city, "refused", "Ce n'est pas à nous.")
    (drafted,) = city.drafts("7")
    assert "Ce n'est pas à nous." in drafted


def test_newer_words_are_read_before_the_answer_is_shown(city):
    opened(city)
    city.store(city.seen("7", "C'est pire!", source="edit", seen_at=city.now))
    progress(city, "done", "Réparé.")
    assert city.item("7").state == ItemState.RECEIVED
    (drafted,) = city.drafts("7")
    assert "Réparé." in drafted
    city.classify()
    assert city.item("7").state == ItemState.WAITING


def two_requests(city):
    """Two requests by one citizen, who changed their comment between them."""
    opened(city)
    city.store(city.seen("7", "Et la lampe est brûlée", source="edit", seen_at=city.now))
    city.classify()
    city.decide("Ariane", city.comment("7"), "request", service_code="lampadaire")
    return "STR-2026-000001", "STR-2026-000002"


def test_the_answers_to_two_requests_of_one_comment_are_both_kept_and_each_is_given(city):
    for number, note in zip(two_requests(city), ("La conduite tient.", "La lampe brille."), strict=True):
        progress(city, "done", note, number=number)
    leak, lamp = city.drafts("7")
    assert ("La conduite tient." in leak, "La lampe brille." in lamp) == (True, True)
    with city.database.read() as session:
        seen = queue.detail(session, city.people["Ariane"], city.comment("7").id, now=city.now)
    first, second = seen.drafts
    assert (first.request.number, second.request.number) == ("STR-2026-000001", "STR-2026-000002")
    decision = city.decide("Ariane", seen.comment, "reply", text=lamp, draft_id=second.id)
    assert (decision.request_id, city.drafts("7")) == (second.request_id, [leak])
    assert city.item("7").state == ItemState.WAITING
    assert refused(city.decide, "Ariane", seen.comment, "reply", text=lamp, draft_id=second.id) == "draft_gone"
    city.undo("Ariane", decision)
    assert city.drafts("7") == [leak, lamp]
    for text in (leak, lamp):
        draft = next(one for one in taken(city) if one.text == text)
        city.decide("Ariane", seen.comment, "reply", text=text, draft_id=draft.id)
    assert (city.drafts("7"), city.item("7").state) == ([], ItemState.HANDLED)
    city.deliver()
    city.deliver()  # Two on one comment leave one after the other.
    assert [one.text for one in city.network.done] == [leak, lamp]


def taken(city):
    with city.database.read() as session:
        return drafts.proposed(session, [city.comment("7").id])


def test_another_request_leaves_the_answer_about_the_first_waiting_and_nothing_to_report_takes_it_away(city):
    opened(city)
    progress(city, "done", "Réparé.")
    comment = city.comment("7")
    city.decide("Ariane", comment, "request", service_code="lampadaire")
    assert (len(city.drafts("7")), city.item("7").state) == (1, ItemState.WAITING)
    silent = city.decide("Ariane", comment, "nothing")
    assert (city.drafts("7"), city.item("7").state) == ([], ItemState.HANDLED)
    city.undo("Ariane", silent)
    assert (len(city.drafts("7")), city.item("7").state) == (1, ItemState.WAITING)


@pytest.mark.parametrize("anew", [{"kind": "reply", "text": "Merci!"}, {"kind": "request", **LEAK}])
def test_words_that_did_not_leave_are_proposed_until_somebody_acts_anew(city, anew):
    city.decide("Ariane", city.says("7", "Bonjour"), "reply", text="Merci")
    city.network.errors = [Rejected("spam")]
    city.deliver()
    with city.database.read() as session:
        (draft,) = drafts.proposed(session, [city.comment("7").id])
    assert (draft.text, draft.request_id, draft.effect_id is not None) == ("Merci", None, True)
    decision = city.decide("Ariane", city.comment("7"), **anew)
    assert (city.drafts("7"), city.item("7").state) == ([], ItemState.HANDLED)
    city.undo("Ariane", decision)
    assert (city.drafts("7"), city.item("7").state) == (["Merci"], ItemState.WAITING)


def test_reopening_a_request_leaves_words_that_nobody_decided_about_in_the_queue(city):
    opened(city)
    city.store(city.seen("7", "Et la lampe est brûlée", source="edit", seen_at=city.now))
    city.classify()
    progress(city, "done", "Réparé.")
    progress(city, "in_progress")
    assert (city.drafts("7"), city.item("7").state) == ([], ItemState.WAITING)


# ------------------------------------------------------------------------------------------ undone
def test_undone_by_the_only_one_who_asked_it_is_cancelled(city):
    decision = opened(city)
    city.undo("Ariane", decision)
    assert request(city).status == RequestStatus.CANCELLED


def test_undone_by_one_of_many_it_goes_on_for_the_others(city):
    decision = opened(city)
    joined(city)
    city.undo("Ariane", decision)
    assert request(city).status == RequestStatus.ACCEPTED
    progress(city, "done", "Réparé.")
    assert city.drafts("7") == []
    assert "Réparé." in city.drafts("8")[0]


def test_undone_once_somebody_began_it_goes_on(city):
    decision = opened(city)
    progress(city, "in_progress")
    city.undo("Ariane", decision)
    assert request(city).status == RequestStatus.IN_PROGRESS


def test_asked_again_after_an_undo(city):
    opened(city)
    second = joined(city)
    city.undo("Ariane", second)
    city.decide("Ariane", city.comment("8"), "request", request_number="STR-2026-000001")
    progress(city, "done", "Réparé.")
    assert "Réparé." in city.drafts("8")[0]


def test_an_agent_and_a_moderator_at_the_same_time_do_not_lock_up(city):
    decision = opened(city)
    joined(city)
    barrier, outcomes = threading.Barrier(2), []

    def run(call):
        barrier.wait()
        try:
            call()
            outcomes.append("done")
        except Refused as error:
            outcomes.append(error.code)

    threads = [
        threading.Thread(target=run, args=(call,))
        for call in (lambda: city.undo("Ariane", decision), lambda: progress(city, "done", "Réparé."))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 2
    assert outcomes.count("done") >= 1


# ------------------------------------------------------------------------------------------ confidential services
def test_the_number_of_a_confidential_service_is_never_said_in_public(city):
    with city.database.write() as session:
        session.get_one(Service, "bris-aqueduc").confidential = True
    comment = city.says("7", "Mon voisin fait du bruit")
    told = refused(city.decide, "Ariane", comment, "request", **LEAK, text="Merci, {numero}.")
    assert told == "number_confidential"
    city.decide("Ariane", comment, "request", **LEAK, text="Merci, c'est transmis.")
    progress(city, "done", "Le voisin a reçu un avis.")
    (draft,) = city.drafts("7")
    assert "STR" not in draft
    assert "voisin" not in draft
    told = refused(city.decide, "Ariane", comment, "reply", text="C'est fait (STR-2026-000001).")
    assert told == "number_confidential"
    city.decide("Ariane", comment, "reply", text=draft)
