"""GeoReport v2 as others understand it: clients that we did not write, and requests made up from the standard."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import requests
import schemathesis
import uvicorn
import yaml
from civicbot import Endpoint, HttpError, HttpTransport, Open311Client
from civicbot.http import RateLimiter
from georeport import GeoReport
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from administration import seeds
from api.app import create_app
from models.requests311 import Service, ServiceRequest
from models.vocabulary import RequestStatus, Role
from moderation.requests import escalation

STANDARD = yaml.safe_load(Path(__file__).with_name("georeport.yaml").read_text(encoding="utf-8"))
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
STATUSES = {200, 400, 403, 404}
"""All that GeoReport answers."""

ASKS = [
    {"code": "taille", "datatype": "singlevaluelist", "fr": "Quelle taille?", "required": True,
     "values": [{"key": "p", "fr": "Petit"}, {"key": "g", "fr": "Grand"}]},
    {"code": "cause", "datatype": "multivaluelist", "fr": "Pourquoi?",
     "values": [{"key": "gel", "fr": "Gel"}, {"key": "eau", "fr": "Eau"}]},
]  # fmt: skip

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def city(town):
    with town.parvis.database.write() as session:
        session.add(Service(code="nids", name="Nids-de-poule", group="chaussee_trottoir", days=5, attributes=ASKS))
        session.add(Service(code="bruit", name="Bruit", group="bruit_nuisances", days=5, confidential=True))
        session.flush()
        seeds.plant(session, now=town.now)
    return town


@pytest.fixture
def key(city) -> str:
    return city.key("open311")["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def address(city):
    """Where the city is served, on a port of this machine."""
    server = uvicorn.Server(uvicorn.Config(create_app(city.parvis), host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/open311/v2"
    server.should_exit = True
    thread.join()


@pytest.fixture
def sender(address) -> Open311Client:
    here = Endpoint("here", "Here", address, write=True)
    return Open311Client(here, HttpTransport(rate_limiter=RateLimiter(min_interval=0)))


HOLE = {"address_string": "12, rue Desjardins", "description": "Un trou « énorme » & profond\nà l’arrêt."}


def test_a_client_that_is_not_ours_sends_and_follows(city, key, sender):
    said = {"attributes": {"taille": "g", "cause": ["gel", "eau"]}, "first_name": "Ève", "last_name": "Roy", **HOLE}
    sent = sender.create_request(
        "nids", dry_run=False, confirm="SEND", api_key=key, validate_remote=True, lat=46.8, lng=-71.2, **said
    )
    assert sent.warnings == []
    (receipt,) = sent.response
    kept = sender.get_request(receipt["service_request_id"])
    assert (kept["service_code"], kept["status"]) == ("nids", "open")
    agent = city.hire("Aline", Role.AGENT311)
    with city.parvis.database.write() as session:
        (request,) = session.query(ServiceRequest)
        assert (request.place, request.description) == (HOLE["address_string"], HOLE["description"])
        assert (request.latitude, request.longitude) == (46.8, -71.2)
        assert request.attributes == {"taille": "g", "cause": ["gel", "eau"]}
        escalation.progress(
            session, agent, request.number, RequestStatus.DONE, "Réparé.", version=request.version, now=city.now
        )
    (closed,) = sender.list_requests(status="closed", service_code="nids", page_size=5)
    assert closed["service_request_id"] == receipt["service_request_id"]
    assert sender.list_requests(status="open") == []
    with pytest.raises(HttpError) as unknown:
        sender.get_token("0123")
    assert unknown.value.status == 404
    for wrong, status in (("", 403), ("wrong", 403), (key, 400)):
        with pytest.raises(HttpError) as refused:  # With the right key: what the service asks was not answered.
            sender.create_request("nids", dry_run=False, confirm="SEND", api_key=wrong or "x", **HOLE)
        assert refused.value.status == status


@pytest.mark.parametrize("form", ["json", "xml"])
def test_another_reads_in_both_forms(city, key, address, form):
    reader = GeoReport(address, jurisdiction="parvis", output_format=form)
    found = {one["service_code"]: one for one in reader.get_service_list()}
    assert {code: one["service_name"] for code, one in found.items()} == {"nids": "Nids-de-poule", "bruit": "Bruit"}
    assert str(found["nids"]["metadata"]).lower() == "true"
    attributes = reader.get_service_definition("nids")["attributes"]
    attributes = attributes["attribute"] if form == "xml" else attributes
    assert [one["description"] for one in attributes] == ["Quelle taille?", "Pourquoi?"]
    answers = {"attribute[taille]": "p", "attribute[cause][]": ["eau"]}
    numbers = []
    for _ in range(2):
        sent = requests.post(
            f"{address}/requests.{form}", {"service_code": "nids", "api_key": key, **HOLE, **answers}, timeout=20
        )
        assert sent.status_code == 200, sent.text
        numbers.append(re.search(r"PAR-2026-\d{6}", sent.text).group())
    listed = reader.get_service_requests(service_code="nids", status="open,closed")
    assert [one["service_request_id"] for one in listed] == numbers[::-1]
    one = reader.get_service_request(numbers[0])
    assert (one["service_name"], one["status"], one["description"]) == ("Nids-de-poule", "open", None)
    later = (city.now + timedelta(days=1)).isoformat()
    if form == "json":
        assert reader.get_service_requests(start_date=later) == []
    with pytest.raises(requests.HTTPError) as wrong:
        reader.get_service_requests(start_date="hier")
    assert wrong.value.response.status_code == 400


@pytest.mark.parametrize("examples", [15, pytest.param(300, marks=pytest.mark.long)])
def test_whatever_is_sent_is_answered_as_the_standard_says(city, key, examples):
    answers = {"attribute[taille]": "p"}
    sent = city.client.post("/open311/v2/requests.json", data={"service_code": "nids", "api_key": key} | HOLE | answers)
    assert sent.status_code == 200
    document = schemathesis.openapi.from_dict(STANDARD)
    document.app = city.client.app
    told: Counter[int] = Counter()
    for found in document.get_all_operations():
        operation = found.ok()

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def answers_well(case):
            case.cookies = {}
            case.headers = {"authorization": f"Bearer {key}"}
            response = case.call()
            told[response.status_code] += 1
            case.validate_response(response, checks=CHECKS)
            if response.status_code >= 400:
                assert {one["code"] for one in response.json()} == {str(response.status_code)}

        answers_well()
    assert set(told) <= STATUSES, told
    assert {200, 404} <= set(told)
