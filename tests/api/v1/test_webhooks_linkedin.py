"""LinkedIn's door: the same promises as Meta's, with LinkedIn's own challenge and signature."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from models.accounts import Account

WEBHOOK = "/webhooks/linkedin"
SECRET = "the-client-secret-that-linkedin-signs-with"
COMMENT = "urn:li:comment:(urn:li:activity:7094637247890620418,7094977717598625792)"


@pytest.fixture
def town_settings(town_settings):
    return town_settings | {"linkedin_client_secret": SECRET}


def signature(signed: bytes) -> str:
    return hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()


def signed(raw: bytes) -> dict[str, str]:
    return {"X-LI-Signature": signature(b"hmacsha256=" + raw)}


def test_the_challenge_is_answered_with_its_signature(town):
    answer = town.client.get(WEBHOOK, params={"challengeCode": "890e4665-4dfe-4ab1-b689-ed553bceeed0"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {
        "challengeCode": "890e4665-4dfe-4ab1-b689-ed553bceeed0",
        "challengeResponse": signature(b"890e4665-4dfe-4ab1-b689-ed553bceeed0"),
    }
    for asked in ({}, {"challengeCode": "hmacsha256={}"}, {"challengeCode": "x" * 5000}):
        assert town.client.get(WEBHOOK, params=asked).status_code == 403


def test_a_body_that_linkedin_did_not_sign_is_not_kept(town):
    raw = b'{"type":"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS","notifications":[]}'
    for headers in ({}, {"X-LI-Signature": signature(raw)}, town.signed(raw)):
        assert town.client.post(WEBHOOK, content=raw, headers=headers).status_code == 403
    assert town.deliveries() == []


def test_a_comment_that_linkedin_tells_is_in_the_database(town):
    with town.parvis.database.write() as session:
        session.add(
            Account(
                network="linkedin",
                external_id="5515715",
                name="Ville",
                token_closed=town.parvis.vault.close("jeton"),
                token_since=town.now,
                created_at=town.now,
                pull_due_at=town.now + timedelta(days=1),
            )
        )
    told = {
        "notificationId": 1,
        "organizationalEntity": "urn:li:organization:5515715",
        "action": "COMMENT",
        "lastModifiedAt": int(town.now.timestamp() * 1000),
        "generatedActivity": COMMENT.replace("urn:li:activity", "activity"),
        "decoratedGeneratedActivity": {
            "comment": {"entity": COMMENT, "owner": "urn:li:person:a", "text": "Et ma rue?"}
        },
    }
    raw = json.dumps({"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": [told]}).encode()
    for _ in range(2):
        assert town.client.post(WEBHOOK, content=raw, headers=signed(raw)).status_code == 200
    town.parse()
    (comment,) = town.comments()
    assert (comment.external_id, comment.text) == (COMMENT, "Et ma rue?")
