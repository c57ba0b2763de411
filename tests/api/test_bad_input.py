"""Whatever is sent to any route of the router is answered: never 500, and what no database keeps is not kept."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from models.base import String
from models.people import Membership
from models.tables import metadata
from models.vocabulary import Role

FEW, MANY = 4, 12
"""Of each route."""
NUMBERS = [0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 2**70, 10**400]
WORDS = ["", " ", "\0", "a\0b", "\ufeff", "é" * 300, "x" * 9000, "'", "%", "\\", "../..", "[" * 3000, "true", "null"]
TIMES = ["9999-12-31T23:59", "0001-01-01T00:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-02-30"]
CURSORS = [[], [True], [2**70], ["2026-01-01T00:00:00+00:00", 2**70], ["9999-12-31T23:59:59-14:00", 1], [0, "é", 1], {}]
BODIES = [b"", b"%", b"a=%00&b=%ff", b"\xff\x00", b"[" * 9000, b"{"]
KINDS = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
]
VERSIONS = ['"1"', '"99999999999999999999"', "", "é"]


def cursor(value: object) -> str:
    return encoded(json.dumps(value).encode())


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


BAD = [
    *map(str, NUMBERS),
    "9" * 5000,
    "1e400",
    "NaN",
    "٣",
    "²",
    *WORDS,
    *TIMES,
    *map(cursor, CURSORS),
    encoded(b"[" * 3000),
]
TEXTS = st.sampled_from(BAD) | st.text(max_size=30)
JSON = st.recursive(
    TEXTS | st.sampled_from([*NUMBERS, "\ud800", None, True, 1.5]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
)


def fields_of(dependant: Dependant, kind: str) -> set[str]:
    """Names of a route's parameters of one kind, of its dependencies too."""
    names = {field.alias for field in getattr(dependant, f"{kind}_params")}
    return names.union(*(fields_of(one, kind) for one in dependant.dependencies))


def body_of(route: Any, right: dict[str, Any]) -> set[str]:
    """Names of the fields of a form, or of the JSON object that a route reads; some read whatever their form holds."""
    model = getattr(getattr(route.body_field, "field_info", None), "annotation", None)
    declared = fields_of(route.dependant, "body") | set(getattr(model, "model_fields", ()))
    return declared if route.body_field is not None else set(right)


