"""GeoReport v2: what is written in both forms, what is sent, who reads what, and errors as the standard writes them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from administration import seeds
from models.people import ApiKey
from models.requests311 import Requester, Service, ServiceRequest
from models.vocabulary import RequestStatus, Role
from moderation.requests import escalation

BASE = "/open311/v2"
HOLE = {"service_code": "nids", "address_string": "12, rue Desjardins", "description": "Un gros trou."}


@pytest.fixture
def city(town):
    with town.parvis.database.write() as session:
        words = {"name_en": "Potholes", "keywords": "trou, pothole"}
        session.add(Service(code="nids", name="Nids-de-poule", group="chaussee_trottoir", days=5, **words))
        session.add(Service(code="bruit", name="Bruit", group="bruit_nuisances", days=5, confidential=True))
        session.add(Service(code="fini", name="Fini", group="autre", days=5, active=False))
        session.flush()
        seeds.plant(session, now=town.now)
    return town


@pytest.fixture
def key(city) -> str:
    return city.key("open311")["Authorization"].removeprefix("Bearer ")


def _sent(city, key, form="json", **more):
    return city.client.post(f"{BASE}/requests.{form}", data=HOLE | {"api_key": key} | more)


def _number(city, key, **more) -> str:
    answer = _sent(city, key, **more)
    assert answer.status_code == 200, answer.text
    (receipt,) = answer.json()
    return receipt["service_request_id"]


def _progress(city, number, *steps):
    with city.parvis.database.write() as session:
        agent = city.hire("Aline", Role.AGENT311)
        for version, (status, note) in enumerate(steps, start=1):
            city.wait(minutes=1)
            escalation.progress(session, agent, number, status, note, version=version, now=city.now)


def test_both_forms_say_the_same(city, key):
    _number(city, key)
    for path in ("discovery", "services", "services/nids", "requests", "servicerequestupdates"):
        asked = f"{BASE}/{path}.%s?api_key={key}&extensions=true"
        told, marked = city.client.get(asked % "json"), city.client.get(asked % "xml")
        assert (told.status_code, marked.status_code) == (200, 200)
        assert told.headers["content-type"] == "application/json; charset=utf-8"
        assert marked.headers["content-type"] == "text/xml; charset=utf-8"
        assert marked.content.startswith(b"<?xml version='1.0' encoding='utf-8'?>")

        def plain(element):
            if len(element) and len({child.tag for child in element}) == 1 and element.tag != "service_definition":
                return [plain(child) for child in element]
            return {child.tag: plain(child) for child in element} if len(element) else element.text or ""

        def worded(value):
            if isinstance(value, list):
                return [worded(one) for one in value] or ""
            if isinstance(value, dict):
                one = {name: worded(part) for name, part in value.items()}
                return list(one.values()) if len(one) == 1 else one
            return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

        assert plain(ET.fromstring(marked.content)) == worded(told.json()), path


def test_discovery_says_where_the_server_is(city):
    said = city.client.get(f"{BASE}/discovery.json").json()
    (endpoint,) = said["endpoints"]
    assert endpoint["url"] == city.parvis.settings.base_url + BASE
    assert endpoint["formats"] == ["text/xml", "application/json"]


def test_services_are_those_that_can_be_asked_for(city):
    found = {one["service_code"]: one for one in city.client.get(f"{BASE}/services.json").json()}
    assert set(found) == {"nids", "bruit"}
    assert (found["nids"]["type"], found["nids"]["metadata"]) == ("realtime", False)
    assert (found["nids"]["service_name"], found["nids"]["keywords"]) == ("Nids-de-poule", "trou, pothole")
    english = city.client.get(f"{BASE}/services.json", headers={"cookie": "parvis_language=en"}).json()
    assert {one["service_name"] for one in english} == {"Potholes", "Bruit"}  # What has no other name keeps its own.
    assert city.client.get(f"{BASE}/services/nids.json").json() == {"service_code": "nids", "attributes": []}
    assert city.client.get(f"{BASE}/services/fini.json").status_code == 404


ASKS = [
    {"code": "taille", "datatype": "singlevaluelist", "fr": "Quelle taille?", "en": "Which size?", "required": True,
     "values": [{"key": "p", "fr": "Petit", "en": "Small"}, {"key": "g", "fr": "Grand"}]},
    {"code": "cause", "datatype": "multivaluelist", "fr": "Pourquoi?",
     "values": [{"key": "gel", "fr": "Gel"}, {"key": "eau", "fr": "Eau"}]},
]  # fmt: skip


@pytest.fixture
def asking(city):
    with city.parvis.database.write() as session:
        session.get_one(Service, "nids").attributes = ASKS
    return city


def test_a_service_says_what_it_asks_in_both_languages_and_forms(asking):
    (listed,) = [one for one in asking.client.get(f"{BASE}/services.json").json() if one["service_code"] == "nids"]
    assert listed["metadata"] is True
    said = asking.client.get(f"{BASE}/services/nids.json", headers={"cookie": "parvis_language=en"}).json()
    first, second = said["attributes"]
    assert (first["code"], first["datatype"], first["required"], first["order"]) == (
        "taille",
        "singlevaluelist",
        True,
        1,
    )
    assert first["values"] == [{"key": "p", "name": "Small"}, {"key": "g", "name": "Grand"}]
    assert (second["order"], second["required"], second["variable"]) == (2, False, True)
    marked = ET.fromstring(
        asking.client.get(f"{BASE}/services/nids.xml", headers={"cookie": "parvis_language=fr_CA"}).content
    )
    assert [one.findtext("description") for one in marked.iterfind("attributes/attribute")] == [
        "Quelle taille?",
        "Pourquoi?",
    ]
    assert [one.text for one in marked.iterfind("attributes/attribute/values/value/key")] == ["p", "g", "gel", "eau"]


def test_answers_are_checked_kept_and_read_again_with_a_key(asking, key):
    for wrong in (
        {},
        {"attribute[taille]": "énorme"},
        {"attribute[taille]": "p", "attribute[autre]": "x"},
        {"attribute[taille]": "p", "attribute[cause][]": ["gel", "<b>"]},
    ):
        answer = _sent(asking, key, **wrong)
        assert answer.status_code == 400, wrong
        assert len(answer.json()) == 1
    assert asking.client.get(f"{BASE}/requests.json?api_key={key}").json() == []
    number = _number(asking, key, **{"attribute[taille]": "g", "attribute[cause][]": ["gel", "eau"]})
    (one,) = asking.client.get(f"{BASE}/requests/{number}.json?api_key={key}&extensions=true").json()
    assert one["attributes"] == [{"code": "taille", "value": "g"}, {"code": "cause", "value": "gel, eau"}]
    assert "attributes" not in asking.client.get(f"{BASE}/requests/{number}.json?extensions=true").json()[0]


def test_what_was_sent_is_read_whole_with_a_key_and_who_asked_by_nobody(city, key):
    number = _number(
        city, key, lat="46.8", long="-71.2", media_url="https://x.example/p.jpg", email="e@x.example", phone="418"
    )
    (whole,) = city.client.get(f"{BASE}/requests/{number}.json?api_key={key}").json()
    assert (whole["status"], whole["service_code"]) == ("open", "nids")
    assert (whole["description"], whole["address"]) == ("Un gros trou.", "12, rue Desjardins")
    assert (whole["lat"], whole["long"], whole["media_url"]) == (46.8, -71.2, "https://x.example/p.jpg")
    assert "e@x.example" not in city.client.get(f"{BASE}/requests/{number}.xml?api_key={key}").text
    (public,) = city.client.get(f"{BASE}/requests/{number}.json").json()
    assert public["service_name"] == "Nids-de-poule"
    hidden = ("description", "address", "lat", "long", "media_url", "status_notes")
    assert [public[name] for name in hidden] == [None] * len(hidden)
    with city.parvis.database.read() as session:
        request = session.scalars(select(ServiceRequest)).one()
        requester = session.scalars(select(Requester)).one()
        assert request.key_id == session.scalars(select(ApiKey.id)).one()
        assert (request.opened_by_id, requester.email, requester.phone) == (None, "e@x.example", "418")
    read = city.client.get(f"/api/v1/requests/{number}", headers=city.key("requests:read"))
    assert (read.status_code, read.json()["comment_ids"]) == (200, []), "nobody asked for it in a comment"


def test_a_confidential_service_has_no_request_in_public(city, key):
    number = _number(city, key, service_code="bruit")
    assert city.client.get(f"{BASE}/requests/{number}.json").status_code == 404
    assert city.client.get(f"{BASE}/requests.json").json() == []
    assert len(city.client.get(f"{BASE}/requests.json?api_key={key}").json()) == 1


def test_an_agent_sees_who_asked_and_the_answer_comes_back(city, key):
    number = _number(city, key, first_name="Ève", last_name="Roy", email="eve@x.example")
    page = city.client.get(f"/requetes/{number}", headers=city.person("Omar", (Role.AGENT311, None)))
    assert page.status_code == 200
    for words in ("Ève Roy", "eve@x.example", "Un gros trou.", "par 1 personne"):
        assert words in page.text
    _progress(city, number, (RequestStatus.IN_PROGRESS, ""), (RequestStatus.DONE, "Réparé."))
    (one,) = city.client.get(f"{BASE}/requests/{number}.json?api_key={key}&extensions=true").json()
    assert (one["status"], one["status_notes"]) == ("closed", "Réparé.")
    assert one["extended_attributes"] == {"detailed_status": "done"}
    assert one["updated_datetime"] == city.now.isoformat(timespec="seconds").replace("+00:00", "Z")
    updates = city.client.get(f"{BASE}/servicerequestupdates.json?api_key={key}").json()
    assert [(one["status"], one["description"]) for one in updates] == [
        ("OPEN", ""),
        ("OPEN", ""),
        ("CLOSED", "Réparé."),
    ]


def test_a_listing_is_narrowed(city, key):
    first = _number(city, key)
    begun = city.now
    city.wait(days=40)
    second = _number(city, key, service_code="bruit")
    _progress(city, second, (RequestStatus.DONE, "Fait."))
    city.wait(days=60)
    third = _number(city, key)

    def numbers(**wanted: object) -> list[str]:
        answer = city.client.get(f"{BASE}/requests.json", params={"api_key": key, **wanted})
        assert answer.status_code == 200, answer.text
        return [one["service_request_id"] for one in answer.json()]

    assert numbers() == [third, second]  # The last 90 days.
    assert numbers(status="open") == [third]
    assert numbers(status="closed") == [second]
    assert numbers(status="open,closed") == [third, second]
    assert numbers(service_code="bruit,rien") == [second]
    assert numbers(service_request_id=f"{first},{second}", status="open", service_code="rien") == [second, first]
    start = begun.isoformat()
    assert numbers(start_date=start) == [second, first]
    assert numbers(start_date=start, end_date=(begun + timedelta(days=1)).isoformat()) == [first]
    assert numbers(page_size=1) == [third]
    assert numbers(page_size=1, page=2) == [second]
    assert numbers(page_size=1, page=0) == [third]
    bare = city.client.get(f"{BASE}/requests.json?api_key={key}&start_date={start}")  # Its + came as a blank.
    assert len(bare.json()) == 2
    blank = dict.fromkeys(("service_request_id", "status", "start_date", "page", "page_size"), "")
    assert numbers(**blank) == [third, second]


WRONG = {
    "no service": ({"service_code": ""}, 1),
    "an unknown service": ({"service_code": "rien"}, 1),
    "a service that is over": ({"service_code": "fini"}, 1),
    "no place": ({"address_string": " "}, 1),
    "no number": ({"lat": "NaN", "long": "1"}, 1),
    "half a point": ({"lat": "46.8"}, 1),
    "beyond the pole": ({"lat": "90.1", "long": "0"}, 1),
    "words without end": ({"description": "x" * 4001}, 1),
    "no address of the web": ({"media_url": "javascript:alert(1)"}, 1),
    "a NUL": ({"service_code": "a\0b"}, 1),
    "three things": ({"service_code": "rien", "lat": "x", "long": "1", "description": "x" * 5000}, 3),
}


def _faults(answer, form):
    """The code and the sentence of each error, in either form."""
    if form == "json":
        return [(one["code"], one["description"]) for one in answer.json()]
    root = ET.fromstring(answer.content)
    assert root.tag == "errors"
    return [(one.findtext("code"), one.findtext("description")) for one in root]


def test_what_is_wrong_is_said_at_once_and_nothing_is_kept(city, key):
    for name, (more, faults) in WRONG.items():
        for form in ("json", "xml"):
            answer = _sent(city, key, form, **more)
            errors = _faults(answer, form)
            assert (answer.status_code, len(errors)) == (400, faults), name
            assert all(code == "400" and sentence for code, sentence in errors)
    assert city.count(ServiceRequest) == city.count(Requester) == 0


AWRY = {
    "requests/PAR-2026-000999.xml": 404,
    "requests/PAR-2026-000999.json": 404,
    "tokens/x.json": 404,
    "nothing.json": 404,
    "services/%00.json": 400,
    "requests.yaml": 400,
    "requests.json?start_date=hier": 400,
    "requests.json?start_date=2026-01-05T12:00:00": 400,
    "requests.xml?start_date=2020-01-01T00:00:00Z&end_date=2026-01-01T00:00:00Z": 400,
    "requests.json?start_date=0001-01-01T00:00:00%2B14:00&end_date=0001-01-02T00:00:00Z": 400,
    "requests.json?end_date=0001-01-02T00:00:00Z": 400,
    "requests.json?start_date=9999-12-31T00:00:00Z": 400,
    "requests.json?status=maybe": 400,
    "requests.json?service_request_id=%00": 400,
    "requests.json?api_key=wrong": 403,
    "servicerequestupdates.xml": 403,
}


def test_errors_are_in_the_form_that_was_asked_for(city):
    for path, status in AWRY.items():
        answer = city.client.get(f"{BASE}/{path}")
        assert answer.status_code == status, path
        assert [code for code, _ in _faults(answer, "json" if ".json" in path else "xml")] == [str(status)]


def test_a_key_of_another_scope_sends_nothing(city):
    other = city.key("requests:read")["Authorization"].removeprefix("Bearer ")
    assert _sent(city, other).status_code == 403
    assert city.client.post(f"{BASE}/requests.xml", data=HOLE).status_code == 403
    assert city.count(ServiceRequest) == 0


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=50))
def test_whatever_is_written_comes_back_in_both_forms(city, key, text):
    answer = _sent(city, key, description=text)
    assert answer.status_code == 200
    (receipt,) = answer.json()
    path = f"{BASE}/requests/{receipt['service_request_id']}"
    (told,) = city.client.get(f"{path}.json?api_key={key}").json()
    marked = ET.fromstring(city.client.get(f"{path}.xml?api_key={key}").content)
    assert told["description"] == (text.strip().replace("\0", "\N{REPLACEMENT CHARACTER}") or None)
    assert marked[0].find("description") is not None
