"""What an agent does with a request besides moving it on."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from administration import notices
from models.errors import NotFound, Refused
from models.notices import Notice
from models.requests311 import RequestNote, Service, ServiceRequest, ServiceUnit
from models.vocabulary import Role
from moderation.requests import escalation, handling, inbox

ZONE = ZoneInfo("America/Toronto")
NUMBER = "STR-2026-000001"


@pytest.fixture
def leak(city):
    """A request for a leak, in the north."""
    comment = city.says("7", "Ça coule")
    city.decide("Ariane", comment, "request", service_code="bris-aqueduc", place="rue des Érables")
    return city


def request(city):
    with city.database.read() as session:
        return session.scalars(select(ServiceRequest).where(ServiceRequest.number == NUMBER)).one()


def correct(city, service="bris-aqueduc", place="rue des Érables", *, who="Denis", version=1, **given):
    said = {code: [value] for code, value in given.items()}
    with city.database.write() as session:
        handling.correct(
            session, city.people[who], NUMBER, service, place, said, version=version, now=city.now, zone=ZONE
        )


def refused(call, *args, **more):
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value.code


def test_another_service_has_its_own_delay_from_the_opening_and_its_own_questions(leak):
    opened_at = leak.now
    correct(leak, batiment="oui")
    assert request(leak).attributes == {"batiment": "oui"}
    leak.clock.pass_(hours=3)
    correct(leak, "nid-de-poule", "12, rue des Érables", version=2, batiment="oui", danger="non")
    row = request(leak)
    assert (row.service_code, row.place, row.attributes) == ("nid-de-poule", "12, rue des Érables", {"danger": "non"})
    assert row.due_at == opened_at + timedelta(days=7)


def test_a_request_is_its_services_units_until_it_is_given_to_another(leak):
    assert request(leak).unit == "Gestion des eaux"
    correct(leak, "nid-de-poule")
    assert request(leak).unit == "Travaux publics"
    act(leak, handling.transfer, "Génie", leak.boroughs["nord"], "À étudier", version=2)
    correct(leak, "bris-aqueduc", version=3)
    assert request(leak).unit == "Génie"


def test_each_borough_has_its_own_unit_of_a_service(leak):
    nord, sud = leak.boroughs["nord"], leak.boroughs["sud"]
    with leak.database.write() as session:
        for service, borough, unit in (
            ("bris-aqueduc", sud, "Eaux du sud"),
            ("nid-de-poule", nord, "Voirie du nord"),
            ("nid-de-poule", sud, "Voirie du sud"),
        ):
            session.add(ServiceUnit(service_code=service, borough_id=borough, unit=unit))
    correct(leak, "nid-de-poule")
    assert request(leak).unit == "Voirie du nord"
    act(leak, handling.transfer, "Voirie du nord", sud, "Au sud", version=2)
    assert (request(leak).unit, notes(leak)[-1][3:5]) == ("Voirie du sud", ("Voirie du sud", sud))
    correct(leak, version=3)
    assert request(leak).unit == "Eaux du sud"
    act(leak, handling.transfer, "", None, "Toute la ville", version=4)
    assert request(leak).unit == "Gestion des eaux"
    act(leak, handling.transfer, "Génie", None, "À étudier", version=5)
    act(leak, handling.transfer, "Génie", sud, "Au sud", version=6)
    assert request(leak).unit == "Génie"
    correct(leak, "nid-de-poule", version=7)
    assert request(leak).unit == "Génie"
    act(leak, handling.transfer, "", nord, "Au nord", version=8)
    assert request(leak).unit == "Voirie du nord"


def test_a_service_that_changes_its_unit_has_not_given_what_is_open_to_another(leak):
    with leak.database.write() as session:
        session.get_one(Service, "bris-aqueduc").unit = "Aqueduc"
    correct(leak, place="ailleurs")
    assert request(leak).unit == "Gestion des eaux"
    correct(leak, "nid-de-poule", version=2)
    assert request(leak).unit == "Travaux publics"


def test_a_request_begins_with_the_unit_of_its_borough(city):
    with city.database.write() as session:
        session.add(ServiceUnit(service_code="bris-aqueduc", borough_id=city.boroughs["nord"], unit="Eaux du nord"))
        session.add(ServiceUnit(service_code="bris-aqueduc", borough_id=city.boroughs["sud"], unit="Eaux du sud"))
    city.decide("Ariane", city.says("7", "Ça coule"), "request", service_code="bris-aqueduc")
    assert request(city).unit == "Eaux du nord"


def test_a_new_standard_does_not_move_what_is_open(leak):
    due_at = request(leak).due_at
    with leak.database.write() as session:
        session.get_one(Service, "bris-aqueduc").days = 30
    correct(leak, place="ailleurs")
    assert request(leak).due_at == due_at


def test_what_cannot_be_corrected(leak):
    assert refused(correct, leak, version=2) == "request_changed"
    assert refused(correct, leak, "inconnu") == "service_unknown"
    assert refused(correct, leak, place="x" * 301) == "place_too_long"
    assert refused(correct, leak, batiment="peut-être") == "attribute_unreadable"
    assert refused(correct, leak, inconnue="x") == "attribute_unknown"
    with pytest.raises(NotFound):
        correct(leak, who="Ariane")
    assert request(leak).version == 1


# ------------------------------------------------------------------------------------------------- between colleagues
def notes(city):
    with city.database.read() as session:
        rows = session.scalars(select(RequestNote).order_by(RequestNote.id)).all()
        return [(row.kind, row.text, row.assignee_id, row.unit, row.borough_id, row.priority) for row in rows]


def act(city, what, *given, who="Denis", **more):
    with city.database.write() as session:
        return what(session, city.people[who], NUMBER, *given, now=city.now, **more)


def figures(city):
    with city.database.read() as session:
        return inbox.figures(session, city.people["Denis"], now=city.now)


def close(city, number, version):
    with city.database.write() as session:
        escalation.progress(session, city.people["Denis"], number, "done", "Réparé.", version=version, now=city.now)


def test_a_request_is_given_noted_and_made_more_pressing(leak):
    denis = leak.people["Denis"].person_id
    act(leak, handling.assign, denis, version=1)
    act(leak, handling.note, " Voir avec l’aqueduc \r\n demain ")
    act(leak, handling.prioritise, "urgent", version=2)
    row = request(leak)
    assert (row.assignee_id, row.priority, row.version) == (denis, "urgent", 3)
    assert notes(leak) == [
        ("assign", None, denis, None, None, None),
        ("note", "Voir avec l’aqueduc \n demain", None, None, None, None),
        ("priority", None, None, None, None, "urgent"),
    ]
    # Nobody is told of what they did themselves.
    assert told(leak) == []
    assert refused(act, leak, handling.assign, denis, version=1) == "request_changed"
    assert refused(act, leak, handling.assign, leak.people["Ariane"].person_id, version=3) == "assignee_unknown"
    assert refused(act, leak, handling.note, " ") == "note_empty"
    assert refused(act, leak, handling.note, "x" * 4001) == "note_too_long"
    with pytest.raises(NotFound):
        act(leak, handling.note, "Bonjour", who="Ariane")


def told(city):
    with city.database.read() as session:
        everybody = session.scalars(select(Notice).order_by(Notice.id)).all()
        seen = {one.id for name in city.people for one in notices.notices(session, city.people[name])}
        assert seen == {one.id for one in everybody}  # Whoever is told may read of it.
        return [(one.kind, one.person_id, one.by_id) for one in everybody]


def test_whoever_is_given_a_request_is_told_once_and_not_when_it_is_theirs_no_more(leak):
    denis = leak.people["Denis"].person_id
    eva, fred = (leak.hire(name, Role.AGENT311).person_id for name in ("Éva", "Fred"))
    act(leak, handling.assign, eva, version=1)
    act(leak, handling.assign, eva, version=2)
    assert told(leak) == [("request_assigned", eva, denis)]
    act(leak, handling.assign, fred, version=3)
    assert told(leak) == [("request_assigned", fred, denis)]
    act(leak, handling.transfer, "Génie", leak.boroughs["nord"], "À étudier", version=4)
    assert told(leak) == []


def test_a_transfer_says_why_and_the_share_without_one_is_counted(leak):
    comment = leak.says("8", "Un nid-de-poule")
    leak.decide("Ariane", comment, "request", service_code="nid-de-poule")
    act(leak, handling.assign, leak.people["Denis"].person_id, version=1)
    nord = leak.boroughs["nord"]
    for wrong, code in (
        (("", nord, "Pas à nous"), "transfer_nowhere"),
        (("Eaux", nord, " "), "note_empty"),
        (("Eaux", 999, "x"), "borough_unknown"),
    ):
        assert refused(act, leak, handling.transfer, *wrong, version=2) == code
    act(leak, handling.transfer, " Travaux  publics ", nord, "C’est une conduite.", version=2)
    row = request(leak)
    assert (row.unit, row.borough_id, row.assignee_id) == ("Travaux publics", nord, None)
    assert notes(leak)[-1] == ("transfer", "C’est une conduite.", None, "Travaux publics", nord, None)
    assert (figures(leak).open, figures(leak).closed) == (2, 0)
    close(leak, NUMBER, 3)
    close(leak, "STR-2026-000002", 1)
    seen = figures(leak)
    assert (seen.open, seen.closed, seen.in_time, seen.without_transfer) == (0, 2, 2, 1)
    assert refused(act, leak, handling.transfer, "Eaux", nord, "x", version=4) == "request_closed"
    leak.clock.pass_(days=31)
    assert figures(leak).closed == 0


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"words": "érables"}, ["1"]),
        ({"words": "ERABLE aqueduc"}, ["1"]),
        ({"words": "érables nid"}, []),
        ({"words": "str-2026-000002"}, ["2"]),
        ({"words": "%"}, []),
        ({"words": "  "}, ["1", "2"]),
        ({"assignee_id": 0}, ["2"]),
        ({"service_code": "nid-de-poule"}, ["2"]),
        ({"priority": "high"}, ["1"]),
    ],
)
def test_the_list_is_narrowed(leak, wanted, found):
    comment = leak.says("8", "Un trou")
    leak.decide("Ariane", comment, "request", service_code="nid-de-poule")
    act(leak, handling.assign, leak.people["Denis"].person_id, version=1)
    act(leak, handling.prioritise, "high", version=2)
    with leak.database.read() as session:
        page = inbox.requests(session, leak.people["Denis"], inbox.Wanted(**wanted), now=leak.now)
    assert [one.number[-1] for one in page.requests] == found


def test_what_citizens_are_told_has_an_end(leak):
    def tell(note):
        with leak.database.write() as session:
            escalation.progress(session, leak.people["Denis"], NUMBER, "done", note, version=1, now=leak.now)

    assert refused(tell, "x" * 4001) == "note_too_long"
    tell("x" * 4000)