@st.composite
def requests(draw: st.DrawFn, route: Any, right: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """One request to a route: method, address, and what is sent. Most of it is right, so that the work is reached."""

    def some(names: set[str], values: st.SearchStrategy[Any]) -> dict[str, Any]:
        wrong = draw(st.sets(st.sampled_from(sorted(names)), max_size=3)) if names else set()
        return {name: right[name] for name in names & right.keys() - wrong} | {
            name: draw(values) for name in sorted(wrong)
        }

    places = {name: right.get(name, "x") for name in route.param_convertors}
    if places and draw(st.booleans()):
        places[draw(st.sampled_from(sorted(places)))] = draw(TEXTS)
    address = re.sub(r"{(\w+)[^}]*}", lambda place: quote(str(places[place[1]]), safe=""), route.path)
    if query := urlencode(some(fields_of(route.dependant, "query") | {"apres"}, TEXTS)):
        address += f"?{query}"
    method = draw(st.sampled_from(sorted(route.methods)))
    sent: dict[str, Any] = {"headers": {"if-match": draw(st.sampled_from(VERSIONS)).encode()}}
    if method in {"GET", "HEAD"}:
        return method, address, sent
    match draw(st.sampled_from(["right", "right", "right", "json", "files", "raw"])):
        case "right" if route.path.startswith("/api/"):
            # Written here: the client cannot send half of a character, and a program can.
            sent["content"] = json.dumps(some(body_of(route, right), JSON))
            sent["headers"]["content-type"] = "application/json"
        case "right":
            sent["data"] = some(body_of(route, right), TEXTS)
        case "json":
            sent["content"] = json.dumps(draw(JSON))
            sent["headers"]["content-type"] = "application/json"
        case "files":
            sent["files"] = {
                name: ("a\0", str(value).encode()) for name, value in some(body_of(route, right), TEXTS).items()
            }
        case _:
            sent["content"] = draw(st.sampled_from(BODIES))
            sent["headers"]["content-type"] = draw(st.sampled_from(KINDS))
    return method, address, sent


@pytest.fixture
def right(parvis, seed_city) -> dict[str, Any]:
    """A value that each field takes, by its name; `person_id` may do everything."""
    city = seed_city(parvis)
    who, account = city.person(Role.ADMIN, "city"), city.accounts["city"]
    with parvis.database.write() as session:
        session.add_all(Membership(person_id=who, role=role) for role in Role if role is not Role.ADMIN)
    return {
        "comment_id": city.comments["city"],
        "item_id": city.items["city"],
        "decision_id": city.decisions["city"],
        "post_id": city.posts["city"],
        "number": city.requests["city"],
        "account_id": account,
        "person_id": who,
        "membership_id": 1,
        "connection_id": 1,
        "version": 1,
        "kind": "nothing",
        "form_key": "0123456789abcdef",
        "text": "Bonjour",
        "note": "Fait",
        "q": "eau",
        "status": "in_progress",
        "intention": "eloge",
        "approved": "true",
        "comment": "Non",
        "title": "Titre",
        "accounts": str(account),
        f"text-{account}": "Bonjour",
        "link": "https://ville.example/a",
        "publish_at": "2026-12-24T12:00",
        f"publish_at-{account}": "",
        "late_after_minutes": "30",
        "network": "facebook",
        "external_id": "777",
        "email": "n@ville.example",
        "name": "Nom",
        "role": "moderator",
        "scope": "city",
        "password": "un long mot de passe",
        "again": "un long mot de passe",
        "code": "123456",
        "language": "fr_CA",
    }


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, id="many", marks=pytest.mark.long)])
def test_no_route_fails_whatever_is_sent_to_it(parvis, right, visit, sign_in_as, examples):
    """The list is the router's own."""
    client, failed = visit(parvis), {}

    def check(route: Any) -> None:
        @settings(max_examples=examples, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(requests(route, right))
        def send(request: tuple[str, str, dict[str, Any]]) -> None:
            method, address, sent = request
            sign_in_as(parvis, client, right["person_id"])
            answer = client.request(method, address, **sent)
            if answer.status_code >= 500:
                failed.setdefault(f"{method} {route.path}", []).append(
                    f"{answer.status_code} {address[:200]} {sent!s:.300}"
                )
            elif answer.status_code >= 400 and answer.headers["content-type"] == "application/problem+json":
                assert answer.json()["detail"].endswith(".")

        send()

    for route in iter_route_contexts(client.app.routes):
        if hasattr(route, "dependant"):
            check(route)
    assert not failed, "\n".join(f"{route}: {len(seen)}, {seen[0]}" for route, seen in failed.items())
    if parvis.database.sqlite:
        with parvis.database.read() as session:
            for column in (column for table in metadata.sorted_tables for column in table.columns):
                if isinstance(column.type, String):
                    assert not session.scalar(select(func.count()).where(func.instr(column, "\0") > 0)), column


def test_what_was_seen_to_fail_is_answered(parvis, right, visit, sign_in_as):
    client = sign_in_as(parvis, visit(parvis), right["person_id"])
    post, when = f"/publications/{right['post_id']}/planification", {"version": 1, "publish_at": "9999-12-31T23:59"}
    invited = {name: right[name] for name in ("email", "role", "scope")}
    for method, address, form, status in [
        ("GET", "/commentaires/9223372036854775808", None, 404),
        ("GET", "/publications/9223372036854775808/modifier", None, 404),
        ("POST", "/comptes/9223372036854775808/lecture", {}, 404),
        ("GET", "/?apres=" + cursor([2, "2026-01-01T00:00:00+00:00", 2**70]), None, 422),
        ("GET", "/requetes?apres=" + cursor(["2026-01-01T00:00:00+00:00", 2**70]), None, 422),
        ("GET", "/requetes?apres=" + encoded(b"[" * 3000), None, 422),
        ("GET", "/api/v1/comments?state=handled&after=" + cursor([True]), None, 422),
        ("POST", post, when, 422),
        ("POST", "/connexion", {"email": "a\0@ville.example", "password": "x"}, 401),
        ("POST", "/personnes", {**invited, "name": "A\0B"}, 422),
    ]:
        answer = client.request(method, address, data=form)
        assert answer.status_code == status, (method, address, answer.status_code)
        assert re.search(r"\w{3}\.", answer.text), "with a sentence"
