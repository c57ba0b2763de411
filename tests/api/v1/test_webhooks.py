"""What a network posts: nothing that is not signed is kept, and nothing that is signed is lost, whatever it says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from models.accounts import Account, Delivery, SetAside
from models.comments import Comment, CommentVersion
from models.vocabulary import DeliveryState, Role

WEBHOOK = "/webhooks/meta"


# ------------------------------------------------------------------------------------------ is this address ours?
def test_the_challenge_goes_back_to_whoever_knows_the_token(town):
    asked = {"hub.mode": "subscribe", "hub.verify_token": "jeton-de-vérification", "hub.challenge": "<b>115</b>"}
    answer = town.client.get(WEBHOOK, params=asked)
    assert answer.status_code == 200
    assert answer.text == "<b>115</b>"
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_nobody_else_gets_the_challenge(town):
    right = {"hub.mode": "subscribe", "hub.verify_token": "jeton-de-vérification", "hub.challenge": "défi-à-rendre"}
    for change in (
        {"hub.verify_token": "jeton-de-verification"},
        {"hub.verify_token": ""},
        {"hub.verify_token": None},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": None},
    ):
        asked = {name: value for name, value in (right | change).items() if value is not None}
        answer = town.client.get(WEBHOOK, params=asked)
        assert answer.status_code == 403
        assert "défi-à-rendre" not in answer.text


class TestWithoutSecrets:
    @pytest.fixture
    def town_settings(self, town_settings):
        return town_settings | {"meta_app_secret": None, "meta_verify_token": None}

    def test_no_challenge_and_no_body_is_taken(self, town):
        asked = {"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "115"}
        assert town.client.get(WEBHOOK, params=asked).status_code == 403
        assert town.client.post(WEBHOOK, content=b"{}", headers=town.signed(b"{}")).status_code == 403
        assert town.deliveries() == []


# ------------------------------------------------------------------------------------------ the signature
def test_a_body_without_its_signature_is_not_kept(town):
    for headers in (
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"X-Hub-Signature": "sha1=" + "0" * 40},
        {"X-Hub-Signature-256": b"sha256=\xff\xfe"},
    ):
        answer = town.client.post(WEBHOOK, content=b'{"object":"page"}', headers=headers)
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
    assert town.deliveries() == []


def test_a_signature_is_of_exact_bytes(town):
    raw = '{"object": "page", "é": "\\u00e9"}'.encode()
    answer = town.client.post(WEBHOOK, content=raw + b" ", headers=town.signed(raw))
    assert answer.status_code == 403
    assert town.client.post(WEBHOOK, content=raw, headers=town.signed(raw)).status_code == 200
    assert [delivery.raw for delivery in town.deliveries()] == [raw]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200), bit=st.integers(0, 255), whole=st.booleans())
def test_one_bit_of_a_signature_or_of_a_body_is_enough_to_refuse(town, raw, bit, whole):
    signature = bytearray.fromhex(town.signed(raw)["X-Hub-Signature-256"][7:])
    if whole and raw:
        place = bit % (len(raw) * 8)
        raw = bytes(byte ^ (1 << place % 8) if at == place // 8 else byte for at, byte in enumerate(raw))
    else:
        signature[bit // 8] ^= 1 << bit % 8
    headers = {"X-Hub-Signature-256": "sha256=" + signature.hex()}
    assert town.client.post(WEBHOOK, content=raw, headers=headers).status_code == 403
    assert town.count(Delivery) == 0


# ------------------------------------------------------------------------------------------ size
def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(town):
    raw = b"x" * 10_000_000
    answer = town.client.post(WEBHOOK, content=raw, headers=town.signed(raw))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    read = 0

    def chunks() -> Iterator[bytes]:
        nonlocal read
        for _ in range(160):
            read += 65_536
            yield b"x" * 65_536

    answer = town.client.post(WEBHOOK, content=chunks(), headers=town.signed(raw))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert town.deliveries() == []


# ------------------------------------------------------------------------------------------ what bodies say
def test_what_is_signed_and_no_json_is_kept_and_marked(town):
    bodies = [b"", b"{", b"\x00\xff", b"[" * 20_000, b"nul", '{"object":"pa'.encode("utf-16")]
    for raw in bodies:
        assert town.client.post(WEBHOOK, content=raw, headers=town.signed(raw)).status_code == 200
    assert {delivery.state for delivery in town.deliveries()} == {DeliveryState.RECEIVED}
    town.parse()
    assert {delivery.state for delivery in town.deliveries()} == {DeliveryState.UNREADABLE}
    assert [delivery.raw for delivery in town.deliveries()] == bodies


def test_what_speaks_of_something_else_is_kept_and_set_aside(town):
    bodies = [b"null", b"[]", b'{"object":"user","entry":[]}', b'{"object":"page","entry":{}}']
    for raw in bodies:
        assert town.client.post(WEBHOOK, content=raw, headers=town.signed(raw)).status_code == 200
    town.parse()
    assert {delivery.state for delivery in town.deliveries()} == {DeliveryState.PARSED}
    assert town.count(SetAside) == len(bodies)


def test_what_could_not_be_kept_is_not_said_to_be(town):
    """Meta sends again what is answered by 500; what is answered by 200 it forgets."""
    with town.parvis.database.write() as session:
        session.execute(text("ALTER TABLE delivery RENAME TO elsewhere"))
    answer = town.client.post(WEBHOOK, content=b"{}", headers=town.signed(b"{}"))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")


def test_a_change_that_cannot_be_understood_loses_no_other(town):
    town.account()
    town.deliver({"field": "feed"}, {"field": "feed", "value": "?"}, town.change("1"), town.change("2", "shout"))
    town.parse()
    assert [comment.external_id for comment in town.comments()] == ["1"]
    assert town.count(SetAside) == 3


def test_an_author_or_a_text_that_is_not_said_is_no_reason_to_lose_a_comment(town):
    town.account()
    town.deliver(town.change("1", **{"from": None}), town.change("2", message=None), town.change("3", message=""))
    town.parse()
    comments = town.comments()
    assert [comment.text for comment in comments] == [None, None, ""]
    assert comments[0].author_id is None


TEXTS = [
    "Nid-de-poule\0 rue Saint-Jean",
    "👩‍👩‍👧‍👦 merci 🇨🇦 ❤️‍🔥",
    "שלום \u202eabc\u202c مرحبا",
    "Z̴̢̛a̸l̷g̶o\r\n\ttexte",
    "e\u0301 n'est pas \u00e9",
    "½ \ud83d alone",
]


def test_letters_of_every_kind_are_stored_and_shown_as_they_came(town):
    town.account()
    town.deliver(*(town.change(str(number), message=said) for number, said in enumerate(TEXTS)))
    town.parse()
    kept = [said.replace("\0", "\ufffd").replace("\ud83d", "\ufffd") for said in TEXTS]
    assert [comment.text for comment in town.comments()] == kept
    town.classify()
    listed = town.client.get("/api/v1/comments", headers=town.key("comments:read")).json()["items"]
    assert {comment["text"] for comment in listed} == set(kept)


# ------------------------------------------------------------------------------------------ order and repetition
def test_a_removal_that_comes_before_its_comment(town):
    town.account()
    said = town.now
    town.wait(seconds=5)
    town.deliver(town.change("1", "remove", created_time=int(town.now.timestamp())))
    town.deliver(town.change("1", message="Adieu", created_time=int(said.timestamp())))
    town.parse()
    (comment,) = town.comments()
    assert (comment.removed, comment.text) == (True, "Adieu")


def test_an_older_edit_after_a_newer_one(town):
    town.account()
    town.deliver(town.change("1", message="un"))
    created = int(town.now.timestamp())
    older = town.change("1", "edited", message="deux", created_time=created + 10)
    newer = town.change("1", "edited", message="trois", created_time=created + 20)
    town.wait(seconds=30)
    town.deliver(newer)
    town.deliver(older)
    town.parse()
    (comment,) = town.comments()
    assert comment.text == "trois"
    assert town.count(CommentVersion) == 3


def test_the_same_delivery_many_times_is_one_comment(town):
    town.account()
    change = town.change("1", message="Allô")
    for _ in range(3):
        town.deliver(change)
        town.parse()
    town.deliver(change, change)
    town.deliver(change)
    town.parse()
    assert (town.count(Comment), town.count(CommentVersion)) == (1, 1)


def test_what_comes_for_an_account_that_nobody_added_waits_for_it(town):
    town.deliver(town.change("1", message="Premier!"))
    town.parse()
    assert (town.count(Comment), town.count(SetAside)) == (0, 1)
    town.account()
    town.parse()
    assert [comment.text for comment in town.comments()] == ["Premier!"]


def test_a_dead_token_loses_nothing_and_the_account_says_so(town):
    account_id = town.account()
    town.deliver(town.change("1", message="Avant"))
    town.parse()
    with town.parvis.database.write() as session:
        account = session.get_one(Account, account_id)
        account.token_lost = "190"
    town.deliver(town.change("2", message="Après"))
    town.parse()
    town.classify()
    key = town.key("comments:read", "accounts:read")
    listed = town.client.get("/api/v1/comments", headers=key).json()["items"]
    assert [comment["text"] for comment in listed] == ["Avant", "Après"]
    (said,) = town.client.get("/api/v1/accounts", headers=key).json()["items"]
    assert (said["state"], said["state_reason"]) == ("token_invalid", "190")


def test_a_browser_session_beside_a_webhook_changes_nothing(town):
    """Somebody's browser cannot be made to post here for them, and the signature is asked for all the same."""
    cookie = town.person("Ana", (Role.MODERATOR, None))
    raw = json.dumps({"object": "page"}).encode()
    elsewhere = cookie | {"Origin": "https://evil.example"} | town.signed(raw)
    assert town.client.post(WEBHOOK, content=raw, headers=elsewhere).status_code == 403
    assert town.client.post(WEBHOOK, content=raw, headers=cookie).status_code == 403
    assert town.deliveries() == []
