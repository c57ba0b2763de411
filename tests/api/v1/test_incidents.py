"""Events as programs read them."""

from __future__ import annotations

from models.comments import Comment
from models.incidents import Incident
from models.items import Item
from models.requests311 import Service, ServiceRequest
from models.vocabulary import Group311


def test_events_of_which_something_waits(town):
    account = town.account()
    first, second = town.waiting(account, "Pas d'eau rue Wolfe", "Rue Wolfe, plus rien")
    with town.parvis.database.write() as session:
        event = Incident(group_311=Group311.WATER, place="rue Wolfe", first_at=town.now, last_at=town.now)
        session.add(event)
        session.flush()
        for comment_id in (first, second):
            item = session.query(Item).filter_by(comment_id=comment_id).one()
            item.incident_id = event.id
            assert session.get_one(Comment, comment_id).author_id is None
    asked = "/api/v1/incidents"
    (shown,) = town.client.get(asked, headers=town.key("comments:read")).json()["items"]
    assert (shown["people"], shown["comments"], shown["place"]) == (2, 2, "rue Wolfe")
    assert (shown["group"], shown["request_number"]) == ("eau_egout", None)
    assert town.client.get(asked, headers=town.key("requests:read")).status_code == 403
    assert town.client.get(asked).status_code == 401


def test_the_number_of_a_request_is_for_who_sees_requests(town):
    account = town.account()
    (waiting,) = town.waiting(account, "Pas d'eau rue Wolfe")
    with town.parvis.database.write() as session:
        session.add(Service(code="eau", name="Eau", group=Group311.WATER, days=1))
        session.flush()
        request = ServiceRequest(number="PAR-2026-000001", service_code="eau", opened_at=town.now, due_at=town.now)
        session.add(request)
        session.flush()
        event = Incident(group_311=Group311.WATER, first_at=town.now, last_at=town.now, request_id=request.id)
        session.add(event)
        session.flush()
        session.query(Item).filter_by(comment_id=waiting).one().incident_id = event.id
    numbers = [
        town.client.get("/api/v1/incidents", headers=town.key(*scopes)).json()["items"][0]["request_number"]
        for scopes in (["comments:read"], ["comments:read", "requests:read"])
    ]
    assert numbers == [None, "PAR-2026-000001"]
