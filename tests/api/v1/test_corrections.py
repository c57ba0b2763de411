"""Corrections by a person's own program: the same door as the queue, and the same request twice is one."""

from __future__ import annotations

import pytest

from models.learning import Correction
from models.vocabulary import Role

API = "/api/v1"


@pytest.fixture
def moderator(town):
    return town.person("Mona", (Role.MODERATOR, None))


@pytest.fixture
def path(town):
    (comment,) = town.waiting(town.account(), "Nid-de-poule, rue Saint-Jean")
    return f"{API}/comments/{comment}/corrections"


def test_a_correction_is_said_by_whom_and_of_what(town, moderator, path):
    body = {
        "version": 1,
        "intention": "demande_service",
        "group_311": "chaussee_trottoir",
        "breaches": {"haine": False},
    }
    answer = town.client.post(path, json=body, headers=moderator)
    assert answer.status_code == 201
    items = {item["head"]: item for item in answer.json()["items"]}
    assert {head: (item["said"], item["label"]) for head, item in items.items()} == {
        "intention": ("question", "demande_service"),
        "groupe": ("deneigement", "chaussee_trottoir"),
        "haine": ("0", "0"),
    }
    assert items["intention"]["score"] == pytest.approx(0.7)
    assert items["intention"]["person"]["name"] == "Mona"
    assert town.client.get(path, headers=moderator).json() == answer.json()
    comment = town.client.get(path.removesuffix("/corrections"), headers=moderator).json()
    assert comment["verdict"]["intention"] == "demande_service"


def test_danger_that_a_program_tells_is_first_in_the_queue(town, moderator, path):
    town.client.post(path, json={"version": 1, "urgency": 2}, headers=moderator)
    listed = town.client.get(f"{API}/comments?urgency=2", headers=moderator).json()["items"]
    assert [comment["verdict"]["urgency"] for comment in listed] == [2]


def test_the_same_request_again_makes_nothing(town, moderator, path):
    headers = {**moderator, "Idempotency-Key": "k1"}
    bodies = [{"version": 1, "intention": "eloge"}] * 2
    answers = [town.client.post(path, json=body, headers=headers) for body in bodies]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    # Somebody said otherwise since: the old request, sent again by a tired network, does not win over them.
    town.client.post(path, json={"version": 1, "intention": "plainte"}, headers=moderator)
    again = town.client.post(path, json=bodies[0], headers=headers).json()
    assert [item["label"] for item in again["items"]] == ["plainte"]
    assert town.count(Correction) == 2
    other = town.client.post(path, json={"version": 1, "urgency": 1}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"version": 1}, 422, "invalid"),
        ({"version": 1, "intention": "fâché"}, 422, "invalid"),
        ({"version": 1, "urgency": 3}, 422, "invalid"),
        ({"version": 1, "breaches": {"humour": True}}, 422, "invalid"),
        ({"version": 2, "intention": "eloge"}, 409, "text_changed"),
    ],
)
def test_what_is_refused(town, moderator, path, body, status, code):
    answer = town.client.post(path, json=body, headers=moderator)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert town.count(Correction) == 0
