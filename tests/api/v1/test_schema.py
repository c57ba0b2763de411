"""The OpenAPI document is true: what schemathesis makes up from it is answered as it says, and nothing breaks.

A signed-in person with every role and a program's key, over the application itself (no socket), a bounded number of
made-up requests for each operation. `make soak` makes up others and more of them (`PARVIS_SCHEMA_EXAMPLES`,
`PARVIS_SCHEMA_SEED`), and keeps the figures that are written to `PARVIS_SCHEMA_FIGURES`.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from models.requests311 import Service
from models.vocabulary import Role

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
WHO = {"authorization", "cookie", "origin"}
EXAMPLES = int(os.environ.get("PARVIS_SCHEMA_EXAMPLES", "60"))
SEED = os.environ.get("PARVIS_SCHEMA_SEED")
"""None: the same requests at every run."""
FIGURES = os.environ.get("PARVIS_SCHEMA_FIGURES")
KEY_SCOPES = ("comments:read", "requests:read", "posts:read", "accounts:read", "figures:read")


def test_the_document_says_all_that_a_program_needs(town):
    document = town.client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations)
    for method, path, operation in operations:
        assert path.startswith("/api/v1/")
        assert operation["tags"]
        assert operation["security"] == [{"key": []}, {"session": []}]
        errors = {status: said for status, said in operation["responses"].items() if not status.startswith("2")}
        assert {"401", "403", "422", "500"} <= set(errors)
        assert ("requestBody" in operation) <= ({"400", "413"} <= set(errors)), (method, path)
        assert all(list(said["content"]) == ["application/problem+json"] for said in errors.values())
    assert "token" not in json.dumps(document["components"]["schemas"]["AccountShown"]["properties"])


@pytest.mark.parametrize(
    ("who", "mode"),
    [("person", GenerationMode.POSITIVE), ("person", GenerationMode.NEGATIVE), ("key", GenerationMode.POSITIVE)],
)
@pytest.mark.parametrize("examples", [4, pytest.param(EXAMPLES, id="many", marks=pytest.mark.long)])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_operation_answers_as_the_document_says(town, who, mode, examples):
    headers = inhabit(town, who)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", town.client.app)
    statuses: Counter[int] = Counter()
    drawn = (lambda test: test) if SEED is None else seed(int(SEED))
    for found in schema.get_all_operations():
        operation = found.ok()

        @drawn
        @settings(
            max_examples=examples,
            derandomize=SEED is None,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers(case):
            # A cookie or a key that is made up says only 401.
            case.cookies = {}
            given_headers = {name: value for name, value in case.headers.items() if name.lower() not in WHO}
            case.headers = type(case.headers)(given_headers | headers)
            response = case.call(timeout=120)  # A busy machine is no fault.
            statuses[response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

        answers()
    if FIGURES:
        told = {"database": "sqlite", "seed": SEED, "who": who, "mode": mode.value, "requests": statuses.total()}
        with Path(FIGURES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(told | {"passed": True}) + "\n")
    assert set(statuses) & {200, 201}
    assert 401 not in statuses
    assert (403 in statuses) == (who == "key")


def inhabit(town, who):
    """A few rows of each kind, so that small ids exist; the headers of who asks."""
    account = town.account()
    town.waiting(account, "Bonjour", "Nid-de-poule rue Saint-Jean", "Merci 🙏", urgency=1)
    with town.parvis.database.write() as session:
        session.add(Service(code="nids", name="Nids-de-poule", group="chaussee_trottoir", days=5))
    person = town.person("Mona", *((role, None) for role in Role))
    post = {"title": "Collecte", "variants": [{"account_id": account, "text": "Jeudi."}]}
    assert town.client.post("/api/v1/posts", json=post, headers=person).status_code == 201
    decision = {"comment_id": 1, "version": 1, "kind": "request", "service_code": "nids"}
    assert town.client.post("/api/v1/decisions", json=decision, headers=person).status_code == 201
    return person if who == "person" else town.key(*KEY_SCOPES)
